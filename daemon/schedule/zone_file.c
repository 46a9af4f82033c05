/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TZif, the format of /usr/share/zoneinfo (RFC 8536; version 4: RFC 9636). From version 2 on a file has two blocks: one of 32-bit
 * times, which is skipped, one of 64-bit times, and a footer with a POSIX TZ string. Every count is checked before it is used.
 */
#include <string.h>

#include "base/memory.h"
#include "zone_private.h"

#define HEADER  44
#define LONGEST ((size_t)1 << 20) /* the largest file of the database is under 4 KB */

/* What is left of the file. */
struct reader {
    const unsigned char *bytes;
    size_t length;
};

struct tzif_header {
    unsigned version;
    uint64_t utc_flags, standard_flags, leaps, times, kinds, characters;
};

static const unsigned char *read_bytes(struct reader *reader, size_t length) {
    const unsigned char *bytes = reader->bytes;
    if (length > reader->length)
        return NULL;
    reader->bytes += length;
    reader->length -= length;
    return bytes;
}

static uint32_t get_32(const unsigned char *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static int64_t get_time(const unsigned char *bytes, size_t size) {
    if (size == 4)
        return (int32_t)get_32(bytes);
    return (int64_t)((uint64_t)get_32(bytes) << 32 | get_32(bytes + 4));
}

static const char *read_header(struct reader *reader, struct tzif_header *header) {
    const unsigned char *bytes = read_bytes(reader, HEADER);
    if (!bytes || memcmp(bytes, "TZif", 4) != 0)
        return "it does not begin with a TZif header";
    if (bytes[4] != 0 && (bytes[4] < '2' || bytes[4] > '9'))
        return "its version is not known";
    *header = (struct tzif_header){bytes[4] ? (unsigned)(bytes[4] - '0') : 1,
                                   get_32(bytes + 20),
                                   get_32(bytes + 24),
                                   get_32(bytes + 28),
                                   get_32(bytes + 32),
                                   get_32(bytes + 36),
                                   get_32(bytes + 40)};
    if (header->kinds < 1 || header->kinds > 256 || header->characters < 1)
        return "its header counts what cannot be";
    if (header->leaps)
        return "it counts leap seconds, which clocks of this system do not: take the zone without \"right/\"";
    return NULL;
}

static size_t block_size(const struct tzif_header *header, size_t time_size) {
    return (size_t)(header->times * (time_size + 1) + header->kinds * 6 + header->characters + header->standard_flags +
                    header->utc_flags);
}

static const char *take_transitions(struct zone *zone, struct reader *reader, const struct tzif_header *header,
                                    size_t size) {
    const unsigned char *times = read_bytes(reader, (size_t)header->times * size);
    const unsigned char *kind_of = read_bytes(reader, (size_t)header->times);
    zone->count = (size_t)header->times;
    zone->transitions = x_calloc(zone->count, sizeof *zone->transitions);
    zone->kind_of = x_calloc(zone->count, 1);
    for (size_t i = 0; i < zone->count; i++) {
        zone->transitions[i] = get_time(times + i * size, size);
        zone->kind_of[i] = kind_of[i];
        if (i && zone->transitions[i] <= zone->transitions[i - 1])
            return "its transitions are not in order";
        if (kind_of[i] >= header->kinds)
            return "a transition leads to a local time that it does not have";
    }
    return NULL;
}

static const char *take_kinds(struct zone *zone, struct reader *reader, const struct tzif_header *header) {
    const unsigned char *kinds = read_bytes(reader, (size_t)header->kinds * 6);
    size_t length = (size_t)header->characters;
    zone->abbreviations = x_calloc(length + 1, 1); /* ends in a NUL whatever the file says */
    memcpy(zone->abbreviations, read_bytes(reader, length), length);
    zone->kind_count = (size_t)header->kinds;
    for (size_t i = 0; i < zone->kind_count; i++) {
        int32_t offset = (int32_t)get_32(kinds + i * 6);
        if (offset < ZONE_WEST_MOST || offset > ZONE_EAST_MOST)
            return "an offset from UTC is more than a day";
        if (kinds[i * 6 + 5] >= length)
            return "an abbreviation lies outside of its text";
        zone->kinds[i] = (struct zone_kind){offset, zone->abbreviations + kinds[i * 6 + 5]};
    }
    return NULL;
}

static const char *take_block(struct zone *zone, struct reader *reader, const struct tzif_header *header, size_t size) {
    struct reader block = *reader;
    if (!read_bytes(reader, block_size(header, size)))
        return "it ends in the middle";
    const char *wrong = take_transitions(zone, &block, header, size);
    return wrong ? wrong : take_kinds(zone, &block, header);
}

/* "\nCET-1CEST,M3.5.0,M10.5.0/3\n"; nothing between the newlines: the last local time goes on. */
static const char *take_footer(struct zone *zone, const struct reader *reader) {
    const char *text = (const char *)reader->bytes;
    const char *end = reader->length > 1 ? memchr(text + 1, '\n', reader->length - 1) : NULL;
    if (!end || text[0] != '\n')
        return "its footer is missing";
    if (end == text + 1)
        return NULL;
    _cleanup_free_ char *rule = x_strndup(text + 1, (size_t)(end - text - 1));
    zone->has_rule = zone_rule_parse(rule, &zone->rule);
    return zone->has_rule ? NULL : "its footer is no POSIX TZ rule";
}

static const char *parse(struct zone *zone, struct reader reader) {
    struct tzif_header header;
    if (reader.length > LONGEST)
        return "it is larger than any zone";
    const char *wrong = read_header(&reader, &header);
    if (wrong || header.version == 1)
        return wrong ? wrong : take_block(zone, &reader, &header, 4);
    if (!read_bytes(&reader, block_size(&header, 4)))
        return "it ends in the middle";
    if ((wrong = read_header(&reader, &header)) || (wrong = take_block(zone, &reader, &header, 8)))
        return wrong;
    return take_footer(zone, &reader);
}

struct zone *zone_parse(const char *name, const char *bytes, size_t length, struct error *error) {
    struct zone *zone = x_calloc(1, sizeof *zone);
    atomic_init(&zone->references, 1);
    zone->name = x_strdup(name);
    const char *wrong = parse(zone, (struct reader){(const unsigned char *)bytes, length});
    if (!wrong)
        return zone;
    error_set(error, ERROR_CORRUPT, "time zone %s: %s", name, wrong);
    zone_unref(zone);
    return NULL;
}
