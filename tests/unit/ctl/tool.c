/* SPDX-License-Identifier: Apache-2.0 */
/* The tool itself, as a process, against a daemon of the test's own: what it asks, what it prints where, and how it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/json.h"
#include "base/memory.h"
#include "control/server.h"

#define MOST_WORDS 16

struct world {
    uv_loop_t loop;
    struct control_server *server;
    char folder[32];
    char *socket, *config, *out, *err, *asked; /* `asked`: the last call's parameters */
    bool walks_away;                           /* the daemon, from the next call */
};

static struct json_object *json(const char *text) {
    struct error error = {0};
    _cleanup_free_ char *copy = x_strdup(text);
    for (char *at = copy; (at = strchr(at, '\''));)
        *at = '"';
    struct json_object *value = json_parse(copy, strlen(copy), &error);
    if (!value)
        fail_msg("%s", error.message);
    return value;
}

/* The test's daemon: each method answers with a text; "error:NAME" before it makes it an error. */

static const struct {
    const char *method, *answer;
} answers[] = {
    {CONTROL_STATUS, "{'daemon':{'version':'9'},'jobs':[{'name':'small','state':'idle'}]}"},
    {CONTROL_CANCEL, "error:" CONTROL_NOT_RUNNING "{'job':'small'}"},
    {CONTROL_LIST, "{'backups':[{'id':'ID','job':'small'}],'errors':[{'job':'big','message':'big: 403'},{}]}"},
    {CONTROL_SHOW, "{'backup':{'id':'ID','items':7},'uri':'s3://b/k/'}"},
    {CONTROL_LINK, "{'links':[{'key':'k','url':'https://u','expires':'2026-11-20T02:00:00Z'}]}"},
    {CONTROL_HISTORY, "{'runs':[{'run':'0123456789abcdef','kind':'backup','job':'small','result':'failure','started':"
                      "'2026-11-20T02:00:00Z','duration_ms':1500,'items':7,'bytes':9,'error':'Scan: 403'}]}"},
    {CONTROL_PRUNE, "{'jobs':[{'job':'small','removed':0,'failed':1,'backups':[]}]}"},
    {CONTROL_NEXT, "{'jobs':[{'name':'small','next':['2026-11-20T02:00:00Z']}]}"},
};

static void keep_asked(struct world *world, struct control_request *request) {
    x_replace(&world->asked,
              json_object_to_json_string_ext(control_request_parameters(request), JSON_C_TO_STRING_PLAIN));
}

static void answer(void *arg, struct control_request *request) {
    struct world *world = arg;
    keep_asked(world, request);
    if (world->walks_away) {
        control_server_free(take_pointer(world->server));
        control_reply(request, NULL);
        return;
    }
    for (size_t i = 0; i < array_length(answers); i++) {
        const char *text = answers[i].answer;
        if (strcmp(answers[i].method, control_request_method(request)) != 0)
            continue;
        if (strncmp(text, "error:", 6) != 0) {
            control_reply(request, json(text));
            return;
        }
        _cleanup_free_ char *name = x_strndup(text + 6, strcspn(text, "{") - 6);
        control_reply_error(request, name, json(strchr(text, '{')));
        return;
    }
    fail_msg("%s", control_request_method(request));
}

/* "small" succeeds, "bad" fails, others do not exist. */
static void run(void *arg, struct control_request *request) {
    struct world *world = arg;
    const char *job;
    keep_asked(world, request);
    assert_true(control_need_text(request, "job", &job));
    if (strcmp(job, "small") != 0 && strcmp(job, "bad") != 0) {
        control_reply_error(request, CONTROL_NO_SUCH_JOB, json("{'job':'smal','nearest':'small'}"));
    } else if (!control_request_more(request)) {
        control_reply(request, json("{'job':'small','run':'ab','state':'started'}"));
    } else {
        control_continue(request, json("{'job':'small','run':'ab','state':'started'}"));
        control_continue(request, json("{'progress':{'state':'stream','items':5}}"));
        control_reply(request, strcmp(job, "bad") == 0 ? json("{'result':{'result':'failure','error':'Scan: 403'}}")
                                                       : json("{'result':{'result':'success','items':7,'bytes':9}}"));
    }
}

