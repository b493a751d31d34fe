#include "domain/orphan.h"

#include "unit/base/cases.h"

#include <string.h>

static Orphan orphan_of(OrphanKind kind) {
    return (Orphan){
        .kind = (int)kind,
        .connector = "main",
        .admin_secret = "shop-admin",
        .host = "db.internal",
        .port = 5432,
        .account = "temp_ann_abc123",
        .deployment = "dep_other",
        .grant_id = "grt_7",
        .made_by = "eu",
        .custodian = "keeper",
        .database = "shop",
    };
}

static void says(const Orphan *orphan, const char *part) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *words = orphan_describe(arena, orphan);
    if (strstr(words, part) == NULL)
        fail_msg("expected '%s' in: %s", part, words);
}

static void each_kind_says_whose_it_is(void **state) {
    static const char *const PARTS[] = {
        [ORPHAN_UNKNOWN] = "for grt_7, which this store does not have",
        [ORPHAN_MISMATCHED] = "its mark names grt_7",
        [ORPHAN_UNSERVED] = "by connector eu, which does not serve this target",
        [ORPHAN_FOREIGN] = "another installation, dep_other",
        [ORPHAN_LEFTOVER] = "not made by Daypass as far as can be seen: no mark",
    };
    for (int kind = 0; kind < ORPHAN_KIND_COUNT_; kind++) {
        Orphan orphan = orphan_of((OrphanKind)kind);
        says(&orphan, PARTS[kind]);
    }
    Orphan leftover = orphan_of(ORPHAN_LEFTOVER);
    leftover.leftover = "named like v-*";
    says(&leftover, "named like v-*");
    Orphan forged = orphan_of(ORPHAN_MISMATCHED);
    forged.grant_connector = "eu";
    says(&forged, "its mark names grt_7, a grant of connector eu and not of main");
    Orphan nameless = orphan_of(ORPHAN_FOREIGN);
    nameless.grant_id = NULL;
    says(&nameless, "made for no grant");
}

static void only_what_daypass_made_is_removed_and_only_the_unknown_by_itself(void **state) {
    for (int kind = 0; kind < ORPHAN_KIND_COUNT_; kind++) {
        Orphan orphan = orphan_of((OrphanKind)kind);
        Error error = {0};
        Status status = orphan_check_removable(&orphan, &error);
        assert_int_equal(orphan_is_settled(&orphan), kind == ORPHAN_UNKNOWN);
        assert_int_equal(status, kind == ORPHAN_LEFTOVER ? STATUS_FORBIDDEN : STATUS_OK);
        if (status != STATUS_OK)
            assert_string_equal(error.code, "not_daypass");
    }
}

static void another_mark_is_another_orphan(void **state) {
    const Orphan one = orphan_of(ORPHAN_FOREIGN);
    Orphan others[5] = {one, one, one, one, one};
    others[0].kind = ORPHAN_UNSERVED;
    others[1].account = "temp_bob_abc123";
    others[2].deployment = "dep_third";
    others[3].grant_id = NULL;
    others[4].made_by = "us";
    assert_true(orphan_is(&one, &one));
    for (size_t i = 0; i < COUNT_OF(others); i++)
        assert_false(orphan_is(&one, &others[i]));
}

static void its_mark_is_plan_enough(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Orphan orphan = orphan_of(ORPHAN_UNKNOWN);
    orphan.target_kind = TARGET_MARIADB;
    const TargetAddress target = {.kind = TARGET_MARIADB,
                                  .host = "elsewhere",
                                  .port = 1,
                                  .database = "main",
                                  .tls = TLS_VERIFY_CA};
    Plan plan = orphan_plan(arena, &orphan, "shop-prod", &target);
    assert_string_equal(plan.integration, "shop-prod");
    assert_string_equal(plan.account, orphan.account);
    assert_string_equal(plan.grant_id, "grt_7");
    assert_string_equal(plan.custodian, "keeper");
    assert_string_equal(plan.target->host, "db.internal");
    assert_int_equal(plan.target->port, 5432);
    assert_string_equal(plan.target->database, "shop");
    assert_int_equal(plan.target->tls, TLS_VERIFY_CA);
    orphan.database = NULL;
    assert_string_equal(orphan_plan(arena, &orphan, NULL, &target).target->database, "main");
    plan = orphan_plan(arena, &orphan, NULL, NULL);
    assert_string_equal(plan.integration, "shop-admin");
    assert_int_equal(plan.target->kind, TARGET_MARIADB);
    assert_non_null(plan.target->database);
    assert_int_equal(plan.target->tls, TLS_VERIFY_FULL);
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(each_kind_says_whose_it_is),
        cmocka_unit_test(only_what_daypass_made_is_removed_and_only_the_unknown_by_itself),
        cmocka_unit_test(another_mark_is_another_orphan),
        cmocka_unit_test(its_mark_is_plan_enough),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
