/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's life.
 *
 *     start: configuration (blocking: nobody waits yet), workshop, reporter, alarms, jobs, control socket, READY
 *     serve: the loop; SIGHUP reloads (reload.c), the socket asks (methods.c), alarms ring (job/jobs_run.c)
 *     stop:  SIGTERM: no new run, running ones are ended within StopTimeout=; a second SIGTERM: at once
 *     end:   everything is freed in the reverse order; the loop turns until the last handle has closed
 */
#include "daemon.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

#include "base/memory.h"
#include "daemon_private.h"
#include "report/journal.h"

static const char *environment(const char *name) {
    return getenv(name);
}

void daemon_tell_status(const struct daemon *daemon) {
    const struct config *config = jobs_config(daemon->jobs);
    unsigned running = jobs_running(daemon->jobs);
    notify_status("%zu jobs, %u running%s", config->job_count, running,
                  daemon->reload.problems.count ? "; the configuration on disk is wrong and not in use" : "");
}

/* A run that starts or ends changes what systemd shows. */
static void on_event(void *arg, const struct event *event, int64_t wall_ms, const char *text) {
    struct daemon *daemon = arg;
    (void)wall_ms;
    (void)text;
    bool of_a_run = event->kind == EVENT_RUN_STARTED || event->kind == EVENT_RUN_SUCCEEDED ||
                    event->kind == EVENT_RUN_FAILED || event->kind == EVENT_RUN_CANCELLED;
    if (of_a_run && daemon->jobs && !daemon->stopping)
        daemon_tell_status(daemon);
}

/* ------------------------------------------------------------ stopping */

