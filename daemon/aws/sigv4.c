/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signer. A request becomes its canonical form, the form's hash becomes a string to sign, and a key derived from the
 * secret for one day, region and service signs that.
 *
 * What goes through here may hold a session token (a header, or a part of a pre-signed query), so every buffer is zeroed
 * before it is freed, and so is every derived key.
 */
#include "aws/sigv4.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/encoding.h"
#include "base/memory.h"

#define ALGORITHM       "AWS4-HMAC-SHA256"
#define SIGNATURE_TEXT  (2 * SHA256_LENGTH + 1)
#define DATE_LENGTH     8 /* 20250706 of 20250706T020000Z */
#define _cleanup_wiped_ __attribute__((cleanup(buffer_fini_secret)))

/* A header or a query parameter in its canonical form, and where it stood. */
struct pair {
    char *name, *value;
    size_t place;
};

struct pairs {
    struct pair *items;
    size_t count;
};

#define _cleanup_pairs_ __attribute__((cleanup(pairs_fini)))

static void pairs_fini(struct pairs *pairs) {
    for (size_t i = 0; i < pairs->count; i++) {
        free(pairs->items[i].name);
        secret_free(pairs->items[i].value);
    }
    free(pairs->items);
    *pairs = (struct pairs){0};
}

/* Room for `most` pairs; pairs_add() never goes past it. */
static struct pairs pairs_new(size_t most) {
    return (struct pairs){.items = x_calloc(most ? most : 1, sizeof(struct pair))};
}

static void pairs_add(struct pairs *pairs, struct buffer *name, struct buffer *value) {
    pairs->items[pairs->count] =
        (struct pair){.name = buffer_take(name), .value = buffer_take(value), .place = pairs->count};
    pairs->count++;
}

/* Parameters sort by name, then by value: comparing "name=value" as one text would put "a-b" before "a". */
static int compare_parameters(const void *left, const void *right) {
    const struct pair *a = left, *b = right;
    int order = strcmp(a->name, b->name);
    return order ? order : strcmp(a->value, b->value);
}

/* Headers of one name keep their order: their values are joined as they were sent. */
static int compare_headers(const void *left, const void *right) {
    const struct pair *a = left, *b = right;
    int order = strcmp(a->name, b->name);
    return order ? order : (a->place > b->place) - (a->place < b->place);
}

/*
 * One name or value of the wire's query: decoded, then encoded the one way that SigV4 knows, so that "%7e", "~" and a raw
 * UTF-8 byte are the same to us as to the server. What does not decode stands for itself.
 */
static void encode_parameter(struct buffer *out, const char *text, size_t length) {
    _cleanup_wiped_ struct buffer plain = BUFFER_INIT(BUFFER_OURS);
    if (percent_decode(&plain, text, length))
        percent_encode(out, plain.data ? plain.data : "", plain.length, "");
    else
        percent_encode(out, text, length, "");
}

static size_t count_of(const char *text, char c) {
    size_t count = 0;
    for (; *text; text++)
        count += *text == c;
    return count;
}

static struct pairs query_pairs(const char *query) {
    struct pairs pairs = pairs_new(count_of(query, '&') + 1);
    while (*query) {
        size_t length = strcspn(query, "&"), name_length = strcspn(query, "&=");
        size_t value_start = name_length < length ? name_length + 1 : length;
        struct buffer name = BUFFER_INIT(BUFFER_OURS), value = BUFFER_INIT(BUFFER_OURS);
        encode_parameter(&name, query, name_length);
        encode_parameter(&value, query + value_start, length - value_start);
        if (length > 0) /* "a=1&&b=2": nothing stands between */
            pairs_add(&pairs, &name, &value);
        buffer_fini(&name);
        buffer_fini_secret(&value);
        query += length + (query[length] == '&');
    }
    qsort(pairs.items, pairs.count, sizeof *pairs.items, compare_parameters);
    return pairs;
}

static void add_canonical_query(struct buffer *out, const char *query) {
    _cleanup_pairs_ struct pairs pairs = query_pairs(query);
    for (size_t i = 0; i < pairs.count; i++)
        buffer_printf(out, "%s%s=%s", i ? "&" : "", pairs.items[i].name, pairs.items[i].value);
    buffer_add_char(out, '\n');
}

