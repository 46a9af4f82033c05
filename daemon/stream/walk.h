/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk over DynamoDB's typed JSON that the encoders of json and csv share: it checks, and writes plain JSON. No tree and no
 * recursion: what is open stands in one bit a level. Numbers go verbatim, to all their digits; strings with the escapes they
 * came with; sets become arrays. Whatever the types' grammar does not allow is corrupt.
 *
 * The slicer has seen every string end and every bracket close, and this reads on only behind a byte that it knows: so it
 * never passes the item's last '}', and needs no check of a length. Behind any value at least four brackets close.
 *
 * All is inlined into one function and what it works on stays in registers: hence slow paths take the walk by value and give
 * it back, for a pointer to it would force it into memory.
 */
#ifndef STREAM_WALK_H
#define STREAM_WALK_H

#include "encode.h"
#include "items.h"
#include "scan16.h"

_Static_assert(ITEM_DEPTH / 2 + 1 <= 64, "a bit a container: each takes two brackets, and the slicer has counted them");

#define INLINE    static inline __attribute__((always_inline))
#define SLOW      static __attribute__((noinline, unused))
#define LIKELY(x) __builtin_expect(!!(x), 1)

struct walk {
    const char *at;  /* the next byte of the item */
    char *out, *end; /* the output's free part: given back to it when it is full, and at the end */
    struct output *output;
    struct type_counts *counts;
    const char *safe;     /* up to here 16 bytes may be read */
    const char *expected; /* what was not found, at `at`; NULL: no error */
    uint64_t maps;        /* one bit an open container, innermost lowest: is it a map? */
    unsigned depth;
};

INLINE struct walk walk_from(struct output *output, const struct chunk_encode *encode, const char *at,
                             struct type_counts *counts) {
    size_t length = encode->index->length;
    return (struct walk){.at = at,
                         .out = output->at,
                         .end = output->end,
                         .output = output,
                         .counts = counts,
                         .safe = length < 16 ? encode->page - 1 : encode->page + length - 16};
}

INLINE bool fail(struct walk *walk, const char *expected) {
    walk->expected = expected;
    return false;
}

SLOW struct walk flushed(struct walk walk) {
    walk.output->at = walk.out;
    output_flush(walk.output);
    walk.out = walk.output->at;
    walk.end = walk.output->end;
    return walk;
}

/* OUTPUT_ROOM bytes behind `out`. */
INLINE void room(struct walk *walk) {
    if (!LIKELY(walk->end - walk->out >= OUTPUT_ROOM))
        *walk = flushed(*walk);
}

INLINE void emit(struct walk *walk, char c) {
    *walk->out++ = c;
}

INLINE char next(struct walk *walk) {
    while (!LIKELY(!is_space(*walk->at)))
        walk->at++;
    return *walk->at;
}

INLINE bool take(struct walk *walk, char c, const char *expected) {
    if (!LIKELY(next(walk) == c))
        return fail(walk, expected);
    walk->at++;
    return true;
}

/* Where seven bytes stand as they do in compact JSON. */
INLINE bool take_compact(struct walk *walk, const char wanted[8]) {
    static const char seven[8] = {-1, -1, -1, -1, -1, -1, -1, 0};
    uint64_t found, expected, mask;
    if (!LIKELY(walk->at <= walk->safe))
        return false;
    memcpy(&found, walk->at, 8);
    memcpy(&expected, wanted, 8);
    memcpy(&mask, seven, 8);
    if ((found & mask) != expected)
        return false;
    walk->at += 7;
    return true;
}

/* What is wrong with an escape that is not of two bytes; NULL: it is \u and four digits. */
SLOW const char *unicode_fault(const char *at) {
    if (at[1] != 'u')
        return "an escape that JSON knows";
    for (size_t i = 2; i < 6; i++)
        if (!at[i] || !strchr("0123456789abcdefABCDEF", at[i]))
            return "four hex digits";
    return NULL;
}

/* \u and its digits, copied as they are; or what is no escape. */
SLOW struct walk unicode_copied(struct walk walk) {
    walk.expected = unicode_fault(walk.at);
    for (size_t i = 0; i < 6 && !walk.expected; i++)
        *walk.out++ = *walk.at++;
    return walk;
}

INLINE bool is_short_escape(char letter) {
    static const bool escaped[256] = {['"'] = true, ['\\'] = true, ['/'] = true, ['b'] = true,
                                      ['f'] = true, ['n'] = true,  ['r'] = true, ['t'] = true};
    return escaped[(unsigned char)letter];
}

