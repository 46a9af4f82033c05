/* SPDX-License-Identifier: Apache-2.0 */
/* Values that gather over several lines: mail addresses and tags. Pure. */
#ifndef CONFIG_LISTS_H
#define CONFIG_LISTS_H

#include "base/error.h"
#include "config/config.h"

config_list config_list_new(void); /* empty */
void config_list_free(config_list list);
size_t config_list_length(config_list list);

/* `text`: one or more addresses, separated by commas. False with ERROR_INVALID naming the one that is none. */
bool config_list_add_addresses(config_list *list, const char *text, struct error *error);

/*
 * `text`: one or more KEY=VALUE, separated by commas (which no tag of S3 may hold). *tags becomes what the x-amz-tagging
 * header wants: percent-encoded, joined by '&'. At most ten, no key twice (PutObjectTagging).
 */
bool config_tags_add(char **tags, const char *text, struct error *error);

#endif
