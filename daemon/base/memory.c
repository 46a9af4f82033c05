/* SPDX-License-Identifier: Apache-2.0 */
/* Small memory that never fails for the caller, and zeroing that the compiler keeps. See the header for why. */
#include "base/memory.h"

#include <openssl/crypto.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static void *or_die(void *memory) {
    if (!memory) {
        fputs("<2>out of memory\n", stderr);
        abort();
    }
    return memory;
}

void *x_malloc(size_t size) {
    return or_die(malloc(size ? size : 1));
}

void *x_calloc(size_t count, size_t size) {
    return or_die(calloc(count ? count : 1, size ? size : 1));
}

void *x_realloc(void *old, size_t size) {
    return or_die(realloc(old, size ? size : 1));
}

/* Capacities are the powers of two. */
void *x_grow(void *items, size_t count, size_t size) {
    if (count & (count - 1))
        return items;
    if (count > SIZE_MAX / 2 / size)
        abort();
    return x_realloc(items, (count ? 2 * count : 1) * size);
}

bool text_equal(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

char *x_strdup(const char *text) {
    return text ? or_die(strdup(text)) : NULL;
}

char *x_strndup(const char *text, size_t length) {
    return text ? or_die(strndup(text, length)) : NULL;
}

char *x_vprintf(const char *format, va_list arguments) {
    char *text;
    if (vasprintf(&text, format, arguments) < 0)
        text = NULL;
    return or_die(text);
}

char *x_printf(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *text = x_vprintf(format, arguments);
    va_end(arguments);
    return text;
}

void x_replace(char **slot, const char *text) {
    char *copy = x_strdup(text);
    free(*slot);
    *slot = copy;
}

void secret_zero(void *bytes, size_t length) {
    if (bytes)
        OPENSSL_cleanse(bytes, length);
}

void secret_free(char *secret) {
    if (secret)
        OPENSSL_cleanse(secret, strlen(secret));
    free(secret);
}

void cleanup_free(void *slot) {
    free(*(void **)slot);
}

void cleanup_secret(char **slot) {
    secret_free(*slot);
}
