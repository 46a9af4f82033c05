/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mustache without its partials, lambdas and other delimiters: what a mail needs, in one pass, without a tree. A section's
 * end is found by counting; templates are small (256 KiB at most) and sections nest at most eight deep.
 */
#include "report/template.h"

#include <string.h>

#include "base/encoding.h"
#include "base/memory.h"

#define NAME_SIZE 64

enum tag_kind { TAG_NONE, TAG_VALUE, TAG_SECTION, TAG_INVERTED, TAG_END, TAG_COMMENT, TAG_BROKEN };

static const char *const sigils[] = {
    [TAG_NONE] = "", [TAG_VALUE] = "",    [TAG_SECTION] = "#", [TAG_INVERTED] = "^",
    [TAG_END] = "/", [TAG_COMMENT] = "!", [TAG_BROKEN] = "",
};

/* One tag: `start` at its first brace, `after` behind its last one (or its line's end, where it stands alone). */
struct tag {
    enum tag_kind kind;
    const char *start, *after;
    char name[NAME_SIZE];
};

static bool is_name(const char *text, size_t length) {
    return length > 0 && length < NAME_SIZE && strspn(text, "abcdefghijklmnopqrstuvwxyz_") >= length;
}

/* A tag other than a value that has its line for itself takes the line with it. */
static void swallow_line(struct tag *tag, const char *text) {
    const char *before = tag->start, *after = tag->after;
    while (before > text && (before[-1] == ' ' || before[-1] == '\t'))
        before--;
    while (*after == ' ' || *after == '\t' || *after == '\r')
        after++;
    if ((before == text || before[-1] == '\n') && (*after == '\n' || !*after)) {
        tag->start = before;
        tag->after = *after ? after + 1 : after;
    }
}

/* The first tag at or after `from`. `text` is the template's beginning. */
static struct tag next_tag(const char *text, const char *from) {
    struct tag tag = {TAG_NONE, from + strlen(from), from + strlen(from), ""};
    const char *open = strstr(from, "{{"), *close = open ? strstr(open + 2, "}}") : NULL;
    if (!open)
        return tag;
    tag = (struct tag){TAG_BROKEN, open, open + 2, ""};
    if (!close)
        return tag;
    const char *name = open + 2;
    enum tag_kind kind = TAG_VALUE;
    switch (*name) {
    case '#':
        kind = TAG_SECTION;
        break;
    case '^':
        kind = TAG_INVERTED;
        break;
    case '/':
        kind = TAG_END;
        break;
    case '!':
        kind = TAG_COMMENT;
        break;
    default:
        break;
    }
    name += kind != TAG_VALUE;
    if (kind != TAG_COMMENT && !is_name(name, (size_t)(close - name)))
        return tag;
    tag.kind = kind;
    tag.after = close + 2;
    if (kind != TAG_COMMENT)
        memcpy(tag.name, name, (size_t)(close - name)); /* shorter than NAME_SIZE; zeroes follow */
    if (kind != TAG_VALUE)
        swallow_line(&tag, text);
    return tag;
}

static unsigned line_of(const char *text, const char *at) {
    unsigned line = 1;
    for (; text < at; text++)
        line += *text == '\n';
    return line;
}

/* Sections that are open while a template is read. */
struct open_sections {
    char names[TEMPLATE_DEPTH][NAME_SIZE];
    size_t count;
};

static bool is_known(const char *name, const char *const *names) {
    while (*names && strcmp(*names, name) != 0)
        names++;
    return *names != NULL;
}

/* NULL: the tag is fine there. */
static const char *judge_tag(const struct tag *tag, struct open_sections *open, const char *const *names) {
    if (tag->kind == TAG_BROKEN)
        return "a tag is {{name}}, {{#name}}, {{^name}}, {{/name}} or {{! a comment}}, with a name of a-z and _";
    if (tag->kind == TAG_COMMENT)
        return NULL;
    if (!is_known(tag->name, names))
        return "there is nothing of that name";
    if (tag->kind == TAG_END) {
        if (open->count == 0 || strcmp(open->names[open->count - 1], tag->name) != 0)
            return "this section is not the one that was opened last";
        open->count--;
    } else if (tag->kind != TAG_VALUE) {
        if (open->count == TEMPLATE_DEPTH)
            return "sections nest at most eight deep";
        memcpy(open->names[open->count++], tag->name, NAME_SIZE);
    }
    return NULL;
}

