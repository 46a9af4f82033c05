/* SPDX-License-Identifier: Apache-2.0 */
/* See world.h. */
#include "world.h"

#include <dirent.h>
#include <signal.h>
#include <syslog.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/digest.h"
#include "base/encoding.h"
#include "base/json.h"
#include "config/config.h"
#include "config/save.h"

static const char *no_environment(const char *name) {
    (void)name;
    return NULL;
}

static void write_nowhere(void *arg, const struct iovec *fields, size_t count) {
    (void)arg, (void)fields, (void)count;
}

static void on_heard(void *arg, const struct event *event, int64_t wall_ms, const char *text) {
    struct world *world = arg;
    (void)wall_ms;
    buffer_printf(&world->said, "%s %s\n", event_name(event->kind), text);
}

int world_set_up(void **state) {
    struct world *world = x_calloc(1, sizeof *world);
    struct error error = {0};
    signal(SIGPIPE, SIG_IGN);
    setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    setenv("AWS_CONFIG_FILE", "/nowhere/config", 1);
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere/credentials", 1);
    unsetenv("AWS_SESSION_TOKEN");
    unsetenv("AWS_REGION");
    unsetenv("AWS_DEFAULT_REGION");
    uv_loop_init(&world->loop);
    world->cloud = cloud_new(&world->loop);
    world->said = BUFFER_INIT(BUFFER_OURS);
    world->reporter = reporter_new_writer(LOG_DEBUG, write_nowhere, NULL);
    world->listener = (struct report_listener){.heard = on_heard, .arg = world};
    reporter_listen(world->reporter, &world->listener);
    world->templates = mail_templates_load(NULL, &error);
    assert_non_null(world->templates);
    world->workshop = workshop_new(MEMORY);
    world->shared = (struct engine_shared){&world->loop,     world->workshop, world->reporter,
                                           world->templates, .landing = 20,   .again = 50};
    world->shared.in_use = in_use_new();
    *state = world;
    return 0;
}

static void remove_folder(const char *folder) {
    DIR *directory = *folder ? opendir(folder) : NULL;
    struct dirent *entry;
    if (!directory)
        return;
    while ((entry = readdir(directory))) {
        _cleanup_free_ char *path = x_printf("%s/%s", folder, entry->d_name);
        unlink(path);
    }
    closedir(directory);
    rmdir(folder);
}

int world_tear_down(void **state) {
    struct world *world = *state;
    if (world->backup)
        backup_free(world->backup);
    engine_unref(world->engine);
    config_unref(world->config);
    cloud_free(world->cloud);
    state_free(world->state);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&world->loop), 0);
    assert_int_equal(pool_stats(workshop_pool(world->workshop)).used, 0);
    workshop_free(world->workshop);
    in_use_free(world->shared.in_use);
    reporter_unlisten(world->reporter, &world->listener);
    reporter_free(world->reporter);
    mail_templates_free(world->templates);
    remove_folder(world->folder);
    buffer_fini(&world->said);
    run_result_fini(&world->result);
    free(world);
    return 0;
}

/* ------------------------------------------------------------ the configuration */

#define JOBS_MOST 8
#define JOB       "[Job]\nTable=tab\nRegion=eu-west-1\n[Destination]\nBucket=bkt\nPrefix=p/\n"

static char *main_file(const struct world *world, const char *text) {
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    buffer_printf(&out, "%s\n[Endpoints]\n", text);
    static const char *const services[] = {"DynamoDB", "S3", "SES", "STS", "Logs", "IMDS"};
    for (size_t i = 0; i < array_length(services); i++)
        buffer_printf(&out, "%s=%s\n", services[i], cloud_url(world->cloud));
    return buffer_take(&out);
}

struct config *world_config(const struct world *world, const char *main_text, ...) {
    struct config_text jobs[JOBS_MOST];
    char *texts[2 * JOBS_MOST];
    size_t count = 0;
    va_list arguments;
    va_start(arguments, main_text);
    for (const char *name; (name = va_arg(arguments, const char *)); count++) {
        texts[2 * count] = x_printf("jobs.d/%s.conf", name);
        const char *text = va_arg(arguments, const char *);
        texts[2 * count + 1] = x_printf("%s%s", strstr(text, "Table=") ? "" : JOB, text);
        jobs[count] = (struct config_text){texts[2 * count], texts[2 * count + 1], strlen(texts[2 * count + 1])};
    }
    va_end(arguments);
    char *text = main_file(world, main_text);
    struct config_problems problems = {0};
    struct config_text main_config = {"main.conf", text, strlen(text)};
    struct config *config = config_parse(&main_config, jobs, count, no_environment, &problems);
    if (!config)
        fail_msg("%s:%u: %s", problems.items[0].file, problems.items[0].line, problems.items[0].text);
    config_problems_fini(&problems);
    free(text);
    for (size_t i = 0; i < 2 * count; i++)
        free(texts[i]);
    return config;
}

