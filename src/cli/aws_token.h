// The password of a database on RDS, made here from the person's own AWS credentials, as a
// credential like those that connectors deliver.
#pragma once

#include "cli/aws_access.h"
#include "cli/cli.h"
#include "wire/messages.h"

// Asks nobody but where the credentials are from. It ends with the token, or the grant before.
// "no_aws_credentials", "aws_credentials_expired", "other_aws_account", "no_region"; "no_aws" in a
// build without AWS.
MUST_USE Status aws_token_make(Cli *cli, const GrantView *grant, const AwsLogin *login,
                               const char *profile, Credential *ret_credential, Error *reterr);
