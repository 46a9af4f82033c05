/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks across keys. Each rule is a small function; what it finds is told where the key stands that a person would change,
 * in the job's file or, for a default, in the main one with the job's name before it.
 */
#include "config/check.h"

#include <string.h>

#include "base/memory.h"
#include "config/lists.h"
#include "config/names.h"
#include "config/problems.h"
#include "config/value.h"

static const struct config_setting *setting_in(const struct config_settings *settings, enum config_section section,
                                               const char *key) {
    return &settings->keys[config_key_find(section, key)];
}

/* Does the job's own file give the key a value? */
static bool is_own(const struct config_check *check, enum config_section section, const char *key) {
    return setting_in(check->own, section, key)->count;
}

/* Where the key stands; the job's file as a whole where it stands nowhere. */
static void complain(const struct config_check *check, enum config_section section, const char *key, const char *what) {
    const struct config_setting *own = setting_in(check->own, section, key);
    const struct config_setting *inherited = setting_in(check->defaults, section, key);
    if (own->line || !inherited->line) {
        struct config_place place = {check->own->file, own->line, key, true};
        config_problem_add(check->problems, &place, "%s", what);
    } else {
        struct config_place place = {check->defaults->file, inherited->line, key, false};
        config_problem_add(check->problems, &place, "for job %s: %s", check->job->name, what);
    }
}

static void check_required(const struct config_check *check) {
    if (!check->job->table && !is_own(check, SECTION_JOB, "Table"))
        complain(check, SECTION_JOB, "Table", "missing in [Job]: which table is to be backed up?");
    if (!check->job->bucket && !is_own(check, SECTION_DESTINATION, "Bucket"))
        complain(check, SECTION_DESTINATION, "Bucket", "missing in [Destination]: where is the backup to go?");
}

static void check_region(const struct config_check *check) {
    size_t length;
    const char *table = check->job->table, *region = check->job->region;
    const char *of_table = table ? name_table_arn_region(table, &length) : NULL;
    if (!of_table || !region || (strlen(region) == length && memcmp(region, of_table, length) == 0))
        return;
    _cleanup_free_ char *what =
        x_printf("%s, but the table's ARN is in %.*s; leave Region out", region, (int)length, of_table);
    complain(check, SECTION_JOB, "Region", what);
}

/* Keys that do nothing without another, where the job's own file gives them. */
static void check_needs(const struct config_check *check) {
    const struct job_config *job = check->job;
    const struct {
        enum config_section section;
        const char *key;
        bool there;
        const char *what;
    } needs[] = {
        {SECTION_CREDENTIALS, "ExternalId", job->role_arn, "does nothing without RoleArn"},
        {SECTION_CREDENTIALS, "SessionName", job->role_arn || job->destination_role_arn,
         "does nothing without RoleArn"},
        {SECTION_CREDENTIALS, "Duration", job->role_arn || job->destination_role_arn, "does nothing without RoleArn"},
        {SECTION_CREDENTIALS, "Profile", job->source == CONFIG_SOURCE_AUTO || job->source == CONFIG_SOURCE_PROFILE,
         "does nothing with this Source; accepted with Source=profile or auto"},
        {SECTION_DESTINATION, "Columns", job->formats & CONFIG_CSV, "does nothing without csv in Format"},
        {SECTION_EMAIL, "To", job->mail_from, "no mail goes out without From"},
        {SECTION_EMAIL, "Cc", job->mail_from, "no mail goes out without From"},
        {SECTION_EMAIL, "ReplyTo", job->mail_from, "no mail goes out without From"},
        {SECTION_CLOUDWATCH, "LogStream", job->log_group, "does nothing without LogGroup"},
        {SECTION_CLOUDWATCH, "RetentionDays", job->log_group, "does nothing without LogGroup"},
    };
    for (size_t i = 0; i < array_length(needs); i++)
        if (!needs[i].there && is_own(check, needs[i].section, needs[i].key))
            complain(check, needs[i].section, needs[i].key, needs[i].what);
}