void world_job(struct world *world, const char *text) {
    struct error error = {0};
    world->config = world_config(world, "", "j", text, NULL);
    world->engine = engine_new(&world->shared, world->config, &error);
    assert_non_null(world->engine);
}

void world_memory(struct world *world, size_t bytes) {
    workshop_free(world->workshop);
    world->workshop = world->shared.workshop = workshop_new(bytes);
}

/* No quote, no backslash. */
static char any_letter(uint64_t *dice) {
    *dice = *dice * 6364136223846793005u + 1442695040888963407u;
    char letter = (char)('0' + (*dice >> 33) % 64);
    return letter == '\\' ? '/' : letter;
}

static void add_page(struct world *world, unsigned segment, unsigned count, size_t size, bool flat) {
    struct buffer items = BUFFER_INIT(BUFFER_OURS);
    uint64_t dice = world->items;
    for (unsigned i = 0; i < count; i++) {
        buffer_printf(&items, "%s{\"id\":{\"S\":\"i%u\"},\"pad\":{\"S\":\"", i ? "," : "", world->items++);
        assert_true(buffer_reserve(&items, size));
        if (flat)
            memset(items.data + items.length, 'x', size);
        for (size_t k = 0; k < size && !flat; k++)
            items.data[items.length + k] = any_letter(&dice);
        items.length += size;
        buffer_add(&items, "\"}}");
    }
    cloud_page(world->cloud, segment, items.data ? items.data : "", count);
    buffer_fini(&items);
}

void world_page(struct world *world, unsigned segment, unsigned count, size_t size) {
    add_page(world, segment, count, size, false);
}

void world_flat_page(struct world *world, unsigned segment, unsigned count, size_t size) {
    add_page(world, segment, count, size, true);
}

/* ------------------------------------------------------------ a run */

static void on_over(void *arg, struct run_result *result) {
    struct world *world = arg;
    world->times++;
    world->over = true;
    world->backup = NULL;
    run_result_fini(&world->result);
    world->result = *result;
    *result = (struct run_result){0};
}

void world_start(struct world *world) {
    static const unsigned char identity[16] = {0x1a, 0x2b, 0x3c, 0x4d};
    struct backup_order order = {.engine = world->engine,
                                 .config = world->config,
                                 .job = world->config->jobs[0],
                                 .identity = identity,
                                 .state = world->state};
    world->over = false;
    world->times = 0;
    world->backup = backup_start(&order, on_over, world);
    assert_int_equal(world->times, 0);
}

/* ------------------------------------------------------------ a run that is interrupted */

void world_keep(struct world *world) {
    struct error error = {0}, set_aside = {0};
    bool in_memory = access("/dev/shm", W_OK) == 0; /* what reaches the disk, and how fast, is no matter here */
    snprintf(world->folder, sizeof world->folder, "%s/job-state-XXXXXX", in_memory ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(world->folder));
    world->state = state_open(&world->loop, world->folder, &set_aside, &error);
    assert_non_null(world->state);
}

static bool nothing(struct sqlite3 *db, void *arg, struct error *error) {
    (void)db, (void)arg, (void)error;
    return true;
}

static void on_nothing_done(void *arg, const struct error *error) {
    (void)error;
    *(bool *)arg = true;
}

void world_until_written(struct world *world) {
    bool written = false;
    state_do(world->state, &(struct state_order){.work = nothing, .done = on_nothing_done, .arg = &written});
    run_until(&world->loop, &written);
}

void world_kill(struct world *world) {
    backup_free(take_pointer(world->backup));
    cloud_no_rules(world->cloud);
    cloud_forget_held(world->cloud);
    world_until_written(world);
    assert_int_equal(world->times, 0);
}

static bool load(struct sqlite3 *db, void *arg, struct error *error) {
    struct checkpoint_list list;
    bool good = checkpoint_list(db, &list, error);
    assert_true(good && list.count <= 1);
    if (list.count)
        good = checkpoint_load(db, list.items[0].run, arg, error);
    checkpoint_list_fini(&list);
    return good;
}

