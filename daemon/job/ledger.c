/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run's entries on their way into the state: each owns what it writes, and outlives the run where it must.
 *
 *     made --> sent --> written
 *                |
 *                +-- failed --> the backlog, and so do all that are made from then on; with each cut that joins it, it is
 *                               sent as one transaction: written, or back where it was
 */
#include "job/ledger.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/memory.h"

#define BACKLOG_MOST 20000u /* entries: some megabytes. What could not be written for so long is given up */

STAILQ_HEAD(backlog, entry);

struct entry {
    LIST_ENTRY(entry) place;
    STAILQ_ENTRY(entry) next;
    struct ledger *ledger; /* NULL: it has gone */
    bool (*write)(struct sqlite3 *db, const struct entry *entry, struct error *error);
    ledger_done *done;
    void *arg;
    /* what is written */
    char *run, *text;
    bool flag;
    bool waits; /* where it cannot be written it is tried again, with what comes after it */
    unsigned number;
    struct checkpoint_run row;
    struct checkpoint_object object;
    struct checkpoint_step *step;
    struct backlog all; /* of one that sends the backlog */
};

struct ledger {
    struct state *state;
    char *run;
    void (*lost)(void *arg, const struct error *error);
    void *arg;
    void (*regained)(void *arg);
    bool broken; /* the backlog waits */
    bool lost_for_good;
    struct backlog backlog;
    unsigned backlog_count;
    bool flushing;              /* it is on its way */
    bool kept;                  /* its row stands in the state */
    LIST_HEAD(, entry) entries; /* not over yet */
};

struct ledger *ledger_new(struct state *state, const char *run, void (*lost)(void *arg, const struct error *error),
                          void *arg) {
    struct ledger *ledger = x_calloc(1, sizeof *ledger);
    ledger->state = state;
    ledger->run = x_strdup(run);
    ledger->lost = lost;
    ledger->arg = arg;
    LIST_INIT(&ledger->entries);
    STAILQ_INIT(&ledger->backlog);
    return ledger;
}

void ledger_on_regained(struct ledger *ledger, void (*regained)(void *arg)) {
    ledger->regained = regained;
}

static void entry_free(struct entry *entry);

static void backlog_free(struct backlog *backlog) {
    struct entry *entry;
    while ((entry = STAILQ_FIRST(backlog))) {
        STAILQ_REMOVE_HEAD(backlog, next);
        entry_free(entry);
    }
}

void ledger_silence(struct ledger *ledger) {
    struct entry *entry;
    if (!ledger)
        return;
    LIST_FOREACH(entry, &ledger->entries, place)
    entry->done = NULL;
}

void ledger_free(struct ledger *ledger) {
    struct entry *entry;
    if (!ledger)
        return;
    ledger_silence(ledger);
    LIST_FOREACH(entry, &ledger->entries, place)
    entry->ledger = NULL;
    backlog_free(&ledger->backlog);
    free(ledger->run);
    free(ledger);
}

bool ledger_holds(const struct ledger *ledger) {
    return ledger && ledger->state && !ledger->broken;
}

bool ledger_tries(const struct ledger *ledger) {
    return ledger && ledger->state && !ledger->lost_for_good;
}

bool ledger_keeps(const struct ledger *ledger) {
    return ledger && ledger->state && ledger->kept;
}

void ledger_has_row(struct ledger *ledger) {
    ledger->kept = true;
}

/* ------------------------------------------------------------ an entry */

static bool work(struct sqlite3 *db, void *arg, struct error *error) {
    const struct entry *entry = arg;
    return entry->write(db, entry, error);
}

static bool write_begin(struct sqlite3 *db, const struct entry *entry, struct error *error) {
    return checkpoint_begin(db, &entry->row, error);
}

/* In one transaction: all of it, or nothing. */
static bool write_all(struct sqlite3 *db, const struct entry *entry, struct error *error) {
    const struct entry *one;
    STAILQ_FOREACH(one, &entry->all, next)
    if (!one->write(db, one, error))
        return false;
    return true;
}

static struct entry *entry_new(struct ledger *ledger, ledger_done *done, void *arg) {
    struct entry *entry = x_calloc(1, sizeof *entry);
    entry->ledger = ledger;
    entry->run = x_strdup(ledger->run);
    entry->done = done;
    entry->arg = arg;
    STAILQ_INIT(&entry->all);
    return entry;
}

static void entry_free(struct entry *entry) {
    backlog_free(&entry->all);
    checkpoint_run_fini(&entry->row);
    checkpoint_step_free(entry->step);
    free(entry->object.key);
    free(entry->object.upload_id);
    free(entry->run);
    free(entry->text);
    free(entry);
}