static void check_drill(const struct config_check *check) {
    if (check->job->drill_schedules.count && check->job->formats == CONFIG_CSV)
        complain(check, SECTION_DRILL, "Schedule", "csv alone does not restore: Format needs dynamodb-json beside it");
}

#define RECIPIENTS_MOST 50 /* SES: of a mail, To and Cc together */

static void check_mail(const struct config_check *check) {
    const struct job_config *job = check->job;
    size_t recipients = config_list_length(job->mail_to) + config_list_length(job->mail_cc);
    if (job->mail_from && !job->mail_to[0] && !is_own(check, SECTION_EMAIL, "To"))
        complain(check, SECTION_EMAIL, "To",
                 "missing in [Email]: From is there, but nobody to send to; an empty From= "
                 "turns mails off");
    if (recipients <= RECIPIENTS_MOST)
        return;
    _cleanup_free_ char *what = x_printf("%zu addresses in To and Cc; SES sends a mail to 50 at most", recipients);
    complain(check, SECTION_EMAIL, "To", what);
}

static void check_storage_class(const struct config_check *check) {
    const char *storage_class = check->job->storage_class;
    if (!storage_class || check->config->endpoints[1] || name_is_storage_class(storage_class))
        return;
    _cleanup_free_ char *what = x_printf("\"%.80s\" is no storage class of S3; accepted: STANDARD, STANDARD_IA, "
                                         "ONEZONE_IA, INTELLIGENT_TIERING, GLACIER_IR, "
                                         "GLACIER, DEEP_ARCHIVE, REDUCED_REDUNDANCY, EXPRESS_ONEZONE, OUTPOSTS, SNOW",
                                         storage_class);
    complain(check, SECTION_DESTINATION, "StorageClass", what);
}

#define MIB        ((uint64_t)1 << 20)
#define FILE_LEAST (4 * MIB)  /* the smallest data file that auto makes */
#define PART_LEAST (5 * MIB)  /* S3: the smallest part of a multipart object but the last */
#define PAGES      (16 * MIB) /* one page of the largest kind */

uint64_t config_job_memory(const struct job_config *job) {
    uint64_t memory = PAGES;
    if (job->formats & CONFIG_DYNAMODB_JSON)
        memory += 2 * (job->part_size ? job->part_size : FILE_LEAST);
    unsigned uploads = (job->formats & CONFIG_JSON ? 1 : 0) + (job->formats & CONFIG_CSV ? 1 : 0);
    memory += 2 * uploads * (job->part_size > PART_LEAST ? job->part_size : PART_LEAST);
    return memory;
}

static void check_sizes(const struct config_check *check) {
    const struct job_config *job = check->job;
    bool multipart = job->formats & (CONFIG_JSON | CONFIG_CSV);
    if (multipart && job->part_size && job->part_size < PART_LEAST)
        complain(check, SECTION_DESTINATION, "PartSize", "too small for json and csv: S3 takes parts from 5M to 5G");
    uint64_t least = config_job_memory(job);
    if (check->config->buffer_memory >= least)
        return;
    _cleanup_buffer_ struct buffer what = BUFFER_INIT(BUFFER_OURS);
    value_format_size(&what, check->config->buffer_memory);
    buffer_add(&what, " of BufferMemory is too small for this job; accepted: ");
    value_format_size(&what, (least + MIB - 1) / MIB * MIB);
    buffer_add(&what, " or more (two smallest parts for each format, and 16M for pages)");
    if (setting_in(check->defaults, SECTION_DAEMON, "BufferMemory")->line)
        complain(check, SECTION_DAEMON, "BufferMemory", what.data);
    else
        complain(check, SECTION_DESTINATION, job->part_size ? "PartSize" : "Format", what.data);
}

void config_check_job(const struct config_check *check) {
    check_required(check);
    check_region(check);
    check_needs(check);
    check_drill(check);
    check_mail(check);
    check_storage_class(check);
    check_sizes(check);
}