/* A backslash and what it escapes. */
INLINE bool copy_escape(struct walk *walk) {
    if (LIKELY(is_short_escape(walk->at[1]))) {
        memcpy(walk->out, walk->at, 2);
        walk->out += 2;
        walk->at += 2;
        return true;
    }
    *walk = unicode_copied(*walk);
    return !walk->expected;
}

/* Plain bytes of a string as long as there are many, then up to the first that is not. */
INLINE void copy_plain(struct walk *walk) {
    unsigned plain = 16;
    while (walk->at <= walk->safe && plain == 16) {
        room(walk);
        plain = copy_plain16(walk->out, walk->at);
        walk->out += plain;
        walk->at += plain;
        while (plain == 16 && walk->safe - walk->at >= 48 && walk->end - walk->out >= 64 &&
               copy_plain64(walk->out, walk->at)) {
            walk->out += 64;
            walk->at += 64;
        }
    }
}

/* From behind the opening quote to behind the closing one, which is copied too. */
INLINE bool copy_string(struct walk *walk) {
    for (;;) {
        copy_plain(walk);
        room(walk);
        unsigned char c = (unsigned char)*walk->at;
        if (LIKELY(c == '"')) {
            emit(walk, '"');
            walk->at++;
            return true;
        }
        if (c < ' ')
            return fail(walk, "no control character in a string");
        if (c == '\\') {
            if (!copy_escape(walk))
                return false;
        } else {
            emit(walk, (char)c);
            walk->at++;
        }
    }
}

INLINE bool string(struct walk *walk, const char *expected) {
    if (!take(walk, '"', expected))
        return false;
    room(walk);
    emit(walk, '"');
    return copy_string(walk);
}

INLINE bool digits(struct walk *walk) {
    const char *start = walk->at;
    while ((unsigned char)(*walk->at - '0') < 10)
        walk->at++;
    return LIKELY(walk->at > start) || fail(walk, "a digit");
}

SLOW struct walk bytes_copied(struct walk walk, const char *from) {
    walk.output->at = walk.out;
    output_put(walk.output, from, (size_t)(walk.at - from));
    walk.out = walk.output->at;
    walk.end = walk.output->end;
    return walk;
}

/* Behind the opening quote: a number as JSON would write it without quotes, verbatim, to behind the closing one. */
INLINE bool copy_number(struct walk *walk) {
    const char *start = walk->at;
    walk->at += *walk->at == '-';
    if (*walk->at == '0')
        walk->at++;
    else if (!digits(walk))
        return false;
    if (*walk->at == '.' && (walk->at++, !digits(walk)))
        return false;
    if ((*walk->at | 0x20) == 'e') {
        walk->at++;
        walk->at += *walk->at == '+' || *walk->at == '-';
        if (!digits(walk))
            return false;
    }
    if (*walk->at != '"')
        return fail(walk, "the end of a number");
    room(walk);
    if (LIKELY(walk->at - start <= 16 && start <= walk->safe)) {
        memcpy(walk->out, start, 16);
        walk->out += walk->at - start;
    } else {
        *walk = bytes_copied(*walk, start);
        room(walk);
    }
    walk->at++;
    return true;
}

INLINE bool number(struct walk *walk) {
    return take(walk, '"', "a number in quotes") && copy_number(walk);
}

