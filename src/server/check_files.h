// For --check-config: what the configuration names on this host, opened as daypassd would.
#pragma once

#include "server/server_options.h"

// The state folder and its keys where they are there already, and certificate and key of TLS: that
// they belong together and are good today. Changes nothing.
MUST_USE Status check_files(Arena *arena, const ServerOptions *options, Error *reterr);
