/* SPDX-License-Identifier: Apache-2.0 */
/* Replies as a person reads them, letter by letter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "render.h"
#include "table.h"

#define NOW ((int64_t)1795140000 * SECOND_MS) /* 2026-11-20T02:00:00Z */

/* JSON with ' for ", to be read easily. */
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

static void expect(struct buffer *out, const char *text) {
    assert_string_equal(out->data ? out->data : "", text);
    buffer_fini(out);
}

#define DAEMON                                                                                                         \
    "'daemon':{'version':'0.1.0','pid':7,'started':'2026-11-20T00:00:00Z','jobs_running':1,'memory':{'limit':"         \
    "67108864,'used':"                                                                                                 \
    "1048576,'peak':2097152}"

static const char status[] =
    "{" DAEMON
    "},'jobs':[{'name':'small','table':'t','enabled':true,'schedules':['0 2 * * *','@weekly'],'timezone':'UTC',"
    "'next':'2026-11-21T02:00:00Z','state':'running','progress':{'state':'stream','items':50,'estimated_items':100,'"
    "raw_bytes':2048,'stored_bytes':0,"
    "'started':'2026-11-20T01:59:50Z'},'last':{'run':'ab','id':'ID','result':'success','ended':'2026-11-19T02:00:10Z','"
    "items':1000,"
    "'bytes':12345,'uri':'s3://b/k/','mail':'failed','mail_error':'not verified'}},"
    "{'name':'off','table':'u','enabled':false,'schedules':[],'next':null,'state':'idle','last':{'result':'failure',"
    "'ended':'2026-11-19T02:00:10Z','items':0,'bytes':0,'error':'no\\u001b table','left_behind':'parts'}},"
    "{'name':'new','enabled':true,'state':'idle'}]}";

static void status_is_a_table_with_what_is_wrong_below(void **state) {
    (void)state;
    _cleanup_json_ struct json_object *reply = json(status);
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    render_status(reply, NOW, &out);
    expect(&out, "dynamodb-backupd 0.1.0, pid 7, up 2h 0min, 1 running, buffers 1.0 MiB of 64.0 MiB (most 2.0 MiB)\n"
                 "\n"
                 "JOB    STATE    NEXT                     LAST                             ITEMS      SIZE\n"
                 "small  running  2026-11-21 02:00:00 UTC  success 2026-11-19 02:00:10 UTC  1,000  12.0 KiB\n"
                 "off    idle     disabled                 failure 2026-11-19 02:00:10 UTC      0       0 B\n"
                 "new    idle     -                        -\n"
                 "small [============>           ] 50%  50 items  2.0 KiB  5 items/s  10.0 s left\n"
                 "small: mail not sent: not verified\n"
                 "off: last run failed: no? table\n"
                 "off: left behind in S3: parts\n");
}

static void a_broken_configuration_stands_on_top(void **state) {
    (void)state;
    _cleanup_json_ struct json_object *reply =
        json("{" DAEMON ",'config_error':'/c/a.conf:3: Schedul: no\\n/c/b.conf: gone'},'jobs':[]}");
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    render_status(reply, NOW, &out);
    expect(&out, "dynamodb-backupd 0.1.0, pid 7, up 2h 0min, 1 running, buffers 1.0 MiB of 64.0 MiB (most 2.0 MiB)\n"
                 "The configuration on disk is wrong; what runs is the one before it:\n"
                 "  /c/a.conf:3: Schedul: no\n"
                 "  /c/b.conf: gone\n"
                 "\n"
                 "No jobs: each file jobs.d/NAME.conf beside the configuration is one.\n");
}

