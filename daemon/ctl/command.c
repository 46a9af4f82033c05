/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands, and the help that is made of it. */
#include "command.h"

#include <string.h>

#include "base/memory.h"

#define BACKUP_HELP                                                                                                    \
    "BACKUP is an ID as `list` prints it, JOB@latest, or s3://BUCKET/PREFIX/AWSDynamoDB/ID/.\n"                        \
    "--region R, --profile P, --role-arn ARN say how to read an s3:// address; an ID and JOB@latest do not take "      \
    "them.\n"

const struct command commands[] = {
    {"check", NULL, "read the configuration without a daemon; print each job's next five times", NULL, NO_ARGUMENT, 0,
     false, command_check},
    {"next", "EXPR", "the next times of a schedule, or of all jobs",
     "EXPR is a cron expression in one word: '0 2 * * mon-fri', '@daily'.\n"
     "--timezone TZ   the clock that it means (UTC)\n"
     "--count N       how many times (5)\n"
     "--from TIME     from then on (now): 2026-11-20T02:00:00Z, or 2026-11-20 [02:00[:00]] in TZ\n",
     MAY_ARGUMENT, TAKES_TIMES | TAKES_COUNT, false, command_next},
    {"status", "JOB", "jobs, next run, last result, what runs now and how far", NULL, MAY_ARGUMENT, 0, false,
     command_status},
    {"run", "JOB", "start a backup now",
     "--wait   stay until it is over: progress on the terminal, the result, exit status 0 or 1\n"
     "         (the run goes on without you; with --local it is always waited for)\n",
     NEEDS_ARGUMENT, TAKES_WAIT, true, command_run},
    {"drill", "JOB", "restore the newest backup into a scratch table, compare, delete the table",
     "--wait   stay until it is over: progress on the terminal, the result, exit status 0 or 1\n"
     "         (the drill goes on without you; with --local it is always waited for)\n",
     NEEDS_ARGUMENT, TAKES_WAIT, true, command_drill},
    {"cancel", "JOB", "stop a backup now, or a drill; all that it made is taken back", NULL, NEEDS_ARGUMENT, 0, false,
     command_cancel},
    {"list", "JOB", "the backups that exist in S3, from their manifests", NULL, MAY_ARGUMENT, 0, false, command_list},
    {"show", "BACKUP", "one backup: when, how much, which objects", BACKUP_HELP, NEEDS_ARGUMENT, TAKES_SOURCE, false,
     command_show},
    {"link", "BACKUP", "fresh download links, with their true end of life", BACKUP_HELP, NEEDS_ARGUMENT, TAKES_SOURCE,
     false, command_link},
    {"verify", "BACKUP", "read everything back: checksums, counts, every item parses",
     BACKUP_HELP "What is damaged is told with its object, part and lines; exit status 1.\n", NEEDS_ARGUMENT,
     TAKES_SOURCE, false, command_verify},
    {"restore", "BACKUP", "write the items back into a table",
     BACKUP_HELP "--table NAME            the table to write to; one that holds something is refused\n"
                 "--create                make it from its saved definition where it does not exist\n"
                 "--overwrite             write to a table that holds something, or has another key\n"
                 "--to-region R           the table's region (the backup's)\n"
                 "--to-role-arn ARN       the role that writes the table, for another account (the job's)\n"
                 "--write-capacity N|N%   at most N write units a second, or a share of what the table has\n"
                 "--assume-plain          BACKUP is s3://BUCKET/KEY of one plain JSON array without a backup.json\n"
                 "--dry-run               look at everything, say what would be done, change nothing\n"
                 "An interrupted restore that is asked for again within a day goes on where it was.\n",
     NEEDS_ARGUMENT, TAKES_SOURCE | TAKES_RESTORE | TAKES_DRY_RUN, true, command_restore},
    {"prune", "JOB", "apply retention now",
     "Removes what the [Retention] keys of the job, or of every job, do not keep, and what died unfinished.\n"
     "--dry-run   remove nothing: show what would go, what stays, and why\n",
     MAY_ARGUMENT, TAKES_DRY_RUN, true, command_prune},
    {"history", "JOB", "past runs: when, how long, items, bytes, result, error",
     "--count N   how many, from the newest (50)\n", MAY_ARGUMENT, TAKES_COUNT, true, command_history},
    {"report", NULL, "a page about runs, sizes and failures", NULL, NO_ARGUMENT, 0, false, NULL},
    {"doctor", "JOB", "ask AWS whether each job would work", NULL, MAY_ARGUMENT, 0, false, NULL},
    {"iam", "policy|role", "the least-privilege policy and role", NULL, NEEDS_ARGUMENT, 0, false, NULL},
};
const size_t command_count = array_length(commands);

const struct command *command_find(const char *name) {
    for (size_t i = 0; i < command_count; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

/* "run JOB", "list [JOB]". */
static char *synopsis(const struct command *command) {
    if (!command->argument_name)
        return x_strdup(command->name);
    bool needed = command->argument == NEEDS_ARGUMENT;
    return x_printf("%s %s%s%s", command->name, needed ? "" : "[", command->argument_name, needed ? "" : "]");
}

static void add_global_options(struct buffer *out) {
    buffer_add(out, "Options of every command:\n"
                    "  --config FILE   the configuration (" DEFAULT_CONFIG ")\n"
                    "  --socket PATH   the daemon's socket (control.sock in its RuntimeDirectory=)\n"
                    "  --local         do the work in this process, without a daemon\n"
                    "  --state DIR     with --local: a state of its own (~/.local/state/dynamodb-backupd)\n"
                    "  --json, --help, --version\n"
                    "\n"
                    "Exit status: 0 done, 1 failed, 2 usage, 3 no daemon reachable.\n");
}

void help_text(const struct command *command, struct buffer *out) {
    if (command) {
        _cleanup_free_ char *words = synopsis(command);
        buffer_printf(out, "dynamodb-backupctl %s [OPTION...]: %s%s\n", words, command->summary,
                      command->run ? "" : " (not supported yet)");
        if (command->help)
            buffer_printf(out, "\n%s", command->help);
        buffer_add(out, "\n");
        add_global_options(out);
        return;
    }
    buffer_add(out, "dynamodb-backupctl COMMAND [ARGUMENT] [OPTION...]: backups of DynamoDB tables\n\n");
    for (size_t i = 0; i < command_count; i++) {
        _cleanup_free_ char *words = synopsis(&commands[i]);
        if (commands[i].run)
            buffer_printf(out, "  %-14s %s\n", words, commands[i].summary);
    }
    buffer_add(out, "\n");
    add_global_options(out);
}
