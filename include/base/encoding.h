/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes to text and back: hex, base64 (RFC 4648), percent-encoding (RFC 3986 as SigV4 wants it), markup and JSON. */
#ifndef BASE_ENCODING_H
#define BASE_ENCODING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/utf8.h"

/* Lower case; `text` has room for 2 * length + 1. */
void hex_encode(char *text, const void *bytes, size_t length);

/* Both cases accepted; exactly 2 * length digits. */
bool hex_decode(void *bytes, size_t length, const char *text);

#define BASE64_LENGTH(n) (((n) + 2) / 3 * 4)

/* With padding; `text` has room for BASE64_LENGTH(length) + 1. */
void base64_encode(char *text, const void *bytes, size_t length);

/* Appends the bytes; false on anything but canonical base64 with padding, or over the buffer's limit. */
bool base64_decode(struct buffer *bytes, const char *text, size_t length) __attribute__((warn_unused_result));

/* Unreserved characters stay (A-Z a-z 0-9 - . _ ~), `keep` names further ones ("/" for paths); upper-case hex. */
void percent_encode(struct buffer *out, const char *text, size_t length, const char *keep);

/* Appends the decoded bytes; false on a '%' without two hex digits, or over the limit. '+' stays '+'. */
bool percent_decode(struct buffer *out, const char *text, size_t length) __attribute__((warn_unused_result));

/* & < > " ' as character references: good in XML text, HTML text and quoted attributes. */
void markup_escape(struct buffer *out, const char *text);

/* The text as a JSON string with its quotes; bytes that are not UTF-8 become U+FFFD. */
void json_quote(struct buffer *out, const char *text);

#endif
