/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of the shared files, line by line, by the rules of Python's configparser, which every AWS tool on a host is
 * measured by: a line indented deeper than its option goes on with the option's value, comments stand on lines of their
 * own, nothing may come twice, and [DEFAULT] (in capitals) speaks for all sections. What botocore refuses is refused here,
 * with the line.
 */
#include <string.h>

#include "aws/profile.h"
#include "base/buffer.h"
#include "base/encoding.h"
#include "base/memory.h"

#define SPACE        " \t\n\r\f\v\x1c\x1d\x1e\x1f" /* what Python strips, of ASCII */
#define ENTRIES_MOST ((size_t)10000)               /* in a file: more is no file of profiles */

struct entry {
    struct entry *next;
    char *key; /* in lower case */
    struct buffer value;
    bool nested; /* an indented block below "key =" */
};

struct section {
    struct section *next;
    char *header;
    char *profile; /* NULL where it is none */
    struct entry *first, **last;
};

struct sections {
    struct section *first, **last;
};

struct profiles {
    struct sections files[PROFILE_FILES];
};

/* A part of the text, not NUL-terminated. */
struct text {
    const char *bytes;
    size_t length;
};

struct parser {
    const char *name;
    enum profile_file file;
    struct text rest;
    unsigned line;
    struct sections *sections;
    struct section *section; /* NULL before the first */
    struct entry *entry;     /* NULL right behind a section's header */
    size_t indent, entries;
    struct error *error;
};

static bool is_space(char c) {
    return c && strchr(SPACE, c);
}

static struct text strip(struct text text) {
    while (text.length && is_space(text.bytes[text.length - 1]))
        text.length--;
    while (text.length && is_space(*text.bytes)) {
        text.bytes++;
        text.length--;
    }
    return text;
}

/* Lines end in \n, \r\n or \r. */
static bool next_line(struct parser *parser, struct text *line) {
    if (!parser->rest.length)
        return false;
    const char *bytes = parser->rest.bytes;
    size_t length = 0, taken;
    while (length < parser->rest.length && bytes[length] != '\n' && bytes[length] != '\r')
        length++;
    taken = length;
    if (taken < parser->rest.length)
        taken += bytes[taken] == '\r' && taken + 1 < parser->rest.length && bytes[taken + 1] == '\n' ? 2 : 1;
    *line = (struct text){bytes, length};
    parser->rest = (struct text){bytes + taken, parser->rest.length - taken};
    parser->line++;
    return true;
}

static bool refuse(struct parser *parser, const char *why) {
    error_set(parser->error, ERROR_INVALID, "%s:%u: %s", parser->name, parser->line, why);
    return false;
}

static struct entry *find_entry(const struct section *section, const char *key) {
    struct entry *entry = section ? section->first : NULL;
    while (entry && strcmp(entry->key, key) != 0)
        entry = entry->next;
    return entry;
}

static struct section *find_section(const struct sections *sections, const char *header) {
    struct section *section = sections->first;
    while (section && strcmp(section->header, header) != 0)
        section = section->next;
    return section;
}

/* One word of a POSIX shell at *at, as Python's shlex.split() cuts it; NULL at the end, and where a quote is left open. */
static char *shell_word(const char **at, bool *open) {
    const char *c = *at + strspn(*at, " \t\r\n");
    if (!*c) {
        *at = c;
        return NULL;
    }
    struct buffer word = BUFFER_INIT(BUFFER_OURS);
    char quote = 0;
    for (; *c && (quote || !strchr(" \t\r\n", *c)); c++) {
        if (quote ? *c == quote : (*c == '"' || *c == '\'')) {
            quote = quote ? 0 : *c;
        } else if (*c == '\\' && quote != '\'') {
            if (!c[1])
                break; /* nothing to escape: left open */
            if (quote && c[1] != '"' && c[1] != '\\')
                buffer_add_char(&word, '\\');
            buffer_add_char(&word, *++c);
        } else {
            buffer_add_char(&word, *c);
        }
    }
    *open = quote || *c == '\\';
    *at = c;
    return buffer_take(&word);
}

