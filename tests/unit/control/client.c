/* SPDX-License-Identifier: Apache-2.0 */
/* The tool's end of the socket: every reply, every way that none comes. */
#include "world.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "control/client.h"

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
        cmocka_unit_test_setup_teardown(the_tools_end_hears_every_reply_and_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_daemon_is_an_error_of_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reply_that_is_none_is_an_error, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
