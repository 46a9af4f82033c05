/* SPDX-License-Identifier: Apache-2.0 */
/* A control server with methods of the tests' own, and clients that take small steps between which the loop turns. */
#ifndef CONTROL_TEST_WORLD_H
#define CONTROL_TEST_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "control/server.h"

#define PATIENCE_MS 30000 /* of a busy machine, under valgrind too */

struct world {
    uv_loop_t loop;
    struct control_server *server;
    char folder[32];
    char *path;
    struct control_request *held; /* by test.Hold and test.Stream */
    int gone;
    unsigned stall_ms;
};

/* Serves at world->path: test.Echo, test.Hold, test.Fail, test.Text, test.Large. */
struct control_server *serve(struct world *world, struct error *error);

int set_up(void **state);
int tear_down(void **state);

int dial(struct world *world);
void turn(struct world *world);
void say(struct world *world, int socket, const char *bytes, size_t length);

/* One reply, parsed; NULL: the connection has ended. Looks ahead, and takes no byte of the reply behind it. */
struct json_object *hear(struct world *world, int socket);
void expect(struct world *world, int socket, const char *wanted);
void expect_end(struct world *world, int socket);

#define SAY(world, socket, words) say(world, socket, words, sizeof(words))

#endif
