/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's life, for main.c and for the tool's --local: everything with a life of its own hangs on one struct daemon. --local is
 * the same daemon on a thread of the tool, without alarms, with a socket of its own: so each command does the same work both ways.
 */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include "base/error.h"

struct daemon;

/* Borrowed for the whole run. */
struct daemon_options {
    const char *config_file;                         /* NULL: none, and no jobs */
    const char *socket;                              /* NULL: control.sock in RuntimeDirectory= */
    bool local;                                      /* no alarms: only what the socket asks for */
    const char *local_state;                         /* where --local keeps its state; NULL: this command needs none */
    void (*ready)(void *arg, struct daemon *daemon); /* the socket serves; NULL: nobody wants to know */
    void (*over)(void *arg); /* from here on `daemon` is not to be touched; where ready() came */
    void *arg;
};

/* Runs until SIGTERM, SIGINT or daemon_ask_to_stop(). The process's exit status: 0 after a clean stop, 1 where it could not start
 * (said on stderr). */
int daemon_run(const struct daemon_options *options);

/* From any thread, between ready() and over(). */
void daemon_ask_to_stop(struct daemon *daemon);

/* daemon/local.c: a daemon on a thread of this process. NULL with an error where it did not come up. `config_file` as above. */
struct local_daemon;
struct local_daemon *local_daemon_start(const char *config_file, const char *state /* NULL: none */,
                                        struct error *error);
const char *local_daemon_socket(const struct local_daemon *local); /* borrowed */
void local_daemon_stop(struct local_daemon *local);                /* runs under way are cancelled and taken back */

#endif
