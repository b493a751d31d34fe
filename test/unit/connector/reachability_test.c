#include "connector/reachability.h"

#include "base/memory.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { PAUSE_MS = 5000, NOW_MS = 1000000 };

static SecretSource secrets[] = {{.name = "shop"}, {.name = "bank"}};
static const ConnectorOptions OPTIONS = {.secrets = {secrets, 2}};

static Error failure(void) {
    Error error = {0};
    (void)error_set(&error, STATUS_UNAVAILABLE, "target_unreachable", "nobody answers");
    return error;
}

static bool may_try(Reachability *reachability, const SecretSource *secret, int64_t now_ms) {
    Error error = {0};
    if (reachability_may_try(reachability, secret, now_ms, &error) == STATUS_OK)
        return true;
    assert_int_equal(error.status, STATUS_UNAVAILABLE);
    assert_string_equal(error.code, "target_unreachable");
    assert_string_equal(error.message, "nobody answers");
    return false;
}

static void what_was_reached_is_tried_by_all(void **state) {
    CLEANUP(reachability_freep) Reachability *reachability = reachability_new(&OPTIONS);
    for (int i = 0; i < 3; i++)
        assert_true(may_try(reachability, &secrets[0], NOW_MS));
    reachability_note(reachability, &secrets[0], NULL, NOW_MS);
    for (int i = 0; i < 3; i++)
        assert_true(may_try(reachability, &secrets[0], NOW_MS));
    assert_true(may_try(NULL, &secrets[0], NOW_MS));
}

static void what_was_not_reached_is_left_alone_and_then_tried_by_one(void **state) {
    CLEANUP(reachability_freep) Reachability *reachability = reachability_new(&OPTIONS);
    const Error error = failure();
    assert_true(may_try(reachability, &secrets[0], NOW_MS));
    reachability_note(reachability, &secrets[0], &error, NOW_MS);
    assert_false(may_try(reachability, &secrets[0], NOW_MS));
    assert_false(may_try(reachability, &secrets[0], NOW_MS + PAUSE_MS - 1));
    assert_true(may_try(reachability, &secrets[0], NOW_MS + PAUSE_MS));
    // However long that one takes.
    assert_false(may_try(reachability, &secrets[0], NOW_MS + 100 * PAUSE_MS));
    reachability_note(reachability, &secrets[0], &error, NOW_MS + 100 * PAUSE_MS);
    assert_false(may_try(reachability, &secrets[0], NOW_MS + 100 * PAUSE_MS));
    assert_true(may_try(reachability, &secrets[0], NOW_MS + 101 * PAUSE_MS));
    reachability_note(reachability, &secrets[0], NULL, NOW_MS + 101 * PAUSE_MS);
    for (int i = 0; i < 3; i++)
        assert_true(may_try(reachability, &secrets[0], NOW_MS + 101 * PAUSE_MS));
}

static void each_target_is_looked_at_alone(void **state) {
    CLEANUP(reachability_freep) Reachability *reachability = reachability_new(&OPTIONS);
    const Error error = failure();
    reachability_note(reachability, &secrets[0], &error, NOW_MS);
    assert_true(may_try(reachability, &secrets[1], NOW_MS));
    reachability_note(reachability, &secrets[1], NULL, NOW_MS);
    assert_false(may_try(reachability, &secrets[0], NOW_MS));
}

static void of_many_dead_targets_a_few_are_tried_at_once(void **state) {
    SecretSource many[10] = {{0}};
    const ConnectorOptions options = {.workers = 8, .secrets = {many, 10}};
    CLEANUP(reachability_freep) Reachability *reachability = reachability_new(&options);
    const Error error = failure();
    for (size_t i = 0; i < 10; i++)
        reachability_note(reachability, &many[i], &error, NOW_MS);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(may_try(reachability, &many[i], NOW_MS + PAUSE_MS), i < 4);
    reachability_note(reachability, &many[0], &error, NOW_MS + PAUSE_MS);
    assert_true(may_try(reachability, &many[9], NOW_MS + PAUSE_MS));
    assert_false(may_try(reachability, &many[8], NOW_MS + PAUSE_MS));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_reached_is_tried_by_all),
        cmocka_unit_test(what_was_not_reached_is_left_alone_and_then_tried_by_one),
        cmocka_unit_test(each_target_is_looked_at_alone),
        cmocka_unit_test(of_many_dead_targets_a_few_are_tried_at_once),
    };
    return cmocka_run_group_tests_name("reachability", tests, NULL, NULL);
}
