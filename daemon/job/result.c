/* SPDX-License-Identifier: Apache-2.0 */
/* What stays of a run when it is over. */
#include <stdlib.h>

#include "base/memory.h"
#include "job/backup.h"

void run_result_fini(struct run_result *result) {
    for (size_t i = 0; i < result->key_count; i++)
        free(result->keys[i]);
    free(result->keys);
    free(result->sizes);
    free(result->table);
    free(result->table_arn);
    free(result->region);
    free(result->uri);
    free(result->warning);
    error_clear(&result->error);
    error_clear(&result->undo_error);
    *result = (struct run_result){0};
}

struct run_result run_result_copy(const struct run_result *result) {
    struct run_result copy = *result;
    copy.table = x_strdup(result->table);
    copy.table_arn = x_strdup(result->table_arn);
    copy.region = x_strdup(result->region);
    copy.uri = x_strdup(result->uri);
    copy.warning = x_strdup(result->warning);
    copy.error = error_copy(&result->error);
    copy.undo_error = error_copy(&result->undo_error);
    copy.keys = x_calloc(result->key_count + 1, sizeof *copy.keys);
    copy.sizes = x_calloc(result->key_count + 1, sizeof *copy.sizes);
    for (size_t i = 0; i < result->key_count; i++) {
        copy.keys[i] = x_strdup(result->keys[i]);
        copy.sizes[i] = result->sizes[i];
    }
    return copy;
}
