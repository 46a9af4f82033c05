/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mail about a run.
 *
 *     LOAD (a job's own Template=, by a worker) -> SIGN (links; a failure's mail has none) -> SEND -> sent
 *       ^        |                                  |                                           |
 *       +---- WAIT 5 s, 10 s ... 1 h <--------------+-------------------------------------------+   a day: given up
 */
#include "job/mailing.h"

#include <stdlib.h>
#include <string.h>

#include "aws/ses.h"
#include "base/memory.h"
#include "job/links.h"
#include "report/mail.h"

#define FIRST_WAIT (5 * SECOND_MS)
#define MOST_WAIT  HOUR_MS

/* Templates on their way from files; the mailing may go before they have come. */
struct template_load {
    uv_work_t work;
    struct mailing *mailing; /* NULL: nobody waits any more */
    char *folder;
    struct mail_templates *templates;
    struct error error;
};

struct mailing {
    struct engine *engine;
    struct config *config;
    const struct job_config *job;
    struct run_result result; /* a copy of what the mail tells */
    struct mailing_events events;
    struct credential_provider *provider;
    struct aws_session *session;
    struct template_load *load;
    struct mail_templates *templates; /* the job's own; NULL: the daemon's */
    struct links *links;
    struct ses_call *call;
    uv_timer_t timer;
    int64_t wait, give_up_at;
    bool cut_short;
};

bool mailing_wanted(const struct job_config *job, enum run_outcome outcome) {
    if (!job->mail_from || !job->mail_to[0])
        return false;
    if (outcome != RUN_SUCCEEDED && outcome != RUN_FAILED)
        return false; /* whoever cancelled it knows */
    return job->mail_on & (outcome == RUN_SUCCEEDED ? CONFIG_MAIL_SUCCESS : CONFIG_MAIL_FAILURE);
}

static void on_closed(uv_handle_t *handle) {
    free(handle->data);
}

void mailing_free(struct mailing *mailing) {
    if (!mailing)
        return;
    if (mailing->load)
        mailing->load->mailing = NULL;
    mail_templates_free(mailing->templates);
    links_cancel(mailing->links);
    if (mailing->call)
        ses_cancel(mailing->call);
    aws_session_free(mailing->session);
    credential_provider_unref(mailing->provider);
    run_result_fini(&mailing->result);
    config_unref(mailing->config);
    engine_unref(mailing->engine);
    uv_close((uv_handle_t *)&mailing->timer, on_closed);
}

static void try_now(struct mailing *mailing);

static void on_timer(uv_timer_t *timer) {
    try_now(timer->data);
}

static void try_later(struct mailing *mailing, const struct error *error) {
    struct error told = error_copy(error);
    error_context(&told, "mail to %s", mailing->job->mail_to[0]);
    if (clock_monotonic() + mailing->wait >= mailing->give_up_at) {
        mailing->events.given_up(mailing->events.arg, &told);
        error_clear(&told);
        mailing_free(mailing);
        return;
    }
    uv_timer_start(&mailing->timer, on_timer, (uint64_t)mailing->wait, 0);
    mailing->events.failed(mailing->events.arg, &told, mailing->wait);
    error_clear(&told);
    mailing->wait = mailing->wait * 2 < MOST_WAIT ? mailing->wait * 2 : MOST_WAIT;
}

static void on_sent(void *arg, const char *message_id, const struct error *error) {
    struct mailing *mailing = arg;
    mailing->call = NULL;
    if (error) {
        try_later(mailing, error);
        return;
    }
    mailing->events.sent(mailing->events.arg, message_id, mailing->cut_short);
    mailing_free(mailing);
}

/* ------------------------------------------------------------ what the mail says */

static char *in_zone(const struct job_config *job, int64_t ms) {
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(BUFFER_OURS);
    zone_format(job->zone, ms / SECOND_MS, &text);
    return buffer_take(&text);
}

static const char *base_name(const char *key) {
    const char *slash = strrchr(key, '/');
    return slash ? slash + 1 : key;
}

/* The links as the templates want them; the caller frees the array and each zone_ends. */
static struct mail_link *mail_links(const struct mailing *mailing, const struct link_list *list) {
    struct mail_link *links = x_calloc(list->count, sizeof *links);
    for (size_t i = 0; i < list->count; i++)
        links[i] = (struct mail_link){.name = base_name(list->items[i].key),
                                      .url = list->items[i].url,
                                      .ends = list->items[i].ends / SECOND_MS,
                                      .zone_ends = in_zone(mailing->job, list->items[i].ends),
                                      .size = mailing->result.sizes[i]};
    return links;
}

static void free_links(struct mail_link *links, size_t count) {
    for (size_t i = 0; i < count; i++)
        free((char *)(uintptr_t)links[i].zone_ends);
    free(links);
}

static struct mail_facts facts_of(const struct mailing *mailing) {
    const struct run_result *result = &mailing->result;
    return (struct mail_facts){.job = mailing->job->name,
                               .table = mailing->job->table,
                               .region = result->region,
                               .run = result->run,
                               .host = mailing->engine->host,
                               .success = result->outcome == RUN_SUCCEEDED,
                               .drill = result->kind == RUN_DRILL,
                               .items = result->items,
                               .stored_bytes = result->stored_bytes,
                               .started = result->started / SECOND_MS,
                               .ended = result->ended / SECOND_MS,
                               .duration_ms = result->ended - result->started,
                               .resumed = result->resumed,
                               .read_first = result->read_first / SECOND_MS,
                               .read_last = result->read_last / SECOND_MS,
                               .backup_uri =
                                   result->outcome == RUN_SUCCEEDED || result->kind == RUN_DRILL ? result->uri : NULL,
                               .scratch = result->scratch,
                               .links_left_out = result->keys_left_out,
                               .error = result->error.message,
                               .error_code = result->error.aws_code,
                               .request_id = result->error.request_id,
                               .warning = result->undo_error.message ? result->undo_error.message : result->warning};
}

