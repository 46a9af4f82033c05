/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS's own signing test suite (aws-c-auth), read where it lies: AWS_SIGNING_SUITE names its folder v4, in which each case
 * is a folder. Skipped (77) where it is not there. Each case is judged twice, by headers and by query, in four
 * texts: canonical request, string to sign, signature, and the signed request's Authorization or query.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws/sigv4.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/encoding.h"
#include "base/json.h"
#include "base/memory.h"

#define SKIPPED      77
#define HEADERS_MOST 32
#define FILE_MOST    ((size_t)64 << 10)

struct suite_case {
    const char *folder, *name;
    struct json_object *context;
    struct credentials
        credentials;    /* borrowed from `context`; no token where the case leaves it out of the signature */
    char *request_text; /* cut into pieces; what follows points into it */
    struct http_header headers[HEADERS_MOST];
    size_t header_count;
    char *query, *joined[HEADERS_MOST];
    char payload_hash[2 * SHA256_LENGTH + 1], date[TIME_TEXT];
    struct sigv4_request request;
};

static char *read_file(const char *folder, const char *name, const char *file) {
    _cleanup_free_ char *path = x_printf("%s/%s/%s", folder, name, file);
    FILE *stream = fopen(path, "rb");
    if (!stream)
        return NULL;
    char *text = x_calloc(1, FILE_MOST);
    size_t length = fread(text, 1, FILE_MOST - 1, stream);
    fclose(stream);
    while (length > 0 && strchr("\r\n", text[length - 1]))
        text[--length] = '\0';
    return text;
}

static void add_header(struct suite_case *the, const char *name, const char *value) {
    the->headers[the->header_count++] = (struct http_header){name, value, false};
}

/* A line that begins with white space goes on with the value before it. */
static void add_header_line(struct suite_case *the, char *line) {
    if (*line == ' ' || *line == '\t') {
        size_t last = the->header_count - 1;
        char *whole = x_printf("%s\n%s", the->headers[last].value, line);
        free(the->joined[last]);
        the->joined[last] = whole;
        the->headers[last].value = whole;
        return;
    }
    char *colon = strchr(line, ':');
    *colon = '\0';
    add_header(the, line, colon + 1);
}

/* "GET /path with blanks?query HTTP/1.1": the path ends at the last blank. */
static void parse_target(struct suite_case *the, char *line) {
    *strrchr(line, ' ') = '\0';
    char *target = strchr(line, ' ');
    *target++ = '\0';
    char *query = strchr(target, '?');
    if (query)
        *query++ = '\0';
    the->request.method = line;
    the->request.path = target;
    the->request.query = query ? query : "";
}

static void parse_request(struct suite_case *the) {
    char *body = strstr(the->request_text, "\n\n");
    if (body) {
        *body = '\0';
        body += 2;
    }
    char *rest = the->request_text, *line;
    parse_target(the, strsep(&rest, "\n"));
    while ((line = strsep(&rest, "\n")))
        add_header_line(the, line);
    unsigned char hash[SHA256_LENGTH];
    sha256(hash, body ? body : "", body ? strlen(body) : 0);
    hex_encode(the->payload_hash, hash, sizeof hash);
}

static bool open_case(struct suite_case *the) {
    _cleanup_free_ char *context = read_file(the->folder, the->name, "context.json");
    the->request_text = read_file(the->folder, the->name, "request.txt");
    if (!context || !the->request_text)
        return false;
    the->context = json_parse(context, strlen(context), NULL);
    struct json_object *keys = json_object_at(the->context, "credentials");
    the->credentials = (struct credentials){
        .access_key = x_strdup(json_string(keys, "access_key_id")),
        .secret_key = x_strdup(json_string(keys, "secret_access_key")),
        .session_token =
            json_boolean(the->context, "omit_session_token", false) ? NULL : x_strdup(json_string(keys, "token")),
    };
    parse_request(the);
    the->request.region = json_string(the->context, "region");
    the->request.service = json_string(the->context, "service");
    the->request.normalize_path = json_boolean(the->context, "normalize", true);
    the->request.encode_twice = true;
    the->request.payload_hash = the->payload_hash;
    the->request.headers = the->headers;
    the->request.header_count = the->header_count;
    return time_parse_iso(json_string(the->context, "timestamp"), &the->request.time);
}

