/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets whose credentials: sources on a host with a metadata service, an STS, files and an environment. */
#include "credentials/host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aws/profile.h"
#include "base/memory.h"

#define TOKEN  "PUT /latest/api/token\n"
#define ROLES  "GET /latest/meta-data/iam/security-credentials/\n"
#define KEYS   "GET /latest/meta-data/iam/security-credentials/backup-host\n"
#define REGION "GET /latest/meta-data/placement/region\n"
#define AUTO                                                                                                           \
    { .source = SOURCE_AUTO, .region = "us-east-1" }

static char folder[] = "/tmp/cred-test-XXXXXX";

static void write_file(const char *name, const char *text) {
    _cleanup_free_ char *path = x_printf("%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void remove_file(const char *name) {
    _cleanup_free_ char *path = x_printf("%s/%s", folder, name);
    unlink(path);
}

static int set_up(void **state) {
    int result = host_set_up(state);
    _cleanup_free_ char *credentials = x_printf("%s/credentials", folder), *config = x_printf("%s/config", folder);
    host_setenv("AWS_SHARED_CREDENTIALS_FILE", credentials);
    host_setenv("AWS_CONFIG_FILE", config);
    return result;
}

static int tear_down(void **state) {
    remove_file("credentials");
    remove_file("config");
    return host_tear_down(state);
}

static void set_env_keys(void) {
    host_setenv("AWS_ACCESS_KEY_ID", "AKIAENV");
    host_setenv("AWS_SECRET_ACCESS_KEY", "secret");
}

static void the_environment_serves(void **state) {
    struct host *host = *state;
    const struct credential_settings settings = {.source = SOURCE_ENV};
    struct heard heard = host_ask_once(host, &settings);
    assert_int_equal(heard.code, ERROR_INVALID);
    assert_string_equal(heard.message, "credentials from env: AWS_ACCESS_KEY_ID is not set");
    host_restart_store(host);
    host_setenv("AWS_ACCESS_KEY_ID", "AKIAENV");
    assert_string_equal(host_ask_once(host, &settings).message,
                        "credentials from env: AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not");
    host_restart_store(host);
    host_setenv("AWS_SECRET_ACCESS_KEY", "secret");
    host_setenv("AWS_SESSION_TOKEN", "new");
    heard = host_ask_once(host, &settings);
    assert_string_equal(heard.access_key, "AKIAENV");
    assert_string_equal(heard.session_token, "new");
    assert_true(heard.expires == INT64_MAX);
}

static void the_environment_may_say_an_end(void **state) {
    struct host *host = *state;
    const struct credential_settings settings = {.source = SOURCE_ENV};
    set_env_keys();
    host_setenv("AWS_CREDENTIAL_EXPIRATION", "2025-07-06T03:00:00Z");
    host_setenv("AWS_SECURITY_TOKEN", "old");
    struct heard heard = host_ask_once(host, &settings);
    assert_true(heard.expires == HOST_TIME + HOUR_MS);
    assert_string_equal(heard.session_token, "old");
    host_restart_store(host);
    host_setenv("AWS_CREDENTIAL_EXPIRATION", "never");
    assert_int_equal(host_ask_once(host, &settings).code, ERROR_INVALID);
}

static void a_role_is_assumed_by_the_instance_role(void **state) {
    struct host *host = *state;
    const struct credential_settings settings = {.source = SOURCE_IMDS,
                                                 .role_arn = ROLE_ARN,
                                                 .external_id = "student 42",
                                                 .session_name = "dynamodb-backupd-x",
                                                 .duration_s = 3600,
                                                 .region = "us-east-1"};
    struct heard heard = host_ask_once(host, &settings);
    assert_string_equal(heard.access_key, "ASIA1");
    assert_string_equal(heard.session_token, "session1");
    assert_log(host, TOKEN ROLES KEYS "ASIAHOST assumes " ROLE_ARN " as dynamodb-backupd-x for 3600 by student 42\n");
}

static void a_role_finds_its_region(void **state) {
    struct host *host = *state;
    const struct credential_settings settings = {.source = SOURCE_IMDS, .role_arn = ROLE_ARN};
    assert_string_equal(host_ask_once(host, &settings).access_key, "ASIA1");
    assert_log(host, TOKEN REGION ROLES KEYS "ASIAHOST assumes " ROLE_ARN " as dynamodb-backupd\n");
}

static void a_role_is_assumed_anew_before_it_ends(void **state) {
    struct host *host = *state;
    const struct credential_settings settings = {.source = SOURCE_IMDS, .role_arn = ROLE_ARN, .region = "us-east-1"};
    struct credential_provider *provider = credential_store_get(host->store, &settings);
    assert_string_equal(host_ask(host, provider).access_key, "ASIA1");
    host_later(54 * MINUTE_MS);
    assert_string_equal(host_ask(host, provider).access_key, "ASIA1");
    host_later(MINUTE_MS);
    assert_string_equal(host_ask(host, provider).access_key, "ASIA2");
    host_later(HOUR_MS);
    host_fault(host, "POST", 400, "<ErrorResponse><Error><Code>X</Code><Message>no</Message></Error></ErrorResponse>",
               9);
    assert_string_equal(host_ask(host, provider).access_key, "");
    credential_provider_unref(provider);
}

#define REFUSED(code, message)                                                                                         \
    "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>" code         \
    "</Code><Message>" message "</Message></Error><RequestId>r-1</RequestId></ErrorResponse>"

static void a_denied_role_says_who_wanted_which(void **state) {
    struct host *host = *state;
    const struct credential_settings settings = {.source = SOURCE_IMDS, .role_arn = ROLE_ARN, .region = "us-east-1"};
    host_fault(host, "POST", 403,
               REFUSED("AccessDenied", "User: arn:aws:sts::1:assumed-role/host/i-1 is not authorized to perform: "
                                       "sts:AssumeRole on resource: " ROLE_ARN),
               1);
    struct heard heard = host_ask_once(host, &settings);
    assert_int_equal(heard.code, ERROR_DENIED);
    static const char *const said[] = {"imds assuming " ROLE_ARN " as session dynamodb-backupd",
                                       "User: arn:aws:sts::1:assumed-role/host/i-1", "r-1", "trust policy"};
    for (size_t i = 0; i < array_length(said); i++) {
        if (!strstr(heard.message, said[i]))
            fail_msg("\"%s\" does not say \"%s\"", heard.message, said[i]);
    }
}

static void a_chained_role_falls_back_to_an_hour(void **state) {
    struct host *host = *state;
    const struct credential_settings settings = {
        .source = SOURCE_IMDS, .role_arn = ROLE_ARN, .region = "us-east-1", .duration_s = 7200};
    host_fault(host, "POST", 400,
               REFUSED("ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles "
                                          "assumed by role chaining."),
               1);
    struct credential_provider *provider = credential_store_get(host->store, &settings);
    assert_null(credential_provider_notice(provider));
    assert_string_equal(host_ask(host, provider).access_key, "ASIA1");
    assert_non_null(strstr(credential_provider_notice(provider), "fell back to 1h"));
    assert_log(host, TOKEN ROLES KEYS "POST /\nASIAHOST assumes " ROLE_ARN " as dynamodb-backupd for 3600\n");
    credential_provider_unref(provider);
}

static void a_role_that_allows_less_says_what_to_do(void **state) {
    struct host *host = *state;
    const struct credential_settings settings = {
        .source = SOURCE_IMDS, .role_arn = ROLE_ARN, .region = "us-east-1", .duration_s = 7200};
    host_fault(host, "POST", 400,
               REFUSED("ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this "
                                          "role."),
               1);
    assert_non_null(strstr(host_ask_once(host, &settings).message, "lower Duration="));
}

static void hostile_answers_of_sts_end_in_one_error(void **state) {
    struct host *host = *state;
    static const char *const bodies[] = {"", "<html>", "{}", "<AssumeRoleResponse/>"};
    for (size_t i = 0; i < array_length(bodies); i++) {
        const struct credential_settings settings = {
            .source = SOURCE_IMDS, .role_arn = ROLE_ARN, .region = "us-east-1"};
        host_fault(host, "POST", 200, bodies[i], 1);
        struct heard heard = host_ask_once(host, &settings);
        assert_int_equal(heard.code, ERROR_CORRUPT);
        assert_non_null(strstr(heard.message, "imds assuming " ROLE_ARN));
        host_restart_store(host);
    }
}

static void what_is_no_role_is_said_without_asking(void **state) {
    struct host *host = *state;
    const struct credential_settings settings = {.source = SOURCE_IMDS, .role_arn = "Backup", .region = "us-east-1"};
    struct heard heard = host_ask_once(host, &settings);
    assert_int_equal(heard.code, ERROR_INVALID);
    assert_non_null(strstr(heard.message, "\"Backup\" is not a role's ARN"));
    assert_log(host, "");
}

/* Every word that differs makes another provider, and each of these signs as itself alone. */
static void no_setting_gets_anothers_credentials(void **state) {
    struct host *host = *state;
    const struct credential_settings settings[] = {
        {.source = SOURCE_IMDS, .role_arn = ROLE_ARN, .region = "us-east-1"},
        {.source = SOURCE_IMDS, .role_arn = ROLE_ARN, .region = "us-east-2"},
        {.source = SOURCE_IMDS, .role_arn = ROLE_ARN "2", .region = "us-east-1"},
        {.source = SOURCE_IMDS, .role_arn = ROLE_ARN, .region = "us-east-1", .external_id = "a"},
        {.source = SOURCE_IMDS, .role_arn = ROLE_ARN, .region = "us-east-1", .session_name = "aa"},
        {.source = SOURCE_IMDS, .role_arn = ROLE_ARN, .region = "us-east-1", .external_id = ";1:a"},
        {.source = SOURCE_IMDS, .role_arn = ROLE_ARN, .region = "us-east-1", .duration_s = 900},
        {.source = SOURCE_AUTO, .role_arn = ROLE_ARN, .region = "us-east-1"},
        {.source = SOURCE_IMDS},
    };
    enum { COUNT = array_length(settings) };
    struct credential_provider *providers[COUNT];
    struct heard heard[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        providers[i] = credential_store_get(host->store, &settings[i]);
        heard[i] = host_ask(host, providers[i]);
        for (size_t j = 0; j < i; j++) {
            assert_ptr_not_equal(providers[i], providers[j]);
            assert_string_not_equal(heard[i].access_key, heard[j].access_key);
        }
    }
    for (size_t i = 0; i < COUNT; i++) {
        struct credential_provider *again = credential_store_get(host->store, &settings[i]);
        assert_ptr_equal(again, providers[i]);
        assert_string_equal(host_ask(host, again).access_key, heard[i].access_key);
        credential_provider_unref(again);
        credential_provider_unref(providers[i]);
    }
}

static void equal_words_share_one_fetch(void **state) {
    struct host *host = *state;
    const struct credential_settings settings = {.source = SOURCE_IMDS, .role_arn = ROLE_ARN, .region = "us-east-1"};
    struct credential_provider *providers[100];
    struct heard heard[100] = {{0}};
    for (int i = 0; i < 100; i++) {
        providers[i] = credential_store_get(host->store, &settings);
        credential_provider_get(providers[i], on_heard, &heard[i]);
    }
    for (int i = 0; i < 100; i++) {
        host_run_until(host, &heard[i].times, 1);
        assert_string_equal(heard[i].access_key, "ASIA1");
        credential_provider_unref(providers[i]);
    }
    assert_log(host, TOKEN ROLES KEYS "ASIAHOST assumes " ROLE_ARN " as dynamodb-backupd\n");
}

static void the_base_of_roles_is_shared(void **state) {
    struct host *host = *state;
    const struct credential_settings one = {
        .source = SOURCE_IMDS, .role_arn = ROLE_ARN, .external_id = "x", .region = "us-east-1"};
    const struct credential_settings two = {
        .source = SOURCE_IMDS, .role_arn = ROLE_ARN "2", .duration_s = 900, .region = "eu-west-1"};
    host_ask_once(host, &one);
    host_ask_once(host, &two);
    assert_log(host,
               TOKEN ROLES KEYS "ASIAHOST assumes " ROLE_ARN " as dynamodb-backupd by x\nASIAHOST assumes " ROLE_ARN
                                "2 as dynamodb-backupd for 900\n");
}

static void a_profile_gives_its_keys_and_edited_ones_take_effect(void **state) {
    struct host *host = *state;
    const struct credential_settings settings = {.source = SOURCE_PROFILE, .profile = "p"};
    write_file("credentials", "[p]\naws_access_key_id=AKIA1\naws_secret_access_key=s\n");
    struct credential_provider *provider = credential_store_get(host->store, &settings);
    assert_string_equal(host_ask(host, provider).access_key, "AKIA1");
    write_file("credentials", "[p]\naws_access_key_id=AKIA2\naws_secret_access_key=s\n");
    assert_string_equal(host_ask(host, provider).access_key, "AKIA1");
    credential_provider_refused(provider, "AKIA1");
    assert_string_equal(host_ask(host, provider).access_key, "AKIA2");
    credential_provider_unref(provider);
}

static void a_profile_that_is_not_there_says_where_it_looked(void **state) {
    struct host *host = *state;
    const struct credential_settings settings = {.source = SOURCE_PROFILE, .profile = "p"};
    write_file("config", "[profile q]\nregion=us-east-1\n");
    struct heard heard = host_ask_once(host, &settings);
    _cleanup_free_ char *expected = x_printf(
        "credentials from profile: there is no profile p: looked in %s/credentials, %s/config", folder, folder);
    assert_string_equal(heard.message, expected);
    assert_int_equal(heard.code, ERROR_INVALID);
}

static void a_broken_file_says_its_line(void **state) {
    struct host *host = *state;
    const struct credential_settings settings = AUTO;
    write_file("credentials", "[p]\nno pair\n");
    struct heard heard = host_ask_once(host, &settings);
    _cleanup_free_ char *expected =
        x_printf("credentials from auto: profile: %s/credentials:2: neither a [section] nor KEY = VALUE", folder);
    assert_string_equal(heard.message, expected);
    assert_log(host, ""); /* never on to somebody else */
}

static void a_profile_assumes_role_by_role(void **state) {
    struct host *host = *state;
    const struct credential_settings settings = {.source = SOURCE_PROFILE, .profile = "p"};
    write_file("config",
               "[profile p]\nrole_arn=" ROLE_ARN "A\nsource_profile=q\nrole_session_name=me\nregion=eu-west-1\n"
               "[profile q]\nrole_arn=" ROLE_ARN "B\nsource_profile=r\nexternal_id=x\nduration_seconds=900\n"
               "[profile r]\naws_access_key_id=AKIA1\naws_secret_access_key=s\n");
    assert_string_equal(host_ask_once(host, &settings).access_key, "ASIA2");
    assert_log(host,
               "AKIA1 assumes " ROLE_ARN "B as dynamodb-backupd for 900 by x\nASIA1 assumes " ROLE_ARN "A as me\n");
}

static void a_profile_falls_back_to_an_hour_for_a_chained_role(void **state) {
    struct host *host = *state;
    const struct credential_settings settings = {.source = SOURCE_PROFILE, .profile = "p", .region = "us-east-1"};
    write_file("config", "[profile p]\nrole_arn=" ROLE_ARN "\ncredential_source=Ec2InstanceMetadata\n"
                         "duration_seconds=7200\n");
    host_fault(host, "POST", 400, REFUSED("ValidationError", "roles assumed by role chaining"), 1);
    struct credential_provider *provider = credential_store_get(host->store, &settings);
    assert_string_equal(host_ask(host, provider).access_key, "ASIA1");
    assert_non_null(strstr(credential_provider_notice(provider), "fell back to 3600"));
    assert_log(host, TOKEN ROLES KEYS "POST /\nASIAHOST assumes " ROLE_ARN " as dynamodb-backupd for 3600\n");
    credential_provider_unref(provider);
}

static void a_profile_may_stand_on_the_environment(void **state) {
    struct host *host = *state;
    const struct credential_settings settings = {.source = SOURCE_PROFILE, .profile = "p", .region = "us-east-1"};
    write_file("config", "[profile p]\nrole_arn=" ROLE_ARN "\ncredential_source=Environment\n");
    assert_string_equal(
        host_ask_once(host, &settings).message,
        "credentials from profile: profile p: credential_source = Environment: AWS_ACCESS_KEY_ID is not "
        "set");
    host_restart_store(host);
    set_env_keys();
    assert_string_equal(host_ask_once(host, &settings).access_key, "ASIA1");
    assert_log(host, "AKIAENV assumes " ROLE_ARN " as dynamodb-backupd\n");
}

static void auto_asks_in_order(void **state) {
    struct host *host = *state;
    const struct credential_settings settings = AUTO;
    assert_string_equal(host_ask_once(host, &settings).access_key, "ASIAHOST");
    write_file("credentials", "[default]\naws_access_key_id=AKIAFILE\naws_secret_access_key=s\n");
    host_restart_store(host);
    assert_string_equal(host_ask_once(host, &settings).access_key, "AKIAFILE");
    write_file("config", "[default]\nrole_arn=" ROLE_ARN "\nsource_profile=default\n");
    host_restart_store(host);
    assert_string_equal(host_ask_once(host, &settings).access_key, "ASIA1");
    set_env_keys();
    host_restart_store(host);
    assert_string_equal(host_ask_once(host, &settings).access_key, "AKIAENV");
    const struct credential_settings named = {.source = SOURCE_AUTO, .profile = "default", .region = "us-east-1"};
    assert_string_equal(host_ask_once(host, &named).access_key, "ASIA2"); /* a named profile goes before env */
}

static void auto_says_what_each_one_said(void **state) {
    struct host *host = *state;
    const struct credential_settings settings = AUTO;
    host_setenv("AWS_EC2_METADATA_DISABLED", "true");
    host_restart_store(host);
    struct heard heard = host_ask_once(host, &settings);
    _cleanup_free_ char *expected = x_printf(
        "credentials from auto: none of the sources has any: env: AWS_ACCESS_KEY_ID is not set; profile: there is "
        "no profile default: looked in %s/credentials, %s/config; imds: instance metadata: token: "
        "AWS_EC2_METADATA_DISABLED is true",
        folder, folder);
    assert_string_equal(heard.message, expected);
    assert_int_equal(heard.code, ERROR_INVALID);
}

static void auto_does_not_go_on_past_a_source_that_fails(void **state) {
    struct host *host = *state;
    const struct credential_settings settings = AUTO;
    host_setenv("AWS_PROFILE", "gone");
    struct heard heard = host_ask_once(host, &settings);
    assert_int_equal(heard.code, ERROR_INVALID);
    assert_non_null(strstr(heard.message, "credentials from auto: profile: there is no profile gone"));
    host_setenv("AWS_ACCESS_KEY_ID", "AKIAENV");
    host_restart_store(host);
    assert_string_equal(host_ask_once(host, &settings).message,
                        "credentials from auto: env: AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not");
    assert_log(host, "");
}

struct told {
    int times;
    char region[64], message[400];
    enum error_code code;
};

static void on_region(void *arg, const char *region, const struct error *error) {
    struct told *told = arg;
    told->times++;
    snprintf(told->region, sizeof told->region, "%s", region ? region : "");
    snprintf(told->message, sizeof told->message, "%s", error ? error->message : "");
    told->code = error ? error->code : ERROR_NONE;
}

static struct told look_up(struct host *host, const char *profile) {
    struct told told = {0};
    const struct credential_settings settings = {.source = SOURCE_AUTO, .profile = profile};
    region_lookup_start(host->store, &settings, on_region, &told);
    assert_int_equal(told.times, 0);
    host_run_until(host, &told.times, 1);
    return told;
}

static void the_region_is_looked_up_in_order(void **state) {
    struct host *host = *state;
    assert_string_equal(look_up(host, NULL).region, "ap-southeast-1");
    write_file("config", "[default]\nregion=eu-west-1\n[profile p]\nregion=eu-west-2\n");
    assert_string_equal(look_up(host, NULL).region, "eu-west-1");
    assert_string_equal(look_up(host, "p").region, "eu-west-2");
    host_setenv("AWS_DEFAULT_REGION", "us-east-1");
    assert_string_equal(look_up(host, "p").region, "us-east-1");
    host_setenv("AWS_REGION", "us-east-2");
    assert_string_equal(look_up(host, "p").region, "us-east-2");
    host_setenv("AWS_REGION", "not a region");
    struct told told = look_up(host, "p");
    assert_int_equal(told.code, ERROR_INVALID);
    assert_string_equal(told.message, "AWS_REGION says \"not a region\", which is not a region");
}

static void no_region_anywhere_is_said(void **state) {
    struct host *host = *state;
    host_setenv("AWS_EC2_METADATA_DISABLED", "true");
    host_restart_store(host);
    struct told told = look_up(host, NULL);
    assert_int_equal(told.code, ERROR_INVALID);
    assert_non_null(strstr(told.message, "no region: set Region= in [Job]"));
    write_file("config", "[broken\n");
    told = look_up(host, NULL);
    assert_non_null(strstr(told.message, "config:1: "));
}

static void what_is_under_way_can_be_cancelled(void **state) {
    struct host *host = *state;
    write_file("config", "[profile p]\nrole_arn=" ROLE_ARN "\ncredential_source=Ec2InstanceMetadata\n");
    const struct credential_settings settings[] = {
        {.source = SOURCE_PROFILE, .profile = "p"},
        {.source = SOURCE_IMDS, .role_arn = ROLE_ARN},
        {.source = SOURCE_AUTO},
        {.source = SOURCE_ENV},
    };
    for (size_t i = 0; i < 4 * 20; i++) {
        struct heard heard = {0};
        struct told told = {0};
        struct credential_provider *provider = credential_store_get(host->store, &settings[i % 4]);
        struct credential_request *request = credential_provider_get(provider, on_heard, &heard);
        struct region_lookup *lookup = region_lookup_start(host->store, &settings[0], on_region, &told);
        for (size_t turn = 0; turn < i / 4; turn++)
            uv_run(&host->loop, UV_RUN_NOWAIT);
        if (!heard.times)
            credential_request_cancel(request);
        if (!told.times)
            region_lookup_cancel(lookup);
        credential_provider_unref(provider);
        host_restart_store(host); /* with the last reference a fetch is stopped */
    }
}

static void names_past_their_limit_end_in_their_hash(void **state) {
    (void)state;
    _cleanup_free_ char *whole = name_within("0123456789", 10), *cut = name_within("0123456789a", 10);
    assert_string_equal(whole, "0123456789");
    assert_int_equal(strlen(cut), 10);
    assert_string_equal(cut, "0-73ceda67");
    _cleanup_free_ char *name = credential_session_name("studentData");
    assert_string_equal(name, "dynamodb-backupd-studentData");
    _cleanup_free_ char *one = credential_session_name("a-job-with-a-name-so-long-that-no-session-takes-it-1");
    _cleanup_free_ char *other = credential_session_name("a-job-with-a-name-so-long-that-no-session-takes-it-2");
    assert_int_equal(strlen(one), 64);
    assert_string_not_equal(one, other);
}

static void files_are_looked_for_in_order(void **state) {
    (void)state;
    struct profile_paths paths;
    _cleanup_buffer_ struct buffer told = BUFFER_INIT(BUFFER_OURS);
    host_setenv("AWS_SHARED_CREDENTIALS_FILE", "~/keys");
    host_setenv("AWS_CONFIG_FILE", NULL);
    profile_paths_init(&paths, host_getenv);
    assert_string_equal(paths.named[PROFILE_CREDENTIALS], "~/keys");
    profile_paths_fini(&paths);
    host_setenv("HOME", folder);
    host_setenv("CREDENTIALS_DIRECTORY", "/nowhere");
    profile_paths_init(&paths, host_getenv);
    profile_paths_tell(&paths, &told);
    _cleanup_free_ char *expected = x_printf("%s/keys, /nowhere/aws-config, %s/.aws/config", folder, folder);
    assert_string_equal(told.data, expected);
    struct profiles *profiles = profiles_read(&paths, NULL);
    assert_false(profiles_has(profiles, "default"));
    profiles_free(profiles);
    write_file("keys", "[default]\n");
    profiles = profiles_read(&paths, NULL);
    assert_true(profiles_has(profiles, "default"));
    profiles_free(profiles);
    remove_file("keys");
    profile_paths_fini(&paths);
}

static void systemds_credentials_go_before_home(void **state) {
    (void)state;
    struct profile_paths paths;
    host_setenv("AWS_SHARED_CREDENTIALS_FILE", NULL);
    host_setenv("AWS_CONFIG_FILE", "/dev/null");
    host_setenv("CREDENTIALS_DIRECTORY", folder);
    write_file("aws-credentials", "[default]\nx=1\n");
    profile_paths_init(&paths, host_getenv);
    struct profiles *profiles = profiles_read(&paths, NULL);
    assert_string_equal(profiles_get(profiles, "default", "x"), "1");
    profiles_free(profiles);
    profile_paths_fini(&paths);
    remove_file("aws-credentials");
    host_setenv("CREDENTIALS_DIRECTORY", NULL);
    profile_paths_init(&paths, host_getenv);
    _cleanup_buffer_ struct buffer told = BUFFER_INIT(BUFFER_OURS);
    free(paths.named[PROFILE_CONFIG]);
    paths.named[PROFILE_CONFIG] = NULL;
    profile_paths_tell(&paths, &told);
    assert_string_equal(told.data, "no file: neither AWS_SHARED_CREDENTIALS_FILE nor HOME is set");
    profile_paths_fini(&paths);
}

static void a_file_too_large_is_refused(void **state) {
    (void)state;
    struct profile_paths paths;
    _cleanup_error_ struct error error = {0};
    char *large = x_malloc(PROFILE_FILE_MOST + 2);
    memset(large, '\n', PROFILE_FILE_MOST + 1);
    large[PROFILE_FILE_MOST + 1] = '\0';
    write_file("credentials", large);
    free(large);
    profile_paths_init(&paths, host_getenv);
    assert_null(profiles_read(&paths, &error));
    assert_int_equal(error.code, ERROR_INVALID);
    assert_non_null(strstr(error.message, "larger than 1 MiB"));
    profile_paths_fini(&paths);
}

#define WITH_HOST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_HOST(the_environment_serves),
        WITH_HOST(the_environment_may_say_an_end),
        WITH_HOST(a_role_is_assumed_by_the_instance_role),
        WITH_HOST(a_role_finds_its_region),
        WITH_HOST(a_role_is_assumed_anew_before_it_ends),
        WITH_HOST(a_denied_role_says_who_wanted_which),
        WITH_HOST(a_chained_role_falls_back_to_an_hour),
        WITH_HOST(a_role_that_allows_less_says_what_to_do),
        WITH_HOST(hostile_answers_of_sts_end_in_one_error),
        WITH_HOST(what_is_no_role_is_said_without_asking),
        WITH_HOST(no_setting_gets_anothers_credentials),
        WITH_HOST(equal_words_share_one_fetch),
        WITH_HOST(the_base_of_roles_is_shared),
        WITH_HOST(a_profile_gives_its_keys_and_edited_ones_take_effect),
        WITH_HOST(a_profile_that_is_not_there_says_where_it_looked),
        WITH_HOST(a_broken_file_says_its_line),
        WITH_HOST(a_profile_assumes_role_by_role),
        WITH_HOST(a_profile_falls_back_to_an_hour_for_a_chained_role),
        WITH_HOST(a_profile_may_stand_on_the_environment),
        WITH_HOST(auto_asks_in_order),
        WITH_HOST(auto_says_what_each_one_said),
        WITH_HOST(auto_does_not_go_on_past_a_source_that_fails),
        WITH_HOST(the_region_is_looked_up_in_order),
        WITH_HOST(no_region_anywhere_is_said),
        WITH_HOST(what_is_under_way_can_be_cancelled),
        cmocka_unit_test(names_past_their_limit_end_in_their_hash),
        WITH_HOST(files_are_looked_for_in_order),
        WITH_HOST(systemds_credentials_go_before_home),
        WITH_HOST(a_file_too_large_is_refused),
    };
    if (!mkdtemp(folder))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
