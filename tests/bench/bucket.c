/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sink: what S3 answers to one who writes, asks what is there, and reads small objects back. Objects are their key, size,
 * ETag and run; bytes are kept of small ones only (manifests, _started), data is counted and gone.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "base/memory.h"
#include "stand_in.h"

#define ETAG_TEXT (2 * MD5_LENGTH + 1)

struct object {
    char *key; /* "/bucket/key", as it stood in the path */
    uint64_t size;
    unsigned char etag[MD5_LENGTH];
    char *run;
    struct buffer bytes;
    bool kept;
    bool whole; /* else an upload not yet completed; its size grows with each part */
};

static struct {
    pthread_mutex_t mutex;
    struct object *objects;
    size_t count, capacity;
    uint64_t uploads;
} bucket = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static bool asks(const struct request *request, const char *name) {
    const char *found = strstr(request->query, name);
    return found && (found == request->query || found[-1] == '&');
}

bool bucket_keeps(const struct request *request) {
    return request->length <= BODY_KEPT && !strstr(request->path, "/data/") && !asks(request, "partNumber=");
}

static struct object *find(const char *key) {
    for (size_t i = 0; i < bucket.count; i++)
        if (strcmp(bucket.objects[i].key, key) == 0)
            return &bucket.objects[i];
    return NULL;
}

static void empty(struct object *object) {
    free(object->key);
    free(object->run);
    buffer_fini(&object->bytes);
}

static struct object *put(const struct request *request) {
    struct object *object = find(request->path);
    if (object) {
        empty(object);
    } else {
        if (bucket.count == bucket.capacity) {
            bucket.capacity = bucket.capacity * 2 + 64;
            bucket.objects = x_realloc(bucket.objects, bucket.capacity * sizeof *bucket.objects);
        }
        object = &bucket.objects[bucket.count++];
    }
    *object = (struct object){.key = x_strdup(request->path), .run = x_strdup(request->run), .whole = true};
    memcpy(object->etag, request->md5, MD5_LENGTH);
    return object;
}

static const char *etag_text(char text[ETAG_TEXT], const unsigned char *etag) {
    hex_encode(text, etag, MD5_LENGTH);
    return text;
}

static void add_etag(struct answer *answer, const unsigned char *etag) {
    char text[ETAG_TEXT];
    buffer_printf(&answer->headers, "ETag: \"%s\"\r\n", etag_text(text, etag));
}

static void add_checksum(struct answer *answer, const struct request *request) {
    if (request->checksum)
        buffer_printf(&answer->headers, "x-amz-checksum-crc32: %s\r\n", request->checksum);
}

static void put_object(struct request *request, struct answer *answer) {
    struct object *object = put(request);
    object->size = request->length;
    object->kept = request->body.length == request->length;
    object->bytes = request->body;
    request->body = BUFFER_INIT(BODY_KEPT);
    add_etag(answer, object->etag);
    add_checksum(answer, request);
}

static void put_part(const struct request *request, struct answer *answer) {
    struct object *object = find(request->path);
    if (object)
        object->size += request->length;
    add_etag(answer, request->md5);
    add_checksum(answer, request);
}

static void create_upload(const struct request *request, struct answer *answer) {
    put(request)->whole = false;
    buffer_printf(&answer->text,
                  "<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><UploadId>upload-%" PRIu64
                  "</UploadId></InitiateMultipartUploadResult>",
                  ++bucket.uploads);
}

static void complete_upload(const struct request *request, struct answer *answer) {
    struct object *object = find(request->path);
    char text[ETAG_TEXT];
    if (object)
        object->whole = true;
    buffer_printf(&answer->text,
                  "<CompleteMultipartUploadResult><Location>l</Location><Bucket>b</Bucket><Key>k</Key><ETag>&quot;%s"
                  "-1&quot;</ETag></CompleteMultipartUploadResult>",
                  object ? etag_text(text, object->etag) : "");
}

static void remove_object(const struct request *request, struct answer *answer) {
    struct object *object = find(request->path);
    answer->status = 204;
    if (!object)
        return;
    empty(object);
    *object = bucket.objects[--bucket.count];
}

