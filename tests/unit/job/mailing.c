/* SPDX-License-Identifier: Apache-2.0 */
/* The mail behind a run: sent, tried again with new links, given up after a day; and whose mail status shows. */
#include "world.h"

#include "base/json.h"
#include "job/jobs.h"
#include "job/mailing.h"

#define MAIL "[Email]\nFrom=a@example.org\nTo=b@example.org\n"
#define SES  "outbound-emails"

/* The waits of mailing.c, 5 s and its doubles, are cut to a millisecond; all other timers are libuv's. Linked in by --wrap. */
int __real_uv_timer_start(uv_timer_t *timer, uv_timer_cb ring, uint64_t timeout, uint64_t repeat);
int __wrap_uv_timer_start(uv_timer_t *timer, uv_timer_cb ring, uint64_t timeout, uint64_t repeat);
int64_t __real_clock_monotonic(void);
int64_t __wrap_clock_monotonic(void);

static uint64_t next_wait; /* 0: none is expected */
static int64_t passed;     /* what the waits would have taken */

int __wrap_uv_timer_start(uv_timer_t *timer, uv_timer_cb ring, uint64_t timeout, uint64_t repeat) {
    if (next_wait && timeout == next_wait) {
        passed += (int64_t)timeout;
        next_wait = next_wait * 2 < 3600000 ? next_wait * 2 : 3600000;
        timeout = 1;
    }
    return __real_uv_timer_start(timer, ring, timeout, repeat);
}

int64_t __wrap_clock_monotonic(void) {
    return __real_clock_monotonic() + passed;
}

struct mail_world {
    struct world *world;
    struct mailing *mailing;
    unsigned sent, failed, given_up;
    int64_t first_wait;
    bool over, cut_short;
};

static void on_sent(void *arg, const char *message_id, bool link_cut_short) {
    struct mail_world *mail = arg;
    assert_string_equal(message_id, "m-1");
    mail->sent++;
    mail->cut_short = link_cut_short;
    mail->over = true;
    mail->mailing = NULL;
}

static void on_failed(void *arg, const struct error *error, int64_t next_ms) {
    struct mail_world *mail = arg;
    assert_non_null(error->message);
    if (!mail->failed++)
        mail->first_wait = next_ms;
}

static void on_given_up(void *arg, const struct error *error) {
    struct mail_world *mail = arg;
    assert_non_null(error->message);
    mail->given_up++;
    mail->over = true;
    mail->mailing = NULL;
}

static int set_up(void **state) {
    struct mail_world *mail = x_calloc(1, sizeof *mail);
    void *world;
    world_set_up(&world);
    mail->world = world;
    next_wait = 0;
    passed = 0;
    world_job(mail->world, "Format=json\n" MAIL);
    world_page(mail->world, 0, 1, 10);
    world_run(mail->world);
    assert_whole(mail->world);
    *state = mail;
    return 0;
}

static int tear_down(void **state) {
    struct mail_world *mail = *state;
    void *world = mail->world;
    mailing_free(mail->mailing);
    world_tear_down(&world);
    free(mail);
    return 0;
}

#define WITH_MAIL(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static void start(struct mail_world *mail) {
    struct world *world = mail->world;
    struct mailing_events events = {on_sent, on_failed, on_given_up, mail};
    struct mailing_order order = {world->engine, world->config, world->config->jobs[0], &world->result, 0};
    mail->mailing = mailing_start(&order, &events);
    assert_false(mail->over);
}

static void refuse_mails(struct mail_world *mail, unsigned times) {
    next_wait = 5000;
    cloud_rule(mail->world->cloud,
               &(struct cloud_rule){
                   .match = SES, .act = CLOUD_REFUSE, .status = 400, .code = "MessageRejected", .times = times});
}

