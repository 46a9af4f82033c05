/* SPDX-License-Identifier: Apache-2.0 */
/* Which reloads need another engine, and where a job's region comes from. */
#include "world.h"

static const char *no_environment(const char *name) {
    (void)name;
    return NULL;
}

static struct config *endpoints(const char *text) {
    struct config_problems problems = {0};
    struct config_text file = {"main.conf", text, strlen(text)};
    struct config *config = config_parse(&file, NULL, 0, no_environment, &problems);
    assert_non_null(config);
    config_problems_fini(&problems);
    return config;
}

static bool same(const char *one, const char *other) {
    struct config *a = endpoints(one), *b = endpoints(other);
    bool answer = engine_same(a, b);
    assert_int_equal(engine_same(b, a), answer);
    config_unref(a);
    config_unref(b);
    return answer;
}

static void only_endpoints_need_another_engine(void **state) {
    (void)state;
    assert_true(same("", ""));
    assert_true(same("", "[Daemon]\nMaxConcurrentJobs=1\nLogLevel=debug\n"));
    assert_true(same("[Endpoints]\nS3=http://h:1\n", "[Endpoints]\nS3=http://h:1\n"));
    assert_false(same("", "[Endpoints]\nS3=http://h:1\n"));
    assert_false(same("[Endpoints]\nS3=http://h:2\n", "[Endpoints]\nS3=http://h:1\n"));
    assert_false(same("[Endpoints]\nS3=http://h:1\n", "[Endpoints]\nSTS=http://h:1\n"));
    assert_false(same("", "[Endpoints]\nProxy=http://h:1\n"));
    assert_false(same("", "[Endpoints]\nCaBundle=/etc/ca.pem\n"));
}

static void a_jobs_region_is_its_own_before_that_of_its_tables_arn(void **state) {
    (void)state;
    char arn[] = "arn:aws:dynamodb:ap-southeast-1:123456789012:table/t", region[] = "eu-west-1", name[] = "tab";
    struct job_config both = {.table = arn, .region = region}, arn_only = {.table = arn}, none = {.table = name};
    _cleanup_free_ char *of_both = engine_region(&both), *of_arn = engine_region(&arn_only);
    assert_string_equal(of_both, "eu-west-1");
    assert_string_equal(of_arn, "ap-southeast-1");
    assert_null(engine_region(&none));
}

static void an_engine_lives_as_long_as_whoever_refers_to_it(void **state) {
    struct world *world = *state;
    world_job(world, "");
    struct engine *engine = engine_ref(world->engine);
    engine_unref(take_pointer(world->engine));
    assert_false(engine_s3_is_tls(engine, world->config->jobs[0], "eu-west-1"));
    engine_unref(engine);
    engine_unref(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_endpoints_need_another_engine),
        cmocka_unit_test(a_jobs_region_is_its_own_before_that_of_its_tables_arn),
        WITH_WORLD(an_engine_lives_as_long_as_whoever_refers_to_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
