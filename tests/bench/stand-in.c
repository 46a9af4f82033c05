/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stand-in [--port N] [--tls CERTIFICATE KEY]: prints its port, then serves DynamoDB and S3 on 127.0.0.1 until it is ended.
 *
 * A thread a connection, blocking sockets. Pages go out by one sendmsg() from where they were made; bodies are read against
 * their x-amz-checksum-crc32, and summed for their ETag. GET /_figures tells what was served, POST /_figures starts counting
 * anew.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/encoding.h"
#include "base/memory.h"
#include "stand_in.h"

#define PIECE ((size_t)256 << 10)

struct server {
    int listener;
    SSL_CTX *tls; /* NULL: plain HTTP */
    struct figures figures;
};

struct connection {
    struct server *server;
    int fd;
    SSL *tls; /* NULL: plain HTTP */
    char head[HEAD_MOST + 1];
    size_t filled; /* bytes in `head`: the request's, then what came after it */
};

/* ------------------------------------------------------------ bytes */

/* As recv() and send() answer. */
static ssize_t take(const struct connection *connection, char *to, size_t room) {
    if (!connection->tls)
        return recv(connection->fd, to, room, 0);
    return SSL_read(connection->tls, to, room < INT_MAX ? (int)room : INT_MAX);
}

static bool give_over_tls(SSL *tls, const struct iovec *runs, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (runs[i].iov_len && SSL_write(tls, runs[i].iov_base, (int)runs[i].iov_len) <= 0)
            return false;
    return true;
}

static bool give(const struct connection *connection, struct iovec *runs, size_t count) {
    if (connection->tls)
        return give_over_tls(connection->tls, runs, count);
    while (count) {
        struct msghdr message = {.msg_iov = runs, .msg_iovlen = count};
        ssize_t sent = sendmsg(connection->fd, &message, MSG_NOSIGNAL);
        if (sent < 0)
            return false;
        while (count && (size_t)sent >= runs->iov_len) {
            sent -= (ssize_t)runs->iov_len;
            runs++;
            count--;
        }
        if (count) {
            runs->iov_base = (char *)runs->iov_base + sent;
            runs->iov_len -= (size_t)sent;
        }
    }
    return true;
}

/* ------------------------------------------------------------ requests */

static char *trimmed(char *text) {
    text += strspn(text, " \t");
    text[strcspn(text, "\r\n")] = '\0';
    return text;
}

static void read_header(struct request *request, char *line) {
    char *value = strchr(line, ':');
    if (!value)
        return;
    *value++ = '\0';
    value = trimmed(value);
    if (strcasecmp(line, "content-length") == 0)
        request->length = strtoull(value, NULL, 10);
    else if (strcasecmp(line, "x-amz-target") == 0)
        request->target = strchr(value, '.') ? strchr(value, '.') + 1 : value;
    else if (strcasecmp(line, "x-amz-meta-run") == 0)
        request->run = value;
    else if (strcasecmp(line, "x-amz-checksum-crc32") == 0)
        request->checksum = value;
    else if (strcasecmp(line, "expect") == 0)
        request->expects = true;
}

/* "PUT /bucket/key?query HTTP/1.1", then headers, each ended by CR LF. */
static bool parse_head(struct request *request, char *head) {
    char *rest, *line = strtok_r(head, "\n", &rest), *path = strchr(line, ' ');
    if (!path)
        return false;
    *path++ = '\0';
    path[strcspn(path, " ")] = '\0';
    char *query = strchr(path, '?');
    if (query)
        *query++ = '\0';
    request->method = line;
    request->path = path;
    request->query = query ? query : "";
    while ((line = strtok_r(NULL, "\n", &rest)))
        read_header(request, line);
    return true;
}

/* The length of the next request's head; 0: the peer has gone. */
static size_t read_head(struct connection *connection) {
    for (;;) {
        connection->head[connection->filled] = '\0';
        const char *end = strstr(connection->head, "\r\n\r\n");
        if (end)
            return (size_t)(end - connection->head) + 4;
        if (connection->filled == HEAD_MOST)
            return 0;
        ssize_t got = take(connection, connection->head + connection->filled, HEAD_MOST - connection->filled);
        if (got <= 0)
            return 0;
        connection->filled += (size_t)got;
    }
}

