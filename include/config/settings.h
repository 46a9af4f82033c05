/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file's assignments, sorted by key, their values not looked at yet: where each stands is kept for messages. What is no
 * section, no key, or said twice is told here. Pure.
 */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include "config/config.h"
#include "config/keys.h"

struct config_assignment {
    char *value; /* never empty */
    unsigned line;
};

/* What a file says of one key. Said at all: `line` is not 0. An empty assignment leaves no items. */
struct config_setting {
    struct config_assignment *items;
    size_t count;
    unsigned line; /* of the last assignment */
};

struct config_settings {
    const char *file;            /* borrowed */
    bool in_job;                 /* a job's file, else the main one */
    struct config_setting *keys; /* one for each of config_keys() */
};

/* `text` is borrowed while this runs, its `file` as long as `settings` lives. What is good is kept even where problems were
 * found. */
void config_settings_read(struct config_settings *settings, const struct config_text *text, bool in_job,
                          struct config_problems *problems);
void config_settings_fini(struct config_settings *settings);

#endif
