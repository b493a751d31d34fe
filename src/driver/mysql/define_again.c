#include "driver/mysql/define_again.h"

#include <string.h>

#include "base/buffer.h"

// How each is shown by SHOW CREATE.
typedef struct KindRow {
    const char *word; // and before its name in that text
    size_t column;    // of the text
} KindRow;

static const KindRow KINDS[] = {
    [DEFINED_VIEW] = {"VIEW", 1},           [DEFINED_FUNCTION] = {"FUNCTION", 2},
    [DEFINED_PROCEDURE] = {"PROCEDURE", 2}, [DEFINED_TRIGGER] = {"TRIGGER", 2},
    [DEFINED_EVENT] = {"EVENT", 3},
};

static const char *qualified(Arena *arena, const Defined *defined) {
    return arena_printf(arena, "%s.%s", my_sql_identifier(arena, defined->schema),
                        my_sql_identifier(arena, defined->name));
}

// What was true when it was made and is part of it: its SQL mode and character sets.
typedef struct Text {
    const char *sql_mode;
    const char *client_set, *collation;
    const char *create; // of all others, as SHOW CREATE has it
    const char *rest; // of triggers: "BEFORE INSERT ON … FOR EACH ROW …"; of events: what stays
} Text;

// ---- Reading ------------------------------------------------------------------------------------

// The text of a view has its escapes as in the usual mode, whichever it was made in.
static Status read_shown(Operation *operation, const Defined *defined, Text *text, Error *reterr) {
    const KindRow *kind = &KINDS[defined->kind];
    const char *sql = arena_printf(operation->arena, "SHOW CREATE %s %s", kind->word,
                                   qualified(operation->arena, defined));
    Rows rows;
    TRY(my_operation_read(operation, "reading what the account defined", sql, &rows, reterr));
    if (rows.count == 0 || rows.columns <= kind->column + 2)
        return STATUS_OK;
    text->sql_mode = defined->kind == DEFINED_VIEW ? "" : my_rows_text(&rows, 0, 1);
    text->create = my_rows_text(&rows, 0, kind->column);
    text->client_set = my_rows_text(&rows, 0, kind->column + 1);
    text->collation = my_rows_text(&rows, 0, kind->column + 2);
    return STATUS_OK;
}

// An event can be changed without saying again what it does.
static Status read_event(Operation *operation, const Defined *defined, Text *text, Error *reterr) {
    Arena *arena = operation->arena;
    const char *sql =
        arena_printf(arena,
                     "SELECT SQL_MODE, CHARACTER_SET_CLIENT, COLLATION_CONNECTION,"
                     " CONCAT('ON COMPLETION ', ON_COMPLETION)"
                     " FROM information_schema.EVENTS"
                     " WHERE EVENT_SCHEMA = %s AND EVENT_NAME = %s",
                     my_sql_literal(arena, defined->schema), my_sql_literal(arena, defined->name));
    Rows rows;
    TRY(my_operation_read(operation, "reading what the account defined", sql, &rows, reterr));
    if (rows.count == 0)
        return STATUS_OK;
    text->sql_mode = my_rows_text(&rows, 0, 0);
    text->client_set = my_rows_text(&rows, 0, 1);
    text->collation = my_rows_text(&rows, 0, 2);
    text->rest = my_rows_text(&rows, 0, 3);
    return STATUS_OK;
}

// ---- Writing ------------------------------------------------------------------------------------

// A text that was made in mode ANSI_QUOTES may have names in double quotes.
static const char *ansi_name(Arena *arena, const char *name) {
    CLEANUP(buffer_done) Buffer quoted = {0};
    buffer_add(&quoted, "\"");
    for (; *name != '\0'; name++)
        buffer_addf(&quoted, *name == '"' ? "%c\"" : "%c", *name);
    buffer_add(&quoted, "\"");
    return arena_strdup(arena, buffer_text(&quoted));
}