/* What of the body came with the head. */
static size_t take_early(struct connection *connection, size_t head, char *to, uint64_t most) {
    size_t early = connection->filled - head;
    if (early > most)
        early = (size_t)most;
    memcpy(to, connection->head + head, early);
    memmove(connection->head + head, connection->head + head + early, connection->filled - head - early);
    connection->filled -= early;
    return early;
}

static bool keep_body(struct connection *connection, size_t head, struct request *request) {
    char *bytes = x_malloc(HEAD_MOST);
    size_t got = take_early(connection, head, bytes, request->length);
    uint64_t left = request->length - got;
    bool good = buffer_append(&request->body, bytes, got);
    while (good && left) {
        ssize_t more = take(connection, bytes, left < HEAD_MOST ? (size_t)left : HEAD_MOST);
        good = more > 0 && buffer_append(&request->body, bytes, (size_t)more);
        left -= good ? (uint64_t)more : 0;
    }
    free(bytes);
    return good && buffer_append(&request->body, "", 1) && request->body.length--;
}

/* As S3 does: MD5 for the ETag, and the checksum that came with it. */
static bool hash_body(struct connection *connection, size_t head, struct request *request, uint32_t *crc) {
    char *bytes = x_malloc(PIECE);
    struct digest *digest = digest_new_md5();
    size_t got = take_early(connection, head, bytes, request->length);
    uint64_t left = request->length - got;
    *crc = crc32_update(0, bytes, got);
    digest_update(digest, bytes, got);
    while (left) {
        ssize_t more = take(connection, bytes, left < PIECE ? (size_t)left : PIECE);
        if (more <= 0)
            break;
        *crc = crc32_update(*crc, bytes, (size_t)more);
        digest_update(digest, bytes, (size_t)more);
        left -= (uint64_t)more;
    }
    free(bytes);
    digest_final(digest, request->md5);
    return left == 0;
}

static void check_body(struct request *request, uint32_t crc) {
    char text[9];
    const unsigned char big[] = {(unsigned char)(crc >> 24), (unsigned char)(crc >> 16), (unsigned char)(crc >> 8),
                                 (unsigned char)crc};
    base64_encode(text, big, sizeof big);
    request->damaged = request->checksum && strcmp(request->checksum, text) != 0;
}

static bool read_body(struct connection *connection, size_t head, struct request *request) {
    uint32_t crc;
    static char proceed[] = "HTTP/1.1 100 Continue\r\n\r\n";
    if (request->expects && connection->filled == head &&
        !give(connection, &(struct iovec){proceed, sizeof proceed - 1}, 1))
        return false;
    if (request->target || bucket_keeps(request)) {
        if (!keep_body(connection, head, request))
            return false;
        md5(request->md5, request->body.data, request->body.length);
        crc = crc32_update(0, request->body.data, request->body.length);
    } else if (!hash_body(connection, head, request, &crc)) {
        return false;
    }
    if (strcmp(request->method, "PUT") == 0) /* with Complete comes the checksum of the whole object */
        check_body(request, crc);
    return true;
}

/* ------------------------------------------------------------ answers */

static bool send_answer(const struct connection *connection, const struct answer *answer) {
    _cleanup_buffer_ struct buffer head = BUFFER_INIT(BUFFER_OURS);
    char date[64];
    time_t now = time(NULL);
    struct tm parts;
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &parts));
    uint64_t length = answer->length + answer->text.length;
    struct iovec runs[4] = {{0}};
    size_t count = 1;
    for (size_t i = 0; i < answer->run_count; i++) {
        length += answer->runs[i].iov_len;
        runs[count++] = answer->runs[i];
    }
    if (answer->text.length)
        runs[count++] = (struct iovec){answer->text.data, answer->text.length};
    buffer_printf(&head, "HTTP/1.1 %d OK\r\nDate: %s\r\nContent-Length: %" PRIu64 "\r\n%s\r\n", answer->status, date,
                  length, answer->headers.data ? answer->headers.data : "");
    runs[0] = (struct iovec){head.data, head.length};
    return give(connection, runs, count);
}

