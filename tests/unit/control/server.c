/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket as its clients see it: real sockets, honest, hostile and slow. */
#include "world.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "control/frame.h"

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

static void the_client_longest_idle_makes_room(void **state) {
    struct world *world = *state;
    int sockets[CONTROL_CLIENTS + 1];
    for (size_t i = 0; i < array_length(sockets); i++) {
        sockets[i] = dial(world);
        turn(world);
    }
    expect_end(world, sockets[0]);
    SAY(world, sockets[CONTROL_CLIENTS], "{\"method\":\"test.Echo\"}");
    expect(world, sockets[CONTROL_CLIENTS], "{\"parameters\":{}}");
    for (size_t i = 1; i <= CONTROL_CLIENTS; i++)
        close(sockets[i]);
    turn(world);
    int again = dial(world);
    SAY(world, again, "{\"method\":\"test.Echo\"}");
    expect(world, again, "{\"parameters\":{}}");
    close(again);
}

static void half_a_call_does_not_keep_its_place(void **state) {
    struct world *world = *state;
    control_server_free(world->server);
    turn(world);
    world->stall_ms = 50;
    world->server = serve(world, NULL);
    int half = dial(world), idle = dial(world);
    SAY(world, idle, "{\"method\":\"test.Echo\"}");
    expect(world, idle, "{\"parameters\":{}}");
    for (int64_t end = clock_monotonic() + 200; clock_monotonic() < end; usleep(2000))
        say(world, half, " ", 1); /* a trickle is no whole call either */
    expect_end(world, half);
    SAY(world, idle, "{\"method\":\"test.Echo\"}");
    expect(world, idle, "{\"parameters\":{}}");
    close(idle);
}

static void a_hang_up_is_heard_without_a_reply(void **state) {
    struct world *world = *state;
    int socket = dial(world);
    SAY(world, socket, "{\"method\":\"test.Hold\"}");
    turn(world);
    close(socket);
    turn(world);
    assert_int_equal(world->gone, 1);
    assert_true(control_request_is_gone(world->held));
    control_reply(world->held, NULL);
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
        cmocka_unit_test_setup_teardown(the_client_longest_idle_makes_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(half_a_call_does_not_keep_its_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_hang_up_is_heard_without_a_reply, set_up, tear_down),
        cmocka_unit_test_setup_teardown(freeing_the_server_tells_owners, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
