#include "domain/outcome.h"
#include "domain/target_report.h"

#include "shop.h"

// Written, read and written again, a value is the same.
static void comes_back(const Shape *shape, const void *value) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *text = shape_format(arena, shape, value);
    void *again = arena_alloc(arena, shape->size);
    Error error = {0};
    expect_ok(shape_parse(arena, shape, text, strlen(text), again, &error), &error);
    assert_string_equal(shape_format(arena, shape, again), text);
}

static void outcomes_come_back_as_they_were_reported(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Statement statements[] = {{"CREATE ROLE x PASSWORD '(elided)'", "shop", 1},
                              {"COMMIT", NULL, 0}};
    Obstacle obstacles[] = {{"owns table app.t", "ALTER TABLE app.t OWNER TO keeper"}};
    Outcome outcome = {
        .account = "temp_ann_aaaabbbb",
        .account_present = true,
        .login_refused = true,
        .sessions_ended = 2,
        .sessions_left = 1,
        .obstacles = {obstacles, COUNT_OF(obstacles)},
        .target_now_at = NOON_MS,
        .target_expires_at = NOON_MS + HOUR_MS,
        .server_version = "15.20",
        .account_key = "16444",
        .statements = {statements, COUNT_OF(statements)},
    };
    string_list_add(arena, &outcome.handed_over, "shop: table app.t to keeper");
    string_list_add(arena, &outcome.warnings, "PUBLIC may create objects in schema public");
    comes_back(&OUTCOME_SHAPE, &outcome);
    comes_back(&OUTCOME_SHAPE, &(Outcome){0});
}

static void a_statement_may_name_a_thousand_tables(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    char *sql = arena_alloc(arena, 200 * 1000 + 1);
    memset(sql, 'x', 200 * 1000);
    comes_back(&STATEMENT_SHAPE, &(Statement){.sql = sql});
}

static void discoveries_come_back_as_they_were_reported(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    FoundTable tables[] = {{"app", "weird\"; DROP TABLE x; --", "view"}};
    Discovery discovery = {
        .server_version = "18.1", .tables = {tables, COUNT_OF(tables)}, .cut = true};
    string_list_add(arena, &discovery.schemas, "app");
    string_list_add(arena, &discovery.sequences, "app.ids");
    string_list_add(arena, &discovery.functions, "app.total(integer)");
    string_list_add(arena, &discovery.roles, "reporting");
    comes_back(&DISCOVERY_SHAPE, &discovery);
}

static void checks_and_accounts_come_back_as_they_were_reported(void **state) {
    comes_back(&CHECK_ITEM_SHAPE,
               &(CheckItem){"rights: sessions", CHECK_FAILED, "missing", "GRANT a TO b"});
    AccountState seen = {.key = "16400",
                         .expires_at = NOON_MS,
                         .mark_expires_at = NOON_MS,
                         .can_login = true,
                         .connection_limit = -1,
                         .privilege_count = 2,
                         .privilege_hash = "abc",
                         .database = "shop"};
    comes_back(&ACCOUNT_STATE_SHAPE, &seen);
    comes_back(&FOUND_ACCOUNT_SHAPE, &(FoundAccount){.account = "temp_x",
                                                     .deployment = "dep",
                                                     .grant_id = "req",
                                                     .connector = "main",
                                                     .custodian = "keeper",
                                                     .database = "shop",
                                                     .expires_at = NOON_MS,
                                                     .expired = true,
                                                     .can_login = true,
                                                     .sessions = 3,
                                                     .state = &seen});
    comes_back(&FOUND_ACCOUNT_SHAPE, &(FoundAccount){.account = "v-x", .leftover = "like v-*"});
    comes_back(&ACCOUNT_INSPECTION_SHAPE, &(AccountInspection){.account = "temp_x",
                                                               .present = true,
                                                               .marked = true,
                                                               .session_count = 1,
                                                               .owned_count = 2,
                                                               .custodian = "keeper",
                                                               .refusal = "not adopted"});
    comes_back(&DRIFT_SHAPE, &(Drift){"roles", "none", "admin", true});
}

static void every_value_has_a_name_and_every_field_a_help(void **state) {
    static const EnumTable *const TABLES[] = {
        &FAILURE_CLASSES, &CHECK_RESULTS, &TARGET_KINDS, &TLS_MODES,       &PRIVILEGE_MODES,
        &PRESETS,         &PRIVILEGES,    &ROLES,        &GRANT_STATES,    &GRANT_EVENTS,
        &GRANT_CAUSES,    &REASON_RULES,  &CHANGE_KINDS, &EXTENSION_RULES, &EXTENSION_STATES,
    };
    for (size_t i = 0; i < COUNT_OF(TABLES); i++) {
        assert_non_null(TABLES[i]->what);
        for (size_t value = 0; value < TABLES[i]->count; value++)
            assert_non_null(TABLES[i]->names[value]);
    }
    assert_int_equal(GRANT_STATES.count, GRANT_STATE_COUNT_);
    assert_int_equal(GRANT_EVENTS.count, GRANT_EVENT_COUNT_);
    assert_int_equal(TARGET_KINDS.count, TARGET_KIND_COUNT_);
    static const Shape *const SHAPES[] = {
        &STATEMENT_SHAPE,     &OUTCOME_SHAPE,       &DISCOVERY_SHAPE,      &CHECK_ITEM_SHAPE,
        &FOUND_ACCOUNT_SHAPE, &ACCESS_ITEM_SHAPE,   &TARGET_ADDRESS_SHAPE, &PLAN_SHAPE,
        &PRINCIPAL_SHAPE,     &GROUP_SHAPE,         &SUBJECTS_SHAPE,       &INTEGRATION_SHAPE,
        &FLOW_SHAPE,          &APPROVAL_STEP_SHAPE, &CONFIGURATION_SHAPE,  &CHANGE_SHAPE,
        &DECISION_SHAPE,      &EVIDENCE_SHAPE,      &GRANT_SHAPE,
    };
    for (size_t i = 0; i < COUNT_OF(SHAPES); i++) {
        assert_non_null(SHAPES[i]->help);
        for (size_t f = 0; f < SHAPES[i]->field_count; f++) {
            const char *help = SHAPES[i]->fields[f].help;
            assert_non_null(help);
            assert_int_not_equal(help[strlen(help) - 1], '.');
        }
    }
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(outcomes_come_back_as_they_were_reported),
        cmocka_unit_test(a_statement_may_name_a_thousand_tables),
        cmocka_unit_test(discoveries_come_back_as_they_were_reported),
        cmocka_unit_test(checks_and_accounts_come_back_as_they_were_reported),
        cmocka_unit_test(every_value_has_a_name_and_every_field_a_help),
    };
    return RUN_CASES(cases);
}
