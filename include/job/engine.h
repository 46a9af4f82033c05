/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all runs of a process share: the way to AWS, the credentials' store, the workshop, the reporter, the host's name. The daemon has
 * one, and makes another when a reload changes [Endpoints]; runs under way keep theirs by reference. The tool's --local has its own.
 */
#ifndef JOB_ENGINE_H
#define JOB_ENGINE_H

#include <uv.h>

#include "aws/client.h"
#include "aws/store.h"
#include "config/config.h"
#include "job/in_use.h"
#include "job/workshop.h"
#include "report/event.h"
#include "report/mail.h"
#include "state/state.h"

#define READING_DIRECTORIES 2

/* Borrowed; outlive every engine. */
struct engine_shared {
    uv_loop_t *loop;
    struct workshop *workshop;
    struct reporter *reporter;
    const struct mail_templates *templates;
    struct state *state; /* what survives a restart; NULL: nothing does */
    int64_t landing; /* ms that a run waits for what it dropped on its way to S3, before it takes all back; 0: 3 s */
    int64_t again;   /* ms until what could not be taken back is tried again; 0: a minute */
    struct in_use *in_use; /* backups that something reads or removes now; NULL: not kept */
    /* State directories in which other processes are told so (job/reading.h): the daemon's, then the tool's own; NULL: no more. */
    const char *reading[READING_DIRECTORIES];
};

struct engine {
    struct engine_shared shared;
    struct http_client *http;
    struct aws_client *client;
    struct credential_store *store;
    char *host, *machine_id;
    unsigned references;
};

/* Reads the host's name and machine-id: start-up. One reference is the caller's. NULL with an error where curl cannot start. */
struct engine *engine_new(const struct engine_shared *shared, const struct config *config, struct error *error);
struct engine *engine_ref(struct engine *engine);
void engine_unref(struct engine *engine);

/* How long, in ms, a run waits for what was dropped on its way to S3: by then it has been carried out, or never will be. */
int64_t engine_landing(const struct engine *engine);

/* Source= as the file says it, and back to what answers for it; an unknown name, or NULL, is "auto". */
const char *engine_source_name(enum config_source source);
enum credential_source_kind engine_source_named(const char *name);

/* Would an engine for `b` be the same as one for `a`? */
bool engine_same(const struct config *a, const struct config *b);

/* The job's Region=, else that of its table's ARN; NULL: the credentials' source knows. The caller frees. */
char *engine_region(const struct job_config *job);

/* The job's [Credentials], or with `destination` those of [Destination] RoleArn= where it has one. A reference. */
struct credential_provider *engine_provider(struct engine *engine, const struct job_config *job, bool destination);

/* Another role than the job's, by the job's source, from the STS of the job's region: a table in another account. A reference. */
struct credential_provider *engine_role_provider(struct engine *engine, const struct job_config *job,
                                                 const char *role_arn);

/* Does the job's S3 answer over TLS? (Bodies over plain HTTP must be hashed.) */
bool engine_s3_is_tls(const struct engine *engine, const struct job_config *job, const char *region);

#endif