static const struct control_method methods[] = {
    {CONTROL_STATUS, answer}, {CONTROL_CANCEL, answer},  {CONTROL_LIST, answer},
    {CONTROL_SHOW, answer},   {CONTROL_LINK, answer},    {CONTROL_NEXT, answer},
    {CONTROL_RUN, run},       {CONTROL_HISTORY, answer}, {CONTROL_PRUNE, answer},
};

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int set_up(void **state) {
    struct world *world = x_calloc(1, sizeof *world);
    uv_loop_init(&world->loop);
    snprintf(world->folder, sizeof world->folder, "/tmp/sched-tool-XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    world->socket = x_printf("%s/control.sock", world->folder);
    world->config = x_printf("%s/d.conf", world->folder);
    _cleanup_free_ char *text = x_printf("[Daemon]\nRuntimeDirectory=%s\n", world->folder);
    write_file(world->config, text);
    const struct control_options options = {.loop = &world->loop,
                                            .path = world->socket,
                                            .interfaces = control_interfaces,
                                            .methods = methods,
                                            .method_count = array_length(methods),
                                            .arg = world,
                                            .version = "9"};
    world->server = control_server_new(&options, NULL);
    *state = world;
    return world->server ? 0 : -1;
}

static void forget(struct world *world) {
    free(world->out);
    free(world->err);
    world->out = world->err = NULL;
}

static int tear_down(void **state) {
    struct world *world = *state;
    control_server_free(world->server);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    int status = uv_loop_close(&world->loop);
    _cleanup_free_ char *clean = x_printf("%s/jobs.d/small.conf", world->folder),
                        *jobs = x_printf("%s/jobs.d", world->folder);
    unlink(clean);
    rmdir(jobs);
    unlink(world->config);
    status |= rmdir(world->folder);
    forget(world);
    free(world->asked);
    free(world->socket);
    free(world->config);
    free(world);
    return status;
}

/* The tool. */

static char *read_all(int file) {
    struct buffer got = BUFFER_INIT(BUFFER_OURS);
    char bytes[4096];
    ssize_t length;
    lseek(file, 0, SEEK_SET);
    while ((length = read(file, bytes, sizeof bytes)) > 0)
        buffer_add_bytes(&got, bytes, (size_t)length);
    close(file);
    return buffer_take(&got);
}

static _Noreturn void become_tool(char **words, int out, int err) {
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    alarm(60);
    execv(getenv("CTL"), words);
    _exit(127);
}

/* The words of `line`, and the test's configuration; its exit status. What it printed stands in the world. */
static int tool(struct world *world, const char *line) {
    static char name[] = "dynamodb-backupctl", config[] = "--config";
    char *words[MOST_WORDS] = {name, config, world->config}, *rest;
    int count = 3, status, out = memfd_create("out", 0), err = memfd_create("err", 0);
    _cleanup_free_ char *copy = x_strdup(line);
    for (char *word = strtok_r(copy, "|", &rest); word; word = strtok_r(NULL, "|", &rest))
        words[count++] = word;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        become_tool(words, out, err);
    while (waitpid(child, &status, WNOHANG) == 0)
        uv_run(&world->loop, UV_RUN_NOWAIT);
    forget(world);
    world->out = read_all(out);
    world->err = read_all(err);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void expect(struct world *world, const char *line, int status, const char *out, const char *err) {
    int got = tool(world, line);
    if (got != status || !strstr(world->out, out) || !strstr(world->err, err) || (!*err && *world->err))
        fail_msg("%s: %d, not %d\nstdout: %s\nwanted: %s\nstderr: %s\nwanted: %s", line, got, status, world->out, out,
                 world->err, err);
}

static void answers_go_to_stdout(void **state) {
    struct world *world = *state;
    expect(world, "status", 0, "small  idle", "");
    expect(world, "status|small", 0, "Job        small", "");
    assert_string_equal(world->asked, "{\"job\":\"small\"}");
    expect(world, "show|ID", 0, "Stands in  s3://b/k/", "");
    expect(world, "link|ID", 0, "\nhttps://u\n", "");
    expect(world, "next|--count|2", 0, "small\n  2026-11-20 02:00:00 UTC\n", "");
    assert_string_equal(world->asked, "{\"count\":2}");
    expect(world, "history|small|--count|7", 0, "2026-11-20 02:00:00 UTC  small  backup  failure", "");
    assert_string_equal(world->asked, "{\"job\":\"small\",\"count\":7}");
    expect(world, "prune|small|--dry-run", 1, "small: 0 removed, 1 could not be removed", "");
    assert_string_equal(world->asked, "{\"job\":\"small\",\"dry_run\":true}");
    expect(world, "prune|--json", 1, "\"failed\": 1", "");
    expect(world, "history", 0, "\n01234567:  Scan: 403\n", "");
}

static void json_is_one_value(void **state) {
    struct world *world = *state;
    static const char *const lines[] = {
        "status|--json",      "list|--json",      "link|ID|--json",          "history|--json",
        "next|--json",        "run|small|--json", "run|small|--wait|--json", "cancel|small|--json",
        "next|@daily|--json", "check|--json"};
    for (size_t i = 0; i < array_length(lines); i++) {
        tool(world, lines[i]);
        struct json_object *value = json_parse(world->out, strlen(world->out), NULL);
        if (!value)
            fail_msg("%s: %s", lines[i], world->out);
        json_object_put(value);
    }
    expect(world, "show|ID|--json", 0, "\"items\": 7", "");
    assert_null(strstr(world->out, "backup"));
}

static void an_address_carries_how_to_read_it(void **state) {
    struct world *world = *state;
    expect(world, "link|s3://b/k/|--region|r|--profile|p|--role-arn|a", 0, "https://u", "");
    assert_string_equal(world->asked,
                        "{\"backup\":\"s3:\\/\\/b\\/k\\/\",\"region\":\"r\",\"profile\":\"p\",\"role_arn\":\"a\"}");
}

static void a_job_that_cannot_be_listed_fails_the_list(void **state) {
    struct world *world = *state;
    expect(world, "list", 1, "ID  small", "dynamodb-backupctl: big: 403\n");
}

static void a_run_is_started_or_waited_for(void **state) {
    struct world *world = *state;
    expect(world, "run|small", 0, "small: run ab started\n", "");
    expect(world, "run|small|--wait", 0, "small: run ab started\nsmall: success: 7 items, 9 B\n", "");
    expect(world, "run|bad|--wait", 1, "bad: failure: Scan: 403\n", "");
    expect(world, "run|smal", 1, "", "no job \"smal\"; did you mean small?");
    expect(world, "cancel|small", 1, "", "small does not run");
}

static void a_daemon_that_walks_away_is_no_daemon(void **state) {
    struct world *world = *state;
    world->walks_away = true;
    expect(world, "status", 3, "", "ended the connection");
    expect(world, "status", 3, "", "control.sock");
    expect(world, "run|small|--wait", 3, "", "no daemon listens");
    expect(world, "list", 3, "", "no daemon listens");
}

static void the_socket_is_found_in_the_configuration_or_named(void **state) {
    struct world *world = *state;
    _cleanup_free_ char *named = x_printf("status|--config|/nonexistent|--socket|%s", world->socket);
    expect(world, named, 0, "small", "");
    expect(world, "status|--socket|/nonexistent/s", 3, "", "/nonexistent/s");
    write_file(world->config, "[Daemon]\nNonsense=1\n");
    tool(world, "status"); /* where the main file is broken the default is all that is left */
    assert_non_null(strstr(world->err, "/run/dynamodb-backupd/control.sock"));
    _cleanup_free_ char *endless = x_printf("status|--socket|%0200d", 0);
    expect(world, endless, 2, "", "cannot be a socket");
}

static void wrong_words_end_with_2(void **state) {
    struct world *world = *state;
    expect(world, "", 2, "", "no command");
    expect(world, "stats", 2, "", "did you mean status?");
    expect(world, "doctor|x", 2, "", "not supported yet");
    expect(world, "next|--timezone|UTC", 2, "", "belong to an expression");
    expect(world, "next|1 2 3", 2, "", "3 fields");
    expect(world, "next|@daily|--timezone|Asia/Ho_Chi_Min", 2, "", "Asia/Ho_Chi_Min");
    expect(world, "next|@daily|--from|never", 2, "", "is no time");
}

static void help_and_version_end_with_0(void **state) {
    struct world *world = *state;
    expect(world, "--help", 0, "Exit status", "");
    expect(world, "run|--help", 0, "--wait", "");
    expect(world, "--version", 0, VERSION, "");
}

static void next_needs_no_daemon(void **state) {
    struct world *world = *state;
    expect(world, "next|0 2 * * mon-fri|--from|2026-11-20|--count|2", 0,
           "2026-11-20 02:00:00 UTC\n2026-11-23 02:00:00 UTC\n", "");
    expect(world, "next|0 2 20 11 *|--from|2026-11-20T02:00:00Z|--count|1", 0, "2026-11-20 02:00:00 UTC\n", "");
    expect(world, "next|0 0 30 2 *", 1, "", "does not run within 50 years");
}

static void check_needs_no_daemon(void **state) {
    struct world *world = *state;
    _cleanup_free_ char *jobs = x_printf("%s/jobs.d", world->folder), *job = x_printf("%s/small.conf", jobs);
    expect(world, "check", 0, "No jobs", "");
    assert_int_equal(mkdir(jobs, 0700), 0);
    write_file(
        job,
        "[Job]\nTable=tab\nRegion=us-east-1\nSchedule=0 2 * * *\nSchedule=@weekly\n[Destination]\nBucket=bucket\n");
    expect(world, "check", 0, "small: table tab to s3://bucket/small/; 0 2 * * *; @weekly in UTC\n  2", "");
    write_file(job, "[Job]\nTable=tab\nRegion=us-east-1\n[Destination]\nBucket=bucket\n");
    expect(world, "check", 0, "; only on demand\n", "");
    write_file(job, "[Job]\nTable=tab\nRegion=us-east-1\n[Destination]\nBucket=bucket\n[Drill]\nSchedule=@weekly\n");
    expect(world, "check", 0, "; only on demand\n drill into small-drill-...; @weekly in UTC\n  2", "");
    expect(world, "check|--json", 0, "\"next_drill\": [\n", "");
    write_file(job, "[Job]\nTable=tab\nRegion=us-east-1\nEnabled=no\n[Destination]\nBucket=bucket\n");
    expect(world, "check", 0, "; disabled\n", "");
    write_file(job, "[Job]\nTable=tab\nRegion=us-east-1\n[Destination]\nFromat=json\n");
    expect(world, "check", 1, "small.conf:5: Fromat: ", "");
    expect(world, "check|--json", 1, "\"problems\": [", "");
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_go_to_stdout, set_up, tear_down),
        cmocka_unit_test_setup_teardown(json_is_one_value, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_address_carries_how_to_read_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_job_that_cannot_be_listed_fails_the_list, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_run_is_started_or_waited_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_daemon_that_walks_away_is_no_daemon, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_socket_is_found_in_the_configuration_or_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrong_words_end_with_2, set_up, tear_down),
        cmocka_unit_test_setup_teardown(help_and_version_end_with_0, set_up, tear_down),
        cmocka_unit_test_setup_teardown(next_needs_no_daemon, set_up, tear_down),
        cmocka_unit_test_setup_teardown(check_needs_no_daemon, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