bool world_checkpoint(struct world *world, struct checkpoint *checkpoint) {
    struct error error = {0};
    world_until_written(world);
    *checkpoint = (struct checkpoint){0};
    if (!state_do_now(world->state, load, checkpoint, &error))
        fail_msg("%s", error.message);
    return checkpoint->run.run;
}

void world_resume(struct world *world) {
    struct checkpoint checkpoint;
    struct error error = {0};
    assert_true(world_checkpoint(world, &checkpoint));
    struct config *config = config_restore_job(checkpoint.run.settings, checkpoint.run.job, world->config, &error);
    if (!config)
        fail_msg("%s", error.message);
    struct backup_order order = {.engine = world->engine,
                                 .config = config,
                                 .job = config->jobs[0],
                                 .state = world->state,
                                 .resume = &checkpoint};
    world->over = false;
    world->times = 0;
    world->backup = backup_start(&order, on_over, world);
    assert_null(checkpoint.run.run); /* taken */
    config_unref(config);
}

void world_finish(struct world *world) {
    run_until(&world->loop, &world->over);
    assert_int_equal(world->times, 1);
}

void world_run(struct world *world) {
    world_start(world);
    world_finish(world);
}

static void until(struct world *world, unsigned (*count)(const struct cloud *, const char *), const char *match,
                  unsigned wanted) {
    uint64_t end = uv_hrtime() + UINT64_C(60000000000); /* of a busy machine, under sanitizers too */
    while (count(world->cloud, match) < wanted) {
        if (uv_hrtime() > end)
            fail_msg("\"%s\": %u, not %u, after 60 s", match, count(world->cloud, match), wanted);
        run_for(&world->loop, 1);
    }
}

void world_until_asked(struct world *world, const char *match, unsigned count) {
    until(world, cloud_count, match, count);
}

void world_until_held(struct world *world, const char *match, unsigned count) {
    until(world, cloud_held, match, count);
}

bool world_has_said(const struct world *world, const char *words) {
    return world->said.data && strstr(world->said.data, words);
}

unsigned world_times_said(const struct world *world, const char *words) {
    unsigned times = 0;
    for (const char *at = world->said.data; at && (at = strstr(at, words)); at++)
        times++;
    return times;
}

void world_until_said(struct world *world, const char *words, unsigned times) {
    uint64_t end = uv_hrtime() + UINT64_C(60000000000);
    while (world_times_said(world, words) < times) {
        if (uv_hrtime() > end)
            fail_msg("\"%s\" was not said %u times within 60 s", words, times);
        run_for(&world->loop, 1);
    }
}

/* ------------------------------------------------------------ what came of it */

static void inflate_all(struct buffer *out, const struct buffer *in) {
    z_stream stream = {.next_in = (unsigned char *)in->data, .avail_in = (unsigned)in->length};
    unsigned char block[65536];
    assert_int_equal(inflateInit2(&stream, 16 + MAX_WBITS), Z_OK);
    while (stream.avail_in) {
        stream.next_out = block;
        stream.avail_out = sizeof block;
        int result = inflate(&stream, Z_NO_FLUSH);
        assert_true(result == Z_OK || result == Z_STREAM_END);
        buffer_add_bytes(out, block, sizeof block - stream.avail_out);
        if (result == Z_STREAM_END)
            inflateReset(&stream); /* the next member */
    }
    inflateEnd(&stream);
}

static void unzstd_all(struct buffer *out, const struct buffer *from) {
    ZSTD_DStream *stream = ZSTD_createDStream();
    ZSTD_inBuffer in = {.src = from->data, .size = from->length};
    char block[65536];
    ZSTD_outBuffer piece;
    do {
        piece = (ZSTD_outBuffer){.dst = block, .size = sizeof block};
        assert_false(ZSTD_isError(ZSTD_decompressStream(stream, &piece, &in)));
        buffer_add_bytes(out, block, piece.pos);
    } while (in.pos < in.size || piece.pos == sizeof block);
    ZSTD_freeDStream(stream);
}

