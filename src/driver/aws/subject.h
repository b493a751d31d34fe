// Who a policy is put on: a user or role of IAM, as IAM knows it.
#pragma once

#include "driver/aws/operation.h"
#include "driver/aws/policy_name.h"

typedef struct Subject {
    bool is_role;
    const char *name; // without path
    const char *arn;
    const char *id;       // IAM's, of this one alone, also after another of its name: "AIDA…"
    StringList tags;      // "key=value"
    const char *boundary; // ARN; NULL: none
} Subject;

// *ret_subject is NULL where there is none of that name.
MUST_USE Status aws_subject_read(Operation *operation, const AwsAccountName *name,
                                 const Subject **ret_subject, Error *reterr);
// Out of <User> or <Role> of any answer of IAM's. NULL: it is none.
const Subject *aws_subject_of(Arena *arena, bool is_role, const XmlNode *node);
// "user/jane"
const char *aws_subject_words(Arena *arena, const AwsAccountName *name);

// An inline policy of a grant, by its name.
typedef struct GrantPolicy {
    const char *name;
    AccountMark mark;
    const char *document; // NULL: not read
} GrantPolicy;
typedef struct GrantPolicies {
    GrantPolicy *items;
    size_t count;
    bool subject_gone; // there is no such user or role
    bool strangers;    // policies of this grant's name by another installation
} GrantPolicies;

// Names of all its inline policies; *ret_gone: there is no such user or role.
MUST_USE Status aws_policies_names(Operation *operation, const AwsAccountName *name,
                                   StringList *ret_names, bool *ret_gone, Error *reterr);
// Those of the plan's grant, without documents.
MUST_USE Status aws_policies_of_grant(Operation *operation, const AwsAccountName *name,
                                      const Plan *plan, GrantPolicies *ret_policies, Error *reterr);
// The same for taking back, which has to come to an end also where the connector's rights do not
// reach the subject, or no longer: its policies are then read in the list of all.
MUST_USE Status aws_policies_left(Operation *operation, const AwsAccountName *name,
                                  const Plan *plan, GrantPolicies *ret_policies, Error *reterr);
// *ret_document is NULL where there is none of that name, or no such subject.
MUST_USE Status aws_policy_get(Operation *operation, const AwsAccountName *name, const char *policy,
                               const char **ret_document, Error *reterr);
// Fills in the documents, and leaves out those that went meanwhile.
MUST_USE Status aws_policies_read(Operation *operation, const AwsAccountName *name,
                                  GrantPolicies *policies, Error *reterr);

// Puts it and reads it back until it is there as it was put. An answer that never came is none.
MUST_USE Status aws_policy_put(Operation *operation, const AwsAccountName *name, const char *policy,
                               const char *document, int64_t deadline_ms, Error *reterr);
// Deletes it, and sees it gone.
MUST_USE Status aws_policy_delete(Operation *operation, const AwsAccountName *name,
                                  const char *policy, Error *reterr);
