/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of sections and keys: names, forms, bounds, defaults, and one sentence each. To add a key: a member in
 * include/config/config.h and a row here; parser, messages and manual page follow. Rows of one section stand together.
 */
#include "config/keys.h"

#include <string.h>
#include <syslog.h>

#include "base/clock.h"
#include "base/memory.h"
#include "config/config.h"
#include "config/names.h"

#define KIB     ((int64_t)1 << 10)
#define MIB     ((int64_t)1 << 20)
#define GIB     ((int64_t)1 << 30)
#define YEAR_MS (366 * DAY_MS)

#define DAEMON(member) offsetof(struct config, member)
#define JOB(member)    offsetof(struct job_config, member)

const struct config_section_info config_sections[CONFIG_SECTIONS] = {
    [SECTION_DAEMON] = {"Daemon", .main_only = true, .help = "The process as a whole"},
    [SECTION_ENDPOINTS] = {"Endpoints", .main_only = true,
                           .help = "Where the services answer, for tests, VPC endpoints and S3-compatible stores"},
    [SECTION_JOB] = {"Job", .help = "What is backed up, and when"},
    [SECTION_CREDENTIALS] = {"Credentials", .help = "As whom"},
    [SECTION_SCAN] = {"Scan", .help = "How the table is read"},
    [SECTION_DESTINATION] = {"Destination", .help = "Where the backup goes, and in which form"},
    [SECTION_EMAIL] = {"Email", .help = "Who is told"},
    [SECTION_LINK] = {"Link", .later = true, .help = "How the download link is made"},
    [SECTION_CLOUDWATCH] = {"CloudWatch", .help = "A copy of the job's journal in CloudWatch Logs"},
    [SECTION_RETENTION] =
        {"Retention", .help =
                          "Which backups are kept; without any of these keys all are. Each key counts on its own, as "
                          "in restic's forget, and the newest good backup is never removed"},
    [SECTION_DRILL] = {"Drill", .help = "Restoring the newest backup into a scratch table, to see that it restores"},
};

static const struct config_word log_levels[] = {{"debug", LOG_DEBUG},     {"info", LOG_INFO}, {"notice", LOG_NOTICE},
                                                {"warning", LOG_WARNING}, {"error", LOG_ERR}, {NULL}};
static const struct config_word overlaps[] = {{"skip", CONFIG_OVERLAP_SKIP}, {"queue", CONFIG_OVERLAP_QUEUE}, {NULL}};
static const struct config_word sources[] = {
    {"auto", CONFIG_SOURCE_AUTO}, {"env", CONFIG_SOURCE_ENV},        {"profile", CONFIG_SOURCE_PROFILE},
    {"imds", CONFIG_SOURCE_IMDS}, {"container", .later = true},      {"web-identity", .later = true},
    {"process", .later = true},   {"roles-anywhere", .later = true}, {NULL}};
static const struct config_word methods[] = {{"scan", 0}, {"export", .later = true}, {NULL}};
static const struct config_word formats[] = {
    {"dynamodb-json", CONFIG_DYNAMODB_JSON}, {"json", CONFIG_JSON}, {"csv", CONFIG_CSV}, {NULL}};
static const struct config_word compressions[] = {
    {"gzip", CONFIG_COMPRESSION_GZIP}, {"none", CONFIG_COMPRESSION_NONE}, {"zstd", CONFIG_COMPRESSION_ZSTD}, {NULL}};
static const struct config_word mail_on[] = {
    {"success", CONFIG_MAIL_SUCCESS}, {"failure", CONFIG_MAIL_FAILURE}, {NULL}};

#define ROLE_FORM   "a role's ARN, such as arn:aws:iam::123456789012:role/DynamoDBBackupRole"
#define REGION_FORM "a region, such as eu-west-1"
#define PATH_FORM   "an absolute path"
#define URL_FORM    "http:// or https://, a host, maybe a port and a path"

/* A text with its check and what that accepts. */
#define TEXT(slot_, check_, form_) .kind = KIND_TEXT, .slot = (slot_), .check = (check_), .form = (form_)
/* A number of any kind within bounds. */
#define WITHIN(kind_, slot_, least_, most_) .kind = (kind_), .slot = (slot_), .least = (least_), .most = (most_)
#define WORDS(kind_, slot_, words_)         .kind = (kind_), .slot = (slot_), .words = (words_)
#define KEEP(name_, member_, help_)                                                                                    \
    {                                                                                                                  \
        SECTION_RETENTION, name_, WITHIN(KIND_NUMBER, JOB(member_), 1, 1000000), .zero = "none", .preset = "none",     \
                                                                                 .help = help_                         \
    }
