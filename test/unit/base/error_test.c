#include "base/error.h"

#include "base/text.h"
#include "cases.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void set_fills_everything_and_returns_the_status(void **state) {
    (void)state;
    Error error = {.detail = "old", .pointer = "/old"};
    assert_int_equal(error_set(&error, STATUS_CONFLICT, "not_pending", "request %s is %d", "a", 7),
                     STATUS_CONFLICT);
    assert_int_equal(error.status, STATUS_CONFLICT);
    assert_string_equal(error.code, "not_pending");
    assert_string_equal(error.message, "request a is 7");
    assert_string_equal(error.detail, "");
    assert_string_equal(error.pointer, "");
}

static void set_without_an_error_returns_the_status(void **state) {
    (void)state;
    assert_int_equal(error_set(NULL, STATUS_EXPIRED, "x", "y"), STATUS_EXPIRED);
}

static void set_may_take_its_own_message(void **state) {
    (void)state;
    Error error = {0};
    error_set(&error, STATUS_INVALID, "a", "inner");
    error_set(&error, STATUS_INVALID, error.code, "outer %s", error.message);
    assert_string_equal(error.message, "outer inner");
    assert_string_equal(error.code, "a");
}

static void set_cuts_a_long_message_between_characters(void **state) {
    (void)state;
    char text[2000];
    for (size_t shift = 0; shift < 3; shift++) {
        memset(text, 'x', shift);
        for (size_t i = shift; i + 3 < sizeof(text); i += 3)
            memcpy(text + i, "€", 4);
        Error error = {0};
        error_set(&error, STATUS_INVALID, text, "%s", text);
        assert_true(text_is_utf8(error.message, strlen(error.message)));
        assert_true(strlen(error.message) >= sizeof(error.message) - 4);
        assert_true(text_is_utf8(error.code, strlen(error.code)));
        assert_true(strlen(error.code) >= sizeof(error.code) - 4);
        error_set_detail(&error, "%s", text);
        assert_true(text_is_utf8(error.detail, strlen(error.detail)));
        assert_true(strlen(error.detail) >= sizeof(error.detail) - 4);
    }
}

static void detail_is_kept_apart_from_the_message(void **state) {
    (void)state;
    Error error = {0};
    error_set(&error, STATUS_UNAVAILABLE, "down", "no answer");
    assert_int_equal(error_set_detail(&error, "SQLSTATE %s", "08006"), STATUS_UNAVAILABLE);
    assert_string_equal(error.detail, "SQLSTATE 08006");
    assert_string_equal(error.message, "no answer");
}

static void prefix_says_what_was_being_done(void **state) {
    (void)state;
    Error error = {0};
    error_set(&error, STATUS_NOT_FOUND, "missing", "no such flow");
    assert_int_equal(error_prefix(&error, "request %d", 3), STATUS_NOT_FOUND);
    assert_string_equal(error.message, "request 3: no such flow");
    assert_string_equal(error.code, "missing");
    error_prefix(&error, "%s", error.message); // its own text as the prefix
    assert_string_equal(error.message, "request 3: no such flow: request 3: no such flow");
}

static void prefix_cuts_between_characters(void **state) {
    (void)state;
    Error error = {0};
    for (int i = 0; i < 600; i++) {
        if (i == 0)
            error_set(&error, STATUS_INVALID, "x", "€€€");
        error_prefix(&error, i % 2 == 0 ? "é" : "aé");
        assert_true(text_is_utf8(error.message, strlen(error.message)));
    }
    assert_true(strlen(error.message) > sizeof(error.message) - 4);
}

static void detail_and_prefix_of_nothing_are_internal(void **state) {
    (void)state;
    assert_int_equal(error_prefix(NULL, "x"), STATUS_INTERNAL);
    assert_int_equal(error_set_detail(NULL, "x"), STATUS_INTERNAL);
}

static void statuses_have_stable_names_and_numbers(void **state) {
    (void)state;
    static const struct {
        Status status;
        const char *name;
        int http, exit_code;
    } EXPECTED[] = {
        {STATUS_OK, "ok", 200, 0},
        {STATUS_INVALID, "invalid", 400, 10},
        {STATUS_UNAUTHENTICATED, "unauthenticated", 401, 11},
        {STATUS_FORBIDDEN, "forbidden", 403, 12},
        {STATUS_NOT_FOUND, "not_found", 404, 13},
        {STATUS_CONFLICT, "conflict", 409, 14},
        {STATUS_EXPIRED, "expired", 410, 15},
        {STATUS_TOO_LARGE, "too_large", 413, 16},
        {STATUS_LIMITED, "limited", 429, 17},
        {STATUS_UNAVAILABLE, "unavailable", 503, 18},
        {STATUS_UNSUPPORTED, "unsupported", 501, 19},
        {STATUS_INTERNAL, "internal", 500, 20},
    };
    assert_int_equal(COUNT_OF(EXPECTED), STATUS_COUNT_);
    for (size_t i = 0; i < COUNT_OF(EXPECTED); i++) {
        assert_string_equal(status_name(EXPECTED[i].status), EXPECTED[i].name);
        assert_int_equal(status_http(EXPECTED[i].status), EXPECTED[i].http);
        assert_int_equal(status_exit_code(EXPECTED[i].status), EXPECTED[i].exit_code);
        if (EXPECTED[i].status != STATUS_OK)
            assert_int_equal(status_from_name(EXPECTED[i].name), EXPECTED[i].status);
    }
}

static void unknown_statuses_are_internal(void **state) {
    (void)state;
    assert_int_equal(status_from_name("teapot"), STATUS_INTERNAL);
    assert_int_equal(status_from_name(""), STATUS_INTERNAL);
    assert_int_equal(status_from_name(NULL), STATUS_INTERNAL);
    assert_string_equal(status_name((Status)99), "internal");
    assert_int_equal(status_http((Status)-1), 500);
    assert_int_equal(status_exit_code(STATUS_COUNT_), 20);
}

static void a_failure_named_ok_is_no_success(void **state) {
    (void)state;
    assert_int_equal(status_from_name("ok"), STATUS_INTERNAL);
}

static void says_what_to_do_about_a_lack_of_files(void **state) {
    (void)state;
    assert_non_null(strstr(errno_reason(EMFILE), "LimitNOFILE"));
    assert_string_equal(errno_reason(ENOSPC), strerror(ENOSPC));
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(set_fills_everything_and_returns_the_status),
        cmocka_unit_test(set_without_an_error_returns_the_status),
        cmocka_unit_test(set_may_take_its_own_message),
        cmocka_unit_test(set_cuts_a_long_message_between_characters),
        cmocka_unit_test(detail_is_kept_apart_from_the_message),
        cmocka_unit_test(prefix_says_what_was_being_done),
        cmocka_unit_test(prefix_cuts_between_characters),
        cmocka_unit_test(detail_and_prefix_of_nothing_are_internal),
        cmocka_unit_test(statuses_have_stable_names_and_numbers),
        cmocka_unit_test(unknown_statuses_are_internal),
        cmocka_unit_test(a_failure_named_ok_is_no_success),
        cmocka_unit_test(says_what_to_do_about_a_lack_of_files),
    };
    return RUN_CASES(cases);
}
