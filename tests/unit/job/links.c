/* SPDX-License-Identifier: Apache-2.0 */
/* Links are signed for what stands there, where it stands. */
#include "job/links.h"
#include "world.h"

struct signing {
    struct world *world;
    bool over, has_region;
    unsigned times;
    enum error_code code;
    size_t count;
};

static int set_up(void **state) {
    struct signing *signing = x_calloc(1, sizeof *signing);
    void *world;
    world_set_up(&world);
    signing->world = world;
    world_job(signing->world, "");
    *state = signing;
    return 0;
}

static int tear_down(void **state) {
    struct signing *signing = *state;
    void *world = signing->world;
    int left = world_tear_down(&world);
    free(signing);
    return left;
}

#define WITH_SIGNING(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static void on_links(void *arg, const struct link_list *links, const struct error *error) {
    struct signing *signing = arg;
    signing->over = true;
    signing->times++;
    signing->code = error ? error->code : ERROR_NONE;
    signing->count = links ? links->count : 0;
    signing->has_region = links && strstr(links->items[0].url, "eu-west-1");
}

static struct links *start(struct signing *signing, char **keys, size_t count) {
    struct world *world = signing->world;
    struct links_request request = {.engine = world->engine,
                                    .config = world->config,
                                    .job = world->config->jobs[0],
                                    .keys = keys,
                                    .key_count = count,
                                    .expires = HOUR_MS};
    return links_start(&request, on_links, signing);
}

static void sign(struct signing *signing, char **keys, size_t count) {
    start(signing, keys, count);
    run_until(&signing->world->loop, &signing->over);
}

static void links_are_signed_where_the_object_stands(void **state) {
    struct signing *signing = *state;
    char a[] = "p/a", b[] = "p/b", *keys[] = {a, b};
    cloud_put(signing->world->cloud, "p/a", "r", "x", 1);
    sign(signing, keys, 2);
    assert_int_equal(signing->count, 2);
    assert_true(signing->has_region);
}

static void no_link_leads_to_what_is_not_there(void **state) {
    struct signing *signing = *state;
    char a[] = "p/a", *keys[] = {a};
    sign(signing, keys, 1);
    assert_int_equal(signing->code, ERROR_NOT_FOUND);
    assert_int_equal(signing->count, 0);
}

static void links_that_may_not_be_made_say_why(void **state) {
    struct signing *signing = *state;
    char a[] = "p/a", *keys[] = {a};
    cloud_put(signing->world->cloud, "p/a", "r", "x", 1);
    cloud_rule(signing->world->cloud,
               &(struct cloud_rule){.match = "HEAD", .act = CLOUD_REFUSE, .status = 403, .code = "AccessDenied"});
    sign(signing, keys, 1);
    assert_int_equal(signing->code, ERROR_DENIED);
    assert_int_equal(signing->count, 0);
}

static void links_taken_back_at_any_moment_leave_nothing(void **state) {
    struct signing *signing = *state;
    char a[] = "p/a", *keys[] = {a};
    links_cancel(start(signing, keys, 1));
    cloud_rule(signing->world->cloud, &(struct cloud_rule){.match = "HEAD", .act = CLOUD_HOLD});
    struct links *links = start(signing, keys, 1);
    world_until_held(signing->world, "HEAD", 1);
    links_cancel(links);
    cloud_forget_held(signing->world->cloud);
    links_cancel(NULL);
    assert_int_equal(signing->times, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_SIGNING(links_are_signed_where_the_object_stands),
        WITH_SIGNING(no_link_leads_to_what_is_not_there),
        WITH_SIGNING(links_that_may_not_be_made_say_why),
        WITH_SIGNING(links_taken_back_at_any_moment_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
