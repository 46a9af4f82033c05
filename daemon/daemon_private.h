/* SPDX-License-Identifier: Apache-2.0 */
/* Inside daemon/: the one struct that holds all, between daemon.c (start and stop), reload.c and methods.c (the control socket). */
#ifndef DAEMON_PRIVATE_H
#define DAEMON_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uv.h>

#include "config/config.h"
#include "control/server.h"
#include "daemon.h"
#include "job/find.h"
#include "job/jobs.h"
#include "report/event.h"
#include "report/notify.h"

/* A reload in flight: the files are read by a worker. `waiting` are told when it is over (the socket's Reload). */
struct reload_waiter {
    void (*over)(void *arg, bool applied);
    void *arg;
    struct reload_waiter *next;
};

struct reload {
    uv_work_t work;
    bool running, again;
    struct config *running_config;   /* what the files' jobs are compared with; held while the worker reads */
    struct config *config;           /* what was read; NULL where it is wrong */
    struct config_problems problems; /* of the last reload that failed */
    struct reload_waiter *waiting;
};

struct daemon {
    const struct daemon_options *options;
    const char *config_file;
    bool local; /* the tool's: no alarms */
    uv_loop_t loop;
    int64_t started; /* ms since 1970 */
    struct engine_shared shared;
    char *reading[READING_DIRECTORIES]; /* what `shared` borrows */
    struct error set_aside;             /* of a state that could not be used: where it is now */
    struct mail_templates *templates;
    struct alarm_queue *alarms;
    struct jobs *jobs;
    struct control_server *control;
    struct watchdog *watchdog;
    struct report_listener listener; /* tells systemd when a run starts or ends */
    uv_signal_t hangup, terminate, interrupt;
    uv_async_t asked; /* to stop, by another thread: --local */
    struct reload reload;
    LIST_HEAD(, restoring) restores; /* methods_restore.c's */
    bool ready, stopping;
};

/* reload.c: reads the configuration anew, off the loop, and applies it whole or not at all. `waiter` may be NULL. */
void daemon_reload(struct daemon *daemon, struct reload_waiter *waiter);

/* The problems of the last reload as one text, NULL where the running configuration is the files'. The caller frees. */
char *daemon_config_error(const struct daemon *daemon);

/* What systemd shows: how many jobs, what runs. */
void daemon_tell_status(const struct daemon *daemon);

/* methods.c: the rows of the control socket's interface. */
extern const struct control_method daemon_methods[];
extern const size_t daemon_method_count;

/* Between methods.c and methods_backups.c. `value` is taken. */
struct json_object *method_object(const char *name, struct json_object *value);
void method_refuse(struct daemon *daemon, struct control_request *request, enum jobs_refusal refusal, const char *job,
                   const char *run);
void method_list(void *arg, struct control_request *request);
void method_show(void *arg, struct control_request *request);
void method_link(void *arg, struct control_request *request);
void method_restore(void *arg, struct control_request *request); /* methods_restore.c */
void method_prune(void *arg, struct control_request *request);   /* methods_prune.c */
void method_verify(void *arg, struct control_request *request);

/* How to read an s3:// address: region, profile, role_arn. False where one is no text: the request has been ended. */
bool method_may_access(struct control_request *request, struct find_access *access) __attribute__((warn_unused_result));

/* methods_history.c */
void method_history(void *arg, struct control_request *request);

#endif
