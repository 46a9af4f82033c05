/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sections and keys. Each line is a section's head or an assignment; after a section that cannot be used, its keys are
 * passed over, so that one slip is told once.
 */
#include "config/settings.h"

#include <string.h>

#include "base/memory.h"
#include "base/nearest.h"
#include "config/lines.h"
#include "config/problems.h"

struct reader {
    struct config_settings *settings;
    struct config_problems *problems;
    struct config_lines lines;
    enum config_section section; /* CONFIG_SECTIONS: none that can be used */
    bool in_section;             /* a head was seen */
};

static struct config_place place_at(const struct reader *reader, const char *key) {
    return (struct config_place){
        .file = reader->settings->file,
        .line = reader->lines.line,
        .key = key,
        .in_job = reader->settings->in_job,
    };
}

static void unknown_section(const struct reader *reader, const struct config_place *place, const char *name) {
    struct nearest nearest = NEAREST_TO(name);
    _cleanup_buffer_ struct buffer known = BUFFER_INIT(BUFFER_OURS);
    for (int i = 0; i < CONFIG_SECTIONS; i++) {
        if (config_sections[i].later || (config_sections[i].main_only && reader->settings->in_job))
            continue;
        nearest_try(&nearest, config_sections[i].name);
        buffer_printf(&known, "%s[%s]", known.length ? ", " : "", config_sections[i].name);
    }
    if (nearest.name)
        config_problem_add(reader->problems, place, "unknown section; did you mean [%s]? Accepted: %s", nearest.name,
                           known.data);
    else
        config_problem_add(reader->problems, place, "unknown section; accepted: %s", known.data);
}

/* "[Job]" */
static void read_head(struct reader *reader, const char *text, size_t length) {
    reader->section = CONFIG_SECTIONS;
    reader->in_section = true;
    _cleanup_free_ char *shown = x_printf("%.60s", text);
    struct config_place place = place_at(reader, shown);
    if (text[length - 1] != ']') {
        config_problem_add(reader->problems, &place, "a section's name ends with ']'");
        return;
    }
    enum config_section section = config_section_find(text + 1, length - 2);
    _cleanup_free_ char *name = x_strndup(text + 1, length - 2);
    if (section == CONFIG_SECTIONS)
        unknown_section(reader, &place, name);
    else if (config_sections[section].later)
        config_problem_add(reader->problems, &place, "this section is not supported yet");
    else if (config_sections[section].main_only && reader->settings->in_job)
        config_problem_add(reader->problems, &place, "this section stands in the main file, not in a job's");
    else
        reader->section = section;
}

/* A section other than `section` that has a key of that name; CONFIG_SECTIONS where none has. */
static enum config_section section_with(enum config_section section, const char *name) {
    for (int i = 0; i < CONFIG_SECTIONS; i++)
        if (i != (int)section && config_key_find((enum config_section)i, name) != SIZE_MAX)
            return (enum config_section)i;
    return CONFIG_SECTIONS;
}

static void unknown_key(const struct reader *reader, const struct config_place *place) {
    const char *here = config_sections[reader->section].name;
    enum config_section other = section_with(reader->section, place->key);
    if (other != CONFIG_SECTIONS) {
        config_problem_add(reader->problems, place, "unknown in [%s]; it belongs to [%s]", here,
                           config_sections[other].name);
        return;
    }
    size_t count;
    const struct config_key *keys = config_keys(&count);
    struct nearest nearest = NEAREST_TO(place->key);
    _cleanup_buffer_ struct buffer known = BUFFER_INIT(BUFFER_OURS);
    for (size_t i = 0; i < count; i++) {
        if (keys[i].section != reader->section || keys[i].later)
            continue;
        nearest_try(&nearest, keys[i].name);
        buffer_printf(&known, "%s%s", known.length ? ", " : "", keys[i].name);
    }
    if (nearest.name)
        config_problem_add(reader->problems, place, "unknown key in [%s]; did you mean %s? Accepted: %s", here,
                           nearest.name, known.data);
    else
        config_problem_add(reader->problems, place, "unknown key in [%s]; accepted: %s", here, known.data);
}

