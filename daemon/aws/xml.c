/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XML answers by expat. What makes XML dangerous is refused before it can do anything: a document type (and with it every
 * entity of its own), nesting without end, texts without end. What is left are elements and their texts, told to a handler
 * by path.
 */
#include "aws/xml.h"

#include <expat.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"

#define PATH_MOST ((size_t)4 << 10)

struct reader {
    const struct xml_handler *handler;
    XML_Parser parser;
    struct buffer path, text;
    size_t parent_length[XML_DEPTH]; /* of `path`, before each open element was added to it */
    size_t depth;
    bool has_children;   /* the element that opened or closed last: did one close inside it? */
    const char *refused; /* why the document was stopped; NULL: it was not */
};

static void refuse(struct reader *reader, const char *why) {
    if (!reader->refused)
        reader->refused = why;
    XML_StopParser(reader->parser, XML_FALSE);
}

/* "s3:Key" is "Key": which namespace a store uses says nothing. */
static const char *local_name(const char *name) {
    const char *colon = strrchr(name, ':');
    return colon && colon[1] ? colon + 1 : name;
}

static void XMLCALL on_start(void *arg, const char *name, const char **attributes) {
    (void)attributes;
    struct reader *reader = arg;
    if (reader->depth == XML_DEPTH) {
        refuse(reader, "elements nested too deep");
        return;
    }
    reader->parent_length[reader->depth++] = reader->path.length;
    name = local_name(name);
    bool fits = (reader->depth == 1 || buffer_append(&reader->path, "/", 1)) &&
                buffer_append(&reader->path, name, strlen(name));
    if (!fits)
        refuse(reader, "names too long");
    buffer_clear(&reader->text);
    reader->has_children = false;
}

static void XMLCALL on_end(void *arg, const char *name) {
    (void)name;
    struct reader *reader = arg;
    if (reader->refused)
        return; /* "<a/>" is one token to expat: its end comes even after its start was refused */
    const struct xml_handler *handler = reader->handler;
    const char *text = reader->text.length ? reader->text.data : "";
    bool more = reader->has_children ? !handler->end || handler->end(handler->arg, reader->path.data)
                                     : !handler->text || handler->text(handler->arg, reader->path.data, text);
    if (!more)
        refuse(reader, "not what was asked for");
    reader->path.length = reader->parent_length[--reader->depth];
    reader->path.data[reader->path.length] = '\0';
    buffer_clear(&reader->text);
    reader->has_children = true; /* the parent's turn */
}

static void XMLCALL on_text(void *arg, const char *bytes, int length) {
    struct reader *reader = arg;
    if (!reader->refused && !buffer_append(&reader->text, bytes, (size_t)length))
        refuse(reader, "a text too long");
}

static void XMLCALL on_doctype(void *arg, const char *name, const char *system, const char *public, int internal) {
    (void)name, (void)system, (void)public, (void)internal;
    refuse(arg, "a document type declaration, which no answer of AWS has");
}

static bool parse(struct reader *reader, const char *bytes, size_t length, struct error *error) {
    XML_SetUserData(reader->parser, reader);
    XML_SetElementHandler(reader->parser, on_start, on_end);
    XML_SetCharacterDataHandler(reader->parser, on_text);
    XML_SetStartDoctypeDeclHandler(reader->parser, on_doctype);
    if (XML_Parse(reader->parser, bytes, (int)length, XML_TRUE) == XML_STATUS_OK)
        return true;
    const char *why = reader->refused ? reader->refused : XML_ErrorString(XML_GetErrorCode(reader->parser));
    error_set(error, ERROR_CORRUPT, "an XML answer is broken at line %lu: %s", XML_GetCurrentLineNumber(reader->parser),
              why);
    return false;
}

bool xml_parse(const char *bytes, size_t length, const struct xml_handler *handler, struct error *error) {
    while (length > 0 && strchr(" \t\r\n", *bytes) && *bytes) {
        bytes++;
        length--;
    }
    if (length > INT_MAX) {
        error_set(error, ERROR_TOO_LARGE, "an XML answer of %zu bytes is too large", length);
        return false;
    }
    struct reader reader = {
        .handler = handler,
        .parser = XML_ParserCreate(NULL),
        .path = BUFFER_INIT(PATH_MOST),
        .text = BUFFER_INIT(XML_TEXT),
    };
    if (!reader.parser)
        abort(); /* as x_malloc() */
    bool parsed = parse(&reader, bytes, length, error);
    XML_ParserFree(reader.parser);
    buffer_fini(&reader.path);
    buffer_fini(&reader.text);
    return parsed;
}

struct search {
    const char *path;
    char *found;
};

static bool keep_first(void *arg, const char *path, const char *text) {
    struct search *search = arg;
    if (!search->found && strcmp(path, search->path) == 0)
        search->found = x_strdup(text);
    return true;
}

char *xml_find(const char *bytes, size_t length, const char *path) {
    struct search search = {.path = path};
    const struct xml_handler handler = {.text = keep_first, .arg = &search};
    if (xml_parse(bytes, length, &handler, NULL))
        return search.found;
    free(search.found);
    return NULL;
}