static void one_job_is_told_whole(void **state) {
    (void)state;
    _cleanup_json_ struct json_object *reply = json(status);
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    const struct json_object *jobs = json_array_at(reply, "jobs");
    render_job(json_object_array_get_idx(jobs, 0), NOW, &out);
    expect(&out, "Job        small\n"
                 "Table      t\n"
                 "Schedule   0 2 * * *; @weekly in UTC\n"
                 "State      running\n"
                 "Next       2026-11-21 02:00:00 UTC\n"
                 "Last       success 2026-11-19 02:00:10 UTC\n"
                 "Backup     ID\n"
                 "Run        ab\n"
                 "Stands in  s3://b/k/\n"
                 "Items      1,000\n"
                 "Size       12.0 KiB\n"
                 "Mail       failed\n"
                 "small [============>           ] 50%  50 items  2.0 KiB  5 items/s  10.0 s left\n"
                 "small: mail not sent: not verified\n");
    render_job(json_object_array_get_idx(jobs, 2), NOW, &out);
    expect(&out, "Job        new\n"
                 "Schedule   none: only on demand\n"
                 "State      idle\n"
                 "Next       -\n"
                 "Last       -\n");
}

static void backups_are_listed(void **state) {
    (void)state;
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    _cleanup_json_ struct json_object *reply = json("{'backups':[{'id':'01795140000000-1a2b3c4d','job':'small','table':"
                                                    "'t','started':'2026-11-20T02:00:00.123Z','items':1234567,"
                                                    "'bytes':1048576,'formats':['dynamodb-json','json']},{'id':'x'}]}");
    render_list(reply, &out);
    expect(&out,
           "ID                       JOB    TABLE  STARTED                      ITEMS     SIZE  FORMATS\n"
           "01795140000000-1a2b3c4d  small  t      2026-11-20 02:00:00 UTC  1,234,567  1.0 MiB  dynamodb-json json\n"
           "x                                      -                                -        -\n");
    _cleanup_json_ struct json_object *none = json("{'backups':[]}");
    render_list(none, &out);
    expect(&out, "No backups.\n");
}

/* Where nobody knows which of two tables of a name is the job's. */
static void tables_of_one_name_are_listed_by_their_arns(void **state) {
    (void)state;
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    _cleanup_json_ struct json_object *reply =
        json("{'backups':[{'id':'1','job':'a','table':'t','table_arn':'arn:x:t'},{'id':'2','job':'a','table':'t',"
             "'table_arn':'arn:y:t'}]}");
    render_list(reply, &out);
    assert_non_null(strstr(out.data, "1   a    arn:x:t"));
    assert_non_null(strstr(out.data, "2   a    arn:y:t"));
    buffer_fini(&out);
    reply =
        (json_object_put(reply), json("{'backups':[{'id':'1','job':'a','table':'t','table_arn':'arn:x:t'},{'id':'2',"
                                      "'job':'b','table':'t','table_arn':'arn:y:t'}]}"));
    render_list(reply, &out);
    assert_null(strstr(out.data, "arn:"));
    buffer_fini(&out);
}

static void a_backup_is_shown_with_its_objects(void **state) {
    (void)state;
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    _cleanup_json_ struct json_object *reply = json(
        "{'uri':'s3://b/p/','backup':{'id':'ID','job':'small','table_arn':'arn','run':'ab','host':'h','software':'s 1',"
        "'started':'2026-11-20T02:00:00.000Z','ended':'2026-11-20T02:01:30.000Z','items':1000,'scanned_bytes':2048,"
        "'outputs':[{'format':'json','compression':'none','objects':[{'key':'p/"
        "k.json','size':4096,'items':1000,'parts':[{},{}]}]}]}}");
    render_show(reply, &out);
    expect(&out, "Backup     ID\n"
                 "Job        small\n"
                 "Table      arn\n"
                 "Stands in  s3://b/p/\n"
                 "Started    2026-11-20 02:00:00 UTC\n"
                 "Ended      2026-11-20 02:01:30 UTC\n"
                 "Took       1min 30s\n"
                 "Items      1,000\n"
                 "Scanned    2.0 KiB\n"
                 "Run        ab\n"
                 "Host       h\n"
                 "Software   s 1\n"
                 "\n"
                 "OBJECT    FORMAT  COMPRESSION  ITEMS     SIZE  PARTS\n"
                 "p/k.json  json    none         1,000  4.0 KiB      2\n");
}

