/* SPDX-License-Identifier: Apache-2.0 */
/*
 * S3's XML answers, all of them by one table: which element's text is which field, and which element's end closes an entry.
 * A document with another root is refused: a stranger's page must never pass for an empty list.
 */
#include "aws/s3_call.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "aws/xml.h"
#include "base/clock.h"
#include "base/encoding.h"
#include "base/memory.h"

#define KEY_MOST ((size_t)4 << 10) /* decoded; S3's own limit is 1,024 bytes */

enum field {
    ENTRY_KEY,
    ENTRY_ETAG,
    ENTRY_SIZE,
    ENTRY_MODIFIED,
    ENTRY_PART,
    ENTRY_UPLOAD,
    FAILURE_KEY,
    FAILURE_CODE,
    FAILURE_MESSAGE,
    PREFIX,
    TRUNCATED,
    NEXT,
    NEXT_KEY,
    NEXT_UPLOAD,
    ENCODING,
    UPLOAD_ID,
    ETAG,
};

static const struct {
    const char *path;
    enum field field;
} fields[] = {
    {"ListBucketResult/Contents/Key", ENTRY_KEY},
    {"ListBucketResult/Contents/ETag", ENTRY_ETAG},
    {"ListBucketResult/Contents/Size", ENTRY_SIZE},
    {"ListBucketResult/Contents/LastModified", ENTRY_MODIFIED},
    {"ListBucketResult/CommonPrefixes/Prefix", PREFIX},
    {"ListBucketResult/IsTruncated", TRUNCATED},
    {"ListBucketResult/NextContinuationToken", NEXT},
    {"ListBucketResult/EncodingType", ENCODING},
    {"ListPartsResult/Part/PartNumber", ENTRY_PART},
    {"ListPartsResult/Part/ETag", ENTRY_ETAG},
    {"ListPartsResult/Part/Size", ENTRY_SIZE},
    {"ListPartsResult/Part/LastModified", ENTRY_MODIFIED},
    {"ListPartsResult/IsTruncated", TRUNCATED},
    {"ListPartsResult/NextPartNumberMarker", NEXT},
    {"ListMultipartUploadsResult/Upload/Key", ENTRY_KEY},
    {"ListMultipartUploadsResult/Upload/UploadId", ENTRY_UPLOAD},
    {"ListMultipartUploadsResult/Upload/Initiated", ENTRY_MODIFIED},
    {"ListMultipartUploadsResult/CommonPrefixes/Prefix", PREFIX},
    {"ListMultipartUploadsResult/IsTruncated", TRUNCATED},
    {"ListMultipartUploadsResult/NextKeyMarker", NEXT_KEY},
    {"ListMultipartUploadsResult/NextUploadIdMarker", NEXT_UPLOAD},
    {"ListMultipartUploadsResult/EncodingType", ENCODING},
    {"InitiateMultipartUploadResult/UploadId", UPLOAD_ID},
    {"CompleteMultipartUploadResult/ETag", ETAG},
    {"DeleteResult/Error/Key", FAILURE_KEY},
    {"DeleteResult/Error/Code", FAILURE_CODE},
    {"DeleteResult/Error/Message", FAILURE_MESSAGE},
};

/* A document being read. What it has of `page` before is left alone. */
struct reading {
    const char *root;
    struct s3_page *page;
    size_t first_entry, first_prefix; /* this document's own */
    struct s3_entry entry;
    struct s3_failure failure;
    char *next_key, *next_upload;
    bool encoded;
};

static void entry_fini(struct s3_entry *entry) {
    free(entry->key);
    free(entry->etag);
    free(entry->upload_id);
}

static void failure_fini(struct s3_failure *failure) {
    free(failure->key);
    free(failure->code);
    free(failure->message);
}

