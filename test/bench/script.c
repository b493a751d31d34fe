#include "script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "base/memory.h"
#include "samples.h"

// A line has its fields between tabs; a backslash stands before what would end a line or a field.
static char *unescape(char *text) {
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        if (*from == '\\' && from[1] != '\0') {
            from++;
            *to++ = *from == 'n' ? '\n' : *from == 't' ? '\t' : *from;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
    return text;
}

static void add_parameter(Statement *statement, char *field) {
    size_t count = statement->parameter_count++;
    statement->parameters =
        mem_realloc(statement->parameters, (count + 1) * sizeof *statement->parameters);
    // "=" before a value, so that a null has a form of its own.
    statement->parameters[count] = field[0] == '=' ? mem_strdup(unescape(field + 1)) : NULL;
}

static void add_line(StatementList *list, char *fields) {
    list->items = mem_realloc(list->items, (list->count + 1) * sizeof *list->items);
    Statement *statement = &list->items[list->count++];
    *statement = (Statement){0};
    char *rest = NULL;
    char *field = strtok_r(fields, "\t", &rest);
    if (field == NULL)
        give_up("a line of the script has no statement");
    statement->sql = mem_strdup(unescape(field));
    while ((field = strtok_r(NULL, "\t", &rest)) != NULL)
        add_parameter(statement, field);
}

Script script_read(const char *path) {
    Script script = {0};
    FILE *file = fopen(path, "re");
    if (file == NULL)
        give_up("%s: cannot be read; expected what recording.py writes", path);
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    while ((length = getline(&line, &capacity, file)) > 0) {
        line[strcspn(line, "\n")] = '\0';
        char *fields = strchr(line, '\t');
        if (fields == NULL)
            give_up("%s: a line without a tab", path);
        *fields++ = '\0';
        StatementList *list = strcmp(line, "setup") == 0    ? &script.setup
                              : strcmp(line, "grant") == 0  ? &script.grant
                              : strcmp(line, "revoke") == 0 ? &script.revoke
                                                            : NULL;
        if (list == NULL)
            give_up("%s: \"%s\"; expected setup, grant or revoke", path, line);
        add_line(list, fields);
    }
    free(line);
    fclose(file);
    if (script.grant.count == 0 || script.revoke.count == 0)
        give_up("%s: no statements of a grant and of a revocation", path);
    return script;
}

static const char *value_of(const char *text, const Account *account, size_t *ret_length) {
    const struct {
        const char *name;
        const char *value;
    } places[] = {{"{account}", account->name}, {"{oid}", account->oid}, {"{key}", account->key}};
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        *ret_length = strlen(places[i].name);
        if (strncmp(text, places[i].name, *ret_length) == 0)
            return places[i].value;
    }
    return NULL;
}

char *script_fill(const char *text, const Account *account, char **buffer, size_t *capacity) {
    size_t most = strlen(text) + 1;
    for (const char *at = text; (at = strchr(at, '{')) != NULL; at++)
        most += sizeof *account;
    if (*capacity < most) {
        *buffer = mem_realloc(*buffer, most);
        *capacity = most;
    }
    char *to = *buffer;
    while (*text != '\0') {
        size_t length = 0;
        const char *value = *text == '{' ? value_of(text, account, &length) : NULL;
        if (value == NULL) {
            *to++ = *text++;
            continue;
        }
        size_t added = strlen(value);
        memcpy(to, value, added);
        to += added;
        text += length;
    }
    *to = '\0';
    return *buffer;
}
