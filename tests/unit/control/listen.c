/* SPDX-License-Identifier: Apache-2.0 */
/* The socket file: whose it is, and who may speak through it. */
#include "world.h"

#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/memory.h"
#include "control/client.h"

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

static int judge_answer(const struct control_answer *answer) {
    const char *message = json_string(answer->parameters, "message");
    if (answer->error)
        return strcmp(answer->error, CONTROL_PERMISSION_DENIED) == 0 && strstr(message, CONTROL_GROUP) ? 1 : 96;
    return strcmp(json_string(answer->parameters, "by"), "user 12345") == 0 ? 0 : 95;
}

static int call_in_child(const char *path) {
    _cleanup_error_ struct error error = {0};
    struct control_answer answer = {0};
    struct control_client *client = control_connect(path, &error);
    _cleanup_json_ struct json_object *who = json_object_new_object();
    json_put_boolean(who, "who", true);
    bool answered = client && control_call(client, "test.Echo", json_object_get(who), false, &error) &&
                    control_receive(client, &answer, &error);
    int status = answered ? judge_answer(&answer) : error.code == ERROR_NOT_FOUND ? 98 : 97;
    control_answer_fini(&answer);
    control_client_free(client);
    return status;
}

static int call_as(struct world *world, uid_t uid, gid_t gid, gid_t also) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        alarm(PATIENCE_MS / 1000);
        if (setgroups(also ? 1 : 0, &also) < 0 || setgid(gid) < 0 || setuid(uid) < 0)
            _exit(99);
        _exit(call_in_child(world->path));
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

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_second_daemon_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stale_socket_is_replaced_and_other_files_are_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_took_its_place_is_left_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_path_that_cannot_be_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(others_are_refused_by_name, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