void s3_page_fini(struct s3_page *page) {
    for (size_t i = 0; i < page->entry_count; i++)
        entry_fini(&page->entries[i]);
    for (size_t i = 0; i < page->prefix_count; i++)
        free(page->prefixes[i]);
    for (size_t i = 0; i < page->failure_count; i++)
        failure_fini(&page->failures[i]);
    free(page->entries);
    free(page->prefixes);
    free(page->failures);
    free(page->upload_id);
    free(page->etag);
    free(page->next);
    *page = (struct s3_page){0};
}

char *s3_etag(const char *quoted) {
    size_t length = quoted ? strlen(quoted) : 0;
    if (length >= 2 && quoted[0] == '"' && quoted[length - 1] == '"')
        return x_strndup(quoted + 1, length - 2);
    return x_strdup(quoted);
}

bool s3_number(const char *text, uint64_t *value) {
    if (!*text || text[strspn(text, "0123456789")])
        return false;
    errno = 0;
    *value = strtoull(text, NULL, 10);
    return errno == 0;
}

static bool set_part(struct s3_entry *entry, const char *text) {
    uint64_t number;
    if (!s3_number(text, &number) || number < 1 || number > S3_PARTS_MAX)
        return false;
    entry->part_number = (unsigned)number;
    return true;
}

static void set_etag(char **slot, const char *text) {
    free(*slot);
    *slot = s3_etag(text);
}

static void add_prefix(struct s3_page *page, const char *text) {
    page->prefixes = x_grow(page->prefixes, page->prefix_count, sizeof *page->prefixes);
    page->prefixes[page->prefix_count++] = x_strdup(text);
}

static bool set_truncated(struct s3_page *page, const char *text) {
    page->truncated = strcmp(text, "true") == 0;
    return page->truncated || strcmp(text, "false") == 0;
}

static bool set_field(struct reading *reading, enum field field, const char *text) {
    struct s3_page *page = reading->page;
    switch (field) {
    case ENTRY_KEY:
        x_replace(&reading->entry.key, text);
        return true;
    case ENTRY_ETAG:
        set_etag(&reading->entry.etag, text);
        return true;
    case ENTRY_SIZE:
        return s3_number(text, &reading->entry.size);
    case ENTRY_MODIFIED:
        return time_parse_iso(text, &reading->entry.modified);
    case ENTRY_PART:
        return set_part(&reading->entry, text);
    case ENTRY_UPLOAD:
        x_replace(&reading->entry.upload_id, text);
        return true;
    case FAILURE_KEY:
        x_replace(&reading->failure.key, text);
        return true;
    case FAILURE_CODE:
        x_replace(&reading->failure.code, text);
        return true;
    case FAILURE_MESSAGE:
        x_replace(&reading->failure.message, text);
        return true;
    case PREFIX:
        add_prefix(page, text);
        return true;
    case TRUNCATED:
        return set_truncated(page, text);
    case NEXT:
        x_replace(&page->next, *text ? text : NULL);
        return true;
    case NEXT_KEY:
        x_replace(&reading->next_key, text);
        return true;
    case NEXT_UPLOAD:
        x_replace(&reading->next_upload, text);
        return true;
    case ENCODING:
        reading->encoded = strcmp(text, "url") == 0;
        return true;
    case UPLOAD_ID:
        x_replace(&page->upload_id, text);
        return true;
    case ETAG:
        if (*text) /* Ceph names none at Complete: HEAD does */
            set_etag(&page->etag, text);
        return true;
    }
    return false;
}

