// The driver's fence taken apart: something happens between its raising and the change behind it.
#pragma once

#include "driver/driver.h"

typedef struct FencedChange {
    const char *account;    // is made, with a login that needs no password
    int64_t raised_for_ms;  // the deadline as the server is told it
    int64_t applied_for_ms; // and as the connector holds to it: in life the same
    void (*between)(void *context);
    void *context;
} FencedChange;
MUST_USE Status fenced_change(DriverSession *session, const FencedChange *change,
                              FailureClass *ret_failure, Error *reterr);
