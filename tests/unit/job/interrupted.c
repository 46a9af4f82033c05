/* SPDX-License-Identifier: Apache-2.0 */
/* See interrupted.h. */
#include "interrupted.h"
#include "small.h"

#include "base/json.h"

void end(struct world *world) {
    void *state = world;
    world_tear_down(&state);
}

struct world *begin(const char *job) {
    void *state;
    world_set_up(&state);
    struct world *world = state;
    world_keep(world);
    cloud_part_least(world->cloud, SMALL_PART);
    world_job(world, job);
    return world;
}

struct world *begin_files(unsigned segments) {
    _cleanup_free_ char *job =
        x_printf("PartSize=64K\nCompression=none\n[Scan]\nSegments=%u\n[Drill]\nSchedule=@weekly\n", segments);
    struct world *world = begin(job);
    for (unsigned page = 0; page < 16; page++)
        world_page(world, page % segments, 4, 10000);
    return world;
}

struct world *begin_both(unsigned segments) {
    _cleanup_free_ char *job = x_printf(
        "Format=dynamodb-json json\nCompression=none\n[Scan]\nSegments=%u\n[Drill]\nSchedule=@weekly\n", segments);
    struct world *world = begin(job);
    for (unsigned page = 0; page < 17; page++)
        world_flat_page(world, page % segments, 1, SMALL_PAGE);
    world_page(world, 0, 0, 0);
    return world;
}

/* The columns are learnt from a page behind one without items. */
struct world *begin_all(unsigned segments) {
    _cleanup_free_ char *job = x_printf("Format=dynamodb-json json csv\nCompression=none\n[Scan]\n"
                                        "Segments=%u\n[Drill]\nSchedule=@weekly\n",
                                        segments);
    struct world *world = begin(job);
    world_page(world, 0, 0, 0);
    for (unsigned page = 0; page < 12; page++)
        world_flat_page(world, page % segments, 1, SMALL_PAGE);
    return world;
}

/* ------------------------------------------------------------ what must hold */

static const struct cloud_object *object_below(const struct world *world, const char *folder, size_t *from) {
    for (; *from < cloud_objects(world->cloud); (*from)++)
        if (strstr(cloud_object(world->cloud, *from)->key, folder))
            return cloud_object(world->cloud, (*from)++);
    return NULL;
}

void assert_data_is_the_manifests(const struct world *world) {
    const struct cloud_object *manifest = cloud_find(world->cloud, "manifest-files.json"), *object;
    size_t at = 0, lines = 0, files = 0;
    assert_non_null(manifest);
    for (size_t i = 0; i < manifest->bytes.length; i++)
        lines += manifest->bytes.data[i] == '\n';
    while ((object = object_below(world, "/data/", &at))) {
        _cleanup_free_ char *named = x_printf("\"%s\"", object->key);
        const char *found = strstr(manifest->bytes.data, named);
        if (!found)
            fail_msg("%s stands below data/ and not in the manifest", object->key);
        assert_null(strstr(found + 1, named));
        files++;
    }
    assert_int_equal(files, lines);
}

static int64_t resumed_of(const struct world *world) {
    const struct cloud_object *file = cloud_find(world->cloud, "/backup.json");
    struct json_object *backup = json_parse(file->bytes.data, file->bytes.length, NULL);
    int64_t resumed = json_integer(backup, "resumed", -1);
    assert_int_equal(json_integer(backup, "pages", -1), cloud_pages(world->cloud)); /* each counted once */
    json_object_put(backup);
    return resumed;
}

void assert_resumed(struct world *world, unsigned times) {
    assert_whole(world);
    assert_data_is_the_manifests(world);
    assert_int_equal(world->result.resumed, times);
    assert_int_equal(resumed_of(world), times);
    assert_true(world->result.read_first <= world->result.read_last);
}
