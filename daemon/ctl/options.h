/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of dynamodb-backupctl, read into one struct. Pure. */
#ifndef CTL_OPTIONS_H
#define CTL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct command;

/* Options that only some commands take: bits of command.takes. */
enum {
    TAKES_WAIT = 1,
    TAKES_TIMES = 2,  /* --timezone --from */
    TAKES_COUNT = 8,  /* --count */
    TAKES_SOURCE = 4, /* --region --profile --role-arn: how to read an s3:// address */
    TAKES_DRY_RUN = 16,
    TAKES_RESTORE = 64, /* how and where to restore */
};

/* Strings are those of argv. NULL, 0, false: not given. */
struct options {
    const struct command *command; /* NULL: --help or --version alone */
    const char *argument;          /* JOB, BACKUP, EXPR; NULL: none */
    const char *config, *socket, *state;
    const char *timezone, *from, *region, *profile, *role_arn;
    const char *table, *to_region, *to_role_arn, *write_capacity;
    unsigned count;
    bool json, local, wait, dry_run, help, version;
    bool create, overwrite, assume_plain;
};

#define DEFAULT_CONFIG "/etc/dynamodb-backupd/dynamodb-backupd.conf"

/* ERROR_INVALID: what was found, what is accepted, the nearest word. */
bool options_parse(int argc, char *const *argv, struct options *options, struct error *error);

#endif
