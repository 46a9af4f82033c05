/* SPDX-License-Identifier: Apache-2.0 */
/* S3's and the query services' small XML answers, by expat, behind bounds: no DTD, 32 levels, text of 64 KiB an element. */
#ifndef AWS_XML_H
#define AWS_XML_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define XML_DEPTH ((size_t)32)
#define XML_TEXT  ((size_t)64 << 10)

/*
 * `text` is called at the end of each element that has no children. `path` is the names from the root, "/" between them,
 * without namespaces: "ListBucketResult/Contents/Key"; `text` its characters ("" where none). `end` is called at the end of each element
 * that has children. Either may be NULL. Returning false stops with ERROR_CORRUPT.
 */
struct xml_handler {
    bool (*text)(void *arg, const char *path, const char *text);
    bool (*end)(void *arg, const char *path);
    void *arg;
};

/* The whole document at once. ERROR_CORRUPT says line and why. White space before it is skipped (Complete's). */
bool xml_parse(const char *bytes, size_t length, const struct xml_handler *handler, struct error *error);

/* The text of the first element with that path, copied; NULL where there is none or the document is broken. */
char *xml_find(const char *bytes, size_t length, const char *path);

#endif
