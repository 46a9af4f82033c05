/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket: Varlink (https://varlink.org) on a unix socket. A call is one JSON object and a NUL byte; so is a reply;
 * `more` asks for several replies, of which all but the last have `continues`. Calls of one client are served one after the
 * other. org.varlink.service is answered here; all other methods are rows that the daemon gives.
 *
 * The process must ignore SIGPIPE. Anyone may connect; who is neither root, nor the daemon's own user, nor in the group CONTROL_GROUP hears
 * io.dynamodb_backup.PermissionDenied and nothing else.
 */
#ifndef CONTROL_SERVER_H
#define CONTROL_SERVER_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "base/error.h"
#include "control/interface.h"

#define CONTROL_GROUP "dynamodb-backup"

/* Ceilings. */
#define CONTROL_CLIENTS   64 /* at once; one more takes the place of the one longest idle, or is closed unheard */
#define CONTROL_STRANGERS 16 /* of them, those without permission */
#define CONTROL_UNREAD                                                                                                 \
    ((size_t)1 << 20) /* bytes of earlier replies that a client may leave unread; then it is dropped */
#define CONTROL_STALL_MS                                                                                               \
    30000 /* a client that reads nothing of a reply, or leaves a call half said, for so long is dropped */

struct control_server;

/*
 * One call of one client. It is whoever's `call` got it until its one end: control_reply() or an error. Until then it stays
 * valid, though its client be gone or the server freed: replies then go nowhere.
 */
struct control_request;

/* A method: "io.dynamodb_backup.Run". `call` may reply at once or later. */
struct control_method {
    const char *name;
    void (*call)(void *arg, struct control_request *request);
};

/* All borrowed; `methods`, `interfaces` and `arg` must outlive the server. */
struct control_options {
    uv_loop_t *loop;
    const char *path; /* of the socket; at most 107 bytes */
    const struct control_interface *const
        *interfaces; /* NULL-terminated: what GetInfo and GetInterfaceDescription say */
    const struct control_method *methods;
    size_t method_count;
    void *arg;           /* of each call */
    const char *version; /* of the daemon */
    unsigned stall_ms;   /* 0: CONTROL_STALL_MS */
};

/*
 * Listens. Blocking for a moment (bind, the group's lookup): start-up. A socket file that nobody listens on is replaced;
 * ERROR_EXISTS where somebody does or where PATH is another kind of file.
 */
struct control_server *control_server_new(const struct control_options *options, struct error *error);

/* Removes the socket file and drops all clients: `gone` is called, from inside, for calls under way. What was replied last has
 * been handed to the kernel, as far as the client's buffer took it. The memory goes with the loop's next turns. NULL is fine. */
void control_server_free(struct control_server *server);

/* The call. Parameters are borrowed and never NULL: an empty object where there are none. */
const char *control_request_method(const struct control_request *request);
struct json_object *control_request_parameters(const struct control_request *request);
bool control_request_more(const struct control_request *request);

/* Who asks, for messages: "root", "user 1000". Borrowed. */
const char *control_request_by(const struct control_request *request);

/*
 * `gone` is called once, from the loop, when the client is no longer there or says no more (not from inside a reply). The request still has to be
 * ended. Not called after the request's end.
 */
void control_request_watch(struct control_request *request, void (*gone)(void *arg), void *arg);
bool control_request_is_gone(const struct control_request *request);

/* One of several replies; only where control_request_more(). Takes `parameters` (NULL: none). */
void control_continue(struct control_request *request, struct json_object *parameters);

/* The last, or only, reply: the request is gone. Takes `parameters` (NULL: none). */
void control_reply(struct control_request *request, struct json_object *parameters);

/* An error instead: "io.dynamodb_backup.NoSuchJob"; the request is gone. Takes `parameters` (NULL: none). */
void control_reply_error(struct control_request *request, const char *name, struct json_object *parameters);

/* io.dynamodb_backup.Failed with the error's message, AWS code and request id; the request is gone. Borrows `error`. */
void control_reply_failed(struct control_request *request, const struct error *error);

/* org.varlink.service.InvalidParameter; the request is gone. */
void control_reply_invalid(struct control_request *request, const char *parameter);

/*
 * A parameter that must be text. False where it is not: InvalidParameter has been replied, the request is gone. Where it may be
 * absent, *text is then NULL. Borrowed from the request.
 */
bool control_need_text(struct control_request *request, const char *name, const char **text)
    __attribute__((warn_unused_result));
bool control_may_text(struct control_request *request, const char *name, const char **text)
    __attribute__((warn_unused_result));

#endif
