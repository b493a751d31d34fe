// The rules of ACL SETUSER that make an account what its plan says. Pure: nothing is sent.
// https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/
#pragma once

#include "base/secret.h"
#include "domain/plan.h"

typedef struct RuleContext {
    int version;                 // of the server, 70015
    const StringList *dangerous; // ACL CAT admin: commands that no account is given
    const char *database;        // "0"
} RuleContext;

// "#" and the hash of the password in hex: the server never sees the password.
char *redis_rule_password(Arena *arena, const Secret *password);

// What the items mean, as rules for an account that has none: keys, channels, commands, and from
// Redis 7 on selectors, which hold commands to the keys of their own item. Channels stand without
// the mark. STATUS_UNSUPPORTED "target_unsupported" where the server has no way to say it;
// STATUS_INVALID "bad_access_item" for a command of an administrator.
MUST_USE Status redis_rules_of(Arena *arena, const RuleContext *context, const AccessItems *items,
                               StringList *ret_rules, Error *reterr);

// The mark of an account is a pattern of a channel that nobody publishes to, so that it is part of
// the account: "&daypass:" KEY ":" the mark's text in base64url. The key is drawn anew for each
// account made, and tells it from others of its name.
const char *redis_mark_rule(Arena *arena, const char *key, const char *mark_text);
// False: it is no mark.
bool redis_mark_parse(Arena *arena, const char *rule, const char **ret_key, const char **ret_text);
const char *redis_mark_key_new(Arena *arena);
