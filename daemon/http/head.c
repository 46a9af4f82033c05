/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An answer's headers lie in one buffer, with offsets to each name and value: the buffer moves while it grows, so pointers
 * are made at the end.
 */
#include "http/head.h"

#include <ctype.h>
#include <string.h>

void http_head_init(struct http_head *head) {
    *head = (struct http_head){.text = BUFFER_INIT(HTTP_HEADERS_SIZE)};
}

void http_head_fini(struct http_head *head) {
    buffer_fini(&head->text);
    head->count = 0;
}

void http_head_clear(struct http_head *head) {
    buffer_clear(&head->text);
    head->count = 0;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void trim(const char **text, size_t *length) {
    while (*length && is_blank(**text)) {
        (*text)++;
        (*length)--;
    }
    while (*length && is_blank((*text)[*length - 1]))
        (*length)--;
}

static bool keep(struct http_head *head, const char *text, size_t length, size_t *offset) {
    *offset = head->text.length;
    return buffer_append(&head->text, text, length) && buffer_append(&head->text, "", 1);
}

static bool add(struct http_head *head, const char *line, const char *colon, size_t length, struct error *error) {
    const char *name = line, *value = colon + 1;
    size_t name_length = (size_t)(colon - line), value_length = length - name_length - 1;
    trim(&name, &name_length);
    trim(&value, &value_length);
    if (head->count == HTTP_HEADERS_MOST) {
        error_set(error, ERROR_TOO_LARGE, "the answer has more than %d headers", HTTP_HEADERS_MOST);
        return false;
    }
    size_t at = head->text.length, value_at;
    if (!keep(head, name, name_length, &at) || !keep(head, value, value_length, &value_at)) {
        error_set(error, ERROR_TOO_LARGE, "the answer's headers are longer than %zu KiB", HTTP_HEADERS_SIZE >> 10);
        return false;
    }
    for (char *c = head->text.data + at; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    head->spans[head->count].name = at;
    head->spans[head->count].value = value_at;
    head->count++;
    return true;
}

bool http_head_line(struct http_head *head, const char *line, size_t length, struct error *error) {
    if (length >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        http_head_clear(head);
        return true;
    }
    /* Without a colon: the empty line at the end. A blank at the start: a folded line, which RFC 9112 lets us ignore. */
    const char *colon = length ? memchr(line, ':', length) : NULL;
    if (!colon || colon == line || is_blank(*line))
        return true;
    return add(head, line, colon, length, error);
}

const struct http_header *http_head_list(struct http_head *head) {
    for (size_t i = 0; i < head->count; i++)
        head->headers[i] = (struct http_header){
            .name = head->text.data + head->spans[i].name,
            .value = head->text.data + head->spans[i].value,
        };
    return head->headers;
}

const char *http_answer_header(const struct http_answer *answer, const char *name) {
    for (size_t i = 0; i < answer->header_count; i++) {
        if (strcmp(answer->headers[i].name, name) == 0)
            return answer->headers[i].value;
    }
    return NULL;
}
