/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes to logical lines. The one place that knows what a comment and a continued line are; it never sees a section or a
 * key. As systemd's config_parse() does it, but a line that is too long or no text is told apart, never cut.
 */
#include "config/lines.h"

#include <stdbool.h>
#include <string.h>

#include "base/encoding.h"

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

void config_lines_init(struct config_lines *lines, const char *bytes, size_t length) {
    *lines = (struct config_lines){.at = bytes, .end = bytes + length, .next = 1};
    lines->text = BUFFER_INIT(CONFIG_LINE_LIMIT);
    if (length >= 3 && memcmp(bytes, BYTE_ORDER_MARK, 3) == 0)
        lines->at += 3;
}

void config_lines_fini(struct config_lines *lines) {
    buffer_fini(&lines->text);
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

struct piece {
    const char *at;
    size_t length;
};

static struct piece trim(struct piece piece) {
    while (piece.length && is_blank(piece.at[0])) {
        piece.at++;
        piece.length--;
    }
    while (piece.length && is_blank(piece.at[piece.length - 1]))
        piece.length--;
    return piece;
}

static struct piece take_physical(struct config_lines *lines) {
    size_t left = (size_t)(lines->end - lines->at);
    const char *newline = memchr(lines->at, '\n', left);
    struct piece piece = {lines->at, newline ? (size_t)(newline - lines->at) : left};
    lines->at = newline ? newline + 1 : lines->end;
    lines->next++;
    return trim(piece);
}

static bool is_comment(struct piece piece) {
    return piece.length && (piece.at[0] == '#' || piece.at[0] == ';');
}

/* An odd number of backslashes at the end: the last one continues the line. */
static bool is_continued(struct piece piece) {
    size_t count = 0;
    while (count < piece.length && piece.at[piece.length - 1 - count] == '\\')
        count++;
    return count % 2;
}

static bool is_text(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (((unsigned char)text[i] < 0x20 && text[i] != '\t') || text[i] == 0x7f)
            return false;
    return utf8_valid(text, length);
}

/* The whole logical line that begins with `piece`. */
static enum config_line join(struct config_lines *lines, struct piece piece) {
    bool fits = true;
    for (;;) {
        bool more = is_continued(piece);
        fits = fits && buffer_append(&lines->text, piece.at, piece.length - more) &&
               (!more || buffer_append(&lines->text, " ", 1));
        if (!more)
            break;
        do {
            if (lines->at == lines->end)
                goto whole;
            piece = take_physical(lines);
        } while (is_comment(piece));
    }
whole:
    if (!fits)
        return CONFIG_LINE_TOO_LONG;
    while (lines->text.length && is_blank(lines->text.data[lines->text.length - 1]))
        lines->text.data[--lines->text.length] = '\0';
    return is_text(lines->text.data, lines->text.length) ? CONFIG_LINE_TEXT : CONFIG_LINE_NOT_TEXT;
}

enum config_line config_lines_next(struct config_lines *lines) {
    buffer_clear(&lines->text);
    while (lines->at < lines->end) {
        lines->line = lines->next;
        struct piece piece = take_physical(lines);
        if (piece.length && !is_comment(piece))
            return join(lines, piece);
    }
    return CONFIG_LINE_NONE;
}