static void close_handle(uv_handle_t *handle) {
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

/* Every run is over. What is freed here may still close handles; the loop turns on until they have. */
static void on_jobs_stopped(void *arg) {
    struct daemon *daemon = arg;
    if (daemon->ready && daemon->options->over)
        daemon->options->over(daemon->options->arg);
    if (daemon->control)
        control_server_free(take_pointer(daemon->control));
    jobs_free(take_pointer(daemon->jobs));
    if (daemon->alarms)
        alarm_queue_free(take_pointer(daemon->alarms));
    watchdog_free(take_pointer(daemon->watchdog));
    close_handle((uv_handle_t *)&daemon->hangup);
    close_handle((uv_handle_t *)&daemon->terminate);
    close_handle((uv_handle_t *)&daemon->interrupt);
    close_handle((uv_handle_t *)&daemon->asked);
    state_free(take_pointer(daemon->shared.state)); /* last: what the others have still written is carried out */
}

void daemon_ask_to_stop(struct daemon *daemon) {
    uv_async_send(&daemon->asked);
}

static void stop(struct daemon *daemon, int signal_number) {
    if (!daemon->stopping) {
        notify_stopping();
        unsigned running = jobs_running(daemon->jobs);
        const char *why = signal_number == SIGTERM ? "SIGTERM" : signal_number == SIGINT ? "SIGINT" : "asked to stop";
        _cleanup_free_ char *message =
            x_printf("%s; %u %s to end within StopTimeout=", why, running, running == 1 ? "run" : "runs");
        report(daemon->shared.reporter, EVENT(EVENT_STOPPING, .message = message));
    }
    daemon->stopping = true;
    if (daemon->jobs)
        jobs_stop(daemon->jobs, jobs_config(daemon->jobs)->stop_timeout, on_jobs_stopped, daemon);
}

static void on_signal(uv_signal_t *handle, int signal_number) {
    struct daemon *daemon = handle->data;
    if (signal_number != SIGHUP)
        stop(daemon, signal_number);
    else if (!daemon->stopping)
        daemon_reload(daemon, NULL);
}

/* ------------------------------------------------------------ starting */

/* `prefix`: "<3>" where systemd reads it as a level. */
static void print_problems(const struct config_problems *problems, const char *prefix) {
    for (size_t i = 0; i < problems->count; i++) {
        _cleanup_buffer_ struct buffer line = BUFFER_INIT(BUFFER_OURS);
        config_problem_format(&problems->items[i], &line);
        fprintf(stderr, "%s%s\n", prefix, line.data);
    }
}

static void watch_signal(struct daemon *daemon, uv_signal_t *handle, int signal_number) {
    handle->data = daemon;
    uv_signal_init(&daemon->loop, handle);
    uv_signal_start(handle, on_signal, signal_number);
}

/* The socket's path; makes the folder where systemd has not. NULL with an error. The caller frees. */
static char *socket_path(const struct daemon_options *options, const struct config *config, struct error *error) {
    if (options->socket)
        return x_strdup(options->socket);
    if (mkdir(config->runtime_directory, 0755) < 0 && errno != EEXIST) {
        error_set_errno(error, errno, "making RuntimeDirectory= %s", config->runtime_directory);
        return NULL;
    }
    return x_printf("%s/control.sock", config->runtime_directory);
}

static bool open_control(struct daemon *daemon, const char *path, struct error *error) {
    struct control_options options = {.loop = &daemon->loop,
                                      .path = path,
                                      .interfaces = control_interfaces,
                                      .methods = daemon_methods,
                                      .method_count = daemon_method_count,
                                      .arg = daemon,
                                      .version = VERSION};
    daemon->control = control_server_new(&options, error);
    return daemon->control;
}

static void on_asked(uv_async_t *handle) {
    stop(handle->data, SIGTERM);
}

/* A person who runs --local reads a progress bar, not a log: only what is wrong. */
static int log_level(const struct daemon *daemon, const struct config *config) {
    bool quieter = daemon->local && config->log_level == LOG_INFO;
    return quieter ? LOG_WARNING : config->log_level;
}

/* Where nobody but a person reads, levels are words. */
static struct reporter *open_reporter(const struct daemon *daemon, const struct config *config) {
    bool to_journal = reporter_stderr_is_journal();
    return daemon->local && !to_journal ? reporter_new_writer(log_level(daemon, config), journal_write_words, NULL)
                                        : reporter_new(log_level(daemon, config), to_journal);
}

/* The tool's own, or none; else the daemon's. */
static bool open_state(struct daemon *daemon, const struct daemon_options *options, const struct config *config,
                       struct error *error) {
    const char *directory = daemon->local ? options->local_state : config->state_directory;
    if (!directory)
        return true;
    daemon->shared.state = state_open(&daemon->loop, directory, &daemon->set_aside, error);
    return daemon->shared.state;
}

/* The daemon's is where all processes meet that may write there; two of the tool's, of one user who may not, meet in their own. */
static void open_reading(struct daemon *daemon, const struct daemon_options *options, const struct config *config) {
    daemon->reading[0] = x_strdup(config->state_directory);
    if (daemon->local && options->local_state && strcmp(options->local_state, config->state_directory) != 0)
        daemon->reading[1] = x_strdup(options->local_state);
    for (size_t i = 0; i < READING_DIRECTORIES; i++)
        daemon->shared.reading[i] = daemon->reading[i];
}

static bool open_all(struct daemon *daemon, const struct daemon_options *options, struct config *config,
                     struct error *error) {
    _cleanup_free_ char *path = socket_path(options, config, error);
    daemon->templates = path ? mail_templates_load(NULL, error) : NULL;
    if (!daemon->templates)
        return false;
    daemon->shared = (struct engine_shared){.loop = &daemon->loop,
                                            .workshop = workshop_new(config->buffer_memory),
                                            .reporter = open_reporter(daemon, config),
                                            .templates = daemon->templates,
                                            .in_use = in_use_new()};
    open_reading(daemon, options, config);
    daemon->alarms = alarm_queue_new(&daemon->loop, error);
    if (!daemon->alarms || !open_state(daemon, options, config, error))
        return false;
    daemon->jobs = jobs_new(&daemon->shared, daemon->local ? NULL : daemon->alarms, config, error);
    return daemon->jobs && open_control(daemon, path, error);
}

/* After the loop has ended: what no handle needs any more. */
static void close_all(struct daemon *daemon) {
    workshop_free(daemon->shared.workshop);
    if (daemon->shared.reporter) {
        report(daemon->shared.reporter, EVENT(EVENT_STOPPED, .message = "dynamodb-backupd " VERSION " has stopped"));
        reporter_free(daemon->shared.reporter);
    }
    in_use_free(daemon->shared.in_use);
    for (size_t i = 0; i < READING_DIRECTORIES; i++)
        free(daemon->reading[i]);
    mail_templates_free(daemon->templates);
    config_problems_fini(&daemon->reload.problems);
    error_clear(&daemon->set_aside);
}

static void serve(struct daemon *daemon, const struct daemon_options *options) {
    size_t count = jobs_config(daemon->jobs)->job_count;
    _cleanup_free_ char *message = x_printf("dynamodb-backupd " VERSION " serves %zu %s of %s", count,
                                            count == 1 ? "job" : "jobs", daemon->config_file);
    daemon->watchdog = watchdog_new(&daemon->loop);
    daemon->listener = (struct report_listener){.heard = on_event, .arg = daemon};
    reporter_listen(daemon->shared.reporter, &daemon->listener);
    report(daemon->shared.reporter, EVENT(EVENT_READY, .message = message));
    if (daemon->set_aside.code)
        report(daemon->shared.reporter,
               EVENT(EVENT_STATE_FAILED, .error = &daemon->set_aside, .message = "a new state was begun"));
    notify_ready(NULL);
    daemon_tell_status(daemon);
    daemon->ready = true;
    if (options->ready)
        options->ready(options->arg, daemon);
    uv_run(&daemon->loop, UV_RUN_DEFAULT);
}

/* What on_jobs_stopped() closes, whatever came of the rest. */
static void open_handles(struct daemon *daemon) {
    watch_signal(daemon, &daemon->hangup, SIGHUP);
    watch_signal(daemon, &daemon->terminate, SIGTERM);
    watch_signal(daemon, &daemon->interrupt, SIGINT);
    daemon->asked.data = daemon;
    uv_async_init(&daemon->loop, &daemon->asked, on_asked);
}

static int start(struct daemon *daemon, const struct daemon_options *options, struct config *config) {
    _cleanup_error_ struct error error = {0};
    open_handles(daemon);
    bool opened = open_all(daemon, options, config, &error);
    if (opened) {
        serve(daemon, options);
    } else {
        fprintf(stderr, "%scannot start: %s\n", daemon->local ? "" : "<3>", error.message);
        on_jobs_stopped(daemon);
        uv_run(&daemon->loop, UV_RUN_DEFAULT);
    }
    close_all(daemon);
    return opened ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Large buffers are the pool's own; what glibc keeps for its threads beside them should stay small and go back when freed. */
static void tame_malloc(void) {
    mallopt(M_ARENA_MAX, 2);
    mallopt(M_MMAP_THRESHOLD, 256 << 10);
    mallopt(M_TRIM_THRESHOLD, 512 << 10);
}

/* Without a file all is as if an empty one stood there. */
static struct config *read_config(const struct daemon_options *options, struct config_problems *problems) {
    static const struct config_text nothing = {"", "", 0};
    return options->config_file ? config_load(options->config_file, environment, problems)
                                : config_parse(&nothing, NULL, 0, environment, problems);
}

int daemon_run(const struct daemon_options *options) {
    struct daemon daemon = {.options = options,
                            .config_file = options->config_file ? options->config_file : "",
                            .local = options->local,
                            .started = clock_wall()};
    struct config_problems problems = {0};
    tame_malloc();
    signal(SIGPIPE, SIG_IGN);
    struct config *config = read_config(options, &problems);
    if (!config) {
        print_problems(&problems, options->local ? "" : "<3>");
        config_problems_fini(&problems);
        return EXIT_FAILURE;
    }
    uv_loop_init(&daemon.loop);
    int status = start(&daemon, options, config);
    config_unref(config);
    if (uv_loop_close(&daemon.loop) != 0) {
        fprintf(stderr, "%sa handle was left open at the end\n", options->local ? "" : "<3>");
        status = EXIT_FAILURE;
    }
    return status;
}
