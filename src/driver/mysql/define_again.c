#include "driver/mysql/define_again.h"

#include <string.h>

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
    const char *sql_mode; // NULL: views have none
    const char *create;
    const char *client_set, *collation;
} Text;

static Status read_text(Operation *operation, const Defined *defined, Text *ret_text,
                        Error *reterr) {
    const KindRow *kind = &KINDS[defined->kind];
    const char *sql = arena_printf(operation->arena, "SHOW CREATE %s %s", kind->word,
                                   qualified(operation->arena, defined));
    Rows rows;
    TRY(my_operation_read(operation, "reading what the account defined", sql, &rows, reterr));
    Text text = {0};
    if (rows.count > 0 && rows.columns > kind->column + 2) {
        text.sql_mode = defined->kind == DEFINED_VIEW ? NULL : my_rows_text(&rows, 0, 1);
        text.create = my_rows_text(&rows, 0, kind->column);
        text.client_set = my_rows_text(&rows, 0, kind->column + 1);
        text.collation = my_rows_text(&rows, 0, kind->column + 2);
    }
    *ret_text = text;
    return STATUS_OK;
}

// What stands before and after the definer in "CREATE … DEFINER=`u`@`h` …". False: the text is not
// as expected.
static bool split(Arena *arena, const char *create, MyName from, const char **ret_before,
                  const char **ret_after) {
    static const char CREATE[] = "CREATE ";
    const char *definer = arena_printf(arena, "DEFINER=%s ", my_sql_account(arena, from));
    const char *at = create != NULL ? strstr(create, definer) : NULL;
    if (at == NULL || !text_starts_with(create, CREATE))
        return false;
    const char *before = create + strlen(CREATE);
    size_t length = (size_t)(at - before);
    for (size_t i = 0; i < length; i++) // nothing but ALGORITHM=… may be there
        if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ= ", before[i]) == NULL)
            return false;
    *ret_before = arena_copy(arena, before, length);
    *ret_after = at + strlen(definer);
    return true;
}

// Routines and triggers are shown without their schema.
static const char *with_schema(Arena *arena, const Defined *defined, const char *after) {
    const char *word = KINDS[defined->kind].word;
    const char *named = arena_printf(arena, "%s %s", word, my_sql_identifier(arena, defined->name));
    if (!text_starts_with(after, named))
        return NULL;
    return arena_printf(arena, "%s %s%s", word, qualified(arena, defined), after + strlen(named));
}

// The whole statement. NULL: it cannot be made of this text.
static const char *statement(Arena *arena, const Defined *defined, const Text *text, MyName from,
                             MyName to, const char *verb) {
    const char *before;
    const char *after;
    if (!split(arena, text->create, from, &before, &after))
        return NULL;
    if (defined->kind != DEFINED_VIEW)
        after = with_schema(arena, defined, after);
    return after == NULL ? NULL
                         : arena_printf(arena, "%s %sDEFINER=%s %s", verb, before,
                                        my_sql_account(arena, to), after);
}

// ---- Each kind ----------------------------------------------------------------------------------

static Status run_in_mode(Operation *operation, const Text *text, const char *sql, Error *reterr) {
    Arena *arena = operation->arena;
    Rows rows;
    const char *mode =
        text->sql_mode == NULL ? "@@SESSION.sql_mode" : my_sql_literal(arena, text->sql_mode);
    const char *set = arena_printf(arena,
                                   "SET SESSION sql_mode = %s, character_set_client = utf8mb4,"
                                   " collation_connection = %s",
                                   mode, text->collation);
    TRY(my_operation_read(operation, "taking on how it was made", set, &rows, reterr));
    Status status =
        my_operation_change(operation, "handing over what the account defined", sql, reterr);
    unsigned number = operation->session->number;
    FailureClass failure = operation->evidence.failure;
    Status back = my_operation_read(
        operation, "going back to the known mode",
        "SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES'", &rows, NULL);
    Status names = my_operation_read(operation, "going back to the known mode", "SET NAMES utf8mb4",
                                     &rows, NULL);
    if (back != STATUS_OK || names != STATUS_OK)
        operation->session->lost = true; // its mode is not known any more
    operation->session->number = number;
    operation->evidence.failure = failure;
    return status;
}

