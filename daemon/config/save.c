/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings written as assignments, by the same table of keys that reads them; and read again as if somebody had just written
 * them in files: a restored job has been through every check.
 */
#include "config/save.h"

#include <inttypes.h>
#include <string.h>

#include "base/encoding.h"
#include "base/json.h"
#include "base/memory.h"
#include "config/keys.h"
#include "config/lists.h"
#include "config/value.h"

static const char *no_environment(const char *name) {
    (void)name;
    return NULL;
}

/* ------------------------------------------------------------ values to texts */

static void add(struct json_object *list, char *text_take) {
    json_object_array_add(list, json_object_new_string(text_take));
    free(text_take);
}

static void add_number(struct json_object *list, const struct config_key *key, uint64_t number, const char *unit) {
    bool word = !number && key->zero;
    add(list, word ? x_strdup(key->zero) : x_printf("%" PRIu64 "%s", number, unit));
}

static void add_words(struct json_object *list, const struct config_key *key, unsigned flags) {
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(BUFFER_OURS);
    for (const struct config_word *word = key->words; word->name; word++)
        if (!word->later && (flags & (unsigned)word->value))
            buffer_printf(&text, "%s%s", text.length ? " " : "", word->name);
    if (text.length)
        add(list, x_strdup(text.data));
}

/* The value that a choice has by default may have no word: then there is nothing to write. */
static void add_word(struct json_object *list, const struct config_key *key, int value) {
    for (const struct config_word *word = key->words; word->name; word++)
        if (!word->later && word->value == value) {
            add(list, x_strdup(word->name));
            return;
        }
}

static char *plain(const char *text, size_t length) {
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    if (!percent_decode(&out, text, length))
        buffer_clear(&out);
    return buffer_take(&out);
}

/* "a=b&c=d", encoded, back to an assignment each. */
static void add_tags(struct json_object *list, const char *tags) {
    while (tags && *tags) {
        size_t length = strcspn(tags, "&"), name = strcspn(tags, "=");
        _cleanup_free_ char *key = plain(tags, name);
        _cleanup_free_ char *value = plain(tags + name + 1, length - name - 1);
        add(list, x_printf("%s=%s", key, value));
        tags += length + (tags[length] == '&');
    }
}

static void add_schedules(struct json_object *list, const struct schedule_list *schedules) {
    for (size_t i = 0; i < schedules->count; i++)
        add(list, x_strdup(schedule_text(schedules->items[i])));
}

static void add_period(struct json_object *list, const struct config_period *period) {
    struct buffer text = BUFFER_INIT(BUFFER_OURS);
    value_format_period(&text, period);
    add(list, buffer_take(&text));
}

static void add_addresses(struct json_object *list, config_list addresses) {
    for (size_t i = 0; addresses[i]; i++)
        add(list, x_strdup(addresses[i]));
}

static void add_columns(struct json_object *list, config_list columns) {
    struct buffer text = BUFFER_INIT(BUFFER_OURS);
    config_columns_format(columns, &text);
    if (columns[0])
        add(list, x_strdup(text.data));
    buffer_fini(&text);
}

/* What would have to be assigned, in order, for `base` to be as it is. */
static struct json_object *assignments(const struct config_key *key, const void *base) {
    struct json_object *list = json_object_new_array();
    const void *slot = (const char *)base + key->slot;
    switch (key->kind) {
    case KIND_TEXT:
        if (*(char *const *)slot)
            add(list, x_strdup(*(char *const *)slot));
        break;
    case KIND_SPAN:
        add_number(list, key, (uint64_t) * (const int64_t *)slot, "ms");
        break;
    case KIND_SIZE:
        add_number(list, key, *(const uint64_t *)slot, "");
        break;
    case KIND_NUMBER:
        add_number(list, key, *(const unsigned *)slot, "");
        break;
    case KIND_PERCENT:
        add_number(list, key, (uint64_t) * (const int *)slot, "%");
        break;
    case KIND_BOOLEAN:
        add(list, x_strdup(*(const bool *)slot ? "yes" : "no"));
        break;
    case KIND_CHOICE:
        add_word(list, key, *(const int *)slot);
        break;
    case KIND_FLAGS:
        add_words(list, key, *(const unsigned *)slot);
        break;
    case KIND_ADDRESSES:
        add_addresses(list, *(const config_list *)slot);
        break;
    case KIND_COLUMNS:
        add_columns(list, *(const config_list *)slot);
        break;
    case KIND_SCHEDULES:
        add_schedules(list, slot);
        break;
    case KIND_ZONE:
        add(list, x_strdup(zone_name(*(struct zone *const *)slot)));
        break;
    case KIND_PERIOD:
        add_period(list, slot);
        break;
    case KIND_CAPACITY: {
        const struct config_capacity *capacity = slot;
        add_number(list, key, capacity->value, capacity->percent ? "%" : "");
        break;
    }
    case KIND_TAGS:
        add_tags(list, *(char *const *)slot);
        break;
    }
    return list;
}