static void a_mail_has_the_link_of_the_plain_object(void **state) {
    struct mail_world *mail = *state;
    start(mail);
    run_until(&mail->world->loop, &mail->over);
    assert_int_equal(mail->sent, 1);
    assert_false(mail->cut_short);
    const char *body = cloud_body(mail->world->cloud, SES);
    assert_non_null(strstr(body, mail->world->result.keys[0]));
    assert_non_null(strstr(body, "X-Amz-Signature="));
    assert_non_null(strstr(body, "X-Amz-Expires=3600"));
}

static void a_mail_that_is_refused_is_tried_again_with_new_links(void **state) {
    struct mail_world *mail = *state;
    refuse_mails(mail, 2);
    unsigned heads = cloud_count(mail->world->cloud, "HEAD");
    start(mail);
    run_until(&mail->world->loop, &mail->over);
    assert_int_equal(mail->failed, 2);
    assert_int_equal(mail->first_wait, 5000);
    assert_int_equal(mail->sent, 1);
    assert_int_equal(cloud_count(mail->world->cloud, "HEAD") - heads, 3); /* links begin with one */
}

static void a_mail_is_given_up_after_a_day(void **state) {
    struct mail_world *mail = *state;
    refuse_mails(mail, 0);
    start(mail);
    run_until(&mail->world->loop, &mail->over);
    assert_int_equal(mail->given_up, 1);
    assert_int_equal(mail->sent, 0);
    assert_true(passed > 22 * HOUR_MS && passed < DAY_MS);
    assert_true(mail->failed > 24 && mail->failed < 40);
}

static void an_object_that_has_gone_is_no_reason_to_be_silent_for_ever(void **state) {
    struct mail_world *mail = *state;
    next_wait = 5000;
    cloud_rule(
        mail->world->cloud,
        &(struct cloud_rule){.match = "HEAD", .act = CLOUD_REFUSE, .status = 404, .code = "NoSuchKey", .times = 1});
    start(mail);
    run_until(&mail->world->loop, &mail->over);
    assert_int_equal(mail->failed, 1);
    assert_int_equal(mail->sent, 1);
}

static void a_mailing_dropped_at_any_moment_leaves_nothing(void **state) {
    struct mail_world *mail = *state;
    static const char *const moments[] = {"HEAD", SES};
    start(mail);
    mailing_free(take_pointer(mail->mailing));
    for (size_t i = 0; i < array_length(moments); i++) {
        cloud_no_rules(mail->world->cloud);
        cloud_rule(mail->world->cloud, &(struct cloud_rule){.match = moments[i], .act = CLOUD_HOLD});
        start(mail);
        world_until_held(mail->world, moments[i], 1);
        mailing_free(take_pointer(mail->mailing));
        cloud_forget_held(mail->world->cloud);
    }
    assert_int_equal(mail->sent + mail->failed + mail->given_up, 0);
}

/* ------------------------------------------------------------ the job's own templates */

static void use_template(struct mail_world *mail, const char *folder) {
    struct world *world = mail->world;
    _cleanup_free_ char *text = x_printf(MAIL "Template=%s\n", folder);
    config_unref(world->config);
    world->config = world_config(world, "", "j", text, NULL);
}

static void templates_that_cannot_be_read_delay_the_mail(void **state) {
    struct mail_world *mail = *state;
    use_template(mail, "/nowhere/templates");
    next_wait = 5000;
    start(mail);
    run_until(&mail->world->loop, &mail->over);
    assert_int_equal(mail->given_up, 1);
    assert_int_equal(cloud_count(mail->world->cloud, SES), 0);
}

static void a_mailing_dropped_while_its_templates_are_read_leaves_nothing(void **state) {
    struct mail_world *mail = *state;
    use_template(mail, "/nowhere/templates");
    next_wait = 5000;
    start(mail);
    uv_run(&mail->world->loop, UV_RUN_NOWAIT);
    uv_run(&mail->world->loop, UV_RUN_NOWAIT);
    mailing_free(take_pointer(mail->mailing));
}

/* ------------------------------------------------------------ as a job sees it */

static char *mail_status(struct jobs *jobs) {
    struct json_object *status = jobs_status(jobs, "j");
    char *text = x_strdup(json_string(json_object_at(status, "last"), "mail"));
    json_object_put(status);
    return text;
}

