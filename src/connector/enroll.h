// `daypass-connector enroll`: makes this instance's key, hands in its public half with the join
// token, and pins what comes back.
#pragma once

#include "base/error.h"
#include "connector/connector_options.h"

typedef struct EnrollOptions {
    const char *join_token_file; // NULL or "-": standard input
    bool replace;                // an identity that is there already
} EnrollOptions;

MUST_USE Status enroll_run(const ConnectorOptions *options, const EnrollOptions *enroll,
                           Error *reterr);
