// `daypass-connector check`: tries every secret on its target and says what is missing and how to
// repair it.
#pragma once

#include "base/error.h"
#include "connector/connector_options.h"

// Prints to standard output. STATUS_UNAVAILABLE when anything failed.
MUST_USE Status check_run(const ConnectorOptions *options, const char *only_secret, Error *reterr);

// What the ceiling would allow to be given on a target, as a plan to check the admin's rights for.
Plan check_plan(Arena *arena, const ConnectorOptions *options, const SecretSource *secret);
