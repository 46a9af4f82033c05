/* SPDX-License-Identifier: Apache-2.0 */
/* Messages out of a stream. What has been handed out is forgotten only when more comes, so many small messages cost one move. */
#include "control/frame.h"

#include <string.h>

/* Behind the longest message: its NUL, and what came with it in one read. */
#define SLACK ((size_t)128 << 10)

void frames_init(struct frames *frames, size_t longest) {
    *frames = (struct frames){.bytes = BUFFER_INIT(longest + SLACK), .longest = longest};
}

void frames_fini(struct frames *frames) {
    buffer_fini(&frames->bytes);
}

/* Is the message that comes next complete? Looks at each byte once. */
static bool find_end(struct frames *frames, size_t *end) {
    size_t length = frames->bytes.length;
    const char *from = frames->bytes.data + frames->searched;
    const char *nul = length > frames->searched ? memchr(from, '\0', length - frames->searched) : NULL;
    frames->searched = nul ? (size_t)(nul - frames->bytes.data) : length;
    *end = frames->searched;
    return nul != NULL;
}

static void forget_old(struct frames *frames) {
    struct buffer *bytes = &frames->bytes;
    if (!frames->start)
        return;
    memmove(bytes->data, bytes->data + frames->start, bytes->length - frames->start + 1);
    bytes->length -= frames->start;
    frames->searched -= frames->start;
    frames->start = 0;
}

bool frames_feed(struct frames *frames, const char *bytes, size_t length) {
    size_t end;
    forget_old(frames);
    if (!buffer_append(&frames->bytes, bytes, length))
        return false;
    find_end(frames, &end);
    return end - frames->start <= frames->longest;
}

bool frames_next(struct frames *frames, const char **text, size_t *length) {
    size_t end;
    if (!find_end(frames, &end))
        return false;
    *text = frames->bytes.data + frames->start;
    *length = end - frames->start;
    frames->start = frames->searched = end + 1;
    return true;
}

size_t frames_waiting(const struct frames *frames) {
    return frames->bytes.length - frames->start;
}
