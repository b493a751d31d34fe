#include "domain/configuration.h"

#include "shop.h"

static void finds_things_by_name(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Configuration configuration = shop(arena);
    assert_string_equal(configuration_principal(&configuration, "cleo")->name, "cleo");
    assert_string_equal(configuration_group(&configuration, "dba")->name, "dba");
    assert_string_equal(configuration_integration(&configuration, "shop-prod")->connector, "main");
    assert_string_equal(configuration_flow(&configuration, "shop-read")->integration, "shop-prod");
    assert_null(configuration_principal(&configuration, "dba"));
    assert_null(configuration_group(&configuration, "cleo"));
    assert_null(configuration_integration(&configuration, ""));
    assert_null(configuration_flow(&configuration, "shop"));
}

static void subjects_are_groups_and_principals(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Configuration configuration = shop(arena);
    Subjects subjects = {0};
    string_list_add(arena, &subjects.groups, "dba");
    string_list_add(arena, &subjects.groups, "no-such-group");
    string_list_add(arena, &subjects.principals, "dan");
    string_list_add(arena, &subjects.principals, "bob");
    assert_true(subjects_include(&configuration, &subjects, "cleo"));
    assert_true(subjects_include(&configuration, &subjects, "dan"));
    assert_false(subjects_include(&configuration, &subjects, "ann"));
    assert_true(group_includes(&configuration, "dba", "eve"));
    assert_false(group_includes(&configuration, "dba", "ann"));
    assert_false(group_includes(&configuration, "no-such-group", "ann"));
}

static void lists_enabled_principals_once(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Configuration configuration = shop(arena);
    Subjects subjects = {0};
    string_list_add(arena, &subjects.groups, "dba"); // with eve, who is disabled, and nobody-yet
    string_list_add(arena, &subjects.groups, "security");
    string_list_add(arena, &subjects.principals, "bob");
    const StringList names = subjects_list(arena, &configuration, &subjects);
    assert_string_equal(string_list_join(arena, &names, " "), "bob cleo dan");
}

// "create group dba; delete flow x"
static const char *changes_text(Arena *arena, const Changes *changes) {
    const char *text = "";
    for (size_t i = 0; i < changes->count; i++) {
        const Change *change = &changes->items[i];
        assert_int_equal(change->before == NULL, change->kind == CHANGE_CREATE);
        assert_int_equal(change->after == NULL, change->kind == CHANGE_DELETE);
        text = arena_printf(arena, "%s%s%s %s %s", text, i == 0 ? "" : "; ",
                            enum_name(&CHANGE_KINDS, change->kind), change->type, change->name);
    }
    return text;
}

static void changes_are(const char *current, const char *declared, bool prune,
                        const char *expected) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Configuration before = configuration_of(arena, current);
    const Configuration after = configuration_of(arena, declared);
    Changes changes = {0};
    Error error = {0};
    expect_ok(configuration_compare(arena, &before, &after, prune, &changes, &error), &error);
    assert_string_equal(changes_text(arena, &changes), expected);
}

static void is_refused(const char *current, const char *declared, bool prune, Status status,
                       const char *code, const char *pointer) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Configuration before = configuration_of(arena, current);
    const Configuration after = configuration_of(arena, declared);
    Changes changes = {.count = 77};
    Error error = {0};
    expect_fault(configuration_compare(arena, &before, &after, prune, &changes, &error), &error,
                 status, code);
    assert_string_equal(error.pointer, pointer);
    assert_int_equal(changes.count, 77);
}

#define P "\"principals\": [{\"name\": \"root\", \"role\": \"administrator\"}]"
#define G(names) "\"groups\": [" names "]"
#define GROUP(name, members) "{\"name\": \"" name "\", \"members\": [" members "]}"
#define I(names) "\"integrations\": [" names "]"
#define INTEGRATION_OF(kind, name, host)                                                           \
    "{\"name\": \"" name "\", \"kind\": \"" kind "\", \"connector\": \"main\", \"host\": \"" host  \
    "\", \"database\": \"d\", \"admin_secret\": \"s\"}"
#define INTEGRATION(name, host) INTEGRATION_OF("postgresql", name, host)
#define F(names) "\"flows\": [" names "]"
#define FLOW_WITH(name, integration, requesters, approval)                                         \
    "{\"name\": \"" name "\", \"integration\": \"" integration "\", \"requesters\": {\"groups\": " \
    "[\"" requesters "\"]}, \"grants\": [{\"role\": \"r\"}], \"duration\": {\"max\": \"1h\"}, "    \
    "\"approval\": [" approval "]}"
#define FLOW(name, integration, group)                                                             \
    FLOW_WITH(name, integration, group, "{\"any_of\": {\"groups\": [\"" group "\"]}}")

