/* SPDX-License-Identifier: Apache-2.0 */
/* A long call to the daemon: a line of progress on the terminal while it goes on, then its end. */
#ifndef CTL_SCREEN_H
#define CTL_SCREEN_H

#include <stdint.h>

#include "backend.h"

struct long_call {
    const char *method;
    struct json_object *parameters; /* taken */
    bool briefly;                   /* one reply, at once: what was started goes on without us */
    const char *name;               /* in front of the line: the job, the backup, the table */
    bool json;
    void (*progress)(const char *name, const struct json_object *progress, int64_t now, size_t columns,
                     struct buffer *out);
    void (*started)(const struct long_call *call, const struct json_object *reply); /* a reply before; may be NULL */
    enum status (*result)(const struct long_call *call, const struct json_object *reply); /* prints it */
};

/* From the call to its last reply. An error has been said. */
enum status screen_follow(struct backend *backend, const struct long_call *call);

#endif
