// Questions to the person at the terminal. None of them is asked without one.
#pragma once

#include "base/secret.h"
#include "cli/cli.h"

// "not_a_terminal" when nobody can be asked; `instead` says what to give then.
MUST_USE Status prompt_text(Cli *cli, const char *question, const char *preset, const char *instead,
                            const char **ret_text, Error *reterr);
// Without echo.
MUST_USE Status prompt_secret(Cli *cli, const char *question, const char *instead,
                              Secret **ret_secret, Error *reterr);
// Twice, and the same both times.
MUST_USE Status prompt_new_secret(Cli *cli, const char *question, const char *instead,
                                  Secret **ret_secret, Error *reterr);
// From a file ("-": standard input), which must be private.
MUST_USE Status prompt_secret_file(Cli *cli, const char *path, Secret **ret_secret, Error *reterr);