/* Trimmed at both ends, and each run of white space inside becomes one blank. (Even inside quotes: AWS's suite.) */
static void add_trimmed(struct buffer *out, const char *value) {
    const char *blanks = " \t\r\n\v\f";
    value += strspn(value, blanks);
    while (*value) {
        size_t word = strcspn(value, blanks), gap = strspn(value + word, blanks);
        buffer_add_bytes(out, value, word);
        value += word + gap;
        if (*value)
            buffer_add_char(out, ' ');
    }
}

static struct pairs header_pairs(const struct sigv4_request *request) {
    struct pairs pairs = pairs_new(request->header_count);
    for (size_t i = 0; i < request->header_count; i++) {
        struct buffer name = BUFFER_INIT(BUFFER_OURS), value = BUFFER_INIT(BUFFER_OURS);
        for (const char *c = request->headers[i].name; *c; c++)
            buffer_add_char(&name, (char)tolower((unsigned char)*c));
        add_trimmed(&value, request->headers[i].value);
        pairs_add(&pairs, &name, &value);
    }
    qsort(pairs.items, pairs.count, sizeof *pairs.items, compare_headers);
    return pairs;
}

static bool same_name_as_before(const struct pairs *pairs, size_t i) {
    return i > 0 && strcmp(pairs->items[i].name, pairs->items[i - 1].name) == 0;
}

/* "host;x-amz-date" */
static void add_signed_names(struct buffer *out, const struct pairs *pairs) {
    for (size_t i = 0; i < pairs->count; i++) {
        if (!same_name_as_before(pairs, i))
            buffer_printf(out, "%s%s", i ? ";" : "", pairs->items[i].name);
    }
}

/* "host:example.com\nx-amz-date:...\n"; values of one name with commas between. */
static void add_canonical_headers(struct buffer *out, const struct pairs *pairs) {
    for (size_t i = 0; i < pairs->count; i++) {
        const struct pair *pair = &pairs->items[i];
        if (same_name_as_before(pairs, i))
            buffer_printf(out, ",%s", pair->value);
        else
            buffer_printf(out, "%s%s:%s", i ? "\n" : "", pair->name, pair->value);
    }
    if (pairs->count)
        buffer_add_char(out, '\n');
}

static bool is_segment(const char *segment, size_t length, const char *text) {
    return length == strlen(text) && memcmp(segment, text, length) == 0;
}

static void drop_last_segment(struct buffer *out, size_t start) {
    while (out->length > start) {
        char last = out->data[--out->length];
        out->data[out->length] = '\0';
        if (last == '/')
            return;
    }
}

/* RFC 3986, 5.2.4, and empty segments go as well. A final '/' stays where anything stands before it. */
static void add_normalized_path(struct buffer *out, const char *path) {
    size_t start = out->length;
    bool ends_in_slash = path[0] && path[strlen(path) - 1] == '/';
    while (*path) {
        path += strspn(path, "/");
        size_t length = strcspn(path, "/");
        if (is_segment(path, length, "..")) {
            drop_last_segment(out, start);
        } else if (length > 0 && !is_segment(path, length, ".")) {
            buffer_add_char(out, '/');
            buffer_add_bytes(out, path, length);
        }
        path += length;
    }
    if (out->length == start || ends_in_slash)
        buffer_add_char(out, '/');
}

static void add_canonical_path(struct buffer *out, const struct sigv4_request *request) {
    _cleanup_buffer_ struct buffer path = BUFFER_INIT(BUFFER_OURS);
    if (request->normalize_path)
        add_normalized_path(&path, request->path);
    else
        buffer_add(&path, request->path);
    if (request->encode_twice)
        percent_encode(out, path.data, path.length, "/");
    else
        buffer_add_bytes(out, path.data, path.length);
    buffer_add_char(out, '\n');
}

char *sigv4_canonical_request(const struct sigv4_request *request) {
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    _cleanup_pairs_ struct pairs headers = header_pairs(request);
    buffer_printf(&out, "%s\n", request->method);
    add_canonical_path(&out, request);
    add_canonical_query(&out, request->query);
    add_canonical_headers(&out, &headers);
    buffer_add_char(&out, '\n');
    add_signed_names(&out, &headers);
    buffer_printf(&out, "\n%s", request->payload_hash);
    return buffer_take(&out);
}

