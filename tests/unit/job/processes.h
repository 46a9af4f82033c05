/* SPDX-License-Identifier: Apache-2.0 */
/* One process after another on one state, in one world. */
#ifndef UNIT_JOB_PROCESSES_H
#define UNIT_JOB_PROCESSES_H

#include "base/json.h"
#include "job/jobs.h"
#include "world.h"

#define MAIL    "[Email]\nFrom=a@example.org\nTo=b@example.org\n"
#define NIGHTLY "[Job]\nSchedule=0 2 * * *\n"
#define SES     "outbound-emails"
#define SMALL   "PartSize=64K\n"

struct town {
    struct world *world;
    char folder[32];
    struct alarm_queue *alarms;
    struct jobs *jobs;
    bool stopped, over;
};

int town_set_up(void **state);
int town_tear_down(void **state);
#define WITH_TOWN(test) cmocka_unit_test_setup_teardown(test, town_set_up, town_tear_down)

/* The process before it may still be writing: it has the lock as long as that takes. */
void open_state(struct town *town);

/* A process of job "j"; with `alarms` it keeps its schedule. */
void begin_process(struct town *town, const char *job, bool alarms);

/* The process ends: at once, as a kill would end it, but that what has been asked of the state is still carried out. */
void end_process(struct town *town);

/* The schedule has been served up to then (seconds since 1970); while no process runs. */
void note(struct town *town, int64_t at);
void note_job(struct town *town, const char *job, int64_t at);

void run_until_over(struct town *town);                /* job "j", or what runs of it; the result is the world's */
void watch_run(struct town *town, const char *run);    /* until `over` */
void stop_process(struct town *town, int64_t timeout); /* until it is over */

/* Six pages, each a cut; the run is cut off while the fifth is being read. */
void cut_off_a_run(struct town *town, const char *job);

void wait_until_said(struct town *town, const char *words);
void wait_until_nothing_is_left(struct town *town);
void assert_status(struct town *town, const char *member, const char *expected); /* of the last run */

int64_t now(void); /* seconds since 1970 */

#endif
