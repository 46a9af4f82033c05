/* SPDX-License-Identifier: Apache-2.0 */
/* The table `prunes`: a row a backup that is being removed. */
#include "state/prunes.h"

#include <stdlib.h>

#include "base/memory.h"
#include "sql.h"

const char prunes_schema[] = "CREATE TABLE prunes("
                             "uri TEXT PRIMARY KEY, job TEXT NOT NULL, run TEXT NOT NULL, began INTEGER NOT NULL"
                             ") WITHOUT ROWID;";

void prunes_list_fini(struct prunes_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].uri);
        free(list->items[i].job);
        free(list->items[i].run);
    }
    free(list->items);
    *list = (struct prunes_list){0};
}

bool prunes_begin(sqlite3 *db, const struct prune_begun *begun, struct error *error) {
    return sql_run(db, error, "INSERT INTO prunes(uri, job, run, began) VALUES(?, ?, ?, ?) ON CONFLICT(uri) DO NOTHING",
                   "ttti", begun->uri, begun->job, begun->run, begun->began);
}

bool prunes_end(sqlite3 *db, const char *uri, struct error *error) {
    return sql_run(db, error, "DELETE FROM prunes WHERE uri = ?", "t", uri);
}

static bool take_row(sqlite3_stmt *row, void *arg, struct error *error) {
    struct prunes_list *list = arg;
    (void)error;
    list->items = x_realloc(list->items, (list->count + 1) * sizeof *list->items);
    list->items[list->count++] =
        (struct prune_begun){sql_text(row, 0), sql_text(row, 1), sql_text(row, 2), sqlite3_column_int64(row, 3)};
    return true;
}

bool prunes_read(sqlite3 *db, const char *parent, struct prunes_list *list, struct error *error) {
    return sql_each(db, error, &(struct sql_reader){take_row, list},
                    "SELECT uri, job, run, began FROM prunes WHERE substr(uri, 1, length(?1)) = ?1 ORDER BY uri", "t",
                    parent);
}
