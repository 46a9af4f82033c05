/* SPDX-License-Identifier: Apache-2.0 */
/* A way to unpack is a row of four functions. */
#ifndef STREAM_UNPACK_PRIVATE_H
#define STREAM_UNPACK_PRIVATE_H

#include "stream/unpack.h"

struct unpack_kind {
    void *(*make)(void); /* its state; NULL: it has none */
    void (*drop)(void *state);
    enum unpack_result (*step)(void *state, struct unpack_step *step, struct error *error);
    size_t (*size)(void);
};

extern const struct unpack_kind unpack_gzip, unpack_zstd;

#endif
