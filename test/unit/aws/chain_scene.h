// A machine on which nothing of AWS is set up: an empty home, and no variable of AWS's.
#pragma once

#include "aws/provider.h"
#include "scripted.h"

#include <stdbool.h>

// For cmocka's setup and teardown of each test.
int machine_start(void **state);
int machine_stop(void **state);
// "aws/config", "token": in the home.
const char *machine_file(const char *name, const char *text);
// Makes ~/.aws/config and ~/.aws/credentials; NULL: not there.
void machine_profiles(const char *config, const char *credentials);

// The provider of these options gives credentials of that key and source.
void machine_gives(const AwsProviderOptions *options, const char *key_id, const char *source);
// And they say that they are of this account; NULL: of none.
void machine_gives_account(const AwsProviderOptions *options, const char *account);
// It fails so, the message has that part in it, and nothing that begins with "hidden".
void machine_fails(const AwsProviderOptions *options, Status status, const char *code,
                   const char *message_part);

// What STS answers: credentials of that key with a token, for an hour.
const char *machine_sts_answer(const char *action, const char *key_id);
// What an endpoint for credentials answers.
const char *machine_json_answer(const char *key_id);
