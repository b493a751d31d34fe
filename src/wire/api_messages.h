// Bodies of the HTTP API for people and programs, shared by daypassd and its clients. What belongs
// to the domain travels here as text and plain values; enums as their names.
#pragma once

#include "base/shape.h"

// ---- Signing in -------------------------------------------------------------------------------

typedef struct SignInRequest { // POST /v1/sessions
    const char *principal;
    const char *password;
} SignInRequest;
extern const Shape SIGN_IN_REQUEST_SHAPE;

typedef struct AcceptInvitationRequest { // POST /v1/sessions/invitation
    const char *invitation;              // or the bootstrap token
    const char *principal;
    const char *new_password; // 12 to 256 bytes
} AcceptInvitationRequest;
extern const Shape ACCEPT_INVITATION_REQUEST_SHAPE;

typedef struct SessionReply {
    const char *token;
    const char *principal;
    const char *role;
    int64_t expires_at;
} SessionReply;
extern const Shape SESSION_REPLY_SHAPE;

typedef struct WhoamiReply { // GET /v1/whoami
    const char *principal;
    const char *role;
    StringList groups;
    const char *token; // id
    const char *token_kind;
    StringList scopes;
    int64_t expires_at;
    const char *deployment;
    const char *server_version;
} WhoamiReply;
extern const Shape WHOAMI_REPLY_SHAPE;

typedef struct TokenRequest { // POST /v1/tokens
    const char *label;
    int64_t duration_s; // key "duration"; at most 366d
    StringList scopes;  // "read", "request", "decide", "configure"
} TokenRequest;
extern const Shape TOKEN_REQUEST_SHAPE;

typedef struct TokenView { // GET /v1/tokens; `token` is set only in the answer to POST
    const char *id;
    const char *token;
    const char *kind;
    const char *principal;
    const char *label;
    StringList scopes;
    int64_t created_at;
    int64_t expires_at;
    int64_t last_used_at;
} TokenView;
extern const Shape TOKEN_VIEW_SHAPE;

typedef struct PrincipalView { // GET /v1/principals
    const char *name;
    const char *role;
    bool disabled;
    bool has_password;
    StringList groups;
    StringList aws_identities;
} PrincipalView;
extern const Shape PRINCIPAL_VIEW_SHAPE;

typedef struct PrincipalRequest { // POST /v1/principals; answered by InvitationReply
    const char *name;
    const char *role; // default "member"
} PrincipalRequest;
extern const Shape PRINCIPAL_REQUEST_SHAPE;

typedef struct PrincipalChangeRequest { // POST /v1/principals/{name}: what is absent stays
    const char *role;
    const char *status; // "enabled", "disabled"
} PrincipalChangeRequest;
extern const Shape PRINCIPAL_CHANGE_REQUEST_SHAPE;

typedef struct InvitationReply { // POST /v1/principals/{name}/invitation
    const char *principal;
    const char *invitation;
    int64_t expires_at;
} InvitationReply;
extern const Shape INVITATION_REPLY_SHAPE;

// ---- Configuration ----------------------------------------------------------------------------

typedef struct ApplyRequest {    // POST /v1/apply
    const json_t *configuration; // CONFIGURATION_SHAPE
    bool dry_run;
    bool prune;
} ApplyRequest;
extern const Shape APPLY_REQUEST_SHAPE;

typedef struct ApplyReply {
    bool applied;
    int64_t version;
    const json_t *changes; // array of CHANGE_SHAPE
    StringList warnings;   // "flow shop-read: table schema_app.x does not exist on shop-prod"
} ApplyReply;
extern const Shape APPLY_REPLY_SHAPE;

typedef struct FlowView { // GET /v1/flows, GET /v1/flows/{name}
    const char *name;
    const char *description;
    const char *integration;
    const char *target;  // "postgresql db.internal:5432/shop"
    StringList access;   // lines for people
    int64_t default_s;   // key "default"
    int64_t max_s;       // key "max"
    StringList approval; // "1 of group dba"
    bool reason_required;
    bool may_request; // the caller
} FlowView;
extern const Shape FLOW_VIEW_SHAPE;

typedef struct IntegrationView { // GET /v1/integrations, GET /v1/integrations/{name}
    const char *name;
    const char *kind;
    const char *target;
    const char *connector;
    const char *health; // "ok", "failed", "unknown"
    const char *message;
    int64_t checked_at;
    StringList flows;
    const json_t *checks; // array of CHECK_ITEM_SHAPE; only of a single one
} IntegrationView;
extern const Shape INTEGRATION_VIEW_SHAPE;

typedef struct CheckRequest { // POST /v1/integrations/{name}/check
    bool discover;            // read what there is to grant, too
} CheckRequest;
extern const Shape CHECK_REQUEST_SHAPE;

// ---- Connectors -------------------------------------------------------------------------------

typedef struct InstanceView {
    const char *id;
    const char *host;
    const char *version;
    const char *health; // "ok", "late" (unseen for 60 s), "lost" (10 min)
    int64_t enrolled_at;
    int64_t last_seen_at;
    int64_t clock_difference_ms;
} InstanceView;
typedef struct InstanceViews {
    InstanceView *items;
    size_t count;
} InstanceViews;
extern const Shape INSTANCE_VIEW_SHAPE;

typedef struct ConnectorView { // GET /v1/connectors
    const char *name;
    const char *health; // of its best instance; "never" when none enrolled
    InstanceViews instances;
    StringList integrations;
    int64_t created_at;
} ConnectorView;
extern const Shape CONNECTOR_VIEW_SHAPE;