/* "20250706/us-east-1/s3/aws4_request" */
static char *scope_of(const struct sigv4_request *request) {
    char date[TIME_TEXT];
    time_format_basic(date, request->time);
    return x_printf("%.*s/%s/%s/aws4_request", DATE_LENGTH, date, request->region, request->service);
}

char *sigv4_string_to_sign(const struct sigv4_request *request, const char *canonical_request) {
    _cleanup_free_ char *scope = scope_of(request);
    unsigned char hash[SHA256_LENGTH];
    char hash_text[SIGNATURE_TEXT], date[TIME_TEXT];
    sha256(hash, canonical_request, strlen(canonical_request));
    hex_encode(hash_text, hash, sizeof hash);
    return x_printf(ALGORITHM "\n%s\n%s\n%s", time_format_basic(date, request->time), scope, hash_text);
}

/* The secret itself signs nothing: each word of the scope turns it into a narrower key. */
static void derive_key(unsigned char key[SHA256_LENGTH], const struct sigv4_request *request, const char *secret) {
    char date[TIME_TEXT];
    time_format_basic(date, request->time);
    _cleanup_secret_ char *seed = x_printf("AWS4%s", secret);
    unsigned char narrower[SHA256_LENGTH];
    hmac_sha256(key, seed, strlen(seed), date, DATE_LENGTH);
    const char *words[] = {request->region, request->service, "aws4_request"};
    for (size_t i = 0; i < array_length(words); i++) {
        hmac_sha256(narrower, key, SHA256_LENGTH, words[i], strlen(words[i]));
        memcpy(key, narrower, SHA256_LENGTH);
    }
    secret_zero(narrower, sizeof narrower);
}

static void sign(char signature[SIGNATURE_TEXT], const struct sigv4_request *request, const char *secret) {
    _cleanup_secret_ char *canonical = sigv4_canonical_request(request);
    _cleanup_free_ char *string = sigv4_string_to_sign(request, canonical);
    unsigned char key[SHA256_LENGTH], value[SHA256_LENGTH];
    derive_key(key, request, secret);
    hmac_sha256(value, key, sizeof key, string, strlen(string));
    secret_zero(key, sizeof key);
    hex_encode(signature, value, sizeof value);
}

static char *signed_names_of(const struct sigv4_request *request) {
    _cleanup_pairs_ struct pairs headers = header_pairs(request);
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    add_signed_names(&out, &headers);
    return buffer_take(&out);
}

char *sigv4_authorization(const struct sigv4_request *request, const struct credentials *credentials) {
    _cleanup_free_ char *scope = scope_of(request), *names = signed_names_of(request);
    char signature[SIGNATURE_TEXT];
    sign(signature, request, credentials->secret_key);
    return x_printf(ALGORITHM " Credential=%s/%s, SignedHeaders=%s, Signature=%s", credentials->access_key, scope,
                    names, signature);
}

static void add_parameter(struct buffer *query, const char *name, const char *value) {
    buffer_printf(query, "%s%s=", query->length ? "&" : "", name);
    percent_encode(query, value, strlen(value), "");
}

char *sigv4_presign(const struct sigv4_request *request, const struct credentials *credentials, int64_t expires) {
    _cleanup_free_ char *scope = scope_of(request), *names = signed_names_of(request);
    _cleanup_free_ char *credential = x_printf("%s/%s", credentials->access_key, scope);
    _cleanup_free_ char *life = x_printf("%lld", (long long)expires);
    _cleanup_wiped_ struct buffer query = BUFFER_INIT(BUFFER_OURS);
    char date[TIME_TEXT], signature[SIGNATURE_TEXT];
    buffer_add(&query, request->query);
    add_parameter(&query, "X-Amz-Algorithm", ALGORITHM);
    add_parameter(&query, "X-Amz-Credential", credential);
    add_parameter(&query, "X-Amz-Date", time_format_basic(date, request->time));
    add_parameter(&query, "X-Amz-SignedHeaders", names);
    add_parameter(&query, "X-Amz-Expires", life);
    if (credentials->session_token)
        add_parameter(&query, "X-Amz-Security-Token", credentials->session_token);
    struct sigv4_request whole = *request;
    whole.query = query.data;
    sign(signature, &whole, credentials->secret_key);
    add_parameter(&query, "X-Amz-Signature", signature);
    return buffer_take(&query);
}
