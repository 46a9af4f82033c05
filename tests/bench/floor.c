/* SPDX-License-Identifier: Apache-2.0 */
/*
 * floor URL TABLE SEGMENTS discard|none|gzip|zstd: the least that any program on libcurl could do.
 *
 * Pages of all segments are fetched by one curl multi, and thrown away; or each is compressed as it is (ISA-L or zstd, level
 * 1, once for all pages of a part), hashed with SHA-256 as a body over plain HTTP must be, and put in parts of 8 MiB. No
 * signature, no slicing, no checksum, no retry, one thread. What it costs is the machine's, not the program's. Over https://
 * (verified against the file that $CA_BUNDLE names) nothing is hashed.
 */
#include <curl/curl.h>
#include <isa-l/igzip_lib.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define PAGE_ROOM ((size_t)2 << 20)
#define PART_SIZE ((size_t)8 << 20)
#define PART_ROOM (PART_SIZE + 2 * PAGE_ROOM)
#define TAIL      512 /* what is kept of a page that is thrown away: its LastEvaluatedKey stands there */
#define UPLOADS   4
#define BUFFERS   (128L << 10) /* curl's own: cheaper than larger ones */

enum what { DISCARD, NONE, GZIP, ZSTD };

struct fetch {
    CURL *easy;
    unsigned segment;
    char *page;
    size_t length; /* all that came; in DISCARD `page` holds the last TAIL bytes or so */
    size_t held;
    char body[1024];
};

struct upload {
    CURL *easy;
    char *bytes;
    size_t length, sent;
    bool busy;
};

static struct {
    CURLM *multi;
    const char *url, *table, *bundle; /* bundle: of an https:// url, else NULL */
    unsigned segments;
    enum what what;
    struct curl_slist *scan_headers, *put_headers;
    struct fetch *fetches;
    struct upload uploads[UPLOADS];
    struct upload *filling;
    unsigned long long bytes, stored, number;
    unsigned active; /* calls that have not ended */
    struct isal_zstream deflate;
    uint8_t level_buffer[ISAL_DEF_LVL1_DEFAULT];
    ZSTD_CCtx *zstd;
} story;

static void die(const char *why) {
    fprintf(stderr, "floor: %s\n", why);
    exit(EXIT_FAILURE);
}

static size_t on_page(char *bytes, size_t one, size_t length, void *arg) {
    struct fetch *fetch = arg;
    (void)one;
    fetch->length += length;
    if (story.what == DISCARD) {
        size_t keep = length < TAIL ? length : TAIL;
        if (fetch->held + keep > PAGE_ROOM)
            fetch->held = 0;
        memcpy(fetch->page + fetch->held, bytes + length - keep, keep);
        fetch->held += keep;
        return length;
    }
    if (fetch->held + length > PAGE_ROOM)
        die("a page larger than 2 MiB");
    memcpy(fetch->page + fetch->held, bytes, length);
    fetch->held += length;
    return length;
}

static void reach(CURL *easy, const char *url) {
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    if (story.bundle)
        curl_easy_setopt(easy, CURLOPT_CAINFO, story.bundle);
}

static void start_fetch(struct fetch *fetch, const char *key, size_t key_length) {
    snprintf(fetch->body, sizeof fetch->body,
             "{\"TableName\":\"%s\",\"Segment\":%u,\"TotalSegments\":%u%s%.*s,\"ReturnConsumedCapacity\":\"TOTAL\"}",
             story.table, fetch->segment, story.segments, key ? ",\"ExclusiveStartKey\":" : "", (int)key_length,
             key ? key : "");
    fetch->length = fetch->held = 0;
    curl_easy_setopt(fetch->easy, CURLOPT_POSTFIELDSIZE, (long)strlen(fetch->body));
    curl_easy_setopt(fetch->easy, CURLOPT_POSTFIELDS, fetch->body);
    curl_multi_add_handle(story.multi, fetch->easy);
    story.active++;
}

