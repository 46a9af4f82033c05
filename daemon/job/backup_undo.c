/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a run is taken back (UNDO of the story in backup.c).
 *
 *     LAND   what was dropped on its way lands, or never will
 *     ASK    where COMMIT failed: HEAD backup.json. Ours? then its answer was lost, and the run has succeeded
 *     UNDO   what it made goes (job/undo.h)
 */
#include <string.h>

#include "backup_private.h"
#include "base/memory.h"

static void on_undone(void *arg, const struct error *error) {
    struct backup *backup = arg;
    backup->undo = NULL;
    if (error)
        backup->undo_failure = error_copy(error);
    backup_enter(backup, OVER);
}

static void add_known_uploads(struct backup *backup) {
    const struct backup_record *record = backup->record;
    for (size_t i = 0; i < record->output_count; i++)
        for (size_t k = 0; k < record->outputs[i].object_count; k++)
            if (record->outputs[i].objects[k].upload_id)
                undo_add_upload(backup->undo, record->outputs[i].objects[k].key,
                                record->outputs[i].objects[k].upload_id);
    for (size_t i = 0; i < backup->loose_count; i++)
        if (backup->loose[i].upload_id)
            undo_add_upload(backup->undo, backup->loose[i].key, backup->loose[i].upload_id);
}

static void start_undo(struct backup *backup) {
    backup->undo = undo_start(&backup->bucket, &backup->record->names, on_undone, backup);
    add_known_uploads(backup);
}

/* Of a resumed run another one may stand there: late, of the process before, and of files that have gone since. */
static bool is_ours(const struct backup *backup, const struct s3_answer *answer) {
    return answer->found && answer->run && strcmp(answer->run, backup->run) == 0 &&
           answer->length == backup->published_size;
}

/* Where nobody says whether the backup stands, it is left as it is: if it does it is a good one, and else prune removes it. */
static void on_asked(void *arg, const struct s3_answer *answer, const struct error *error) {
    struct backup *backup = arg;
    backup->asking = NULL;
    if (error) {
        backup->undo_failure = error_copy(error);
        error_context(&backup->undo_failure, "nothing was taken back, for the backup may stand");
        backup_enter(backup, OVER);
    } else if (is_ours(backup, answer)) {
        backup_say(backup, EVENT_RUN_PROGRESS, "its backup.json stands: only the answer was lost", &backup->failure);
        error_clear(&backup->failure);
        backup_enter(backup, OVER);
    } else {
        start_undo(backup);
    }
}

static void on_landed(uv_timer_t *timer) {
    backup_take_back(timer->data);
}

/* With a patience of its own: the run's may be what ended it. */
void backup_take_back(struct backup *backup) {
    if (backup->may_land) {
        backup->may_land = false;
        uv_timer_start(&backup->timer, on_landed, (uint64_t)engine_landing(backup->engine), 0);
        return;
    }
    backup->patience.last_success = clock_monotonic();
    if (backup->may_stand) {
        _cleanup_free_ char *key = backup_key(&backup->record->names, "backup.json");
        backup->asking = s3_head_object(&backup->bucket, key, on_asked, backup);
    } else {
        start_undo(backup);
    }
}
