/* SPDX-License-Identifier: Apache-2.0 */
/* dynamodb-backupctl: reads its command line, does what its row in the table says. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "say.h"

int main(int argc, char **argv) {
    _cleanup_error_ struct error error = {0};
    _cleanup_buffer_ struct buffer help = BUFFER_INIT(BUFFER_OURS);
    struct options options = {0};
    signal(SIGPIPE, SIG_IGN);
    if (!options_parse(argc, argv, &options, &error)) {
        say_error(&error);
        return STATUS_USAGE;
    }
    if (options.version) {
        puts("dynamodb-backupctl " VERSION);
        return STATUS_DONE;
    }
    if (options.help) {
        help_text(options.command, &help);
        say_text(&help);
        return STATUS_DONE;
    }
    enum status status = options.command->run(&options);
    if (fflush(stdout) != 0 && status == STATUS_DONE)
        status = STATUS_FAILED;
    return status;
}
