/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of the control socket, cut where the first byte says: the same messages come out as when they come at once. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "control/frame.h"
#include "control/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define LONGEST 4096

static void read_message(const char *text, size_t length) {
    struct control_call call;
    struct control_answer answer;
    _cleanup_error_ struct error error = {0};
    assert(text[length] == '\0');
    if (control_call_parse(text, length, &call, &error))
        assert(call.method && call.parameters);
    else
        assert(error.code == ERROR_CORRUPT);
    control_call_fini(&call);
    if (control_answer_parse(text, length, &answer, NULL))
        assert(answer.parameters);
    control_answer_fini(&answer);
}

/* How many messages; they are appended to `all`, each behind its length. */
static size_t feed(const char *bytes, size_t length, size_t piece, struct buffer *all) {
    struct frames frames;
    size_t count = 0, size;
    const char *text;
    frames_init(&frames, LONGEST);
    for (size_t at = 0; at < length; at += piece) {
        if (!frames_feed(&frames, bytes + at, length - at < piece ? length - at : piece))
            break;
        for (; frames_next(&frames, &text, &size); count++) {
            buffer_printf(all, "%zu:", size);
            buffer_add_bytes(all, text, size);
        }
    }
    frames_fini(&frames);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    if (length == 0 || length > LONGEST)
        return 0;
    const char *stream = (const char *)bytes + 1;
    _cleanup_buffer_ struct buffer whole = BUFFER_INIT(BUFFER_OURS), pieces = BUFFER_INIT(BUFFER_OURS);
    size_t count = feed(stream, length - 1, length, &whole);
    assert(feed(stream, length - 1, bytes[0] % 16 + 1U, &pieces) == count);
    assert(whole.length == pieces.length && (!whole.length || memcmp(whole.data, pieces.data, whole.length) == 0));
    _cleanup_free_ char *text = x_strndup(stream, length - 1);
    read_message(text, strlen(text));
    return 0;
}