/* [profile NAME], quoted where it has blanks; like botocore, anything that begins with "profile" and has two words. */
static char *profile_of_header(enum profile_file file, const char *header) {
    if (file == PROFILE_CREDENTIALS || strcmp(header, "default") == 0)
        return x_strdup(header);
    if (strncmp(header, "profile", strlen("profile")) != 0)
        return NULL;
    char *words[3] = {NULL};
    size_t count = 0;
    bool open = false;
    while (count < 3 && !open && (words[count] = shell_word(&header, &open)))
        count++;
    char *name = count == 2 && !open ? take_pointer(words[1]) : NULL;
    for (size_t i = 0; i < 3; i++)
        free(words[i]);
    return name;
}

/* botocore keeps profiles by name: one that comes again under another spelling takes the first one's place. */
static void forget_profile(struct sections *sections, const char *profile) {
    for (struct section *section = sections->first; section && profile; section = section->next) {
        if (section->profile && strcmp(section->profile, profile) == 0) {
            free(section->profile);
            section->profile = NULL;
        }
    }
}

static bool open_section(struct parser *parser, struct text header) {
    char *name = x_strndup(header.bytes, header.length);
    struct section *found = find_section(parser->sections, name);
    parser->entry = NULL;
    parser->section = found;
    if (found) {
        free(name);
        return strcmp(found->header, "DEFAULT") == 0 || refuse(parser, "this section was there before");
    }
    if (++parser->entries > ENTRIES_MOST) {
        free(name);
        return refuse(parser, "too many lines for a file of profiles");
    }
    struct section *section = x_calloc(1, sizeof *section);
    section->header = name;
    section->last = &section->first;
    section->profile = strcmp(name, "DEFAULT") == 0 ? NULL : profile_of_header(parser->file, name);
    forget_profile(parser->sections, section->profile);
    *parser->sections->last = section;
    parser->sections->last = &section->next;
    parser->section = section;
    return true;
}

/* ASCII alone: no key that means anything here has other letters. */
static void lower(char *text) {
    for (; *text; text++) {
        if (*text >= 'A' && *text <= 'Z')
            *text += 'a' - 'A';
    }
}

static bool open_entry(struct parser *parser, struct text line) {
    size_t at = 0;
    while (at < line.length && line.bytes[at] != '=' && line.bytes[at] != ':')
        at++;
    struct text key = strip((struct text){line.bytes, at});
    if (at == line.length)
        return refuse(parser, "neither a [section] nor KEY = VALUE");
    if (!key.length)
        return refuse(parser, "no key before the '='");
    if (++parser->entries > ENTRIES_MOST)
        return refuse(parser, "too many lines for a file of profiles");
    struct text value = strip((struct text){line.bytes + at + 1, line.length - at - 1});
    struct entry *entry = x_calloc(1, sizeof *entry);
    entry->key = x_strndup(key.bytes, key.length);
    lower(entry->key);
    entry->value = BUFFER_INIT(PROFILE_FILE_MOST);
    bool twice = find_entry(parser->section, entry->key);
    *parser->section->last = entry;
    parser->section->last = &entry->next;
    parser->entry = entry;
    if (twice)
        return refuse(parser, "this key was there before in its section");
    return buffer_append(&entry->value, value.bytes, value.length) || refuse(parser, "too long");
}

static bool go_on(struct parser *parser, struct text line) {
    struct buffer *value = &parser->entry->value;
    return (buffer_append(value, "\n", 1) && buffer_append(value, line.bytes, line.length)) ||
           refuse(parser, "too long");
}

static bool is_header(struct text line, struct text *header) {
    const char *end = line.length && *line.bytes == '[' ? memrchr(line.bytes, ']', line.length) : NULL;
    if (!end || end == line.bytes + 1)
        return false;
    *header = (struct text){line.bytes + 1, (size_t)(end - line.bytes) - 1};
    return true;
}

