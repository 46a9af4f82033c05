/* SPDX-License-Identifier: Apache-2.0 */
/* Inside stream/: the columns as the encoder looks them up. */
#ifndef STREAM_CSV_COLUMNS_H
#define STREAM_CSV_COLUMNS_H

#include <stdint.h>

#include "stream/csv.h"

#define CSV_NO_COLUMN UINT16_MAX

struct csv_column {
    uint32_t offset, length; /* of `names` */
    uint64_t hash;
};

#define CSV_SLOTS 4096 /* a power of two, and four times as many as columns */

struct csv_columns {
    unsigned references;
    struct buffer names, header;
    struct csv_column items[CSV_COLUMNS_MOST];
    size_t count;
    uint16_t slots[CSV_SLOTS]; /* by hash: 1 + the column; 0: none */
};

static inline const char *csv_column_name(const struct csv_columns *columns, size_t column) {
    return columns->names.data + columns->items[column].offset;
}

/* CSV_NO_COLUMN where there is none of that name. */
uint16_t csv_columns_find(const struct csv_columns *columns, const char *name, size_t length);

#endif
