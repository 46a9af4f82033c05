/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words that a Type=notify service says to systemd. One message is one datagram: what belongs together (RELOADING and
 * its time) goes in one, as sd_notify(3) asks. Failures are ignored: without systemd there is nobody to tell.
 */
#include "report/notify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "base/memory.h"
#include "report/clean.h"

#define STATUS_LIMIT 200

static void send_status(const char *before, const char *status) {
    _cleanup_buffer_ struct buffer message = BUFFER_INIT(BUFFER_OURS);
    buffer_printf(&message, "%sSTATUS=", before);
    clean_text(&message, status, STATUS_LIMIT);
    sd_notify(0, message.data);
}

void notify_ready(const char *status) {
    if (status)
        send_status("READY=1\n", status);
    else
        sd_notify(0, "READY=1");
}

void notify_status(const char *format, ...) {
    va_list words;
    va_start(words, format);
    _cleanup_free_ char *status = x_vprintf(format, words);
    va_end(words);
    send_status("", status);
}

void notify_reloading(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64 "\nSTATUS=Reading the configuration again.",
               (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
}

void notify_stopping(void) {
    sd_notify(0, "STOPPING=1\nSTATUS=Stopping.");
}
