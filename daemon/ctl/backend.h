/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who does the work: the daemon behind its socket, or with --local one of this process's own. Commands call methods of
 * io.dynamodb_backup and do not know which.
 */
#ifndef CTL_BACKEND_H
#define CTL_BACKEND_H

#include "command.h"
#include "control/interface.h"
#include "control/message.h"

struct backend;

/* NULL: said on stderr, and *status is what the tool ends with. The caller closes. */
struct backend *backend_open(const struct options *options, enum status *status);
void backend_close(struct backend *backend);

/* Takes `parameters` (NULL: none). */
bool backend_call(struct backend *backend, const char *method, struct json_object *parameters, bool more,
                  struct error *error);
bool backend_receive(struct backend *backend, struct control_answer *answer, struct error *error);

/* One call, one reply. An error, ours or the daemon's, has been said; *status tells which. The caller uses control_answer_fini(). */
bool backend_ask(struct backend *backend, const char *method, struct json_object *parameters,
                 struct control_answer *answer, enum status *status);

/* The socket that the options mean: --socket, else control.sock in RuntimeDirectory= of --config. The caller frees. */
char *backend_socket(const struct options *options);

#endif
