/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look at items whose bytes go out as they came: how often the types B, SS, NS and BS occur, and whether they really may go
 * out unread.
 *
 * Counting needs no parser where JSON is compact: the bytes {"B":" and {"SS":[ cannot stand inside a string, whose quotes are
 * escaped, and an attribute called B is followed by {"B":{. So only a '{' before white space, or white space right behind
 * such a name, leaves doubt; as do control characters, which a line must not hold.
 */
#ifndef STREAM_SURVEY_H
#define STREAM_SURVEY_H

#include "stream/chunk.h"

/* Whole items from `from` to `to`, of a page that ends at `end`. False: in doubt; `counts` is then as it was. */
bool survey(const char *from, const char *to, const char *end, struct type_counts *counts);

/* The same with vectors of at most 32 and 16 bytes: what survey() is where there is no AVX-512, no AVX2. */
bool survey32(const char *from, const char *to, const char *end, struct type_counts *counts);
bool survey16(const char *from, const char *to, const char *end, struct type_counts *counts);

#endif