/* [Daemon] is the process's; a proxy's password, and what certificates are trusted, are not a run's either. */
static bool is_saved(const struct config_key *key) {
    if (key->later || key->secret || key->slot == CONFIG_NO_SLOT || key->section == SECTION_DAEMON)
        return false;
    return key->section != SECTION_ENDPOINTS || strcmp(key->name, "CaBundle") != 0;
}

static struct json_object *section_of(struct json_object *root, const char *name) {
    struct json_object *section = json_object_at(root, name);
    if (!section) {
        section = json_object_new_object();
        json_object_object_add(root, name, section);
    }
    return section;
}

/* A job that says no more than it must: what is as there need not be written. (Some keys are refused without another.) */
static struct config *plain_job(void) {
    static const char text[] = "[Job]\nTable=none\n[Destination]\nBucket=none\n";
    struct config_text main_file = {"defaults", "", 0}, job_file = {"job.conf", text, sizeof text - 1};
    struct config_problems problems = {0};
    struct config *config = config_parse(&main_file, &job_file, 1, no_environment, &problems);
    config_problems_fini(&problems);
    return config;
}

static void save_key(struct json_object *root, const struct config_key *key, const void *base, const void *defaults) {
    struct json_object *list = assignments(key, base), *usual = assignments(key, defaults);
    bool as_usual = key->kind != KIND_TEXT && json_object_equal(list, usual);
    if (as_usual || !json_object_array_length(list))
        json_object_put(list);
    else
        json_object_object_add(section_of(root, config_sections[key->section].name), key->name, list);
    json_object_put(usual);
}

char *config_save_job(const struct config *config, const struct job_config *job) {
    size_t count;
    const struct config_key *keys = config_keys(&count);
    _cleanup_json_ struct json_object *root = json_object_new_object();
    struct config *defaults = plain_job();
    for (size_t i = 0; i < count; i++) {
        bool main_only = config_sections[keys[i].section].main_only;
        if (is_saved(&keys[i]))
            save_key(root, &keys[i], main_only ? (const void *)config : job,
                     main_only ? (const void *)defaults : defaults->jobs[0]);
    }
    config_unref(defaults);
    return x_strdup(json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

/* ------------------------------------------------------------ and back */

static void write_section(struct buffer *out, struct json_object *root, const char *name) {
    struct json_object *section = json_object_at(root, name);
    if (!section)
        return;
    buffer_printf(out, "[%s]\n", name);
    struct json_object_iterator at = json_object_iter_begin(section), last = json_object_iter_end(section);
    for (; !json_object_iter_equal(&at, &last); json_object_iter_next(&at)) {
        struct json_object *list = json_object_iter_peek_value(&at);
        for (size_t i = 0; json_object_is_type(list, json_type_array) && i < json_object_array_length(list); i++)
            buffer_printf(out, "%s=%s\n", json_object_iter_peek_name(&at),
                          json_object_get_string(json_object_array_get_idx(list, i)));
    }
}

/* What is the process's own, as it is now. */
static void take_process(struct config *config, const struct config *current) {
    x_replace(&config->file, current->file);
    x_replace(&config->state_directory, current->state_directory);
    x_replace(&config->runtime_directory, current->runtime_directory);
    x_replace(&config->ca_bundle, current->ca_bundle);
    x_replace(&config->proxy, current->proxy);
    config->max_concurrent_jobs = current->max_concurrent_jobs;
    config->stop_timeout = current->stop_timeout;
    config->log_level = current->log_level;
}

/*
 * All but [Job] as the main file's defaults: what a job was given by them may be of no use to it (a To without a From), and only in
 * its own file is that a mistake.
 */
static struct config *parse(struct json_object *root, const char *name, const struct config *current,
                            struct config_problems *problems) {
    _cleanup_buffer_ struct buffer main_text = BUFFER_INIT(BUFFER_OURS), job_text = BUFFER_INIT(BUFFER_OURS);
    _cleanup_free_ char *file = x_printf("%s.conf", name);
    buffer_printf(&main_text, "[Daemon]\nBufferMemory=%" PRIu64 "\n", current->buffer_memory);
    buffer_add(&job_text, "\n");
    for (int i = 0; i < CONFIG_SECTIONS; i++)
        if (i != SECTION_DAEMON)
            write_section(i == SECTION_JOB ? &job_text : &main_text, root, config_sections[i].name);
    struct config_text main_file = {"the settings of an interrupted run", main_text.data, main_text.length};
    struct config_text job_file = {file, job_text.data, job_text.length};
    return config_parse(&main_file, &job_file, 1, no_environment, problems);
}

struct config *config_restore_job(const char *saved, const char *name, const struct config *current,
                                  struct error *error) {
    struct config_problems problems = {0};
    _cleanup_json_ struct json_object *root = json_parse(saved, strlen(saved), error);
    if (!root)
        return NULL;
    struct config *config = parse(root, name, current, &problems);
    if (config)
        take_process(config, current);
    else
        error_set(error, ERROR_INVALID, "the settings that the run was started with are not accepted any more: %s: %s",
                  problems.items[0].key ? problems.items[0].key : name, problems.items[0].text);
    config_problems_fini(&problems);
    return config;
}
