// What a flow gives on AWS: connecting to databases as some of their users, sessions on instances,
// or any other actions that the connector's file allows.
#pragma once

#include "base/shape.h"

// rds-db:connect. One of resource, identifier and tag says on which databases.
typedef struct RdsConnect {
    const char *resource;   // "db-…", "cluster-…", "prx-…", or "*": any of the region
    const char *identifier; // of an instance, cluster or proxy
    const char *tag;        // "key=value": every one that has it
    StringList users;       // of the database; "*": any
    // Name of a database integration through which these users' sessions are ended with the grant.
    const char *end_sessions;
} RdsConnect;

// ssm:StartSession. One of instances and tag says where.
typedef struct SsmSession {
    StringList instances; // "i-…", "mi-…"
    const char *tag;      // "key=value"
    StringList documents; // none: SSM-SessionManagerRunShell
} SsmSession;

// Anything else, which the ceiling of the connector's file has to name.
typedef struct AwsAllow {
    StringList actions;   // "s3:GetObject"
    StringList resources; // ARNs, in which * stands for anything
} AwsAllow;

extern const Shape RDS_CONNECT_SHAPE;
extern const Shape SSM_SESSION_SHAPE;
extern const Shape AWS_ALLOW_SHAPE;
extern const char SSM_SHELL_DOCUMENT[]; // "SSM-SessionManagerRunShell"

// "bad_value". An action is "service:Action"; a tag "key=value"; a pattern an ARN in which * stands
// for anything, or * alone.
MUST_USE Status aws_action_check(const char *action, Error *reterr);
MUST_USE Status aws_tag_check(const char *tag, Error *reterr);
MUST_USE Status aws_pattern_check(const char *pattern, Error *reterr);

// "bad_access_item": what is missing or too much.
MUST_USE Status rds_connect_check(const RdsConnect *item, Error *reterr);
MUST_USE Status ssm_session_check(const SsmSession *item, Error *reterr);
// "connect to database orders-db as app_read": one line a person reads.
const char *rds_connect_describe(Arena *arena, const RdsConnect *item);
const char *ssm_session_describe(Arena *arena, const SsmSession *item);
const char *aws_allow_describe(Arena *arena, const AwsAllow *item);
