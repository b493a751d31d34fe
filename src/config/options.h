// A program's configuration file: one shape is its loader, its --help, --print-config and man page.
// A field of FIELD_KIND_OBJECT is a group of options. A group that is absent has its defaults when
// all of it may be absent and some of it has a default; otherwise it is NULL.
#pragma once

#include "base/error.h"
#include "base/memory.h"
#include "base/shape.h"

// Reads path (YAML) by the shape. Errors name file and line. A NULL path gives the defaults. A file
// that somebody else could have written is refused ("unsafe_file"): it says what programs run.
MUST_USE Status options_load(Arena *arena, const Shape *shape, const char *path, void *into,
                             Error *reterr);
// Puts the place of error->pointer in that file before the message, for what is checked after it
// was read. A NULL path, or a file that is gone meanwhile, leaves the error as it is.
void options_locate(Arena *arena, const char *path, Error *error);
// The whole configuration as YAML with each option's help as a comment; secrets elided. What has
// no value is there as a comment.
const char *options_print(Arena *arena, const Shape *shape, const void *values);
// For --help: "  listen.port  integer  8443  …" a line an option, nested ones dotted, those of the
// items of a list as "secrets[].name".
const char *options_help(Arena *arena, const Shape *shape);
// The OPTIONS section of a man page (man(7) macros).
const char *options_man(Arena *arena, const Shape *shape);
