#include "aws/xml.h"

#include "base/buffer.h"
#include "base/text.h"

#include <errno.h>
#include <libxml/parser.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>

// An element that is open. Its text is gathered here, so that text in many pieces is one.
typedef struct OpenElement {
    XmlNode *node;
    XmlNode *last_child;
    Buffer text;
} OpenElement;

// What the events of the parser build. The nodes are made to be written here alone.
typedef struct Reading {
    Arena *arena;
    xmlParserCtxtPtr parser;
    OpenElement open[XML_MAX_DEPTH];
    size_t depth;
    size_t nodes;
    XmlNode *root;
    const char *refused; // why we end it; NULL: we did not
} Reading;

static void reading_refuse(Reading *reading, const char *why) {
    if (reading->refused == NULL)
        reading->refused = why;
    xmlStopParser(reading->parser);
}

static void hang_below(OpenElement *parent, XmlNode *node) {
    if (parent->last_child == NULL)
        parent->node->child = node;
    else
        parent->last_child->next = node;
    parent->last_child = node;
}

static void on_start(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
                     int namespace_count, const xmlChar **namespaces, int attribute_count,
                     int defaulted_count, const xmlChar **attributes) {
    Reading *reading = context;
    if (reading->refused != NULL)
        return;
    if (reading->depth == XML_MAX_DEPTH) {
        reading_refuse(reading, "it is nested too deep");
        return;
    }
    if (++reading->nodes > XML_MAX_NODES) {
        reading_refuse(reading, "it has too many elements");
        return;
    }
    XmlNode *node = arena_alloc(reading->arena, sizeof(*node));
    *node = (XmlNode){.name = arena_strdup(reading->arena, (const char *)name), .text = ""};
    if (reading->depth == 0)
        reading->root = node;
    else
        hang_below(&reading->open[reading->depth - 1], node);
    reading->open[reading->depth++] = (OpenElement){.node = node, .text = {.wipe = true}};
}

static bool is_blank(const char *text) {
    return text[strspn(text, " \t\r\n")] == '\0';
}

static void on_end(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri) {
    Reading *reading = context;
    if (reading->refused != NULL || reading->depth == 0)
        return;
    OpenElement *element = &reading->open[--reading->depth];
    const char *text = buffer_text(&element->text);
    // Between elements, blanks are only how it is laid out.
    if (element->node->child == NULL || !is_blank(text))
        element->node->text = arena_strdup(reading->arena, text);
    buffer_done(&element->text);
}

static void on_text(void *context, const xmlChar *text, int length) {
    Reading *reading = context;
    if (reading->refused == NULL && reading->depth > 0 && length > 0)
        buffer_add_bytes(&reading->open[reading->depth - 1].text, text, (size_t)length);
}

// A document type is where entities of one's own, and files to fetch, come from.
static void on_type(void *context, const xmlChar *name, const xmlChar *external_id,
                    const xmlChar *system_id) {
    reading_refuse(context, "it declares a document type");
}

static void on_reference(void *context, const xmlChar *name) {
    reading_refuse(context, "it uses an entity of its own");
}

// libxml2 would write to the program's standard error.
static void on_message(void *context, const char *message, ...) {
}

static void on_error(void *context, xmlErrorPtr error) {
}

static void parser_prepare(void) {
    xmlInitParser(); // before threads use it
}

static Status refuse(const Reading *reading, Error *reterr) {
    const char *why = reading->refused != NULL ? reading->refused
                      : reading->depth > 0     ? "it ends too early, or is not well-formed"
                                               : "it is not well-formed";
    int line = reading->parser->input != NULL ? reading->parser->input->line : 0;
    return error_set(reterr, STATUS_INVALID, "malformed_xml", "malformed XML in line %d: %s", line,
                     why);
}

static Status reading_run(Reading *reading, const char *bytes, size_t length, Error *reterr) {
    xmlSAXHandler handler = {
        .initialized = XML_SAX2_MAGIC,
        .startElementNs = on_start,
        .endElementNs = on_end,
        .characters = on_text,
        .cdataBlock = on_text,
        .ignorableWhitespace = on_text,
        .internalSubset = on_type,
        .reference = on_reference,
        .error = on_message,
        .warning = on_message,
        .fatalError = on_message,
        .serror = on_error,
    };
    reading->parser = xmlCreatePushParserCtxt(&handler, reading, NULL, 0, NULL);
    if (reading->parser == NULL)
        return error_set(reterr, STATUS_INTERNAL, "internal", "libxml2 does not start");
    xmlCtxtUseOptions(reading->parser, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    int failed = xmlParseChunk(reading->parser, bytes, (int)length, 1);
    Status status = STATUS_OK;
    if (failed != 0 || !reading->parser->wellFormed || reading->refused != NULL ||
        reading->depth > 0 || reading->root == NULL)
        status = refuse(reading, reterr);
    xmlFreeDoc(reading->parser->myDoc);
    xmlFreeParserCtxt(reading->parser);
    return status;
}

Status xml_read(Arena *arena, const char *bytes, size_t length, const XmlNode **ret_root,
                Error *reterr) {
    static pthread_once_t prepared = PTHREAD_ONCE_INIT;
    pthread_once(&prepared, parser_prepare);
    if (length > XML_MAX_BYTES)
        return error_set(reterr, STATUS_TOO_LARGE, "too_large", "XML of more than %d bytes",
                         XML_MAX_BYTES);
    Reading reading = {.arena = arena};
    Status status = reading_run(&reading, bytes, length, reterr);
    for (size_t i = 0; i < reading.depth; i++) // of a document that ended before them
        buffer_done(&reading.open[i].text);
    TRY(status);
    *ret_root = reading.root;
    return STATUS_OK;
}

// Looking at it

static const XmlNode *first_of_name(const XmlNode *node, const char *name, size_t name_length) {
    for (; node != NULL; node = node->next)
        if (strlen(node->name) == name_length && memcmp(node->name, name, name_length) == 0)
            return node;
    return NULL;
}

const XmlNode *xml_find(const XmlNode *node, const char *path) {
    while (node != NULL && *path != '\0') {
        size_t name_length = strcspn(path, "/");
        node = first_of_name(node->child, path, name_length);
        path += name_length;
        path += *path == '/';
    }
    return node;
}

const XmlNode *xml_next(const XmlNode *item) {
    return first_of_name(item->next, item->name, strlen(item->name));
}

const char *xml_text(const XmlNode *node, const char *path) {
    const XmlNode *found = xml_find(node, path);
    return found != NULL ? found->text : NULL;
}

bool xml_bool(const XmlNode *node, const char *path) {
    return text_equal(xml_text(node, path), "true");
}

int64_t xml_int(const XmlNode *node, const char *path, int64_t otherwise) {
    const char *text = xml_text(node, path);
    if (text == NULL || *text == '\0' || strchr(" \t\r\n+", *text) != NULL)
        return otherwise;
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    return errno == 0 && *end == '\0' ? value : otherwise;
}
