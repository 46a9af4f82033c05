/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host in a test: its metadata service and STS as one scripted peer on a real socket, an environment, a clock, and the
 * client and store that a daemon would have.
 */
#ifndef HOST_H
#define HOST_H

#include <uv.h>

#include "aws/client.h"
#include "aws/sources.h"
#include "aws/store.h"
#include "base/buffer.h"

#define HOST_TIME ((int64_t)1751767200000) /* 2025-07-06T02:00:00Z: when a test begins */
#define ROLE_ARN  "arn:aws:iam::123456789012:role/Backup"

/* What answers instead of the usual; gone after `times`. */
struct host_fault {
    const char *line; /* "GET /latest/meta-data/placement/region", the beginning of it */
    int status;       /* 0: the connection is closed without a word; -1: silence */
    const char *body;
    unsigned times;
};

struct host {
    uv_loop_t loop;
    uv_tcp_t listener;
    uv_timer_t tick;
    char url[64];
    struct buffer log; /* a line a request: "PUT /latest/api/token"; "AKIA1 assumes arn:... 3600 external" */
    struct host_fault faults[4];
    unsigned keys;                    /* handed out so far: each AssumeRole makes "ASIA" + number */
    unsigned tokens;                  /* and each PUT "token" + number */
    unsigned forgotten;               /* tokens up to this one are no longer good */
    const char *instance_key;         /* of the instance role */
    int64_t instance_ends, role_life; /* ms */
    struct http_client *http;
    struct aws_client *client;
    struct credential_store *store;
    unsigned connections;
};

/* Setup and teardown of a test: the latter asserts that the loop is empty. */
int host_set_up(void **state);
int host_tear_down(void **state);

/* The store and what it made, made anew: as after a reload. */
void host_restart_store(struct host *host);

void host_fault(struct host *host, const char *line, int status, const char *body, unsigned times);

/* Copied; NULL takes it away. */
void host_setenv(const char *name, const char *value);
const char *host_getenv(const char *name);

void host_later(int64_t ms); /* both clocks go on */
int64_t host_now(void);

/* What one _get() brought. */
struct heard {
    int times;
    char access_key[32], session_token[32];
    int64_t expires;
    enum error_code code;
    char message[1200];
};
void on_heard(void *arg, const struct credentials *got, const struct error *error);

/* Asks, and runs the loop until the answer is there. */
struct heard host_ask(struct host *host, struct credential_provider *provider);
struct heard host_ask_once(struct host *host, const struct credential_settings *settings);
void host_run_until(struct host *host, const int *times, int wanted);

/* The log is this, and is empty again. */
void assert_log(struct host *host, const char *expected);

#endif
