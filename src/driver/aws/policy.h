// The inline policy of a grant: its document, built from what the plan's names turned out to be,
// and what there is to be read in one that is on AWS. Pure.
#pragma once

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "domain/account_state.h"
#include "driver/account_mark.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum PolicyItemKind {
    POLICY_RDS_CONNECT,
    POLICY_SSM_SESSION,
    POLICY_ALLOW,
} PolicyItemKind;

// One item of a plan, with everything in it an ARN.
typedef struct PolicyItem {
    PolicyItemKind kind;
    StringList actions; // of POLICY_ALLOW; the others have their own
    StringList resources;
    bool by_tag; // they are what had a tag when it was looked up
} PolicyItem;
typedef struct PolicyItems {
    PolicyItem *items;
    size_t count;
} PolicyItems;

typedef struct PolicyOrder {
    const char *partition;
    bool is_role;
    // "AROA…:jane": one session of a role, whose statements hold for nobody else in it; NULL:
    // whoever the policy is put on.
    const char *user_id;
    int64_t expires_at; // whole seconds
    const PolicyItems *items;
} PolicyOrder;

// Characters of all inline policies together, blanks not counted.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
enum { AWS_USER_POLICIES_MAX = 2048, AWS_ROLE_POLICIES_MAX = 10240 };

// "policy_too_large": it alone is more than AWS takes.
MUST_USE Status aws_policy_build(Arena *arena, const PolicyOrder *order, const char **ret_document,
                                 Error *reterr);
// AWS itself ends all of it: every statement has a date.
bool aws_policy_ends_itself(const PolicyItems *items);

// What a document says.
typedef struct PolicyFacts {
    bool readable;
    bool allows;      // anything
    bool rds;         // rds-db:connect
    bool sessions;    // ssm:StartSession
    int64_t ends_at;  // AWS honours nothing of it from then on; 0: never. What AWS cannot be made
                      // to end, rds-db:connect, does not count.
    bool ends;        // there is something that counts
    StringList lines; // "rds-db:connect on arn:…"
    StringList resources; // of all statements that can be read
    StringList instances; // ids, of ssm:StartSession
    const char *user_id;  // "AROA…:jane" of the first statement that has one; NULL: none
} PolicyFacts;
PolicyFacts aws_policy_read(Arena *arena, const char *document);
// The same, whatever the order of keys and the blanks.
bool aws_policy_equal(Arena *arena, const char *one, const char *other);
// Nothing but statements of the forms that aws_policy_build writes, whatever their dates;
// `allowed`: actions beside those of databases and sessions. What somebody else wrote is never put
// again.
bool aws_policy_is_ours(Arena *arena, const char *document, const StringList *allowed);
// With no date later than this one, and dates where aws_policy_read misses them. Of ours alone.
const char *aws_policy_restrained(Arena *arena, const char *document, int64_t expires_at);

// `id`: IAM's of the user or role.
const AccountState *aws_policy_state(Arena *arena, const char *id, const AccountMark *mark,
                                     const PolicyFacts *facts);
