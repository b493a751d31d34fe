#include "domain/account_state.h"

#include "shop.h"

#include "base/clock.h"

typedef struct Scene {
    Arena *arena;
    AccountState given, found;
} Scene;

static void set_up(Scene *scene, Arena *arena) {
    AccountState state = {
        .key = "16400",
        .expires_at = NOON_MS + HOUR_MS,
        .mark_expires_at = NOON_MS + HOUR_MS,
        .can_login = true,
        .connection_limit = 10,
        .privilege_count = 1,
        .privilege_hash = "a",
        .database = "shop",
    };
    *scene = (Scene){.arena = arena, .given = state, .found = state};
    StringList privileges = {0};
    string_list_add(arena, &privileges, "SELECT on table app.orders");
    scene->given.privileges = scene->found.privileges = privileges;
}

static StringList one(Arena *arena, const char *item) {
    StringList list = {0};
    string_list_add(arena, &list, item);
    return list;
}

// Whoever is given everything by hand has a long list, and is the last that may go unread.
static void as_many_attributes_are_read_as_are_written(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    AccountState written = {0}, read;
    for (int i = 0; i < ACCOUNT_STATE_LINES_MAX; i++)
        string_list_add(arena, &written.attributes, "SUPERUSER");
    Error error = {0};
    expect_ok(shape_read(arena, &ACCOUNT_STATE_SHAPE,
                         shape_write(arena, &ACCOUNT_STATE_SHAPE, &written), &read, &error),
              &error);
    assert_int_equal(read.attributes.count, ACCOUNT_STATE_LINES_MAX);
}

// The only drift there is.
static void expect_drift(Scene *scene, const char *field, bool widens) {
    Drifts drifts = account_drift(scene->arena, &scene->given, &scene->found, (DriftRules){0});
    if (drifts.count != 1)
        fail_msg("expected %s alone, got %s", field, drifts_describe(scene->arena, &drifts));
    assert_string_equal(drifts.items[0].field, field);
    assert_int_equal(drifts.items[0].widens, widens);
    assert_int_equal(drifts_widen(&drifts), widens);
    scene->found = scene->given;
}

static void expect_none(Scene *scene, DriftRules rules) {
    Drifts drifts = account_drift(scene->arena, &scene->given, &scene->found, rules);
    assert_string_equal(drifts_describe(scene->arena, &drifts), "");
    scene->found = scene->given;
}

static void each_change_is_named_and_known_for_more_or_less(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Scene scene;
    set_up(&scene, arena);
    expect_none(&scene, (DriftRules){0});
    AccountState *found = &scene.found;
    found->key = "16401";
    expect_drift(&scene, "account", true);
    found->can_login = false;
    expect_drift(&scene, "login", false);
    found->expires_at = 0;
    expect_drift(&scene, "valid until", true);
    found->expires_at += SECOND_MS;
    expect_drift(&scene, "valid until", true);
    found->expires_at = 1;
    expect_drift(&scene, "valid until", false);
    found->connection_limit = -1;
    expect_drift(&scene, "connection limit", true);
    found->connection_limit = 11;
    expect_drift(&scene, "connection limit", true);
    found->connection_limit = 0;
    expect_drift(&scene, "connection limit", false);
    found->attributes = one(arena, "SUPERUSER");
    expect_drift(&scene, "attributes", true);
    found->members = one(arena, "mallory");
    expect_drift(&scene, "members", true);
    scene.given.roles = scene.found.roles = one(arena, "readers");
    found->roles = one(arena, "writers");
    expect_drift(&scene, "roles", true);
    found->roles = (StringList){0};
    expect_drift(&scene, "roles", false);
}

static void marks_and_ends_move_together_in_an_extension_alone(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Scene scene;
    set_up(&scene, arena);
    scene.found.expires_at += HOUR_MS;
    scene.found.mark_expires_at += HOUR_MS;
    expect_none(&scene, (DriftRules){.end_is_moving = true});
    scene.found.expires_at += HOUR_MS;
    scene.found.mark_expires_at += HOUR_MS;
    expect_drift(&scene, "mark", true);
}

