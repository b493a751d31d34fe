// What a grant on AWS gives, as its connector found it: databases that take a token, and instances
// that sessions are opened on; and the one of them that somebody means.
#pragma once

#include "cli/invocation.h"
#include "domain/aws_resource.h"
#include "wire/api_messages.h"

// By the last time it was given or extended; one resource an id. None: it gives other actions
// alone. "bad_answer" for evidence that cannot be read.
MUST_USE Status aws_access_read(Arena *arena, const GrantView *grant, AwsResources *ret_resources,
                                Error *reterr);
bool aws_resource_is_database(const AwsResource *resource);
// "orders-db", or its id where it has no other name.
const char *aws_resource_name(const AwsResource *resource);

// A line to warn with where the connector found that nobody gets in this way; NULL: it did not. Of
// a database that it could not read nothing is known.
const char *aws_resource_warning(Arena *arena, const AwsResource *resource);

// What the command line says. NULL and 0: nothing.
typedef struct AwsChoice {
    const char *resource; // id or identifier
    const char *user;     // of the database, likewise below
    const char *host;
    int64_t port;
    const char *engine;
    const char *database;
    const char *document; // of a session
    const char *profile;
} AwsChoice;
MUST_USE Status aws_choice_read(const Invocation *invocation, AwsChoice *ret_choice, Error *reterr);
// Such an option where the grant is on something else.
MUST_USE Status aws_options_refuse(const Invocation *invocation, Error *reterr);

// "nothing_to_connect_to", "several_resources", "no_such_resource".
MUST_USE Status aws_resource_choose(Arena *arena, const GrantView *grant,
                                    const AwsResources *resources, const AwsChoice *choice,
                                    const AwsResource **ret_resource, Error *reterr);

// Where and as whom one connects to a database: all of it is there.
typedef struct AwsLogin {
    const AwsResource *resource;
    const char *host;
    int64_t port;
    const char *engine; // "postgresql", "mysql", "mariadb"
    const char *database;
    const char *user;
    const char *region;
} AwsLogin;
// "several_users", "no_such_user", "no_endpoint", "unsupported_engine".
MUST_USE Status aws_login_choose(Arena *arena, const AwsResource *resource, const AwsChoice *choice,
                                 AwsLogin *ret_login, Error *reterr);
// Where the certificates are to be had that vouch for databases of RDS in that region.
const char *aws_authority_hint(Arena *arena, const char *region);
// The document of a session; NULL: the usual shell. "several_documents", "no_such_document".
MUST_USE Status aws_document_choose(Arena *arena, const AwsResource *resource,
                                    const AwsChoice *choice, const char **ret_document,
                                    Error *reterr);

// "bad_answer" where an id, region or document would be something else to the AWS CLI, such as an
// option: a control plane that was taken over chooses nothing on this machine.
MUST_USE Status aws_session_check(const AwsResource *instance, const char *document, Error *reterr);

// What the AWS CLI would do, word for word: "aws", "rds", "generate-db-auth-token", …
StringList aws_token_words(Arena *arena, const AwsLogin *login, const char *profile);
StringList aws_session_words(Arena *arena, const AwsResource *instance, const char *document,
                             const char *profile);
// One line for a shell.
const char *aws_words_line(Arena *arena, const StringList *words);
