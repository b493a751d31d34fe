// What the names in a plan stand for at this moment: resources with their ARNs.
#pragma once

#include "driver/aws/operation.h"
#include "driver/aws/policy.h"

typedef struct Resolved {
    PolicyItems items;
    AwsResources resources; // with users and documents that are granted
    // By place in `resources`, of those found by tag: what a policy knows it by; of others "".
    StringList tagged_ids;
} Resolved;

// FAILURE_NOT_FOUND "resource_not_found": nothing is called so.
MUST_USE Status aws_resolve(Operation *operation, const AccessItems *access, Resolved *ret_resolved,
                            Error *reterr);

// Each entry by itself, whatever becomes of the others. `resolved` is NULL where it failed: then
// evidence.failure says how.
typedef void AwsResolveTold(void *context, const AccessItem *item, const PolicyItem *resolved,
                            const Error *error);
void aws_resolve_each(Operation *operation, const AccessItems *access, AwsResolveTold *told,
                      void *context);

// Leaves of what was found by tag only what is in `had`, ARNs of an earlier policy: an extension
// gives nothing more.
void aws_resolved_keep(Arena *arena, Resolved *resolved, const StringList *had);

// "arn:aws:rds-db:REGION:ACCOUNT:dbuser:RESOURCE/USER"
const char *aws_database_user_arn(Arena *arena, const char *partition, const AwsAddress *address,
                                  const char *resource, const char *user);
// Of EC2, or managed by Systems Manager ("mi-…").
const char *aws_instance_arn(Arena *arena, const char *partition, const AwsAddress *address,
                             const char *instance);
// AWS's own documents belong to no account.
const char *aws_document_arn(Arena *arena, const char *partition, const AwsAddress *address,
                             const char *document);
