/* SPDX-License-Identifier: Apache-2.0 */
/* A long call to the daemon: a line of progress on the terminal while it goes on, then its end. */
#ifndef CTL_SCREEN_H
#define CTL_SCREEN_H

#include <stdint.h>

#include "backend.h"

struct long_call {
    const char *method;
    struct json_object *parameters; /* taken */
    const char *name;               /* in front of the line: the backup */
    bool json;
    void (*progress)(const char *name, const struct json_object *progress, int64_t now, size_t columns,
                     struct buffer *out);
    enum status (*result)(const struct json_object *reply, bool json); /* prints it */
};

/* From the call to its last reply. An error has been said. */
enum status screen_follow(struct backend *backend, const struct long_call *call);

#endif
