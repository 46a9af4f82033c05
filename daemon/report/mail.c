/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a person reads when a run has ended. Facts become named texts here, templates say where each goes; the templates of
 * conf/templates are built in, so that a missing file never costs a mail.
 */
#include "report/mail.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/memory.h"
#include "report/builtin.h"
#include "report/clean.h"
#include "report/template.h"

#define SUBJECT_LIMIT 200
#define WORDS_LIMIT   ((size_t)8 << 10)
#define SUBJECT       "Subject: "

enum template_file {
    SUCCESS_HTML,
    SUCCESS_TXT,
    FAILURE_HTML,
    FAILURE_TXT,
    DRILL, /* what follows is the same four of a drill */
    DRILL_SUCCESS_HTML = DRILL,
    DRILL_SUCCESS_TXT,
    DRILL_FAILURE_HTML,
    DRILL_FAILURE_TXT,
    TEMPLATE_FILES
};

static const struct {
    const char *name, *builtin;
} template_files[TEMPLATE_FILES] = {
    [SUCCESS_HTML] = {"success.html", template_success_html},
    [SUCCESS_TXT] = {"success.txt", template_success_txt},
    [FAILURE_HTML] = {"failure.html", template_failure_html},
    [FAILURE_TXT] = {"failure.txt", template_failure_txt},
    [DRILL_SUCCESS_HTML] = {"drill-success.html", template_drill_success_html},
    [DRILL_SUCCESS_TXT] = {"drill-success.txt", template_drill_success_txt},
    [DRILL_FAILURE_HTML] = {"drill-failure.html", template_drill_failure_html},
    [DRILL_FAILURE_TXT] = {"drill-failure.txt", template_drill_failure_txt},
};

struct mail_templates {
    char *texts[TEMPLATE_FILES];
};

/* The names of a mail's texts: what a template may hold. The link_ ones mean something within {{#links}} only. */
enum name {
    NAME_JOB,
    NAME_TABLE,
    NAME_REGION,
    NAME_RUN,
    NAME_HOST,
    NAME_ITEMS,
    NAME_SIZE,
    NAME_DURATION,
    NAME_STARTED,
    NAME_ZONE_STARTED,
    NAME_ENDED,
    NAME_ZONE_ENDED,
    NAME_RESUMED,
    NAME_READ_FIRST,
    NAME_READ_LAST,
    NAME_BACKUP_URI,
    NAME_SCRATCH,
    NAME_RESTORE_COMMAND,
    NAME_LINKS_LEFT_OUT,
    NAME_LINK_NOTE,
    NAME_WARNING,
    NAME_ERROR,
    NAME_ADVICE,
    NAME_ERROR_CODE,
    NAME_REQUEST_ID,
    NAME_HAS_LINKS,
    NAME_LINKS,
    NAME_LINK_NAME,
    NAME_LINK_URL,
    NAME_LINK_SIZE,
    NAME_LINK_ENDS,
    NAME_LINK_ZONE_ENDS,
    NAMES,
};

static const char *const names[NAMES + 1] = {
    [NAME_JOB] = "job",
    [NAME_TABLE] = "table",
    [NAME_REGION] = "region",
    [NAME_RUN] = "run",
    [NAME_HOST] = "host",
    [NAME_ITEMS] = "items",
    [NAME_SIZE] = "size",
    [NAME_DURATION] = "duration",
    [NAME_STARTED] = "started",
    [NAME_ZONE_STARTED] = "zone_started",
    [NAME_ENDED] = "ended",
    [NAME_ZONE_ENDED] = "zone_ended",
    [NAME_RESUMED] = "resumed",
    [NAME_READ_FIRST] = "read_first",
    [NAME_READ_LAST] = "read_last",
    [NAME_BACKUP_URI] = "backup_uri",
    [NAME_SCRATCH] = "scratch",
    [NAME_RESTORE_COMMAND] = "restore_command",
    [NAME_LINKS_LEFT_OUT] = "links_left_out",
    [NAME_LINK_NOTE] = "link_note",
    [NAME_WARNING] = "warning",
    [NAME_ERROR] = "error",
    [NAME_ADVICE] = "advice",
    [NAME_ERROR_CODE] = "error_code",
    [NAME_REQUEST_ID] = "request_id",
    [NAME_HAS_LINKS] = "has_links",
    [NAME_LINKS] = "links",
    [NAME_LINK_NAME] = "link_name",
    [NAME_LINK_URL] = "link_url",
    [NAME_LINK_SIZE] = "link_size",
    [NAME_LINK_ENDS] = "link_ends",
    [NAME_LINK_ZONE_ENDS] = "link_zone_ends",
};

static enum name name_of(const char *text) {
    enum name name = 0;
    while (name < NAMES && strcmp(names[name], text) != 0)
        name++;
    return name;
}

/* The texts of one mail; those of links are made when they are asked for, in `of_link`. */
struct mail_values {
    const struct mail_facts *facts;
    char *texts[NAMES];
    struct buffer of_link;
};

