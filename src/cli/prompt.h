// Questions to the person at the terminal. None of them is asked without one.
#pragma once

#include "base/secret.h"
#include "cli/cli.h"

// "not_a_terminal" when nobody can be asked; `instead` says what to give then.
MUST_USE Status prompt_text(Cli *cli, const char *question, const char *preset, const char *instead,
                            const char **ret_text, Error *reterr);
// Whether an answer is a good one; what it means goes into `context`.
typedef Status PromptCheck(Cli *cli, const char *answer, void *context, Error *reterr);
// Asks again, saying why, until the check is content; gives up after a few answers.
MUST_USE Status prompt_checked(Cli *cli, const char *question, const char *preset,
                               const char *instead, PromptCheck *check, void *context,
                               Error *reterr);
// Without echo.
MUST_USE Status prompt_secret(Cli *cli, const char *question, const char *instead,
                              Secret **ret_secret, Error *reterr);
// Twice, and the same both times; one shorter than `least` bytes is refused at once.
MUST_USE Status prompt_new_secret(Cli *cli, const char *question, size_t least, const char *instead,
                                  Secret **ret_secret, Error *reterr);
// From a file ("-": standard input), which must be private.
MUST_USE Status prompt_secret_file(Cli *cli, const char *path, Secret **ret_secret, Error *reterr);
