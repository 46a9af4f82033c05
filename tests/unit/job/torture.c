/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Nth of our own calls fails, for each N until none is left: curl's options and handles, address space for pages, answers
 * that find no memory, sockets that cannot be watched, SQLite. A whole backup then stands, or the run
 * has failed and nothing of it is left, and done has fired once. (What base/memory.h hands out is not tried: where small
 * memory ends the process ends, and a run is resumed by the next one.)
 *
 * The linker puts these before the true ones: see meson.build.
 */
#include "slow.h"
#include "small.h"
#include "world.h"

#include <curl/curl.h>
#include <errno.h>
#include <sqlite3.h>
#include <sys/mman.h>

#include "stream/pool.h"

#undef curl_easy_setopt /* a macro that checks types */

enum victim { OPTION, ADD, MAP, APPEND, WATCH, PREPARE, STEP, EXECUTE, VICTIMS };
static const char *const victims[VICTIMS] = {
    [OPTION] = "curl_easy_setopt", [ADD] = "curl_multi_add_handle", [MAP] = "mmap",
    [APPEND] = "buffer_append",    [WATCH] = "uv_poll_init_socket", [PREPARE] = "sqlite3_prepare_v2",
    [STEP] = "sqlite3_step",       [EXECUTE] = "sqlite3_exec"};

static bool armed, in_curl; /* in_curl: what is appended comes from a server */
static enum victim victim;
static unsigned calls, nth; /* of the victim's since the arming; which one fails */

static bool falls(enum victim which) {
    return armed && which == victim && calls++ == nth;
}

CURLcode __real_curl_easy_setopt(CURL *easy, CURLoption option, void *value);
CURLcode __wrap_curl_easy_setopt(CURL *easy, CURLoption option, void *value);
CURLcode __wrap_curl_easy_setopt(CURL *easy, CURLoption option, void *value) {
    return falls(OPTION) ? CURLE_OUT_OF_MEMORY : __real_curl_easy_setopt(easy, option, value);
}

CURLMcode __real_curl_multi_add_handle(CURLM *multi, CURL *easy);
CURLMcode __wrap_curl_multi_add_handle(CURLM *multi, CURL *easy);
CURLMcode __wrap_curl_multi_add_handle(CURLM *multi, CURL *easy) {
    return falls(ADD) ? CURLM_OUT_OF_MEMORY : __real_curl_multi_add_handle(multi, easy);
}

void *__real_mmap64(void *address, size_t length, int protection, int flags, int file, off_t offset);
void *__wrap_mmap64(void *address, size_t length, int protection, int flags, int file, off_t offset);
void *__wrap_mmap64(void *address, size_t length, int protection, int flags, int file, off_t offset) {
    if (length != PAGE_MAX || !falls(MAP))
        return __real_mmap64(address, length, protection, flags, file, offset);
    errno = ENOMEM;
    return MAP_FAILED;
}

CURLMcode __real_curl_multi_socket_action(CURLM *multi, curl_socket_t socket, int events, int *running);
CURLMcode __wrap_curl_multi_socket_action(CURLM *multi, curl_socket_t socket, int events, int *running);
CURLMcode __wrap_curl_multi_socket_action(CURLM *multi, curl_socket_t socket, int events, int *running) {
    in_curl = true;
    CURLMcode result = __real_curl_multi_socket_action(multi, socket, events, running);
    in_curl = false;
    return result;
}

bool __real_buffer_append(struct buffer *buffer, const void *bytes, size_t length);
bool __wrap_buffer_append(struct buffer *buffer, const void *bytes, size_t length);
bool __wrap_buffer_append(struct buffer *buffer, const void *bytes, size_t length) {
    return in_curl && falls(APPEND) ? false : __real_buffer_append(buffer, bytes, length);
}

int __real_uv_poll_init_socket(uv_loop_t *loop, uv_poll_t *poll, uv_os_sock_t socket);
int __wrap_uv_poll_init_socket(uv_loop_t *loop, uv_poll_t *poll, uv_os_sock_t socket);
int __wrap_uv_poll_init_socket(uv_loop_t *loop, uv_poll_t *poll, uv_os_sock_t socket) {
    return falls(WATCH) ? UV_ENOMEM : __real_uv_poll_init_socket(loop, poll, socket);
}

