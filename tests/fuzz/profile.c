/* SPDX-License-Identifier: Apache-2.0 */
/* Shared files of any content: credentials up to the first 0xfe byte, config behind it. What is refused says why; a plan that
 * is made is whole. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "aws/profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void check_plan(const struct profile_plan *plan) {
    assert(plan->role_count <= PROFILE_ROLES);
    for (size_t i = 0; i < plan->role_count; i++)
        assert(plan->roles[i].role_arn && plan->roles[i].profile);
    assert((plan->base == PROFILE_BASE_KEYS) == (plan->keys.access_key != NULL));
    assert(!plan->keys.access_key || (*plan->keys.access_key && *plan->keys.secret_key));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    const uint8_t *cut = length ? memchr(bytes, 0xfe, length) : NULL;
    size_t first = cut ? (size_t)(cut - bytes) : length, second = cut ? length - first - 1 : 0;
    struct profiles *profiles = profiles_new();
    struct error error = {0};
    bool ok = profiles_add(profiles, PROFILE_CREDENTIALS, "credentials", (const char *)bytes, first, &error) &&
              (!cut || profiles_add(profiles, PROFILE_CONFIG, "config", (const char *)cut + 1, second, &error));
    static const char *const names[] = {"default", "a", "b"};
    for (size_t i = 0; ok && i < sizeof names / sizeof *names; i++) {
        struct profile_plan plan = {0};
        struct error why = {0};
        if (profile_resolve(&plan, profiles, names[i], &why))
            check_plan(&plan);
        else
            assert(why.code == ERROR_NOT_FOUND || why.code == ERROR_INVALID);
        error_clear(&why);
        profile_plan_fini(&plan);
    }
    assert(ok == (error.code == ERROR_NONE));
    error_clear(&error);
    profiles_free(profiles);
    return 0;
}