INLINE bool set(struct walk *walk, bool numbers) {
    if (!take(walk, '[', "a set's '['"))
        return false;
    emit(walk, '[');
    if (next(walk) == ']')
        return fail(walk, "a set that is not empty");
    while (numbers ? number(walk) : string(walk, "a string")) {
        room(walk);
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

/* true or false; four bytes may be read. */
INLINE bool boolean(struct walk *walk, const char *expected) {
    next(walk);
    bool yes = !memcmp(walk->at, "true", 4);
    if (!yes && (memcmp(walk->at, "fals", 4) != 0 || walk->at[4] != 'e'))
        return fail(walk, expected);
    memcpy(walk->out, yes ? "true" : "fals", 4);
    memcpy(walk->out + 4, "e", 1);
    walk->out += yes ? 4 : 5;
    walk->at += yes ? 4 : 5;
    return true;
}

INLINE bool null(struct walk *walk) {
    next(walk);
    if (memcmp(walk->at, "true", 4) != 0)
        return fail(walk, "true");
    memcpy(walk->out, "null", 4);
    walk->out += 4;
    walk->at += 4;
    return true;
}

INLINE bool open_container(struct walk *walk, bool map) {
    if (!take(walk, map ? '{' : '[', map ? "a map's '{'" : "a list's '['"))
        return false;
    walk->maps = walk->maps << 1 | map;
    walk->depth++;
    emit(walk, map ? '{' : '[');
    return true;
}

INLINE void close_container(struct walk *walk) {
    emit(walk, *walk->at++);
    walk->maps >>= 1;
    walk->depth--;
}

enum value_kind { VALUE_WRONG, VALUE_WHOLE, VALUE_OPENED };

INLINE enum value_kind whole(bool read) {
    return read ? VALUE_WHOLE : VALUE_WRONG;
}

INLINE enum value_kind opened(bool read) {
    return read ? VALUE_OPENED : VALUE_WRONG;
}

INLINE enum value_kind one_letter(struct walk *walk, const char *type) {
    switch (*type) {
    case 'S':
        return whole(string(walk, "a string"));
    case 'N':
        return whole(number(walk));
    case 'B':
        walk->counts->b++;
        return whole(string(walk, "a base64 string"));
    case 'M':
    case 'L':
        return opened(open_container(walk, *type == 'M'));
    default:
        walk->at = type;
        return whole(fail(walk, "a type of DynamoDB's"));
    }
}

INLINE enum value_kind long_type(struct walk *walk, const char *type, size_t length) {
    if (length == 2 && type[1] == 'S' && (*type == 'S' || *type == 'N' || *type == 'B')) {
        walk->counts->ss += *type == 'S';
        walk->counts->ns += *type == 'N';
        walk->counts->bs += *type == 'B';
        return whole(set(walk, *type == 'N'));
    }
    if (length == 4 && !memcmp(type, "BOOL", 4))
        return whole(boolean(walk, "true or false"));
    if (length == 4 && !memcmp(type, "NULL", 4))
        return whole(null(walk));
    walk->at = type;
    return whole(fail(walk, "a type of DynamoDB's"));
}

/* {"TYPE": and the value, or the opening of a map or list. */
INLINE enum value_kind value(struct walk *walk) {
    if (!take(walk, '{', "a typed value's '{'") || !take(walk, '"', "a type's name"))
        return VALUE_WRONG;
    const char *type = walk->at;
    while (*walk->at >= 'A' && *walk->at <= 'Z')
        walk->at++;
    size_t length = (size_t)(walk->at - type);
    if (*walk->at != '"') /* no white space here: this is inside a string */
        return whole(fail(walk, "the end of a type's name"));
    walk->at++;
    if (!take(walk, ':', "':'"))
        return VALUE_WRONG;
    room(walk);
    return length == 1 ? one_letter(walk, type) : long_type(walk, type, length);
}

/* Behind an attribute's name: the value. Texts and numbers are most of all items. */
INLINE enum value_kind named_value(struct walk *walk) {
    room(walk);
    emit(walk, ':');
    if (take_compact(walk, ":{\"S\":\"")) {
        emit(walk, '"');
        return whole(copy_string(walk));
    }
    if (take_compact(walk, ":{\"N\":\""))
        return whole(copy_number(walk));
    return take(walk, ':', "':'") ? value(walk) : VALUE_WRONG;
}

/* The next value of the innermost container, with its name in a map. */
INLINE enum value_kind next_value(struct walk *walk) {
    if (!(walk->maps & 1))
        return value(walk);
    return string(walk, "an attribute's name") ? named_value(walk) : VALUE_WRONG;
}

/* Behind a value's own bytes: its wrapper ends, and with it what else ends here, until a ',' or nothing is open. */
INLINE bool after_value(struct walk *walk) {
    while (walk->depth) {
        if (!take(walk, '}', "the '}' of a typed value"))
            return false;
        bool map = walk->maps & 1;
        char c = next(walk);
        room(walk);
        if (c == ',') {
            walk->at++;
            emit(walk, ',');
            return true;
        }
        if (c != (map ? '}' : ']'))
            return fail(walk, map ? "',' or '}'" : "',' or ']'");
        close_container(walk);
    }
    return true;
}

/* Behind '{' or '[': an empty one ends at once. */
INLINE bool after_open(struct walk *walk) {
    room(walk);
    if (next(walk) != (walk->maps & 1 ? '}' : ']'))
        return true;
    close_container(walk);
    return after_value(walk);
}

/* Value after value, until nothing is open any more. */
INLINE bool read_on(struct walk *walk) {
    while (walk->depth) {
        enum value_kind kind = next_value(walk);
        if (kind == VALUE_WRONG || !(kind == VALUE_OPENED ? after_open(walk) : after_value(walk)))
            return false;
    }
    return true;
}

/* Behind a value that is no other's: to the end of what it opened. */
INLINE bool whole_value(struct walk *walk, enum value_kind kind) {
    return kind == VALUE_WHOLE || (kind == VALUE_OPENED && after_open(walk) && read_on(walk));
}

#endif
