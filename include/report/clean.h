/* SPDX-License-Identifier: Apache-2.0 */
/* The last thing a text passes on its way into a log or a mail's header. Pure. */
#ifndef REPORT_CLEAN_H
#define REPORT_CLEAN_H

#include "base/buffer.h"

/*
 * Appends `text` as one line of valid UTF-8 without control characters (each becomes a blank, each byte that is not UTF-8 a
 * '?'), at most `limit` bytes of it and then "...". What stands behind the name of a signature, a session token or a secret
 * key (a signed link's query, an Authorization header, an XML or JSON member), as it is or percent-encoded, becomes "***".
 */
void clean_text(struct buffer *out, const char *text, size_t limit);

#endif
