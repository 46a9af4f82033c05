/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The forms of AWS's names, each from its service's API reference. Where AWS's own rule is wider than anybody uses, the
 * rule here is AWS's: a configuration that AWS would take is never refused.
 */
#include "config/names.h"

#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "config/value.h"

#define DIGITS  "0123456789"
#define LOWER   "abcdefghijklmnopqrstuvwxyz"
#define UPPER   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define LETTERS LOWER UPPER

/* `least` to `most` bytes, all of them among `allowed`. */
static bool is_made_of(const char *text, size_t length, size_t least, size_t most, const char *allowed) {
    return length >= least && length <= most && strspn(text, allowed) >= length;
}

static bool text_is_made_of(const char *text, size_t least, size_t most, const char *allowed) {
    return is_made_of(text, strlen(text), least, most, allowed);
}

static bool starts_with(const char *text, const char *start) {
    return strncmp(text, start, strlen(start)) == 0;
}

bool name_is_job(const char *text, size_t length) {
    return is_made_of(text, length, 1, 200, LETTERS DIGITS "_.-") && *text != '.' && *text != '-';
}

static bool is_region(const char *text, size_t length) {
    return is_made_of(text, length, 4, 32, LOWER DIGITS "-") && memchr(text, '-', length) && text[0] != '-' &&
           text[length - 1] != '-';
}

bool name_is_region(const char *text) {
    return is_region(text, strlen(text));
}

bool name_is_account(const char *text) {
    return text_is_made_of(text, 12, 12, DIGITS);
}

/* "arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE", cut at its colons. */
struct arn {
    const char *part[6];
    size_t length[6];
};
enum { ARN_PARTITION = 1, ARN_SERVICE, ARN_REGION, ARN_ACCOUNT, ARN_RESOURCE };

static bool part_is(const struct arn *arn, int part, const char *text) {
    return arn->length[part] == strlen(text) && memcmp(arn->part[part], text, arn->length[part]) == 0;
}

static bool arn_split(const char *text, struct arn *arn) {
    for (int i = 0; i < 6; i++) {
        const char *colon = i < 5 ? strchr(text, ':') : text + strlen(text);
        if (!colon)
            return false;
        arn->part[i] = text;
        arn->length[i] = (size_t)(colon - text);
        text = colon + 1;
    }
    return part_is(arn, 0, "arn") && (part_is(arn, ARN_PARTITION, "aws") || part_is(arn, ARN_PARTITION, "aws-cn") ||
                                      part_is(arn, ARN_PARTITION, "aws-us-gov"));
}

/* An ARN of `service` whose resource begins with `kind`; *name is what follows. */
static bool arn_names(const char *text, const char *service, const char *kind, struct arn *arn, const char **name) {
    if (!arn_split(text, arn) || !part_is(arn, ARN_SERVICE, service) || !starts_with(arn->part[ARN_RESOURCE], kind))
        return false;
    *name = arn->part[ARN_RESOURCE] + strlen(kind);
    return is_made_of(arn->part[ARN_ACCOUNT], arn->length[ARN_ACCOUNT], 12, 12, DIGITS);
}

static bool arn_has_region(const struct arn *arn) {
    return is_region(arn->part[ARN_REGION], arn->length[ARN_REGION]);
}

static bool is_table_name(const char *text) {
    return text_is_made_of(text, 3, 255, LETTERS DIGITS "_.-");
}

bool name_is_table(const char *text) {
    struct arn arn;
    const char *name;
    if (arn_names(text, "dynamodb", "table/", &arn, &name))
        return arn_has_region(&arn) && is_table_name(name);
    return is_table_name(text);
}

bool name_is_table_prefix(const char *text) {
    return text_is_made_of(text, 1, 255, LETTERS DIGITS "_.-");
}

const char *name_table_arn_region(const char *table, size_t *length) {
    struct arn arn;
    if (!arn_split(table, &arn))
        return NULL;
    *length = arn.length[ARN_REGION];
    return arn.part[ARN_REGION];
}

bool name_is_role_arn(const char *text) {
    struct arn arn;
    const char *name;
    return arn_names(text, "iam", "role/", &arn, &name) && !arn.length[ARN_REGION] && strlen(text) <= 2048 &&
           text_is_made_of(name, 1, 600, LETTERS DIGITS "_+=,.@/-") && name[strlen(name) - 1] != '/';
}

bool name_is_session(const char *text) {
    return text_is_made_of(text, 2, 64, LETTERS DIGITS "_+=,.@-");
}

bool name_is_external_id(const char *text) {
    return text_is_made_of(text, 2, 1224, LETTERS DIGITS "_+=,.@:/-");
}

bool name_is_profile(const char *text) {
    return *text && strlen(text) <= 128 && !strchr(text, ']');
}

static bool is_ipv4(const char *text) {
    return text_is_made_of(text, 7, 15, DIGITS ".");
}

/* "Bucket naming rules" of S3's user guide. */
bool name_is_bucket(const char *text) {
    size_t length = strlen(text);
    const char *edges = LOWER DIGITS;
    return is_made_of(text, length, 3, 63, LOWER DIGITS ".-") && strchr(edges, text[0]) &&
           strchr(edges, text[length - 1]) && !strstr(text, "..") && !is_ipv4(text) && !starts_with(text, "xn--") &&
           !starts_with(text, "sthree-") && !starts_with(text, "amzn-s3-demo-");
}

bool name_is_prefix(const char *text) {
    return *text != '/' && strlen(text) <= 800;
}

