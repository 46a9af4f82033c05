/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The metadata service's answers. It speaks plain HTTP at a link-local address, so whoever answers there may be anybody:
 * nothing that it sends goes into a header, a path or a signature before its form has been checked.
 */
#include <string.h>

#include "aws/imds.h"
#include "base/json.h"
#include "base/memory.h"

#define TOKEN_MOST      ((size_t)1024)
#define ROLE_MOST       ((size_t)64) /* IAM's limit of a role's name */
#define REGION_MOST     ((size_t)63)
#define ACCESS_KEY_MOST ((size_t)128) /* STS's, of an AccessKeyId */
#define LETTERS         "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS          "0123456789"

/* The text without the white space behind it, where it is one word of 1 to `most` of `allowed`. */
static char *word(const char *bytes, size_t length, size_t most, const char *allowed) {
    while (length && bytes[length - 1] && strchr(" \t\r\n", bytes[length - 1]))
        length--;
    if (!length || length > most)
        return NULL;
    for (size_t i = 0; i < length; i++) {
        if (!bytes[i] || !strchr(allowed, bytes[i]))
            return NULL;
    }
    return x_strndup(bytes, length);
}

static bool is_visible(const char *text) {
    const char *c = text;
    while (*c > ' ' && *c < 0x7f)
        c++;
    return c > text && !*c;
}

char *imds_parse_token(const char *bytes, size_t length, struct error *error) {
    char *token = length <= TOKEN_MOST && !memchr(bytes, 0, length) ? x_strndup(bytes, length) : NULL;
    if (token && is_visible(token))
        return token;
    secret_free(token);
    error_set(error, ERROR_CORRUPT, "the token is not 1 to %zu visible characters (%zu bytes came)", TOKEN_MOST,
              length);
    return NULL;
}

char *imds_parse_role(const char *bytes, size_t length, struct error *error) {
    char *role = word(bytes, length, ROLE_MOST, LETTERS DIGITS "+=,.@_-");
    if (!role)
        error_set(error, ERROR_CORRUPT, "the answer is not one role's name (%zu bytes came)", length);
    return role;
}

char *imds_parse_region(const char *bytes, size_t length, struct error *error) {
    char *region = word(bytes, length, REGION_MOST, LETTERS DIGITS "-");
    if (!region)
        error_set(error, ERROR_CORRUPT, "the answer is not a region (%zu bytes came)", length);
    return region;
}

/* Whoever wrote it, a person will read it on one line. */
static char *readable(const char *text) {
    char *copy = x_strndup(text ? text : "", 200);
    for (char *c = copy; *c; c++) {
        if (*c < ' ' || *c == 0x7f)
            *c = '?';
    }
    return copy;
}

/* 200 with Code other than Success: "AssumeRoleUnauthorizedAccess" where the role does not trust EC2. */
static void refused(const struct json_object *answer, const char *code, struct error *error) {
    _cleanup_free_ char *name = readable(code), *message = readable(json_string(answer, "Message"));
    bool denied = strstr(name, "Unauthorized");
    error_set(error, denied ? ERROR_DENIED : ERROR_TRANSIENT, "%s: %s", name, *message ? message : "no reason given");
    if (denied)
        error_advice(error, "does the role's trust policy name ec2.amazonaws.com?");
}

static bool check(const char *access_key, const char *secret_key, const char *token, struct error *error) {
    const char *wrong = NULL;
    if (strlen(access_key) > ACCESS_KEY_MOST || access_key[strspn(access_key, LETTERS DIGITS "_")] || !*access_key)
        wrong = "AccessKeyId";
    else if (!is_visible(secret_key))
        wrong = "SecretAccessKey";
    else if (!is_visible(token))
        wrong = "Token";
    if (wrong)
        error_set(error, ERROR_CORRUPT, "%s is not what AWS hands out", wrong);
    return !wrong;
}

static bool read_credentials(struct credentials *credentials, const struct json_object *answer, struct error *error) {
    const char *access_key = json_need_string(answer, "AccessKeyId", error);
    const char *secret_key = access_key ? json_need_string(answer, "SecretAccessKey", error) : NULL;
    const char *token = secret_key ? json_need_string(answer, "Token", error) : NULL;
    const char *ends = token ? json_need_string(answer, "Expiration", error) : NULL;
    int64_t seconds;
    if (!ends || !check(access_key, secret_key, token, error))
        return false;
    if (!time_parse_iso(ends, &seconds)) {
        error_set(error, ERROR_CORRUPT, "Expiration is not a time");
        return false;
    }
    *credentials = (struct credentials){
        .access_key = x_strdup(access_key),
        .secret_key = x_strdup(secret_key),
        .session_token = x_strdup(token),
        .expires = seconds * SECOND_MS,
    };
    return true;
}

bool imds_parse_credentials(struct credentials *credentials, const char *bytes, size_t length, struct error *error) {
    _cleanup_json_ struct json_object *answer = json_parse(bytes, length, error);
    const char *code = answer ? json_need_string(answer, "Code", error) : NULL;
    if (!code)
        return false;
    if (strcmp(code, "Success") != 0) {
        refused(answer, code, error);
        return false;
    }
    return read_credentials(credentials, answer, error);
}
