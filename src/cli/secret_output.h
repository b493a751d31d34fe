// Single-use secrets that the server shows once: to a private file, or to whoever asked.
#pragma once

#include "cli/cli.h"

// With path: a new file of mode 0600, and a note that says where it is. Without: a line of `out`.
MUST_USE Status secret_put(Cli *cli, const char *path, const char *secret, Error *reterr);