static bool under_root(const struct reading *reading, const char *path) {
    size_t length = strlen(reading->root);
    return strncmp(path, reading->root, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

static bool on_text(void *arg, const char *path, const char *text) {
    struct reading *reading = arg;
    if (!under_root(reading, path))
        return false;
    for (size_t i = 0; i < array_length(fields); i++) {
        if (strcmp(fields[i].path, path) == 0)
            return set_field(reading, fields[i].field, text);
    }
    return true; /* what we do not need */
}

static bool close_entry(struct reading *reading, bool whole) {
    struct s3_page *page = reading->page;
    if (!whole)
        return false;
    page->entries = x_grow(page->entries, page->entry_count, sizeof *page->entries);
    page->entries[page->entry_count++] = reading->entry;
    reading->entry = (struct s3_entry){0};
    return true;
}

static bool close_failure(struct reading *reading) {
    struct s3_page *page = reading->page;
    if (!reading->failure.key || !reading->failure.code)
        return false;
    page->failures = x_grow(page->failures, page->failure_count, sizeof *page->failures);
    page->failures[page->failure_count++] = reading->failure;
    reading->failure = (struct s3_failure){0};
    return true;
}

static bool on_end(void *arg, const char *path) {
    struct reading *reading = arg;
    const struct s3_entry *entry = &reading->entry;
    if (strcmp(path, "ListBucketResult/Contents") == 0)
        return close_entry(reading, entry->key);
    if (strcmp(path, "ListPartsResult/Part") == 0)
        return close_entry(reading, entry->part_number && entry->etag);
    if (strcmp(path, "ListMultipartUploadsResult/Upload") == 0)
        return close_entry(reading, entry->key && entry->upload_id);
    if (strcmp(path, "DeleteResult/Error") == 0)
        return close_failure(reading);
    return under_root(reading, path);
}

/* encoding-type=url is the encoding of forms: a blank is '+'. (botocore: unquote_plus.) A NUL is no part of any key of ours. */
static bool decode(char **slot) {
    if (!*slot)
        return true;
    _cleanup_buffer_ struct buffer plain = BUFFER_INIT(KEY_MOST);
    for (char *plus = *slot; (plus = strchr(plus, '+'));)
        *plus = ' ';
    if (!percent_decode(&plain, *slot, strlen(*slot)) || (plain.length && memchr(plain.data, '\0', plain.length)))
        return false;
    free(*slot);
    *slot = buffer_take(&plain);
    return true;
}

static bool decode_keys(struct reading *reading) {
    struct s3_page *page = reading->page;
    bool decoded = decode(&reading->next_key);
    for (size_t i = reading->first_entry; decoded && i < page->entry_count; i++)
        decoded = decode(&page->entries[i].key);
    for (size_t i = reading->first_prefix; decoded && i < page->prefix_count; i++)
        decoded = decode(&page->prefixes[i]);
    return decoded;
}

/* Two markers lead to the next page of uploads; as a piece of its query they are one text. */
static char *upload_marker(const struct reading *reading) {
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    buffer_add(&out, "key-marker=");
    percent_encode(&out, reading->next_key, strlen(reading->next_key), "");
    if (reading->next_upload) {
        buffer_add(&out, "&upload-id-marker=");
        percent_encode(&out, reading->next_upload, strlen(reading->next_upload), "");
    }
    return buffer_take(&out);
}

static bool finish(struct reading *reading, struct error *error) {
    struct s3_page *page = reading->page;
    if (reading->encoded && !decode_keys(reading)) {
        error_set(error, ERROR_CORRUPT, "a key in %s is not percent-encoded as it says", reading->root);
        return false;
    }
    if (reading->next_key && *reading->next_key) {
        free(page->next);
        page->next = upload_marker(reading);
    }
    if (!page->truncated)
        x_replace(&page->next, NULL);
    if (page->truncated && !page->next) {
        error_set(error, ERROR_CORRUPT, "%s is truncated and does not say where to go on", reading->root);
        return false;
    }
    return true;
}

bool s3_page_parse(struct s3_page *page, const char *root, const struct http_answer *answer, struct error *error) {
    struct reading reading = {
        .root = root, .page = page, .first_entry = page->entry_count, .first_prefix = page->prefix_count};
    const struct xml_handler handler = {.text = on_text, .end = on_end, .arg = &reading};
    bool parsed = xml_parse(answer->body, answer->length, &handler, error) && finish(&reading, error);
    entry_fini(&reading.entry);
    failure_fini(&reading.failure);
    free(reading.next_key);
    free(reading.next_upload);
    return parsed;
}
