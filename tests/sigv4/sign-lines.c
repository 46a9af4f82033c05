/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signer behind a pipe, so that another implementation can judge it: a request as JSON a line in, its signature a
 * line out. test_sigv4.py writes the requests and compares with botocore.
 *
 *     {"method","path","query","headers":[[name,value]...],"payload_hash","region","service","time","s3":bool,
 *      "expires": seconds (0: by headers), "access_key","secret_key","token"}
 *
 * By headers, what comes out is the Authorization header's value; by query, the whole query.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws/sigv4.h"
#include "base/json.h"
#include "base/memory.h"

#define HEADERS_MOST 32

static size_t read_headers(struct http_header headers[HEADERS_MOST], struct json_object *line) {
    struct json_object *list = json_array_at(line, "headers");
    size_t count = list ? json_object_array_length(list) : 0;
    if (count > HEADERS_MOST)
        count = HEADERS_MOST;
    for (size_t i = 0; i < count; i++) {
        struct json_object *pair = json_object_array_get_idx(list, i);
        headers[i] = (struct http_header){
            .name = json_object_get_string(json_object_array_get_idx(pair, 0)),
            .value = json_object_get_string(json_object_array_get_idx(pair, 1)),
        };
    }
    return count;
}

static char *sign_line(struct json_object *line) {
    struct http_header headers[HEADERS_MOST];
    bool s3 = json_boolean(line, "s3", false);
    struct sigv4_request request = {
        .method = json_string(line, "method"),
        .path = json_string(line, "path"),
        .query = json_string(line, "query"),
        .headers = headers,
        .header_count = read_headers(headers, line),
        .payload_hash = json_string(line, "payload_hash"),
        .region = json_string(line, "region"),
        .service = json_string(line, "service"),
        .time = json_integer(line, "time", 0),
        .normalize_path = !s3,
        .encode_twice = !s3,
    };
    struct credentials credentials = {
        .access_key = x_strdup(json_string(line, "access_key")),
        .secret_key = x_strdup(json_string(line, "secret_key")),
        .session_token = x_strdup(json_string(line, "token")),
    };
    int64_t expires = json_integer(line, "expires", 0);
    char *signature =
        expires ? sigv4_presign(&request, &credentials, expires) : sigv4_authorization(&request, &credentials);
    free(credentials.access_key);
    free(credentials.secret_key);
    free(credentials.session_token);
    return signature;
}

int main(void) {
    _cleanup_free_ char *text = NULL;
    size_t room = 0;
    ssize_t length;
    while ((length = getline(&text, &room, stdin)) > 0) {
        _cleanup_error_ struct error error = {0};
        _cleanup_json_ struct json_object *line = json_parse(text, (size_t)length, &error);
        if (!line) {
            fprintf(stderr, "sign-lines: %s\n", error.message);
            return EXIT_FAILURE;
        }
        _cleanup_free_ char *signature = sign_line(line);
        puts(signature);
    }
    return EXIT_SUCCESS;
}
