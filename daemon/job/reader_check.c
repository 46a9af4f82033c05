/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with a part, or with its object, and how it is told: by the checksums of its stored bytes, by its items. */
#include <inttypes.h>
#include <string.h>

#include "base/encoding.h"
#include "base/memory.h"
#include "reader.h"

/* Lines of the object, from those of the part. Our arrays have one member a line, from the second line on; csv has its header before
 * the rows, each of which counts as a line whatever its cells hold. */
static struct doubt doubt_of(const struct lane *lane, uint64_t first, uint64_t last) {
    uint64_t shift = lane->before + (lane->reader->output->format != FORMAT_DYNAMODB_JSON);
    bool told = lane->reader->options.source->kind != BACKUP_PLAIN;
    return (struct doubt){.object = lane->object,
                          .part = lane->part,
                          .first_line = told && first ? shift + first : 0,
                          .last_line = told && last >= first && last ? shift + last : 0};
}

/* What has gone out cannot be called back. */
static void say_delivered(const struct lane *lane, struct error *error) {
    if (lane->delivered && !lane->proven && !lane->reader->events.damage)
        error_advice(error, "items of it were written before that was known: wrong ones may stand in the table");
}

void lane_damaged(struct lane *lane, uint64_t first, uint64_t last, struct error *error) {
    struct doubt doubt = doubt_of(lane, first, last);
    lane->damages++;
    say_delivered(lane, error);
    reader_damage(lane->reader, &doubt, error);
}

/* Of the whole part. */
static void part_damaged(struct lane *lane, struct error *error) {
    uint64_t items = lane_part(lane)->items;
    lane_damaged(lane, items && items != SOURCE_UNKNOWN ? 1 : 0, items == SOURCE_UNKNOWN ? 0 : items, error);
}

void lane_object_damaged(struct lane *lane, unsigned what, struct error *error) {
    unsigned char *told = &lane->reader->told[lane->object];
    struct doubt doubt = {.object = lane->object, .part = READER_NO_PART};
    lane->damages++;
    if (*told & what) {
        error_clear(error);
        return;
    }
    *told |= (unsigned char)what;
    say_delivered(lane, error);
    reader_damage(lane->reader, &doubt, error);
}

/* ------------------------------------------------------------ its bytes */

/* An object's MD5 is that of its part where it is one part, and has no better. */
static bool has_md5(const struct source_object *object, const struct source_part *part) {
    return object->has_md5 && object->part_count == 1 && !part->has_crc32;
}

bool part_is_provable(const struct source_object *object, size_t part) {
    return object->parts[part].has_crc32 || has_md5(object, &object->parts[part]);
}

static void check_crc(struct lane *lane) {
    const struct source_part *part = lane_part(lane);
    _cleanup_error_ struct error error = {0};
    if (!part->has_crc32 || part->crc32 == lane->work.crc32)
        return;
    error_set(&error, ERROR_CORRUPT, "the CRC-32 of its stored bytes is %08" PRIx32 "; %08" PRIx32 " was written",
              lane->work.crc32, part->crc32);
    part_damaged(lane, &error);
}

static void check_md5(struct lane *lane) {
    const struct source_object *object = lane_object(lane);
    _cleanup_error_ struct error error = {0};
    char is[BASE64_LENGTH(MD5_LENGTH) + 1], was[BASE64_LENGTH(MD5_LENGTH) + 1];
    if (!has_md5(object, lane_part(lane)) || memcmp(lane->md5, object->md5, MD5_LENGTH) == 0)
        return;
    base64_encode(is, lane->md5, MD5_LENGTH);
    base64_encode(was, object->md5, MD5_LENGTH);
    error_set(&error, ERROR_CORRUPT, "the MD5 of its stored bytes is %s; %s was written", is, was);
    part_damaged(lane, &error);
}

void lane_check_bytes(struct lane *lane) {
    digest_final(take_pointer(lane->work.md5), lane->md5);
    check_crc(lane);
    if (!lane->reader->dead)
        check_md5(lane);
}

void lane_check_items(struct lane *lane, uint64_t found) {
    uint64_t items = lane_part(lane)->items;
    _cleanup_error_ struct error error = {0};
    if (items == SOURCE_UNKNOWN || items == found)
        return;
    error_set(&error, ERROR_CORRUPT, "it holds %" PRIu64 " items; %" PRIu64 " were written", found, items);
    part_damaged(lane, &error);
}
