// One use of a grant on AWS, where people have their credentials already: a token for one of its
// databases, or a session on one of its instances.
#pragma once

#include "cli/aws_access.h"
#include "cli/cli.h"
#include "wire/messages.h"

// The code with which a server says that there is no credential to fetch.
extern const char NOTHING_DELIVERED[];

typedef struct AwsUse {
    GrantView grant;
    const char *profile;  // of AWS's shared config; NULL: none is named
    AwsLogin login;       // of a database
    const char *instance; // NULL: it is a database
    const char *document; // of a session; NULL: the usual shell
    StringList words;     // what does the same: "aws", …
} AwsUse;

// Of an active grant, by the options of the command line.
MUST_USE Status aws_use_choose(Cli *cli, const Invocation *invocation, const char *id,
                               AwsUse *ret_use, Error *reterr);
// Becomes the AWS CLI, in a session; `more` are further words for it. "no_client".
MUST_USE Status aws_session_start(Cli *cli, const AwsUse *use, const StringList *more,
                                  Error *reterr);
// What starts that session, as text or JSON to `out`. `format` may be NULL.
MUST_USE Status aws_session_print(Cli *cli, const AwsUse *use, const char *format, Error *reterr);

// For `daypass show`: what it was given on, and the AWS CLI's words. Nothing of other grants.
MUST_USE Status aws_grant_print(Cli *cli, const GrantView *grant, Error *reterr);
