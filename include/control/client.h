/* SPDX-License-Identifier: Apache-2.0 */
/* The tool's end of the control socket. Blocking: the tool is a process of its own and has nothing else to do. */
#ifndef CONTROL_CLIENT_H
#define CONTROL_CLIENT_H

#include "control/interface.h"
#include "control/message.h"

struct control_client;

/* ERROR_NOT_FOUND where no daemon listens at `path`; ERROR_SYSTEM where the way to it is barred. The caller frees. */
struct control_client *control_connect(const char *path, struct error *error);
void control_client_free(struct control_client *client);

/* Sends a call. Takes `parameters` (NULL: none). */
bool control_call(struct control_client *client, const char *method, struct json_object *parameters, bool more,
                  struct error *error);

/* Waits for the next reply; an error that the daemon replies is an answer too. False where none came: ERROR_NOT_FOUND where the
 * daemon has gone away. The caller uses control_answer_fini(). */
bool control_receive(struct control_client *client, struct control_answer *answer, struct error *error);

#endif