static void says_what_a_declaration_creates_and_changes(void **state) {
    static const char ALL[] =
        "{" P
        "," G(GROUP("g", "\"ann\"")) "," I(INTEGRATION("i", "h")) "," F(FLOW("f", "i", "g")) "}";
    changes_are("{}", ALL, false,
                "create principal root; create group g; create integration i; create flow f");
    changes_are(ALL, ALL, false, "");
    changes_are(ALL, ALL, true, "");
    changes_are(ALL, "{" G(GROUP("g", "\"bob\"")) "}", false, "update group g");
    changes_are(ALL, "{" I(INTEGRATION("i", "h2") "," INTEGRATION("j", "h")) "}", false,
                "update integration i; create integration j");
}

static void a_declaration_may_stand_on_what_is_there(void **state) {
    static const char THERE[] = "{" P "," G(GROUP("g", "")) "," I(INTEGRATION("i", "h")) "}";
    changes_are(THERE, "{" F(FLOW("f", "i", "g")) "}", false, "create flow f");
}

static void changes_show_before_and_after(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Configuration before = configuration_of(arena, "{" G(GROUP("g", "\"ann\"")) "}");
    const Configuration after = configuration_of(arena, "{" G(GROUP("g", "\"bob\"")) "}");
    Changes changes = {0};
    Error error = {0};
    expect_ok(configuration_compare(arena, &before, &after, false, &changes, &error), &error);
    assert_string_equal(shape_format(arena, &CHANGE_SHAPE, &changes.items[0]),
                        "{\"after\":{\"members\":[\"bob\"],\"name\":\"g\"},"
                        "\"before\":{\"members\":[\"ann\"],\"name\":\"g\"},"
                        "\"kind\":\"update\",\"name\":\"g\",\"type\":\"group\"}");
}

static void pruning_deletes_what_a_declared_type_leaves_out(void **state) {
    static const char ALL[] =
        "{\"principals\": [{\"name\": \"root\", \"role\": \"administrator\"}, {\"name\": "
        "\"ann\"}]," G(GROUP("g", "") "," GROUP("h", "")) "," I(
            INTEGRATION("i", "h") "," INTEGRATION(
                "j", "h")) "," F(FLOW("f", "i", "g") "," FLOW("e", "j", "h")) "}";
    static const char LESS[] =
        "{" P "," G(GROUP("g", "")) "," I(INTEGRATION("i", "h")) "," F(FLOW("f", "i", "g")) "}";
    changes_are(ALL, LESS, false, "");
    changes_are(ALL, LESS, true, "delete flow e; delete integration j; delete group h");
    changes_are(ALL, "{" F(FLOW("f", "i", "g")) "}", true, "delete flow e");
    changes_are(ALL, "{" P "}", true, ""); // principals are never pruned
    changes_are(ALL, "{}", true, "");
    changes_are(ALL,
                "{" F(FLOW("f", "i", "g") "," FLOW("e", "i", "g")) "," I(INTEGRATION("i", "h")) "}",
                true, "update flow e; delete integration j");
}

static void nothing_is_pruned_from_under_a_flow(void **state) {
    static const char ALL[] = "{" G(GROUP("g", "") "," GROUP("h", "")) "," I(
        INTEGRATION("i", "h") "," INTEGRATION("j", "h")) "," F(FLOW("f", "i", "g")) "}";
    is_refused(ALL, "{" I(INTEGRATION("j", "h")) "}", true, STATUS_CONFLICT, "in_use", "");
    is_refused(ALL, "{" G(GROUP("h", "")) "}", true, STATUS_CONFLICT, "in_use", "");
    changes_are(ALL, "{" G(GROUP("g", "")) "}", true, "delete group h");
    static const char STEPS[] =
        "{" G(GROUP("g", "") "," GROUP("h", "")) "," I(INTEGRATION("i", "h")) "," F(FLOW_WITH(
            "f", "i", "g", "{\"auto\": true}, {\"all_of\": {\"groups\": [\"g\", \"h\"]}}")) "}";
    is_refused(STEPS, "{" G(GROUP("g", "")) "}", true, STATUS_CONFLICT, "in_use", "");
    static const char BROKEN[] =
        "{" G(GROUP("g", "")) "," I(INTEGRATION("i", "h")) "," F(FLOW("f", "i", "gone")) "}";
    changes_are(BROKEN, "{" I(INTEGRATION("j", "h")) "}", false, "create integration j");
}

static void refuses_names_declared_twice(void **state) {
    is_refused("{}", "{" G(GROUP("g", "") "," GROUP("h", "") "," GROUP("g", "")) "}", false,
               STATUS_INVALID, "duplicate", "/groups/2/name");
    is_refused("{}", "{\"principals\": [{\"name\": \"a\"}, {\"name\": \"a\"}]}", false,
               STATUS_INVALID, "duplicate", "/principals/1/name");
}

