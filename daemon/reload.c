/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGHUP: all or nothing.
 *
 *     reload --worker: config_reload()--> wrong: the running configuration stays, every problem is logged and shown in status
 *                                     --> right: jobs_apply()
 *
 * A second one during the first is done after it, once, however many came.
 */
#include "base/memory.h"
#include "daemon_private.h"

static const char *environment(const char *name) {
    return getenv(name);
}

/* On a worker thread. */
static void load(uv_work_t *work) {
    struct daemon *daemon = work->data;
    daemon->reload.config = config_reload(daemon->reload.running_config, environment, &daemon->reload.problems);
}

static void say(struct daemon *daemon, enum event_kind kind, const char *message) {
    struct event *event = EVENT(kind, .message = message);
    report(daemon->shared.reporter, event);
}

static void say_problems(struct daemon *daemon) {
    _cleanup_free_ char *text = daemon_config_error(daemon);
    _cleanup_free_ char *message = x_printf("the running configuration stays: %s", text);
    say(daemon, EVENT_RELOAD_FAILED, message);
}

/* What only a restart changes is said, so that nobody waits for it. */
static void say_applied(struct daemon *daemon, const struct config *before, const struct config *after) {
    bool needs_restart = before->buffer_memory != after->buffer_memory;
    _cleanup_free_ char *message =
        x_printf("%zu jobs%s", after->job_count, needs_restart ? "; BufferMemory= takes effect at the next start" : "");
    say(daemon, EVENT_RELOADED, message);
}

static bool apply(struct daemon *daemon) {
    struct config *config = take_pointer(daemon->reload.config);
    _cleanup_error_ struct error error = {0};
    if (!config) {
        say_problems(daemon);
        return false;
    }
    struct config *before = config_ref(jobs_config(daemon->jobs));
    bool applied = jobs_apply(daemon->jobs, config, &error);
    if (applied) {
        reporter_set_level(daemon->shared.reporter, config->log_level);
        say_applied(daemon, before, config);
    } else {
        report(daemon->shared.reporter,
               EVENT(EVENT_RELOAD_FAILED, .error = &error, .message = "the running configuration stays"));
    }
    config_unref(before);
    config_unref(config);
    return applied;
}

static void tell_waiters(struct daemon *daemon, bool applied) {
    struct reload_waiter *waiter;
    while ((waiter = daemon->reload.waiting)) {
        daemon->reload.waiting = waiter->next;
        waiter->over(waiter->arg, applied);
    }
}

static void start(struct daemon *daemon);

static void on_loaded(uv_work_t *work, int status) {
    struct daemon *daemon = work->data;
    (void)status;
    daemon->reload.running = false;
    config_unref(take_pointer(daemon->reload.running_config));
    if (daemon->stopping) {
        if (daemon->reload.config)
            config_unref(take_pointer(daemon->reload.config));
        tell_waiters(daemon, false);
        return;
    }
    if (daemon->reload.again) { /* the files may have changed since they were read */
        daemon->reload.again = false;
        if (daemon->reload.config)
            config_unref(take_pointer(daemon->reload.config));
        start(daemon);
        return;
    }
    bool applied = apply(daemon);
    notify_ready(NULL);
    daemon_tell_status(daemon);
    tell_waiters(daemon, applied);
}

static void start(struct daemon *daemon) {
    daemon->reload.running = true;
    daemon->reload.running_config = config_ref(jobs_config(daemon->jobs));
    daemon->reload.work.data = daemon;
    config_problems_fini(&daemon->reload.problems);
    notify_reloading();
    uv_queue_work(&daemon->loop, &daemon->reload.work, load, on_loaded);
}

void daemon_reload(struct daemon *daemon, struct reload_waiter *waiter) {
    if (waiter) {
        waiter->next = daemon->reload.waiting;
        daemon->reload.waiting = waiter;
    }
    if (daemon->reload.running)
        daemon->reload.again = true;
    else
        start(daemon);
}

char *daemon_config_error(const struct daemon *daemon) {
    const struct config_problems *problems = &daemon->reload.problems;
    if (daemon->reload.running || !problems->count)
        return NULL;
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(BUFFER_OURS);
    for (size_t i = 0; i < problems->count; i++) {
        buffer_add(&text, i ? "; " : "");
        config_problem_format(&problems->items[i], &text);
    }
    return buffer_take(&text);
}
