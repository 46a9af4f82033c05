/* SPDX-License-Identifier: Apache-2.0 */
/* AssumeRole's two texts: the form that goes, the XML that comes. */
#include <string.h>

#include "aws/sts.h"
#include "aws/xml.h"
#include "base/encoding.h"
#include "base/memory.h"

#define SESSION_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_=,.@+-"

static void add_field(struct buffer *out, const char *name, const char *value) {
    buffer_printf(out, "&%s=", name);
    percent_encode(out, value, strlen(value), "");
}

void sts_form_assume_role(struct buffer *out, const struct assume_role *role) {
    buffer_add(out, "Action=AssumeRole&Version=2011-06-15");
    add_field(out, "RoleArn", role->role_arn);
    add_field(out, "RoleSessionName", role->session_name ? role->session_name : STS_SESSION_NAME);
    if (role->external_id)
        add_field(out, "ExternalId", role->external_id);
    if (role->duration_s)
        buffer_printf(out, "&DurationSeconds=%lld", (long long)role->duration_s);
}

bool sts_check_assume_role(const struct assume_role *role, struct error *error) {
    const char *name = role->session_name;
    if (strncmp(role->role_arn, "arn:", 4) != 0 || !strstr(role->role_arn, ":role/"))
        error_set(error, ERROR_INVALID, "\"%s\" is not a role's ARN, like arn:aws:iam::123456789012:role/NAME",
                  role->role_arn);
    else if (name && (strlen(name) < 2 || strlen(name) > 64 || name[strspn(name, SESSION_LETTERS)]))
        error_set(error, ERROR_INVALID, "the session name \"%s\" is not 2 to 64 of letters, digits and _=,.@+-", name);
    else if (role->duration_s && (role->duration_s < 900 || role->duration_s > 43200))
        error_set(error, ERROR_INVALID, "a duration of %lld s is not within 15 minutes to 12 hours",
                  (long long)role->duration_s);
    else
        return true;
    return false;
}

/* Where each value stands in `values`. */
enum value { ACCESS_KEY, SECRET_KEY, TOKEN, EXPIRATION, PRINCIPAL, VALUES };

#define RESULT "AssumeRoleResponse/AssumeRoleResult/"
static const char *const paths[VALUES] = {
    RESULT "Credentials/AccessKeyId", RESULT "Credentials/SecretAccessKey", RESULT "Credentials/SessionToken",
    RESULT "Credentials/Expiration",  RESULT "AssumedRoleUser/Arn",
};

static bool on_text(void *arg, const char *path, const char *text) {
    char **values = arg;
    for (size_t i = 0; i < VALUES; i++) {
        if (strcmp(path, paths[i]) != 0)
            continue;
        if (values[i])
            return false; /* two of what there is one of */
        values[i] = x_strdup(text);
    }
    return true;
}

/* It will stand in headers: visible characters only. */
static bool is_visible(const char *text) {
    const char *c = text;
    while (*c > ' ' && *c < 0x7f)
        c++;
    return c > text && !*c;
}

static bool check(char *const values[VALUES], int64_t *seconds, struct error *error) {
    for (size_t i = 0; i < PRINCIPAL; i++) {
        if (!values[i] || !is_visible(values[i])) {
            error_set(error, ERROR_CORRUPT, "the answer has no usable %s", strrchr(paths[i], '/') + 1);
            return false;
        }
    }
    if (!time_parse_iso(values[EXPIRATION], seconds)) {
        error_set(error, ERROR_CORRUPT, "the answer's Expiration is not a time");
        return false;
    }
    return true;
}

bool sts_parse_assume_role(struct credentials *credentials, char **principal, const char *bytes, size_t length,
                           struct error *error) {
    char *values[VALUES] = {NULL};
    const struct xml_handler handler = {.text = on_text, .arg = values};
    int64_t seconds;
    bool ok = xml_parse(bytes, length, &handler, error) && check(values, &seconds, error);
    if (ok) {
        *credentials = (struct credentials){
            .access_key = take_pointer(values[ACCESS_KEY]),
            .secret_key = take_pointer(values[SECRET_KEY]),
            .session_token = take_pointer(values[TOKEN]),
            .expires = seconds * SECOND_MS,
        };
        *principal = take_pointer(values[PRINCIPAL]);
    }
    for (size_t i = 0; i < VALUES; i++)
        secret_free(values[i]);
    return ok;
}
