/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"

/* Methods of the test's own. */

static const struct control_interface test_interface = {"test", "interface test\n"};
static const struct control_interface *const interfaces[] = {&control_varlink_service, &test_interface, NULL};

static void echo(void *arg, struct control_request *request) {
    (void)arg;
    struct json_object *parameters = json_object_get(control_request_parameters(request));
    if (json_boolean(parameters, "who", false))
        json_put_string(parameters, "by", control_request_by(request));
    control_reply(request, parameters);
}

static void on_gone(void *arg) {
    ((struct world *)arg)->gone++;
}

static void hold(void *arg, struct control_request *request) {
    struct world *world = arg;
    world->held = request;
    control_request_watch(request, on_gone, world);
}

static void refuse(void *arg, struct control_request *request) {
    (void)arg;
    struct error error = {.aws_code = x_strdup("AccessDenied"), .request_id = x_strdup("7Q1")};
    error_set(&error, ERROR_DENIED, "s3: 403");
    control_reply_failed(request, &error);
    error_clear(&error);
}

static void text(void *arg, struct control_request *request) {
    (void)arg;
    const char *need, *may;
    if (!control_need_text(request, "need", &need) || !control_may_text(request, "may", &may))
        return;
    struct json_object *parameters = json_object_new_object();
    json_put_string(parameters, "need", need);
    json_put_string(parameters, "may", may);
    json_put_string(parameters, "method", control_request_method(request));
    control_reply(request, parameters);
}

static void large(void *arg, struct control_request *request) {
    (void)arg;
    char *much = x_malloc(3 << 20);
    memset(much, 'x', 3 << 20);
    struct json_object *parameters = json_object_new_object();
    json_object_object_add(parameters, "much", json_object_new_string_len(much, 3 << 20));
    free(much);
    control_reply(request, parameters);
}

static const struct control_method methods[] = {
    {"test.Echo", echo}, {"test.Hold", hold}, {"test.Fail", refuse}, {"test.Text", text}, {"test.Large", large},
};

struct control_server *serve(struct world *world, struct error *error) {
    const struct control_options options = {.loop = &world->loop,
                                            .path = world->path,
                                            .interfaces = interfaces,
                                            .methods = methods,
                                            .method_count = array_length(methods),
                                            .arg = world,
                                            .version = "1.2.3",
                                            .stall_ms = world->stall_ms};
    return control_server_new(&options, error);
}

int set_up(void **state) {
    struct world *world = x_calloc(1, sizeof *world);
    uv_loop_init(&world->loop);
    snprintf(world->folder, sizeof world->folder, "/tmp/sched-control-XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    chmod(world->folder, 0755);
    world->path = x_printf("%s/control.sock", world->folder);
    world->server = serve(world, NULL);
    *state = world;
    return world->server ? 0 : -1;
}

int tear_down(void **state) {
    struct world *world = *state;
    control_server_free(world->server);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    int status = uv_loop_close(&world->loop);
    status |= access(world->path, F_OK) == 0;
    status |= rmdir(world->folder);
    free(world->path);
    free(world);
    return status;
}

/* A client, in small steps between which the loop turns. */

int dial(struct world *world) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", world->path);
    int made = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(connect(made, (struct sockaddr *)&address, sizeof address), 0);
    return made;
}

void turn(struct world *world) {
    for (int i = 0; i < 5; i++)
        uv_run(&world->loop, UV_RUN_NOWAIT);
}

void say(struct world *world, int socket, const char *bytes, size_t length) {
    for (int64_t end = clock_monotonic() + PATIENCE_MS; length && clock_monotonic() < end; turn(world)) {
        ssize_t sent = send(socket, bytes, length, MSG_NOSIGNAL);
        if (sent > 0) {
            bytes += sent;
            length -= (size_t)sent;
        } else if (errno != EAGAIN) {
            return;
        }
    }
}

struct json_object *hear(struct world *world, int socket) {
    _cleanup_buffer_ struct buffer got = BUFFER_INIT(BUFFER_OURS);
    for (int64_t end = clock_monotonic() + PATIENCE_MS; clock_monotonic() < end;) {
        static char bytes[1 << 16];
        ssize_t length = recv(socket, bytes, sizeof bytes, MSG_PEEK);
        if (length == 0 || (length < 0 && errno != EAGAIN))
            return NULL;
        if (length < 0) {
            turn(world);
            continue;
        }
        const char *nul = memchr(bytes, '\0', (size_t)length);
        length = nul ? nul - bytes + 1 : length;
        assert_int_equal(recv(socket, bytes, (size_t)length, 0), length);
        buffer_add_bytes(&got, bytes, (size_t)length);
        if (nul)
            return json_parse(got.data, got.length - 1, NULL);
    }
    fail_msg("no reply came");
    return NULL;
}

void expect(struct world *world, int socket, const char *wanted) {
    struct json_object *reply = hear(world, socket);
    assert_non_null(reply);
    assert_string_equal(json_object_to_json_string_ext(reply, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
                        wanted);
    json_object_put(reply);
}

void expect_end(struct world *world, int socket) {
    assert_null(hear(world, socket));
    close(socket);
}