#define URL(service_, name_)                                                                                           \
    { SECTION_ENDPOINTS, name_, TEXT(DAEMON(endpoints[service_]), name_is_url, URL_FORM), .help = "The URL of " name_ }
/* Named in the contract, built by a later release: known, and refused by that name. */
#define LATER(section_, name_, help_)                                                                                  \
    { section_, name_, .kind = KIND_TEXT, .slot = CONFIG_NO_SLOT, .later = true, .help = help_ }

static const struct config_key keys[] = {
    {SECTION_DAEMON, "StateDirectory", TEXT(DAEMON(state_directory), name_is_directory, PATH_FORM),
     .shown = "$STATE_DIRECTORY, else /var/lib/dynamodb-backupd",
     .help = "Where the daemon keeps what it must remember"},
    {SECTION_DAEMON, "RuntimeDirectory", TEXT(DAEMON(runtime_directory), name_is_directory, PATH_FORM),
     .shown = "$RUNTIME_DIRECTORY, else /run/dynamodb-backupd", .help = "Where the control socket is"},
    {SECTION_DAEMON, "MaxConcurrentJobs", WITHIN(KIND_NUMBER, DAEMON(max_concurrent_jobs), 1, 10000), .preset = "4",
     .help = "How many jobs run at once; others wait"},
    {SECTION_DAEMON, "BufferMemory", WITHIN(KIND_SIZE, DAEMON(buffer_memory), MIB, 1024 * GIB), .preset = "64M",
     .help =
         "Memory for pages and parts, shared by all jobs; what is too small for one job is refused with the minimum"},
    {SECTION_DAEMON, "StopTimeout", WITHIN(KIND_SPAN, DAEMON(stop_timeout), 0, HOUR_MS), .preset = "30s",
     .help = "How long a stop waits for running jobs; keep the unit's TimeoutStopSec= above it"},
    {SECTION_DAEMON, "KeepHistory", WITHIN(KIND_SPAN, DAEMON(keep_history), DAY_MS, 100 * YEAR_MS), .preset = "400d",
     .help = "How long past runs are remembered"},
    LATER(SECTION_DAEMON, "MetricsFile", "A file of metrics for Prometheus' textfile collector"),
    {SECTION_DAEMON, "LogLevel", WORDS(KIND_CHOICE, DAEMON(log_level), log_levels), .preset = "info",
     .help = "The least important messages that are logged"},

    URL(0, "DynamoDB"),
    URL(1, "S3"),
    URL(2, "SES"),
    URL(3, "STS"),
    URL(4, "Logs"),
    URL(5, "IAM"),
    URL(6, "IMDS"),
    LATER(SECTION_ENDPOINTS, "SSO", "The URL of SSO"),
    LATER(SECTION_ENDPOINTS, "SSOOIDC", "The URL of SSOOIDC"),
    LATER(SECTION_ENDPOINTS, "KMS", "The URL of KMS"),
    LATER(SECTION_ENDPOINTS, "RolesAnywhere", "The URL of RolesAnywhere"),
    LATER(SECTION_ENDPOINTS, "CloudFront", "The URL of CloudFront"),
    {SECTION_ENDPOINTS, "CaBundle", TEXT(DAEMON(ca_bundle), name_is_directory, PATH_FORM), .shown = "the system's",
     .help = "A file of certificates (PEM) that are trusted instead of the system's"},
    {SECTION_ENDPOINTS, "Proxy",
     TEXT(DAEMON(proxy), name_is_proxy,
          "http://, https://, socks5:// or socks5h://, maybe USER:PASSWORD@, a host, maybe a port"),
     .shown = "HTTPS_PROXY and NO_PROXY", .secret = true,
     .help = "The proxy for everything but IMDS and loopback addresses"},

    {SECTION_JOB, "Table",
     TEXT(JOB(table), name_is_table, "a table's name (3 to 255 letters, digits, '_', '.', '-') or its ARN"),
     .help = "The table; required. An ARN for one in another account"},
    {SECTION_JOB, "Region", TEXT(JOB(region), name_is_region, REGION_FORM),
     .shown = "the ARN's, else that of the credentials' source", .help = "Where the table is"},
    {SECTION_JOB, "Schedule", .kind = KIND_SCHEDULES, .slot = JOB(schedules), .shown = "only on demand",
     .help = "When the job runs; several lines add up"},
    {SECTION_JOB, "TimeZone", .kind = KIND_ZONE, .slot = JOB(zone), .preset = "UTC",
     .help = "The zone that Schedule is in"},
    {SECTION_JOB, "RandomizedDelay", WITHIN(KIND_SPAN, JOB(randomized_delay), 0, 7 * DAY_MS), .preset = "0",
     .help = "Starts at a random moment within so long after the scheduled time"},
    {SECTION_JOB, "Persistent", .kind = KIND_BOOLEAN, .slot = JOB(persistent), .preset = "yes",
     .help = "Whether a run missed while the daemon was down starts at start-up, once"},
    {SECTION_JOB, "Overlap", WORDS(KIND_CHOICE, JOB(overlap), overlaps), .preset = "skip",
     .help = "What happens when the last run is still under way"},
    {SECTION_JOB, "Timeout", WITHIN(KIND_SPAN, JOB(timeout), SECOND_MS, YEAR_MS), .zero = "none", .preset = "none",
     .help = "After how long a run is given up, whatever it does"},
    {SECTION_JOB, "RetryFor", WITHIN(KIND_SPAN, JOB(retry_for), SECOND_MS, YEAR_MS), .preset = "10min",
     .help = "A run gives up when none of its requests has succeeded for so long"},
    {SECTION_JOB, "ResumeWithin", WITHIN(KIND_SPAN, JOB(resume_within), 0, YEAR_MS), .preset = "24h",
     .help = "How long after its last recorded cut an interrupted run is still taken up; later it starts over"},
    {SECTION_JOB, "WarnItemsDrop", WITHIN(KIND_PERCENT, JOB(warn_items_drop), 0, 100), .preset = "20%",
     .help = "Warns when a backup has so much fewer items than the one before"},
    LATER(SECTION_JOB, "PingUrl", "A URL that is told of each run"),
    {SECTION_JOB, "Enabled", .kind = KIND_BOOLEAN, .slot = JOB(enabled), .preset = "yes",
     .help = "A disabled job is checked, shown, and never starts by itself"},

    {SECTION_CREDENTIALS, "Source", WORDS(KIND_CHOICE, JOB(source), sources), .preset = "auto",
     .help = "Where credentials come from; auto: the first of the environment, the profile and the instance role that "
             "is there"},
    {SECTION_CREDENTIALS, "Profile", TEXT(JOB(profile), name_is_profile, "a profile's name"),
     .shown = "$AWS_PROFILE, else default", .help = "Which profile of the shared credentials and config files"},
    {SECTION_CREDENTIALS, "RoleArn", TEXT(JOB(role_arn), name_is_role_arn, ROLE_FORM),
     .help = "The role that is assumed with the source's credentials"},
    {SECTION_CREDENTIALS, "ExternalId",
     TEXT(JOB(external_id), name_is_external_id, "2 to 1224 letters, digits and _+=,.@:/-"),
     .help = "The ExternalId that the role's trust policy asks for"},
    {SECTION_CREDENTIALS, "SessionName",
     TEXT(JOB(session_name), name_is_session, "2 to 64 letters, digits and _+=,.@-"), .shown = "dynamodb-backupd-JOB",
     .help = "How the role's session is named in CloudTrail"},
    {SECTION_CREDENTIALS, "Duration", WITHIN(KIND_SPAN, JOB(duration), 15 * MINUTE_MS, 12 * HOUR_MS), .preset = "1h",
     .help = "How long the role's credentials live; more than the role allows falls back to 1h with a warning"},
    LATER(SECTION_CREDENTIALS, "Process", "A command that prints credentials"),
    LATER(SECTION_CREDENTIALS, "WebIdentityTokenFile", "A file that holds a web identity token"),
    LATER(SECTION_CREDENTIALS, "TrustAnchorArn", "Roles Anywhere: the trust anchor"),
    LATER(SECTION_CREDENTIALS, "ProfileArn", "Roles Anywhere: the profile"),
    LATER(SECTION_CREDENTIALS, "SourceRoleArn", "Roles Anywhere: the role of CreateSession"),
    LATER(SECTION_CREDENTIALS, "Certificate", "Roles Anywhere: the certificate"),
    LATER(SECTION_CREDENTIALS, "CertificateChain", "Roles Anywhere: the chain above the certificate"),
    LATER(SECTION_CREDENTIALS, "PrivateKey", "Roles Anywhere: the key, a file or a pkcs11: URI"),
    LATER(SECTION_CREDENTIALS, "PinFile", "Roles Anywhere: a file that holds the PIN of the key"),

    {SECTION_SCAN, "Segments", WITHIN(KIND_NUMBER, JOB(segments), 1, 1000000), .zero = "auto", .preset = "auto",
     .help = "Into how many segments the table is cut for a parallel scan"},
    {SECTION_SCAN, "ConsistentRead", .kind = KIND_BOOLEAN, .slot = JOB(consistent_read), .preset = "no",
     .help = "Strongly consistent reads: twice the read units; not a snapshot either"},
    {SECTION_SCAN, "ReadCapacity", WITHIN(KIND_CAPACITY, JOB(read_capacity), 1, 1000000000), .zero = "none",
     .preset = "none",
     .help =
         "How much of the table's read capacity a scan takes at most: read units a second (500), or a share of what "
         "the table has provisioned when the run starts (25%), of an on-demand table its maximum throughput; one that "
         "has "
         "none is read without a limit, with a warning"},
    {SECTION_SCAN, "Method", WORDS(KIND_CHOICE, CONFIG_NO_SLOT, methods), .preset = "scan",
     .help = "How the table is read"},

    {SECTION_DESTINATION, "Bucket",
     TEXT(JOB(bucket), name_is_bucket, "a bucket's name: 3 to 63 lower-case letters, digits, '.' and '-'"),
     .help = "The bucket; required"},
    {SECTION_DESTINATION, "Prefix",
     TEXT(JOB(prefix), name_is_prefix, "up to 800 bytes that do not begin with '/'; 'Prefix=' is the bucket's root"),
     .shown = "JOB/", .empty = true, .help = "What the keys of all objects begin with; gets a '/' at its end"},
    {SECTION_DESTINATION, "Format", WORDS(KIND_FLAGS, JOB(formats), formats), .preset = "dynamodb-json",
     .help = "The form of the backup; several, separated by blanks, come from one Scan"},
    {SECTION_DESTINATION, "Columns", .kind = KIND_COLUMNS, .slot = JOB(columns),
     .shown = "the table's keys, then the attributes of the first items",
     .help = "The columns of csv, in order; what has none stands as JSON in a last one, _more"},
    {SECTION_DESTINATION, "Compression", WORDS(KIND_CHOICE, JOB(compression), compressions),
     .shown = "gzip for dynamodb-json, none for json and csv", .help = "How objects are compressed"},
    {SECTION_DESTINATION, "PartSize", WITHIN(KIND_SIZE, JOB(part_size), 64 * KIB, 5 * GIB), .zero = "auto",
     .preset = "auto", .help = "The size of a data file, or of a part of a json or csv object (there 5M or more)"},
    {SECTION_DESTINATION, "StorageClass",
     TEXT(JOB(storage_class), NULL, "a storage class of S3, such as STANDARD_IA or GLACIER_IR"),
     .shown = "the bucket's",
     .help = "Where S3 keeps the data; from GLACIER and DEEP_ARCHIVE no link works before S3 has restored the object"},
    {SECTION_DESTINATION, "KmsKeyId", TEXT(JOB(kms_key_id), name_is_kms_key, "a key's id, alias/NAME, or an ARN"),
     .shown = "the bucket's encryption", .help = "The KMS key that S3 encrypts the objects with"},
    {SECTION_DESTINATION, "ExpectedBucketOwner",
     TEXT(JOB(expected_bucket_owner), name_is_account, "an account's number of 12 digits"),
     .help = "Refuses a bucket of any other account"},
    {SECTION_DESTINATION, "Tags", .kind = KIND_TAGS, .slot = JOB(tags), .help = "Tags of the data objects"},
    LATER(SECTION_DESTINATION, "ObjectLock", "How long objects are locked"),
    {SECTION_DESTINATION, "RoleArn", TEXT(JOB(destination_role_arn), name_is_role_arn, ROLE_FORM),
     .help = "Another role than the table's, for a bucket in another account"},

    {SECTION_EMAIL, "From",
     TEXT(JOB(mail_from), name_is_mail_address,
          "an address, such as backup@example.edu.vn or Backup <backup@example.edu.vn>"),
     .shown = "no mails", .help = "Who the mails are from; verified with SES"},
    {SECTION_EMAIL, "To", .kind = KIND_ADDRESSES, .slot = JOB(mail_to), .help = "Who gets the mails"},
    {SECTION_EMAIL, "Cc", .kind = KIND_ADDRESSES, .slot = JOB(mail_cc), .help = "Who gets a copy"},
    {SECTION_EMAIL, "ReplyTo", .kind = KIND_ADDRESSES, .slot = JOB(mail_reply_to), .help = "Where answers go"},
    {SECTION_EMAIL, "On", WORDS(KIND_FLAGS, JOB(mail_on), mail_on), .preset = "success failure",
     .help = "After which runs a mail goes out"},
    {SECTION_EMAIL, "LinkExpires", WITHIN(KIND_SPAN, JOB(link_expires), SECOND_MS, 7 * DAY_MS), .preset = "1h",
     .help = "How long the download link works, unless the credentials end before"},
    {SECTION_EMAIL, "Region", TEXT(JOB(mail_region), name_is_region, REGION_FORM), .shown = "the job's",
     .help = "The region of SES"},
    {SECTION_EMAIL, "Template", TEXT(JOB(mail_template), name_is_directory, PATH_FORM), .shown = "the daemon's own",
     .help = "A folder with success.txt, success.html, failure.txt and failure.html, and the same four with drill- "
             "before; what "
             "is not there is the daemon's own"},
    {SECTION_EMAIL, "ConfigurationSet",
     TEXT(JOB(configuration_set), name_is_configuration_set, "1 to 64 letters, digits, '_' and '-'"),
     .help = "The configuration set of SES that mails go through"},

    LATER(SECTION_LINK, "Via", "s3 or cloudfront"),
    LATER(SECTION_LINK, "Domain", "The distribution's domain"),
    LATER(SECTION_LINK, "KeyPairId", "The key pair that signs"),
    LATER(SECTION_LINK, "PrivateKeyFile", "Its private key"),
    LATER(SECTION_LINK, "AllowFrom", "The addresses that the link works from"),

    {SECTION_CLOUDWATCH, "LogGroup",
     TEXT(JOB(log_group), name_is_log_group, "1 to 512 letters, digits, '.', '-', '_', '/' and '#'"), .shown = "off",
     .help = "The log group; made where it is missing"},
    {SECTION_CLOUDWATCH, "LogStream",
     TEXT(JOB(log_stream), name_is_log_stream, "1 to 512 characters without ':' and '*'"), .shown = "HOST/JOB",
     .help = "The stream in it"},
    {SECTION_CLOUDWATCH, "RetentionDays", .kind = KIND_NUMBER, .slot = JOB(retention_days),
     .check = name_is_retention_days,
     .form =
         "1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653",
     .shown = "left as it is", .help = "After how many days CloudWatch drops events"},
    LATER(SECTION_CLOUDWATCH, "MetricNamespace", "Metrics of each run, under this name"),
    {SECTION_CLOUDWATCH, "Region", TEXT(JOB(logs_region), name_is_region, REGION_FORM), .shown = "the job's",
     .help = "The region of CloudWatch Logs"},

    KEEP("KeepLast", keep_last, "So many of the newest backups are kept"),
    KEEP("KeepHourly", keep_hourly, "The newest of each hour, for so many hours that have one"),
    KEEP("KeepDaily", keep_daily, "The newest of each day in the job's TimeZone, for so many days that have one"),
    KEEP("KeepWeekly", keep_weekly, "The newest of each ISO week (Monday to Sunday), for so many weeks that have one"),
    KEEP("KeepMonthly", keep_monthly, "The newest of each month, for so many months that have one"),
    KEEP("KeepYearly", keep_yearly, "The newest of each year, for so many years that have one"),
    {SECTION_RETENTION, "KeepWithin", .kind = KIND_PERIOD, .slot = JOB(keep_within), .zero = "none", .preset = "none",
     .help = "All backups are kept that are younger than so long, counted back from the newest one"},

    {SECTION_DRILL, "Schedule", .kind = KIND_SCHEDULES, .slot = JOB(drill_schedules), .shown = "only on demand",
     .help = "When the drill runs, in the job's TimeZone; several lines add up"},
    {SECTION_DRILL, "TablePrefix",
     TEXT(JOB(drill_table_prefix), name_is_table_prefix, "1 to 255 letters, digits, '_', '.' and '-'"),
     .shown = "JOB-drill-",
     .help = "What the name of the scratch table begins with; the time and 8 random hex digits follow"},
};

const struct config_key *config_keys(size_t *count) {
    *count = array_length(keys);
    return keys;
}

size_t config_key_find(enum config_section section, const char *name) {
    for (size_t i = 0; i < array_length(keys); i++)
        if (keys[i].section == section && strcmp(keys[i].name, name) == 0)
            return i;
    return SIZE_MAX;
}

enum config_section config_section_find(const char *name, size_t length) {
    for (int i = 0; i < CONFIG_SECTIONS; i++)
        if (strlen(config_sections[i].name) == length && memcmp(config_sections[i].name, name, length) == 0)
            return (enum config_section)i;
    return CONFIG_SECTIONS;
}

bool config_key_repeats(const struct config_key *key) {
    return key->kind == KIND_ADDRESSES || key->kind == KIND_SCHEDULES || key->kind == KIND_TAGS;
}