/* "2025-07-06 02:00:00 UTC" */
static void add_time(struct buffer *out, int64_t seconds) {
    char text[TIME_TEXT];
    time_format_iso(text, seconds);
    char *separator = strchr(text, 'T'), *end = strchr(text, 'Z');
    if (separator && end) {
        *separator = ' ';
        *end = '\0';
    }
    buffer_printf(out, "%s UTC", text);
}

static char *time_text(int64_t seconds) {
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    add_time(&out, seconds);
    return buffer_take(&out);
}

static char *count_text(uint64_t count) {
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    format_count(&out, count);
    return buffer_take(&out);
}

static char *size_text(uint64_t bytes) {
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    format_size(&out, bytes);
    return buffer_take(&out);
}

static char *duration_text(int64_t ms) {
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    format_duration(&out, ms);
    return buffer_take(&out);
}

/* Words that may hold what a server said. */
static char *words_text(const char *words) {
    if (!words)
        return NULL;
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    clean_text(&out, words, WORDS_LIMIT);
    return buffer_take(&out);
}

static void values_init(struct mail_values *values, const struct mail_facts *facts) {
    *values = (struct mail_values){.facts = facts, .of_link = BUFFER_INIT(BUFFER_OURS)};
    char **texts = values->texts;
    texts[NAME_JOB] = words_text(facts->job);
    texts[NAME_TABLE] = words_text(facts->table);
    texts[NAME_REGION] = words_text(facts->region);
    texts[NAME_RUN] = words_text(facts->run);
    texts[NAME_HOST] = words_text(facts->host);
    texts[NAME_ITEMS] = count_text(facts->items);
    texts[NAME_SIZE] = size_text(facts->stored_bytes);
    texts[NAME_DURATION] = duration_text(facts->duration_ms);
    texts[NAME_STARTED] = time_text(facts->started);
    texts[NAME_ZONE_STARTED] = words_text(facts->zone_time_started);
    texts[NAME_ENDED] = time_text(facts->ended);
    texts[NAME_ZONE_ENDED] = words_text(facts->zone_time_ended);
    texts[NAME_RESUMED] = facts->resumed == 1  ? x_strdup("once")
                          : facts->resumed > 1 ? x_printf("%u times", facts->resumed)
                                               : NULL;
    texts[NAME_READ_FIRST] = facts->resumed ? time_text(facts->read_first) : NULL;
    texts[NAME_READ_LAST] = facts->resumed && facts->read_last ? time_text(facts->read_last) : NULL;
    texts[NAME_BACKUP_URI] = words_text(facts->backup_uri);
    texts[NAME_SCRATCH] = words_text(facts->scratch);
    texts[NAME_RESTORE_COMMAND] = words_text(facts->restore_command);
    texts[NAME_LINKS_LEFT_OUT] = facts->links_left_out ? count_text(facts->links_left_out) : NULL;
    texts[NAME_LINK_NOTE] = words_text(facts->link_note);
    texts[NAME_WARNING] = words_text(facts->warning);
    texts[NAME_ERROR] = words_text(facts->error);
    texts[NAME_ADVICE] = words_text(facts->advice);
    texts[NAME_ERROR_CODE] = words_text(facts->error_code);
    texts[NAME_REQUEST_ID] = words_text(facts->request_id);
}

static void values_fini(struct mail_values *values) {
    for (size_t i = 0; i < NAMES; i++)
        free(values->texts[i]);
    buffer_fini(&values->of_link);
}

static const char *link_value(struct mail_values *values, enum name name, const struct mail_link *link) {
    buffer_clear(&values->of_link);
    switch (name) {
    case NAME_LINK_NAME:
        return link->name;
    case NAME_LINK_URL:
        return link->url;
    case NAME_LINK_ZONE_ENDS:
        return link->zone_ends;
    case NAME_LINK_ENDS:
        add_time(&values->of_link, link->ends);
        return values->of_link.data;
    case NAME_LINK_SIZE:
        format_size(&values->of_link, link->size);
        return values->of_link.data;
    default:
        return NULL;
    }
}

static const char *mail_value(void *arg, const char *text, size_t index) {
    struct mail_values *values = arg;
    enum name name = name_of(text);
    if (name >= NAME_LINK_NAME)
        return index < values->facts->link_count ? link_value(values, name, &values->facts->links[index]) : NULL;
    return values->texts[name];
}

static size_t mail_repeat(void *arg, const char *text, size_t index) {
    struct mail_values *values = arg;
    enum name name = name_of(text);
    if (name == NAME_LINKS)
        return values->facts->link_count;
    if (name == NAME_HAS_LINKS)
        return values->facts->link_count > 0;
    const char *value = mail_value(values, text, index);
    return value && *value;
}

/* NULL where it would be longer than a mail may be. */
static char *render(const char *text, struct mail_values *values, bool html) {
    struct buffer out = BUFFER_INIT(MAIL_TEXT_LIMIT);
    const struct template_values given = {mail_value, mail_repeat, values};
    if (template_render(&out, text, &given, html))
        return buffer_take(&out);
    buffer_fini_secret(&out);
    return NULL;
}

