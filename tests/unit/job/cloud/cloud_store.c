/* SPDX-License-Identifier: Apache-2.0 */
/* The cloud's S3: bucket "bkt", path-style, with what a backup asks of it. Bodies are held to their CRC-32 and MD5. */
#include "cloud_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/encoding.h"
#include "base/memory.h"

/* ------------------------------------------------------------ what stands there */

static const char *key_of(const struct request *request) {
    return request->path + strlen("/bkt") + (request->path[4] == '/');
}

static char *etag_of(const unsigned char *hash) {
    char *text = x_calloc(1, 2 * MD5_LENGTH + 1);
    hex_encode(text, hash, MD5_LENGTH);
    return text;
}

static void object_free(struct cloud_object *object) {
    free(object->etag);
    free(object->key);
    free(object->run);
    buffer_fini(&object->bytes);
    free(object);
}

static void upload_free(struct upload *upload) {
    free(upload->id);
    free(upload->key);
    free(upload->run);
    for (size_t i = 0; i < array_length(upload->parts); i++) {
        buffer_fini(&upload->parts[i]);
        free(upload->etags[i]);
    }
    free(upload);
}

void store_clear(struct cloud *cloud) {
    while (cloud->object_count)
        object_free(cloud->objects[--cloud->object_count]);
    while (cloud->upload_count)
        upload_free(cloud->uploads[--cloud->upload_count]);
    free(cloud->objects);
    free(cloud->uploads);
}

static size_t place_of(const struct cloud *cloud, const char *key) {
    size_t i = 0;
    while (i < cloud->object_count && strcmp(cloud->objects[i]->key, key) < 0)
        i++;
    return i;
}

static struct cloud_object *object_at(const struct cloud *cloud, const char *key) {
    size_t i = place_of(cloud, key);
    return i < cloud->object_count && strcmp(cloud->objects[i]->key, key) == 0 ? cloud->objects[i] : NULL;
}

static void object_remove(struct cloud *cloud, const char *key) {
    size_t i = place_of(cloud, key);
    if (!object_at(cloud, key))
        return;
    object_free(cloud->objects[i]);
    memmove(cloud->objects + i, cloud->objects + i + 1, (--cloud->object_count - i) * sizeof *cloud->objects);
}

/* Takes the ETag. */
static struct cloud_object *put(struct cloud *cloud, const char *key, const char *run, const char *bytes, size_t length,
                                char *etag) {
    object_remove(cloud, key);
    size_t i = place_of(cloud, key);
    cloud->objects = x_realloc(cloud->objects, (cloud->object_count + 1) * sizeof(struct cloud_object *));
    memmove(cloud->objects + i + 1, cloud->objects + i, (cloud->object_count++ - i) * sizeof *cloud->objects);
    struct cloud_object *object = cloud->objects[i] = x_calloc(1, sizeof *object);
    object->key = x_strdup(key);
    object->run = x_strdup(run);
    object->bytes = BUFFER_INIT(BUFFER_OURS);
    buffer_add_bytes(&object->bytes, length ? bytes : "", length);
    object->etag = etag;
    return object;
}

struct cloud_object *cloud_put(struct cloud *cloud, const char *key, const char *run, const char *bytes,
                               size_t length) {
    unsigned char hash[MD5_LENGTH];
    md5(hash, length ? bytes : "", length);
    return put(cloud, key, run, bytes, length, etag_of(hash));
}

void cloud_delete(struct cloud *cloud, const char *key) {
    object_remove(cloud, key);
}

size_t cloud_objects(const struct cloud *cloud) {
    return cloud->object_count;
}

const struct cloud_object *cloud_object(const struct cloud *cloud, size_t i) {
    return cloud->objects[i];
}

const struct cloud_object *cloud_find(const struct cloud *cloud, const char *part_of_key) {
    for (size_t i = 0; i < cloud->object_count; i++)
        if (strstr(cloud->objects[i]->key, part_of_key))
            return cloud->objects[i];
    return NULL;
}

size_t cloud_uploads(const struct cloud *cloud) {
    return cloud->upload_count;
}

void cloud_attest(struct cloud *cloud, const char *lines, unsigned but) {
    cloud->attested = lines;
    cloud->attested_but = but;
}

void cloud_other_etags(struct cloud *cloud) {
    cloud->other_etags = true;
}

void cloud_part_least(struct cloud *cloud, size_t bytes) {
    cloud->part_least = bytes;
}

/* ------------------------------------------------------------ objects */

