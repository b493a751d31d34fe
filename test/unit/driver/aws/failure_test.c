#include "driver/aws/failure.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

typedef struct Case {
    Status status;
    const char *code; // AWS's; "": it did not answer
    int http_status;
    FailureClass class;
    const char *ours;
} Case;

static const Case CASES[] = {
    {STATUS_FORBIDDEN, "AccessDenied", 403, FAILURE_DENIED, "target_denied"},
    {STATUS_UNAUTHENTICATED, "InvalidClientTokenId", 403, FAILURE_DENIED, "login_denied"},
    {STATUS_UNAUTHENTICATED, "ExpiredToken", 403, FAILURE_RETRY, "credentials_ended"},
    {STATUS_NOT_FOUND, "NoSuchEntity", 404, FAILURE_NOT_FOUND, "target_object_missing"},
    {STATUS_NOT_FOUND, "", 0, FAILURE_RETRY, "no_aws_credentials"},
    {STATUS_CONFLICT, "LimitExceeded", 409, FAILURE_CONFLICT, "policies_full"},
    {STATUS_CONFLICT, "ConcurrentModification", 409, FAILURE_RETRY, "target_busy"},
    {STATUS_CONFLICT, "EntityAlreadyExists", 409, FAILURE_CONFLICT, "target_conflict"},
    {STATUS_LIMITED, "Throttling", 400, FAILURE_RETRY, "target_busy"},
    {STATUS_UNAVAILABLE, "ServiceFailure", 500, FAILURE_RETRY, "target_not_ready"},
    {STATUS_UNAVAILABLE, "", 0, FAILURE_RETRY, "target_not_ready"},
    {STATUS_INVALID, "MalformedPolicyDocument", 400, FAILURE_FATAL, "target_failed"},
    {STATUS_INVALID, "ValidationError", 400, FAILURE_FATAL, "target_failed"},
};

static void each_refusal_has_its_class(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        AwsFault fault = {.http_status = CASES[i].http_status};
        snprintf(fault.code, sizeof fault.code, "%s", CASES[i].code);
        AwsFailure failure = aws_failure_of(CASES[i].status, &fault);
        if (failure.class != CASES[i].class || !text_equal(failure.code, CASES[i].ours))
            fail_msg("%s with HTTP %d is %s", CASES[i].code, CASES[i].http_status, failure.code);
    }
}

static void no_failure_is_without_a_class(void **state) {
    (void)state;
    for (int status = STATUS_OK + 1; status < STATUS_COUNT_; status++) {
        AwsFault fault = {.http_status = 400};
        AwsFailure failure = aws_failure_of((Status)status, &fault);
        assert_int_not_equal(failure.class, FAILURE_NONE);
        assert_non_null(failure.code);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_refusal_has_its_class),
        cmocka_unit_test(no_failure_is_without_a_class),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
