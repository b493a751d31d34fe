// For check-config: what the configuration names on this host, opened as the connector would.
#pragma once

#include "connector/connector_options.h"

// The state folder and its key where they are there already, files of authorities, and where each
// secret is kept; programs that print one are not run. Names everything that is wrong on standard
// error, and fails with "bad_files" then.
MUST_USE Status check_files(Arena *arena, const ConnectorOptions *options, Error *reterr);