/* Its ETag; the caller frees. (MD5 once a body: where every instruction takes long, most of them are it and SHA-256.) */
static char *check_body(const struct request *request) {
    unsigned char hash[MD5_LENGTH];
    uint32_t crc = crc32_update(0, request->body, request->length);
    const unsigned char bytes[] = {(unsigned char)(crc >> 24), (unsigned char)(crc >> 16), (unsigned char)(crc >> 8),
                                   (unsigned char)crc};
    char text[BASE64_LENGTH(MD5_LENGTH) + 1];
    _cleanup_free_ char *said_crc = request_header(request, "x-amz-checksum-crc32");
    _cleanup_free_ char *said_md5 = request_header(request, "content-md5");
    base64_encode(text, bytes, sizeof bytes);
    assert_string_equal(said_crc, text);
    md5(hash, request->body, request->length);
    base64_encode(text, hash, sizeof hash);
    if (said_md5)
        assert_string_equal(said_md5, text);
    return etag_of(hash);
}

/* True where the request is create-only and something stands there. */
static bool refuses(struct cloud *cloud, struct request *request) {
    _cleanup_free_ char *none = request_header(request, "if-none-match");
    if (!none || !object_at(cloud, key_of(request)))
        return false;
    reply_error(request, 412, "PreconditionFailed");
    return true;
}

/* What the answer says of the body beside its ETag; the caller frees. */
static char *attestation(struct cloud *cloud, const struct request *request) {
    bool left_out = cloud->attested_but && --cloud->attested_but == 0;
    if (!cloud->attested || left_out)
        return x_strdup("");
    _cleanup_free_ char *crc32 = request_header(request, "x-amz-checksum-crc32");
    return x_printf("x-amz-checksum-crc32: %s\r\n%s", crc32, cloud->attested);
}

static void put_object(struct cloud *cloud, struct request *request) {
    _cleanup_free_ char *run = request_header(request, "x-amz-meta-run");
    _cleanup_free_ char *etag = check_body(request);
    if (refuses(cloud, request))
        return;
    if (cloud->other_etags)
        memset(etag, 'e', 8);
    _cleanup_free_ char *attested = attestation(cloud, request);
    _cleanup_free_ char *line = x_printf("ETag: \"%s\"\r\n%s", etag, attested);
    put(cloud, key_of(request), run, request->body, request->length, take_pointer(etag));
    reply(request, 200, line, "", 0);
}

/* "bytes=A-B" of an object of *length bytes; false where nothing of it is there. */
static bool cut_range(const char *range, size_t *first, size_t *length) {
    unsigned long long from = 0, to = ULLONG_MAX;
    assert_true(sscanf(range, "bytes=%llu-%llu", &from, &to) >= 1);
    if (from >= *length)
        return false;
    *first = from;
    *length = to >= *length ? *length - from : to - from + 1;
    return true;
}

static void get_object(struct cloud *cloud, struct request *request) {
    const struct cloud_object *object = object_at(cloud, key_of(request));
    _cleanup_free_ char *range = request_header(request, "range");
    if (!object) {
        reply_error(request, 404, "NoSuchKey");
        return;
    }
    bool head = strcmp(request->method, "HEAD") == 0;
    size_t first = 0, length = object->bytes.length;
    if (range && !cut_range(range, &first, &length)) {
        reply_error(request, 416, "InvalidRange");
        return;
    }
    _cleanup_free_ char *lines = x_printf("Content-Length: %zu\r\nETag: \"%s\"\r\n%s%s%s%s", length, object->etag,
                                          object->run ? "x-amz-meta-run: " : "", object->run ? object->run : "",
                                          object->run ? "\r\n" : "", object->head ? object->head : "");
    reply(request, range ? 206 : 200, lines, object->bytes.data + first, head ? 0 : length);
}

static void delete_object(struct cloud *cloud, struct request *request) {
    object_remove(cloud, key_of(request));
    reply(request, 204, "", "", 0);
}

static void delete_objects(struct cloud *cloud, struct request *request) {
    for (const char *at = request->body; (at = strstr(at, "<Key>"));) {
        at += strlen("<Key>");
        _cleanup_free_ char *key = x_strndup(at, strcspn(at, "<"));
        object_remove(cloud, key);
    }
    reply(request, 200, "", "<DeleteResult/>", strlen("<DeleteResult/>"));
}

