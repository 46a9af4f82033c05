/* SPDX-License-Identifier: Apache-2.0 */
/* Who may ask, as the kernel says who is there: children under other users and groups connect, and are looked at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "private.h"

#define STRANGER 12345
#define MEMBERS  54321

struct caller {
    uid_t uid;
    gid_t gid;
    size_t groups; /* how many others; MEMBERS is the last of them where `member` */
    bool member;
};

static _Noreturn void call(const struct sockaddr_un *address, const struct caller *caller) {
    gid_t groups[500];
    for (size_t i = 0; i < caller->groups; i++)
        groups[i] = caller->member && i + 1 == caller->groups ? MEMBERS : (gid_t)(60000 + i);
    int made = socket(AF_UNIX, SOCK_STREAM, 0);
    if (setgroups(caller->groups, groups) < 0 || setgid(caller->gid) < 0 || setuid(caller->uid) < 0)
        _exit(1);
    _exit(connect(made, (const struct sockaddr *)address, sizeof *address) < 0);
}

/* Is the caller allowed where MEMBERS is the group? */
static bool is_allowed(const struct caller *caller, char by[PEER_TEXT]) {
    char folder[] = "/tmp/sched-peer-XXXXXX";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int status;
    assert_non_null(mkdtemp(folder));
    snprintf(address.sun_path, sizeof address.sun_path, "%s/s", folder);
    int listening = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(listening, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listening, 1), 0);
    assert_int_equal(chmod(folder, 0755) | chmod(address.sun_path, 0666), 0);
    pid_t child = fork();
    if (child == 0)
        call(&address, caller);
    int accepted = accept(listening, NULL, NULL);
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    bool allowed = peer_is_allowed(accepted, MEMBERS, by);
    close(accepted);
    close(listening);
    unlink(address.sun_path);
    rmdir(folder);
    return allowed;
}

static void root_and_members_are_allowed(void **state) {
    (void)state;
    char by[PEER_TEXT];
    if (geteuid() != 0)
        skip();
    assert_true(is_allowed(&(struct caller){0}, by));
    assert_string_equal(by, "root");
    assert_false(is_allowed(&(struct caller){STRANGER, STRANGER, 0, false}, by));
    assert_string_equal(by, "user 12345");
    assert_true(is_allowed(&(struct caller){STRANGER, MEMBERS, 0, false}, by));   /* as primary group */
    assert_true(is_allowed(&(struct caller){STRANGER, STRANGER, 3, true}, by));   /* as another */
    assert_false(is_allowed(&(struct caller){STRANGER, STRANGER, 3, false}, by)); /* in others only */
    assert_true(is_allowed(&(struct caller){STRANGER, STRANGER, 400, true}, by)); /* in very many */
    assert_false(is_allowed(&(struct caller){STRANGER, STRANGER, 400, false}, by));
}

static void the_daemons_own_user_is_allowed(void **state) {
    (void)state;
    char by[PEER_TEXT];
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_true(peer_is_allowed(pair[0], NO_GROUP, by));
    close(pair[0]);
    close(pair[1]);
}

static void what_is_no_socket_is_nobody(void **state) {
    (void)state;
    char by[PEER_TEXT];
    assert_false(peer_is_allowed(-1, MEMBERS, by));
    assert_string_equal(by, "an unknown user");
}

static void groups_are_known_by_name(void **state) {
    (void)state;
    struct group *mine = getgrgid(0);
    assert_int_equal(peer_group("no-such-group-here"), NO_GROUP);
    if (mine)
        assert_int_equal(peer_group(mine->gr_name), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(root_and_members_are_allowed),
        cmocka_unit_test(the_daemons_own_user_is_allowed),
        cmocka_unit_test(what_is_no_socket_is_nobody),
        cmocka_unit_test(groups_are_known_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
