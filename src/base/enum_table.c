#include "base/enum_table.h"

#include "base/text.h"

#include <stdio.h>

const char *enum_name(const EnumTable *table, int value) {
    if (value < 0 || (size_t)value >= table->count || table->names[value] == NULL)
        return "?";
    return table->names[value];
}

bool enum_find(const EnumTable *table, const char *name, int *ret_value) {
    if (name == NULL)
        return false;
    for (size_t i = 0; i < table->count; i++) {
        if (text_equal(table->names[i], name)) {
            *ret_value = (int)i;
            return true;
        }
    }
    return false;
}

// The position after the last name, holes left out.
static size_t names_end(const EnumTable *table) {
    size_t end = table->count;
    while (end > 0 && table->names[end - 1] == NULL)
        end--;
    return end;
}

const char *enum_list(const EnumTable *table, char *text, size_t size) {
    if (size == 0)
        return "";
    text[0] = '\0';
    size_t end = names_end(table);
    size_t used = 0;
    for (size_t i = 0; i < end; i++) {
        if (table->names[i] == NULL)
            continue;
        const char *separator = used == 0 ? "" : i + 1 == end ? " or " : ", ";
        int added = snprintf(text + used, size - used, "%s%s", separator, table->names[i]);
        if (added < 0 || (size_t)added >= size - used)
            break; // full: snprintf has cut it
        used += (size_t)added;
    }
    return text;
}
