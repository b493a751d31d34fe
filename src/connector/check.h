// `daypass-connector check`: tries every secret on its target, for all that flows may ask of it,
// and says what is missing and how to repair it.
#pragma once

#include "base/error.h"
#include "connector/connector_options.h"

// Prints to standard output. STATUS_UNAVAILABLE when anything failed.
MUST_USE Status check_run(const ConnectorOptions *options, const char *only_secret, Error *reterr);
