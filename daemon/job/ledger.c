/* SPDX-License-Identifier: Apache-2.0 */
/* A run's entries on their way into the state: each owns what it writes, and outlives the run where it must. */
#include "job/ledger.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/memory.h"

struct entry {
    LIST_ENTRY(entry) place;
    struct ledger *ledger; /* NULL: it has gone */
    bool (*write)(struct sqlite3 *db, const struct entry *entry, struct error *error);
    ledger_done *done;
    void *arg;
    /* what is written */
    char *run, *text;
    bool flag;
    unsigned number;
    struct checkpoint_run row;
    struct checkpoint_object object;
    struct checkpoint_step *step;
};

struct ledger {
    struct state *state;
    char *run;
    void (*lost)(void *arg, const struct error *error);
    void *arg;
    bool broken;
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
    return ledger;
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
    free(ledger->run);
    free(ledger);
}

bool ledger_holds(const struct ledger *ledger) {
    return ledger && ledger->state && !ledger->broken;
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

static void on_written(void *arg, const struct error *error) {
    struct entry *entry = arg;
    struct ledger *ledger = entry->ledger;
    if (ledger && !error && entry->write == write_begin)
        ledger->kept = true;
    if (ledger && error && !ledger->broken) {
        ledger->broken = true;
        ledger->lost(ledger->arg, error);
    }
    if (entry->done) /* lost() may have silenced it */
        entry->done(entry->arg);
}

static void release(void *arg) {
    struct entry *entry = arg;
    if (entry->ledger)
        LIST_REMOVE(entry, place);
    checkpoint_run_fini(&entry->row);
    checkpoint_step_free(entry->step);
    free(entry->object.key);
    free(entry->object.upload_id);
    free(entry->run);
    free(entry->text);
    free(entry);
}

static struct entry *entry_new(struct ledger *ledger, ledger_done *done, void *arg) {
    struct entry *entry = x_calloc(1, sizeof *entry);
    entry->ledger = ledger;
    entry->run = x_strdup(ledger->run);
    entry->done = done;
    entry->arg = arg;
    return entry;
}

static bool commit(struct entry *entry, bool (*write)(struct sqlite3 *, const struct entry *, struct error *)) {
    entry->write = write;
    LIST_INSERT_HEAD(&entry->ledger->entries, entry, place);
    state_do(entry->ledger->state, &(struct state_order){work, on_written, release, entry, true});
    return true;
}

/* ------------------------------------------------------------ the kinds */

bool ledger_begin(struct ledger *ledger, struct checkpoint_run *run_take, ledger_done *done, void *arg) {
    if (!ledger_holds(ledger)) {
        checkpoint_run_fini(run_take);
        return false;
    }
    struct entry *entry = entry_new(ledger, done, arg);
    entry->row = *run_take;
    *run_take = (struct checkpoint_run){0};
    return commit(entry, write_begin);
}

static bool write_name(struct sqlite3 *db, const struct entry *entry, struct error *error) {
    return checkpoint_name(db, entry->run, &entry->object, error);
}

bool ledger_name(struct ledger *ledger, const struct checkpoint_object *object, ledger_done *done, void *arg) {
    if (!ledger_holds(ledger))
        return false;
    struct entry *entry = entry_new(ledger, done, arg);
    entry->object = *object;
    entry->object.key = x_strdup(object->key);
    entry->object.upload_id = x_strdup(object->upload_id);
    return commit(entry, write_name);
}

static bool write_reserve(struct sqlite3 *db, const struct entry *entry, struct error *error) {
    return checkpoint_reserve(db, entry->run, entry->number, error);
}

bool ledger_reserve(struct ledger *ledger, unsigned numbers, ledger_done *done, void *arg) {
    if (!ledger_holds(ledger))
        return false;
    struct entry *entry = entry_new(ledger, done, arg);
    entry->number = numbers;
    return commit(entry, write_reserve);
}

static bool write_record(struct sqlite3 *db, const struct entry *entry, struct error *error) {
    return checkpoint_record(db, entry->run, entry->step, error);
}

bool ledger_record(struct ledger *ledger, struct checkpoint_step *step_take, ledger_done *done, void *arg) {
    if (!ledger_holds(ledger)) {
        checkpoint_step_free(step_take);
        return false;
    }
    struct entry *entry = entry_new(ledger, done, arg);
    entry->step = step_take;
    return commit(entry, write_record);
}

static bool write_resume(struct sqlite3 *db, const struct entry *entry, struct error *error) {
    return checkpoint_resume(db, entry->run, entry->number, error);
}

bool ledger_resume(struct ledger *ledger, unsigned numbers, ledger_done *done, void *arg) {
    if (!ledger_holds(ledger))
        return false;
    struct entry *entry = entry_new(ledger, done, arg);
    entry->number = numbers;
    return commit(entry, write_resume);
}

static bool write_stop(struct sqlite3 *db, const struct entry *entry, struct error *error) {
    return checkpoint_stop(db, entry->run, error);
}

bool ledger_stop(struct ledger *ledger, ledger_done *done, void *arg) {
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
