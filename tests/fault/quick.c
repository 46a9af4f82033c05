/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon as it is, but for one thing: a silent server is given up after 6 s instead of 30. The linker puts this before
 * http_start(), so that stalls can be had by the hundred in a test, and the daemon needs no knob for it.
 */
#include "http/client.h"

#define QUICK_STALL_MS 6000

struct http_call *__real_http_start(struct http_client *client, const struct http_request *request, http_done *done,
                                    void *arg);
struct http_call *__wrap_http_start(struct http_client *client, const struct http_request *request, http_done *done,
                                    void *arg);

struct http_call *__wrap_http_start(struct http_client *client, const struct http_request *request, http_done *done,
                                    void *arg) {
    struct http_request quick = *request;
    if (!quick.stall_timeout_ms || quick.stall_timeout_ms > QUICK_STALL_MS)
        quick.stall_timeout_ms = QUICK_STALL_MS;
    return __real_http_start(client, &quick, done, arg);
}