struct buffer world_read(const struct cloud_object *object) {
    struct buffer out = BUFFER_INIT(BUFFER_OURS);
    const char *dot = strrchr(object->key, '.');
    if (strcmp(dot, ".gz") == 0)
        inflate_all(&out, &object->bytes);
    else if (strcmp(dot, ".zst") == 0)
        unzstd_all(&out, &object->bytes);
    else if (object->bytes.length)
        buffer_add_bytes(&out, object->bytes.data, object->bytes.length);
    return out;
}

static void meet(unsigned *met, const struct world *world, const char *id) {
    assert_true(id[0] == 'i');
    unsigned long number = strtoul(id + 1, NULL, 10);
    assert_true(number < world->items);
    met[number]++;
}

const char *world_next(const struct buffer *text, const char *from, const char *words) {
    const char *end = text->data + text->length;
    size_t length = strlen(words);
    while ((from = memchr(from, words[0], (size_t)(end - from)))) {
        if ((size_t)(end - from) >= length && memcmp(from, words, length) == 0)
            return from;
        from++;
    }
    return NULL;
}

/* Large texts are looked through, not parsed: json-c reads 27 MB a second. `before` is what stands before an id. */
static bool meet_large(unsigned *met, const struct world *world, const struct buffer *text, const char *before) {
    if (text->length < ((size_t)256 << 10))
        return false;
    for (const char *at = text->data; (at = world_next(text, at, before));) {
        at += strlen(before);
        meet(met, world, at);
    }
    return true;
}

/* An array per object, one bracket at each end. */
static void meet_plain(unsigned *met, const struct world *world, const struct buffer *text) {
    assert_true(text->data[0] == '[' && strcmp(text->data + text->length - 3, "\n]\n") == 0);
    if (meet_large(met, world, text, "{\"id\":\""))
        return;
    struct json_object *array = json_tokener_parse(text->data);
    assert_true(json_object_is_type(array, json_type_array));
    for (size_t i = 0; i < json_object_array_length(array); i++)
        meet(met, world, json_string(json_object_array_get_idx(array, i), "id"));
    json_object_put(array);
}

/* A header per object, always the same; the ids of the rows. (No cell of theirs needs a quote.) */
static void meet_rows(unsigned *met, const struct world *world, const struct buffer *text, const char *header) {
    size_t length = strlen(header);
    const char *at = text->data + length;
    assert_true(text->length >= length + 2 && strncmp(text->data, header, length) == 0);
    assert_string_equal(text->data + text->length - 2, "\r\n");
    while (strcmp(at, "\r\n") != 0) {
        const char *end = strstr(at + 2, "\r\n");
        size_t commas = 0;
        assert_non_null(end);
        meet(met, world, at + 2);
        for (const char *comma = at; (comma = memchr(comma, ',', (size_t)(end - comma))); comma++)
            commas++;
        assert_int_equal(commas, 2);
        at = end;
    }
}

static void meet_lines(unsigned *met, const struct world *world, const struct buffer *text) {
    if (meet_large(met, world, text, "{\"Item\":{\"id\":{\"S\":\""))
        return;
    for (char *line = text->data, *end; line && *line; line = end + 1) {
        end = strchr(line, '\n');
        assert_non_null(end);
        struct json_object *object = json_parse(line, (size_t)(end - line), NULL);
        meet(met, world, json_string(json_object_at(json_object_at(object, "Item"), "id"), "S"));
        json_object_put(object);
    }
}

/* The parts that backup.json names are the object's bytes. */
static void check_parts(struct json_object *record, const struct cloud_object *object) {
    struct json_object *parts = json_array_at(record, "parts");
    uint64_t offset = 0;
    for (size_t i = 0; i < json_object_array_length(parts); i++) {
        struct json_object *part = json_object_array_get_idx(parts, i);
        uint64_t length = (uint64_t)json_integer(part, "length", -1);
        assert_int_equal(json_integer(part, "offset", -1), offset);
        assert_true(offset + length <= object->bytes.length);
        uint32_t crc = crc32_update(0, length ? object->bytes.data + offset : "", length);
        const unsigned char bytes[] = {(unsigned char)(crc >> 24), (unsigned char)(crc >> 16),
                                       (unsigned char)(crc >> 8), (unsigned char)crc};
        char text[BASE64_LENGTH(4) + 1];
        base64_encode(text, bytes, sizeof bytes);
        assert_string_equal(json_string(part, "crc32"), text);
        offset += length;
    }
    assert_int_equal(offset, object->bytes.length);
    assert_int_equal(json_integer(record, "size", -1), object->bytes.length);
}

