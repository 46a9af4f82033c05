/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket as its clients see it: real sockets, honest, hostile, slow and forbidden. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "control/client.h"
#include "control/frame.h"
#include "control/server.h"

#define PATIENCE_MS 30000 /* of a busy machine, under valgrind too */

struct world {
    uv_loop_t loop;
    struct control_server *server;
    char folder[32];
    char *path;
    struct control_request *held; /* by test.Hold and test.Stream */
    int gone;
};

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

static struct control_server *serve(struct world *world, struct error *error) {
    const struct control_options options = {.loop = &world->loop,
                                            .path = world->path,
                                            .interfaces = interfaces,
                                            .methods = methods,
                                            .method_count = array_length(methods),
                                            .arg = world,
                                            .version = "1.2.3"};
    return control_server_new(&options, error);
}

static int set_up(void **state) {
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

static int tear_down(void **state) {
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

static int dial(struct world *world) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", world->path);
    int made = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(connect(made, (struct sockaddr *)&address, sizeof address), 0);
    return made;
}

static void turn(struct world *world) {
    for (int i = 0; i < 5; i++)
        uv_run(&world->loop, UV_RUN_NOWAIT);
}

static void say(struct world *world, int socket, const char *bytes, size_t length) {
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

/* One reply, parsed; NULL: the connection has ended. Looks ahead, and takes no byte of the reply behind it. */
static struct json_object *hear(struct world *world, int socket) {
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

static void expect(struct world *world, int socket, const char *wanted) {
    struct json_object *reply = hear(world, socket);
    assert_non_null(reply);
    assert_string_equal(json_object_to_json_string_ext(reply, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
                        wanted);
    json_object_put(reply);
}

static void expect_end(struct world *world, int socket) {
    assert_null(hear(world, socket));
    close(socket);
}

#define SAY(world, socket, words) say(world, socket, words, sizeof(words))

static void the_service_describes_itself(void **state) {
    struct world *world = *state;
    int socket = dial(world);
    SAY(world, socket, "{\"method\":\"org.varlink.service.GetInfo\"}");
    expect(world, socket,
           "{\"parameters\":{\"vendor\":\"dynamodb-backupd\",\"product\":\"dynamodb-backupd\",\"version\":\"1.2.3\","
           "\"url\":\"man:dynamodb-backupd(8)\",\"interfaces\":[\"org.varlink.service\",\"test\"]}}");
    SAY(world, socket,
        "{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{\"interface\":\"test\"}}");
    expect(world, socket, "{\"parameters\":{\"description\":\"interface test\\n\"}}");
    SAY(world, socket,
        "{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{\"interface\":\"x.y\"}}");
    expect(world, socket,
           "{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":{\"interface\":\"x.y\"}}");
    SAY(world, socket, "{\"method\":\"org.varlink.service.GetInterfaceDescription\"}");
    expect(world, socket,
           "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"interface\"}}");
    close(socket);
}

static void what_is_unknown_is_named(void **state) {
    struct world *world = *state;
    int socket = dial(world);
    SAY(world, socket, "{\"method\":\"test.Nothing\"}");
    expect(world, socket,
           "{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":{\"method\":\"test.Nothing\"}}");
    SAY(world, socket, "{\"method\":\"x.y.Z\"}");
    expect(world, socket,
           "{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":{\"interface\":\"x.y\"}}");
    SAY(world, socket, "{\"method\":\"Z\"}");
    expect(world, socket, "{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":{\"interface\":\"Z\"}}");
    close(socket);
}

static void parameters_are_checked(void **state) {
    struct world *world = *state;
    int socket = dial(world);
    SAY(world, socket, "{\"method\":\"test.Text\",\"parameters\":{\"need\":\"a\",\"may\":\"b\"}}");
    expect(world, socket, "{\"parameters\":{\"need\":\"a\",\"may\":\"b\",\"method\":\"test.Text\"}}");
    SAY(world, socket, "{\"method\":\"test.Text\",\"parameters\":{\"need\":\"a\",\"may\":null}}");
    expect(world, socket, "{\"parameters\":{\"need\":\"a\",\"method\":\"test.Text\"}}");
    SAY(world, socket, "{\"method\":\"test.Text\",\"parameters\":{\"need\":\"a\",\"may\":1}}");
    expect(world, socket,
           "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"may\"}}");
    SAY(world, socket, "{\"method\":\"test.Text\"}");
    expect(world, socket,
           "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"need\"}}");
    SAY(world, socket, "{\"method\":\"test.Fail\"}");
    expect(world, socket,
           "{\"error\":\"io.dynamodb_backup.Failed\",\"parameters\":{\"message\":\"s3: "
           "403\",\"aws_code\":\"AccessDenied\","
           "\"request_id\":\"7Q1\"}}");
    close(socket);
}

static void split_and_pipelined_calls_are_answered_in_order(void **state) {
    struct world *world = *state;
    int socket = dial(world);
    static const char calls[] =
        "{\"method\":\"test.Echo\",\"parameters\":{\"n\":1}}\0{\"method\":\"test.Echo\",\"parameters\":{\"n\":2}}\0"
        "{\"method\":\"test.Echo\",\"oneway\":true}\0{\"method\":\"test.Echo\",\"parameters\":{\"n\":3}}";
    for (size_t i = 0; i < sizeof calls; i++) {
        say(world, socket, calls + i, 1);
        turn(world);
    }
    expect(world, socket, "{\"parameters\":{\"n\":1}}");
    expect(world, socket, "{\"parameters\":{\"n\":2}}");
    expect(world, socket, "{\"parameters\":{\"n\":3}}");
    say(world, socket, calls, sizeof calls);
    for (int n = 1; n <= 3; n++) {
        struct json_object *reply = hear(world, socket);
        assert_int_equal(json_integer(json_object_at(reply, "parameters"), "n", 0), n);
        json_object_put(reply);
    }
    close(socket);
}

static void a_call_that_takes_its_time_holds_back_the_next(void **state) {
    struct world *world = *state;
    int socket = dial(world), other = dial(world);
    static const char calls[] = "{\"method\":\"test.Hold\",\"more\":true}\0{\"method\":\"test.Fail\"}";
    say(world, socket, calls, sizeof calls);
    turn(world);
    assert_non_null(world->held);
    assert_true(control_request_more(world->held));
    SAY(world, other, "{\"method\":\"test.Echo\"}"); /* another client does not wait */
    expect(world, other, "{\"parameters\":{}}");
    control_continue(world->held, NULL);
    expect(world, socket, "{\"parameters\":{},\"continues\":true}");
    control_reply(world->held, NULL);
    expect(world, socket, "{\"parameters\":{}}");
    struct json_object *last = hear(world, socket);
    assert_string_equal(json_string(last, "error"), CONTROL_FAILED);
    json_object_put(last);
    assert_int_equal(world->gone, 0);
    close(socket);
    close(other);
}

static void a_half_closed_client_still_gets_its_replies(void **state) {
    struct world *world = *state;
    int socket = dial(world);
    SAY(world, socket, "{\"method\":\"test.Large\"}");
    shutdown(socket, SHUT_WR);
    struct json_object *reply = hear(world, socket);
    assert_int_equal(strlen(json_string(json_object_at(reply, "parameters"), "much")), 3 << 20);
    json_object_put(reply);
    expect_end(world, socket);
}

static void an_owner_hears_when_its_client_has_gone(void **state) {
    struct world *world = *state;
    int socket = dial(world);
    SAY(world, socket, "{\"method\":\"test.Hold\",\"more\":true}");
    turn(world);
    close(socket);
    for (int i = 0; i < 10 && !world->gone; i++) {
        control_continue(world->held, NULL);
        turn(world);
    }
    assert_int_equal(world->gone, 1);
    assert_true(control_request_is_gone(world->held));
    control_continue(world->held, NULL);
    control_reply(world->held, NULL);
    turn(world);
    assert_int_equal(world->gone, 1);
}

static void hostile_bytes_end_the_connection(void **state) {
    struct world *world = *state;
    static const char *const bad[] = {"",
                                      "{",
                                      "[]",
                                      "{}",
                                      "{\"method\":7}",
                                      "\xff\xfe",
                                      "GET / HTTP/1.1\r\n\r\n",
                                      "{\"method\":\"test.Echo\",\"parameters\":[]}"};
    for (size_t i = 0; i < array_length(bad); i++) {
        int socket = dial(world);
        say(world, socket, bad[i], strlen(bad[i]) + 1);
        expect_end(world, socket);
    }
    _cleanup_buffer_ struct buffer deep = BUFFER_INIT(BUFFER_OURS);
    buffer_add(&deep, "{\"method\":\"test.Echo\",\"parameters\":");
    for (int i = 0; i < 10000; i++)
        buffer_add(&deep, "{\"a\":");
    int socket = dial(world);
    say(world, socket, deep.data, deep.length + 1);
    expect_end(world, socket);
}

static void a_call_may_have_a_mebibyte_and_no_more(void **state) {
    struct world *world = *state;
    static const char head[] = "{\"method\":\"test.Fail\",\"parameters\":{\"a\":\"", tail[] = "\"}}";
    char *call = x_malloc(FRAME_CALL + 2);
    memset(call, 'x', FRAME_CALL + 2);
    memcpy(call, head, strlen(head));
    memcpy(call + FRAME_CALL - strlen(tail), tail, sizeof tail);
    int socket = dial(world);
    say(world, socket, call, FRAME_CALL + 1);
    struct json_object *reply = hear(world, socket);
    assert_string_equal(json_string(reply, "error"), CONTROL_FAILED);
    json_object_put(reply);
    memset(call, 'x', FRAME_CALL + 2);
    say(world, socket, call, FRAME_CALL + 2);
    expect_end(world, socket);
    free(call);
}

static void a_reader_that_does_not_read_is_dropped(void **state) {
    struct world *world = *state;
    int socket = dial(world);
    SAY(world, socket, "{\"method\":\"test.Hold\",\"more\":true}");
    turn(world);
    char much[4096];
    memset(much, 'x', sizeof much);
    int sent = 0;
    for (; !world->gone && sent < 10000; sent++) {
        struct json_object *parameters = json_object_new_object();
        json_object_object_add(parameters, "much", json_object_new_string_len(much, sizeof much));
        control_continue(world->held, parameters);
        turn(world);
    }
    assert_int_equal(world->gone, 1);
    assert_in_range(sent, CONTROL_UNREAD / 4200, 2000);
    control_reply(world->held, NULL);
    close(socket);
}

static void calls_sent_far_ahead_wait_in_the_socket(void **state) {
    struct world *world = *state;
    int socket = dial(world);
    SAY(world, socket, "{\"method\":\"test.Hold\"}");
    turn(world);
    static const char call[] = "{\"method\":\"test.Echo\",\"parameters\":{\"n\":1}}";
    size_t sent = 0, answered = 0;
    for (; sent < 100000; sent++) {
        ssize_t length = send(socket, call, sizeof call, MSG_NOSIGNAL);
        if (length < 0)
            break;
        assert_int_equal(length, sizeof call);
        uv_run(&world->loop, UV_RUN_NOWAIT);
    }
    assert_in_range(sent, 100, 50000); /* then the socket was full */
    control_reply(world->held, NULL);
    shutdown(socket, SHUT_WR);
    expect(world, socket, "{\"parameters\":{}}");
    for (; answered < sent; answered++)
        expect(world, socket, "{\"parameters\":{\"n\":1}}");
    expect_end(world, socket);
}

static void only_so_many_clients_are_heard(void **state) {
    struct world *world = *state;
    int sockets[CONTROL_CLIENTS + 1];
    for (size_t i = 0; i < array_length(sockets); i++) {
        sockets[i] = dial(world);
        turn(world);
    }
    expect_end(world, sockets[CONTROL_CLIENTS]);
    SAY(world, sockets[0], "{\"method\":\"test.Echo\"}");
    expect(world, sockets[0], "{\"parameters\":{}}");
    for (size_t i = 0; i < CONTROL_CLIENTS; i++)
        close(sockets[i]);
    turn(world);
    int again = dial(world);
    SAY(world, again, "{\"method\":\"test.Echo\"}");
    expect(world, again, "{\"parameters\":{}}");
    close(again);
}

static void freeing_the_server_tells_owners(void **state) {
    struct world *world = *state;
    int socket = dial(world);
    SAY(world, socket, "{\"method\":\"test.Hold\"}");
    turn(world);
    control_server_free(take_pointer(world->server));
    assert_int_equal(world->gone, 1);
    turn(world);
    control_reply(world->held, NULL);
    expect_end(world, socket);
}

/* The socket file. */

static void a_second_daemon_is_refused(void **state) {
    struct world *world = *state;
    struct error error = {0};
    assert_null(serve(world, &error));
    assert_int_equal(error.code, ERROR_EXISTS);
    assert_non_null(strstr(error.message, "another daemon listens on"));
    error_clear(&error);
    struct stat status;
    assert_int_equal(stat(world->path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0666);
}

static void a_stale_socket_is_replaced_and_other_files_are_not(void **state) {
    struct world *world = *state;
    struct error error = {0};
    control_server_free(take_pointer(world->server));
    turn(world);
    assert_int_not_equal(access(world->path, F_OK), 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", world->path);
    int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(dead, (struct sockaddr *)&address, sizeof address), 0);
    close(dead);
    world->server = serve(world, &error);
    assert_non_null(world->server);
    control_server_free(take_pointer(world->server));
    turn(world);
    fclose(fopen(world->path, "w"));
    assert_null(serve(world, &error));
    assert_int_equal(error.code, ERROR_EXISTS);
    error_clear(&error);
    unlink(world->path);
}

static void a_file_that_took_its_place_is_left_alone(void **state) {
    struct world *world = *state;
    unlink(world->path);
    fclose(fopen(world->path, "w"));
    control_server_free(take_pointer(world->server));
    assert_int_equal(access(world->path, F_OK), 0);
    unlink(world->path);
}

static void a_path_that_cannot_be_is_refused(void **state) {
    struct world *world = *state;
    char *kept = world->path;
    char longest[200];
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    static char nowhere[] = "/nonexistent/control.sock", below_a_file[] = "/dev/null/control.sock", nothing[] = "";
    char *const bad[] = {longest, nowhere, below_a_file, nothing};
    static const char *const words[] = {"accepted are 1 to 107", "No such file", "Not a directory", "accepted"};
    for (size_t i = 0; i < array_length(bad); i++) {
        struct error error = {0};
        world->path = bad[i];
        assert_null(serve(world, &error));
        if (!strstr(error.message, words[i]))
            fail_msg("\"%s\" is not in: %s", words[i], error.message);
        error_clear(&error);
    }
    world->path = kept;
}

/* Who may ask: a child under another uid calls and says what came back by its exit status. */

static int call_as(struct world *world, uid_t uid, gid_t gid, gid_t also) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct error error = {0};
        struct control_answer answer;
        alarm(PATIENCE_MS / 1000);
        if (setgroups(also ? 1 : 0, &also) < 0 || setgid(gid) < 0 || setuid(uid) < 0)
            _exit(99);
        struct control_client *client = control_connect(world->path, &error);
        struct json_object *who = json_object_new_object();
        json_put_boolean(who, "who", true);
        if (!client || !control_call(client, "test.Echo", who, false, &error) ||
            !control_receive(client, &answer, &error))
            _exit(error.code == ERROR_NOT_FOUND ? 98 : 97);
        const char *message = json_string(answer.parameters, "message");
        if (answer.error)
            _exit(strcmp(answer.error, CONTROL_PERMISSION_DENIED) == 0 && strstr(message, CONTROL_GROUP) ? 1 : 96);
        _exit(strcmp(json_string(answer.parameters, "by"), "user 12345") == 0 ? 0 : 95);
    }
    int status = 0;
    while (waitpid(child, &status, WNOHANG) == 0)
        uv_run(&world->loop, UV_RUN_NOWAIT);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void others_are_refused_by_name(void **state) {
    struct world *world = *state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(call_as(world, 12345, 12345, 0), 1);
    struct group *group = getgrnam(CONTROL_GROUP);
    if (!group)
        return; /* the system has none; see members_of_the_group_are_heard in the systemd suite */
    assert_int_equal(call_as(world, 12345, group->gr_gid, 0), 0);
    assert_int_equal(call_as(world, 12345, 12345, group->gr_gid), 0);
}

/* The tool's end, in a thread of its own. */

struct tool {
    const char *path;
    struct control_answer answers[3];
    struct error error;
};

static void run_tool(void *arg) {
    struct tool *tool = arg;
    struct control_client *client = control_connect(tool->path, &tool->error);
    struct json_object *parameters = json_object_new_object();
    json_put_string(parameters, "job", "a");
    assert_true(control_call(client, "test.Hold", parameters, true, &tool->error));
    for (int i = 0; i < 2; i++)
        assert_true(control_receive(client, &tool->answers[i], &tool->error));
    assert_true(control_call(client, "test.Hold", NULL, false, &tool->error));
    assert_false(control_receive(client, &tool->answers[2], &tool->error));
    control_client_free(client);
}

static void wait_for_call(struct world *world) {
    for (int64_t end = clock_monotonic() + PATIENCE_MS; !world->held && clock_monotonic() < end;)
        turn(world);
    assert_non_null(world->held);
}

static void the_tools_end_hears_every_reply_and_the_end(void **state) {
    struct world *world = *state;
    struct tool tool = {.path = world->path};
    uv_thread_t thread;
    uv_thread_create(&thread, run_tool, &tool);
    wait_for_call(world);
    struct control_request *request = take_pointer(world->held);
    assert_string_equal(json_string(control_request_parameters(request), "job"), "a");
    control_continue(request, NULL);
    control_reply_error(request, CONTROL_NOT_RUNNING, NULL);
    wait_for_call(world);
    control_server_free(take_pointer(world->server));
    control_reply(world->held, NULL);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    uv_thread_join(&thread);
    assert_true(tool.answers[0].continues);
    assert_string_equal(tool.answers[1].error, CONTROL_NOT_RUNNING);
    assert_int_equal(tool.error.code, ERROR_NOT_FOUND);
    assert_non_null(strstr(tool.error.message, "before its reply"));
    for (int i = 0; i < 3; i++)
        control_answer_fini(&tool.answers[i]);
    error_clear(&tool.error);
}

static void no_daemon_is_an_error_of_its_own(void **state) {
    struct world *world = *state;
    struct error error = {0};
    _cleanup_free_ char *other = x_printf("%s/other.sock", world->folder);
    assert_null(control_connect(other, &error));
    assert_int_equal(error.code, ERROR_NOT_FOUND);
    assert_non_null(strstr(error.message, "other.sock"));
    error_clear(&error);
    assert_null(control_connect("/dev/null/x", &error));
    assert_int_equal(error.code, ERROR_SYSTEM);
    error_clear(&error);
    assert_null(control_connect("", &error));
    assert_int_equal(error.code, ERROR_INVALID);
    error_clear(&error);
    control_client_free(NULL);
}

static void say_nonsense(void *arg) {
    int listening = *(int *)arg, one = accept(listening, NULL, NULL);
    assert_int_equal(send(one, "nonsense", 9, 0), 9);
    close(one);
}

static void a_reply_that_is_none_is_an_error(void **state) {
    struct world *world = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/other.sock", world->folder);
    int listening = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(listening, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listening, 1), 0);
    uv_thread_t thread;
    uv_thread_create(&thread, say_nonsense, &listening);
    struct error error = {0};
    struct control_answer answer;
    struct control_client *client = control_connect(address.sun_path, &error);
    assert_false(control_receive(client, &answer, &error));
    assert_int_equal(error.code, ERROR_CORRUPT);
    error_clear(&error);
    uv_thread_join(&thread);
    bool sent = control_call(client, "a.B", NULL, false, &error) && control_call(client, "a.B", NULL, false, &error);
    assert_false(sent);
    assert_int_equal(error.code, ERROR_NOT_FOUND);
    error_clear(&error);
    control_answer_fini(&answer);
    control_client_free(client);
    close(listening);
    unlink(address.sun_path);
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_service_describes_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_unknown_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(parameters_are_checked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(split_and_pipelined_calls_are_answered_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_call_that_takes_its_time_holds_back_the_next, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_half_closed_client_still_gets_its_replies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_owner_hears_when_its_client_has_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hostile_bytes_end_the_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_call_may_have_a_mebibyte_and_no_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reader_that_does_not_read_is_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(calls_sent_far_ahead_wait_in_the_socket, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_so_many_clients_are_heard, set_up, tear_down),
        cmocka_unit_test_setup_teardown(freeing_the_server_tells_owners, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_second_daemon_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stale_socket_is_replaced_and_other_files_are_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_took_its_place_is_left_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_path_that_cannot_be_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(others_are_refused_by_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_tools_end_hears_every_reply_and_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_daemon_is_an_error_of_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reply_that_is_none_is_an_error, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
