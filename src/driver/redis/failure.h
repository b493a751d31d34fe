// What an error reply of the server means: its first word is the code, as the protocol has it.
#pragma once

#include "domain/outcome.h"

#include <stddef.h>

typedef struct RedisFailure {
    FailureClass failure;
    const char *code;   // stable: "target_not_ready"
    const char *reason; // what a person reads after "Redis refused …: "
} RedisFailure;

enum { REDIS_CODE_SIZE = 32 };

// Of an error reply such as "NOPERM this user has no …". `code` gets its first word.
const RedisFailure *redis_failure_of(const char *error, char code[REDIS_CODE_SIZE]);
// The rule that ACL SETUSER did not know: "+nosuch" of "ERR Error in ACL SETUSER modifier
// '+nosuch': …". False where the error is no such, or the rule is one that must not be shown.
bool redis_failure_rule(const char *error, char *rule, size_t size);
// Whether ACL SAVE said that the server has no file for its accounts.
bool redis_failure_is_no_acl_file(const char *error);