static void what_a_flow_gives_fits_the_kind_of_its_target(void **state) {
    is_refused("{" G(GROUP("g", "")) "}",
               "{" I(INTEGRATION_OF("redis", "i", "h")) "," F(FLOW("f", "i", "g")) "}", false,
               STATUS_INVALID, "bad_access_item", "/flows/0/grants/0");
    is_refused("{}", "{" I(INTEGRATION_OF("mysql", "i", "h") "," INTEGRATION("j", "/socket")) "}",
               false, STATUS_INVALID, "bad_value", "/integrations/1/tls");
    static const char THERE[] =
        "{" G(GROUP("g", "")) "," I(INTEGRATION("i", "h")) "," F(FLOW("f", "i", "g")) "}";
    is_refused(THERE, "{" I(INTEGRATION_OF("redis", "i", "h")) "}", false, STATUS_CONFLICT,
               "in_use", "");
    changes_are(THERE, "{" I(INTEGRATION_OF("mysql", "i", "h")) "}", false, "update integration i");
    // Whose integration is missing already, as in no store that was kept by these rules.
    changes_are("{" G(GROUP("g", "")) "," F(FLOW("f", "i", "g")) "}",
                "{" I(INTEGRATION_OF("redis", "i", "h")) "}", false, "create integration i");
}

static void refuses_flows_that_name_what_is_not_there(void **state) {
    is_refused("{}", "{" G(GROUP("g", "")) "," F(FLOW("f", "i", "g")) "}", false, STATUS_INVALID,
               "unknown_integration", "/flows/0/integration");
    static const char THERE[] = "{" G(GROUP("g", "")) "," I(INTEGRATION("i", "h")) "}";
    is_refused(THERE, "{" F(FLOW("f", "i", "x")) "}", false, STATUS_INVALID, "unknown_group",
               "/flows/0/requesters/groups");
    is_refused(THERE,
               "{" F(FLOW("f", "i", "g") "," FLOW_WITH("e", "i", "g",
                                                       "{\"any_of\": {\"groups\": [\"x\"]}}")) "}",
               false, STATUS_INVALID, "unknown_group", "/flows/1/approval/0/any_of/groups");
    is_refused(THERE,
               "{" F(FLOW_WITH("e", "i", "g",
                               "{\"auto\": true}, {\"all_of\": {\"groups\": [\"x\"]}}")) "}",
               false, STATUS_INVALID, "unknown_group", "/flows/0/approval/1/all_of/groups");
    is_refused(THERE, "{" G(GROUP("h", "")) "," F(FLOW("f", "i", "g")) "}", true, STATUS_INVALID,
               "unknown_group", "/flows/0/requesters/groups"); // it is being pruned
}

static void faults_within_things_have_their_place(void **state) {
    static const char THERE[] = "{" G(GROUP("g", "")) "," I(INTEGRATION("i", "h")) "}";
    is_refused(THERE, "{" F(FLOW("f", "i", "g") "," FLOW_WITH("e", "i", "g", "")) "}", false,
               STATUS_INVALID, "bad_value", "/flows/1/approval");
    is_refused("{}", "{" I(INTEGRATION("i", "h") "," INTEGRATION("j", "/run")) "}", false,
               STATUS_INVALID, "bad_value", "/integrations/1/tls");
}

static void an_administrator_is_always_left(void **state) {
    static const char TWO[] =
        "{\"principals\": [{\"name\": \"root\", \"role\": \"administrator\"},"
        " {\"name\": \"off\", \"role\": \"administrator\", \"disabled\": true}]}";
    is_refused(TWO, "{\"principals\": [{\"name\": \"root\"}]}", false, STATUS_CONFLICT,
               "last_administrator", "");
    is_refused(TWO,
               "{\"principals\": [{\"name\": \"root\", \"role\": \"administrator\","
               " \"disabled\": true}]}",
               false, STATUS_CONFLICT, "last_administrator", "");
    changes_are(TWO,
                "{\"principals\": [{\"name\": \"root\"},"
                " {\"name\": \"ann\", \"role\": \"administrator\"}]}",
                false, "update principal root; create principal ann");
    changes_are(TWO, "{\"principals\": [{\"name\": \"ann\"}]}", false, "create principal ann");
    changes_are("{}", "{\"principals\": [{\"name\": \"ann\"}]}", false, "create principal ann");
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(finds_things_by_name),
        cmocka_unit_test(subjects_are_groups_and_principals),
        cmocka_unit_test(lists_enabled_principals_once),
        cmocka_unit_test(says_what_a_declaration_creates_and_changes),
        cmocka_unit_test(a_declaration_may_stand_on_what_is_there),
        cmocka_unit_test(changes_show_before_and_after),
        cmocka_unit_test(pruning_deletes_what_a_declared_type_leaves_out),
        cmocka_unit_test(nothing_is_pruned_from_under_a_flow),
        cmocka_unit_test(refuses_names_declared_twice),
        cmocka_unit_test(what_a_flow_gives_fits_the_kind_of_its_target),
        cmocka_unit_test(refuses_flows_that_name_what_is_not_there),
        cmocka_unit_test(faults_within_things_have_their_place),
        cmocka_unit_test(an_administrator_is_always_left),
    };
    return RUN_CASES(cases);
}
