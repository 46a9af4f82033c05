/* SPDX-License-Identifier: Apache-2.0 */
/* From a profile's name to keys and roles: botocore's order, and nobody else's credentials where something is missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "aws/profile.h"
#include "base/buffer.h"
#include "base/memory.h"

#define KEYS "aws_access_key_id=AKIA1\naws_secret_access_key=secret1\n"
#define ROLE "role_arn=arn:aws:iam::1:role/"

static struct profiles *parse(const char *credentials, const char *config) {
    struct profiles *profiles = profiles_new();
    struct error error = {0};
    if (!profiles_add(profiles, PROFILE_CREDENTIALS, "credentials", credentials, strlen(credentials), &error) ||
        !profiles_add(profiles, PROFILE_CONFIG, "config", config, strlen(config), &error))
        fail_msg("%s", error.message);
    return profiles;
}

static void resolve(struct profile_plan *plan, const char *credentials, const char *config) {
    struct profiles *profiles = parse(credentials, config);
    struct error error = {0};
    if (!profile_resolve(plan, profiles, "p", &error))
        fail_msg("%s", error.message);
    profiles_free(profiles);
}

static void assert_refused(enum error_code code, const char *credentials, const char *config, const char *message) {
    struct profiles *profiles = parse(credentials, config);
    struct profile_plan plan = {0};
    _cleanup_error_ struct error error = {0};
    assert_false(profile_resolve(&plan, profiles, "p", &error));
    assert_string_equal(error.message, message);
    assert_int_equal(error.code, code);
    assert_int_equal(plan.role_count, 0);
    profiles_free(profiles);
}

static void keys_alone_are_the_plan(void **state) {
    (void)state;
    struct profile_plan plan = {0};
    resolve(&plan, "[p]\n" KEYS "aws_session_token=token1\n", "[profile p]\nregion=eu-west-1\n");
    assert_int_equal(plan.base, PROFILE_BASE_KEYS);
    assert_string_equal(plan.keys.access_key, "AKIA1");
    assert_string_equal(plan.keys.secret_key, "secret1");
    assert_string_equal(plan.keys.session_token, "token1");
    assert_true(plan.keys.expires == INT64_MAX);
    assert_string_equal(plan.region, "eu-west-1");
    assert_int_equal(plan.role_count, 0);
    profile_plan_fini(&plan);
}

static void keys_may_stand_in_config(void **state) {
    (void)state;
    struct profile_plan plan = {0};
    resolve(&plan, "", "[profile p]\n" KEYS "aws_security_token=old\naws_session_token=new\n");
    assert_string_equal(plan.keys.access_key, "AKIA1");
    assert_string_equal(plan.keys.session_token, "old");
    profile_plan_fini(&plan);
    resolve(&plan, "[p]\naws_session_token=of nobody\n", "[profile p]\n" KEYS "aws_session_token=\n");
    assert_null(plan.keys.session_token);
    profile_plan_fini(&plan);
}

static void half_a_pair_is_refused(void **state) {
    (void)state;
    assert_refused(ERROR_INVALID, "[p]\naws_access_key_id=AKIA1\n", "[profile p]\naws_secret_access_key=other\n",
                   "profile p: aws_access_key_id stands without aws_secret_access_key in the same file");
    assert_refused(ERROR_INVALID, "[p]\naws_access_key_id=\naws_secret_access_key=x\n", "",
                   "profile p: aws_access_key_id is empty");
    assert_refused(ERROR_INVALID, "[p]\naws_access_key_id=A\n B\naws_secret_access_key=x\n", "",
                   "profile p: a key goes over several lines");
    assert_refused(ERROR_INVALID, "[p]\naws_access_key_id=A\naws_secret_access_key=x\n y\n", "",
                   "profile p: a key goes over several lines");
    assert_refused(ERROR_INVALID, "[p]\n" KEYS "aws_session_token=x\n y\n", "",
                   "profile p: a key goes over several lines");
}

static void nothing_there_is_not_found(void **state) {
    (void)state;
    assert_refused(ERROR_NOT_FOUND, "", "", "there is no profile p");
    assert_refused(ERROR_NOT_FOUND, "[q]\n" KEYS, "", "there is no profile p");
    assert_refused(ERROR_NOT_FOUND, "", "[profile p]\nregion=eu-west-1\n",
                   "profile p has neither role_arn nor aws_access_key_id");
}

static void a_role_stands_on_its_source_profile(void **state) {
    (void)state;
    struct profile_plan plan = {0};
    resolve(&plan, "[base]\n" KEYS,
            "[profile p]\n" ROLE "A\nsource_profile=base\nexternal_id=x y\nrole_session_name=me\n"
            "duration_seconds=7200\n");
    assert_int_equal(plan.role_count, 1);
    assert_string_equal(plan.roles[0].profile, "p");
    assert_string_equal(plan.roles[0].role_arn, "arn:aws:iam::1:role/A");
    assert_string_equal(plan.roles[0].external_id, "x y");
    assert_string_equal(plan.roles[0].session_name, "me");
    assert_int_equal(plan.roles[0].duration_s, 7200);
    assert_string_equal(plan.keys.access_key, "AKIA1");
    profile_plan_fini(&plan);
}

static void roles_stand_on_roles(void **state) {
    (void)state;
    struct profile_plan plan = {0};
    resolve(&plan, "",
            "[profile p]\n" ROLE "A\nsource_profile=q\nduration_seconds=1h\n[profile q]\n" ROLE
            "B\nsource_profile=r\nduration_seconds=-5\n[profile r]\n" ROLE
            "C\ncredential_source=Ec2InstanceMetadata\n");
    assert_int_equal(plan.base, PROFILE_BASE_IMDS);
    assert_int_equal(plan.role_count, 3);
    assert_string_equal(plan.roles[2].role_arn, "arn:aws:iam::1:role/C");
    assert_int_equal(plan.roles[0].duration_s, 0);
    assert_int_equal(plan.roles[1].duration_s, 0);
    profile_plan_drop_role(&plan);
    assert_int_equal(plan.role_count, 2);
    assert_string_equal(plan.roles[1].role_arn, "arn:aws:iam::1:role/B");
    profile_plan_fini(&plan);
}

static void a_role_goes_before_its_own_keys(void **state) {
    (void)state;
    struct profile_plan plan = {0};
    resolve(&plan, "", "[profile p]\n" ROLE "A\nsource_profile=p\n" KEYS);
    assert_int_equal(plan.role_count, 1);
    assert_string_equal(plan.keys.access_key, "AKIA1");
    profile_plan_fini(&plan);
}

/* Only the profile asked for assumes its role in spite of keys; a source gives its keys. */
static void a_source_with_keys_gives_them(void **state) {
    (void)state;
    struct profile_plan plan = {0};
    resolve(&plan, "[q]\n" KEYS,
            "[profile p]\n" ROLE "A\nsource_profile=q\n[profile q]\n" ROLE "B\ncredential_source=Environment\n");
    assert_int_equal(plan.role_count, 1);
    assert_int_equal(plan.base, PROFILE_BASE_KEYS);
    profile_plan_fini(&plan);
}

