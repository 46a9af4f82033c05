/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the state knows of a run that is under way, so that another process can go on with it: who it is and under which settings,
 * how far each segment had been read, which parts S3 has acknowledged, which names may have been used.
 *
 * Everything moves by cuts: one transaction holds the positions that have changed since the cut before, the parts that came
 * since, and the counts. What a run does between cuts leaves only names here, each before it is used: the keys of uploads, and
 * how far files' numbers may have gone.
 *
 * All functions are a state_work's business (state/state.h): on a worker, inside a transaction. Where one fails nothing has
 * changed. Memory that they fill is owned by who holds it: _fini().
 */
#ifndef STATE_CHECKPOINT_H
#define STATE_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "stream/item_digest.h"

struct sqlite3;

#define CHECKPOINT_OUTPUTS 3
#define CHECKPOINT_DEATHS  3 /* so often may the process die under a run without a new cut; then it is given up */

/* What backup.json counts, as of the last cut. */
struct checkpoint_counts {
    uint64_t items, pages, scanned_bytes, b, ss, ns, bs;
    double read_units;
    struct item_digest digest; /* of all `items`, else it is not kept */
};

/* One row. Strings are owned; those that may be NULL say so. Times in ms since 1970. */
struct checkpoint_run {
    /* never changes */
    char *run, *job;
    char *settings; /* the job and the endpoints it ran under: JSON of config/save.h */
    char *table, *table_arn, *table_id /* or NULL */, *region, *bucket, *prefix;
    char *s3_endpoint, *kms_key_id; /* or NULL */
    char *formats;                  /* "dynamodb-json/gzip json/none": the outputs in their order */
    char *definition;               /* JSON: the table as it was described; NULL in a list */
    int64_t started;                /* by the server's clock: the names of all objects come from it */
    unsigned segments;              /* TotalSegments: a LastEvaluatedKey means nothing under another number */
    uint64_t table_bytes, part_size;

    /* changes */
    char *csv_header; /* or NULL */
    char *given_up;   /* why it is being taken back; NULL: it is to be resumed */
    int64_t scan_started, scan_ended /* 0: not yet */, last_cut /* 0: none */;
    unsigned cuts, deaths, resumed;
    unsigned
        numbers;    /* files below this number may have been used: the next process begins with it. A multiple of 100 */
    bool stopped;   /* the process ended it in peace: no death */
    bool complete;  /* the last cut is the end of the scan */
    bool cancelled; /* with `given_up`: a person ended it; else it failed */
    struct checkpoint_counts counts;
};

/* An upload, or a plain object of one PUT. Files have only parts: their keys follow from their numbers. */
struct checkpoint_object {
    unsigned output, number; /* from 1 */
    char *key, *upload_id /* or NULL: not created, or not heard of */;
    bool single; /* one PUT */
    bool closed; /* its last part is recorded */
};

/* `object`: the upload's number, or the file's. */
struct checkpoint_part {
    unsigned output, object, number;
    uint64_t length, items;
    uint32_t crc32;
    unsigned char md5[MD5_LENGTH]; /* of files; else zeroes */
    char *etag;
};

/* Where a segment's scan goes on. */
struct checkpoint_position {
    unsigned segment;
    char *key; /* LastEvaluatedKey, byte for byte; NULL: the segment has ended */
};

struct checkpoint_cut {
    uint64_t items;
    uint64_t parts[CHECKPOINT_OUTPUTS]; /* so many of each output, over all its objects, stand before it */
};

/* What a cut adds. Owned as a whole: checkpoint_step_free(). */
struct checkpoint_step {
    struct checkpoint_position *positions; /* that have changed */
    size_t position_count;
    struct checkpoint_part *parts; /* since the cut before */
    size_t part_count;
    struct checkpoint_object *closed; /* output, number, single: objects that have ended since the cut before */
    size_t closed_count;
    unsigned number; /* from 1: a cut after one that could not be recorded is refused */
    struct checkpoint_cut cut;
    struct checkpoint_counts counts;
    char *csv_header; /* or NULL: as before */
    int64_t at, scan_started, scan_ended;
    bool complete;
};
void checkpoint_step_free(struct checkpoint_step *step);

/* A whole run. Parts are in order of output, object, number; objects of output, number. */
struct checkpoint {
    struct checkpoint_run run;
    struct checkpoint_position *positions; /* those of which something is known: all others have not begun */
    size_t position_count;
    struct checkpoint_object *objects;
    size_t object_count;
    struct checkpoint_part *parts;
    size_t part_count;
    struct checkpoint_cut *cuts;
    size_t cut_count;
};
void checkpoint_run_fini(struct checkpoint_run *run);
void checkpoint_fini(struct checkpoint *checkpoint);

struct checkpoint_list {
    struct checkpoint_run *items; /* oldest first */
    size_t count;
};
void checkpoint_list_fini(struct checkpoint_list *list);

extern const char checkpoint_schema[];
extern const char checkpoint_change_2[]; /* csv may be a third output */

/* A new run: what never changes, `scan_started` and `numbers`. */
bool checkpoint_begin(struct sqlite3 *db, const struct checkpoint_run *run, struct error *error);

/* An object's key, before anything is made under it; its upload's id, once known. */
bool checkpoint_name(struct sqlite3 *db, const char *run, const struct checkpoint_object *object, struct error *error);

/* Before a file of a number from the one before on is sent. */
bool checkpoint_reserve(struct sqlite3 *db, const char *run, unsigned numbers, struct error *error);

/* The process has done something that will outlive it: its deaths before are forgotten. */
bool checkpoint_record(struct sqlite3 *db, const char *run, const struct checkpoint_step *step, struct error *error);

/* The process ends in peace and the run is to be resumed. */
bool checkpoint_stop(struct sqlite3 *db, const char *run, struct error *error);

/* Another process goes on from the last cut: counts it, begins with `numbers`, forgets the names of what had no part in a cut. */
bool checkpoint_resume(struct sqlite3 *db, const char *run, unsigned numbers, struct error *error);

/* It is being taken back, and must never be resumed. */
bool checkpoint_give_up(struct sqlite3 *db, const char *run, const char *why, bool cancelled, struct error *error);

/* Its turn has come: a process that dies from now on dies under it. */
bool checkpoint_take_up(struct sqlite3 *db, const char *run, struct error *error);

/* At start-up: a run that is open and was not stopped has seen its process die. `deaths`: how often since its last cut. Until it
 * is taken up it counts as stopped: a run that only waits is not blamed for what others do. */
bool checkpoint_count_death(struct sqlite3 *db, const char *run, unsigned *deaths, struct error *error);

/* All of it goes. */
bool checkpoint_end(struct sqlite3 *db, const char *run, struct error *error);

bool checkpoint_list(struct sqlite3 *db, struct checkpoint_list *list, struct error *error);

/* Only its row and the names of its objects: enough to take it back. */
bool checkpoint_load_names(struct sqlite3 *db, const char *run, struct checkpoint *checkpoint, struct error *error);

/* ERROR_NOT_FOUND where there is no such run; ERROR_CORRUPT where a row cannot be what a run wrote. */
bool checkpoint_load(struct sqlite3 *db, const char *run, struct checkpoint *checkpoint, struct error *error);

#endif
