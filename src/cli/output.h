// What a person or a program gets to see. Nothing that came from a server reaches a terminal
// unfiltered: control characters and bidirectional overrides become '?'.
#pragma once

#include "base/json.h"
#include "cli/cli.h"

#include <stddef.h>
#include <stdint.h>

typedef enum Colour { COLOUR_NONE, COLOUR_GOOD, COLOUR_ATTENTION, COLOUR_BAD, COLOUR_FAINT } Colour;

// One or more whole lines to `out`; a newline is added.
void say(Cli *cli, const char *format, ...) PRINTF_LIKE(2, 3);
void say_coloured(Cli *cli, Colour colour, const char *format, ...) PRINTF_LIKE(3, 4);
// The same to `err`: what a person may want to know beside the answer. Nothing with --json.
void note(Cli *cli, const char *format, ...) PRINTF_LIKE(2, 3);
// JSON to `out`, indented.
void say_json(Cli *cli, const json_t *value);
// {"items": […]}
void say_json_list(Cli *cli, json_t *items);
// An error to `err`: "daypass: message", or {"error": {…}} with --json.
void say_error(Cli *cli, const Error *error);

// "2026-05-04 10:00 (in 47m)" in local time; "-" for 0.
const char *time_text(const Cli *cli, int64_t at_ms);
// "in 47m", "3d 4h ago", "now"; two units at most.
const char *time_relative(Arena *arena, int64_t at_ms, int64_t now_ms);
const char *duration_text(Arena *arena, int64_t seconds); // "-" for 0
const char *or_dash(const char *text);                    // "-" for NULL and ""
Colour state_colour(const char *state);

// ---- Tables -----------------------------------------------------------------------------------

typedef struct Table Table;
// Titles end with NULL.
Table *table_new(Cli *cli, const char *const *titles);
Table *table_free(Table *table);
DEFINE_CLEANUP(Table, table_free)
// As many cells as titles.
void table_row(Table *table, const char *const *cells);
void table_colour(Table *table, size_t column, Colour colour); // of the last row
// Prints the table, or `nothing` when it has no row.
void table_print(Table *table, const char *nothing);
