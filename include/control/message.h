/* SPDX-License-Identifier: Apache-2.0 */
/* The two shapes of a Varlink message, a call and a reply, from JSON and back. Pure. */
#ifndef CONTROL_MESSAGE_H
#define CONTROL_MESSAGE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct control_call {
    char *method;
    struct json_object *parameters; /* an object, never NULL */
    bool more, oneway;
};

/* ERROR_CORRUPT: no JSON, no method, parameters that are no object. The caller uses call_fini() in any case. */
bool control_call_parse(const char *text, size_t length, struct control_call *call, struct error *error);
void control_call_fini(struct control_call *call);

/* Takes `parameters` (NULL: none); the caller puts the message. */
struct json_object *control_call_message(const char *method, struct json_object *parameters, bool more);

struct control_answer {
    char *error;                    /* "io.dynamodb_backup.NoSuchJob"; NULL where all is well */
    struct json_object *parameters; /* an object, never NULL */
    bool continues;
};

/* ERROR_CORRUPT as above. The caller uses answer_fini() in any case. */
bool control_answer_parse(const char *text, size_t length, struct control_answer *answer, struct error *error);
void control_answer_fini(struct control_answer *answer);

/* Takes `parameters` (NULL: none); `error` NULL: a reply. The caller puts the message. */
struct json_object *control_answer_message(const char *error, struct json_object *parameters, bool continues);

/* What goes on the wire: *length counts the NUL at its end. Borrowed from the message. */
const char *control_message_bytes(struct json_object *message, size_t *length);

#endif
