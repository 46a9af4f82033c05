/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look at items whose bytes go out as they came, stretch after stretch while they are sliced: are they UTF-8, may they go out
 * unread, and how often do values of type B, SS, NS and BS begin?
 *
 * Counting needs no parser where JSON is compact: the bytes {"B":" and {"SS":[ cannot stand inside a string, whose quotes are
 * escaped, and an attribute called B is followed by {"B":{. White space right before or behind a string B, or before a list,
 * leaves doubt; as do control characters, which a line must not hold. Whether the items are well-formed is not looked at.
 */
#ifndef STREAM_SURVEY_H
#define STREAM_SURVEY_H

#include "cursor.h"

struct survey {
    const char *bytes; /* of the page: before and behind the items there is more of it */
    size_t at, text;   /* looked at up to here; and up to here whole characters */
    bool doubt;        /* `types` may be wrong, or there are control characters */
    struct type_counts types;
};

/*
 * Look at the bytes up to `to`, behind which there is one more, or two where that is a colon: by vectors of 16 bytes, of 32
 * where the processor has AVX2, of 64 where it has AVX-512. Lists are for who knows where strings are: survey_list().
 */
void survey_on16(struct survey *survey, size_t to);
void survey_on32(struct survey *survey, size_t to);
void survey_on64(struct survey *survey, size_t to);

/* `at`: a '[' outside of strings. (All that is read before it lies behind the start of {"Items":[ at the least.) */
static inline void survey_list(struct survey *survey, size_t at) {
    const char *bracket = survey->bytes + at;
    if (bracket[-1] != ':' || bracket[-2] != '"') {
        survey->doubt |= is_space(bracket[-1]) || is_space(bracket[-2]);
        return;
    }
    if (bracket[-3] != 'S' || bracket[-5] != '"')
        return;
    survey->doubt |= is_space(bracket[-6]);
    bool first = bracket[-6] == '{';
    survey->types.ss += first && bracket[-4] == 'S';
    survey->types.ns += first && bracket[-4] == 'N';
    survey->types.bs += first && bracket[-4] == 'B';
}

#endif
