/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is to go, and why; what stays, and why. Backups: by the rules (job/retention.h), and then by what protects them. Remains: only
 * what is certainly this host's and certainly dead, or what a prune of ours has begun to remove.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "job/prune.h"
#include "job/retention.h"

void prune_result_fini(struct prune_result *result) {
    for (size_t i = 0; i < result->count; i++) {
        backup_names_fini(&result->list[i].names);
        free(result->list[i].why);
        free(result->list[i].error);
    }
    free(result->list);
    free(result->held);
    *result = (struct prune_result){0};
}

static void keep(struct prune_item *item, const char *why) {
    item->remove = false;
    x_replace(&item->why, why);
}

/* ------------------------------------------------------------ backups */

/* What the rules would let go, and something protects. */
static void protect(struct prune_item *item, const char *what) {
    _cleanup_free_ char *why = x_printf("%s; the rules would remove it: %s", what, item->why);
    keep(item, why);
}

/* Of this process, or of another. */
static const char *used_by(const struct prune_facts *facts, const struct backup_names *names) {
    const char *by = in_use_backup_by(facts->in_use, names);
    return by ? by : reading_backup_by(facts->readers, names);
}

static void judge_backup(struct prune_item *item, const struct survey_folder *folder, const struct prune_facts *facts) {
    const char *by = used_by(facts, &folder->names);
    if (item->remove && folder->locked) {
        _cleanup_free_ char *what = x_printf("under %s", folder->locked);
        protect(item, what);
    } else if (item->remove && by) {
        _cleanup_free_ char *what = x_printf("in use by %s", by);
        protect(item, what);
    }
}

static void apply_rules(struct prune_result *result, const struct prune_facts *facts) {
    const struct retention_rules rules = retention_rules_of(facts->job);
    size_t count = 0;
    struct retention_backup *backups = x_calloc(result->count + 1, sizeof *backups);
    struct retention_verdict *verdicts = x_calloc(result->count + 1, sizeof *verdicts);
    struct prune_item **items = x_calloc(result->count + 1, sizeof(struct prune_item *));
    for (size_t i = 0; i < result->count; i++) {
        struct prune_item *item = &result->list[i];
        if (item->remains)
            continue;
        items[count] = item;
        backups[count++] = (struct retention_backup){item->names.id, backup_id_time(item->names.id), true};
    }
    const struct retention_history history = {backups, count, facts->job->zone, result->now + BACKUP_DATE_SLACK};
    retention_decide(&rules, &history, verdicts);
    for (size_t i = 0; i < count; i++) {
        struct buffer why = BUFFER_INIT(BUFFER_OURS);
        retention_explain(&why, &rules, &verdicts[i], backups[i].started, facts->job->zone);
        items[i]->remove = !verdicts[i].keep;
        items[i]->why = buffer_take(&why);
    }
    free(items);
    free(verdicts);
    free(backups);
}

/* ------------------------------------------------------------ remains */

static bool was_begun(const struct prunes_list *begun, const char *uri) {
    for (size_t i = 0; i < begun->count; i++)
        if (strcmp(begun->items[i].uri, uri) == 0)
            return true;
    return false;
}

static bool is_live(const struct prune_facts *facts, const char *run) {
    for (size_t i = 0; i < facts->open->count; i++)
        if (strcmp(facts->open->items[i].run, run) == 0)
            return true;
    return facts->runs.is_live && facts->runs.is_live(facts->runs.arg, run);
}

static bool is_this_host(const struct survey_folder *folder, const struct prune_facts *facts) {
    return facts->machine_id && folder->machine_id && strcmp(facts->machine_id, folder->machine_id) == 0;
}