static void the_environment_can_be_the_source(void **state) {
    (void)state;
    struct profile_plan plan = {0};
    resolve(&plan, "", "[profile p]\n" ROLE "A\ncredential_source=Environment\n");
    assert_int_equal(plan.base, PROFILE_BASE_ENVIRONMENT);
    assert_null(plan.keys.access_key);
    profile_plan_fini(&plan);
}

static void loops_are_found(void **state) {
    (void)state;
    assert_refused(ERROR_INVALID, "", "[profile p]\n" ROLE "A\nsource_profile=p\n",
                   "profile p: its source_profile p leads back to itself, without end");
    assert_refused(ERROR_INVALID, "",
                   "[profile p]\n" ROLE "A\nsource_profile=q\n[profile q]\n" ROLE "B\nsource_profile=p\n",
                   "profile q: its source_profile p leads back to itself, without end");
    assert_refused(ERROR_INVALID, "",
                   "[profile p]\n" ROLE "A\nsource_profile=q\n[profile q]\n" ROLE
                   "B\nsource_profile=r\n[profile r]\n" ROLE "C\nsource_profile=q\n",
                   "profile r: its source_profile q leads back to itself, without end");
}

static void long_chains_end(void **state) {
    (void)state;
    for (int roles = 8; roles <= 9; roles++) {
        struct buffer text = BUFFER_INIT(BUFFER_OURS);
        buffer_add(&text, "[profile p]\n" ROLE "A\nsource_profile=p1\n");
        for (int i = 1; i < roles; i++)
            buffer_printf(&text, "[profile p%d]\n" ROLE "A%d\nsource_profile=p%d\n", i, i, i + 1);
        buffer_printf(&text, "[profile p%d]\n" KEYS, roles);
        if (roles == 8) {
            struct profile_plan plan = {0};
            resolve(&plan, "", text.data);
            assert_int_equal(plan.role_count, 8);
            profile_plan_fini(&plan);
        } else {
            assert_refused(ERROR_INVALID, "", text.data,
                           "profile p8: more than 8 roles one after the other, the last being arn:aws:iam::1:role/A8");
        }
        buffer_fini(&text);
    }
}