static bool parse_line(struct parser *parser, struct text line) {
    struct text words = strip(line), header;
    if (!words.length)
        return !parser->entry || go_on(parser, words);
    if (*words.bytes == '#' || *words.bytes == ';')
        return true;
    size_t indent = (size_t)(words.bytes - line.bytes);
    if (parser->entry && indent > parser->indent)
        return go_on(parser, words);
    parser->indent = indent;
    if (is_header(words, &header))
        return open_section(parser, header);
    if (!parser->section)
        return refuse(parser, "a [section] must come first");
    return open_entry(parser, words);
}

/* What stands indented below "s3 =" is a block of its own, of KEY = VALUE lines. */
static bool finish_entry(struct parser *parser, struct entry *entry) {
    struct buffer *value = &entry->value;
    while (value->length && is_space(value->data[value->length - 1]))
        value->data[--value->length] = '\0';
    entry->nested = value->length && value->data[0] == '\n';
    for (const char *line = value->data; entry->nested && *line;) {
        size_t length = strcspn(line, "\n");
        if (length && !memchr(line, '=', length)) {
            error_set(parser->error, ERROR_INVALID, "%s: the block below \"%s\" has a line that is not KEY = VALUE",
                      parser->name, entry->key);
            return false;
        }
        line += length + (line[length] == '\n');
    }
    return true;
}

static bool finish(struct parser *parser) {
    for (struct section *section = parser->sections->first; section; section = section->next) {
        for (struct entry *entry = section->first; entry; entry = entry->next) {
            if (!finish_entry(parser, entry))
                return false;
        }
    }
    return true;
}

struct profiles *profiles_new(void) {
    struct profiles *profiles = x_calloc(1, sizeof *profiles);
    for (size_t i = 0; i < PROFILE_FILES; i++)
        profiles->files[i].last = &profiles->files[i].first;
    return profiles;
}

static void section_free(struct section *section) {
    struct entry *entry;
    while ((entry = section->first)) {
        section->first = entry->next;
        free(entry->key);
        buffer_fini_secret(&entry->value);
        free(entry);
    }
    free(section->header);
    free(section->profile);
    free(section);
}

void profiles_free(struct profiles *profiles) {
    for (size_t i = 0; profiles && i < PROFILE_FILES; i++) {
        struct section *section;
        while ((section = profiles->files[i].first)) {
            profiles->files[i].first = section->next;
            section_free(section);
        }
    }
    free(profiles);
}

bool profiles_add(struct profiles *profiles, enum profile_file file, const char *name, const char *bytes, size_t length,
                  struct error *error) {
    if (memchr(bytes, 0, length) || !utf8_valid(bytes, length)) {
        error_set(error, ERROR_INVALID, "%s: not a text in UTF-8", name);
        return false;
    }
    struct parser parser = {.name = name, .file = file, .rest = {bytes, length}, .error = error};
    parser.sections = &profiles->files[file];
    if (length >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
        parser.rest = (struct text){bytes + 3, length - 3}; /* some editors' mark; botocore stumbles over it */
    struct text line;
    while (next_line(&parser, &line)) {
        if (!parse_line(&parser, line))
            return false;
    }
    return finish(&parser);
}

static const struct section *section_of(const struct sections *sections, const char *profile) {
    const struct section *section = sections->first;
    while (section && (!section->profile || strcmp(section->profile, profile) != 0))
        section = section->next;
    return section;
}

bool profiles_has(const struct profiles *profiles, const char *profile) {
    for (size_t i = 0; i < PROFILE_FILES; i++) {
        if (section_of(&profiles->files[i], profile))
            return true;
    }
    return false;
}

const char *profiles_get_in(const struct profiles *profiles, enum profile_file file, const char *profile,
                            const char *key) {
    const struct section *section = section_of(&profiles->files[file], profile);
    const struct entry *entry = find_entry(section, key);
    if (section && !entry)
        entry = find_entry(find_section(&profiles->files[file], "DEFAULT"), key);
    if (!entry || entry->nested)
        return NULL;
    return entry->value.data ? entry->value.data : "";
}

const char *profiles_get(const struct profiles *profiles, const char *profile, const char *key) {
    const char *value = profiles_get_in(profiles, PROFILE_CREDENTIALS, profile, key);
    return value ? value : profiles_get_in(profiles, PROFILE_CONFIG, profile, key);
}