static void privileges_are_compared_as_far_as_they_are_known(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Scene scene;
    set_up(&scene, arena);
    AccountState *found = &scene.found;
    // Another privilege on the same object.
    found->privileges = one(arena, "SELECT, UPDATE on table app.orders");
    expect_drift(&scene, "privileges", true);
    found->privileges = (StringList){0};
    found->privilege_count = 0;
    found->privilege_hash = NULL;
    expect_drift(&scene, "privileges", false);
    // Read in another database, where their names are not known.
    found->database = "postgres";
    found->privileges = (StringList){0};
    expect_none(&scene, (DriftRules){0});
    found->database = "postgres";
    found->privilege_hash = "b";
    expect_drift(&scene, "privileges", true);
    found->database = "postgres";
    found->privilege_hash = "b";
    found->privilege_count = 2;
    expect_drift(&scene, "privileges", true);
    found->privilege_count = 2;
    found->privilege_hash = "b";
    expect_none(&scene, (DriftRules){.privileges_may_grow = true});
}

static void what_nobody_noted_is_not_held_against_an_account(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Scene scene;
    set_up(&scene, arena);
    scene.found.roles = one(arena, "readers");
    Drifts drifts = account_drift(arena, NULL, &scene.found, (DriftRules){0});
    assert_int_equal(drifts.count, 0);
    scene.found.attributes = one(arena, "CREATEROLE");
    scene.found.expires_at = 0;
    drifts = account_drift(arena, NULL, &scene.found, (DriftRules){0});
    assert_string_equal(drifts_describe(arena, &drifts), "valid until, attributes");
}

static void lists_of_drift_have_bounds(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    char *text = arena_alloc(arena, 10001);
    memset(text, 'x', 10000);
    Drifts drifts = {0};
    for (int i = 0; i < DRIFTS_MAX + 3; i++)
        drift_add(arena, &drifts, (Drift){"roles", text, text, false});
    assert_int_equal(drifts.count, DRIFTS_MAX);
    assert_true(strlen(drifts.items[0].found) < 2100);
    Drifts fewer = {.items = drifts.items, .count = 1};
    assert_false(drifts_equal(&drifts, &fewer));
    assert_true(drifts_equal(&drifts, &drifts));
    assert_false(drifts_widen(&drifts));
}

static void equal_drifts_are_equal_in_everything(void **state) {
    const Drift drift = {"roles", "none", "writers", true};
    Drift others[4] = {drift, drift, drift, drift};
    others[0].field = "members";
    others[1].given = "readers";
    others[2].found = "owners";
    others[3].widens = false;
    const Drifts one = {.items = (Drift[]){drift}, .count = 1};
    const Drifts same = {.items = (Drift[]){drift}, .count = 1};
    assert_true(drifts_equal(&one, &same));
    for (size_t i = 0; i < COUNT_OF(others); i++)
        assert_false(drifts_equal(&one, &(Drifts){.items = &others[i], .count = 1}));
}

static void what_is_not_known_is_not_compared(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Scene scene;
    set_up(&scene, arena);
    // No mark says when it was to end.
    scene.found.mark_expires_at = 0;
    expect_drift(&scene, "mark", true);
    scene.given.mark_expires_at = scene.found.mark_expires_at = 0;
    expect_none(&scene, (DriftRules){0});
    scene.given.key = NULL;
    scene.found.key = "16401";
    expect_none(&scene, (DriftRules){0});
    scene.given.key = "16400";
    scene.found.key = NULL;
    expect_drift(&scene, "account", true);
    // Without a limit at first, none is more.
    scene.given.connection_limit = -1;
    scene.found = scene.given;
    scene.found.connection_limit = 5;
    expect_drift(&scene, "connection limit", false);
    // Of more objects than lines, with lines and without.
    scene.given.privilege_count = 2;
    scene.found = scene.given;
    scene.found.privilege_count = 3;
    scene.found.privilege_hash = "c";
    expect_drift(&scene, "privileges", true);
    scene.found.privilege_count = 1;
    scene.found.privilege_hash = "b";
    expect_drift(&scene, "privileges", false);
    scene.found.privileges = (StringList){0};
    scene.found.privilege_hash = "b";
    expect_drift(&scene, "privileges", true);
    // All lines of one side, and not of the other.
    scene.given.privilege_count = 1;
    scene.found = scene.given;
    scene.found.privilege_count = 2;
    scene.found.privilege_hash = "b";
    expect_drift(&scene, "privileges", true);
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(as_many_attributes_are_read_as_are_written),
        cmocka_unit_test(each_change_is_named_and_known_for_more_or_less),
        cmocka_unit_test(marks_and_ends_move_together_in_an_extension_alone),
        cmocka_unit_test(privileges_are_compared_as_far_as_they_are_known),
        cmocka_unit_test(what_nobody_noted_is_not_held_against_an_account),
        cmocka_unit_test(lists_of_drift_have_bounds),
        cmocka_unit_test(equal_drifts_are_equal_in_everything),
        cmocka_unit_test(what_is_not_known_is_not_compared),
    };
    return RUN_CASES(cases);
}
