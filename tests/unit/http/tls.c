/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates are verified, always: against the bundle that was named, and against the host. */
#include "world.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* A server in a thread of its own: says one answer a connection, whatever it is asked. */
struct server {
    SSL_CTX *tls;
    int listener;
    pthread_t thread;
    char url[64];
};

static EVP_PKEY *ca_key;
static X509 *ca;
static char bundle[] = "/tmp/tls-test-XXXXXX";

static void add_extension(X509 *certificate, int nid, const char *value) {
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    assert_non_null(extension);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

/* `names` NULL: an authority. `days` until its end. */
static X509 *make_certificate(EVP_PKEY *key, const char *names, long days) {
    static long serial = 1;
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    const unsigned char *words = (const unsigned char *)(names ? "server of the test" : "authority of the test");
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -2L * 24 * 3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), days * 24 * 3600);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, words, -1, -1, 0);
    X509_set_issuer_name(certificate, names ? X509_get_subject_name(ca) : name);
    X509_set_pubkey(certificate, key);
    if (names)
        add_extension(certificate, NID_subject_alt_name, names);
    else
        add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
    assert_true(X509_sign(certificate, ca_key, EVP_sha256()) > 0);
    return certificate;
}

static int make_authority(void **state) {
    (void)state;
    ca_key = EVP_EC_gen("P-256");
    ca = make_certificate(ca_key, NULL, 10);
    FILE *file = fdopen(mkstemp(bundle), "w");
    assert_non_null(file);
    PEM_write_X509(file, ca);
    return fclose(file);
}

static int drop_authority(void **state) {
    (void)state;
    X509_free(ca);
    EVP_PKEY_free(ca_key);
    return unlink(bundle);
}

static void *serve(void *arg) {
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    struct server *server = arg;
    char request[4096];
    int fd;
    while ((fd = accept(server->listener, NULL, NULL)) >= 0) {
        SSL *tls = SSL_new(server->tls);
        SSL_set_fd(tls, fd);
        if (SSL_accept(tls) == 1 && SSL_read(tls, request, sizeof request) > 0) {
            SSL_write(tls, answer, sizeof answer - 1);
            SSL_shutdown(tls);
        }
        SSL_free(tls);
        close(fd);
    }
    return NULL;
}

static void server_start(struct server *server, const char *names, long days) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = make_certificate(key, names, days);
    server->tls = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate(server->tls, certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(server->tls, key), 1);
    X509_free(certificate);
    EVP_PKEY_free(key);
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(server->listener, 16), 0);
    getsockname(server->listener, (struct sockaddr *)&address, &length);
    snprintf(server->url, sizeof server->url, "https://127.0.0.1:%d", ntohs(address.sin_port));
}

/* The thread starts last, so that what a test has set on `tls` counts. */
static void server_run(struct server *server) {
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void server_stop(struct server *server) {
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->listener);
    SSL_CTX_free(server->tls);
}

/* One GET, by a client that trusts the test's authority or the system's. */
static void ask(struct world *world, const struct server *server, bool trusting, struct outcome *outcome) {
    struct error error = {0};
    const struct http_options options = {.ca_bundle = trusting ? bundle : NULL};
    const struct http_request request = {.method = "GET", .url = server->url};
    struct http_client *client = http_client_new(&world->loop, &options, &error);
    http_start(client, &request, on_done, outcome);
    run_until(&world->loop, &outcome->over);
    http_client_free(client);
}

static void the_named_bundle_is_trusted(void **state) {
    struct server server;
    _cleanup_outcome_ struct outcome outcome = {0};
    server_start(&server, "IP:127.0.0.1", 10);
    server_run(&server);
    ask(*state, &server, true, &outcome);
    server_stop(&server);
    assert_string_equal(outcome.body, "ok");
}

static void assert_refused(struct world *world, const char *names, long days, bool trusting, const char *words) {
    struct server server;
    _cleanup_outcome_ struct outcome outcome = {0};
    server_start(&server, names, days);
    server_run(&server);
    ask(world, &server, trusting, &outcome);
    server_stop(&server);
    assert_int_equal(outcome.code, ERROR_INVALID);
    if (!strstr(outcome.message, words) || !strstr(outcome.message, "see CaBundle="))
        fail_msg("%s", outcome.message);
}

static void an_unknown_authority_is_refused(void **state) {
    assert_refused(*state, "IP:127.0.0.1", 10, false, "unable to get local issuer certificate");
}

static void another_hosts_certificate_is_refused(void **state) {
    assert_refused(*state, "DNS:s3.us-east-1.amazonaws.com", 10, true, "127.0.0.1");
}

static void a_certificate_that_has_ended_is_refused(void **state) {
    assert_refused(*state, "IP:127.0.0.1", -1, true, "certificate has expired");
}

static void tls_1_1_is_not_spoken(void **state) {
    struct server server;
    _cleanup_outcome_ struct outcome outcome = {0};
    server_start(&server, "IP:127.0.0.1", 10);
    SSL_CTX_set_security_level(server.tls, 0);
    SSL_CTX_set_min_proto_version(server.tls, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(server.tls, TLS1_1_VERSION);
    server_run(&server);
    ask(*state, &server, true, &outcome);
    server_stop(&server);
    assert_int_equal(outcome.code, ERROR_TRANSIENT);
    assert_non_null(strstr(outcome.message, server.url));
}

static void a_bundle_that_is_not_there_is_an_error(void **state) {
    struct world *world = *state;
    struct server server;
    struct error error = {0};
    _cleanup_outcome_ struct outcome outcome = {0};
    server_start(&server, "IP:127.0.0.1", 10);
    server_run(&server);
    const struct http_request request = {.method = "GET", .url = server.url};
    struct http_client *client =
        http_client_new(&world->loop, &(struct http_options){.ca_bundle = "/nonexistent/ca.pem"}, &error);
    http_start(client, &request, on_done, &outcome);
    run_until(&world->loop, &outcome.over);
    http_client_free(client);
    server_stop(&server);
    assert_int_equal(outcome.code, ERROR_INVALID);
    assert_non_null(strstr(outcome.message, "/nonexistent/ca.pem"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_WORLD(the_named_bundle_is_trusted),
        WITH_WORLD(an_unknown_authority_is_refused),
        WITH_WORLD(another_hosts_certificate_is_refused),
        WITH_WORLD(a_certificate_that_has_ended_is_refused),
        WITH_WORLD(tls_1_1_is_not_spoken),
        WITH_WORLD(a_bundle_that_is_not_there_is_an_error),
    };
    return cmocka_run_group_tests(tests, make_authority, drop_authority);
}