static void list_object(struct buffer *out, const struct cloud_object *object) {
    char text[TIME_TEXT];
    buffer_printf(out, "<Contents><Key>%s</Key><Size>%zu</Size><ETag>&quot;%s&quot;</ETag>", object->key,
                  object->bytes.length, object->etag);
    if (object->modified)
        buffer_printf(out, "<LastModified>%s</LastModified>", time_format_iso(text, object->modified));
    buffer_add(out, "</Contents>");
}

/* One page holds all. A folder is named once. */
static void list_objects(struct cloud *cloud, struct request *request) {
    _cleanup_free_ char *prefix = request_query(request, "prefix");
    _cleanup_free_ char *delimiter = request_query(request, "delimiter");
    _cleanup_buffer_ struct buffer out = BUFFER_INIT(BUFFER_OURS);
    _cleanup_free_ char *folder = NULL;
    size_t length = prefix ? strlen(prefix) : 0;
    buffer_add(&out, "<ListBucketResult><IsTruncated>false</IsTruncated>");
    for (size_t i = 0; i < cloud->object_count; i++) {
        const char *key = cloud->objects[i]->key;
        if (length && strncmp(key, prefix, length) != 0)
            continue;
        const char *slash = delimiter ? strchr(key + length, '/') : NULL;
        if (!slash) {
            list_object(&out, cloud->objects[i]);
        } else if (!folder || strncmp(key, folder, strlen(folder)) != 0) {
            free(folder);
            folder = x_strndup(key, (size_t)(slash - key) + 1);
            buffer_printf(&out, "<CommonPrefixes><Prefix>%s</Prefix></CommonPrefixes>", folder);
        }
    }
    buffer_add(&out, "</ListBucketResult>");
    reply(request, 200, "", out.data, out.length);
}

/* ------------------------------------------------------------ uploads */

static struct upload *upload_of(const struct cloud *cloud, const char *id) {
    for (size_t i = 0; i < cloud->upload_count; i++)
        if (strcmp(cloud->uploads[i]->id, id) == 0)
            return cloud->uploads[i];
    return NULL;
}

static void upload_remove(struct cloud *cloud, struct upload *upload) {
    size_t i = 0;
    while (cloud->uploads[i] != upload)
        i++;
    memmove(cloud->uploads + i, cloud->uploads + i + 1, (--cloud->upload_count - i) * sizeof *cloud->uploads);
    upload_free(upload);
}

void cloud_abort_uploads(struct cloud *cloud) {
    while (cloud->upload_count)
        upload_free(cloud->uploads[--cloud->upload_count]);
}

static void create_upload(struct cloud *cloud, struct request *request) {
    struct upload *upload = x_calloc(1, sizeof *upload);
    upload->id = x_printf("u%zu", ++cloud->upload_number);
    upload->key = x_strdup(key_of(request));
    upload->run = request_header(request, "x-amz-meta-run");
    for (size_t i = 0; i < array_length(upload->parts); i++)
        upload->parts[i] = BUFFER_INIT(BUFFER_OURS);
    cloud->uploads = x_realloc(cloud->uploads, (cloud->upload_count + 1) * sizeof(struct upload *));
    cloud->uploads[cloud->upload_count++] = upload;
    _cleanup_free_ char *body =
        x_printf("<InitiateMultipartUploadResult><UploadId>%s</UploadId></InitiateMultipartUploadResult>", upload->id);
    reply(request, 200, "", body, strlen(body));
}

static void upload_part(struct upload *upload, struct request *request) {
    _cleanup_free_ char *number = request_query(request, "partNumber");
    unsigned at = (unsigned)strtoul(number, NULL, 10);
    assert_true(at >= 1 && at <= array_length(upload->parts));
    buffer_clear(&upload->parts[at - 1]);
    buffer_add_bytes(&upload->parts[at - 1], request->body, request->length);
    if (at > upload->count)
        upload->count = at;
    free(upload->etags[at - 1]);
    upload->etags[at - 1] = check_body(request);
    _cleanup_free_ char *line = x_printf("ETag: \"%s\"\r\n", upload->etags[at - 1]);
    reply(request, 200, line, "", 0);
}

