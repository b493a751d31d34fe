#include "driver/evidence.h"

#include <stdarg.h>
#include <string.h>

#include "base/text.h"
#include "driver/sqlstate.h"

enum {
    FIRST_CAPACITY = 8,
    STATEMENTS_MAX = 4000,
    STATEMENT_MAX_BYTES = 200000,
    OBSTACLES_MAX = 200,
    LINES_MAX = 1000,
    LINE_MAX_BYTES = 1000,
    MESSAGE_MAX_BYTES = 700,
};

// Valid UTF-8 (a database of encoding SQL_ASCII gives any bytes), cut where it is too long.
static const char *presentable(Arena *arena, const char *text, size_t most) {
    size_t length = strlen(text);
    if (!text_is_utf8(text, length))
        text = text_printable(arena, text);
    length = strlen(text);
    if (length <= most)
        return arena_strdup(arena, text);
    while (most > 0 && ((unsigned char)text[most] & 0xC0) == 0x80)
        most--; // not in the middle of a character
    return arena_printf(arena, "%.*s …", (int)most, text);
}

const char *evidence_one_line(Arena *arena, const char *text) {
    char *line = arena_strdup(arena, text);
    for (char *at = line; *at != '\0'; at++)
        if (*at == '\n' || *at == '\r')
            *at = ' ';
    return line;
}

static const char *line_of(Arena *arena, const char *text) {
    return presentable(arena, evidence_one_line(arena, text), LINE_MAX_BYTES);
}

Status evidence_fail(Evidence *evidence, FailureClass failure, Error *reterr, const char *code,
                     const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const char *message = arena_vprintf(evidence->arena, format, arguments);
    va_end(arguments);
    evidence->failure = failure;
    return error_set(reterr, failure_status(failure), code, "%s",
                     presentable(evidence->arena, message, MESSAGE_MAX_BYTES));
}

// Whoever waits for the outcome decides whether there is time for another attempt.
Status evidence_deadline_passed(Evidence *evidence, Error *reterr) {
    return evidence_fail(evidence, FAILURE_RETRY, reterr, "deadline_passed",
                         "the deadline of this action has passed, so nothing was changed");
}

// Grows by doubling: `count` items are in use.
static void *grow(Arena *arena, void *items, size_t count, size_t size) {
    if (count >= FIRST_CAPACITY && (count & (count - 1)) != 0)
        return items;
    if (count != 0 && count < FIRST_CAPACITY)
        return items;
    size_t capacity = count == 0 ? FIRST_CAPACITY : count * 2;
    void *grown = arena_alloc(arena, capacity * size);
    if (count > 0)
        memcpy(grown, items, count * size);
    return grown;
}

// False: there is no more room.
static bool add_line(Arena *arena, StringList *list, const char *line) {
    if (list->count == LINES_MAX)
        return false;
    string_list_add(arena, list, line_of(arena, line));
    return true;
}

void evidence_statement(Evidence *evidence, const char *shown, const char *database, int64_t rows) {
    if (evidence->outcome == NULL)
        return;
    Statements *statements = &evidence->outcome->statements;
    if (statements->count == STATEMENTS_MAX)
        return;
    statements->items =
        grow(evidence->arena, statements->items, statements->count, sizeof(Statement));
    statements->items[statements->count++] = (Statement){
        .sql = presentable(evidence->arena, shown, STATEMENT_MAX_BYTES),
        .database = presentable(evidence->arena, database, LINE_MAX_BYTES),
        .rows = rows,
    };
}

void evidence_warn(Evidence *evidence, const char *format, ...) {
    if (evidence->outcome == NULL)
        return;
    va_list arguments;
    va_start(arguments, format);
    const char *warning = arena_vprintf(evidence->arena, format, arguments);
    va_end(arguments);
    if (!string_list_has(&evidence->outcome->warnings, warning))
        add_line(evidence->arena, &evidence->outcome->warnings, warning);
}

void evidence_handed_over(Evidence *evidence, const char *line) {
    if (evidence->outcome != NULL &&
        !add_line(evidence->arena, &evidence->outcome->handed_over, line))
        evidence_warn(evidence, "more was handed over than is listed");
}

void evidence_obstacle(Evidence *evidence, const char *what, const char *repair) {
    if (evidence->outcome == NULL)
        return;
    Obstacles *obstacles = &evidence->outcome->obstacles;
    if (obstacles->count == OBSTACLES_MAX) {
        evidence_warn(evidence, "more stands in the way than is listed");
        return;
    }
    obstacles->items = grow(evidence->arena, obstacles->items, obstacles->count, sizeof(Obstacle));
    obstacles->items[obstacles->count++] = (Obstacle){
        .what = line_of(evidence->arena, what),
        .repair = presentable(evidence->arena, repair, STATEMENT_MAX_BYTES),
    };
}
