/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DynamoDB's typed JSON to plain JSON in one pass: {"a":{"S":"x"}} becomes "a":"x". No tree and no recursion: what is open
 * stands in one bit a level. Numbers go verbatim, to all their digits; strings with the escapes they came with; sets become
 * arrays. Whatever the types' grammar does not allow is corrupt.
 *
 * The slicer has seen every string end and every bracket close, and this reads on only behind a byte that it knows: so it
 * never passes the item's last '}', and needs no check of a length.
 */
#include <stdlib.h>

#include "base/error.h"
#include "cursor.h"
#include "encode.h"
#include "scan16.h"

#define MAX_LEVELS 64

struct walk {
    const char *at; /* the next byte of the item */
    struct output *output;
    struct type_counts *counts;
    const char *safe;     /* up to here 16 bytes may be read */
    const char *expected; /* what was not found, at `at`; NULL: no error */
    uint64_t maps;        /* one bit an open container, innermost lowest: is it a map? */
    unsigned depth;
};

static bool fail(struct walk *walk, const char *expected) {
    walk->expected = expected;
    return false;
}

static inline void emit(struct walk *walk, char c) {
    *walk->output->at++ = c;
}

static inline char next(struct walk *walk) {
    while (__builtin_expect(is_space(*walk->at), 0))
        walk->at++;
    return *walk->at;
}

static inline bool take(struct walk *walk, char c, const char *expected) {
    if (__builtin_expect(next(walk) != c, 0))
        return fail(walk, expected);
    walk->at++;
    return true;
}

/* A backslash and what it escapes, copied as they are. */
static bool copy_escape(struct walk *walk) {
    const char *at = walk->at + 1;
    size_t length = *at == 'u' ? 6 : 2;
    if (!*at || !strchr("\"\\/bfnrtu", *at))
        return fail(walk, "an escape that JSON knows");
    for (size_t i = 2; i < length; i++) {
        if (!walk->at[i] || !strchr("0123456789abcdefABCDEF", walk->at[i]))
            return fail(walk, "four hex digits");
    }
    memcpy(walk->output->at, walk->at, length);
    walk->output->at += length;
    walk->at += length;
    return true;
}

/* From behind the opening quote to behind the closing one, which is copied too. */
static inline bool copy_string(struct walk *walk) {
    for (;;) {
        output_room(walk->output);
        if (__builtin_expect(walk->at <= walk->safe, 1)) {
            unsigned plain = copy_plain16(walk->output->at, walk->at);
            walk->output->at += plain;
            walk->at += plain;
            if (plain == 16)
                continue;
        }
        unsigned char c = (unsigned char)*walk->at;
        if (c == '"') {
            emit(walk, '"');
            walk->at++;
            return true;
        }
        if (c < ' ')
            return fail(walk, "no control character in a string");
        if (c != '\\') {
            emit(walk, (char)c);
            walk->at++;
        } else if (!copy_escape(walk)) {
            return false;
        }
    }
}

static inline bool string(struct walk *walk, const char *expected) {
    if (!take(walk, '"', expected))
        return false;
    output_room(walk->output);
    emit(walk, '"');
    return copy_string(walk);
}

static inline bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static inline bool digits(struct walk *walk) {
    if (!is_digit(*walk->at))
        return fail(walk, "a digit");
    do {
        output_room(walk->output);
        emit(walk, *walk->at++);
    } while (is_digit(*walk->at));
    return true;
}

/* A number in quotes, as JSON would write it without them. */
static inline bool number(struct walk *walk) {
    if (!take(walk, '"', "a number in quotes"))
        return false;
    output_room(walk->output);
    if (*walk->at == '-')
        emit(walk, *walk->at++);
    if (*walk->at == '0')
        emit(walk, *walk->at++);
    else if (!digits(walk))
        return false;
    if (*walk->at == '.') {
        emit(walk, *walk->at++);
        if (!digits(walk))
            return false;
    }
    if (*walk->at == 'e' || *walk->at == 'E') {
        output_room(walk->output);
        emit(walk, *walk->at++);
        if (*walk->at == '+' || *walk->at == '-')
            emit(walk, *walk->at++);
        if (!digits(walk))
            return false;
    }
    if (*walk->at != '"')
        return fail(walk, "the end of a number");
    walk->at++;
    return true;
}

static bool set(struct walk *walk, bool (*element)(struct walk *walk)) {
    if (!take(walk, '[', "a set's '['"))
        return false;
    emit(walk, '[');
    if (next(walk) == ']')
        return fail(walk, "a set that is not empty");
    while (element(walk)) {
        output_room(walk->output);
        char c = next(walk);
        if (c != ',' && c != ']')
            return fail(walk, "',' or ']'");
        walk->at++;
        emit(walk, c);
        if (c == ']')
            return true;
    }
    return false;
}

static bool text(struct walk *walk) {
    return string(walk, "a string");
}

static bool literal(struct walk *walk, const char *word, const char *out) {
    next(walk);
    for (size_t i = 0; word[i]; i++) {
        if (walk->at[i] != word[i])
            return fail(walk, word);
    }
    walk->at += strlen(word);
    output_put(walk->output, out, strlen(out));
    return true;
}

