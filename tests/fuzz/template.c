/* SPDX-License-Identifier: Apache-2.0 */
/* A template that is taken is rendered, within its limit. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "report/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static const char *const names[] = {"a", "list", "none", NULL};

static const char *value(void *arg, const char *name, size_t index) {
    (void)arg;
    (void)index;
    return strcmp(name, "a") == 0 ? "<value>" : NULL;
}

static size_t repeat(void *arg, const char *name, size_t index) {
    return strcmp(name, "list") == 0 ? 3 : value(arg, name, index) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    static const struct template_values values = {value, repeat, NULL};
    _cleanup_free_ char *text = x_strndup((const char *)bytes, length);
    _cleanup_error_ struct error error = {0};
    struct buffer out = BUFFER_INIT(1 << 16);
    if (template_check("t", text, names, &error))
        assert(template_render(&out, text, &values, length & 1) || out.length <= out.limit);
    else
        assert(error.code == ERROR_INVALID);
    buffer_fini(&out);
    return 0;
}
