/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Are these names that AWS would take? Checked when the configuration is read, so that a slip of the pen is found by
 * `check` and not by the first run at night. Pure; each says yes or no, what is accepted stands in the table of keys.
 */
#ifndef CONFIG_NAMES_H
#define CONFIG_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

bool name_is_job(const char *text, size_t length); /* [A-Za-z0-9_][A-Za-z0-9_.-]{0,199} */

/* A name (3 to 255 of A-Z a-z 0-9 _ . -), or arn:PARTITION:dynamodb:REGION:ACCOUNT:table/NAME. */
bool name_is_table(const char *text);

/* What a table's name may begin with: 1 to 255 of its characters. */
bool name_is_table_prefix(const char *text);
bool name_is_region(const char *text);        /* eu-west-1, us-gov-east-1 */
bool name_is_role_arn(const char *text);      /* arn:aws:iam::123456789012:role/PATH/NAME */
bool name_is_session(const char *text);       /* 2 to 64 of [\w+=,.@-] (STS) */
bool name_is_external_id(const char *text);   /* 2 to 1224 of [\w+=,.@:/-] (STS) */
bool name_is_profile(const char *text);       /* anything of 1 to 128 bytes without ']' */
bool name_is_bucket(const char *text);        /* S3's rules for general purpose buckets, as its user guide has them */
bool name_is_prefix(const char *text);        /* 0 to 800 bytes, no '/' at the start; S3's keys end at 1,024 */
bool name_is_kms_key(const char *text);       /* an id, alias/NAME, or an ARN of one of the two */
bool name_is_account(const char *text);       /* twelve digits */
bool name_is_storage_class(const char *text); /* one of S3's; other stores may have their own: see config/check.c */
bool name_is_mail_address(const char *text);  /* a@b.c, or "Name <a@b.c>" */
bool name_is_configuration_set(const char *text);
bool name_is_log_group(const char *text);  /* 1 to 512 of A-Z a-z 0-9 . - _ / # */
bool name_is_log_stream(const char *text); /* 1 to 512 bytes without ':' and '*' */
bool name_is_retention_days(const char *text);
bool name_is_url(const char *text);       /* http(s)://HOST[:PORT][/PATH], no user, query, fragment */
bool name_is_proxy(const char *text);     /* http(s):// or socks5(h)://[USER[:PASSWORD]@]HOST[:PORT] */
bool name_is_directory(const char *text); /* an absolute path without ".." */

/* The region of a table's ARN, borrowed, with its length; NULL where `table` is a plain name. */
const char *name_table_arn_region(const char *table, size_t *length);

#endif
