/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside job/: the cuts of a run, from the first page that one holds until the state has it. The assembly fills and closes them;
 * they are recorded in their order, each once all the parts before it are acknowledged.
 */
#ifndef JOB_CUTS_H
#define JOB_CUTS_H

#include "job/output.h"
#include "job/scan.h"

#define CUTS_OPEN 2 /* the one that fills, and those that are closed but not recorded */

/* All borrowed. `outputs` are the record's, in its order. */
struct cuts_options {
    struct backup_record *record;
    struct ledger *ledger; /* NULL, or one that holds nothing: a cut is recorded once it is acknowledged */
    struct output *const *outputs;
    void (*recorded)(void *arg); /* a cut; from the loop, or from inside cuts_record() */
    void *arg;
};

struct cuts;

/* A resumed run's record holds what is recorded already, and no more. */
struct cuts *cuts_new(const struct cuts_options *options);
void cuts_free(struct cuts *cuts);

/* A third cut may not open: then the next page must wait. */
bool cuts_take_pages(const struct cuts *cuts);

/* The page has been appended to every output. Takes its key. */
void cuts_add_page(struct cuts *cuts, struct scan_page *page);

/* Pages have been added since the last cut. */
bool cuts_fill(const struct cuts *cuts);

/* Every output has closed what it held. `last`: the scan is over. */
void cuts_close(struct cuts *cuts, bool last);

/* How many are closed and not recorded. */
unsigned cuts_closed(const struct cuts *cuts);

/* After an acknowledgement, or a close: begins to write what may be written. */
void cuts_record(struct cuts *cuts);

#endif
