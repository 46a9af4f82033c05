/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors are values. The place that fails says what it tried and what came back; every level that knows more puts its
 * words in front; exactly one place, report/, logs. A function either returns an error or logs, never both.
 *
 *     studentData: upload of part 7 to s3://b/k: 403 AccessDenied (request 7Q1...): the role may lack s3:PutObject
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdbool.h>

/* What a caller may decide on; everything else is in the message. */
enum error_code {
    ERROR_NONE = 0,
    ERROR_THROTTLED, /* slow down, then the same again */
    ERROR_TRANSIENT, /* the same again may work: 5xx, a broken or stalled connection */
    ERROR_EXPIRED,   /* the credentials have ended: fetch new ones, sign again */
    ERROR_SKEW,      /* the clock is off: take the server's, sign again */
    ERROR_REGION,    /* the bucket lives elsewhere: sign again for that region */
    ERROR_NOT_FOUND, /* what was named does not exist */
    ERROR_EXISTS,    /* what should be made exists (412, ResourceAlreadyExists) */
    ERROR_DENIED,    /* a person must change a permission */
    ERROR_INVALID,   /* a person must change the input or the configuration */
    ERROR_CORRUPT,   /* bytes are not what their checksum or grammar says */
    ERROR_TOO_LARGE, /* more bytes than the ceiling of their buffer */
    ERROR_MEMORY,    /* a large buffer could not be had */
    ERROR_CANCELLED, /* a person or a shutdown ended it */
    ERROR_SYSTEM,    /* a file, socket or other call of the system failed */
};

/* The name of a code as the journal's ERROR_CODE= shows it where AWS gave none: "transient", "denied", ... */
const char *error_code_name(enum error_code code);

/* Zero-initialised means "no error". The strings are owned: error_clear() frees them. */
struct error {
    enum error_code code;
    int http_status;  /* 0 where no answer came */
    char *aws_code;   /* "AccessDenied"; NULL where AWS named none */
    char *request_id; /* x-amzn-RequestId, x-amz-request-id; NULL where none came */
    char *message;    /* NULL only where even these words found no memory */
};

#define _cleanup_error_ __attribute__((cleanup(error_clear)))

/* Fills an error that holds none; `format` says what was tried and what came back, without a final period. `error` may
 * be NULL: the caller then does not want to know. */
void error_set(struct error *error, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* error_set() with ": " and strerror(errno_value) at the end; the code is ERROR_SYSTEM. */
void error_set_errno(struct error *error, int errno_value, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "WORDS: " before the message; does nothing where there is no error. */
void error_context(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts ": WORDS" behind the message; does nothing where there is no error. For "what to do". */
void error_advice(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Gives the error to the caller and leaves `*error` empty. */
struct error error_take(struct error *error);

/* A copy of its own; the caller clears both. */
struct error error_copy(const struct error *error);

/* Takes `from` into `to` where `to` holds none, else drops it: the first error of a story is the one to tell. */
void error_keep_first(struct error *to, struct error *from);

void error_clear(struct error *error);

#endif
