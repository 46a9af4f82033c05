/* SPDX-License-Identifier: Apache-2.0 */
/* Errors as values: set once where it failed, told more on the way up. See the header. */
#include "base/error.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
    [ERROR_NONE] = "none",           [ERROR_THROTTLED] = "throttled", [ERROR_TRANSIENT] = "transient",
    [ERROR_EXPIRED] = "expired",     [ERROR_SKEW] = "skew",           [ERROR_REGION] = "region",
    [ERROR_NOT_FOUND] = "not-found", [ERROR_EXISTS] = "exists",       [ERROR_DENIED] = "denied",
    [ERROR_INVALID] = "invalid",     [ERROR_CORRUPT] = "corrupt",     [ERROR_TOO_LARGE] = "too-large",
    [ERROR_MEMORY] = "memory",       [ERROR_CANCELLED] = "cancelled", [ERROR_SYSTEM] = "system",
};

const char *error_code_name(enum error_code code) {
    return names[code];
}

/* Out of memory while telling of an error: the code still arrives, the words do not. */
__attribute__((format(printf, 1, 0))) static char *format_words(const char *format, va_list words) {
    char *text;
    return vasprintf(&text, format, words) < 0 ? NULL : text;
}

void error_set(struct error *error, enum error_code code, const char *format, ...) {
    if (!error)
        return;
    assert(error->code == ERROR_NONE && code != ERROR_NONE);
    va_list words;
    va_start(words, format);
    error->code = code;
    error->message = format_words(format, words);
    va_end(words);
}

/* NULL where a half is missing or there is no memory: the message then stays as it was. */
static char *join(char *first, char *second) {
    char *whole = NULL;
    if (!first || !second || asprintf(&whole, "%s: %s", first, second) < 0)
        whole = NULL;
    return whole;
}

void error_set_errno(struct error *error, int errno_value, const char *format, ...) {
    if (!error)
        return;
    assert(error->code == ERROR_NONE);
    char reason[128];
    va_list words;
    va_start(words, format);
    error->code = ERROR_SYSTEM;
    error->message = format_words(format, words);
    va_end(words);
    error_advice(error, "%s", strerror_r(errno_value, reason, sizeof reason));
}

static void replace_message(struct error *error, char *whole) {
    if (!whole)
        return;
    free(error->message);
    error->message = whole;
}

void error_context(struct error *error, const char *format, ...) {
    if (!error || error->code == ERROR_NONE)
        return;
    va_list words;
    va_start(words, format);
    char *before = format_words(format, words);
    va_end(words);
    replace_message(error, join(before, error->message));
    free(before);
}

void error_advice(struct error *error, const char *format, ...) {
    if (!error || error->code == ERROR_NONE)
        return;
    va_list words;
    va_start(words, format);
    char *behind = format_words(format, words);
    va_end(words);
    replace_message(error, join(error->message, behind));
    free(behind);
}

struct error error_take(struct error *error) {
    struct error taken = *error;
    *error = (struct error){0};
    return taken;
}

static char *copy_text(const char *text) {
    return text ? strdup(text) : NULL;
}

struct error error_copy(const struct error *error) {
    struct error copy = *error;
    copy.message = copy_text(error->message);
    copy.aws_code = copy_text(error->aws_code);
    copy.request_id = copy_text(error->request_id);
    return copy;
}

void error_keep_first(struct error *to, struct error *from) {
    if (to->code == ERROR_NONE)
        *to = error_take(from);
    else
        error_clear(from);
}

void error_clear(struct error *error) {
    free(error->message);
    free(error->aws_code);
    free(error->request_id);
    *error = (struct error){0};
}