static void close_case(struct suite_case *the) {
    json_object_put(the->context);
    free(the->credentials.access_key);
    free(the->credentials.secret_key);
    free(the->credentials.session_token);
    free(the->request_text);
    free(the->query);
    for (size_t i = 0; i < HEADERS_MOST; i++)
        free(the->joined[i]);
}

static bool same(const struct suite_case *the, const char *file, const char *got) {
    _cleanup_free_ char *expected = read_file(the->folder, the->name, file);
    if (expected && strcmp(expected, got) == 0)
        return true;
    printf("not ok %s/%s\n--- expected\n%s\n--- got\n%s\n", the->name, file, expected ? expected : "(no file)", got);
    return false;
}

/* `got` stands in the signed request's text; an unsigned token there is cut out first. */
static bool stands_in(const struct suite_case *the, const char *file, const char *got) {
    _cleanup_free_ char *expected = read_file(the->folder, the->name, file);
    char *token = expected && !the->credentials.session_token ? strstr(expected, "&X-Amz-Security-Token=") : NULL;
    if (token) {
        char *after = token + 1 + strcspn(token + 1, "& ");
        memmove(token, after, strlen(after) + 1);
    }
    if (expected && strstr(expected, got))
        return true;
    printf("not ok %s/%s\n--- expected\n%s\n--- got\n%s\n", the->name, file, expected ? expected : "(no file)", got);
    return false;
}

static bool check_texts(const struct suite_case *the, const struct sigv4_request *request, const char *kind,
                        const char *signature) {
    _cleanup_free_ char *canonical = sigv4_canonical_request(request);
    _cleanup_free_ char *string = sigv4_string_to_sign(request, canonical);
    _cleanup_free_ char *canonical_file = x_printf("%s-canonical-request.txt", kind);
    _cleanup_free_ char *string_file = x_printf("%s-string-to-sign.txt", kind);
    _cleanup_free_ char *signature_file = x_printf("%s-signature.txt", kind);
    return same(the, canonical_file, canonical) && same(the, string_file, string) &&
           same(the, signature_file, signature);
}

static bool check_by_query(const struct suite_case *the) {
    _cleanup_free_ char *query =
        sigv4_presign(&the->request, &the->credentials, json_integer(the->context, "expiration_in_seconds", 0));
    _cleanup_free_ char *target = x_printf("%s?%s HTTP/1.1\n", the->request.path, query);
    char *signature = strstr(query, "&X-Amz-Signature=");
    _cleanup_free_ char *unsigned_query = x_strndup(query, (size_t)(signature - query));
    struct sigv4_request request = the->request;
    request.query = unsigned_query;
    return check_texts(the, &request, "query", strchr(signature, '=') + 1) &&
           stands_in(the, "query-signed-request.txt", target);
}

static bool check_by_headers(struct suite_case *the) {
    add_header(the, "X-Amz-Date", time_format_basic(the->date, the->request.time));
    if (the->credentials.session_token)
        add_header(the, "X-Amz-Security-Token", the->credentials.session_token);
    if (json_boolean(the->context, "sign_body", false))
        add_header(the, "x-amz-content-sha256", the->payload_hash);
    the->request.header_count = the->header_count;
    _cleanup_free_ char *authorization = sigv4_authorization(&the->request, &the->credentials);
    _cleanup_free_ char *header = x_printf("Authorization:%s", authorization);
    return check_texts(the, &the->request, "header", strstr(authorization, "Signature=") + strlen("Signature=")) &&
           stands_in(the, "header-signed-request.txt", header);
}

int main(void) {
    const char *folder = getenv("AWS_SIGNING_SUITE");
    struct dirent **names;
    int count = folder ? scandir(folder, &names, NULL, alphasort) : -1, passed = 0, failed = 0;
    if (count < 0) {
        printf("skipped: AWS's signing test suite is not at %s\n", folder ? folder : "AWS_SIGNING_SUITE (not set)");
        return SKIPPED;
    }
    for (int i = 0; i < count; i++) {
        if (names[i]->d_name[0] != '.') {
            struct suite_case the = {.folder = folder, .name = names[i]->d_name};
            bool opened = open_case(&the);
            bool by_query = opened && check_by_query(&the), by_headers = opened && check_by_headers(&the);
            passed += by_query + by_headers;
            failed += !by_query + !by_headers;
            close_case(&the);
        }
        free(names[i]);
    }
    free(names);
    printf("AWS's signing test suite: %d passed, %d failed (cases by headers and by query)\n", passed, failed);
    return failed == 0 && passed > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
