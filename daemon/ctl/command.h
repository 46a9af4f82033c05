/* SPDX-License-Identifier: Apache-2.0 */
/* A command of the tool is a row in one table: its words, its help, and the function that does it. */
#ifndef CTL_COMMAND_H
#define CTL_COMMAND_H

#include "base/buffer.h"
#include "options.h"

/* product.md: Exit status. */
enum status { STATUS_DONE = 0, STATUS_FAILED = 1, STATUS_USAGE = 2, STATUS_NO_DAEMON = 3 };

enum argument { NO_ARGUMENT, MAY_ARGUMENT, NEEDS_ARGUMENT };

struct command {
    const char *name, *argument_name, *summary;
    const char *help;       /* what --help says below the summary; NULL: nothing more */
    enum argument argument; /* one at most */
    unsigned takes;
    bool keeps_state; /* with --local: it needs what earlier runs have left, and leaves something */
    enum status (*run)(const struct options *options); /* NULL: not built yet */
};

extern const struct command commands[];
extern const size_t command_count;

/* NULL where there is none of that name. */
const struct command *command_find(const char *name);

/* --help: of all commands, or of one. Appended. */
void help_text(const struct command *command, struct buffer *out);

/* One function a command. */
enum status command_check(const struct options *options);
enum status command_next(const struct options *options);
enum status command_status(const struct options *options);
enum status command_run(const struct options *options);
enum status command_drill(const struct options *options);
enum status command_cancel(const struct options *options);
enum status command_list(const struct options *options);
enum status command_show(const struct options *options);
enum status command_link(const struct options *options);
enum status command_restore(const struct options *options);
enum status command_verify(const struct options *options);
enum status command_history(const struct options *options);
enum status command_prune(const struct options *options);

/* `next` of a daemon's jobs, where `next` got no expression. */
enum status command_next_jobs(const struct options *options);

#endif
