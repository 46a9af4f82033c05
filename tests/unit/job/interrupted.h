/* SPDX-License-Identifier: Apache-2.0 */
/* Runs that are interrupted: a world that keeps them, tables that make many cuts, and what must hold at the end. */
#ifndef UNIT_JOB_INTERRUPTED_H
#define UNIT_JOB_INTERRUPTED_H

#include "world.h"

/* A world of its own that keeps its runs, with a job "j"; end() tears it down. */
struct world *begin(const char *job);
void end(struct world *world);

/* Files alone, many cuts: 16 pages of about 40 KB in files of 64 KiB. */
struct world *begin_files(unsigned segments);

/* Both formats: an upload of three parts and the end, as many files, and an empty page. */
struct world *begin_both(unsigned segments);

/* All three formats: two uploads. */
struct world *begin_all(unsigned segments);

/* Below data/ stands what the manifest names, and nothing else: ImportTable reads whatever lies there. */
void assert_data_is_the_manifests(const struct world *world);

/* The backup is whole, its folder clean, each page counted once, and it says that it was resumed so often. */
void assert_resumed(struct world *world, unsigned times);

#endif
