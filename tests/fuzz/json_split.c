/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text, cut anywhere: the same pieces come out however it arrives, and where each of them is JSON the whole is. The other way round too,
 * but for what the splitter refuses on its own: an array twice, a bound, a null.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json.h"
#include "base/json_split.h"
#include "base/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static const struct json_split_rule rules[] = {
    {"outputs", -1, 1000}, {"objects", 0, 300}, {"parts", 1, 100}, {"cuts", -1, 50}};

struct told {
    struct buffer text;
    bool all_json;
};

static bool on_element(void *arg, size_t rule, const char *text, size_t length, struct error *error) {
    struct told *told = arg;
    (void)error;
    buffer_printf(&told->text, "%zu %zu:", rule, length);
    buffer_add_bytes(&told->text, text, length);
    struct json_object *root = json_parse(text, length, NULL);
    told->all_json = told->all_json && root;
    json_object_put(root);
    return true;
}

/* In pieces of `piece` bytes; false where it was refused. */
static bool split_by(const char *text, size_t length, size_t piece, struct told *told) {
    struct json_split_events events = {on_element, told};
    struct json_split *split = json_split_new(rules, array_length(rules), 2000, &events);
    struct error error = {0};
    const char *rest;
    size_t left;
    bool good = true;
    for (size_t at = 0, count; good && at < length; at += count) {
        count = piece < length - at ? piece : length - at;
        good = json_split_add(split, text + at, count, &error);
    }
    if (good && json_split_end(split, &rest, &left, &error))
        on_element(told, array_length(rules), rest, left, &error);
    else
        good = false;
    if (good != !error.code)
        abort();
    error_clear(&error);
    json_split_free(split);
    return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    size_t piece = length ? bytes[0] % 16 + 1u : 1;
    const char *text = (const char *)bytes + (length > 0);
    length -= length > 0;
    struct told whole = {BUFFER_INIT(BUFFER_OURS), true}, pieces = whole;
    bool good = split_by(text, length, length + 1, &whole);
    if (good != split_by(text, length, piece, &pieces))
        abort();
    if (good &&
        (whole.text.length != pieces.text.length || memcmp(whole.text.data, pieces.text.data, whole.text.length) != 0))
        abort();
    if (good && whole.all_json) {
        struct json_object *root = json_parse(text, length, NULL);
        if (!root)
            abort();
        json_object_put(root);
    }
    buffer_fini(&whole.text);
    buffer_fini(&pieces.text);
    return 0;
}
