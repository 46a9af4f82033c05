/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text becomes one immutable, validated configuration, from one table of keys. Nothing else in the house reads files of
 * settings. product.md is the contract of names, defaults and meanings.
 *
 * A configuration is shared by reference: a reload makes a new one, running jobs keep the old one until they end.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "schedule/schedule.h"

enum config_source { CONFIG_SOURCE_AUTO, CONFIG_SOURCE_ENV, CONFIG_SOURCE_PROFILE, CONFIG_SOURCE_IMDS };
enum config_overlap { CONFIG_OVERLAP_SKIP, CONFIG_OVERLAP_QUEUE };
enum config_format { CONFIG_DYNAMODB_JSON = 1, CONFIG_JSON = 2, CONFIG_CSV = 4 }; /* bits */
enum config_compression {
    CONFIG_COMPRESSION_DEFAULT,
    CONFIG_COMPRESSION_NONE,
    CONFIG_COMPRESSION_GZIP,
    CONFIG_COMPRESSION_ZSTD
};
enum config_mail_on { CONFIG_MAIL_SUCCESS = 1, CONFIG_MAIL_FAILURE = 2 }; /* bits */

/* A stretch of the calendar, as restic's --keep-within counts it: years, months and days are those of the job's TimeZone=. */
struct config_period {
    int years, months, days;
    int64_t ms; /* hours and less */
};

/* Capacity units a second, or so many percent of what a table has. `value` 0: no limit. */
struct config_capacity {
    unsigned value;
    bool percent;
};

#define CONFIG_FILE_LIMIT ((size_t)1 << 20) /* bytes of a file */
#define CONFIG_JOBS_MOST  20000

#define CONFIG_COLUMNS_MOST 1024

/* NULL-terminated; never NULL itself. */
typedef char **config_list;

/* Strings are NULL where the key is absent and has no default. Times in ms, sizes in bytes. */
struct job_config {
    char *name;
    char *file; /* where it was read from: for messages */

    /* [Job] */
    char *table, *region;
    struct schedule_list schedules; /* none: only on demand */
    struct zone *zone;
    int64_t randomized_delay, timeout /* 0: none */, retry_for, resume_within;
    int warn_items_drop; /* percent */
    bool enabled, persistent;
    enum config_overlap overlap;

    /* [Credentials] */
    enum config_source source;
    char *profile, *role_arn, *external_id, *session_name;
    int64_t duration;

    /* [Scan] */
    unsigned segments; /* 0: auto */
    bool consistent_read;
    struct config_capacity read_capacity;

    /* [Destination] */
    char *bucket, *prefix /* never NULL, "" or ends in '/' */, *storage_class, *kms_key_id, *expected_bucket_owner,
        *tags /* encoded */;
    char *destination_role_arn;
    unsigned formats;    /* bits of enum config_format */
    config_list columns; /* of csv; none: as they come */
    enum config_compression compression;
    uint64_t part_size; /* 0: auto */

    /* [Email] */
    char *mail_from; /* NULL: no mails */
    config_list mail_to, mail_cc, mail_reply_to;
    unsigned mail_on;
    int64_t link_expires;
    char *mail_region, *mail_template /* a folder; NULL: ours */, *configuration_set;

    /* [CloudWatch] */
    char *log_group /* NULL: off */, *log_stream, *logs_region;
    int retention_days; /* 0: untouched */

    /* [Retention]; 0: no such rule */
    unsigned keep_last, keep_hourly, keep_daily, keep_weekly, keep_monthly, keep_yearly;
    struct config_period keep_within;

    /* [Drill] */
    struct schedule_list drill_schedules; /* in `zone`; none: only on demand */
    char *drill_table_prefix;             /* never NULL */
};

/* The order is enum aws_service's (aws/endpoint.h); the names those of [Endpoints]. */
enum { CONFIG_ENDPOINTS = 7 };

struct config {
    unsigned references; /* see config_ref() */
    char *file;
    /* [Daemon] */
    char *state_directory, *runtime_directory;
    unsigned max_concurrent_jobs;
    uint64_t buffer_memory;
    int64_t stop_timeout, keep_history;
    int log_level; /* of syslog(3): LOG_DEBUG ... LOG_ERR */
    /* [Endpoints] */
    char *endpoints[CONFIG_ENDPOINTS]; /* DynamoDB, S3, SES, STS, Logs, IAM, IMDS; NULL: AWS's own */
    char *ca_bundle, *proxy;

    struct job_config **jobs; /* in order of name */
    size_t job_count;
    struct job_config *defaults; /* what the main file says of every job; no name, table or bucket of its own */
};

/* One thing that is wrong. All strings owned by the list. */
struct config_problem {
    char *file;
    unsigned line; /* 0: the file as a whole */
    char *key;     /* "Schedule", "[Job]"; NULL where none */
    char *text;    /* what is wrong, what was found, what is accepted, the nearest known name */
    bool in_job;   /* `file` is a job's; the main file's and the environment's problems come first */
};

struct config_problems {
    struct config_problem *items;
    size_t count;
};
void config_problems_fini(struct config_problems *problems);

/* "FILE:LINE: KEY: TEXT", appended. */
void config_problem_format(const struct config_problem *problem, struct buffer *out);

/* getenv(3), or a test's own. */
typedef const char *config_getenv(const char *name);

/*
 * Reads `file` and the jobs.d beside it: blocking, for start-up and worker threads. NULL where anything at all is wrong;
 * `problems` then holds every problem found, in order of file and line. One reference is the caller's.
 */
struct config *config_load(const char *file, config_getenv *environment, struct config_problems *problems);

/* The same files anew. Where `running` has jobs, a jobs.d that is not there is wrong; an empty one is good: no jobs. */
struct config *config_reload(const struct config *running, config_getenv *environment,
                             struct config_problems *problems);

/* Pure: the same from memory. */
struct config_text {
    const char *file; /* its name for messages; for a job: the path, its base name without ".conf" is the job's */
    const char *bytes;
    size_t length;
};
struct config *config_parse(const struct config_text *main_file, const struct config_text *job_files, size_t job_count,
                            config_getenv *environment, struct config_problems *problems);

struct config *config_ref(struct config *config); /* thread-safe */
void config_unref(struct config *config);

/* How to reach a bucket that no job names. NULL: the main file's word, else the default; `prefix` is never NULL. */
struct config_address {
    const char *bucket, *prefix, *region, *profile, *role_arn;
};

/* A configuration of one job, ADDRESS_JOB, that stands in no file: the defaults of `base`, and the address. With a profile or a role
 * no other role is assumed. The caller's reference. */
struct config *config_for_address(const struct config *base, const struct config_address *address);
#define ADDRESS_JOB "address"

/* Borrowed; NULL where there is none of that name. */
const struct job_config *config_job(const struct config *config, const char *name);

#endif