static void tell_figures(struct figures *figures, const struct request *request, struct answer *answer) {
    buffer_printf(&answer->text,
                  "{\"scans\":%llu,\"page_bytes\":%llu,\"items\":%llu,\"bodies\":%llu,\"body_bytes\":%llu,"
                  "\"most_scanning\":%u}\n",
                  atomic_load(&figures->scans), atomic_load(&figures->page_bytes), atomic_load(&figures->items),
                  atomic_load(&figures->bodies), atomic_load(&figures->body_bytes),
                  atomic_load(&figures->most_scanning));
    if (*request->method == 'P')
        *figures = (struct figures){0};
}

static bool serve_one(struct connection *connection) {
    struct figures *figures = &connection->server->figures;
    struct request request = {.body = BUFFER_INIT(BODY_KEPT + HEAD_MOST)};
    size_t head = read_head(connection);
    if (!head)
        return false;
    connection->head[head - 1] = '\0';
    struct answer answer = {
        .status = 200, .headers = BUFFER_INIT(BUFFER_OURS), .text = BUFFER_INIT(BODY_KEPT + HEAD_MOST)};
    bool good = parse_head(&request, connection->head) && read_body(connection, head, &request);
    if (good) {
        if (strcmp(request.path, "/_figures") == 0)
            tell_figures(figures, &request, &answer);
        else if (request.target)
            tables_answer(figures, &request, &answer);
        else
            bucket_answer(figures, &request, &answer);
        good = send_answer(connection, &answer);
        if (answer.scan)
            atomic_fetch_sub(&figures->scanning, 1);
    }
    memmove(connection->head, connection->head + head, connection->filled - head);
    connection->filled -= head;
    buffer_fini(&request.body);
    buffer_fini(&answer.headers);
    buffer_fini(&answer.text);
    return good;
}

static void *serve(void *arg) {
    struct connection *connection = arg;
    if (connection->server->tls) {
        connection->tls = SSL_new(connection->server->tls);
        SSL_set_fd(connection->tls, connection->fd);
    }
    if (!connection->tls || SSL_accept(connection->tls) == 1)
        while (serve_one(connection))
            ;
    SSL_free(connection->tls);
    close(connection->fd);
    free(connection);
    return NULL;
}

/* ------------------------------------------------------------ life */

static SSL_CTX *tls_with(const char *certificate, const char *key) {
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    if (!tls || SSL_CTX_use_certificate_chain_file(tls, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1) {
        fprintf(stderr, "stand-in: %s or %s cannot be used\n", certificate, key);
        exit(EXIT_FAILURE);
    }
    return tls;
}

static int listen_on(uint16_t port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 512) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) < 0) {
        perror("stand-in");
        exit(EXIT_FAILURE);
    }
    printf("%u\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static void accept_all(struct server *server) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, (size_t)256 << 10);
    for (;;) {
        pthread_t thread;
        int on = 1, fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EINTR || errno == ECONNABORTED)
                continue;
            perror("stand-in");
            exit(EXIT_FAILURE);
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct connection *connection = x_calloc(1, sizeof *connection);
        connection->server = server;
        connection->fd = fd;
        if (pthread_create(&thread, &attributes, serve, connection) != 0) {
            close(fd);
            free(connection);
        }
    }
}

int main(int argc, char **argv) {
    struct server *server = x_calloc(1, sizeof *server);
    unsigned long port = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--port") == 0 && i + 1 < argc)
            port = strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--tls") == 0 && i + 2 < argc) {
            server->tls = tls_with(argv[i + 1], argv[i + 2]);
            i += 2;
        } else {
            fprintf(stderr, "usage: stand-in [--port N] [--tls CERTIFICATE KEY]\n");
            return 2;
        }
    }
    signal(SIGPIPE, SIG_IGN);
    tables_init();
    server->listener = listen_on((uint16_t)port);
    accept_all(server);
}
