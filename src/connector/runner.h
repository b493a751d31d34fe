// `daypass-connector run`: the threads, the poll loop, and their orderly end.
#pragma once

#include "base/error.h"
#include "connector/connector_options.h"

// Runs until SIGTERM or SIGINT.
MUST_USE Status runner_run(const ConnectorOptions *options, Error *reterr);
