/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of sections and keys. Parser, error messages, `check`, the manual page and completion all read it, so that
 * they cannot drift apart. product.md's Configuration is what it must say.
 */
#ifndef CONFIG_KEYS_H
#define CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* How a value is written, and what the slot in the struct is. */
enum config_kind {
    KIND_TEXT,      /* char *; `check` */
    KIND_SPAN,      /* int64_t, ms; `least`, `most` */
    KIND_SIZE,      /* uint64_t, bytes; `least`, `most` */
    KIND_NUMBER,    /* unsigned; `least`, `most` or `check` */
    KIND_PERCENT,   /* int; `least`, `most` */
    KIND_BOOLEAN,   /* bool */
    KIND_CHOICE,    /* int or an enum; one of `words` */
    KIND_FLAGS,     /* unsigned; the bits of one or more of `words`, separated by blanks */
    KIND_ADDRESSES, /* config_list; repeats */
    KIND_COLUMNS,   /* config_list; names, in quotes where need be */
    KIND_SCHEDULES, /* struct schedule_list; repeats */
    KIND_ZONE,      /* struct zone * */
    KIND_PERIOD,    /* struct config_period */
    KIND_CAPACITY,  /* struct config_capacity; units a second between `least` and `most`, or 1% to 100% */
    KIND_TAGS,      /* char *, as the x-amz-tagging header has them; repeats */
};

/* A word that a choice knows. The last of a list has no name. */
struct config_word {
    const char *name;
    int value;
    bool later; /* of the contract, not built yet */
};

enum config_section {
    SECTION_DAEMON,
    SECTION_ENDPOINTS,
    SECTION_JOB,
    SECTION_CREDENTIALS,
    SECTION_SCAN,
    SECTION_DESTINATION,
    SECTION_EMAIL,
    SECTION_LINK,
    SECTION_CLOUDWATCH,
    SECTION_RETENTION,
    SECTION_DRILL,
    CONFIG_SECTIONS, /* how many */
};

struct config_section_info {
    const char *name;
    bool main_only; /* [Daemon], [Endpoints]: not in a job's file */
    bool later;     /* not built yet */
    const char *help;
};
extern const struct config_section_info config_sections[CONFIG_SECTIONS];

#define CONFIG_NO_SLOT SIZE_MAX /* checked, and kept nowhere: a key with one word so far */

struct config_key {
    enum config_section section;
    const char *name;
    enum config_kind kind;
    size_t slot; /* offset in struct config (main-only sections) or struct job_config */
    int64_t least, most;
    const char *zero; /* a word for 0, outside of the bounds: "auto", "none" */
    const struct config_word *words;
    bool (*check)(const char *text);
    const char *form;   /* what `check` accepts, in words */
    const char *preset; /* the default, as it would be written; NULL: none */
    const char *shown;  /* the default in words, where it is no plain value: "JOB/" */
    bool empty;         /* "KEY=" is a value, not a return to the default */
    bool secret;        /* what was found is not shown */
    bool later;         /* not built yet */
    const char *help;   /* one sentence, without its full stop */
};

const struct config_key *config_keys(size_t *count);

/* Its place in config_keys(); SIZE_MAX where there is none. */
size_t config_key_find(enum config_section section, const char *name);

/* CONFIG_SECTIONS where there is none. */
enum config_section config_section_find(const char *name, size_t length);

bool config_key_repeats(const struct config_key *key);

/* What the key takes, in words: "a time span from 15min to 12h", "gzip, none or zstd". */
void config_key_accepts(const struct config_key *key, struct buffer *out);

#endif
