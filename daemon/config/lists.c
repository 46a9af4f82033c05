/* SPDX-License-Identifier: Apache-2.0 */
/* Lists: cut at commas, each part checked, added to what earlier lines gave. */
#include "config/lists.h"

#include <string.h>
#include <strings.h>

#include "base/encoding.h"
#include "base/memory.h"
#include "config/names.h"

config_list config_list_new(void) {
    return x_calloc(1, sizeof(char *));
}

size_t config_list_length(config_list list) {
    size_t length = 0;
    while (list[length])
        length++;
    return length;
}

void config_list_free(config_list list) {
    for (size_t i = 0; list && list[i]; i++)
        free(list[i]);
    free(list);
}

static void add(config_list *list, char *text_take) {
    size_t length = config_list_length(*list);
    *list = x_realloc(*list, (length + 2) * sizeof(char *));
    (*list)[length] = text_take;
    (*list)[length + 1] = NULL;
}

/* The next part of a text cut at commas, without blanks at its ends; NULL behind the last. The caller frees. */
static char *next_part(const char **at) {
    if (!*at)
        return NULL;
    const char *part = *at + strspn(*at, " \t");
    size_t length = strcspn(part, ",");
    *at = part[length] ? part + length + 1 : NULL;
    while (length && strchr(" \t", part[length - 1]))
        length--;
    return x_strndup(part, length);
}

bool config_list_add_addresses(config_list *list, const char *text, struct error *error) {
    for (char *part; (part = next_part(&text));) {
        if (!name_is_mail_address(part)) {
            error_set(error, ERROR_INVALID,
                      "\"%.80s\" is no mail address; accepted: name@example.org, or Name <name@example.org>, several "
                      "separated by commas or on lines of their own",
                      part);
            free(part);
            return false;
        }
        add(list, part);
    }
    return true;
}

/* ------------------------------------------------------------ columns */

/* A name in double quotes, from the first of them on; *at moves behind the last. NULL: there is no last. */
static char *quoted_name(const char **at) {
    struct buffer name = BUFFER_INIT(BUFFER_OURS);
    const char *text = *at + 1;
    while (*text && (*text != '"' || text[1] == '"')) {
        buffer_add_char(&name, *text);
        text += *text == '"' ? 2 : 1;
    }
    *at = *text ? text + 1 : text;
    if (*text)
        return buffer_take(&name);
    buffer_fini(&name);
    return NULL;
}

/* What ends at a comma, a blank, or a quote, which does not belong there. */
static char *bare_name(const char **at) {
    size_t length = strcspn(*at, ", \t\"");
    char *name = x_strndup(*at, length);
    *at += length;
    return name;
}

static bool is_in(config_list list, const char *name) {
    for (size_t i = 0; list[i]; i++)
        if (strcmp(list[i], name) == 0)
            return true;
    return false;
}

/* What is wrong with a name; NULL where nothing is. */
static const char *column_fault(config_list list, const char *name, const char *behind) {
    if (!name)
        return "a name that begins with a quote ends with one";
    if (*behind && !strchr(", \t", *behind))
        return "a name that holds a blank, a comma or a quote stands in double quotes, a quote inside twice";
    if (!*name)
        return "a name is empty";
    if (strcmp(name, "_more") == 0)
        return "_more is the last column already: it holds what has no column of its own";
    if (is_in(list, name))
        return "it is there twice";
    return config_list_length(list) == CONFIG_COLUMNS_MOST ? "there are more than 1024" : NULL;
}

static bool add_column(config_list *list, const char **at, struct error *error) {
    const char *from = *at += strspn(*at, " \t");
    char *name = **at == '"' ? quoted_name(at) : bare_name(at);
    const char *fault = column_fault(*list, name, *at);
    if (!fault) {
        add(list, name);
        return true;
    }
    error_set(error, ERROR_INVALID, "\"%.80s\": %s", name && *name ? name : from, fault);
    free(name);
    return false;
}

bool config_columns_add(config_list *list, const char *text, struct error *error) {
    for (bool more = true; more; text += *text == ',') {
        if (!add_column(list, &text, error))
            return false;
        text += strspn(text, " \t");
        more = *text;
    }
    return true;
}

void config_columns_format(config_list list, struct buffer *out) {
    for (size_t i = 0; list[i]; i++) {
        bool bare = !strpbrk(list[i], ", \t\"");
        buffer_add(out, i ? "," : "");
        buffer_add(out, bare ? "" : "\"");
        for (const char *at = list[i]; *at; at++) {
            buffer_add(out, *at == '"' ? "\"" : "");
            buffer_add_char(out, *at);
        }
        buffer_add(out, bare ? "" : "\"");
    }
}

/* ------------------------------------------------------------ tags */

#define TAGS_MOST      10
#define TAG_KEY_MOST   128
#define TAG_VALUE_MOST 256

/* Characters, not bytes, of valid UTF-8. */
static size_t count_characters(const char *text, size_t length) {
    size_t count = 0;
    for (size_t i = 0; i < length; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

/* What is wrong with a tag; NULL where nothing is. */
static const char *tag_fault(const char *tag, const char *equals) {
    if (!equals || equals == tag)
        return "is no KEY=VALUE";
    if (strncasecmp(tag, "aws:", 4) == 0)
        return "begins with aws:, which is AWS's own";
    if (count_characters(tag, (size_t)(equals - tag)) > TAG_KEY_MOST)
        return "has a key of more than 128 characters";
    if (count_characters(equals + 1, strlen(equals + 1)) > TAG_VALUE_MOST)
        return "has a value of more than 256 characters";
    const char *second = strchr(equals + 1, '=');
    if (second && strcspn(equals + 1, " ") < (size_t)(second - equals - 1))
        return "looks like several tags: separate them with commas, or give each a line of its own";
    return NULL;
}

/* How many tags there are, and whether one has the (encoded) key. */
static size_t count_tags(const char *tags, const char *key, bool *twice) {
    size_t count = 0, length = strlen(key);
    for (const char *at = tags; at; at = strchr(at, '&'), at = at ? at + 1 : NULL, count++)
        *twice = *twice || (strncmp(at, key, length) == 0 && at[length] == '=');
    return count;
}

static bool add_tag(char **tags, const char *tag, struct error *error) {
    const char *equals = strchr(tag, '='), *fault = tag_fault(tag, equals);
    if (fault) {
        error_set(error, ERROR_INVALID, "\"%.80s\" %s", tag, fault);
        return false;
    }
    _cleanup_buffer_ struct buffer key = BUFFER_INIT(BUFFER_OURS), value = BUFFER_INIT(BUFFER_OURS);
    percent_encode(&key, tag, (size_t)(equals - tag), "");
    percent_encode(&value, equals + 1, strlen(equals + 1), "");
    bool twice = false;
    if (count_tags(*tags, key.data, &twice) >= TAGS_MOST || twice) {
        error_set(error, ERROR_INVALID,
                  twice ? "\"%.80s\": there is a tag of that key already"
                        : "\"%.80s\" is one too many: S3 takes ten tags",
                  tag);
        return false;
    }
    char *all = x_printf("%s%s%s=%s", *tags ? *tags : "", *tags ? "&" : "", key.data, value.data ? value.data : "");
    free(*tags);
    *tags = all;
    return true;
}

bool config_tags_add(char **tags, const char *text, struct error *error) {
    for (char *part; (part = next_part(&text));) {
        bool good = add_tag(tags, part, error);
        free(part);
        if (!good)
            return false;
    }
    return true;
}