static void links_stand_alone_on_their_lines(void **state) {
    (void)state;
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    _cleanup_json_ struct json_object *reply =
        json("{'links':[{'key':'k','url':'https://b/"
             "k?X-Amz-Signature=ab','expires':'2026-11-20T03:00:00Z'},{'key':'l','expires':"
             "'2026-11-20T01:00:00Z'}],'cut_short':true}");
    render_links(reply, NOW, &out);
    expect(&out, "k, until 2026-11-20 03:00:00 UTC (1h 0min)\n"
                 "https://b/k?X-Amz-Signature=ab\n"
                 "l, until 2026-11-20 01:00:00 UTC\n"
                 "The links end early: the credentials that signed them end before LinkExpires=.\n");
}

static void next_times_are_in_the_jobs_zone(void **state) {
    (void)state;
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    _cleanup_json_ struct json_object *reply =
        json("{'jobs':[{'name':'a','timezone':'No/"
             "Where','next':['2026-11-20T03:00:00Z','nonsense']},{'name':'b','next':[]}]}");
    render_next(reply, &out);
    expect(&out, "a\n"
                 "  2026-11-20 03:00:00 UTC\n"
                 "  -\n"
                 "b: only on demand\n");
}

static void a_prune_says_what_goes_and_why(void **state) {
    (void)state;
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    _cleanup_json_ struct json_object *reply = json(
        "{'jobs':[{'job':'a','timezone':'UTC','dry_run':false,'removed':1,'failed':1,'foreign':2,'held':'the clock\\n',"
        "'backups':[{'id':'1','kind':'backup','started':'2026-11-20T03:00:00Z','bytes':2048,'decision':'remove','"
        "outcome':"
        "'removed','why':'w1'},{'id':'2','kind':'remains','started':'2026-11-20T04:00:00Z','decision':'remove','"
        "outcome':"
        "'failed','why':'w2','error':'k: "
        "AccessDenied'},{'id':'3','kind':'backup','decision':'keep','outcome':'left','why':"
        "'w3'}]},{'job':'b','error':'listing: 403'},{'job':'c','dry_run':true,'backups':[{'id':'4','kind':'backup',"
        "'decision':'remove','outcome':'left','why':'w4'}]}]}");
    render_pruned(reply, &out);
    expect(&out, "ID  KIND     STARTED                     SIZE  ACTION   WHY\n"
                 "1   backup   2026-11-20 03:00:00 UTC  2.0 KiB  removed  w1\n"
                 "2   remains  2026-11-20 04:00:00 UTC        -  failed   w2: k: AccessDenied\n"
                 "3   backup   -                              -  keep     w3\n"
                 "a: 1 removed, 1 could not be removed; 2 folders beside them are not this job's\n"
                 "a: the clock?\n"
                 "\n"
                 "b: listing: 403\n"
                 "\n"
                 "ID  KIND    STARTED  SIZE  ACTION  WHY\n"
                 "4   backup  -           -  remove  w4\n"
                 "c: a dry run: 1 to remove\n");
}

