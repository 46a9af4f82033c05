/* SPDX-License-Identifier: Apache-2.0 */
/* The maker of pages: writes the typed item and what it means side by side, so that nothing needs to be parsed. */
#include "pages.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

uint64_t roll(struct dice *dice) {
    uint64_t z = dice->state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

unsigned roll_below(struct dice *dice, unsigned below) {
    return (unsigned)(roll(dice) % below);
}

struct maker {
    struct made_page *made;
    struct dice *dice;
    struct recipe recipe;
};

static void both(struct maker *maker, const char *text) {
    buffer_add(&maker->made->page, text);
    buffer_add(&maker->made->plain, text);
}

/* A structural byte, with white space around it where the recipe wants that. */
static void space(struct maker *maker) {
    for (unsigned n = maker->recipe.spaced ? roll_below(maker->dice, 3) : 0; n; n--)
        buffer_add_char(&maker->made->page, " \n\t\r"[roll_below(maker->dice, 4)]);
}

static void typed(struct maker *maker, const char *tokens) {
    for (const char *token = tokens; *token; token++) {
        if (strchr("{}[],:", *token)) {
            space(maker);
            buffer_add_char(&maker->made->page, *token);
            space(maker);
        } else {
            buffer_add_char(&maker->made->page, *token);
        }
    }
}

static void type(struct maker *maker, const char *name) {
    typed(maker, "{\"");
    buffer_add(&maker->made->page, name);
    typed(maker, "\":");
}

static void structure(struct maker *maker, const char *token) {
    typed(maker, token);
    buffer_add(&maker->made->plain, token);
}

static const char *const pieces[] = {
    "a",
    "name",
    "{",
    "}",
    "[",
    "]",
    "},{",
    ",",
    ":",
    "\\\"",
    "\\\\",
    "\\\\\\\"",
    "\\n",
    "\\u00e9",
    "\\/",
    "\\ud83d\\ude00",
    "Nguy\xe1\xbb\x85n",
    "\xf0\x9f\x98\x80",
    " ",
    "{\\\"B\\\":\\\"",
    "0123456789abcdef",
    "the quick brown fox jumps over the lazy dog",
};

static void string(struct maker *maker, unsigned most) {
    both(maker, "\"");
    for (unsigned n = roll_below(maker->dice, most + 1); n; n--)
        both(maker, pieces[roll_below(maker->dice, array_length(pieces))]);
    both(maker, "\"");
}

static void number(struct maker *maker) {
    static const char *const numbers[] = {"0",    "-1",       "3.14159", "12345678901234567890123456789012345678",
                                          "1E-7", "9.9e+125", "-0.5",    "42"};
    const char *chosen = numbers[roll_below(maker->dice, array_length(numbers))];
    buffer_printf(&maker->made->page, "\"%s\"", chosen);
    buffer_add(&maker->made->plain, chosen);
}

static void binary(struct maker *maker) {
    static const char *const values[] = {"\"\"", "\"AAEC\"", "\"/+8=\"", "\"VGhlIHF1aWNrIGJyb3duIGZveA==\""};
    both(maker, values[roll_below(maker->dice, array_length(values))]);
}

static void text_element(struct maker *maker) {
    string(maker, 2);
}

static void set(struct maker *maker, void (*element)(struct maker *maker)) {
    structure(maker, "[");
    for (unsigned i = 0, n = 1 + roll_below(maker->dice, 4); i < n; i++) {
        if (i)
            structure(maker, ",");
        element(maker);
    }
    structure(maker, "]");
}

static void value(struct maker *maker, unsigned depth);

static void members(struct maker *maker, unsigned count, unsigned depth) {
    static const char *const names[] = {"B", "S", "SS", "BS", "L", "M", "NULL"};
    for (unsigned i = 0; i < count; i++) {
        if (i)
            structure(maker, ",");
        if (roll_below(maker->dice, 4)) {
            string(maker, 2);
        } else {
            both(maker, "\"");
            both(maker, names[roll_below(maker->dice, array_length(names))]);
            both(maker, "\"");
        }
        structure(maker, ":");
        value(maker, depth);
    }
}

static void container(struct maker *maker, bool map, unsigned depth) {
    unsigned count = depth ? roll_below(maker->dice, 4) : 0;
    type(maker, map ? "M" : "L");
    structure(maker, map ? "{" : "[");
    if (map)
        members(maker, count, depth - 1);
    for (unsigned i = 0; !map && i < count; i++) {
        if (i)
            structure(maker, ",");
        value(maker, depth - 1);
    }
    structure(maker, map ? "}" : "]");
}

static void constant(struct maker *maker, const char *name, const char *word, const char *plain) {
    type(maker, name);
    buffer_add(&maker->made->page, word);
    buffer_add(&maker->made->plain, plain);
}

static void value(struct maker *maker, unsigned depth) {
    struct type_counts *counts = &maker->made->counts;
    switch (roll_below(maker->dice, 12)) {
    case 0:
        counts->b++;
        type(maker, "B");
        binary(maker);
        break;
    case 1:
        counts->ss++;
        type(maker, "SS");
        set(maker, text_element);
        break;
    case 2:
        counts->ns++;
        type(maker, "NS");
        set(maker, number);
        break;
    case 3:
        counts->bs++;
        type(maker, "BS");
        set(maker, binary);
        break;
    case 4:
        constant(maker, "NULL", "true", "null");
        break;
    case 5:
        constant(maker, "BOOL", "true", "true");
        break;
    case 6:
        constant(maker, "BOOL", "false", "false");
        break;
    case 7:
        container(maker, true, depth);
        break;
    case 8:
        container(maker, false, depth);
        break;
    case 9:
        type(maker, "N");
        number(maker);
        break;
    default:
        type(maker, "S");
        string(maker, 4);
        break;
    }
    typed(maker, "}");
}

static void named(struct maker *maker, const char *name, const char *kind) {
    buffer_printf(&maker->made->plain, "\"%s\":", name);
    buffer_printf(&maker->made->page, "\"%s\":{\"%s\":", name, kind);
}

/* About 200 bytes: a student, as the small items of the measurements. */
static void small_item(struct maker *maker) {
    struct buffer *page = &maker->made->page, *plain = &maker->made->plain;
    static const char *const names[] = {"Nguy\xe1\xbb\x85n V\xc4\x83n An", "Tr\xe1\xba\xa7n Th\xe1\xbb\x8b B\xc3\xacnh",
                                        "L\xc3\xaa Minh", "Ph\xe1\xba\xa1m \\\"Quang\\\" Huy"};
    const char *name = names[roll_below(maker->dice, array_length(names))];
    unsigned id = roll_below(maker->dice, 1000000), year = 2018 + roll_below(maker->dice, 7);
    const char *grade = (const char *[]){"2.5", "3.25", "3.9", "1.75"}[roll_below(maker->dice, 4)];
    named(maker, "studentid", "S");
    buffer_printf(page, "\"SV%06u\"},", id);
    buffer_printf(plain, "\"SV%06u\",", id);
    named(maker, "name", "S");
    buffer_printf(page, "\"%s\"},", name);
    buffer_printf(plain, "\"%s\",", name);
    named(maker, "email", "S");
    buffer_printf(page, "\"sv%06u@student.example.edu.vn\"},", id);
    buffer_printf(plain, "\"sv%06u@student.example.edu.vn\",", id);
    named(maker, "gpa", "N");
    buffer_printf(page, "\"%s\"},", grade);
    buffer_printf(plain, "%s,", grade);
    named(maker, "year", "N");
    buffer_printf(page, "\"%u\"},", year);
    buffer_printf(plain, "%u,", year);
    named(maker, "active", "BOOL");
    both(maker, id & 1 ? "true" : "false");
    typed(maker, "}");
}

static void random_text(struct maker *maker, const char *alphabet, unsigned length) {
    size_t letters = strlen(alphabet);
    for (; length; length--) {
        char letter[2] = {alphabet[roll_below(maker->dice, (unsigned)letters)], '\0'};
        both(maker, letter);
    }
}

/* About 2 KB of all types: random letters and binary, as the mixed items of the measurements. */
static void mixed_item(struct maker *maker) {
    static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    small_item(maker);
    both(maker, ",");
    named(maker, "photo", "B");
    both(maker, "\"");
    random_text(maker, base64, 600);
    both(maker, "\"");
    typed(maker, "}");
    both(maker, ",");
    maker->made->counts.b++;
    named(maker, "notes", "S");
    both(maker, "\"");
    for (unsigned i = 0; i < 60; i++) {
        random_text(maker, "aeiounhtrs", 3 + roll_below(maker->dice, 7));
        both(maker, i % 16 == 15 ? "\\n" : " ");
    }
    both(maker, "\"");
    typed(maker, "}");
    both(maker, ",");
    members(maker, 8, 3);
}

/* About 350 KB, near the most that DynamoDB takes. */
static void huge_item(struct maker *maker) {
    small_item(maker);
    both(maker, ",");
    named(maker, "essay", "S");
    both(maker, "\"");
    for (unsigned i = 0; i < 58000; i++) {
        random_text(maker, "aeiounhtrs", 3 + roll_below(maker->dice, 5));
        both(maker, i % 16 == 15 ? "\\n" : " ");
    }
    both(maker, "\"");
    typed(maker, "}");
}

/* The typed item as a line: white space outside of strings becomes blanks. */
static void add_line(struct made_page *made, size_t start) {
    bool in_string = false;
    buffer_add(&made->lines, "{\"Item\":");
    for (size_t i = start; i < made->page.length; i++) {
        char c = made->page.data[i];
        if (in_string && c == '\\') {
            buffer_add_char(&made->lines, c);
            c = made->page.data[++i];
        } else if (c == '"') {
            in_string = !in_string;
        } else if (c < ' ' && c > 0) {
            c = ' ';
        }
        buffer_add_char(&made->lines, c);
    }
    buffer_add(&made->lines, "}\n");
}

static void add_span(struct made_page *made, size_t start) {
    if (made->count == made->capacity) {
        made->capacity = made->capacity * 2 + 16;
        made->items = x_realloc(made->items, made->capacity * sizeof *made->items);
    }
    made->items[made->count++] = (struct span){(uint32_t)start, (uint32_t)(made->page.length - start)};
}

static void item(struct maker *maker) {
    struct made_page *made = maker->made;
    size_t start = made->page.length;
    buffer_add_char(&made->page, '{');
    buffer_add_char(&made->plain, '{');
    space(maker);
    if (maker->recipe.kind == ITEMS_SMALL)
        small_item(maker);
    else if (maker->recipe.kind == ITEMS_MIXED)
        mixed_item(maker);
    else if (maker->recipe.kind == ITEMS_HUGE)
        huge_item(maker);
    else
        members(maker, 1 + roll_below(maker->dice, 6), 4);
    space(maker);
    buffer_add_char(&made->page, '}');
    buffer_add_char(&made->plain, '}');
    add_span(made, start);
    add_line(made, start);
}

static void items(struct maker *maker) {
    buffer_add(&maker->made->page, "\"Items\":");
    typed(maker, "[");
    for (unsigned i = 0; i < maker->recipe.items; i++) {
        if (i) {
            typed(maker, ",");
            buffer_add(&maker->made->plain, ",\n");
        }
        item(maker);
    }
    typed(maker, "]");
}

static void last_key(struct maker *maker) {
    buffer_printf(&maker->made->key, "{\"studentid\":{\"S\":\"SV\\\"}%u\"}}", roll_below(maker->dice, 1000));
    buffer_add(&maker->made->page, ",\"LastEvaluatedKey\":");
    buffer_add(&maker->made->page, maker->made->key.data);
}

static void counts(struct maker *maker) {
    buffer_printf(&maker->made->page, "\"Count\":%u", maker->recipe.items);
    typed(maker, ",");
    buffer_printf(&maker->made->page, "\"ScannedCount\":%u", maker->recipe.items);
}

void page_make(struct made_page *made, struct dice *dice, const struct recipe *recipe) {
    *made = (struct made_page){.page = BUFFER_INIT(BUFFER_OURS),
                               .lines = BUFFER_INIT(BUFFER_OURS),
                               .plain = BUFFER_INIT(BUFFER_OURS),
                               .key = BUFFER_INIT(BUFFER_OURS)};
    struct maker maker = {.made = made, .dice = dice, .recipe = *recipe};
    space(&maker);
    buffer_add_char(&made->page, '{');
    if (recipe->shuffled) {
        items(&maker);
        buffer_add(&made->page, ",\"Odd\":[1,{\"Items\":\"x]}\"},null,-2.5e3],");
        counts(&maker);
    } else {
        buffer_add(&made->page, "\"ConsumedCapacity\":{\"CapacityUnits\":128.5,\"TableName\":\"t\"},");
        counts(&maker);
        buffer_add(&made->page, ",");
        items(&maker);
    }
    if (recipe->key)
        last_key(&maker);
    buffer_add_char(&made->page, '}');
    space(&maker);
}

void made_page_fini(struct made_page *made) {
    buffer_fini(&made->page);
    buffer_fini(&made->lines);
    buffer_fini(&made->plain);
    buffer_fini(&made->key);
    free(made->items);
}