static void judge_remains(struct prune_item *item, const struct survey_folder *folder, const struct prune_facts *facts,
                          int64_t now) {
    const char *by = used_by(facts, &folder->names);
    int64_t age = now - folder->newest * SECOND_MS;
    _cleanup_buffer_ struct buffer why = BUFFER_INIT(BUFFER_OURS);
    if (by) {
        buffer_printf(&why, "in use by %s", by);
    } else if (was_begun(facts->begun, folder->names.uri)) {
        item->remove = true;
        buffer_add(&why, "an earlier prune was interrupted: its rest");
    } else if (is_live(facts, folder->names.run)) {
        buffer_add(&why, "its run is under way, or will be resumed");
    } else if (!is_this_host(folder, facts)) {
        buffer_printf(&why, "left unfinished by another host (%s): only that host removes it",
                      folder->host ? folder->host : "unknown");
    } else if (!folder->newest || age <= PRUNE_REMAINS_AGE) {
        buffer_add(&why, "unfinished, and its newest object is ");
        format_duration(&why, folder->newest && age > 0 ? age : 0);
        buffer_add(&why, " old: removed once it is over 7 days");
    } else {
        item->remove = true;
        buffer_printf(&why, "unfinished, its run is over, and its newest object is %" PRId64 " days old", age / DAY_MS);
    }
    item->why = x_strdup(why.data);
}

/* ------------------------------------------------------------ the whole */

static char *clock_is_off(int64_t wall, int64_t now) {
    int64_t off = wall - now;
    if (!now)
        return x_strdup("S3 sent no Date: how old anything is cannot be told, so nothing is deleted");
    if (off <= PRUNE_CLOCK_MOST && off >= -PRUNE_CLOCK_MOST)
        return NULL;
    _cleanup_buffer_ struct buffer by = BUFFER_INIT(BUFFER_OURS);
    format_duration(&by, off < 0 ? -off : off);
    return x_printf("this host's clock is %s %s of S3's: nothing is deleted before it is right (timedatectl)", by.data,
                    off < 0 ? "behind" : "ahead");
}

void prune_decide(struct prune_result *result, const struct prune_facts *facts) {
    const struct survey_result *survey = facts->survey;
    result->list = x_calloc(survey->count + 1, sizeof *result->list);
    result->foreign = survey->foreign;
    result->now = survey->now * SECOND_MS;
    result->held = clock_is_off(survey->wall, result->now);
    for (size_t i = 0; i < survey->count; i++) {
        const struct survey_folder *folder = &survey->folders[i];
        result->list[result->count++] = (struct prune_item){.names = backup_names_copy(&folder->names),
                                                            .remains = folder->kind == FOLDER_REMAINS,
                                                            .items = folder->items,
                                                            .stored_bytes = folder->stored_bytes};
    }
    apply_rules(result, facts);
    for (size_t i = 0; i < survey->count; i++) {
        if (result->list[i].remains)
            judge_remains(&result->list[i], &survey->folders[i], facts, result->now);
        else
            judge_backup(&result->list[i], &survey->folders[i], facts);
    }
}

/* ------------------------------------------------------------ told */

static struct json_object *item_json(const struct prune_item *item) {
    static const char *const outcomes[] = {
        [PRUNE_LEFT] = "left", [PRUNE_REMOVED] = "removed", [PRUNE_FAILED] = "failed"};
    struct json_object *object = json_object_new_object();
    char text[TIME_TEXT];
    json_put_string(object, "id", item->names.id);
    json_put_string(object, "started", time_format_iso(text, backup_id_time(item->names.id) / SECOND_MS));
    json_put_string(object, "uri", item->names.uri);
    json_put_string(object, "kind", item->remains ? "remains" : "backup");
    json_put_string(object, "decision", item->remove ? "remove" : "keep");
    json_put_string(object, "why", item->why);
    json_put_string(object, "outcome", outcomes[item->outcome]);
    json_put_string(object, "error", item->error);
    if (!item->remains) {
        json_put_integer(object, "items", (int64_t)item->items);
        json_put_integer(object, "bytes", (int64_t)item->stored_bytes);
    }
    return object;
}

struct json_object *prune_result_json(const struct prune_result *result) {
    struct json_object *object = json_object_new_object(), *list = json_object_new_array();
    char text[TIME_TEXT];
    for (size_t i = 0; i < result->count; i++)
        json_object_array_add(list, item_json(&result->list[i]));
    json_put_boolean(object, "dry_run", result->dry_run);
    if (result->now)
        json_put_string(object, "now", time_format_iso(text, result->now / SECOND_MS));
    json_put_string(object, "held", result->held);
    json_put_integer(object, "removed", (int64_t)result->removed);
    json_put_integer(object, "failed", (int64_t)result->failed);
    json_put_integer(object, "foreign", (int64_t)result->foreign);
    json_object_object_add(object, "backups", list);
    return object;
}
