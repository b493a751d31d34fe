#include "http/problem.h"

#include "base/macros.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void every_failure_survives_the_way_there_and_back(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    for (int status = STATUS_OK + 1; status < STATUS_COUNT_; status++) {
        Error sent = {0};
        error_set(&sent, (Status)status, "some_code", "what is wrong: \"%s\"", "\u00e9");
        snprintf(sent.pointer, sizeof(sent.pointer), "/grants/0/schema");
        const char *body = problem_format(arena, &sent, "http_1");
        Error received = {0};
        assert_int_equal(
            problem_parse(arena, status_http((Status)status), body, strlen(body), &received),
            status);
        assert_int_equal(received.status, status);
        assert_string_equal(received.code, sent.code);
        assert_string_equal(received.message, sent.message);
        assert_string_equal(received.pointer, sent.pointer);
        assert_string_equal(received.detail, "request http_1");
    }
}

static void the_detail_for_the_log_does_not_travel(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Error error = {0};
    error_set(&error, STATUS_INTERNAL, "internal", "our fault");
    error_set_detail(&error, "only for the log");
    assert_null(strstr(problem_format(arena, &error, NULL), "only for the log"));
}

static void a_document_carries_what_rfc_9457_names(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Error error = {0};
    error_set(&error, STATUS_NOT_FOUND, "no_such_grant", "there is no such grant");
    assert_string_equal(
        problem_format(arena, &error, "http_1"),
        "{\"code\":\"no_such_grant\",\"detail\":\"there is no such grant\",\"kind\":\"not_found\","
        "\"request_id\":\"http_1\",\"status\":404,\"title\":\"Not Found\","
        "\"type\":\"about:blank\"}");
}

static void members_that_are_not_known_are_ignored(void **state) {
    const char *body = "{\"code\":\"limited\",\"kind\":\"limited\",\"status\":429,"
                       "\"instance\":\"/x\",\"extra\":{\"deep\":[1,2]}}";
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Error error = {0};
    assert_int_equal(problem_parse(arena, 429, body, strlen(body), &error), STATUS_LIMITED);
    assert_string_equal(error.code, "limited");
    assert_string_equal(error.message, "Too Many Requests");
}

static void what_is_no_problem_document_is_told_by_its_status(void **state) {
    static const char *const BODIES[] = {
        "",
        "<html>502 Bad Gateway</html>",
        "[]",
        "null",
        "{}",
        "{\"code\":7}",
        "{\"code\":\"Not A Code\"}",
        "{\"code\":\"\"}",
        "{\"code\":\"a\",\"code\":\"b\"}",
        "{\"code\":\"a\",\"status\":\"400\"}",
        "{\"code\":\"a\xff\"}",
        "{\"code\":\"a_code_that_is_longer_than_any_code_of_ours_would_ever_be\"}",
    };
    CLEANUP(arena_freep) Arena *arena = arena_new();
    for (size_t i = 0; i < COUNT_OF(BODIES); i++) {
        Error error = {0};
        assert_int_equal(problem_parse(arena, 502, BODIES[i], strlen(BODIES[i]), &error),
                         STATUS_UNAVAILABLE);
        assert_string_equal(error.code, "unexplained_answer");
        assert_non_null(strstr(error.message, "502"));
        assert_int_equal(problem_parse(arena, 404, BODIES[i], strlen(BODIES[i]), &error),
                         STATUS_INTERNAL);
        assert_non_null(strstr(error.message, "404"));
        assert_int_equal(problem_parse(arena, 431, BODIES[i], strlen(BODIES[i]), &error),
                         STATUS_TOO_LARGE);
        assert_string_equal(error.code, "request_too_large");
    }
}

static void a_failure_never_becomes_a_success(void **state) {
    const char *body = "{\"code\":\"fine\",\"kind\":\"ok\"}";
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Error error = {0};
    assert_int_equal(problem_parse(arena, 400, body, strlen(body), &error), STATUS_INTERNAL);
    assert_int_equal(error.status, STATUS_INTERNAL);
}

static void texts_from_outside_are_made_printable(void **state) {
    const char *body = "{\"code\":\"a\",\"kind\":\"invalid\",\"detail\":\"\\u001b[2Jgone\\n\","
                       "\"pointer\":\"/\\u0007\",\"request_id\":\"\\u001b\"}";
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Error error = {0};
    assert_int_equal(problem_parse(arena, 400, body, strlen(body), &error), STATUS_INVALID);
    assert_true(text_is_printable(error.message));
    assert_true(text_is_printable(error.pointer));
    assert_true(text_is_printable(error.detail));
    assert_non_null(strstr(error.message, "gone"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_failure_survives_the_way_there_and_back),
        cmocka_unit_test(the_detail_for_the_log_does_not_travel),
        cmocka_unit_test(a_document_carries_what_rfc_9457_names),
        cmocka_unit_test(members_that_are_not_known_are_ignored),
        cmocka_unit_test(what_is_no_problem_document_is_told_by_its_status),
        cmocka_unit_test(a_failure_never_becomes_a_success),
        cmocka_unit_test(texts_from_outside_are_made_printable),
    };
    return cmocka_run_group_tests_name("problem", tests, NULL, NULL);
}