static void get_object(const struct request *request, struct answer *answer) {
    const struct object *object = find(request->path);
    if (!object || !object->whole) {
        answer->status = 404;
        if (*request->method == 'G')
            buffer_add(&answer->text, "<Error><Code>NoSuchKey</Code><Message>not here</Message></Error>");
        return;
    }
    add_etag(answer, object->etag);
    if (object->run)
        buffer_printf(&answer->headers, "x-amz-meta-run: %s\r\n", object->run);
    if (*request->method == 'H')
        answer->length = object->size;
    else if (object->kept)
        keep(&answer->text, object->bytes.data ? object->bytes.data : "", object->bytes.length);
    else
        answer->status = 410; /* its bytes were not kept */
}

static int by_key(const void *a, const void *b) {
    return strcmp(((const struct object *)a)->key, ((const struct object *)b)->key);
}

/* The value of a query's parameter, with %2F and its kin decoded. */
static void parameter(struct buffer *out, const struct request *request, const char *name) {
    const char *at = strstr(request->query, name);
    for (at = at ? at + strlen(name) : ""; *at && *at != '&'; at++) {
        unsigned value;
        if (*at == '%' && sscanf(at + 1, "%2x", &value) == 1) {
            buffer_add_char(out, (char)value);
            at += 2;
        } else {
            buffer_add_char(out, *at);
        }
    }
    keep(out, "", 1);
}

/* Without pages of a listing: the bench's backups have fewer objects than fill one. A delimiter is not known. */
static void list_objects(const struct request *request, struct answer *answer) {
    _cleanup_buffer_ struct buffer prefix = BUFFER_INIT(BUFFER_OURS);
    size_t root = strcspn(request->path + 1, "/") + 1;
    keep(&prefix, request->path, root);
    buffer_add_char(&prefix, '/');
    parameter(&prefix, request, "prefix=");
    if (bucket.count)
        qsort(bucket.objects, bucket.count, sizeof *bucket.objects, by_key);
    buffer_add(&answer->text, "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>");
    for (size_t i = 0; i < bucket.count; i++) {
        const struct object *object = &bucket.objects[i];
        char text[ETAG_TEXT];
        if (object->whole && strncmp(object->key, prefix.data, strlen(prefix.data)) == 0)
            buffer_printf(&answer->text,
                          "<Contents><Key>%s</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;%s"
                          "&quot;</ETag><Size>%" PRIu64 "</Size></Contents>",
                          object->key + root + 1, etag_text(text, object->etag), object->size);
    }
    buffer_add(&answer->text, "</ListBucketResult>");
}

static void answer_locked(struct request *request, struct answer *answer) {
    bool upload = asks(request, "uploadId=");
    switch (*request->method) {
    case 'P':
        if (request->method[1] == 'U')
            upload ? put_part(request, answer) : put_object(request, answer);
        else if (asks(request, "uploads"))
            create_upload(request, answer);
        else if (upload)
            complete_upload(request, answer);
        else
            buffer_add(&answer->text, "<DeleteResult></DeleteResult>");
        return;
    case 'D':
        remove_object(request, answer);
        return;
    default:
        if (asks(request, "uploads"))
            buffer_add(&answer->text,
                       "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>");
        else if (upload)
            buffer_add(&answer->text, "<ListPartsResult><IsTruncated>false</IsTruncated></ListPartsResult>");
        else if (asks(request, "list-type=") || asks(request, "prefix="))
            list_objects(request, answer);
        else
            get_object(request, answer);
    }
}

void bucket_answer(struct figures *figures, struct request *request, struct answer *answer) {
    buffer_add(&answer->headers, "x-amz-request-id: BENCH\r\n");
    if (request->damaged) {
        answer->status = 400;
        buffer_add(&answer->text, "<Error><Code>BadDigest</Code><Message>not what its CRC-32 says</Message></Error>");
        return;
    }
    if (strcmp(request->method, "PUT") == 0) {
        atomic_fetch_add(&figures->bodies, 1);
        atomic_fetch_add(&figures->body_bytes, request->length);
    }
    pthread_mutex_lock(&bucket.mutex);
    answer_locked(request, answer);
    pthread_mutex_unlock(&bucket.mutex);
}
