// XML that a service answered, as a tree that can only be read. Documents with a type declaration
// (and so with entities of their own), too deep, too many elements or cut short are refused;
// nothing is ever fetched. Namespaces and attributes are dropped.
#pragma once

#include "base/error.h"
#include "base/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { XML_MAX_BYTES = 16 * 1024 * 1024, XML_MAX_DEPTH = 32, XML_MAX_NODES = 400000 };

typedef struct XmlNode {
    const char *name;
    const char *text; // its own, without that of its children; "" when empty
    const struct XmlNode *child;
    const struct XmlNode *next; // after it, under the same parent
} XmlNode;

// The root, in the arena. "malformed_xml" says where; "too_large".
MUST_USE Status xml_read(Arena *arena, const char *bytes, size_t length, const XmlNode **ret_root,
                         Error *reterr);

// The first at a path of names below `node`: "GetUserResult/User/Arn"; "" is the node itself. NULL
// when there is none, and for a NULL node.
const XmlNode *xml_find(const XmlNode *node, const char *path);
// Its text; NULL when there is none.
const char *xml_text(const XmlNode *node, const char *path);
// "true" is true; false when absent.
bool xml_bool(const XmlNode *node, const char *path);
int64_t xml_int(const XmlNode *node, const char *path, int64_t otherwise);
// Items of a list, in order: for (item = xml_find(node, "Users/member"); item; item =
// xml_next(item)). The next of the same name under the same parent.
const XmlNode *xml_next(const XmlNode *item);
