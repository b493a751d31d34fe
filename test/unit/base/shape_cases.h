// A shape with a field of every kind, for the tests of reading, writing and describing one.
#pragma once

#include "base/shape.h"

#include <string.h>

typedef struct Span {
    int64_t max_s;
    int64_t default_s;
} Span;

typedef struct Item {
    const char *name;
    const Span *span;
    StringList privileges;
} Item;

typedef struct Whole {
    const char *name;
    const char *note;
    const char *password;
    int64_t port;
    int64_t level;
    bool active;
    bool enabled;
    int colour;
    int64_t lasts_s;
    int64_t at;
    StringList tags;
    const Item *first;
    struct {
        Item *items;
        size_t count;
    } all;
    json_t *extra;
} Whole;

static const char *const PRIVILEGE_NAMES[] = {"SELECT", "INSERT"};
static const EnumTable PRIVILEGES = {"privilege", PRIVILEGE_NAMES, COUNT_OF(PRIVILEGE_NAMES)};
static const char *const COLOUR_NAMES[] = {"red", "green", "blue"};
static const EnumTable COLOURS = {"colour", COLOUR_NAMES, COUNT_OF(COLOUR_NAMES)};

static Status check_lower(const char *text, Error *reterr) {
    if (strspn(text, "abcdefghijklmnopqrstuvwxyz-") == strlen(text))
        return STATUS_OK;
    return error_set(reterr, STATUS_INVALID, "bad_name", "expected small letters and dashes");
}

static const Field SPAN_FIELDS[] = {
    {FIELD_NAMED("max", Span, max_s, DURATION), .required = true, .min = 60, .max = 86400,
     .help = "The longest"},
    {FIELD_NAMED("default", Span, default_s, DURATION), .default_text = "1h"},
};
static const Shape SPAN_SHAPE = SHAPE("Span", Span, SPAN_FIELDS, "How long");

static const Field ITEM_FIELDS[] = {
    {FIELD(Item, name, STRING), .required = true, .min = 1, .max = 8, .check = check_lower},
    {FIELD(Item, span, OBJECT), .shape = &SPAN_SHAPE},
    {FIELD(Item, privileges, STRINGS), .names = &PRIVILEGES, .max = 3},
};
static const Shape ITEM_SHAPE = SHAPE("Item", Item, ITEM_FIELDS, NULL);

static const Field WHOLE_FIELDS[] = {
    {FIELD(Whole, name, STRING), .required = true, .help = "What it is called"},
    {FIELD(Whole, note, STRING), .default_text = "none", .min = 2},
    {FIELD(Whole, password, STRING), .secret = true, .min = 4, .max = 10, .check = check_lower},
    {FIELD(Whole, port, INT), .min = 1, .max = 65535, .default_text = "5432"},
    {FIELD(Whole, level, INT)},
    {FIELD(Whole, active, BOOL)},
    {FIELD(Whole, enabled, BOOL), .default_text = "true"},
    {FIELD(Whole, colour, ENUM), .names = &COLOURS, .default_text = "green"},
    {FIELD_NAMED("lasts", Whole, lasts_s, DURATION), .default_text = "8h"},
    {FIELD(Whole, at, TIME)},
    {FIELD(Whole, tags, STRINGS), .check = check_lower},
    {FIELD(Whole, first, OBJECT), .shape = &ITEM_SHAPE},
    {FIELD(Whole, all, OBJECTS), .shape = &ITEM_SHAPE, .max = 5},
    {FIELD(Whole, extra, JSON)},
};
static const Shape WHOLE_SHAPE = SHAPE("Whole", Whole, WHOLE_FIELDS, "Everything at once");

static inline Status whole_parse(Arena *arena, const char *text, Whole *whole, Error *reterr) {
    return shape_parse(arena, &WHOLE_SHAPE, text, strlen(text), whole, reterr);
}
