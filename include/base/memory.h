/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small memory. Asking for a few bytes never fails for the caller: where there are none left the process says so and
 * aborts, systemd starts it again, and the runs resume. Whatever is sized by bytes from outside is a struct buffer,
 * which has a ceiling and can refuse.
 */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

void *x_malloc(size_t size) __attribute__((malloc, returns_nonnull));
void *x_calloc(size_t count, size_t size)
    __attribute__((malloc, returns_nonnull)); /* zeroed; count * size is checked */
void *x_realloc(void *old, size_t size) __attribute__((returns_nonnull));

/* Room for one more of `size` bytes in a list of `count` that only this makes larger: it doubles, and its owner keeps no capacity. */
void *x_grow(void *items, size_t count, size_t size) __attribute__((returns_nonnull, warn_unused_result));

/* The same words; or both are NULL. */
bool text_equal(const char *a, const char *b);

/* Copies; NULL stays NULL. The caller frees. */
char *x_strdup(const char *text);
char *x_strndup(const char *text, size_t length);

/* A formatted string; the caller frees. */
char *x_printf(const char *format, ...) __attribute__((format(printf, 1, 2), returns_nonnull));
char *x_vprintf(const char *format, va_list arguments) __attribute__((format(printf, 1, 0), returns_nonnull));

/* Replaces *slot by a copy of `text` (or NULL), freeing what was there; `text` may be what was there. */
void x_replace(char **slot, const char *text);

/* Zeroes the string, then frees it. NULL is fine. For keys, tokens and whatever was signed with them. */
void secret_free(char *secret);

/* Zeroes `length` bytes in a way that the compiler keeps. */
void secret_zero(void *bytes, size_t length);

/* For locals: `_cleanup_free_ char *name = ...;` */
void cleanup_free(void *slot);
void cleanup_secret(char **slot);
#define _cleanup_free_   __attribute__((cleanup(cleanup_free)))
#define _cleanup_secret_ __attribute__((cleanup(cleanup_secret)))

/* Hands over what a pointer holds and leaves NULL. (systemd's TAKE_PTR.) */
#define take_pointer(pointer)                                                                                          \
    __extension__({                                                                                                    \
        __typeof__(pointer) *taken_slot_ = &(pointer);                                                                 \
        __typeof__(pointer) taken_ = *taken_slot_;                                                                     \
        *taken_slot_ = NULL;                                                                                           \
        taken_;                                                                                                        \
    })

#define array_length(array) (sizeof(array) / sizeof((array)[0]))

/* The struct that holds `member` at address `pointer`. */
#define container_of(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