static void run_job(struct world *world, struct jobs *jobs) {
    char run[RUN_LENGTH + 1];
    assert_int_equal(jobs_run(jobs, "j", "a test", run), JOBS_OK);
    while (jobs_running(jobs))
        run_for(&world->loop, 1);
}

static void until_mail_is(struct world *world, struct jobs *jobs, const char *expected) {
    for (unsigned i = 0; i < 2000; i++) {
        _cleanup_free_ char *status = mail_status(jobs);
        if (strcmp(status, expected) == 0)
            return;
        run_for(&world->loop, 5);
    }
    fail_msg("the mail's state is not %s after 10 s", expected);
}

static void the_mail_of_an_older_run_is_not_shown_as_the_newest_ones(void **state) {
    struct world *world = ((struct mail_world *)*state)->world;
    struct error error = {0};
    struct jobs *jobs = jobs_new(&world->shared, NULL, world->config, &error);
    cloud_rule(world->cloud, &(struct cloud_rule){.match = SES, .act = CLOUD_HOLD});
    run_job(world, jobs);
    world_until_held(world, SES, 1);
    run_job(world, jobs);
    world_until_held(world, SES, 2);
    assert_true(cloud_release(world->cloud, SES)); /* the older one's */
    while (!world_has_said(world, "mail-sent"))
        run_for(&world->loop, 1);
    until_mail_is(world, jobs, "pending");
    assert_true(cloud_release(world->cloud, SES));
    until_mail_is(world, jobs, "sent");
    jobs_free(jobs);
}

static void a_mail_that_fails_never_makes_the_backup_bad(void **state) {
    struct world *world = ((struct mail_world *)*state)->world;
    struct error error = {0};
    struct jobs *jobs = jobs_new(&world->shared, NULL, world->config, &error);
    cloud_rule(world->cloud,
               &(struct cloud_rule){.match = SES, .act = CLOUD_REFUSE, .status = 400, .code = "MessageRejected"});
    run_job(world, jobs);
    until_mail_is(world, jobs, "failed");
    struct json_object *status = jobs_status(jobs, "j");
    assert_string_equal(json_string(json_object_at(status, "last"), "result"), "success");
    assert_non_null(strstr(json_string(json_object_at(status, "last"), "mail_error"), "MessageRejected"));
    json_object_put(status);
    jobs_free(jobs);
}

static void a_failure_is_mailed_without_a_link(void **state) {
    struct world *world = ((struct mail_world *)*state)->world;
    struct error error = {0};
    struct jobs *jobs = jobs_new(&world->shared, NULL, world->config, &error);
    cloud_rule(world->cloud, &(struct cloud_rule){
                                 .match = "Scan", .act = CLOUD_REFUSE, .status = 400, .code = "AccessDeniedException"});
    run_job(world, jobs);
    until_mail_is(world, jobs, "sent");
    const char *body = cloud_body(world->cloud, SES);
    assert_non_null(strstr(body, "AccessDeniedException"));
    assert_null(strstr(body, "X-Amz-Signature"));
    jobs_free(jobs);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_MAIL(a_mail_has_the_link_of_the_plain_object),
        WITH_MAIL(a_mail_that_is_refused_is_tried_again_with_new_links),
        WITH_MAIL(a_mail_is_given_up_after_a_day),
        WITH_MAIL(an_object_that_has_gone_is_no_reason_to_be_silent_for_ever),
        WITH_MAIL(a_mailing_dropped_at_any_moment_leaves_nothing),
        WITH_MAIL(templates_that_cannot_be_read_delay_the_mail),
        WITH_MAIL(a_mailing_dropped_while_its_templates_are_read_leaves_nothing),
        WITH_MAIL(the_mail_of_an_older_run_is_not_shown_as_the_newest_ones),
        WITH_MAIL(a_mail_that_fails_never_makes_the_backup_bad),
        WITH_MAIL(a_failure_is_mailed_without_a_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
