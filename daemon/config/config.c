/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a configuration that is done: shared by reference, looked up, freed. */
#include "config/config.h"

#include <string.h>

#include "base/memory.h"
#include "config/free.h"
#include "config/lists.h"

/* Every char * of the struct; one that is forgotten shows as a leak in the first test under ASan. */
void job_config_free(struct job_config *job) {
    char *const texts[] = {
        job->name,
        job->file,
        job->table,
        job->region,
        job->profile,
        job->role_arn,
        job->external_id,
        job->session_name,
        job->bucket,
        job->prefix,
        job->storage_class,
        job->kms_key_id,
        job->expected_bucket_owner,
        job->tags,
        job->destination_role_arn,
        job->mail_from,
        job->mail_region,
        job->mail_template,
        job->configuration_set,
        job->log_group,
        job->log_stream,
        job->logs_region,
        job->drill_table_prefix,
    };
    for (size_t i = 0; i < array_length(texts); i++)
        free(texts[i]);
    schedule_list_fini(&job->schedules);
    schedule_list_fini(&job->drill_schedules);
    if (job->zone)
        zone_unref(job->zone);
    config_list_free(job->columns);
    config_list_free(job->mail_to);
    config_list_free(job->mail_cc);
    config_list_free(job->mail_reply_to);
    free(job);
}

struct config *config_ref(struct config *config) {
    __atomic_add_fetch(&config->references, 1, __ATOMIC_RELAXED);
    return config;
}

void config_unref(struct config *config) {
    if (!config || __atomic_sub_fetch(&config->references, 1, __ATOMIC_ACQ_REL))
        return;
    for (size_t i = 0; i < config->job_count; i++)
        job_config_free(config->jobs[i]);
    free(config->jobs);
    if (config->defaults)
        job_config_free(config->defaults);
    for (size_t i = 0; i < CONFIG_ENDPOINTS; i++)
        free(config->endpoints[i]);
    free(config->file);
    free(config->state_directory);
    free(config->runtime_directory);
    free(config->ca_bundle);
    secret_free(config->proxy); /* it may hold a password */
    free(config);
}

const struct job_config *config_job(const struct config *config, const char *name) {
    size_t low = 0, high = config->job_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, config->jobs[middle]->name);
        if (!order)
            return config->jobs[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}