static const char *find_definer(Arena *arena, const char *create, MyName from, size_t *ret_length) {
    const char *const ways[] = {
        arena_printf(arena, "DEFINER=%s ", my_sql_account(arena, from)),
        arena_printf(arena, "DEFINER=%s@%s ", ansi_name(arena, from.user),
                     ansi_name(arena, from.host)),
    };
    const char *at = NULL;
    for (size_t i = 0; create != NULL && at == NULL && i < COUNT_OF(ways); i++) {
        at = strstr(create, ways[i]);
        *ret_length = strlen(ways[i]);
    }
    return at;
}

// What stands before and after the definer in "CREATE … DEFINER=`u`@`h` …". False: the text is not
// as expected.
static bool split(Arena *arena, const char *create, MyName from, const char **ret_before,
                  const char **ret_after) {
    static const char CREATE[] = "CREATE ";
    size_t definer_length = 0;
    const char *at = find_definer(arena, create, from, &definer_length);
    if (at == NULL || !text_starts_with(create, CREATE))
        return false;
    const char *before = create + strlen(CREATE);
    size_t length = (size_t)(at - before);
    for (size_t i = 0; i < length; i++) // nothing but ALGORITHM=… may be there
        if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ= ", before[i]) == NULL)
            return false;
    *ret_before = arena_copy(arena, before, length);
    *ret_after = at + definer_length;
    return true;
}

// Without their schema, as they are shown. A trigger of MariaDB is as somebody wrote it, with or
// without, and made from within its schema.
static const char *with_schema(Arena *arena, const Defined *defined, const char *after) {
    const char *word = KINDS[defined->kind].word;
    const char *const ways[] = {
        arena_printf(arena, "%s %s", word, my_sql_identifier(arena, defined->name)),
        arena_printf(arena, "%s %s", word, ansi_name(arena, defined->name)),
    };
    for (size_t i = 0; i < COUNT_OF(ways); i++)
        if (text_starts_with(after, ways[i]))
            return arena_printf(arena, "%s %s%s", word, qualified(arena, defined),
                                after + strlen(ways[i]));
    return NULL;
}

// The whole statement. NULL: it cannot be made of this text.
static const char *statement(Arena *arena, const Defined *defined, const Text *text, MyName from,
                             MyName to, const char *verb, bool as_written) {
    const char *definer = my_sql_account(arena, to);
    if (text->rest != NULL)
        return arena_printf(arena, "%s DEFINER=%s %s %s %s", verb, definer,
                            KINDS[defined->kind].word, qualified(arena, defined), text->rest);
    const char *before;
    const char *after;
    if (!split(arena, text->create, from, &before, &after))
        return NULL;
    if (defined->kind != DEFINED_VIEW && !(defined->kind == DEFINED_TRIGGER && as_written))
        after = with_schema(arena, defined, after);
    return after == NULL ? NULL
                         : arena_printf(arena, "%s %sDEFINER=%s %s", verb, before, definer, after);
}

static Status run_in_mode(Operation *operation, const Defined *defined, const Text *text,
                          const char *sql, Error *reterr) {
    Rows rows;
    Arena *arena = operation->arena;
    if (defined->kind == DEFINED_TRIGGER)
        TRY(my_operation_read(
            operation, "going to its schema",
            arena_printf(arena, "USE %s", my_sql_identifier(arena, defined->schema)), &rows,
            reterr));
    const char *set =
        arena_printf(arena,
                     "SET SESSION sql_mode = %s, character_set_client = %s,"
                     " collation_connection = %s",
                     my_sql_literal(arena, text->sql_mode), text->client_set, text->collation);
    TRY(my_operation_read(operation, "taking on how it was made", set, &rows, reterr));
    Status status =
        my_operation_change(operation, "handing over what the account defined", sql, reterr);
    FailureClass failure = operation->evidence.failure;
    if (my_session_prepare(operation->session) != STATUS_OK)
        operation->session->lost = true; // its mode is not known any more
    operation->evidence.failure = failure;
    return status;
}