static Status read_event_sql(Operation *operation, const Defined *defined, MyName to,
                             const char **ret_sql, Error *reterr) {
    Arena *arena = operation->arena;
    Rows rows;
    const char *sql =
        arena_printf(arena,
                     "SELECT ON_COMPLETION FROM information_schema.EVENTS"
                     " WHERE EVENT_SCHEMA = %s AND EVENT_NAME = %s",
                     my_sql_literal(arena, defined->schema), my_sql_literal(arena, defined->name));
    TRY(my_operation_read(operation, "reading an event", sql, &rows, reterr));
    *ret_sql = rows.count == 0 ? NULL
                               : arena_printf(arena, "ALTER DEFINER=%s EVENT %s ON COMPLETION %s",
                                              my_sql_account(arena, to), qualified(arena, defined),
                                              my_rows_text(&rows, 0, 0));
    return STATUS_OK;
}

static bool is_utf8(const char *set) {
    return set != NULL && text_starts_with(set, "utf8");
}

// For the client, which ends a statement at its delimiter.
static const char *by_hand(Arena *arena, const Defined *defined, const Text *text,
                           const char *create) {
    return arena_printf(arena,
                        "SET SESSION sql_mode = %s; DROP %s %s;\nDELIMITER ;;\n%s ;;\n"
                        "DELIMITER ;",
                        my_sql_literal(arena, text->sql_mode != NULL ? text->sql_mode : ""),
                        KINDS[defined->kind].word, qualified(arena, defined), create);
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

static Status worth_repeating(Operation *operation, Status status, const char *sql,
                              const Error *error, const char **ret_why, const char **ret_repair,
                              Error *reterr) {
    if (status == STATUS_OK)
        return STATUS_OK;
    if (operation->evidence.failure == FAILURE_RETRY) {
        if (reterr != NULL)
            *reterr = *error;
        return status;
    }
    *ret_why = arena_printf(operation->arena, "which cannot be handed over: %s", error->message);
    *ret_repair = arena_printf(operation->arena, "%s;", sql);
    operation->evidence.failure = FAILURE_NONE;
    return STATUS_OK;
}

Status my_define_again(Operation *operation, const Defined *defined, MyName from, MyName to,
                       const char **ret_why, const char **ret_repair, Error *reterr) {
    Arena *arena = operation->arena;
    Error error = {0};
    const char *sql = NULL;
    Text text = {0};
    if (defined->kind == DEFINED_EVENT) {
        TRY(read_event_sql(operation, defined, to, &sql, reterr));
        if (sql == NULL)
            return STATUS_OK; // gone meanwhile
        Status status = my_operation_change(operation, "handing over an event", sql, &error);
        return worth_repeating(operation, status, sql, &error, ret_why, ret_repair, reterr);
    }
    Status status = read_text(operation, defined, &text, &error);
    if (status != STATUS_OK || text.create == NULL) {
        *ret_why = "whose text the admin account may not read";
        *ret_repair = my_definers_rights(operation);
        return worth_repeating(operation, status, *ret_repair, &error, ret_why, ret_repair, reterr);
    }
    bool replaces = operation->session->mariadb && defined->kind != DEFINED_VIEW;
    const char *verb = replaces ? "CREATE OR REPLACE" : "ALTER";
    bool company = false;
    if (defined->kind == DEFINED_TRIGGER)
        TRY(has_company(operation, defined, &company, reterr));
    bool in_one = (defined->kind == DEFINED_VIEW || replaces) && !company;
    sql = statement(arena, defined, &text, from, to, in_one ? verb : "CREATE");
    if (sql == NULL || !in_one || !is_utf8(text.client_set)) {
        *ret_why = "which cannot be given another definer in one step";
        *ret_repair = sql == NULL
                          ? arena_printf(arena, "SHOW CREATE %s %s;", KINDS[defined->kind].word,
                                         qualified(arena, defined))
                          : by_hand(arena, defined, &text, sql);
        return STATUS_OK;
    }
    status = run_in_mode(operation, &text, sql, &error);
    return worth_repeating(operation, status, sql, &error, ret_why, ret_repair, reterr);
}
