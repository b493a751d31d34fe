// YAML files as JSON values, with the place of each value, so that a fault found by a shape or by
// the server can be shown with file and line. A safe subset: no anchors, tags, or several
// documents.
#pragma once

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"

#include <stddef.h>

enum { YAML_MAX_BYTES = 4 * 1024 * 1024 };

typedef struct YamlPlaces YamlPlaces; // lives in the arena

// Plain true/false, integers and null have their JSON types; everything else is a string. `name` is
// the file's, for messages: "flows.yaml:12: …".
MUST_USE Status yaml_read(Arena *arena, const char *name, const char *text, size_t length,
                          json_t **ret_value, YamlPlaces **ret_places, Error *reterr);
MUST_USE Status yaml_read_file(Arena *arena, const char *path, json_t **ret_value,
                               YamlPlaces **ret_places, Error *reterr);

// "flows.yaml:12" for the value at a JSON pointer, or of the nearest value around it.
const char *yaml_place(Arena *arena, const YamlPlaces *places, const char *pointer);
// Puts the place of error->pointer before the message.
void yaml_locate(Arena *arena, const YamlPlaces *places, Error *error);

// Values joined key by key, for a folder of files: lists of one name are put together. The places
// of both are kept. Other keys twice are refused.
MUST_USE Status yaml_merge(Arena *arena, json_t *into, YamlPlaces *into_places, const json_t *value,
                           const YamlPlaces *places, Error *reterr);

// JSON as YAML, for people; keys in their order.
const char *yaml_format(Arena *arena, const json_t *value);
