// Names of an enum's values, beside the enum: index is the value.
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct EnumTable {
    const char *what; // "grant state"; for messages
    const char *const *names;
    size_t count;
} EnumTable;

// "?" for a value that is not in the table.
const char *enum_name(const EnumTable *table, int value);
bool enum_find(const EnumTable *table, const char *name, int *ret_value);
// Writes "a, b or c" for messages; cut at size.
const char *enum_list(const EnumTable *table, char *text, size_t size);