static void check_md5(struct json_object *record, const struct cloud_object *object) {
    unsigned char value[MD5_LENGTH];
    char text[BASE64_LENGTH(MD5_LENGTH) + 1];
    md5(value, object->bytes.data ? object->bytes.data : "", object->bytes.length);
    base64_encode(text, value, sizeof value);
    assert_string_equal(json_string(record, "md5"), text);
}

static const struct cloud_object *stored(const struct world *world, const char *key) {
    const struct cloud_object *object = cloud_find(world->cloud, key);
    if (!object)
        fail_msg("%s is named in backup.json and does not exist", key);
    assert_string_equal(object->key, key);
    assert_string_equal(object->run, world->result.run);
    return object;
}

static void check_output(const struct world *world, struct json_object *output) {
    unsigned *met = x_calloc(world->items + 1, sizeof *met);
    struct json_object *objects = json_array_at(output, "objects");
    bool plain = strcmp(json_string(output, "format"), "json") == 0;
    bool rows = strcmp(json_string(output, "format"), "csv") == 0;
    if (rows)
        assert_string_equal(json_object_to_json_string_ext(json_array_at(output, "columns"), JSON_C_TO_STRING_PLAIN),
                            "[\"id\",\"pad\",\"_more\"]");
    for (size_t i = 0; i < json_object_array_length(objects); i++) {
        struct json_object *record = json_object_array_get_idx(objects, i);
        const struct cloud_object *object = stored(world, json_string(record, "key"));
        check_parts(record, object);
        if (!plain && !rows)
            check_md5(record, object);
        struct buffer text = world_read(object);
        if (plain)
            meet_plain(met, world, &text);
        else if (rows)
            meet_rows(met, world, &text, "id,pad,_more");
        else
            meet_lines(met, world, &text);
        buffer_fini(&text);
    }
    for (unsigned i = 0; i < world->items; i++)
        if (met[i] != 1)
            fail_msg("item i%u stands %u times in %s", i, met[i], json_string(output, "format"));
    free(met);
}

/* The items of the first `count` parts of an output, over all its objects. */
static int64_t items_of(struct json_object *output, int64_t count) {
    struct json_object *objects = json_array_at(output, "objects");
    int64_t items = 0;
    for (size_t i = 0; i < json_object_array_length(objects); i++) {
        struct json_object *parts = json_array_at(json_object_array_get_idx(objects, i), "parts");
        for (size_t k = 0; k < json_object_array_length(parts) && count; k++, count--)
            items += json_integer(json_object_array_get_idx(parts, k), "items", -1);
    }
    assert_int_equal(count, 0);
    return items;
}

static void check_cuts(struct json_object *backup) {
    struct json_object *cuts = json_array_at(backup, "cuts"), *outputs = json_array_at(backup, "outputs");
    assert_true(json_object_array_length(cuts) > 0);
    for (size_t i = 0; i < json_object_array_length(cuts); i++) {
        struct json_object *cut = json_object_array_get_idx(cuts, i);
        for (size_t k = 0; k < json_object_array_length(outputs); k++) {
            struct json_object *output = json_object_array_get_idx(outputs, k);
            int64_t parts = json_integer(json_object_at(cut, "parts"), json_string(output, "format"), -1);
            assert_int_equal(items_of(output, parts), json_integer(cut, "items", -1));
        }
    }
}

void assert_whole(struct world *world) {
    if (world->result.outcome != RUN_SUCCEEDED)
        fail_msg("%s", world->result.error.message);
    const struct cloud_object *file = cloud_find(world->cloud, "/backup.json");
    assert_non_null(file);
    struct json_object *backup = json_parse(file->bytes.data, file->bytes.length, NULL);
    struct json_object *outputs = json_array_at(backup, "outputs");
    assert_int_equal(json_integer(backup, "items", -1), world->items);
    assert_int_equal(world->result.items, world->items);
    assert_int_equal(cloud_uploads(world->cloud), 0);
    for (size_t i = 0; i < json_object_array_length(outputs); i++)
        check_output(world, json_object_array_get_idx(outputs, i));
    check_cuts(backup);
    json_object_put(backup);
}

void assert_nothing_left(const struct world *world) {
    assert_int_equal(cloud_uploads(world->cloud), 0);
    if (cloud_objects(world->cloud))
        fail_msg("%zu objects are left, the first is %s", cloud_objects(world->cloud),
                 cloud_object(world->cloud, 0)->key);
}
