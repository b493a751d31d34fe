#include "driver/mysql/definers.h"

#include <string.h>

#include "driver/mysql/access.h"
#include "driver/mysql/define_again.h"

static const char *const KIND_WORDS[] = {
    [DEFINED_VIEW] = "view",           [DEFINED_FUNCTION] = "function",
    [DEFINED_PROCEDURE] = "procedure", [DEFINED_TRIGGER] = "trigger",
    [DEFINED_EVENT] = "event",
};

const char *my_defined_describe(Arena *arena, const Defined *defined) {
    return arena_printf(arena, "%s %s.%s", KIND_WORDS[defined->kind], defined->schema,
                        defined->name);
}

// ---- What the admin is shown --------------------------------------------------------------------

enum { SHOW_CREATE_ROUTINE_SINCE = 110301 };

// The server lists what the asker has a right on, and says nothing of the rest.
static const char *const SEEING_MYSQL[] = {"SHOW VIEW", "TRIGGER", "EVENT", "SHOW_ROUTINE"};
static const char *const SEEING_MARIADB[] = {"SHOW VIEW", "TRIGGER", "EVENT"};

StringList my_definers_seen_by(const Operation *operation) {
    bool mariadb = operation->session->mariadb;
    const char *const *words = mariadb ? SEEING_MARIADB : SEEING_MYSQL;
    size_t count = mariadb ? COUNT_OF(SEEING_MARIADB) : COUNT_OF(SEEING_MYSQL);
    StringList rights = {0};
    for (size_t i = 0; i < count; i++)
        string_list_add(operation->arena, &rights, words[i]);
    if (mariadb && operation->session->version >= SHOW_CREATE_ROUTINE_SINCE)
        string_list_add(operation->arena, &rights, "SHOW CREATE ROUTINE");
    return rights;
}

static StringList lacking(const Operation *operation) {
    StringList rights = my_definers_seen_by(operation);
    StringList lacks = {0};
    for (size_t i = 0; i < rights.count; i++) {
        const char *word = rights.items[i];
        // Before 8.0.20 there was SELECT on everything instead.
        bool has =
            my_session_has(operation->session, word) ||
            (strstr(word, "ROUTINE") != NULL && my_session_has(operation->session, "SELECT"));
        if (!has)
            string_list_add(operation->arena, &lacks, word);
    }
    return lacks;
}

bool my_definers_seen(const Operation *operation) {
    return lacking(operation).count == 0;
}

const char *my_definers_rights(Operation *operation) {
    const DriverSession *session = operation->session;
    StringList lacks = lacking(operation);
    if (lacks.count == 0)
        return "";
    return arena_printf(
        operation->arena, "GRANT %s ON *.* TO %s;",
        string_list_join(operation->arena, &lacks, ", "),
        my_sql_account(operation->arena, (MyName){session->admin, session->admin_host}));
}

// Whoever has no such right, by itself or by a role, can have defined nothing.
static Status may_define(Operation *operation, MyName name, bool *ret_may, Error *reterr) {
    Rows rows;
    *ret_may = false;
    TRY(my_roles_brought(operation, name, &rows, reterr));
    for (size_t i = 0; i < rows.count && !*ret_may; i++)
        TRY(my_makes_things(operation,
                            (MyName){my_rows_text(&rows, i, 0), my_rows_text(&rows, i, 1)}, ret_may,
                            reterr));
    return STATUS_OK;
}

// ---- Reading ------------------------------------------------------------------------------------

Status my_definers_read(Operation *operation, MyName name, Definers *ret_definers, Error *reterr) {
    Arena *arena = operation->arena;
    const char *definer = my_sql_literal(arena, arena_printf(arena, "%s@%s", name.user, name.host));
    const char *sql = arena_printf(
        arena,
        "SELECT %d, TABLE_SCHEMA AS s, TABLE_NAME AS n FROM information_schema.VIEWS"
        " WHERE DEFINER = %s UNION ALL SELECT IF(ROUTINE_TYPE = 'FUNCTION', %d, %d),"
        " ROUTINE_SCHEMA, ROUTINE_NAME FROM information_schema.ROUTINES WHERE DEFINER = %s"
        " UNION ALL SELECT %d, TRIGGER_SCHEMA, TRIGGER_NAME FROM information_schema.TRIGGERS"
        " WHERE DEFINER = %s UNION ALL SELECT %d, EVENT_SCHEMA, EVENT_NAME"
        " FROM information_schema.EVENTS WHERE DEFINER = %s ORDER BY 1, 2, 3",
        DEFINED_VIEW, definer, DEFINED_FUNCTION, DEFINED_PROCEDURE, definer, DEFINED_TRIGGER,
        definer, DEFINED_EVENT, definer);
    Rows rows;
    TRY(my_operation_read(operation, "reading what the account defined", sql, &rows, reterr));
    Definers definers = {.items = arena_alloc(arena, (rows.count + 1) * sizeof definers.items[0]),
                         .count = rows.count};
    for (size_t i = 0; i < rows.count; i++)
        definers.items[i] = (Defined){.kind = (int)my_rows_int(&rows, i, 0),
                                      .schema = my_rows_text(&rows, i, 1),
                                      .name = my_rows_text(&rows, i, 2)};
    if (!my_definers_seen(operation))
        TRY(may_define(operation, name, &definers.unseen, reterr));
    *ret_definers = definers;
    return STATUS_OK;
}

