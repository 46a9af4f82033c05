/* SPDX-License-Identifier: Apache-2.0 */
/* dynamodb-backupd: its options, and nothing else. The life of the daemon is in daemon.c. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon.h"

#define CONFIG_FILE "/etc/dynamodb-backupd/dynamodb-backupd.conf"

static const char usage[] = "usage: dynamodb-backupd [--config FILE]\n"
                            "\n"
                            "Backs DynamoDB tables up to S3 on a timer. Runs in the foreground, as a systemd service.\n"
                            "\n"
                            "  --config FILE  the configuration; its jobs are in jobs.d beside it\n"
                            "                 (" CONFIG_FILE ")\n"
                            "  --version      print the version and exit\n"
                            "  --help         print this and exit\n"
                            "\n"
                            "SIGHUP reloads the configuration, SIGTERM stops cleanly. See dynamodb-backupd(8) and\n"
                            "dynamodb-backupd.conf(5); dynamodb-backupctl(1) is the tool to talk to it.\n";

int main(int argc, char **argv) {
    static const struct option known[] = {
        {"config", required_argument, NULL, 'c'},
        {"version", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct daemon_options options = {.config_file = CONFIG_FILE};
    int option;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (option) {
        case 'c':
            options.config_file = optarg;
            break;
        case 'v':
            puts("dynamodb-backupd " VERSION);
            return EXIT_SUCCESS;
        case 'h':
            fputs(usage, stdout);
            return EXIT_SUCCESS;
        default:
            fputs(usage, stderr);
            return 2;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "dynamodb-backupd: unexpected argument \"%s\"\n%s", argv[optind], usage);
        return 2;
    }
    return daemon_run(&options);
}
