/* SPDX-License-Identifier: Apache-2.0 */
/* The head of an answer, line by line, within bounds: a server can say much before its body. Pure. */
#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

#include "base/buffer.h"
#include "http/client.h"

#define HTTP_HEADERS_MOST 100
#define HTTP_HEADERS_SIZE ((size_t)32 << 10)

/* Zero-initialised but for `text`'s limit: http_head_init(). */
struct http_head {
    struct buffer text; /* names and values, a NUL behind each */
    size_t count;
    struct {
        size_t name, value; /* offsets in `text` */
    } spans[HTTP_HEADERS_MOST];
    struct http_header headers[HTTP_HEADERS_MOST]; /* filled by http_head_list() */
};

void http_head_init(struct http_head *head);
void http_head_fini(struct http_head *head);
void http_head_clear(struct http_head *head); /* keeps the memory */

/*
 * One line, with or without its CR LF. A status line starts over: what came before was an interim answer (100 Continue).
 * False with ERROR_TOO_LARGE past the bounds.
 */
bool http_head_line(struct http_head *head, const char *line, size_t length, struct error *error);

/* The headers so far; valid until the next line. */
const struct http_header *http_head_list(struct http_head *head);

#endif
