// The answer of the simulated server to one statement while it is made, and what reads a statement.
#pragma once

#include "simulated_server.h"

typedef struct Reply {
    Sim *sim;
    ScriptedAnswer *answer;
    const char **values;
    size_t capacity;
} Reply;

bool reply_begins(const char *sql, const char *with);
void reply_fail(Reply *reply, const char *sqlstate, int native);
// Adds a row.
void reply_give(Reply *reply, size_t columns, const char *const *values);
void reply_none(Reply *reply, size_t columns);
const char *reply_number(Reply *reply, int64_t value);
// The name or text that begins with `open` at or after `from`, with doubled ends halved; "": none.
const char *reply_unquote(Arena *arena, const char *from, const char *open, char close);
// The [name], the N'text', and what goes up to a blank or comma, after that word.
const char *reply_name(Reply *reply, const char *sql, const char *word);
const char *reply_text(Reply *reply, const char *sql, const char *word);
const char *reply_word(Reply *reply, const char *sql, const char *word);
