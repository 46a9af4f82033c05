/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings become structs: the main file's defaults below, a job's own keys above. The main file's job sections are read
 * once for themselves, so that a slip in a default is told once and not by every job.
 */
#include "config/build.h"

#include <string.h>

#include "base/memory.h"
#include "config/check.h"
#include "config/environment.h"
#include "config/free.h"
#include "config/lists.h"
#include "config/names.h"
#include "config/problems.h"
#include "config/reading.h"
#include "config/settings.h"

struct config_builder {
    struct config *config;
    struct config_settings main;
    struct config_zones zones;
    struct config_problems *problems;
};

/* The default, read as if somebody had written it. */
static void read_preset(struct config_builder *builder, const struct config_key *key, void *base) {
    if (key->preset)
        (void)config_read_value(key, key->preset, base, &builder->zones, NULL);
}

/* A key's assignments into its slot; the default where there are none. `problems` NULL: they are told elsewhere. */
static void read_setting(struct config_builder *builder, const struct config_key *key,
                         const struct config_settings *settings, const struct config_setting *setting, void *base,
                         struct config_problems *problems) {
    if (!setting->count && !(key->empty && setting->line)) {
        read_preset(builder, key, base);
        return;
    }
    if (!setting->count)
        (void)config_read_value(key, "", base, &builder->zones, NULL);
    for (size_t i = 0; i < setting->count; i++) {
        _cleanup_error_ struct error error = {0};
        if (config_read_value(key, setting->items[i].value, base, &builder->zones, &error))
            continue;
        struct config_place place = {settings->file, setting->items[i].line, key->name, settings->in_job};
        config_problem_take(problems, &place, &error);
    }
}

/* [Daemon] and [Endpoints] */
static void read_main(struct config_builder *builder) {
    size_t count;
    const struct config_key *keys = config_keys(&count);
    for (size_t i = 0; i < count; i++)
        if (config_sections[keys[i].section].main_only && !keys[i].later)
            read_setting(builder, &keys[i], &builder->main, &builder->main.keys[i], builder->config, builder->problems);
}

static struct job_config *job_new(void) {
    struct job_config *job = x_calloc(1, sizeof *job);
    job->columns = config_list_new();
    job->mail_to = config_list_new();
    job->mail_cc = config_list_new();
    job->mail_reply_to = config_list_new();
    return job;
}

/* `own` NULL: the main file's defaults alone, and their problems. */
static void read_job(struct config_builder *builder, struct job_config *job, const struct config_settings *own) {
    size_t count;
    const struct config_key *keys = config_keys(&count);
    for (size_t i = 0; i < count; i++) {
        if (config_sections[keys[i].section].main_only || keys[i].later)
            continue;
        if (own && own->keys[i].line)
            read_setting(builder, &keys[i], own, &own->keys[i], job, builder->problems);
        else
            read_setting(builder, &keys[i], &builder->main, &builder->main.keys[i], job,
                         own ? NULL : builder->problems);
    }
}

struct config_builder *config_builder_new(const struct config_text *main_file, config_getenv *environment,
                                          struct config_problems *problems) {
    struct config_builder *builder = x_calloc(1, sizeof *builder);
    builder->problems = problems;
    builder->config = x_calloc(1, sizeof *builder->config);
    builder->config->references = 1;
    builder->config->file = x_strdup(main_file->file);
    config_settings_read(&builder->main, main_file, false, problems);
    read_main(builder);
    config_environment_apply(builder->config, environment, problems);
    builder->config->defaults = job_new();
    read_job(builder, builder->config->defaults, NULL);
    return builder;
}

/* "/etc/dynamodb-backupd/jobs.d/studentData.conf" -> "studentData"; false where that is no name. */
static bool name_job(struct job_config *job, const char *file) {
    const char *slash = strrchr(file, '/'), *base = slash ? slash + 1 : file;
    size_t length = strlen(base);
    if (length > 5 && strcmp(base + length - 5, ".conf") == 0)
        length -= 5;
    job->file = x_strdup(file);
    job->name = x_strndup(base, length);
    return name_is_job(base, length);
}

/* What follows from other keys where it was not given. */
static void complete_job(struct job_config *job) {
    size_t length;
    const char *region = job->table ? name_table_arn_region(job->table, &length) : NULL;
    if (region && !job->region)
        job->region = x_strndup(region, length);
    if (!(job->formats & CONFIG_CSV)) { /* a default of the main file's, for others */
        config_list_free(job->columns);
        job->columns = config_list_new();
    }
    if (!job->prefix)
        job->prefix = x_printf("%s/", job->name);
    if (!job->drill_table_prefix)
        job->drill_table_prefix = x_printf("%s-drill-", job->name);
    size_t end = strlen(job->prefix);
    if (end && job->prefix[end - 1] != '/') {
        char *prefix = x_printf("%s/", job->prefix);
        free(job->prefix);
        job->prefix = prefix;
    }
}

static void keep_job(struct config *config, struct job_config *job) {
    size_t count = config->job_count;
    if (!(count & (count - 1))) /* 0, 1, 2, 4, 8 ...: full */
        config->jobs = x_realloc(config->jobs, (count ? 2 * count : 1) * sizeof(struct job_config *));
    config->jobs[config->job_count++] = job;
}

void config_builder_job(struct config_builder *builder, const struct config_text *text) {
    struct config_place whole = {.file = text->file, .in_job = true};
    if (builder->config->job_count == CONFIG_JOBS_MOST) {
        config_problem_add(builder->problems, &whole, "one job too many: %d is the most", CONFIG_JOBS_MOST);
        return;
    }
    struct job_config *job = job_new();
    if (!name_job(job, text->file))
        config_problem_add(
            builder->problems, &whole,
            "the file's name is no job's; accepted: 1 to 200 letters, digits, '_', '.', '-', not beginning "
            "with '.' or '-', and .conf");
    struct config_settings own;
    config_settings_read(&own, text, true, builder->problems);
    read_job(builder, job, &own);
    struct config_check check = {builder->config, job, &own, &builder->main, builder->problems};
    config_check_job(&check);
    complete_job(job);
    keep_job(builder->config, job);
    config_settings_fini(&own);
}

static int by_name(const void *a, const void *b) {
    const struct job_config *const *first = a, *const *second = b;
    return strcmp((*first)->name, (*second)->name);
}

static void sort_jobs(struct config_builder *builder) {
    struct config *config = builder->config;
    if (config->job_count)
        qsort(config->jobs, config->job_count, sizeof(struct job_config *), by_name);
    for (size_t i = 1; i < config->job_count; i++) {
        if (strcmp(config->jobs[i - 1]->name, config->jobs[i]->name) != 0)
            continue;
        struct config_place place = {.file = config->jobs[i]->file, .in_job = true};
        config_problem_add(builder->problems, &place, "a second job of the name %s", config->jobs[i]->name);
    }
}

struct config *config_builder_finish(struct config_builder *builder) {
    struct config *config = builder->config;
    sort_jobs(builder);
    if (builder->problems->count) {
        config_unref(config);
        config = NULL;
    }
    config_settings_fini(&builder->main);
    config_zones_fini(&builder->zones);
    free(builder);
    return config;
}

struct config *config_parse(const struct config_text *main_file, const struct config_text *job_files, size_t job_count,
                            config_getenv *environment, struct config_problems *problems) {
    struct config_builder *builder = config_builder_new(main_file, environment, problems);
    for (size_t i = 0; i < job_count; i++)
        config_builder_job(builder, &job_files[i]);
    return config_builder_finish(builder);
}
