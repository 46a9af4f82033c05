/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server from the inside.
 *
 *     listen.c   the socket file: made, checked, removed        peer.c     who asks, and may they
 *     server.c   clients: bytes in, one call at a time, bytes out
 *     request.c  a call's replies                               service.c  whom a call goes to; org.varlink.service itself
 */
#ifndef CONTROL_PRIVATE_H
#define CONTROL_PRIVATE_H

#include <sys/queue.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "control/frame.h"
#include "control/message.h"
#include "control/server.h"

#define NO_GROUP ((gid_t)-1)

/* The socket file that we made. */
struct listening {
    int socket;
    char *path;
    dev_t device; /* with the inode: what is removed at the end is ours */
    ino_t inode;
};

bool listening_open(struct listening *listening, const char *path, struct error *error);
void listening_remove(struct listening *listening); /* the file; the socket is whoever's took it */

/* The group that may ask; NO_GROUP where the system has none of that name. Blocking. */
gid_t peer_group(const char *name);

/* Who is at the other end, and may they ask? `by` gets the words for messages. */
#define PEER_TEXT 24
bool peer_is_allowed(int socket, gid_t group, char by[PEER_TEXT]);

struct client {
    LIST_ENTRY(client) next;
    struct control_server *server;
    uv_pipe_t pipe;
    uv_timer_t timer; /* stalls; what must not happen from inside a reply */
    int open_handles;
    struct frames frames;
    struct control_request *request; /* the call under way */
    size_t writes;                   /* replies on their way */
    size_t unread;                   /* the timer's last look at what the client left unread */
    uint64_t last_call;              /* the loop's time, ms: the one longest idle makes room */
    bool allowed;
    bool reading, ended; /* bytes may come; the client says that none do */
    bool closing;        /* its handles are being closed */
    bool doomed;         /* the timer will drop it */
    bool pumping;
    char by[PEER_TEXT];
};

LIST_HEAD(clients, client);

struct control_server {
    struct control_options options;
    struct listening listening;
    uv_pipe_t pipe;
    unsigned references; /* its own handle, and its clients */
    gid_t group;
    struct clients clients;
    unsigned client_count, stranger_count;
    char *version;
    char chunk[64 << 10]; /* what one read brings */
};

struct control_request {
    struct client *client; /* NULL: gone */
    struct control_call call;
    char by[PEER_TEXT];
    void (*gone)(void *arg);
    void *gone_arg;
};

/* Queues a reply; takes it. A client that leaves too much unread is dropped, at the next turn. */
void client_send(struct client *client, struct json_object *message);

/* The call under way has ended: on to the next. */
void client_ended_call(struct client *client);

/* To the method's row, or to org.varlink.service, or to an error. The request has its owner. */
void service_dispatch(struct control_server *server, struct control_request *request);

/* Takes the call. */
struct control_request *request_new(struct client *client, struct control_call *call);

/* Its client has gone. */
void request_orphan(struct control_request *request);

#endif