static void new_fetch(struct fetch *fetch, unsigned segment) {
    fetch->segment = segment;
    fetch->page = malloc(PAGE_ROOM);
    fetch->easy = curl_easy_init();
    if (!fetch->page || !fetch->easy)
        die("no memory");
    reach(fetch->easy, story.url);
    curl_easy_setopt(fetch->easy, CURLOPT_HTTPHEADER, story.scan_headers);
    curl_easy_setopt(fetch->easy, CURLOPT_WRITEFUNCTION, on_page);
    curl_easy_setopt(fetch->easy, CURLOPT_WRITEDATA, fetch);
    curl_easy_setopt(fetch->easy, CURLOPT_PRIVATE, fetch);
    curl_easy_setopt(fetch->easy, CURLOPT_BUFFERSIZE, BUFFERS);
    start_fetch(fetch, NULL, 0);
}

/* ------------------------------------------------------------ uploads */

static size_t on_read(char *to, size_t one, size_t room, void *arg) {
    struct upload *upload = arg;
    size_t left = upload->length - upload->sent, take = left < room ? left : room;
    (void)one;
    memcpy(to, upload->bytes + upload->sent, take);
    upload->sent += take;
    return take;
}

static size_t on_nothing(char *bytes, size_t one, size_t length, void *arg) {
    (void)bytes;
    (void)one;
    (void)arg;
    return length;
}

static void send_part(struct upload *upload) {
    unsigned char hash[SHA256_DIGEST_LENGTH] = {0};
    char url[512];
    if (!story.bundle)
        SHA256((const unsigned char *)upload->bytes, upload->length, hash);
    snprintf(url, sizeof url, "%s/bench/data/%02x%llu", story.url, hash[0], story.number++);
    if (!upload->easy)
        upload->easy = curl_easy_init();
    reach(upload->easy, url);
    curl_easy_setopt(upload->easy, CURLOPT_HTTPHEADER, story.put_headers);
    curl_easy_setopt(upload->easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(upload->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)upload->length);
    curl_easy_setopt(upload->easy, CURLOPT_UPLOAD_BUFFERSIZE, BUFFERS);
    curl_easy_setopt(upload->easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(upload->easy, CURLOPT_READDATA, upload);
    curl_easy_setopt(upload->easy, CURLOPT_WRITEFUNCTION, on_nothing);
    curl_easy_setopt(upload->easy, CURLOPT_PRIVATE, NULL);
    upload->sent = 0;
    upload->busy = true;
    story.stored += upload->length;
    curl_multi_add_handle(story.multi, upload->easy);
    story.active++;
}

/* NULL while all are on their way. */
static struct upload *free_upload(void) {
    for (size_t i = 0; i < UPLOADS; i++) {
        struct upload *upload = &story.uploads[i];
        if (upload->busy)
            continue;
        if (!upload->bytes && !(upload->bytes = malloc(PART_ROOM)))
            die("no memory");
        upload->length = 0;
        return upload;
    }
    return NULL;
}

static void end_upload(const CURL *easy) {
    for (size_t i = 0; i < UPLOADS; i++)
        if (story.uploads[i].easy == easy)
            story.uploads[i].busy = false;
}

/* ------------------------------------------------------------ pages */

static size_t compress_page(char *to, size_t room, const struct fetch *fetch) {
    if (story.what == NONE) {
        memcpy(to, fetch->page, fetch->held);
        return fetch->held;
    }
    if (story.what == ZSTD)
        return ZSTD_compress2(story.zstd, to, room, fetch->page, fetch->held);
    struct isal_zstream *stream = &story.deflate;
    isal_deflate_init(stream);
    stream->level = 1;
    stream->level_buf = story.level_buffer;
    stream->level_buf_size = sizeof story.level_buffer;
    stream->gzip_flag = IGZIP_GZIP;
    stream->end_of_stream = 1;
    stream->next_in = (uint8_t *)fetch->page;
    stream->avail_in = (uint32_t)fetch->held;
    stream->next_out = (uint8_t *)to;
    stream->avail_out = (uint32_t)room;
    if (isal_deflate(stream) != COMP_OK)
        die("isal_deflate");
    return stream->total_out;
}

static void work(CURLM *multi);

static void store_page(const struct fetch *fetch) {
    while (!story.filling && !(story.filling = free_upload()))
        work(story.multi);
    struct upload *upload = story.filling;
    upload->length += compress_page(upload->bytes + upload->length, PART_ROOM - upload->length, fetch);
    if (upload->length >= PART_SIZE) {
        story.filling = NULL;
        send_part(upload);
    }
}

/* The key's text within the page, up to its own closing bracket; NULL where the segment ends here. */
static const char *last_key(const struct fetch *fetch, size_t *length) {
    static const char name[] = "\"LastEvaluatedKey\":";
    size_t tail = fetch->held < TAIL ? fetch->held : TAIL;
    const char *from = fetch->page + fetch->held - tail, *end = fetch->page + fetch->held;
    const char *at = memmem(from, tail, name, sizeof name - 1), *stop;
    if (!at)
        return NULL;
    at += sizeof name - 1;
    stop = memmem(at, (size_t)(end - at), "}}", 2);
    if (!stop)
        die("a key without an end");
    *length = (size_t)(stop + 2 - at);
    return at;
}

static void end_fetch(struct fetch *fetch) {
    char key[TAIL];
    size_t length = 0;
    const char *found = last_key(fetch, &length);
    story.bytes += fetch->length;
    if (found)
        memcpy(key, found, length);
    if (story.what != DISCARD)
        store_page(fetch);
    if (found)
        start_fetch(fetch, key, length);
}

/* Finished calls wait here: store_page() may run the multi while it waits for an upload. */
static void work(CURLM *multi) {
    const struct CURLMsg *message;
    int running, left;
    curl_multi_perform(multi, &running);
    static struct fetch *done[4096];
    static size_t first, last;
    static bool inside;
    while ((message = curl_multi_info_read(multi, &left))) {
        struct fetch *fetch;
        CURL *easy = message->easy_handle;
        if (message->data.result != CURLE_OK)
            die(curl_easy_strerror(message->data.result));
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&fetch);
        curl_multi_remove_handle(multi, easy);
        story.active--;
        if (fetch)
            done[last++ % 4096] = fetch;
        else
            end_upload(easy);
    }
    if (inside) {
        curl_multi_poll(multi, NULL, 0, 100, NULL);
        return;
    }
    inside = true;
    while (first < last)
        end_fetch(done[first++ % 4096]);
    inside = false;
}