static void results_say_how_it_ended(void **state) {
    (void)state;
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    _cleanup_json_ struct json_object *good =
        json("{'result':{'result':'success','items':1000,'bytes':2048,'duration_ms':12400,'uri':"
             "'s3://b/p/'},'links':[{'key':'k','url':'https://u','expires':'2026-11-20T03:00:00Z'}]}");
    render_result("small", good, NOW, &out);
    expect(&out, "small: success: 1,000 items, 2.0 KiB in 12.4 s\n"
                 "s3://b/p/\n"
                 "k, until 2026-11-20 03:00:00 UTC (1h 0min)\n"
                 "https://u\n");
    _cleanup_json_ struct json_object *bad = json("{'result':{'result':'failure','items':0,'bytes':0,'duration_ms':"
                                                  "2500,'error':'Scan: 403','uri':'s3://b/p/','left_behind':'x'}}");
    render_result("small", bad, NOW, &out);
    expect(&out, "small: failure after 2.5 s: Scan: 403\n"
                 "left behind in S3: x\n");
    _cleanup_json_ struct json_object *none = json("{}");
    render_result("small", none, NOW, &out);
    expect(&out, "small: unknown: - items, -\n");
}

static void expect_error(const char *name, const char *parameters, const char *words) {
    struct control_answer answer = {.error = x_strdup(name), .parameters = json(parameters)};
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    render_error(&answer, &out);
    expect(&out, words);
    control_answer_fini(&answer);
}

static void errors_become_words(void **state) {
    (void)state;
    expect_error(CONTROL_NO_SUCH_JOB, "{'job':'smal','nearest':'small'}", "no job \"smal\"; did you mean small?");
    expect_error(CONTROL_NO_SUCH_JOB, "{'job':'%s'}", "no job \"%s\"");
    expect_error(CONTROL_NO_SUCH_BACKUP, "{'backup':'x'}",
                 "no backup \"x\": dynamodb-backupctl list shows those that exist");
    expect_error(CONTROL_ALREADY_RUNNING, "{'job':'a'}", "a runs already: dynamodb-backupctl status shows how far");
    expect_error(CONTROL_NOT_RUNNING, "{'job':'a'}", "a does not run");
    expect_error(CONTROL_JOB_DISABLED, "{}", "? is disabled: set Enabled=yes in its file and reload");
    expect_error(CONTROL_STOPPING, "{}", "the daemon stops: no run starts any more");
    expect_error(CONTROL_FAILED, "{'message':'S3: 403'}", "S3: 403");
    expect_error(CONTROL_FAILED, "{}", "the daemon failed and does not say why");
    expect_error(CONTROL_PERMISSION_DENIED, "{'message':'join the group'}", "join the group");
    expect_error(CONTROL_CONFIG_INVALID, "{'problems':['a:1: x','b: y']}",
                 "the configuration is wrong; the one before it goes on\n  a:1: x\n  b: y");
    expect_error(VARLINK_METHOD_NOT_FOUND, "{'method':'a.B'}",
                 "the daemon does not know a.B: it is of another version than this tool");
    expect_error("x.y.Z", "{}", "the daemon answers x.y.Z");
}

static void expect_progress(const char *progress, size_t columns, const char *line) {
    _cleanup_json_ struct json_object *object = json(progress);
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    render_progress("viên", object, NOW, columns, &out);
    assert_true(text_width(out.data) <= columns);
    expect(&out, line);
}

static void progress_is_one_line(void **state) {
    (void)state;
    expect_progress("{'state':'describe','items':0}", 80, "viên: describe  0 items  0 B");
    expect_progress("{}", 80, "viên  0 items  0 B");
    expect_progress(
        "{'state':'stream','items':200,'estimated_items':100,'started':'2026-11-20T01:59:58Z','throttles':3}", 80,
        "viên [=======================>] 99%  200 items  0 B  100 items/s  3 throttled");
    expect_progress("{'state':'stream','items':200,'started':'2026-11-20T02:00:00Z'}", 80,
                    "viên: stream  200 items  0 B");
    expect_progress("{'state':'stream','items':200,'read_capacity':12.5,'throttles':1}", 90,
                    "viên: stream  200 items  0 B  at most 12.5 read units/s  1 throttled");
    expect_progress("{'state':'stream','items':200,'read_capacity':null}", 80, "viên: stream  200 items  0 B");
    expect_progress("{'state':'stream','items':200,'started':'nonsense'}", 80, "viên: stream  200 items  0 B");
    expect_progress("{'state':'describe','items':0}", 4, "viên");
    expect_progress("{'state':'describe','items':0}", 3, "viê");
}