/* Two parts a page. */
static void list_parts(const struct upload *upload, struct request *request) {
    _cleanup_free_ char *marker = request_query(request, "part-number-marker");
    _cleanup_buffer_ struct buffer out = BUFFER_INIT(BUFFER_OURS);
    unsigned first = marker ? (unsigned)strtoul(marker, NULL, 10) : 0, listed = 0, last = first;
    buffer_add(&out, "<ListPartsResult>");
    for (unsigned i = first; i < upload->count && listed < 2; i++) {
        if (!upload->parts[i].data)
            continue;
        buffer_printf(&out, "<Part><PartNumber>%u</PartNumber><ETag>\"%s\"</ETag><Size>%zu</Size></Part>", i + 1,
                      upload->etags[i], upload->parts[i].length);
        listed++;
        last = i + 1;
    }
    buffer_printf(&out,
                  "<IsTruncated>%s</IsTruncated><NextPartNumberMarker>%u</NextPartNumberMarker></ListPartsResult>",
                  last < upload->count ? "true" : "false", last);
    reply(request, 200, "", out.data, out.length);
}

static void complete_upload(struct cloud *cloud, struct upload *upload, struct request *request) {
    struct buffer whole = BUFFER_INIT(BUFFER_OURS);
    bool forget = request->ruled && request->act == CLOUD_FORGET;
    if (refuses(cloud, request))
        return;
    unsigned count = 0;
    for (const char *at = request->body; (at = strstr(at, "<Part>")); at++, count++) {
        const char *etag = count < upload->count ? upload->etags[count] : NULL;
        _cleanup_free_ char *named = x_printf("<PartNumber>%u</PartNumber>", count + 1);
        const char *end = strstr(at, "</Part>"), *number = strstr(at, named);
        const char *tag = etag ? strstr(at, etag) : NULL;
        if (!number || number > end || !tag || tag > end) {
            buffer_fini(&whole);
            reply_error(request, 400, "InvalidPart");
            return;
        }
        buffer_add_bytes(&whole, upload->parts[count].data, upload->parts[count].length);
        bool last = !strstr(at + 1, "<Part>");
        assert_true(last || upload->parts[count].length >= cloud->part_least);
    }
    put(cloud, upload->key, upload->run, whole.data, whole.length, x_strdup("e-whole"))->parts = count;
    buffer_fini(&whole);
    upload_remove(cloud, upload);
    static const char done[] =
        "<CompleteMultipartUploadResult><ETag>\"e-whole\"</ETag></CompleteMultipartUploadResult>";
    if (forget)
        reply_error(request, 404, "NoSuchUpload");
    else
        reply(request, 200, "", done, strlen(done));
}

static void list_uploads(struct cloud *cloud, struct request *request) {
    _cleanup_free_ char *prefix = request_query(request, "prefix");
    _cleanup_buffer_ struct buffer out = BUFFER_INIT(BUFFER_OURS);
    buffer_add(&out, "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>");
    for (size_t i = 0; i < cloud->upload_count; i++)
        if (strncmp(cloud->uploads[i]->key, prefix, strlen(prefix)) == 0)
            buffer_printf(&out, "<Upload><Key>%s</Key><UploadId>%s</UploadId></Upload>", cloud->uploads[i]->key,
                          cloud->uploads[i]->id);
    buffer_add(&out, "</ListMultipartUploadsResult>");
    reply(request, 200, "", out.data, out.length);
}

static void serve_upload(struct cloud *cloud, struct request *request, const char *id) {
    struct upload *upload = upload_of(cloud, id);
    if (!upload) {
        reply_error(request, 404, "NoSuchUpload");
    } else if (strcmp(request->method, "PUT") == 0) {
        upload_part(upload, request);
    } else if (strcmp(request->method, "POST") == 0) {
        complete_upload(cloud, upload, request);
    } else if (strcmp(request->method, "GET") == 0) {
        list_parts(upload, request);
    } else {
        upload_remove(cloud, upload);
        reply(request, 204, "", "", 0);
    }
}

void store_serve(struct cloud *cloud, struct request *request) {
    _cleanup_free_ char *id = request_query(request, "uploadId");
    _cleanup_free_ char *uploads = request_query(request, "uploads");
    _cleanup_free_ char *delete = request_query(request, "delete");
    _cleanup_free_ char *list = request_query(request, "list-type");
    bool post = strcmp(request->method, "POST") == 0;
    if (id)
        serve_upload(cloud, request, id);
    else if (uploads && post)
        create_upload(cloud, request);
    else if (uploads)
        list_uploads(cloud, request);
    else if (delete)
        delete_objects(cloud, request);
    else if (list)
        list_objects(cloud, request);
    else if (strcmp(request->method, "PUT") == 0)
        put_object(cloud, request);
    else if (strcmp(request->method, "DELETE") == 0)
        delete_object(cloud, request);
    else
        get_object(cloud, request);
}
