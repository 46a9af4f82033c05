/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CONFIRM of the story in backup.c: is the table still the one whose scan began? One that is deleted and made again under the same name
 * goes on to answer Scan with the keys of the other: what was read may then be of both, and is no backup.
 *
 * Nothing that DescribeTable fails with takes a whole backup away: a table that has gone since is worth its backup most of all.
 */
#include <math.h>
#include <string.h>

#include "backup_private.h"
#include "base/json.h"
#include "base/memory.h"

#define DOUBT_MS 10000 /* the clocks agree within 5 s, or are corrected */

bool backup_is_table(const struct backup *backup, struct json_object *table) {
    const char *then = backup->record->table_id, *now = json_string(table, "TableId");
    if (then && now)
        return strcmp(then, now) == 0;
    double made_then = table_created(json_object_at(backup->record->definition, "Table")),
           made_now = table_created(table);
    return !(made_then > 0) || !(made_now > 0) || fabs(made_then - made_now) < SECOND_MS;
}

/* All had been read when it was made: nothing of it can be in the backup. */
static bool was_made_later(const struct backup *backup, struct json_object *table) {
    return table_created(table) > (double)(backup->record->scan_ended + DOUBT_MS);
}

static void fail_mixed(struct backup *backup) {
    _cleanup_error_ struct error why = {0};
    error_set(&why, ERROR_INVALID,
              "table %s was deleted and made again while it was read: what was read may be of both tables, and is no "
              "backup of either; run the job again",
              backup->record->table);
    backup_fail(backup, &why);
}

static void on_described(void *arg, struct json_object *answer, const struct http_answer *http,
                         const struct error *error) {
    struct backup *backup = arg;
    struct json_object *table = error ? NULL : json_object_at(answer, "Table");
    (void)http;
    backup->confirm = NULL;
    if (error)
        backup_say(backup, EVENT_RUN_WARNING, "whether the table is still the one whose scan began is not known",
                   error);
    if (!table || backup_is_table(backup, table)) {
        backup_confirmed(backup);
    } else if (was_made_later(backup, table)) {
        backup_say(backup, EVENT_RUN_WARNING,
                   "the table was deleted and made again since its scan ended: the backup is of the one before", NULL);
        backup_confirmed(backup);
    } else {
        fail_mixed(backup);
    }
}

void backup_confirm(struct backup *backup) {
    struct json_object *body = json_object_new_object();
    _cleanup_free_ char *what = x_printf("DescribeTable of %s, after its scan", backup->job->table);
    json_put_string(body, "TableName", backup->job->table);
    backup->confirm =
        dynamodb_start(backup->table_session, "DescribeTable",
                       json_object_to_json_string_ext(body, JSON_C_TO_STRING_PLAIN), what, on_described, backup);
    json_object_put(body);
}