static void assignments_clear(struct config_setting *setting) {
    for (size_t i = 0; i < setting->count; i++)
        free(setting->items[i].value);
    free(setting->items);
    setting->items = NULL;
    setting->count = 0;
}

static void assign(struct reader *reader, size_t index, const char *value) {
    const struct config_key *key = &config_keys(&(size_t){0})[index];
    struct config_setting *setting = &reader->settings->keys[index];
    struct config_place place = place_at(reader, key->name);
    if (key->later) {
        config_problem_add(reader->problems, &place, "not supported yet");
        return;
    }
    if (setting->line && !config_key_repeats(key)) {
        config_problem_add(reader->problems, &place, "stands in line %u already; it may be given once", setting->line);
        return;
    }
    setting->line = reader->lines.line;
    if (!*value) {
        assignments_clear(setting);
        return;
    }
    size_t count = setting->count;
    if (!(count & (count - 1))) /* 0, 1, 2, 4, 8 ...: full */
        setting->items = x_realloc(setting->items, (count ? 2 * count : 1) * sizeof *setting->items);
    setting->items[setting->count++] = (struct config_assignment){x_strdup(value), reader->lines.line};
}

/* "Table=studentData" */
static void read_assignment(struct reader *reader, char *text) {
    struct config_place nowhere = place_at(reader, NULL);
    char *equals = strchr(text, '=');
    if (!equals || equals == text) {
        config_problem_add(reader->problems, &nowhere, "\"%.60s\" is neither [Section] nor Key=value", text);
        return;
    }
    if (!reader->in_section) {
        config_problem_add(reader->problems, &nowhere, "\"%.60s\" stands before any [Section]", text);
        return;
    }
    if (reader->section == CONFIG_SECTIONS)
        return;
    const char *value = equals + 1 + strspn(equals + 1, " \t");
    do
        *equals-- = '\0';
    while (equals > text && strchr(" \t", *equals));
    size_t index = config_key_find(reader->section, text);
    if (index != SIZE_MAX) {
        assign(reader, index, value);
        return;
    }
    _cleanup_free_ char *shown = x_printf("%.60s", text);
    struct config_place place = place_at(reader, shown);
    unknown_key(reader, &place);
}

static void read_line(struct reader *reader, enum config_line kind) {
    struct config_place place = place_at(reader, NULL);
    char *text = reader->lines.text.data;
    if (kind == CONFIG_LINE_TOO_LONG)
        config_problem_add(reader->problems, &place, "the line is longer than %zu KiB", CONFIG_LINE_LIMIT >> 10);
    else if (kind == CONFIG_LINE_NOT_TEXT)
        config_problem_add(reader->problems, &place, "the line holds a control character, or is not UTF-8");
    else if (*text == '[')
        read_head(reader, text, reader->lines.text.length);
    else
        read_assignment(reader, text);
}

void config_settings_read(struct config_settings *settings, const struct config_text *text, bool in_job,
                          struct config_problems *problems) {
    size_t count;
    config_keys(&count);
    *settings = (struct config_settings){.file = text->file, .in_job = in_job};
    settings->keys = x_calloc(count, sizeof *settings->keys);
    struct reader reader = {.settings = settings, .problems = problems, .section = CONFIG_SECTIONS};
    if (text->length > CONFIG_FILE_LIMIT) {
        struct config_place whole = {.file = text->file, .in_job = in_job};
        config_problem_add(problems, &whole, "the file is longer than %zu KiB", CONFIG_FILE_LIMIT >> 10);
        return;
    }
    config_lines_init(&reader.lines, text->bytes, text->length);
    for (enum config_line kind; (kind = config_lines_next(&reader.lines)) != CONFIG_LINE_NONE;)
        read_line(&reader, kind);
    config_lines_fini(&reader.lines);
}

void config_settings_fini(struct config_settings *settings) {
    size_t count;
    config_keys(&count);
    for (size_t i = 0; i < count; i++)
        assignments_clear(&settings->keys[i]);
    free(settings->keys);
    *settings = (struct config_settings){0};
}