static void set_wrong(struct error *error, const char *where, const char *wrong, const char *const *names) {
    _cleanup_buffer_ struct buffer list = BUFFER_INIT(BUFFER_OURS);
    for (; names && *names; names++)
        buffer_printf(&list, "%s%s", list.length ? ", " : "; the names are ", *names);
    error_set(error, ERROR_INVALID, "%s: %s%s", where, wrong, list.data ? list.data : "");
}

bool template_check(const char *file, const char *text, const char *const *names, struct error *error) {
    struct open_sections open = {.count = 0};
    for (struct tag tag = next_tag(text, text); tag.kind != TAG_NONE; tag = next_tag(text, tag.after)) {
        const char *wrong = judge_tag(&tag, &open, names);
        if (wrong) {
            _cleanup_free_ char *where =
                x_printf("%s:%u: {{%s%s}}", file, line_of(text, tag.start), sigils[tag.kind], tag.name);
            set_wrong(error, where, wrong, is_known(tag.name, names) || tag.kind == TAG_BROKEN ? NULL : names);
            return false;
        }
    }
    if (open.count) {
        error_set(error, ERROR_INVALID, "%s: section {{#%s}} has no {{/%s}}", file, open.names[open.count - 1],
                  open.names[open.count - 1]);
        return false;
    }
    return true;
}

/* The end tag that belongs to a section just opened; the template was checked, so there is one. */
static struct tag end_of_section(const char *text, const char *from) {
    size_t depth = 1;
    for (;;) {
        struct tag tag = next_tag(text, from);
        if (tag.kind == TAG_SECTION || tag.kind == TAG_INVERTED)
            depth++;
        if ((tag.kind == TAG_END && --depth == 0) || tag.kind == TAG_NONE)
            return tag;
        from = tag.after;
    }
}

struct rendering {
    struct buffer *out;
    const char *text;
    const struct template_values *values;
    bool html;
};

static bool put_value(struct rendering *rendering, const char *name, size_t index) {
    const char *value = rendering->values->value(rendering->values->arg, name, index);
    if (!value)
        return true;
    if (!rendering->html)
        return buffer_append(rendering->out, value, strlen(value));
    struct buffer escaped = BUFFER_INIT(BUFFER_OURS);
    markup_escape(&escaped, value);
    bool fits = buffer_append(rendering->out, escaped.data ? escaped.data : "", escaped.length);
    buffer_fini_secret(&escaped); /* a link, perhaps */
    return fits;
}

static bool render_range(struct rendering *rendering, const char *from, const char *end, size_t index);

static bool render_section(struct rendering *rendering, const struct tag *tag, const char *end, size_t index) {
    size_t times = rendering->values->repeat(rendering->values->arg, tag->name, index);
    if (tag->kind == TAG_INVERTED)
        return times || render_range(rendering, tag->after, end, index);
    for (size_t i = 0; i < times; i++)
        if (!render_range(rendering, tag->after, end, times > 1 ? i : index))
            return false;
    return true;
}

static bool render_range(struct rendering *rendering, const char *from, const char *end, size_t index) {
    while (from < end) {
        struct tag tag = next_tag(rendering->text, from);
        const char *stop = tag.start < end ? tag.start : end;
        if (!buffer_append(rendering->out, from, (size_t)(stop - from)))
            return false;
        if (tag.kind == TAG_NONE || stop == end)
            return true;
        from = tag.after;
        if (tag.kind == TAG_VALUE && !put_value(rendering, tag.name, index))
            return false;
        if (tag.kind == TAG_SECTION || tag.kind == TAG_INVERTED) {
            struct tag closing = end_of_section(rendering->text, tag.after);
            if (!render_section(rendering, &tag, closing.start, index))
                return false;
            from = closing.after;
        }
    }
    return true;
}

bool template_render(struct buffer *out, const char *text, const struct template_values *values, bool html) {
    struct rendering rendering = {out, text, values, html};
    return render_range(&rendering, text, text + strlen(text), 0);
}
