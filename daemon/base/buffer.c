/* SPDX-License-Identifier: Apache-2.0 */
/* Growing bytes with a ceiling. Doubles, so that appending is linear; the ceiling counts `length`, not what was allocated. */
#include "base/buffer.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define FIRST 256

void buffer_fini(struct buffer *buffer) {
    free(buffer->data);
    *buffer = (struct buffer){.limit = buffer->limit};
}

void buffer_fini_secret(struct buffer *buffer) {
    secret_zero(buffer->data, buffer->capacity);
    buffer_fini(buffer);
}

/* The old bytes are zeroed: they may be a secret, and realloc() would leave them behind. */
static bool grow(struct buffer *buffer, size_t capacity) {
    char *data = malloc(capacity);
    if (!data)
        return false;
    if (buffer->data) {
        memcpy(data, buffer->data, buffer->length + 1);
        secret_zero(buffer->data, buffer->length);
        free(buffer->data);
    } else {
        data[0] = '\0';
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

bool buffer_reserve(struct buffer *buffer, size_t more) {
    if (more > buffer->limit || buffer->length > buffer->limit - more)
        return false;
    size_t need = buffer->length + more + 1;
    if (need <= buffer->capacity)
        return true;
    size_t capacity = buffer->capacity ? buffer->capacity : FIRST;
    while (capacity < need)
        capacity = capacity > SIZE_MAX / 2 ? need : capacity * 2;
    return grow(buffer, capacity);
}

bool buffer_append(struct buffer *buffer, const void *bytes, size_t length) {
    if (!buffer_reserve(buffer, length))
        return false;
    if (length)
        memcpy(buffer->data + buffer->length, bytes, length);
    buffer->length += length;
    buffer->data[buffer->length] = '\0';
    return true;
}

void buffer_add_bytes(struct buffer *buffer, const void *bytes, size_t length) {
    if (!buffer_append(buffer, bytes, length)) {
        fputs("<2>a text of our own is over its ceiling, or out of memory\n", stderr);
        abort();
    }
}

void buffer_add(struct buffer *buffer, const char *text) {
    buffer_add_bytes(buffer, text, strlen(text));
}

void buffer_add_char(struct buffer *buffer, char c) {
    buffer_add_bytes(buffer, &c, 1);
}

void buffer_printf(struct buffer *buffer, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *text = x_vprintf(format, arguments);
    va_end(arguments);
    buffer_add(buffer, text);
    secret_free(text);
}

void buffer_clear(struct buffer *buffer) {
    buffer->length = 0;
    if (buffer->data)
        buffer->data[0] = '\0';
}

char *buffer_take(struct buffer *buffer) {
    char *data = buffer->data ? buffer->data : x_strdup("");
    *buffer = (struct buffer){.limit = buffer->limit};
    return data;
}