static void run(void) {
    while (story.active) {
        unsigned before = story.active;
        work(story.multi);
        if (story.active && story.active <= before)
            curl_multi_poll(story.multi, NULL, 0, 1000, NULL);
    }
}

int main(int argc, char **argv) {
    static const char *const names[] = {[DISCARD] = "discard", [NONE] = "none", [GZIP] = "gzip", [ZSTD] = "zstd"};
    if (argc != 5) {
        fprintf(stderr, "usage: floor URL TABLE SEGMENTS discard|none|gzip|zstd\n");
        return 2;
    }
    story.url = argv[1];
    story.table = argv[2];
    story.bundle = strncmp(story.url, "https:", 6) == 0 ? getenv("CA_BUNDLE") : NULL;
    story.segments = (unsigned)strtoul(argv[3], NULL, 10);
    while (story.what < ZSTD && strcmp(names[story.what], argv[4]) != 0)
        story.what++;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    story.multi = curl_multi_init();
    story.zstd = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(story.zstd, ZSTD_c_compressionLevel, 1);
    ZSTD_CCtx_setParameter(story.zstd, ZSTD_c_hashLog, 13); /* twice as fast as what level 1 takes by itself */
    ZSTD_CCtx_setParameter(story.zstd, ZSTD_c_minMatch, 7);
    story.scan_headers = curl_slist_append(NULL, "X-Amz-Target: DynamoDB_20120810.Scan");
    story.scan_headers = curl_slist_append(story.scan_headers, "Content-Type: application/x-amz-json-1.0");
    story.put_headers = curl_slist_append(NULL, "Expect:");
    story.fetches = calloc(story.segments, sizeof *story.fetches);
    if (!story.multi || !story.zstd || !story.fetches || !story.segments)
        die("no memory, or no segments");
    for (unsigned i = 0; i < story.segments; i++)
        new_fetch(&story.fetches[i], i);
    run();
    if (story.filling && story.filling->length) {
        send_part(story.filling);
        run();
    }
    printf("{\"page_bytes\":%llu,\"stored\":%llu}\n", story.bytes, story.stored);
    return EXIT_SUCCESS;
}
