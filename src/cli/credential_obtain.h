// The credential of a grant, fetched and opened with the key that is on this machine.
#pragma once

#include "cli/cli.h"
#include "wire/messages.h"

// `reset`: a new password, sealed to a new key.
MUST_USE Status credential_obtain(Cli *cli, const char *id, bool reset, Credential *ret_credential,
                                  Error *reterr);
