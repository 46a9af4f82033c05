/* SPDX-License-Identifier: Apache-2.0 */
/* Values that are lists: mail addresses, columns, tags. Pure. */
#ifndef CONFIG_LISTS_H
#define CONFIG_LISTS_H

#include "base/buffer.h"
#include "base/error.h"
#include "config/config.h"

config_list config_list_new(void); /* empty */
void config_list_free(config_list list);
size_t config_list_length(config_list list);

/* `text`: one or more addresses, separated by commas. False with ERROR_INVALID naming the one that is none. */
bool config_list_add_addresses(config_list *list, const char *text, struct error *error);

/*
 * `text`: names of attributes, separated by commas or blanks; one that holds a blank, a comma or a quote stands in double quotes, a
 * quote inside twice. At most CONFIG_COLUMNS_MOST, none empty, twice there, or `_more`.
 */
bool config_columns_add(config_list *list, const char *text, struct error *error);

/* Back to such a text, appended. */
void config_columns_format(config_list list, struct buffer *out);

/*
 * `text`: one or more KEY=VALUE, separated by commas (which no tag of S3 may hold). *tags becomes what the x-amz-tagging
 * header wants: percent-encoded, joined by '&'. At most ten, no key twice (PutObjectTagging).
 */
bool config_tags_add(char **tags, const char *text, struct error *error);

#endif
