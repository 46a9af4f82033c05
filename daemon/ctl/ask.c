/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that are one question to the daemon and one answer on stdout. */
#include "backend.h"
#include "base/clock.h"
#include "base/json.h"
#include "render.h"
#include "say.h"

/* What is asked, and how the answer is shown. */
struct question {
    const char *method;
    struct json_object *parameters;
    const char *json_member; /* what --json prints; NULL: the whole reply */
    void (*render)(const struct json_object *reply, int64_t now, struct buffer *out);
};

static enum status show(const struct question *question, const struct control_answer *answer, bool json) {
    _cleanup_buffer_ struct buffer out = BUFFER_INIT(BUFFER_OURS);
    if (answer->error)
        return say_refusal(answer, json);
    if (json) {
        const struct json_object *member =
            question->json_member ? json_object_at(answer->parameters, question->json_member) : NULL;
        say_json(member ? member : answer->parameters);
        return STATUS_DONE;
    }
    question->render(answer->parameters, clock_wall(), &out);
    say_text(&out);
    return STATUS_DONE;
}

/* Takes the question's parameters. */
static enum status ask(const struct options *options, const struct question *question) {
    enum status status = STATUS_FAILED;
    struct control_answer answer;
    struct backend *backend = backend_open(options, &status);
    if (!backend) {
        json_object_put(question->parameters);
        return status;
    }
    if (backend_ask(backend, question->method, question->parameters, &answer, &status))
        status = show(question, &answer, options->json);
    control_answer_fini(&answer);
    backend_close(backend);
    return status;
}

static struct json_object *parameter(const char *name, const char *value) {
    struct json_object *parameters = json_object_new_object();
    json_put_string(parameters, name, value);
    return parameters;
}

static void show_status(const struct json_object *reply, int64_t now, struct buffer *out) {
    render_status(reply, now, out);
}

static void show_job(const struct json_object *reply, int64_t now, struct buffer *out) {
    const struct json_object *jobs = json_array_at(reply, "jobs");
    if (jobs && json_object_array_length(jobs) == 1)
        render_job(json_object_array_get_idx(jobs, 0), now, out);
}

enum status command_status(const struct options *options) {
    return ask(options, &(struct question){.method = CONTROL_STATUS,
                                           .parameters = parameter("job", options->argument),
                                           .render = options->argument ? show_job : show_status});
}

static void show_cancelled(const struct json_object *reply, int64_t now, struct buffer *out) {
    (void)now;
    const char *run = json_string(reply, "run");
    buffer_printf(out, "run %s stops; what it made is taken back\n", run ? run : "");
}

enum status command_cancel(const struct options *options) {
    return ask(options, &(struct question){.method = CONTROL_CANCEL,
                                           .parameters = parameter("job", options->argument),
                                           .render = show_cancelled});
}

static void show_list(const struct json_object *reply, int64_t now, struct buffer *out) {
    (void)now;
    render_list(reply, out);
}

/* A job that could not be listed beside others that could: its words, and a failure. */
static enum status list_status(const struct json_object *reply) {
    const struct json_object *errors = json_array_at(reply, "errors");
    size_t count = errors ? json_object_array_length(errors) : 0;
    for (size_t i = 0; i < count; i++) {
        const char *message = json_string(json_object_array_get_idx(errors, i), "message");
        say_warning(message ? message : "a job could not be listed");
    }
    return count ? STATUS_FAILED : STATUS_DONE;
}

enum status command_list(const struct options *options) {
    enum status status = STATUS_FAILED;
    struct control_answer answer;
    struct backend *backend = backend_open(options, &status);
    const struct question question = {.render = show_list};
    if (!backend)
        return status;
    if (backend_ask(backend, CONTROL_LIST, parameter("job", options->argument), &answer, &status)) {
        status = show(&question, &answer, options->json);
        if (status == STATUS_DONE)
            status = list_status(answer.parameters);
    }
    control_answer_fini(&answer);
    backend_close(backend);
    return status;
}

static void show_history(const struct json_object *reply, int64_t now, struct buffer *out) {
    (void)now;
    render_history(reply, out);
}

static struct json_object *backup_parameters(const struct options *options) {
    struct json_object *parameters = parameter("backup", options->argument);
    json_put_string(parameters, "region", options->region);
    json_put_string(parameters, "profile", options->profile);
    json_put_string(parameters, "role_arn", options->role_arn);
    return parameters;
}

static void show_backup(const struct json_object *reply, int64_t now, struct buffer *out) {
    (void)now;
    render_show(reply, out);
}

enum status command_show(const struct options *options) {
    return ask(options, &(struct question){.method = CONTROL_SHOW,
                                           .parameters = backup_parameters(options),
                                           .json_member = "backup",
                                           .render = show_backup});
}

enum status command_history(const struct options *options) {
    struct json_object *parameters = parameter("job", options->argument);
    if (options->count)
        json_put_integer(parameters, "count", options->count);
    return ask(options,
               &(struct question){.method = CONTROL_HISTORY, .parameters = parameters, .render = show_history});
}

enum status command_link(const struct options *options) {
    return ask(options, &(struct question){
                            .method = CONTROL_LINK, .parameters = backup_parameters(options), .render = render_links});
}

static void show_next(const struct json_object *reply, int64_t now, struct buffer *out) {
    (void)now;
    render_next(reply, out);
}

enum status command_next_jobs(const struct options *options) {
    if (options->timezone || options->from) {
        say_warning("--timezone and --from belong to an expression: each job has its own TimeZone=");
        return STATUS_USAGE;
    }
    struct json_object *parameters = json_object_new_object();
    if (options->count)
        json_put_integer(parameters, "count", options->count);
    return ask(options, &(struct question){.method = CONTROL_NEXT, .parameters = parameters, .render = show_next});
}
