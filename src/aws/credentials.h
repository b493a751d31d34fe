// AWS credentials: an access key, its secret, and for temporary ones a session token and an end.
#pragma once

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/secret.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct AwsCredentials {
    char *access_key_id;   // no secret, but nobody's business either: not for messages
    Secret *secret_key;    //
    Secret *session_token; // NULL: a user's own, lasting key
    int64_t expires_at;    // 0: do not end by themselves
    char *account;         // NULL: the source did not say
    char *source;          // where they are from, for messages: "environment", "profile dev", …
} AwsCredentials;

// Checks what would become header lines: "bad_credentials" for a key, secret or token that is
// empty, too long or holds what none has. The message says which, and nothing of its content.
MUST_USE Status aws_credentials_new(const char *source, const char *access_key_id,
                                    const char *secret_key, const char *session_token,
                                    int64_t expires_at, AwsCredentials **ret_credentials,
                                    Error *reterr);
// Whose they are, as somebody wrote down beside them, where the source itself did not say. NULL,
// and what is no account, say nothing: other programs use such variables in their own ways.
void aws_credentials_note_account(AwsCredentials *credentials, const char *account);
AwsCredentials *aws_credentials_copy(const AwsCredentials *credentials);
AwsCredentials *aws_credentials_free(AwsCredentials *credentials);
DEFINE_CLEANUP(AwsCredentials, aws_credentials_free)

// The JSON in which they come from a program (SessionToken) or an endpoint (Token):
// {"AccessKeyId": …, "SecretAccessKey": …, "Expiration": …, "AccountId": …}. "bad_credentials".
MUST_USE Status aws_credentials_parse(const char *source, const char *bytes, size_t length,
                                      AwsCredentials **ret_credentials, Error *reterr);
