/* SPDX-License-Identifier: Apache-2.0 */
/* XML from a server gone mad: paths stay within their depth, texts within their bound, whatever comes. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "aws/xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static size_t depth_of(const char *path) {
    size_t depth = 1;
    for (; *path; path++)
        depth += *path == '/';
    return depth;
}

static bool on_text(void *arg, const char *path, const char *text) {
    (void)arg;
    assert(depth_of(path) <= XML_DEPTH && strlen(text) <= XML_TEXT);
    return true;
}

static bool on_end(void *arg, const char *path) {
    return on_text(arg, path, "");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    const struct xml_handler handler = {.text = on_text, .end = on_end};
    struct error error = {0};
    const char *document = (const char *)bytes;
    bool whole = xml_parse(document, length, &handler, &error);
    assert(whole == (error.code == ERROR_NONE));
    error_clear(&error);
    char *code = xml_find(document, length, "Error/Code");
    assert(!code || whole);
    free(code);
    return 0;
}
