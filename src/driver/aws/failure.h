// What a refusal of AWS's means to whoever gives the order.
#pragma once

#include "aws/call.h"
#include "domain/outcome.h"

typedef struct AwsFailure {
    FailureClass class;
    const char *code; // ours, stable
    const char *hint; // what to do; NULL: AWS's words say all
} AwsFailure;

// Of a call that failed with `status`.
AwsFailure aws_failure_of(Status status, const AwsFault *fault);
