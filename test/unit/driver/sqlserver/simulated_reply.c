#include "simulated_reply.h"

#include <stdlib.h>
#include <string.h>

bool reply_begins(const char *sql, const char *with) {
    return strncmp(sql, with, strlen(with)) == 0;
}

void reply_fail(Reply *reply, const char *sqlstate, int native) {
    ScriptedRecord *record = arena_alloc(reply->sim->arena, sizeof *record);
    *record = (ScriptedRecord){sqlstate, native, "[Simulated] hush"};
    *reply->answer = (ScriptedAnswer){.fails = true, .records = record, .record_count = 1};
}

void reply_give(Reply *reply, size_t columns, const char *const *values) {
    ScriptedAnswer *answer = reply->answer;
    size_t used = answer->row_count * columns;
    if (used + columns > reply->capacity) {
        reply->capacity = (used + columns) * 2;
        const char **grown = arena_alloc(reply->sim->arena, reply->capacity * sizeof *grown);
        if (used > 0)
            memcpy(grown, reply->values, used * sizeof *grown);
        reply->values = grown;
    }
    memcpy(reply->values + used, values, columns * sizeof *values);
    answer->values = reply->values;
    answer->column_count = columns;
    answer->row_count++;
}

const char *reply_number(Reply *reply, int64_t value) {
    return arena_printf(reply->sim->arena, "%lld", (long long)value);
}

void reply_none(Reply *reply, size_t columns) {
    reply->answer->column_count = columns;
}

const char *reply_unquote(Arena *arena, const char *from, const char *open, char close) {
    const char *at = strstr(from, open);
    if (at == NULL)
        return "";
    at += strlen(open);
    char *text = arena_alloc(arena, strlen(at) + 1);
    size_t length = 0;
    while (*at != '\0' && (*at != close || at[1] == close)) {
        at += *at == close;
        text[length++] = *at++;
    }
    return text;
}

const char *reply_name(Reply *reply, const char *sql, const char *word) {
    const char *at = strstr(sql, word);
    return at == NULL ? "" : reply_unquote(reply->sim->arena, at + strlen(word), "[", ']');
}

const char *reply_text(Reply *reply, const char *sql, const char *word) {
    const char *at = strstr(sql, word);
    return at == NULL ? "" : reply_unquote(reply->sim->arena, at + strlen(word), "N'", '\'');
}

const char *reply_word(Reply *reply, const char *sql, const char *word) {
    const char *at = strstr(sql, word);
    if (at == NULL)
        return "";
    at += strlen(word);
    return arena_printf(reply->sim->arena, "%.*s", (int)strcspn(at, ", )"), at);
}