static void release(void *arg) {
    struct entry *entry = arg;
    if (entry->ledger)
        LIST_REMOVE(entry, place);
    entry_free(entry);
}

static void on_written(void *arg, const struct error *error);

static void send_entry(struct entry *entry) {
    LIST_INSERT_HEAD(&entry->ledger->entries, entry, place);
    state_do(entry->ledger->state, &(struct state_order){work, on_written, release, entry, true});
}

/* ------------------------------------------------------------ the backlog */

/* Of each segment only its last position counts: those that are newer stay, and they are few. */
static void merge_positions(struct checkpoint_step *older, struct checkpoint_step *newer) {
    size_t count = older->position_count + newer->position_count, kept = 0;
    struct checkpoint_position *all = x_calloc(count + 1, sizeof *all);
    unsigned segments = 0;
    for (size_t i = 0; i < count; i++) {
        all[i] = i < older->position_count ? older->positions[i] : newer->positions[i - older->position_count];
        segments = all[i].segment >= segments ? all[i].segment + 1 : segments;
    }
    bool *seen = x_calloc(segments + 1, sizeof *seen);
    for (size_t i = count; i-- > 0;) { /* from the end, and to the end */
        if (seen[all[i].segment])
            free(all[i].key);
        else
            all[count - ++kept] = all[i];
        seen[all[i].segment] = true;
    }
    memmove(all, all + count - kept, kept * sizeof *all);
    free(seen);
    free(older->positions);
    free(newer->positions);
    older->positions = NULL;
    older->position_count = 0;
    newer->positions = all;
    newer->position_count = kept;
}

/* All of it is written at once, or nothing: so its last cut may hold the positions of all. */
static void merge_cuts(struct backlog *backlog) {
    struct entry *entry;
    struct checkpoint_step *before = NULL;
    STAILQ_FOREACH(entry, backlog, next) {
        if (entry->step && before)
            merge_positions(before, entry->step);
        before = entry->step ? entry->step : before;
    }
}

static void give_up_backlog(struct ledger *ledger) {
    ledger->lost_for_good = true;
    backlog_free(&ledger->backlog);
}

static void backlog_add(struct ledger *ledger, struct entry *entry) {
    STAILQ_INSERT_TAIL(&ledger->backlog, entry, next);
    if (++ledger->backlog_count > BACKLOG_MOST)
        give_up_backlog(ledger);
    else if (entry->step)
        merge_cuts(&ledger->backlog);
}

/* Sends what waits, unless some of it is on its way. */
static void flush(struct ledger *ledger) {
    if (ledger->flushing || STAILQ_EMPTY(&ledger->backlog))
        return;
    struct entry *entry = entry_new(ledger, NULL, NULL);
    STAILQ_CONCAT(&entry->all, &ledger->backlog);
    entry->write = write_all;
    ledger->flushing = true;
    send_entry(entry);
}

static void put_back(struct ledger *ledger, struct entry *flushed) {
    STAILQ_CONCAT(&flushed->all, &ledger->backlog);
    STAILQ_CONCAT(&ledger->backlog, &flushed->all);
    merge_cuts(&ledger->backlog);
    if (ledger->lost_for_good)
        backlog_free(&ledger->backlog);
}

static bool has_row(const struct entry *flushed) {
    const struct entry *one;
    STAILQ_FOREACH(one, &flushed->all, next)
    if (one->write == write_begin)
        return true;
    return false;
}

static void on_flushed(struct entry *flushed, const struct error *error) {
    struct ledger *ledger = flushed->ledger;
    ledger->flushing = false;
    if (error) {
        put_back(ledger, flushed);
        return;
    }
    ledger->kept = ledger->kept || has_row(flushed);
    flush(ledger); /* what has come meanwhile */
    if (ledger->flushing || ledger->lost_for_good)
        return;
    ledger->broken = false;
    ledger->backlog_count = 0;
    if (ledger->regained)
        ledger->regained(ledger->arg);
}

/* What an entry holds, to be written later; its place in the state's queue is released. */
static struct entry *entry_take(struct entry *entry) {
    struct entry *taken = entry_new(entry->ledger, NULL, NULL);
    taken->write = entry->write;
    taken->number = entry->number;
    taken->step = take_pointer(entry->step);
    taken->row = entry->row;
    taken->object = entry->object;
    entry->row = (struct checkpoint_run){0};
    entry->object = (struct checkpoint_object){0};
    return taken;
}

static void on_written(void *arg, const struct error *error) {
    struct entry *entry = arg;
    struct ledger *ledger = entry->ledger;
    if (ledger && entry->write == write_all) {
        on_flushed(entry, error);
        return;
    }
    if (ledger && !error && entry->write == write_begin)
        ledger->kept = true;
    if (ledger && error && entry->waits && !ledger->lost_for_good)
        backlog_add(ledger, entry_take(entry));
    if (ledger && error && !ledger->broken) {
        ledger->broken = true;
        ledger->lost(ledger->arg, error);
    }
    if (entry->done) /* lost() may have silenced it */
        entry->done(entry->arg);
}