static void restore(const char *text, const char *wanted) {
    _cleanup_json_ struct json_object *result = json(text);
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    render_restore(result, &out);
    expect(&out, wanted);
}

static void a_restore_says_what_it_wrote_and_what_is_missing(void **state) {
    (void)state;
    restore(
        "{'table':'new','table_arn':'arn:x','result':'success','items':1000,'items_before':0,'bytes':2048,'duration_ms'"
        ":4000,"
        "'plan':['p'],'missing':['tags: no\\u001b','replicas: 2']}",
        "new: success: 1,000 items, 2.0 KiB in 4.0 s, 250 items/s\narn:x\nWhat the table lacks that the original had:\n"
        "  tags: no?\n  replicas: 2\n");
    restore("{'table':'new','result':'success','items':1,'items_before':2000,'bytes':5,'duration_ms':320,'missing':[]}",
            "new: success: 1 items, 5 B in 320 ms; 2,000 stood there already\n");
}

static void a_restore_that_failed_says_how_far_it_came(void **state) {
    (void)state;
    restore("{'table':'new','result':'failure','items':0,'error':'table new is not empty'}",
            "new: failure: table new is not empty\n");
    restore("{'table':'new','result':'failure','items':50,'bytes':1024,'duration_ms':1000,'error':'denied'}",
            "new: failure: denied\nwritten until then: 50 items, 1.0 KiB in 1.0 s, 50 items/s; the same restore, asked "
            "for again, goes on "
            "from there\n");
}

static void a_dry_run_says_what_would_be_done(void **state) {
    (void)state;
    restore("{'table':'new','result':'success','dry_run':true,'plan':['table new is made','5 items are "
            "written'],'missing':['tags: x']}",
            "new: nothing was changed. The restore would do this:\n  table new is made\n  5 items are written\n"
            "What the table would lack that the original had:\n  tags: x\n");
}

static void a_restore_shows_its_progress(void **state) {
    (void)state;
    _cleanup_json_ struct json_object *progress = json("{'state':'write','items':1500,'items_before':500,'estimated_"
                                                       "items':2500,'bytes':2048,'throttles':1,'unprocessed':4,"
                                                       "'started':'2026-11-20T01:59:50Z'}");
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    render_restore_progress("new", progress, NOW, 120, &out);
    expect(&out, "new [============>           ] 50%  1,000 items  2.0 KiB  100 items/s  10.0 s left  5 throttled");
    _cleanup_json_ struct json_object *early = json("{'state':'create','items':0}");
    render_restore_progress("new", early, NOW, 120, &out);
    expect(&out, "new: create  0 items  0 B");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_restore_says_what_it_wrote_and_what_is_missing),
        cmocka_unit_test(a_restore_that_failed_says_how_far_it_came),
        cmocka_unit_test(a_dry_run_says_what_would_be_done),
        cmocka_unit_test(a_restore_shows_its_progress),
        cmocka_unit_test(status_is_a_table_with_what_is_wrong_below),
        cmocka_unit_test(a_broken_configuration_stands_on_top),
        cmocka_unit_test(one_job_is_told_whole),
        cmocka_unit_test(backups_are_listed),
        cmocka_unit_test(tables_of_one_name_are_listed_by_their_arns),
        cmocka_unit_test(a_backup_is_shown_with_its_objects),
        cmocka_unit_test(links_stand_alone_on_their_lines),
        cmocka_unit_test(next_times_are_in_the_jobs_zone),
        cmocka_unit_test(a_prune_says_what_goes_and_why),
        cmocka_unit_test(results_say_how_it_ended),
        cmocka_unit_test(errors_become_words),
        cmocka_unit_test(progress_is_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