// ---- The custodian ------------------------------------------------------------------------------

Status my_custodian_read(Operation *operation, const char *custodian, bool *ret_found,
                         MyName *ret_name, const char **ret_reason, Error *reterr) {
    Accounts accounts;
    TRY(my_accounts_read(operation, custodian, &accounts, reterr));
    *ret_found = false;
    *ret_reason = NULL;
    const Account *chosen = NULL;
    for (size_t i = 0; i < accounts.count; i++) {
        const Account *account = &accounts.items[i];
        // On MariaDB a role can be a definer too, but not by ALTER … DEFINER = name@host.
        if (!account->is_role && (chosen == NULL || strcmp(account->name.host, "%") == 0))
            chosen = account;
    }
    if (chosen == NULL)
        return STATUS_OK;
    *ret_found = true;
    *ret_name = chosen->name;
    if (chosen->mark_text != NULL)
        *ret_reason = "it is a temporary account of Daypass itself";
    else if (strcmp(chosen->name.user, operation->session->admin) == 0)
        *ret_reason = "it is the admin account";
    else
        TRY(my_power_of(operation, chosen->name, ret_reason, reterr));
    return STATUS_OK;
}

// ---- Handing over -------------------------------------------------------------------------------

static void add_unfit(Operation *operation, const Definers *definers, MyName name, const char *why,
                      const char *repair) {
    Arena *arena = operation->arena;
    evidence_obstacle(
        &operation->evidence,
        arena_printf(arena, "account %s is the definer of %s%s, and %s",
                     my_sql_account(arena, name), my_defined_describe(arena, &definers->items[0]),
                     definers->count > 1 ? arena_printf(arena, " and %zu more", definers->count - 1)
                                         : "",
                     why),
        repair);
}

static Status find_custodian(Operation *operation, const Definers *definers, MyName name,
                             const char *custodian, bool *ret_fit, MyName *ret_to, Error *reterr) {
    Arena *arena = operation->arena;
    *ret_fit = false;
    if (custodian == NULL) {
        add_unfit(operation, definers, name, "the integration names no custodian",
                  "-- name an account without rights of its own as the integration's custodian");
        return STATUS_OK;
    }
    bool found;
    const char *reason;
    TRY(my_custodian_read(operation, custodian, &found, ret_to, &reason, reterr));
    if (!found)
        add_unfit(
            operation, definers, name,
            arena_printf(arena, "custodian \"%s\" is not an account of the server", custodian),
            arena_printf(arena, "CREATE USER %s ACCOUNT LOCK;",
                         my_sql_account(arena, (MyName){custodian, "%"})));
    else if (reason != NULL)
        add_unfit(operation, definers, name,
                  arena_printf(arena,
                               "custodian \"%s\" may not be given what users made (it would run "
                               "with its rights) because of %s",
                               custodian, reason),
                  "-- name an account without rights of its own as the integration's custodian");
    *ret_fit = found && reason == NULL;
    return STATUS_OK;
}

static Status hand_over_one(Operation *operation, const Defined *defined, MyName from, MyName to,
                            Error *reterr) {
    Arena *arena = operation->arena;
    const char *why = NULL;
    const char *repair = NULL;
    Status status = my_define_again(operation, defined, from, to, &why, &repair, reterr);
    const char *what = my_defined_describe(arena, defined);
    if (status != STATUS_OK && operation->session->lost) // nobody would find it a second time
        evidence_handed_over(&operation->evidence,
                             arena_printf(arena, "%s to %s, unless the server did not get to it",
                                          what, my_account_describe(arena, to)));
    TRY(status);
    if (why != NULL)
        evidence_obstacle(&operation->evidence,
                          arena_printf(arena, "account %s is the definer of %s, %s",
                                       my_sql_account(arena, from), what, why),
                          repair);
    else
        evidence_handed_over(&operation->evidence,
                             arena_printf(arena, "%s to %s", what, my_account_describe(arena, to)));
    return STATUS_OK;
}

Status my_definers_hand_over(Operation *operation, MyName name, const char *custodian,
                             Error *reterr) {
    Definers definers;
    TRY(my_definers_read(operation, name, &definers, reterr));
    if (definers.unseen)
        evidence_obstacle(
            &operation->evidence,
            arena_printf(operation->arena,
                         "account %s may be the definer of views, routines, triggers or events "
                         "that admin account \"%s\" is not shown",
                         my_sql_account(operation->arena, name), operation->session->admin),
            my_definers_rights(operation));
    if (definers.count == 0)
        return STATUS_OK;
    bool fit;
    MyName to;
    TRY(find_custodian(operation, &definers, name, custodian, &fit, &to, reterr));
    for (size_t i = 0; fit && i < definers.count; i++)
        TRY(hand_over_one(operation, &definers.items[i], name, to, reterr));
    return STATUS_OK;
}