typedef struct ConnectorRequest { // POST /v1/connectors
    const char *name;
} ConnectorRequest;
extern const Shape CONNECTOR_REQUEST_SHAPE;

typedef struct JoinTokenReply {
    const char *connector;
    const char *join_token;
    int64_t expires_at;
} JoinTokenReply;
extern const Shape JOIN_TOKEN_REPLY_SHAPE;

// ---- Grants -----------------------------------------------------------------------------------

typedef struct GrantRequest { // POST /v1/grants, with an Idempotency-Key header
    const char *flow;
    int64_t duration_s; // key "duration"; absent: the flow's default
    const char *reason;
    const char *public_key; // NULL: only where nothing is delivered
} GrantRequest;
extern const Shape GRANT_REQUEST_SHAPE;

typedef struct NoteRequest { // POST /v1/grants/{id}/approve, deny, cancel, revoke
    const char *note;
} NoteRequest;
extern const Shape NOTE_REQUEST_SHAPE;

typedef struct WriteOffRequest { // POST /v1/grants/{id}/write-off
    const char *reason;
} WriteOffRequest;
extern const Shape WRITE_OFF_REQUEST_SHAPE;

typedef struct ExtendRequest { // POST /v1/grants/{id}/extend
    int64_t duration_s;        // key "duration"
    const char *reason;
} ExtendRequest;
extern const Shape EXTEND_REQUEST_SHAPE;

typedef struct ResetRequest { // POST /v1/grants/{id}/reset
    const char *public_key;
} ResetRequest;
extern const Shape RESET_REQUEST_SHAPE;

typedef struct GrantView { // GET /v1/grants, GET /v1/grants/{id}
    const char *id;
    int64_t version;
    const char *state;
    const char *cause;
    const char *requester;
    const char *flow;
    const char *integration;
    const char *target;
    const char *kind;
    StringList access;
    const char *reason;
    int64_t duration_s; // key "duration"
    int64_t requested_at;
    int64_t lapses_at;
    int64_t approved_at;
    int64_t granted_at;
    int64_t expires_at;
    int64_t ended_at;
    const char *ended_by;
    const char *note;
    const char *account;
    const char *identity; // AWS: ARN of whom it is given to
    const char *public_key;
    const char *needs;   // of a pending one: "1 of group dba"
    StringList waiting;  // names of those who may decide now
    int64_t extension_s; // key "extension"
    const char *extension_state;
    const char *extension_reason;
    const char *trouble;
    bool overdue;            // its revocation takes longer than a minute
    int64_t overdue_since;   // when the access had to be over
    int64_t next_attempt_at; // of a revocation that failed
    bool drifted;
    bool widened; // drifted, to more access than was given
    int64_t drifted_at;
    const json_t *drift;     // array of DRIFT_SHAPE
    StringList may;          // what the caller may do now: "approve", "deny", "cancel", "revoke",
                             // "extend", "credentials", "reset"; "connect" where no
                             // credential is delivered
    const json_t *decisions; // array of DECISION_SHAPE
    const json_t *evidence;  // array of EVIDENCE_SHAPE; only of a single one
} GrantView;
extern const Shape GRANT_VIEW_SHAPE;

typedef struct CredentialsReply { // GET /v1/grants/{id}/credentials; the requester only
    const char *id;
    const char *sealed;
    const char *public_key;
    int64_t expires_at;
} CredentialsReply;
extern const Shape CREDENTIALS_REPLY_SHAPE;

typedef struct OverdueView { // GET /v1/overdue
    const char *grant;
    const char *state;
    const char *account;
    const char *requester;
    const char *flow;
    const char *integration;
    const char *connector;
    int64_t since;
    int64_t attempts;
    int64_t failures;
    const char *trouble;
    const char *waits_for; // "connector", "pause", "report"
    int64_t next_attempt_at;
} OverdueView;
extern const Shape OVERDUE_VIEW_SHAPE;

// ---- Orphans ----------------------------------------------------------------------------------

typedef struct OrphanView { // GET /v1/orphans, GET /v1/orphans/{id}
    const char *id;
    int64_t version;
    const char *kind;
    const char *state;
    const char *account;
    const char *integration;
    const char *connector;
    const char *target;
    const char *why;
    const char *deployment;
    const char *grant_id;
    const char *custodian;
    int64_t expires_at;
    bool can_login;
    int64_t sessions;
    int64_t found_at;
    const char *requested_by;
    int64_t failures;
    const char *trouble;
    bool removable;
    const json_t *obstacles; // array of Obstacle; only of a single one, likewise below
    int64_t inspected_at;
    const json_t *inspection; // ACCOUNT_INSPECTION_SHAPE
} OrphanView;
extern const Shape ORPHAN_VIEW_SHAPE;

typedef struct OrphanRemovalRequest { // POST /v1/orphans/{id}/remove: the mark that was looked at
    const char *grant_id;
    const char *deployment;
} OrphanRemovalRequest;
extern const Shape ORPHAN_REMOVAL_REQUEST_SHAPE;

// ---- Lists ------------------------------------------------------------------------------------

typedef struct ListReply { // every list: {"items": […], "next": cursor or absent}
    const json_t *items;
    const char *next; // pass as ?cursor=
} ListReply;
extern const Shape LIST_REPLY_SHAPE;

typedef struct AuditHeadReply { // GET /v1/audit/head
    int64_t sequence;
    const char *hash;
    const char *signature;
    const char *public_key;
} AuditHeadReply;
extern const Shape AUDIT_HEAD_REPLY_SHAPE;