static bool render(const struct mailing *mailing, const struct link_list *list, struct mail_text *mail,
                   struct error *error) {
    struct mail_facts facts = facts_of(mailing);
    _cleanup_free_ char *started = in_zone(mailing->job, mailing->result.started);
    _cleanup_free_ char *ended = in_zone(mailing->job, mailing->result.ended);
    _cleanup_free_ char *restore =
        x_printf("dynamodb-backupctl restore %s --table NAME", mailing->result.uri ? mailing->result.uri : "");
    struct mail_link *links = list ? mail_links(mailing, list) : NULL;
    facts.zone_time_started = started;
    facts.zone_time_ended = ended;
    facts.restore_command = facts.success ? restore : NULL;
    facts.links = links;
    facts.link_count = list ? list->count : 0;
    facts.link_note = list && list->cut_short
                          ? "The link ends before LinkExpires= because the credentials that signed it end then."
                          : NULL;
    facts.advice = facts.success ? NULL : "See: journalctl -u dynamodb-backupd, and dynamodb-backupctl status";
    const struct mail_templates *templates =
        mailing->templates ? mailing->templates : mailing->engine->shared.templates;
    bool rendered = mail_render(mail, templates, &facts, error);
    free_links(links, facts.link_count);
    return rendered;
}

static void send_mail(struct mailing *mailing, const struct link_list *list) {
    struct mail_text text = {0};
    _cleanup_error_ struct error error = {0};
    mailing->cut_short = list && list->cut_short;
    if (!render(mailing, list, &text, &error)) {
        try_later(mailing, &error);
        return;
    }
    struct ses_mail mail = {.from = mailing->job->mail_from,
                            .to = (const char *const *)mailing->job->mail_to,
                            .cc = (const char *const *)mailing->job->mail_cc,
                            .reply_to = (const char *const *)mailing->job->mail_reply_to,
                            .subject = text.subject,
                            .html = text.html,
                            .text = text.text,
                            .configuration_set = mailing->job->configuration_set};
    mailing->call = ses_send(mailing->session, &mail, on_sent, mailing);
    mail_text_fini(&text);
}

static void on_links(void *arg, const struct link_list *links, const struct error *error) {
    struct mailing *mailing = arg;
    mailing->links = NULL;
    if (error) {
        struct error told = error_copy(error);
        error_context(&told, "signing the download link");
        try_later(mailing, &told);
        error_clear(&told);
        return;
    }
    send_mail(mailing, links);
}

static void sign_and_send(struct mailing *mailing) {
    if (!mailing->result.key_count) {
        send_mail(mailing, NULL);
        return;
    }
    struct links_request request = {.engine = mailing->engine,
                                    .config = mailing->config,
                                    .job = mailing->job,
                                    .keys = mailing->result.keys,
                                    .key_count = mailing->result.key_count,
                                    .expires = mailing->job->link_expires};
    mailing->links = links_start(&request, on_links, mailing);
}

/* ------------------------------------------------------------ LOAD */

/* On a worker thread. */
static void load_templates(uv_work_t *work) {
    struct template_load *load = container_of(work, struct template_load, work);
    load->templates = mail_templates_load(load->folder, &load->error);
}

static void on_loaded(uv_work_t *work, int status) {
    struct template_load *load = container_of(work, struct template_load, work);
    struct mailing *mailing = load->mailing;
    (void)status;
    if (mailing) {
        mailing->load = NULL;
        mailing->templates = take_pointer(load->templates);
        if (mailing->templates)
            sign_and_send(mailing);
        else
            try_later(mailing, &load->error);
    }
    mail_templates_free(load->templates);
    error_clear(&load->error);
    free(load->folder);
    free(load);
}

static void try_now(struct mailing *mailing) {
    if (!mailing->job->mail_template || mailing->templates) {
        sign_and_send(mailing);
        return;
    }
    mailing->load = x_calloc(1, sizeof *mailing->load);
    mailing->load->mailing = mailing;
    mailing->load->folder = x_strdup(mailing->job->mail_template);
    uv_queue_work(mailing->engine->shared.loop, &mailing->load->work, load_templates, on_loaded);
}

/* SES's region: the mail's own, the job's, the one that the run had found. */
static const char *mail_region(const struct mailing *mailing) {
    if (mailing->job->mail_region)
        return mailing->job->mail_region;
    return mailing->result.region ? mailing->result.region : "us-east-1";
}

/* A day from the first try; what is left of it, where that was another process's. */
static int64_t give_up_at(const struct mailing_order *order) {
    int64_t passed = order->since ? clock_wall() - order->since : 0;
    int64_t left = passed < 0 ? DAY_MS : passed < DAY_MS ? DAY_MS - passed : 0;
    return clock_monotonic() + left;
}

struct mailing *mailing_start(const struct mailing_order *order, const struct mailing_events *events) {
    struct mailing *mailing = x_calloc(1, sizeof *mailing);
    mailing->engine = engine_ref(order->engine);
    mailing->config = config_ref(order->config);
    mailing->job = order->job;
    mailing->result = run_result_copy(order->result);
    mailing->events = *events;
    mailing->provider = engine_provider(order->engine, order->job, false);
    mailing->session = aws_session_new(order->engine->client, mailing->provider, mail_region(mailing), NULL);
    mailing->wait = FIRST_WAIT;
    mailing->give_up_at = give_up_at(order);
    mailing->timer.data = mailing;
    uv_timer_init(order->engine->shared.loop, &mailing->timer);
    uv_timer_start(&mailing->timer, on_timer, 0, 0);
    return mailing;
}