static void what_cannot_work_is_said(void **state) {
    (void)state;
    assert_refused(ERROR_INVALID, "", "[profile p]\n" ROLE "A\n",
                   "profile p: it has role_arn = arn:aws:iam::1:role/A, but neither source_profile nor "
                   "credential_source");
    assert_refused(ERROR_INVALID, "", "[profile p]\n" ROLE "A\nsource_profile=q\ncredential_source=Environment\n",
                   "profile p: it has both source_profile and credential_source; one is allowed");
    assert_refused(ERROR_INVALID, "", "[profile p]\n" ROLE "A\nsource_profile=q\n",
                   "profile p: its source_profile q does not exist");
    assert_refused(ERROR_INVALID, "", "[profile p]\n" ROLE "A\nsource_profile=q\n[profile q]\nregion=x\n",
                   "profile q: it is the source_profile of another and has no aws_access_key_id");
    assert_refused(ERROR_INVALID, "", "[profile p]\n" ROLE "A\nsource_profile=q\nmfa_serial=x\n",
                   "profile p: mfa_serial asks for a code that only a person could type");
    assert_refused(ERROR_INVALID, "", "[profile p]\n" ROLE "A\ncredential_source=Moon\n",
                   "profile p: credential_source = Moon is unknown; accepted are Environment and Ec2InstanceMetadata");
}

static void what_is_not_built_yet_is_said(void **state) {
    (void)state;
    assert_refused(ERROR_INVALID, "", "[profile p]\n" ROLE "A\ncredential_source=EcsContainer\n",
                   "profile p: credential_source = EcsContainer is not supported yet");
    assert_refused(ERROR_INVALID, "[p]\n" KEYS, "[profile p]\nsso_session=x\n",
                   "profile p: sso_session is not supported yet");
    assert_refused(ERROR_INVALID, "[p]\n" KEYS, "[profile p]\nsso_start_url=x\n",
                   "profile p: sso_start_url is not supported yet");
    assert_refused(ERROR_INVALID, "[p]\n" KEYS, "[profile p]\n" ROLE "A\nweb_identity_token_file=x\n",
                   "profile p: web_identity_token_file is not supported yet");
    assert_refused(ERROR_INVALID, "", "[profile p]\n" KEYS "credential_process=x\n",
                   "profile p: credential_process is not supported yet");
}

/* botocore asks the credentials file before credential_process. */
static void keys_of_the_credentials_file_go_before_a_process(void **state) {
    (void)state;
    struct profile_plan plan = {0};
    resolve(&plan, "[p]\n" KEYS, "[profile p]\ncredential_process=x\n");
    assert_string_equal(plan.keys.access_key, "AKIA1");
    profile_plan_fini(&plan);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_alone_are_the_plan),
        cmocka_unit_test(keys_may_stand_in_config),
        cmocka_unit_test(half_a_pair_is_refused),
        cmocka_unit_test(nothing_there_is_not_found),
        cmocka_unit_test(a_role_stands_on_its_source_profile),
        cmocka_unit_test(roles_stand_on_roles),
        cmocka_unit_test(a_role_goes_before_its_own_keys),
        cmocka_unit_test(a_source_with_keys_gives_them),
        cmocka_unit_test(the_environment_can_be_the_source),
        cmocka_unit_test(loops_are_found),
        cmocka_unit_test(long_chains_end),
        cmocka_unit_test(what_cannot_work_is_said),
        cmocka_unit_test(what_is_not_built_yet_is_said),
        cmocka_unit_test(keys_of_the_credentials_file_go_before_a_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
