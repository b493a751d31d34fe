// What `daypass apply` reads: one YAML file, or the .yaml and .yml files of a folder as one.
#pragma once

#include "base/json.h"
#include "config/yaml.h"

typedef struct Declaration {
    json_t *value;
    YamlPlaces *places;
} Declaration;

// path "-" is standard input. Checked as far as that is possible without the server; errors name
// file and line.
MUST_USE Status declaration_read(Arena *arena, const char *path, Declaration *ret_declaration,
                                 Error *reterr);
// Puts file and line before the server's message about POST /v1/apply, if it points into the
// configuration.
void declaration_locate(Arena *arena, const Declaration *declaration, Error *error);
