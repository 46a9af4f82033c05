/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever is encoded as json is JSON to another parser, and counts the same types as dynamodb-json counts. */
#include <json-c/json.h>

#include "stream_page.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void check_parses(char *out, size_t length) {
    struct json_tokener *tokener = json_tokener_new_ex(200);
    out[length] = ']'; /* the array's end, which a backup adds */
    struct json_object *array = json_tokener_parse_ex(tokener, out, (int)length + 1);
    if (!array || json_tokener_get_parse_end(tokener) != length + 1)
        abort();
    json_object_put(array);
    json_tokener_free(tokener);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    struct fuzz_page page;
    if (!fuzz_page_init(&page, bytes, length))
        return 0;
    struct type_counts json = {0}, dynamodb = {0};
    size_t json_length, line_length;
    char *out = fuzz_encode(&page, FORMAT_JSON, &json, &json_length);
    char *lines = fuzz_encode(&page, FORMAT_DYNAMODB_JSON, &dynamodb, &line_length);
    if (out && json_length)
        check_parses(out, json_length);
    if (out && (!lines || memcmp(&json, &dynamodb, sizeof json) != 0))
        abort();
    free(out);
    free(lines);
    fuzz_page_fini(&page);
    return 0;
}