bool name_is_kms_key(const char *text) {
    struct arn arn;
    const char *name;
    if (starts_with(text, "arn:"))
        return strlen(text) <= 2048 &&
               (arn_names(text, "kms", "key/", &arn, &name) || arn_names(text, "kms", "alias/", &arn, &name)) && *name;
    if (starts_with(text, "alias/"))
        return text_is_made_of(text, 7, 256, LETTERS DIGITS "/_-");
    return text_is_made_of(text, 1, 256, LETTERS DIGITS "-");
}

static bool is_one_of(const char *text, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    return false;
}

bool name_is_storage_class(const char *text) {
    static const char *const classes[] = {"STANDARD",   "STANDARD_IA",        "ONEZONE_IA", "INTELLIGENT_TIERING",
                                          "GLACIER_IR", "EXPRESS_ONEZONE",    "GLACIER",    "DEEP_ARCHIVE",
                                          "OUTPOSTS",   "REDUCED_REDUNDANCY", "SNOW"};
    return is_one_of(text, classes, array_length(classes));
}

/* PutRetentionPolicy takes these and no other. */
bool name_is_retention_days(const char *text) {
    static const char *const days[] = {"1",    "3",    "5",    "7",    "14",   "30",  "60",  "90",
                                       "120",  "150",  "180",  "365",  "400",  "545", "731", "1096",
                                       "1827", "2192", "2557", "2922", "3288", "3653"};
    return is_one_of(text, days, array_length(days));
}

/* Letters, digits, '-', between dots; no label empty. */
static bool is_host_name(const char *text, size_t length) {
    if (!is_made_of(text, length, 1, 253, LETTERS DIGITS "._-") || text[0] == '.' || text[length - 1] == '.')
        return false;
    for (size_t i = 1; i < length; i++)
        if (text[i] == '.' && text[i - 1] == '.')
            return false;
    return true;
}

/* RFC 5321's atoms around one '@'; SES takes no other, and wants a dot in the domain. */
static bool is_plain_address(const char *text, size_t length) {
    const char *at = memchr(text, '@', length);
    if (!at)
        return false;
    size_t local = (size_t)(at - text), domain = length - local - 1;
    return is_made_of(text, local, 1, 64, LETTERS DIGITS "!#$%&'*+/=?^_`{|}~.-") && text[0] != '.' && at[-1] != '.' &&
           is_host_name(at + 1, domain) && memchr(at + 1, '.', domain);
}

bool name_is_mail_address(const char *text) {
    size_t length = strlen(text);
    const char *open = strrchr(text, '<');
    if (length > 320)
        return false;
    if (!open)
        return is_plain_address(text, length);
    size_t inside = length - (size_t)(open - text) - 2;
    return text[length - 1] == '>' && length - (size_t)(open - text) > 2 && is_plain_address(open + 1, inside) &&
           strcspn(text, "<>@,") >= (size_t)(open - text);
}

bool name_is_configuration_set(const char *text) {
    return text_is_made_of(text, 1, 64, LETTERS DIGITS "_-");
}

bool name_is_log_group(const char *text) {
    return text_is_made_of(text, 1, 512, LETTERS DIGITS ".-_/#");
}

bool name_is_log_stream(const char *text) {
    return *text && strlen(text) <= 512 && !strpbrk(text, ":*");
}

/* HOST, HOST:PORT, [V6], [V6]:PORT; `length` bytes. */
static bool is_host_and_port(const char *text, size_t length) {
    size_t host = 0;
    if (length && text[0] == '[') {
        const char *close = memchr(text, ']', length);
        if (!close || !is_made_of(text + 1, (size_t)(close - text) - 1, 2, 45, DIGITS "abcdefABCDEF:."))
            return false;
        host = (size_t)(close - text) + 1;
    } else {
        const char *colon = memchr(text, ':', length);
        host = colon ? (size_t)(colon - text) : length;
        if (!is_host_name(text, host))
            return false;
    }
    if (host == length)
        return true;
    char digits[6] = {0};
    uint64_t port;
    if (text[host] != ':' || length - host - 1 > 5)
        return false;
    memcpy(digits, text + host + 1, length - host - 1);
    return value_number(digits, &port) && port >= 1 && port <= 65535;
}

/* What follows one of the schemes; NULL where it is none. */
static const char *behind_scheme(const char *text, const char *const *schemes, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strncasecmp(text, schemes[i], strlen(schemes[i])) == 0)
            return text + strlen(schemes[i]);
    return NULL;
}

bool name_is_url(const char *text) {
    static const char *const schemes[] = {"https://", "http://"};
    const char *host = behind_scheme(text, schemes, array_length(schemes));
    return host && strlen(text) <= 1024 && !strpbrk(host, "?#@ \t") && is_host_and_port(host, strcspn(host, "/"));
}

bool name_is_proxy(const char *text) {
    static const char *const schemes[] = {"http://", "https://", "socks5://", "socks5h://"};
    const char *host = behind_scheme(text, schemes, array_length(schemes));
    if (!host || strlen(text) > 1024 || strpbrk(host, "?# \t"))
        return false;
    const char *at = strrchr(host, '@');
    host = at ? at + 1 : host;
    size_t length = strlen(host);
    return is_host_and_port(host, length && host[length - 1] == '/' ? length - 1 : length);
}

bool name_is_directory(const char *text) {
    size_t length = strlen(text);
    bool climbs = strstr(text, "/../") || (length >= 3 && strcmp(text + length - 3, "/..") == 0);
    return *text == '/' && length <= 1024 && !climbs;
}
