/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of retention behind a pipe, so that others can judge them: a history as JSON a line in, the decisions a line out.
 * tests/integration/test_retention.py writes the histories and compares with restic and with a plain implementation of its own.
 *
 *     {"zone", "now": ms, "rules": {"KeepLast": 3, ..., "KeepWithin": "1y 6months"},
 *      "backups": [{"id", "started": ms, "good": bool}...]}
 *     {"decisions": [{"id", "keep": bool, "why"}...]}
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "config/value.h"
#include "job/retention.h"

static bool read_rules(struct json_object *line, struct retention_rules *rules) {
    static const char *const names[RETENTION_COUNTED] = {"KeepLast",   "KeepHourly",  "KeepDaily",
                                                         "KeepWeekly", "KeepMonthly", "KeepYearly"};
    struct json_object *object = json_object_at(line, "rules");
    const char *within = json_string(object, "KeepWithin");
    for (int i = 0; i < RETENTION_COUNTED; i++)
        rules->keep[i] = (unsigned)json_integer(object, names[i], 0);
    return !within || value_period(within, &rules->within);
}

static struct json_object *decisions(const struct retention_rules *rules, const struct retention_history *history) {
    struct retention_verdict *verdicts = x_calloc(history->count + 1, sizeof *verdicts);
    struct json_object *list = json_object_new_array();
    retention_decide(rules, history, verdicts);
    for (size_t i = 0; i < history->count; i++) {
        _cleanup_buffer_ struct buffer why = BUFFER_INIT(BUFFER_OURS);
        struct json_object *one = json_object_new_object();
        retention_explain(&why, rules, &verdicts[i], history->backups[i].started, history->zone);
        json_put_string(one, "id", history->backups[i].id);
        json_put_boolean(one, "keep", verdicts[i].keep);
        json_put_string(one, "why", why.data);
        json_object_array_add(list, one);
    }
    free(verdicts);
    return list;
}

static bool decide_line(struct json_object *line) {
    struct json_object *list = json_array_at(line, "backups"), *answer = json_object_new_object();
    size_t count = list ? json_object_array_length(list) : 0;
    struct retention_backup *backups = x_calloc(count + 1, sizeof *backups);
    struct retention_rules rules = {0};
    struct zone *zone = zone_load(json_string(line, "zone"), NULL);
    bool good = zone && read_rules(line, &rules);
    for (size_t i = 0; i < count; i++) {
        struct json_object *one = json_object_array_get_idx(list, i);
        backups[i] = (struct retention_backup){json_string(one, "id"), json_integer(one, "started", 0),
                                               json_boolean(one, "good", true)};
    }
    struct retention_history history = {backups, count, zone, json_integer(line, "now", 0)};
    if (good)
        json_object_object_add(answer, "decisions", decisions(&rules, &history));
    puts(json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PLAIN));
    json_object_put(answer);
    zone_unref(zone);
    free(backups);
    return good;
}

int main(void) {
    _cleanup_free_ char *text = NULL;
    size_t room = 0;
    ssize_t length;
    while ((length = getline(&text, &room, stdin)) > 0) {
        _cleanup_error_ struct error error = {0};
        _cleanup_json_ struct json_object *line = json_parse(text, (size_t)length, &error);
        if (!line || !decide_line(line)) {
            fprintf(stderr, "decide-lines: %s\n", line ? "no such zone or rule" : error.message);
            return EXIT_FAILURE;
        }
    }
    return EXIT_SUCCESS;
}
