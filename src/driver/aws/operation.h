// Calls to AWS within an operation. Those that change something go into the evidence.
#pragma once

#include "aws/call.h"
#include "driver/aws/session.h"
#include "driver/operation.h"

typedef struct AwsRequest {
    AwsService service;
    const char *action;
    AwsParameters parameters;
    int64_t deadline_ms; // 0: the library's
} AwsRequest;

// Where it fails, evidence.failure says how. `retfault` may be NULL.
MUST_USE Status aws_operation_query(Operation *operation, const AwsRequest *request,
                                    AwsAnswer *ret_answer, AwsFault *retfault, Error *reterr);
MUST_USE Status aws_operation_pages(Operation *operation, const AwsRequest *request, AwsPage *page,
                                    void *context, Error *reterr);
// Of ssm.
MUST_USE Status aws_operation_json(Operation *operation, const AwsJsonCall *call,
                                   AwsAnswer *ret_answer, AwsFault *retfault, Error *reterr);
MUST_USE Status aws_operation_json_pages(Operation *operation, const AwsJsonCall *call,
                                         AwsPage *page, void *context, Error *reterr);

// "iam PutUserPolicy user/jane policy daypass.grt_…"
void aws_operation_record(Operation *operation, const char *format, ...) PRINTF_LIKE(2, 3);

MUST_USE Status aws_operation_check_deadline(Operation *operation, int64_t deadline_ms,
                                             Error *reterr);
// Waits a little longer each time. False: it would be later than `until_ms`.
bool aws_operation_wait(Operation *operation, int *attempt, int64_t until_ms);