/* The rendered .txt's first line, and what follows it. */
static void split_subject(struct mail_text *mail, char *whole) {
    size_t end = strcspn(whole, "\n");
    const char *body = whole[end] ? whole + end + 1 : whole + end;
    struct buffer subject = BUFFER_INIT(BUFFER_OURS);
    _cleanup_free_ char *line = x_strndup(whole + strlen(SUBJECT), end > strlen(SUBJECT) ? end - strlen(SUBJECT) : 0);
    clean_text(&subject, line, SUBJECT_LIMIT);
    mail->subject = buffer_take(&subject);
    mail->text = x_strdup(body);
    secret_free(whole);
}

bool mail_render(struct mail_text *mail, const struct mail_templates *templates, const struct mail_facts *facts,
                 struct error *error) {
    *mail = (struct mail_text){0};
    struct mail_values values;
    values_init(&values, facts);
    char *const *texts = templates->texts + (facts->drill ? DRILL : 0);
    char *text = render(texts[facts->success ? SUCCESS_TXT : FAILURE_TXT], &values, false);
    if (text)
        split_subject(mail, text);
    mail->html = render(texts[facts->success ? SUCCESS_HTML : FAILURE_HTML], &values, true);
    values_fini(&values);
    if (mail->text && mail->html)
        return true;
    mail_text_fini(mail);
    error_set(error, ERROR_TOO_LARGE, "the mail would be longer than %zu MiB: check the template folder (Template=)",
              MAIL_TEXT_LIMIT >> 20);
    return false;
}

void mail_text_fini(struct mail_text *mail) {
    free(mail->subject);
    secret_free(mail->html);
    secret_free(mail->text);
    *mail = (struct mail_text){0};
}

/* NULL where the file is not there, or with an error. */
static char *read_template(const char *path, struct error *error) {
    FILE *file = fopen(path, "re");
    if (!file && errno == ENOENT)
        return NULL;
    if (!file) {
        error_set_errno(error, errno, "mail template %s", path);
        return NULL;
    }
    char *text = x_malloc(MAIL_TEMPLATE_LIMIT + 2);
    size_t length = fread(text, 1, MAIL_TEMPLATE_LIMIT + 1, file);
    if (ferror(file))
        error_set_errno(error, errno, "reading mail template %s", path);
    else if (length > MAIL_TEMPLATE_LIMIT)
        error_set(error, ERROR_TOO_LARGE, "mail template %s is larger than %zu KiB", path, MAIL_TEMPLATE_LIMIT >> 10);
    else if (memchr(text, '\0', length))
        error_set(error, ERROR_INVALID, "mail template %s holds a NUL byte: is it a text file?", path);
    fclose(file);
    text[length] = '\0';
    if (!error->code)
        return text;
    free(text);
    return NULL;
}

static bool check(const char *path, const char *text, struct error *error) {
    size_t length = strlen(path);
    bool is_txt = length > 4 && strcmp(path + length - 4, ".txt") == 0;
    if (is_txt && strncmp(text, SUBJECT, strlen(SUBJECT)) != 0) {
        error_set(error, ERROR_INVALID, "%s:1: the first line must be \"" SUBJECT "...\"", path);
        return false;
    }
    return template_check(path, text, names, error);
}

/* True: the folder has the file, and it is good; or it has none, and the slot stays empty. */
static bool load_file(char **slot, const char *folder, const char *name, struct error *error) {
    _cleanup_free_ char *path = x_printf("%s/%s", folder, name);
    char *text = read_template(path, error);
    if (!text)
        return error->code == ERROR_NONE;
    if (!check(path, text, error)) {
        free(text);
        return false;
    }
    *slot = text;
    return true;
}

static bool load_all(struct mail_templates *templates, const char *folder, struct error *error) {
    size_t own = 0;
    for (size_t i = 0; i < TEMPLATE_FILES; i++) {
        if (folder && !load_file(&templates->texts[i], folder, template_files[i].name, error))
            return false;
        own += templates->texts[i] != NULL;
        if (!templates->texts[i] && !load_file(&templates->texts[i], TEMPLATES_DIR, template_files[i].name, error))
            return false;
        if (!templates->texts[i])
            templates->texts[i] = x_strdup(template_files[i].builtin);
    }
    if (folder && !own)
        error_set(
            error, ERROR_INVALID,
            "mail templates: %s has none of success.html, success.txt, failure.html, failure.txt, nor of the same "
            "four with drill- before",
            folder);
    return error->code == ERROR_NONE;
}

struct mail_templates *mail_templates_load(const char *folder, struct error *error) {
    struct error mine = {0};
    struct mail_templates *templates = x_calloc(1, sizeof *templates);
    if (load_all(templates, folder, &mine))
        return templates;
    mail_templates_free(templates);
    if (error)
        *error = error_take(&mine);
    error_clear(&mine);
    return NULL;
}

void mail_templates_free(struct mail_templates *templates) {
    if (!templates)
        return;
    for (size_t i = 0; i < TEMPLATE_FILES; i++)
        free(templates->texts[i]);
    free(templates);
}