// More than one trigger of a moment and their order would change.
static Status has_company(Operation *operation, const Defined *defined, bool *ret_has,
                          Error *reterr) {
    Arena *arena = operation->arena;
    const char *sql = arena_printf(
        arena,
        "SELECT COUNT(*) FROM information_schema.TRIGGERS t JOIN information_schema.TRIGGERS o"
        " ON o.EVENT_OBJECT_SCHEMA = t.EVENT_OBJECT_SCHEMA"
        " AND o.EVENT_OBJECT_TABLE = t.EVENT_OBJECT_TABLE"
        " AND o.EVENT_MANIPULATION = t.EVENT_MANIPULATION AND o.ACTION_TIMING = t.ACTION_TIMING"
        " WHERE t.TRIGGER_SCHEMA = %s AND t.TRIGGER_NAME = %s",
        my_sql_literal(arena, defined->schema), my_sql_literal(arena, defined->name));
    Rows rows;
    TRY(my_operation_read(operation, "reading triggers", sql, &rows, reterr));
    *ret_has = rows.count > 0 && my_rows_int(&rows, 0, 0) > 1;
    return STATUS_OK;
}

// ---- What somebody has to do --------------------------------------------------------------------

static bool is_utf8(const char *set) {
    return set != NULL && text_starts_with(set, "utf8");
}

// For the client, which ends a statement at its delimiter. The text is UTF-8 here, whatever it was
// where it was made.
static const char *by_hand(Operation *operation, const Defined *defined, const Text *text,
                           const char *sql, bool drops) {
    Arena *arena = operation->arena;
    const char *drop = drops ? arena_printf(arena, "DROP %s %s;\n", KINDS[defined->kind].word,
                                            qualified(arena, defined))
                             : "";
    return arena_printf(arena,
                        "USE %s;\nSET SESSION sql_mode = %s, character_set_client = %s,"
                        " collation_connection = %s;\n%sDELIMITER ;;\n%s;;\nDELIMITER ;",
                        my_sql_identifier(arena, defined->kind == DEFINED_TRIGGER
                                                     ? defined->schema
                                                     : operation->session->target.database),
                        my_sql_literal(arena, text->sql_mode),
                        is_utf8(text->client_set) ? text->client_set : "utf8mb4", text->collation,
                        drop, sql);
}

// How it can be done in one statement. NULL: it cannot.
static const char *verb_of(const Operation *operation, const Defined *defined, bool company) {
    if (defined->kind == DEFINED_VIEW || defined->kind == DEFINED_EVENT)
        return "ALTER";
    return operation->session->mariadb && !company ? "CREATE OR REPLACE" : NULL;
}

Status my_define_again(Operation *operation, const Defined *defined, MyName from, MyName to,
                       const char **ret_why, const char **ret_repair, Error *reterr) {
    Arena *arena = operation->arena;
    Error error = {0};
    Text text = {0};
    bool company = false;
    Status status = defined->kind == DEFINED_EVENT ? read_event(operation, defined, &text, &error)
                                                   : read_shown(operation, defined, &text, &error);
    if (status == STATUS_OK && defined->kind == DEFINED_TRIGGER)
        status = has_company(operation, defined, &company, &error);
    const char *verb = verb_of(operation, defined, company);
    const char *sql = status != STATUS_OK || text.sql_mode == NULL
                          ? NULL
                          : statement(arena, defined, &text, from, to,
                                      verb != NULL ? verb : "CREATE", operation->session->mariadb);
    bool whole = sql != NULL && verb != NULL && is_utf8(text.client_set);
    if (whole)
        status = run_in_mode(operation, defined, &text, sql, &error);
    if (status != STATUS_OK && operation->evidence.failure == FAILURE_RETRY) {
        if (reterr != NULL)
            *reterr = error;
        return status;
    }
    if (whole && status == STATUS_OK)
        return STATUS_OK;
    operation->evidence.failure = FAILURE_NONE;
    *ret_why = whole ? arena_printf(arena, "which cannot be handed over: %s", error.message)
               : sql != NULL
                   ? "which on this server cannot be given another definer without dropping "
                     "it first, and with it the privileges given on it"
                   : "whose text the admin account is not shown";
    *ret_repair = sql != NULL ? by_hand(operation, defined, &text, sql, verb == NULL)
                              : my_definers_rights(operation);
    return STATUS_OK;
}