typedef bool entry_write(struct sqlite3 *db, const struct entry *entry, struct error *error);

static bool commit(struct entry *entry, entry_write *write) {
    entry->write = write;
    send_entry(entry);
    return true;
}

/* The same of what is written later where it cannot be now. True where there is something to wait for. */
static bool commit_in_turn(struct entry *entry, entry_write *write) {
    struct ledger *ledger = entry->ledger;
    entry->waits = true;
    if (!ledger->broken)
        return commit(entry, write);
    bool is_cut = entry->step;
    entry->write = write;
    backlog_add(ledger, entry);
    if (is_cut)
        flush(ledger);
    return false;
}

/* ------------------------------------------------------------ the kinds */

bool ledger_begin(struct ledger *ledger, struct checkpoint_run *run_take, ledger_done *done, void *arg) {
    if (!ledger_tries(ledger)) {
        checkpoint_run_fini(run_take);
        return false;
    }
    struct entry *entry = entry_new(ledger, done, arg);
    entry->row = *run_take;
    *run_take = (struct checkpoint_run){0};
    return commit_in_turn(entry, write_begin);
}

static bool write_name(struct sqlite3 *db, const struct entry *entry, struct error *error) {
    return checkpoint_name(db, entry->run, &entry->object, error);
}

bool ledger_name(struct ledger *ledger, const struct checkpoint_object *object, ledger_done *done, void *arg) {
    if (!ledger_tries(ledger))
        return false;
    struct entry *entry = entry_new(ledger, done, arg);
    entry->object = *object;
    entry->object.key = x_strdup(object->key);
    entry->object.upload_id = x_strdup(object->upload_id);
    return commit_in_turn(entry, write_name);
}

static bool write_reserve(struct sqlite3 *db, const struct entry *entry, struct error *error) {
    return checkpoint_reserve(db, entry->run, entry->number, error);
}

bool ledger_reserve(struct ledger *ledger, unsigned numbers, ledger_done *done, void *arg) {
    if (!ledger_tries(ledger))
        return false;
    struct entry *entry = entry_new(ledger, done, arg);
    entry->number = numbers;
    return commit_in_turn(entry, write_reserve);
}

static bool write_record(struct sqlite3 *db, const struct entry *entry, struct error *error) {
    return checkpoint_record(db, entry->run, entry->step, error);
}

bool ledger_record(struct ledger *ledger, struct checkpoint_step *step_take, ledger_done *done, void *arg) {
    if (!ledger_tries(ledger)) {
        checkpoint_step_free(step_take);
        return false;
    }
    struct entry *entry = entry_new(ledger, done, arg);
    entry->step = step_take;
    return commit_in_turn(entry, write_record);
}

static bool write_resume(struct sqlite3 *db, const struct entry *entry, struct error *error) {
    return checkpoint_resume(db, entry->run, entry->number, error);
}

bool ledger_resume(struct ledger *ledger, unsigned numbers, ledger_done *done, void *arg) {
    if (!ledger_tries(ledger))
        return false;
    struct entry *entry = entry_new(ledger, done, arg);
    entry->number = numbers;
    return commit_in_turn(entry, write_resume);
}

static bool write_stop(struct sqlite3 *db, const struct entry *entry, struct error *error) {
    return checkpoint_stop(db, entry->run, error);
}

bool ledger_stop(struct ledger *ledger, ledger_done *done, void *arg) {
    if (ledger && ledger->state)
        flush(ledger); /* once more, before it */
    return ledger_keeps(ledger) && commit(entry_new(ledger, done, arg), write_stop);
}

static bool write_give_up(struct sqlite3 *db, const struct entry *entry, struct error *error) {
    return checkpoint_give_up(db, entry->run, entry->text, entry->flag, error);
}

bool ledger_give_up(struct ledger *ledger, const char *why, bool cancelled, ledger_done *done, void *arg) {
    if (!ledger_holds(ledger))
        return false;
    struct entry *entry = entry_new(ledger, done, arg);
    entry->text = x_strdup(why);
    entry->flag = cancelled;
    return commit(entry, write_give_up);
}

static bool write_end(struct sqlite3 *db, const struct entry *entry, struct error *error) {
    return checkpoint_end(db, entry->run, error);
}

bool ledger_end(struct ledger *ledger, ledger_done *done, void *arg) {
    return ledger_holds(ledger) && commit(entry_new(ledger, done, arg), write_end);
}