static inline bool open_container(struct walk *walk, bool map) {
    if (!take(walk, map ? '{' : '[', map ? "a map's '{'" : "a list's '['"))
        return false;
    if (walk->depth == MAX_LEVELS)
        return fail(walk, "fewer levels");
    walk->maps = walk->maps << 1 | map;
    walk->depth++;
    emit(walk, map ? '{' : '[');
    return true;
}

enum value_kind { VALUE_WRONG, VALUE_WHOLE, VALUE_OPENED };

static inline enum value_kind whole(bool read) {
    return read ? VALUE_WHOLE : VALUE_WRONG;
}

static inline enum value_kind opened(bool read) {
    return read ? VALUE_OPENED : VALUE_WRONG;
}

/* Behind the type's name and colon. */
static enum value_kind one_letter(struct walk *walk, char type) {
    switch (type) {
    case 'S':
        return whole(string(walk, "a string"));
    case 'N':
        return whole(number(walk));
    case 'B':
        walk->counts->b++;
        return whole(string(walk, "a base64 string"));
    case 'M':
        return opened(open_container(walk, true));
    case 'L':
        return opened(open_container(walk, false));
    default:
        return whole(fail(walk, "a type of DynamoDB's"));
    }
}

static enum value_kind long_type(struct walk *walk, const char *type, size_t length) {
    if (length == 2 && type[1] == 'S') {
        walk->counts->ss += type[0] == 'S';
        walk->counts->ns += type[0] == 'N';
        walk->counts->bs += type[0] == 'B';
        if (type[0] == 'S' || type[0] == 'B')
            return whole(set(walk, text));
        if (type[0] == 'N')
            return whole(set(walk, number));
    }
    if (length == 4 && !memcmp(type, "NULL", 4))
        return whole(literal(walk, "true", "null"));
    if (length == 4 && !memcmp(type, "BOOL", 4))
        return next(walk) == 't' ? whole(literal(walk, "true", "true")) : whole(literal(walk, "false", "false"));
    walk->at = type;
    return whole(fail(walk, "a type of DynamoDB's"));
}

/* {"TYPE": and the value, or the opening of a map or list. */
static inline enum value_kind value(struct walk *walk) {
    if (!take(walk, '{', "a typed value's '{'") || !take(walk, '"', "a type's name"))
        return VALUE_WRONG;
    const char *type = walk->at;
    while (*walk->at >= 'A' && *walk->at <= 'Z')
        walk->at++;
    size_t length = (size_t)(walk->at - type);
    if (!take(walk, '"', "the end of a type's name") || !take(walk, ':', "':'"))
        return VALUE_WRONG;
    output_room(walk->output);
    return length == 1 ? one_letter(walk, *type) : long_type(walk, type, length);
}

static inline bool name(struct walk *walk) {
    if (!string(walk, "an attribute's name") || !take(walk, ':', "':'"))
        return false;
    output_room(walk->output);
    emit(walk, ':');
    return true;
}

/* Behind a value's own bytes: its wrapper ends, and with it what else ends here. True: a further value follows, or
 * nothing is open any more. */
static inline bool after_value(struct walk *walk) {
    while (walk->depth) {
        if (!take(walk, '}', "the '}' of a typed value"))
            return false;
        bool map = walk->maps & 1;
        char c = next(walk);
        output_room(walk->output);
        if (c == ',') {
            walk->at++;
            emit(walk, ',');
            return !map || name(walk);
        }
        if (c != (map ? '}' : ']'))
            return fail(walk, map ? "',' or '}'" : "',' or ']'");
        walk->at++;
        emit(walk, c);
        walk->maps >>= 1;
        walk->depth--;
    }
    return true;
}

/* Behind '{' or '[': an empty one ends at once, else the first name is read. */
static inline bool after_open(struct walk *walk) {
    bool map = walk->maps & 1;
    if (next(walk) != (map ? '}' : ']'))
        return !map || name(walk);
    emit(walk, *walk->at++);
    walk->maps >>= 1;
    walk->depth--;
    return after_value(walk);
}

static bool item(struct walk *walk) {
    if (!open_container(walk, true) || !name(walk))
        return false;
    while (walk->depth) {
        enum value_kind kind = value(walk);
        if (kind == VALUE_WRONG || !(kind == VALUE_OPENED ? after_open(walk) : after_value(walk)))
            return false;
    }
    return true;
}

bool encode_json_item(struct output *output, const struct chunk_encode *encode, size_t number_,
                      struct type_counts *counts, struct error *error) {
    struct type_counts unwanted = {0};
    const struct page_index *index = encode->index;
    struct walk walk = {
        .at = encode->page + index->items[number_].offset,
        .output = output,
        .counts = counts ? counts : &unwanted,
        .safe = index->length < 16 ? NULL : encode->page + index->length - 16,
    };
    output_room(output);
    if (item(&walk))
        return true;
    error_set(error, ERROR_CORRUPT, "item %zu of %zu in a page is not DynamoDB's typed JSON: expected %s at byte %zu",
              number_ + 1, index->count, walk.expected, (size_t)(walk.at - encode->page));
    return false;
}

bool encode_json(struct output *output, const struct chunk_encode *encode, struct type_counts *counts,
                 struct error *error) {
    for (size_t i = 0; i < encode->index->count; i++) {
        output_put(output, i || !encode->opens ? ",\n" : "[\n", 2);
        if (!encode_json_item(output, encode, i, counts, error))
            return false;
    }
    return true;
}
