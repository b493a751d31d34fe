#include "driver/redis/failure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

#include "base/macros.h"

static void errors_are_classed_by_what_they_begin_with(void **state) {
    static const struct {
        const char *error, *code, *stable;
        FailureClass failure;
    } CASES[] = {
        {"WRONGPASS invalid username-password pair or user is disabled.", "WRONGPASS",
         "login_denied", FAILURE_DENIED},
        {"NOAUTH Authentication required.", "NOAUTH", "login_denied", FAILURE_DENIED},
        {"NOPERM this user has no permissions to run the 'get' command", "NOPERM", "target_denied",
         FAILURE_DENIED},
        {"LOADING Redis is loading the dataset in memory", "LOADING", "target_not_ready",
         FAILURE_RETRY},
        {"READONLY You can't write against a read only replica.", "READONLY", "target_read_only",
         FAILURE_RETRY},
        {"OOM command not allowed when used memory > 'maxmemory'.", "OOM", "target_not_ready",
         FAILURE_RETRY},
        {"ERR max number of clients reached", "ERR", "target_not_ready", FAILURE_RETRY},
        {"ERR DB index is out of range", "ERR", "target_database_missing", FAILURE_NOT_FOUND},
        {"ERR unknown command 'ACL', with args beginning with: ", "ERR", "target_unsupported",
         FAILURE_UNSUPPORTED},
        {"MOVED 1 10.0.0.1:6379", "MOVED", "target_unsupported", FAILURE_UNSUPPORTED},
        {"EXECABORT Transaction discarded because of: NOPERM no", "NOPERM", "target_denied",
         FAILURE_DENIED},
        {"EXECABORT Transaction discarded because of previous errors.", "EXECABORT",
         "target_failed", FAILURE_FATAL},
        {"ERR syntax error", "ERR", "target_failed", FAILURE_FATAL},
        {"", "", "target_failed", FAILURE_FATAL},
        {"lower case", "", "target_failed", FAILURE_FATAL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        char code[REDIS_CODE_SIZE];
        const RedisFailure *failure = redis_failure_of(CASES[i].error, code);
        assert_string_equal(code, CASES[i].code);
        assert_string_equal(failure->code, CASES[i].stable);
        assert_int_equal(failure->failure, CASES[i].failure);
    }
}

static void code_is_cut_where_it_is_too_long(void **state) {
    (void)state;
    char code[REDIS_CODE_SIZE];
    redis_failure_of("ABCDEFGHIJABCDEFGHIJABCDEFGHIJABCDEFGHIJ", code);
    assert_int_equal(strlen(code), REDIS_CODE_SIZE - 1);
}

static void rule_that_is_unknown_is_named_and_a_hash_is_not(void **state) {
    (void)state;
    char rule[16];
    assert_true(redis_failure_rule("ERR Error in ACL SETUSER modifier '+it's': Unknown command",
                                   rule, sizeof rule));
    assert_string_equal(rule, "+it's");
    static const char *const NONE[] = {
        "ERR Error in ACL SETUSER modifier '#0123': The password hash must be exactly 64",
        "ERR Error in ACL SETUSER modifier '>secret': no",
        "ERR Error in ACL SETUSER modifier '': no",
        "ERR Error in ACL SETUSER modifier '+cut off",
        "ERR Error in ACL SETUSER modifier '+longer-than-there-is-room': no",
        "ERR Error in ACL SETUSER modifier '+\x1b[1m': no",
        "ERR something else '+get': no",
    };
    for (size_t i = 0; i < COUNT_OF(NONE); i++)
        assert_false(redis_failure_rule(NONE[i], rule, sizeof rule));
}

static void missing_file_of_accounts_is_known(void **state) {
    (void)state;
    assert_true(redis_failure_is_no_acl_file(
        "ERR This Redis instance is not configured to use an ACL file. You may want to specify "
        "users via the ACL SETUSER command and then issue a CONFIG REWRITE"));
    assert_false(redis_failure_is_no_acl_file("ERR There was an error trying to save the ACLs."));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_classed_by_what_they_begin_with),
        cmocka_unit_test(code_is_cut_where_it_is_too_long),
        cmocka_unit_test(rule_that_is_unknown_is_named_and_a_hash_is_not),
        cmocka_unit_test(missing_file_of_accounts_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
