/* SPDX-License-Identifier: Apache-2.0 */
/* A job made of an address, for a backup that no job of this host made: what reading it takes, and nothing else. */
#include "base/memory.h"
#include "config/config.h"
#include "config/lists.h"

static void take_role(struct job_config *job, const struct job_config *defaults, const struct config_address *address) {
    bool told = address->profile || address->role_arn;
    job->source = address->profile ? CONFIG_SOURCE_PROFILE : defaults->source;
    job->profile = x_strdup(address->profile ? address->profile : defaults->profile);
    job->role_arn = x_strdup(told ? address->role_arn : defaults->role_arn);
    job->external_id = x_strdup(defaults->external_id);
    job->destination_role_arn = x_strdup(told ? NULL : defaults->destination_role_arn);
    job->session_name = x_strdup(defaults->session_name);
    job->duration = defaults->duration;
}

static struct job_config *job_for(const struct job_config *defaults, const struct config_address *address) {
    struct job_config *job = x_calloc(1, sizeof *job);
    job->name = x_strdup(ADDRESS_JOB);
    job->file = x_strdup("");
    job->table = x_strdup("");
    job->region = x_strdup(address->region ? address->region : defaults->region);
    job->zone = defaults->zone ? zone_ref(defaults->zone) : NULL;
    job->retry_for = defaults->retry_for;
    job->bucket = x_strdup(address->bucket);
    job->prefix = x_strdup(address->prefix);
    job->link_expires = defaults->link_expires;
    job->columns = config_list_new();
    job->mail_to = config_list_new();
    job->mail_cc = config_list_new();
    job->mail_reply_to = config_list_new();
    take_role(job, defaults, address);
    return job;
}

struct config *config_for_address(const struct config *base, const struct config_address *address) {
    struct config *config = x_calloc(1, sizeof *config);
    config->references = 1;
    config->file = x_strdup(base->file);
    config->state_directory = x_strdup(base->state_directory);
    config->runtime_directory = x_strdup(base->runtime_directory);
    config->max_concurrent_jobs = base->max_concurrent_jobs;
    config->buffer_memory = base->buffer_memory;
    config->stop_timeout = base->stop_timeout;
    config->log_level = base->log_level;
    for (size_t i = 0; i < CONFIG_ENDPOINTS; i++)
        config->endpoints[i] = x_strdup(base->endpoints[i]);
    config->ca_bundle = x_strdup(base->ca_bundle);
    config->proxy = x_strdup(base->proxy);
    config->jobs = x_calloc(1, sizeof(struct job_config *));
    config->jobs[config->job_count++] = job_for(base->defaults, address);
    return config;
}