int __real_sqlite3_prepare_v2(sqlite3 *db, const char *text, int length, sqlite3_stmt **statement, const char **tail);
int __wrap_sqlite3_prepare_v2(sqlite3 *db, const char *text, int length, sqlite3_stmt **statement, const char **tail);
int __wrap_sqlite3_prepare_v2(sqlite3 *db, const char *text, int length, sqlite3_stmt **statement, const char **tail) {
    if (!falls(PREPARE))
        return __real_sqlite3_prepare_v2(db, text, length, statement, tail);
    *statement = NULL;
    return SQLITE_NOMEM;
}

int __real_sqlite3_step(sqlite3_stmt *statement);
int __wrap_sqlite3_step(sqlite3_stmt *statement);
int __wrap_sqlite3_step(sqlite3_stmt *statement) {
    return falls(STEP) ? SQLITE_FULL : __real_sqlite3_step(statement);
}

typedef int sqlite3_row(void *arg, int count, char **values, char **names);
int __real_sqlite3_exec(sqlite3 *db, const char *text, sqlite3_row *row, void *arg, char **error);
int __wrap_sqlite3_exec(sqlite3 *db, const char *text, sqlite3_row *row, void *arg, char **error);
int __wrap_sqlite3_exec(sqlite3 *db, const char *text, sqlite3_row *row, void *arg, char **error) {
    return falls(EXECUTE) ? SQLITE_IOERR : __real_sqlite3_exec(db, text, row, arg, error);
}

/* Two segments, both formats, an upload of more than one part, files. */
static struct world *begin(void) {
    void *state;
    world_set_up(&state);
    struct world *world = state;
    world_keep(world);
    cloud_part_least(world->cloud, SMALL_PART);
    world_job(world, "Format=dynamodb-json json\n[Scan]\nSegments=2\n");
    world_flat_page(world, 0, 6, SMALL_PAGE);
    world_flat_page(world, 1, 6, SMALL_PAGE);
    return world;
}

static void end(struct world *world) {
    void *state = world;
    armed = false;
    world_tear_down(&state);
}

/* False where the run made fewer calls than that. */
static bool survives(enum victim which, unsigned number) {
    struct world *world = begin();
    victim = which;
    nth = number;
    calls = 0;
    armed = true;
    world_run(world);
    armed = false;
    bool fell = calls > number;
    if (world->result.outcome == RUN_SUCCEEDED) {
        assert_whole(world);
    } else {
        assert_int_equal(world->result.outcome, RUN_FAILED);
        assert_true(fell && which < PREPARE); /* a state that cannot be written ends no run */
        if (world->result.undo_error.code == ERROR_NONE)
            assert_nothing_left(world);
        assert_null(cloud_find(world->cloud, "/backup.json"));
    }
    assert_int_equal(world->times, 1);
    end(world);
    return fell;
}

/* `step`: of what is called a thousand times a run, not each one. */
static void each_in_turn(enum victim which, unsigned step) {
    unsigned tried = 0, stepped = step * stride(1, 4);
    for (unsigned number = 0; survives(which, number); number += number < 12 ? 1 : stepped)
        tried++;
    print_message("    %s: %u calls failed in turn\n", victims[which], tried);
    assert_true(tried > 0);
}

static void options_that_curl_does_not_take(void **state) {
    (void)state;
    each_in_turn(OPTION, 7);
}

static void calls_that_curl_does_not_take(void **state) {
    (void)state;
    each_in_turn(ADD, 1);
}

static void pages_without_address_space(void **state) {
    (void)state;
    each_in_turn(MAP, 1);
}

static void answers_that_find_no_memory(void **state) {
    (void)state;
    each_in_turn(APPEND, 7);
}

static void sockets_that_cannot_be_watched(void **state) {
    (void)state;
    each_in_turn(WATCH, 1);
}

static void what_the_state_cannot_write(void **state) {
    (void)state;
    each_in_turn(PREPARE, 1);
    each_in_turn(STEP, 1);
    each_in_turn(EXECUTE, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_that_curl_does_not_take), cmocka_unit_test(calls_that_curl_does_not_take),
        cmocka_unit_test(pages_without_address_space),     cmocka_unit_test(answers_that_find_no_memory),
        cmocka_unit_test(sockets_that_cannot_be_watched),  cmocka_unit_test(what_the_state_cannot_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
