/* SPDX-License-Identifier: Apache-2.0 */
/* Replies of the daemon as a person reads them. Pure: JSON in, text out; `now` in ms since 1970. */
#ifndef CTL_RENDER_H
#define CTL_RENDER_H

#include <json-c/json.h>

#include "base/buffer.h"
#include "control/interface.h"
#include "control/message.h"

void render_status(const struct json_object *reply, int64_t now, struct buffer *out);
void render_job(const struct json_object *job, int64_t now, struct buffer *out); /* of a status: all about one */
void render_list(const struct json_object *reply, struct buffer *out);
void render_show(const struct json_object *reply, struct buffer *out);
void render_links(const struct json_object *reply, int64_t now, struct buffer *out);
/* Past runs. */
void render_history(const struct json_object *reply, struct buffer *out);

void render_pruned(const struct json_object *reply, struct buffer *out);
void render_next(const struct json_object *reply, struct buffer *out);

/* "studentData: success: 1,000 items, 120.0 KiB in 12.4 s", and where it stands; the links where there are some. */
void render_result(const char *job, const struct json_object *reply, int64_t now, struct buffer *out);

/* A restore: its line while it goes on, and its result, which may be that of a dry run. */
void render_restore_progress(const char *table, const struct json_object *progress, int64_t now, size_t columns,
                             struct buffer *out);
void render_restore(const struct json_object *result, struct buffer *out);
/* "s3://...: good: 1,000 items, ..."; or each damage, a line each: "OBJECT: part 3, lines 20 to 40: what is wrong". */
void render_verify(const struct json_object *result, struct buffer *out);
void render_verify_progress(const char *backup, const struct json_object *progress, int64_t now, size_t columns,
                            struct buffer *out);

/* An error that the daemon replied, in words. */
void render_error(const struct control_answer *answer, struct buffer *out);

/*
 * One line of at most `columns`: "studentData [=====>     ] 45%  12,345 items  1.2 MiB  3,400 items/s  2min 3s left". What is not
 * known is not shown.
 */
void render_progress(const char *job, const struct json_object *progress, int64_t now, size_t columns,
                     struct buffer *out);

#endif
