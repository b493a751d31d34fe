// What is asked for is given, and no more.
#include "driver_contract_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void must_be(Work *work, Deed deed, const char *name, Answer expected) {
    Answer answer = user_tries(work, deed, name);
    if (answer != expected)
        fail_msg("%s %s: %s", deed == DEED_WRITE ? "writing" : "reading", name,
                 answer == ANSWER_DONE ? "done" : "refused");
}

static void read_only_preset_reads_every_table(void **state) {
    Work *work = work_new(*state);
    plan_access(work, ACCESS_READ_ALL, NULL);
    must(work, do_grant(work));
    must_be(work, DEED_READ, "customers", ANSWER_DONE);
    must_be(work, DEED_READ, "secrets", ANSWER_DONE);
    must_be(work, DEED_WRITE, "customers", ANSWER_REFUSED);
    must_be(work, DEED_WRITE, "secrets", ANSWER_REFUSED);
    must(work, do_revoke(work));
    work_free(work);
}

static void read_write_preset_writes_its_table_and_no_other(void **state) {
    Work *work = work_new(*state);
    plan_access(work, ACCESS_READ_WRITE, "customers");
    must(work, do_grant(work));
    must_be(work, DEED_READ, "customers", ANSWER_DONE);
    must_be(work, DEED_WRITE, "customers", ANSWER_DONE);
    must_be(work, DEED_READ, "orders", ANSWER_REFUSED);
    must_be(work, DEED_WRITE, "orders", ANSWER_REFUSED);
    must(work, do_revoke(work));
    work_free(work);
}

static void existing_role_is_given_and_no_more(void **state) {
    Work *work = work_new(*state);
    plan_access(work, ACCESS_ROLE, NULL);
    must(work, do_grant(work));
    must_be(work, DEED_READ, "secrets", ANSWER_DONE);
    must_be(work, DEED_READ, "customers", ANSWER_REFUSED);
    must_be(work, DEED_WRITE, "secrets", ANSWER_REFUSED);
    must(work, do_revoke(work));
    work_free(work);
}

static void repeated_grant_of_less_takes_the_rest_back(void **state) {
    Work *work = work_new(*state);
    AccessItem items[] = {may_read(work, "customers"), may_read(work, "orders")};
    plan_grants(work, items, COUNT_OF(items));
    must(work, do_grant(work));
    must_be(work, DEED_READ, "orders", ANSWER_DONE);
    plan_grants(work, items, 1);
    must(work, do_grant(work));
    must_be(work, DEED_READ, "customers", ANSWER_DONE);
    must_be(work, DEED_READ, "orders", ANSWER_REFUSED);
    must(work, do_revoke(work));
    work_free(work);
}

static void without_future_tables_new_ones_are_not_included(void **state) {
    Work *work = work_new(*state);
    const Engine *engine = work->world->engine;
    plan_access(work, ACCESS_READ_ALL, NULL);
    must(work, do_grant(work));
    const char *table = text_of(work, "new_%d", work->world->accounts);
    engine->table_make(work->world, table);
    must_be(work, DEED_READ, table, ANSWER_REFUSED);
    engine->table_remove(work->world, table);
    must(work, do_revoke(work));
    work_free(work);
}

static void end_of_one_is_not_the_end_of_another(void **state) {
    Work *one = work_new(*state);
    Work *two = work_new(*state);
    must(one, do_grant(one));
    must(two, do_grant(two));
    must(one, do_revoke(one));
    must_be(two, DEED_READ, "customers", ANSWER_DONE);
    assert_true(account_listed(two, NULL));
    must(two, do_revoke(two));
    work_free(one);
    work_free(two);
}

static const ContractTest TESTS[] = {
    CONTRACT_TEST(read_only_preset_reads_every_table, EVERYWHERE),
    CONTRACT_TEST(read_write_preset_writes_its_table_and_no_other, EVERYWHERE),
    CONTRACT_TEST(existing_role_is_given_and_no_more, EVERYWHERE, TRAIT_ROLES),
    CONTRACT_TEST(repeated_grant_of_less_takes_the_rest_back, EVERYWHERE),
    CONTRACT_TEST(without_future_tables_new_ones_are_not_included, EVERYWHERE, TRAIT_NAMED_TABLES),
    CONTRACT_TEST(end_of_one_is_not_the_end_of_another, EVERYWHERE),
};
const ContractSuite ACCESS_SUITE = {TESTS, COUNT_OF(TESTS)};
