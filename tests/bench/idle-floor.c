/* SPDX-License-Identifier: Apache-2.0 */
/*
 * idle-floor URL: the least memory that a program on our libraries could hold while it waits. It links what the daemon links,
 * makes one object of each (a loop, a parser, a database, a compressor, ...) and one request over TLS (verified against the
 * file that $CA_BUNDLE names), prints "ready" and keeps all of it until its standard input ends: meanwhile others look.
 */
#include <curl/curl.h>
#include <expat.h>
#include <isa-l/igzip_lib.h>
#include <json-c/json.h>
#include <openssl/evp.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>
#include <uv.h>
#include <zstd.h>

static struct {
    uv_loop_t loop;
    struct json_tokener *json;
    sqlite3 *database;
    struct isal_zstream *deflate;
    ZSTD_CCtx *zstd;
    XML_Parser xml;
    EVP_MD *sha256;
    CURLM *multi;
    CURL *easy;
} all;

static void check(int worked, const char *what) {
    if (worked)
        return;
    fprintf(stderr, "idle-floor: %s\n", what);
    exit(EXIT_FAILURE);
}

static void initialise(void) {
    check(uv_loop_init(&all.loop) == 0, "libuv");
    check((all.json = json_tokener_new()) != NULL, "json-c");
    check(sqlite3_open(":memory:", &all.database) == SQLITE_OK, "sqlite");
    check(sqlite3_exec(all.database, "CREATE TABLE one (a)", NULL, NULL, NULL) == SQLITE_OK, "sqlite");
    check((all.deflate = malloc(sizeof *all.deflate)) != NULL, "no memory");
    isal_deflate_init(all.deflate);
    check((all.zstd = ZSTD_createCCtx()) != NULL, "libzstd");
    check((all.xml = XML_ParserCreate(NULL)) != NULL, "expat");
    check((all.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL)) != NULL, "libcrypto");
    check(sd_notify(0, "READY=1") >= 0, "libsystemd");
    check(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK, "libcurl");
}

static size_t drop(char *bytes, size_t one, size_t length, void *arg) {
    (void)bytes;
    (void)one;
    (void)arg;
    return length;
}

static void request(const char *url) {
    int running = 1, left;
    check((all.multi = curl_multi_init()) != NULL && (all.easy = curl_easy_init()) != NULL, "libcurl");
    curl_easy_setopt(all.easy, CURLOPT_URL, url);
    curl_easy_setopt(all.easy, CURLOPT_CAINFO, getenv("CA_BUNDLE"));
    curl_easy_setopt(all.easy, CURLOPT_WRITEFUNCTION, drop);
    curl_multi_add_handle(all.multi, all.easy);
    while (running && curl_multi_perform(all.multi, &running) == CURLM_OK)
        curl_multi_poll(all.multi, NULL, 0, 1000, NULL);
    const CURLMsg *message = curl_multi_info_read(all.multi, &left);
    check(message && message->data.result == CURLE_OK,
          message ? curl_easy_strerror(message->data.result) : "no answer");
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: idle-floor URL\n");
        return 2;
    }
    initialise();
    request(argv[1]);
    puts("ready");
    fflush(stdout);
    while (getchar() != EOF)
        ;
    return EXIT_SUCCESS;
}
