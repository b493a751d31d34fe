// What administrators declare about access: integrations and access flows.
#pragma once

#include "domain/access_item.h"
#include "domain/plan.h"
#include "domain/principal.h"

typedef struct Integration {
    const char *name;
    const char *connector;
    int kind; // TargetKind; with host … tls the target's address, flat as people write it
    const char *host;
    int64_t port;
    const char *database;
    int tls;
    const AwsAddress *aws;
    const char *identity; // AWS: template of the identity of who has none of the account
    const char *admin_secret;
    int privilege_mode; // default PRIVILEGE_AUTO
    const char *custodian;
    bool require_tls;           // logins of accounts without TLS are refused
    int64_t connection_limit;   // default 10; 0: none
    const char *account_prefix; // default "temp_"
} Integration;
typedef struct Integrations {
    Integration *items;
    size_t count;
} Integrations;
extern const Shape INTEGRATION_SHAPE;
// With the usual database of the kind where it names none.
TargetAddress integration_target(const Integration *integration);

typedef struct DurationRule {
    int64_t default_s; // key "default"; 0: the maximum, when it is below 1 h, or 1 h
    int64_t max_s;     // key "max"; required
} DurationRule;

// One step of approval. Exactly one of any_of, all_of, automatic.
typedef struct ApprovalStep {
    const Subjects *any_of; // `count` different people out of these
    const Subjects *all_of; // everyone named, and `count` people of each group named
    int64_t count;          // default 1
    bool automatic;         // key "auto": true; approves at once, and the record says so
} ApprovalStep;
typedef struct ApprovalSteps {
    ApprovalStep *items;
    size_t count;
} ApprovalSteps;

typedef enum ReasonRule { REASON_OPTIONAL, REASON_REQUIRED } ReasonRule;
extern const EnumTable REASON_RULES; // "optional", "required"

typedef enum ExtensionRule { EXTENSION_APPROVAL, EXTENSION_AUTO, EXTENSION_NEVER } ExtensionRule;
extern const EnumTable EXTENSION_RULES; // "approval" (decided again), "auto", "never"

typedef struct Flow {
    const char *name;
    const char *description;
    const char *integration;
    const Subjects *requesters;
    AccessItems access;       // key "grants"
    const char *account_host; // where the account may log in from: a pattern, or "requester"
    const DurationRule *duration;
    ApprovalSteps approval;
    int reason;            // default optional
    int64_t lapse_after_s; // key "lapse_after"; default 24h: for deciding, and again for using
    int extension;         // default approval
    bool self_approval;    // key "self_approval"; default false: nobody decides their own request
} Flow;
typedef struct Flows {
    Flow *items;
    size_t count;
} Flows;
extern const Shape FLOW_SHAPE;
extern const Shape APPROVAL_STEP_SHAPE;

// Beyond the shape: default above max, an empty approval list, steps that name nobody. Pointers in
// errors are relative to the flow.
MUST_USE Status flow_check(const Flow *flow, Error *reterr);
// What it gives can be given on this kind of target.
MUST_USE Status flow_check_kind(const Flow *flow, TargetKind kind, Error *reterr);
// What one of its entries names in end_sessions: `database` may be NULL, which is not there.
MUST_USE Status session_ending_check(const Integration *integration, const RdsConnect *item,
                                     const Integration *database, Error *reterr);
extern const char ACCOUNT_HOST_REQUESTER[]; // "requester": the address the request came from
MUST_USE Status integration_check(const Integration *integration, Error *reterr);

// Duration for a request: wanted_s or, when 0, the flow's default. "duration_too_long" names the
// max.
MUST_USE Status flow_duration(const Flow *flow, int64_t wanted_s, int64_t *ret_duration_s,
                              Error *reterr);
