/* SPDX-License-Identifier: Apache-2.0 */
/* Between verify.c, the story, and verify_files.c, which judges the small files of a backup. */
#ifndef JOB_VERIFY_PRIVATE_H
#define JOB_VERIFY_PRIVATE_H

#include "job/verify.h"

/* A small file of the folder, and what is wrong with it. */
enum verify_file { FILE_STARTED, FILE_SUMMARY, FILE_SUMMARY_CHECKSUM, FILE_FILES, FILE_FILES_CHECKSUM, VERIFY_FILES };

extern const char *const verify_file_names[VERIFY_FILES];

/* Must it be there? And is it looked at? */
bool verify_file_is_due(const struct source *source, enum verify_file file);

/* Such a one is known by its MD5 alone, which stands in the sums before it is checked; the others by their text. */
bool verify_file_is_manifest(enum verify_file file);

/* What the manifests' bytes were, for their checksums; zero-initialised. */
struct verify_sums {
    unsigned char md5[VERIFY_FILES][MD5_LENGTH];
    bool known[VERIFY_FILES];
};

/* Pure. Files come in their order. False with ERROR_CORRUPT where it is not what it should be. */
bool verify_file_check(const struct source *source, struct verify_sums *sums, enum verify_file file, const char *text,
                       size_t length, struct error *error);

#endif
