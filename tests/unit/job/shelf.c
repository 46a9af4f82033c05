/* SPDX-License-Identifier: Apache-2.0 */
/* See shelf.h. */
#include "shelf.h"

#include "base/json.h"

int shelf_set_up(void **state) {
    struct shelf *shelf = x_calloc(1, sizeof *shelf);
    struct error error = {0};
    void *world;
    world_set_up(&world);
    shelf->world = world;
    shelf->world->config = world_config(world, "", "other", "", "second",
                                        "[Job]\nTable=tab\nRegion=eu-west-1\n[Destination]\nBucket=bkt\nPrefix=q/\n",
                                        "students", "", NULL);
    shelf->jobs = jobs_new(&shelf->world->shared, NULL, shelf->world->config, &error);
    assert_non_null(shelf->jobs);
    *state = shelf;
    return 0;
}

int shelf_tear_down(void **state) {
    struct shelf *shelf = *state;
    void *world = shelf->world;
    jobs_free(shelf->jobs);
    world_tear_down(&world);
    free(shelf->message);
    free(shelf->ids);
    free(shelf->uri);
    free(shelf->job);
    free(shelf->writer);
    free(shelf);
    return 0;
}

void put_of(struct shelf *shelf, const char *prefix, const char *folder, const char *id, const char *job,
            const char *arn) {
    _cleanup_free_ char *key = x_printf("%sAWSDynamoDB/%s/backup.json", prefix, folder);
    _cleanup_free_ char *text = x_printf(
        "{\"version\":1,\n\"id\":\"%s\",\n\"job\":\"%s\",\n\"run\":\"r\",\n\"table_name\":\"tab\",\n\"table_arn\":"
        "\"%s\",\n"
        "\"started\":\"2025-07-06T02:00:00.000Z\",\n\"ended\":\"2025-07-06T02:00:01.000Z\",\n\"items\":1,\n"
        "\"stored_bytes\":10,\n\"objects\":1,\n\"formats\":[\"json\"],\n\"table\":{},\n\"cuts\":[],\n\"outputs\":[]}\n",
        id, job, arn);
    cloud_put(shelf->world->cloud, key, "r", text, strlen(text));
}

void put(struct shelf *shelf, const char *prefix, const char *folder, const char *id, const char *job) {
    put_of(shelf, prefix, folder, id, job, OWN);
}

const struct job_config *job_of(const struct shelf *shelf, const char *name) {
    return config_job(shelf->world->config, name);
}

static void note_error(struct shelf *shelf, const struct error *error) {
    shelf->over = true;
    shelf->times++;
    shelf->code = error ? error->code : ERROR_NONE;
    x_replace(&shelf->message, error ? error->message : NULL);
}

void on_catalog(void *arg, const struct backup_summary *backups, size_t count, const struct error *error) {
    struct shelf *shelf = arg;
    struct buffer ids = BUFFER_INIT(BUFFER_OURS);
    note_error(shelf, error);
    for (size_t i = 0; i < count; i++)
        buffer_printf(&ids, "%s%s", i ? " " : "", backups[i].id);
    free(shelf->ids);
    shelf->ids = buffer_take(&ids);
    x_replace(&shelf->uri, count ? backups[0].uri : NULL);
}

void list(struct shelf *shelf) {
    shelf->over = false;
    catalog_start(jobs_engine(shelf->jobs), shelf->world->config, job_of(shelf, "students"), on_catalog, shelf);
    assert_false(shelf->over);
    run_until(&shelf->world->loop, &shelf->over);
}

void on_found(void *arg, const struct found_backup *found, const struct error *error) {
    struct shelf *shelf = arg;
    note_error(shelf, error);
    x_replace(&shelf->ids, found ? found->id : NULL);
    x_replace(&shelf->uri, found ? found->uri : NULL);
    x_replace(&shelf->job, found ? found->job->name : NULL);
    x_replace(&shelf->writer, found ? found->writer->name : NULL);
    shelf->foreign = found && found->foreign;
    if (found && !found->source->id[0]) /* a plain array */
        return;
    if (found)
        assert_string_equal(json_string(found->backup, "id"), found->id);
}

void find_by(struct shelf *shelf, const char *text, const struct find_access *access) {
    shelf->over = false;
    find_by_start(shelf->jobs, text, access, on_found, shelf);
    assert_false(shelf->over);
    run_until(&shelf->world->loop, &shelf->over);
}

void find(struct shelf *shelf, const char *text) {
    shelf->over = false;
    find_start(shelf->jobs, text, on_found, shelf);
    assert_false(shelf->over);
    run_until(&shelf->world->loop, &shelf->over);
}
