/* SPDX-License-Identifier: Apache-2.0 */
/* BatchWriteItem's answers and items' keys: a span stands inside what was read, a key is read whole or not at all, an item that an
 * answer gives back is one whose key can be asked for. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "stream/batch.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void read_key(const char *bytes, size_t length, const char *range) {
    const struct key_names names = {"id", range};
    struct buffer key = BUFFER_INIT(BUFFER_OURS), again = BUFFER_INIT(BUFFER_OURS);
    struct error error = {0};
    bool good = item_key(&key, &names, bytes, length, &error);
    assert(good == !error.code && good == (key.length > 0));
    if (good) {
        assert(item_key(&again, &names, bytes, length, NULL));
        assert(key.length == again.length);
    }
    error_clear(&error);
    buffer_fini(&key);
    buffer_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    struct batch_answer answer = {0};
    struct error error = {0};
    const char *text = (const char *)bytes;
    if (length > 1 << 20)
        return 0;
    bool good = batch_answer_read(&answer, text, length, &error);
    assert(good == !error.code);
    for (size_t i = 0; good && i < answer.count; i++) {
        assert(answer.items[i].length >= 2 && answer.items[i].offset + answer.items[i].length <= length);
        read_key(text + answer.items[i].offset, answer.items[i].length, "at");
    }
    read_key(text, length, NULL);
    read_key(text, length, "at");
    batch_answer_fini(&answer);
    error_clear(&error);
    return 0;
}
