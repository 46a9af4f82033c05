/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of a stream become messages that end in NUL. Pure; both ends of the socket use it. */
#ifndef CONTROL_FRAME_H
#define CONTROL_FRAME_H

#include "base/buffer.h"

#define FRAME_CALL ((size_t)1 << 20) /* the longest call that the daemon takes, without its NUL */
#define FRAME_REPLY                                                                                                    \
    ((size_t)256 << 20) /* the longest reply that the tool takes: a link for each of some hundred thousand files */

struct frames {
    struct buffer bytes;
    size_t start, searched; /* of the message that comes next; up to where it has no NUL */
    size_t longest;
};

void frames_init(struct frames *frames, size_t longest);
void frames_fini(struct frames *frames);

/* Bytes as they came. False: the message that comes next is too long (or there is no memory for it). */
bool frames_feed(struct frames *frames, const char *bytes, size_t length) __attribute__((warn_unused_result));

/* The next whole message; false where there is none yet. Borrowed until frames_feed(). */
bool frames_next(struct frames *frames, const char **text, size_t *length);

/* Bytes that wait, in whole messages or parts. */
size_t frames_waiting(const struct frames *frames);

#endif
