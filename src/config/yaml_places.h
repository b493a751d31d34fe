// A tree of lines beside a tree of values; for yaml_*.c alone.
#pragma once

#include "config/yaml.h"

struct YamlPlaces {
    const char *file;
    const char *key; // NULL: an item of a list, or the root
    size_t line;     // from 1; of a member: its key's
    YamlPlaces *first, *last, *next;
};

YamlPlaces *yaml_places_root(Arena *arena, const char *file);
YamlPlaces *yaml_places_add(Arena *arena, YamlPlaces *inside, const char *key, size_t line);
// 0 when there is no such member.
size_t yaml_places_line_of(const YamlPlaces *inside, const char *key);
