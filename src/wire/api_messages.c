#include "wire/api_messages.h"

// Bounds of what comes in. Of what goes out they are only high enough for a client to read it.
enum {
    NAME_MAX_BYTES = 128,
    TEXT_MAX_BYTES = 1000, // reasons and notes
    LABEL_MAX_BYTES = 200,
    PUBLIC_KEY_MAX_BYTES = 64,
    TOKEN_MAX_BYTES = 128,
    SEALED_MAX_BYTES = 65536,
    MESSAGE_MAX_BYTES = 16384,
    PASSWORD_MIN_BYTES = 12,
    PASSWORD_MAX_BYTES = 256,
    TOKEN_MAX_S = 366 * 24 * 3600,
};

// ---- Signing in -------------------------------------------------------------------------------

static const Field SIGN_IN_REQUEST_FIELDS[] = {
    {FIELD(SignInRequest, principal, STRING), .required = true, .min = 1, .max = NAME_MAX_BYTES,
     .help = "Name of the principal who signs in"},
    {FIELD(SignInRequest, password, STRING), .required = true, .secret = true, .min = 1,
     .max = PASSWORD_MAX_BYTES, .help = "The principal's password"},
};
const Shape SIGN_IN_REQUEST_SHAPE =
    SHAPE("SignInRequest", SignInRequest, SIGN_IN_REQUEST_FIELDS, "Signing in with a password");

static const Field ACCEPT_INVITATION_REQUEST_FIELDS[] = {
    {FIELD(AcceptInvitationRequest, invitation, STRING), .required = true, .secret = true, .min = 1,
     .max = TOKEN_MAX_BYTES,
     .help = "The invitation, or the bootstrap token of a new installation"},
    {FIELD(AcceptInvitationRequest, principal, STRING), .required = true, .min = 1,
     .max = NAME_MAX_BYTES, .help = "Name of the principal who is invited"},
    {FIELD(AcceptInvitationRequest, new_password, STRING), .required = true, .secret = true,
     .min = PASSWORD_MIN_BYTES, .max = PASSWORD_MAX_BYTES,
     .help = "The password to sign in with from now on"},
};
const Shape ACCEPT_INVITATION_REQUEST_SHAPE =
    SHAPE("AcceptInvitationRequest", AcceptInvitationRequest, ACCEPT_INVITATION_REQUEST_FIELDS,
          "Choosing a password with an invitation, which is used up by it");

static const Field SESSION_REPLY_FIELDS[] = {
    {FIELD(SessionReply, token, STRING), .required = true, .secret = true,
     .help = "The session's token: send it as Authorization: Bearer …"},
    {FIELD(SessionReply, principal, STRING), .required = true, .help = "Who is signed in"},
    {FIELD(SessionReply, role, STRING), .required = true,
     .help = "Role: member, auditor or administrator"},
    {FIELD(SessionReply, expires_at, TIME), .help = "When the session ends"},
};
const Shape SESSION_REPLY_SHAPE =
    SHAPE("Session", SessionReply, SESSION_REPLY_FIELDS, "A session that has begun");

static const Field WHOAMI_REPLY_FIELDS[] = {
    {FIELD(WhoamiReply, principal, STRING), .required = true, .help = "Who asks"},
    {FIELD(WhoamiReply, role, STRING), .required = true,
     .help = "Role: member, auditor or administrator"},
    {FIELD(WhoamiReply, groups, STRINGS), .help = "Groups the principal is a member of"},
    {FIELD(WhoamiReply, token, STRING), .help = "Id of the token that was used"},
    {FIELD(WhoamiReply, token_kind, STRING), .help = "Kind of the token: session or personal"},
    {FIELD(WhoamiReply, scopes, STRINGS), .help = "What the token may be used for"},
    {FIELD(WhoamiReply, expires_at, TIME), .help = "When the token ends"},
    {FIELD(WhoamiReply, deployment, STRING), .help = "Id of this installation of Daypass"},
    {FIELD(WhoamiReply, server_version, STRING), .help = "Version of daypassd"},
};
const Shape WHOAMI_REPLY_SHAPE = SHAPE("Whoami", WhoamiReply, WHOAMI_REPLY_FIELDS,
                                       "Who the caller is and what the token allows");

static const char *const SCOPE_NAMES[] = {"read", "request", "decide", "configure"};
static const EnumTable SCOPES = {"scope", SCOPE_NAMES, COUNT_OF(SCOPE_NAMES)};

static const Field TOKEN_REQUEST_FIELDS[] = {
    {FIELD(TokenRequest, label, STRING), .required = true, .min = 1, .max = LABEL_MAX_BYTES,
     .help = "What the token is for"},
    {FIELD_NAMED("duration", TokenRequest, duration_s, DURATION), .required = true, .min = 1,
     .max = TOKEN_MAX_S, .help = "How long the token lives, at most 366d"},
    {FIELD(TokenRequest, scopes, STRINGS), .required = true, .min = 1, .max = 4, .names = &SCOPES,
     .help = "What the token may be used for"},
};
const Shape TOKEN_REQUEST_SHAPE =
    SHAPE("TokenRequest", TokenRequest, TOKEN_REQUEST_FIELDS, "Making a personal token");

static const Field TOKEN_VIEW_FIELDS[] = {
    {FIELD(TokenView, id, STRING), .required = true, .help = "Id of the token; not secret"},
    {FIELD(TokenView, token, STRING), .secret = true,
     .help = "The token itself; shown once, when it is made"},
    {FIELD(TokenView, kind, STRING), .required = true,
     .help = "Kind: session, personal, invitation or join"},
    {FIELD(TokenView, principal, STRING),
     .help = "Whose it is; the connector's name of a join token"},
    {FIELD(TokenView, label, STRING), .help = "What the token is for"},
    {FIELD(TokenView, scopes, STRINGS), .help = "What the token may be used for"},
    {FIELD(TokenView, created_at, TIME), .help = "When it was made"},
    {FIELD(TokenView, expires_at, TIME), .help = "When it ends"},
    {FIELD(TokenView, last_used_at, TIME), .help = "When it was last used, to the minute"},
};
const Shape TOKEN_VIEW_SHAPE =
    SHAPE("Token", TokenView, TOKEN_VIEW_FIELDS, "A token; its text is never shown again");

static const Field PRINCIPAL_VIEW_FIELDS[] = {
    {FIELD(PrincipalView, name, STRING), .required = true, .help = "Name of the principal"},
    {FIELD(PrincipalView, role, STRING), .required = true,
     .help = "Role: member, auditor or administrator"},
    {FIELD(PrincipalView, disabled, BOOL), .help = "Cannot sign in and decides nothing"},
    {FIELD(PrincipalView, has_password, BOOL), .help = "Has chosen a password"},
    {FIELD(PrincipalView, groups, STRINGS), .help = "Groups the principal is a member of"},
    {FIELD(PrincipalView, aws_identities, STRINGS),
     .help = "ARNs of who they are to AWS, one for each account"},
};
const Shape PRINCIPAL_VIEW_SHAPE = SHAPE("PrincipalView", PrincipalView, PRINCIPAL_VIEW_FIELDS,
                                         "A person or machine known to Daypass");

static const char *const ROLE_NAMES[] = {"member", "auditor", "administrator"};
static const char ROLE_HELP[] = "Role: member, auditor or administrator";

static Status role_check(const char *text, Error *reterr) {
    for (size_t i = 0; i < COUNT_OF(ROLE_NAMES); i++)
        if (text_equal(text, ROLE_NAMES[i]))
            return STATUS_OK;
    return error_set(reterr, STATUS_INVALID, "bad_value",
                     "expected one of member, auditor or administrator");
}

static Status principal_status_check(const char *text, Error *reterr) {
    if (text_equal(text, "enabled") || text_equal(text, "disabled"))
        return STATUS_OK;
    return error_set(reterr, STATUS_INVALID, "bad_value", "expected one of enabled or disabled");
}

static const Field PRINCIPAL_REQUEST_FIELDS[] = {
    {FIELD(PrincipalRequest, name, STRING), .required = true, .min = 1, .max = NAME_MAX_BYTES,
     .help = "Name of the principal: an address or a word"},
    {FIELD(PrincipalRequest, role, STRING), .check = role_check, .default_text = "member",
     .help = ROLE_HELP},
};
const Shape PRINCIPAL_REQUEST_SHAPE =
    SHAPE("PrincipalRequest", PrincipalRequest, PRINCIPAL_REQUEST_FIELDS, "Adding a principal");

static const Field PRINCIPAL_CHANGE_REQUEST_FIELDS[] = {
    {FIELD(PrincipalChangeRequest, role, STRING), .check = role_check, .help = ROLE_HELP},
    {FIELD(PrincipalChangeRequest, status, STRING), .check = principal_status_check,
     .help = "enabled, or disabled: cannot sign in and decides nothing"},
};
const Shape PRINCIPAL_CHANGE_REQUEST_SHAPE =
    SHAPE("PrincipalChangeRequest", PrincipalChangeRequest, PRINCIPAL_CHANGE_REQUEST_FIELDS,
          "Changing a principal; what is absent stays as it is");

static const Field INVITATION_REPLY_FIELDS[] = {
    {FIELD(InvitationReply, principal, STRING), .required = true, .help = "Who is invited"},
    {FIELD(InvitationReply, invitation, STRING), .required = true, .secret = true,
     .help = "To be handed to the principal, who chooses a password with it; works once"},
    {FIELD(InvitationReply, expires_at, TIME), .help = "When the invitation ends"},
};
const Shape INVITATION_REPLY_SHAPE = SHAPE("Invitation", InvitationReply, INVITATION_REPLY_FIELDS,
                                           "An invitation to choose a password");

// ---- Configuration ----------------------------------------------------------------------------

static const Field APPLY_REQUEST_FIELDS[] = {
    {FIELD(ApplyRequest, configuration, JSON), .required = true,
     .help = "What is declared: principals, groups, integrations and flows"},
    {FIELD(ApplyRequest, dry_run, BOOL), .default_text = "false",
     .help = "Only say what would change"},
    {FIELD(ApplyRequest, prune, BOOL), .default_text = "false",
     .help =
         "Delete what is not declared, of the types that are declared at all; never principals"},
};
const Shape APPLY_REQUEST_SHAPE = SHAPE("ApplyRequest", ApplyRequest, APPLY_REQUEST_FIELDS,
                                        "A declaration to be applied at once");

static const Field APPLY_REPLY_FIELDS[] = {
    {FIELD(ApplyReply, applied, BOOL), .help = "False of a dry run, or when nothing changes"},
    {FIELD(ApplyReply, version, INT), .help = "Version of the configuration afterwards"},
    {FIELD(ApplyReply, changes, JSON), .help = "What changes, in the order it is applied"},
    {FIELD(ApplyReply, warnings, STRINGS), .help = "What is allowed and yet probably a mistake"},
};
const Shape APPLY_REPLY_SHAPE =
    SHAPE("ApplyReply", ApplyReply, APPLY_REPLY_FIELDS, "What a declaration changes");

static const Field FLOW_VIEW_FIELDS[] = {
    {FIELD(FlowView, name, STRING), .required = true, .help = "Name of the flow"},
    {FIELD(FlowView, description, STRING), .max = TEXT_MAX_BYTES, .help = "What it is for"},
    {FIELD(FlowView, integration, STRING), .help = "Name of the integration it gives access to"},
    {FIELD(FlowView, target, STRING), .help = "Kind and address of the target"},
    {FIELD(FlowView, access, STRINGS), .help = "What exactly one gets"},
    {FIELD_NAMED("default", FlowView, default_s, DURATION),
     .help = "How long it lasts when nothing else is asked for"},
    {FIELD_NAMED("max", FlowView, max_s, DURATION), .help = "How long it lasts at most"},
    {FIELD(FlowView, approval, STRINGS), .help = "Who approves, step by step"},
    {FIELD(FlowView, reason_required, BOOL), .help = "A request must say why"},
    {FIELD(FlowView, may_request, BOOL), .help = "The caller may request it"},
};
const Shape FLOW_VIEW_SHAPE = SHAPE("FlowView", FlowView, FLOW_VIEW_FIELDS,
                                    "An access flow, as somebody sees who asks for it");

static const Field INTEGRATION_VIEW_FIELDS[] = {
    {FIELD(IntegrationView, name, STRING), .required = true, .help = "Name of the integration"},
    {FIELD(IntegrationView, kind, STRING), .help = "Kind of target"},
    {FIELD(IntegrationView, target, STRING), .help = "Kind and address of the target"},
    {FIELD(IntegrationView, connector, STRING), .help = "Name of the connector that serves it"},
    {FIELD(IntegrationView, health, STRING), .help = "ok, failed, or unknown: never checked"},
    {FIELD(IntegrationView, message, STRING), .max = MESSAGE_MAX_BYTES,
     .help = "What the last check said"},
    {FIELD(IntegrationView, checked_at, TIME), .help = "When it was last checked"},
    {FIELD(IntegrationView, flows, STRINGS), .max = 10000, .help = "Flows that give access to it"},
    {FIELD(IntegrationView, checks, JSON), .help = "The last check's items; only of a single one"},
};
const Shape INTEGRATION_VIEW_SHAPE = SHAPE(
    "IntegrationView", IntegrationView, INTEGRATION_VIEW_FIELDS, "An integration and its health");

static const Field CHECK_REQUEST_FIELDS[] = {
    {FIELD(CheckRequest, discover, BOOL), .default_text = "false",
     .help = "Read what there is to grant, too"},
};
const Shape CHECK_REQUEST_SHAPE = SHAPE("CheckRequest", CheckRequest, CHECK_REQUEST_FIELDS,
                                        "Having the connector look at a target");

// ---- Connectors -------------------------------------------------------------------------------

static const Field INSTANCE_VIEW_FIELDS[] = {
    {FIELD(InstanceView, id, STRING), .required = true, .help = "Id of the instance"},
    {FIELD(InstanceView, host, STRING), .help = "Name of the host it runs on"},
    {FIELD(InstanceView, version, STRING), .help = "Version of its program"},
    {FIELD(InstanceView, health, STRING), .help = "ok, late (unseen for 60 s) or lost (10 min)"},
    {FIELD(InstanceView, enrolled_at, TIME), .help = "When it was enrolled"},
    {FIELD(InstanceView, last_seen_at, TIME), .help = "When it was last heard of"},
    {FIELD(InstanceView, clock_difference_ms, INT), .help = "Its clock minus that of daypassd"},
};
const Shape INSTANCE_VIEW_SHAPE =
    SHAPE("Instance", InstanceView, INSTANCE_VIEW_FIELDS, "One running program of a connector");

static const Field CONNECTOR_VIEW_FIELDS[] = {
    {FIELD(ConnectorView, name, STRING), .required = true, .help = "Name of the connector"},
    {FIELD(ConnectorView, health, STRING), .help = "Of its best instance; never: none is enrolled"},
    {FIELD(ConnectorView, instances, OBJECTS), .shape = &INSTANCE_VIEW_SHAPE,
     .help = "Its enrolled instances"},
    {FIELD(ConnectorView, integrations, STRINGS), .max = 10000,
     .help = "Integrations that it serves"},
    {FIELD(ConnectorView, created_at, TIME), .help = "When it was made"},
};
const Shape CONNECTOR_VIEW_SHAPE =
    SHAPE("ConnectorView", ConnectorView, CONNECTOR_VIEW_FIELDS, "A connector and its health");

static const Field CONNECTOR_REQUEST_FIELDS[] = {
    {FIELD(ConnectorRequest, name, STRING), .required = true, .min = 1, .max = NAME_MAX_BYTES,
     .help = "Name of the connector; one that is there gets another join token"},
};
const Shape CONNECTOR_REQUEST_SHAPE =
    SHAPE("ConnectorRequest", ConnectorRequest, CONNECTOR_REQUEST_FIELDS, "Adding a connector");

static const Field JOIN_TOKEN_REPLY_FIELDS[] = {
    {FIELD(JoinTokenReply, connector, STRING), .required = true, .help = "Name of the connector"},
    {FIELD(JoinTokenReply, join_token, STRING), .required = true, .secret = true,
     .help = "For `daypass-connector enroll`; works once"},
    {FIELD(JoinTokenReply, expires_at, TIME), .help = "When the join token ends"},
};
const Shape JOIN_TOKEN_REPLY_SHAPE =
    SHAPE("JoinToken", JoinTokenReply, JOIN_TOKEN_REPLY_FIELDS, "What lets one instance enrol");

// ---- Grants -----------------------------------------------------------------------------------

static const Field GRANT_REQUEST_FIELDS[] = {
    {FIELD(GrantRequest, flow, STRING), .required = true, .min = 1, .max = NAME_MAX_BYTES,
     .help = "Name of the flow"},
    {FIELD_NAMED("duration", GrantRequest, duration_s, DURATION),
     .help = "How long; when absent, the flow's default"},
    {FIELD(GrantRequest, reason, STRING), .max = TEXT_MAX_BYTES, .help = "Why"},
    {FIELD(GrantRequest, public_key, STRING), .min = 1, .max = PUBLIC_KEY_MAX_BYTES,
     .help = "X25519 public key in base64, whose other half alone opens the credential; required "
             "but for AWS, where there is none"},
};
const Shape GRANT_REQUEST_SHAPE =
    SHAPE("GrantRequest", GrantRequest, GRANT_REQUEST_FIELDS, "Asking for a flow");

static const Field NOTE_REQUEST_FIELDS[] = {
    {FIELD(NoteRequest, note, STRING), .max = TEXT_MAX_BYTES, .help = "Why, for the record"},
};
const Shape NOTE_REQUEST_SHAPE =
    SHAPE("NoteRequest", NoteRequest, NOTE_REQUEST_FIELDS, "A note for the record");

static const Field WRITE_OFF_REQUEST_FIELDS[] = {
    {FIELD(WriteOffRequest, reason, STRING), .required = true, .min = 1, .max = TEXT_MAX_BYTES,
     .help = "Why nobody will see the account gone"},
};
const Shape WRITE_OFF_REQUEST_SHAPE =
    SHAPE("WriteOffRequest", WriteOffRequest, WRITE_OFF_REQUEST_FIELDS,
          "Closing a revocation whose target is gone");

static const Field EXTEND_REQUEST_FIELDS[] = {
    {FIELD_NAMED("duration", ExtendRequest, duration_s, DURATION), .required = true,
     .help = "How much longer"},
    {FIELD(ExtendRequest, reason, STRING), .max = TEXT_MAX_BYTES, .help = "Why"},
};
const Shape EXTEND_REQUEST_SHAPE =
    SHAPE("ExtendRequest", ExtendRequest, EXTEND_REQUEST_FIELDS, "Asking for more time");

static const Field RESET_REQUEST_FIELDS[] = {
    {FIELD(ResetRequest, public_key, STRING), .required = true, .min = 1,
     .max = PUBLIC_KEY_MAX_BYTES, .help = "X25519 public key in base64, for the new credential"},
};
const Shape RESET_REQUEST_SHAPE =
    SHAPE("ResetRequest", ResetRequest, RESET_REQUEST_FIELDS, "Asking for a new password");

static const Field GRANT_VIEW_FIELDS[] = {
    {FIELD(GrantView, id, STRING), .required = true, .help = "Id of the request and its grant"},
    {FIELD(GrantView, version, INT), .help = "Grows with each change; for waiting on the next one"},
    {FIELD(GrantView, state, STRING), .required = true, .help = "State; see docs/states.md"},
    {FIELD(GrantView, cause, STRING), .help = "Why it ends or ended"},
    {FIELD(GrantView, requester, STRING), .help = "Who asked"},
    {FIELD(GrantView, flow, STRING), .help = "Name of the flow"},
    {FIELD(GrantView, integration, STRING), .help = "Name of the integration"},
    {FIELD(GrantView, target, STRING), .help = "Kind and address of the target"},
    {FIELD(GrantView, kind, STRING), .help = "Kind of target"},
    {FIELD(GrantView, access, STRINGS), .help = "What exactly one gets"},
    {FIELD(GrantView, reason, STRING), .max = TEXT_MAX_BYTES, .help = "Why it was asked for"},
    {FIELD_NAMED("duration", GrantView, duration_s, DURATION), .help = "For how long"},
    {FIELD(GrantView, requested_at, TIME), .help = "When it was asked for"},
    {FIELD(GrantView, lapses_at, TIME),
     .help = "When it lapses unless it is decided, or used, before"},
    {FIELD(GrantView, approved_at, TIME), .help = "When it was approved"},
    {FIELD(GrantView, granted_at, TIME), .help = "When the access began"},
    {FIELD(GrantView, expires_at, TIME), .help = "When the access ends"},
    {FIELD(GrantView, ended_at, TIME), .help = "When it was over"},
    {FIELD(GrantView, ended_by, STRING), .help = "Who ended it early"},
    {FIELD(GrantView, note, STRING), .max = TEXT_MAX_BYTES,
     .help = "Note of who ended, denied or cancelled it"},
    {FIELD(GrantView, account, STRING), .help = "Name of the account on the target"},
    {FIELD(GrantView, identity, STRING), .max = TEXT_MAX_BYTES,
     .help = "AWS: ARN of the identity it is given to"},
    {FIELD(GrantView, public_key, STRING), .help = "The key its credential is sealed to"},
    {FIELD(GrantView, needs, STRING), .help = "What approval is still missing"},
    {FIELD(GrantView, waiting, STRINGS), .help = "Who may decide now"},
    {FIELD_NAMED("extension", GrantView, extension_s, DURATION),
     .help = "How much more time was asked for"},
    {FIELD(GrantView, extension_state, STRING), .help = "State of that: none, pending, approved"},
    {FIELD(GrantView, extension_reason, STRING), .max = MESSAGE_MAX_BYTES, .help = "Why"},
    {FIELD(GrantView, trouble, STRING), .max = MESSAGE_MAX_BYTES,
     .help = "Why the connector could not do it yet"},
    {FIELD(GrantView, overdue, BOOL),
     .help = "The access had to be over more than a minute ago, and is not seen gone"},
    {FIELD(GrantView, overdue_since, TIME), .help = "When the access of an overdue one had to be "
                                                    "over"},
    {FIELD(GrantView, next_attempt_at, TIME),
     .help = "When a revocation that failed is tried again"},
    {FIELD(GrantView, drifted, BOOL), .help = "The account was found gone or altered"},
    {FIELD(GrantView, widened, BOOL), .help = "Drifted, to more access than was given"},
    {FIELD(GrantView, drifted_at, TIME), .help = "Since when"},
    {FIELD(GrantView, drift, JSON), .help = "What is not as it was given: field, given, found"},
    {FIELD(GrantView, may, STRINGS), .help = "What the caller may do now"},
    {FIELD(GrantView, decisions, JSON), .help = "Who decided what"},
    {FIELD(GrantView, evidence, JSON), .help = "What ran on the target; only of a single one"},
};
const Shape GRANT_VIEW_SHAPE =
    SHAPE("GrantView", GrantView, GRANT_VIEW_FIELDS, "A request and the grant it became");

static const Field CREDENTIALS_REPLY_FIELDS[] = {
    {FIELD(CredentialsReply, id, STRING), .required = true, .help = "Id of the grant"},
    {FIELD(CredentialsReply, sealed, STRING), .required = true, .max = SEALED_MAX_BYTES,
     .help = "The credential in a libsodium sealed box, in base64"},
    {FIELD(CredentialsReply, public_key, STRING), .required = true,
     .help = "The key it is sealed to"},
    {FIELD(CredentialsReply, expires_at, TIME), .help = "When the access ends"},
};
const Shape CREDENTIALS_REPLY_SHAPE =
    SHAPE("Credentials", CredentialsReply, CREDENTIALS_REPLY_FIELDS,
          "A credential that only the requester's key opens");

static const Field OVERDUE_VIEW_FIELDS[] = {
    {FIELD(OverdueView, grant, STRING), .required = true, .help = "Id of the grant"},
    {FIELD(OverdueView, state, STRING), .required = true,
     .help = "State of the grant; of one that is over, the account came back"},
    {FIELD(OverdueView, account, STRING), .help = "Name of the account on the target"},
    {FIELD(OverdueView, requester, STRING), .help = "Who asked"},
    {FIELD(OverdueView, flow, STRING), .help = "Name of the flow"},
    {FIELD(OverdueView, integration, STRING), .help = "Name of the integration"},
    {FIELD(OverdueView, connector, STRING), .help = "Name of the connector that has to do it"},
    {FIELD(OverdueView, since, TIME), .required = true, .help = "When the access had to be over"},
    {FIELD(OverdueView, attempts, INT), .help = "How often a connector was told to"},
    {FIELD(OverdueView, failures, INT), .help = "How often it reported that it could not"},
    {FIELD(OverdueView, trouble, STRING), .max = MESSAGE_MAX_BYTES,
     .help = "Why it could not the last time"},
    {FIELD(OverdueView, waits_for, STRING),
     .help = "connector: no instance has taken it; pause: it failed and is tried again at "
             "next_attempt_at; report: an instance has it, until next_attempt_at at most"},
    {FIELD(OverdueView, next_attempt_at, TIME),
     .help = "When it is handed out next; absent: when a connector asks"},
};
const Shape OVERDUE_VIEW_SHAPE =
    SHAPE("Overdue", OverdueView, OVERDUE_VIEW_FIELDS, "A revocation that is overdue");

// ---- Orphans ----------------------------------------------------------------------------------

static const Field ORPHAN_VIEW_FIELDS[] = {
    {FIELD(OrphanView, id, STRING), .required = true, .help = "Id of the orphan"},
    {FIELD(OrphanView, version, INT),
     .help = "Grows with each change; for waiting on the next one"},
    {FIELD(OrphanView, kind, STRING), .required = true,
     .help = "Whose it is: unknown, mismatched, unserved, foreign or leftover; see "
             "docs/orphans.md"},
    {FIELD(OrphanView, state, STRING), .help = "found, or removing"},
    {FIELD(OrphanView, account, STRING), .required = true, .help = "Name of the account"},
    {FIELD(OrphanView, integration, STRING),
     .help = "Integration through which it was found; absent: none is declared any more"},
    {FIELD(OrphanView, connector, STRING), .help = "Connector that found it"},
    {FIELD(OrphanView, target, STRING), .help = "Address of the target"},
    {FIELD(OrphanView, why, STRING), .max = MESSAGE_MAX_BYTES, .help = "Whose it is, in words"},
    {FIELD(OrphanView, deployment, STRING), .help = "Installation that made it, as its mark says"},
    {FIELD(OrphanView, grant_id, STRING), .help = "Grant it was made for, as its mark says"},
    {FIELD(OrphanView, custodian, STRING),
     .help = "Role that would receive what it owns, as its mark says"},
    {FIELD(OrphanView, expires_at, TIME),
     .help = "When it expires, by the target's clock; absent: never"},
    {FIELD(OrphanView, can_login, BOOL), .help = "Whether it may open sessions"},
    {FIELD(OrphanView, sessions, INT), .help = "Sessions it has open"},
    {FIELD(OrphanView, found_at, TIME), .help = "When it was first found"},
    {FIELD(OrphanView, requested_by, STRING), .help = "Who asked for its removal"},
    {FIELD(OrphanView, failures, INT), .help = "Attempts at removing it that failed"},
    {FIELD(OrphanView, trouble, STRING), .max = MESSAGE_MAX_BYTES,
     .help = "Why it is not removed yet"},
    {FIELD(OrphanView, removable, BOOL),
     .help = "Whether Daypass may be asked to remove it; another tool's it does not touch"},
    {FIELD(OrphanView, obstacles, JSON),
     .help = "What was in the way of the last attempt; only of a single one"},
    {FIELD(OrphanView, inspected_at, TIME), .help = "When it was last inspected"},
    {FIELD(OrphanView, inspection, JSON),
     .help = "What its removal would do, as read then; only of a single one"},
};
const Shape ORPHAN_VIEW_SHAPE = SHAPE("OrphanView", OrphanView, ORPHAN_VIEW_FIELDS,
                                      "An account on a target that no grant explains");

static const Field ORPHAN_REMOVAL_REQUEST_FIELDS[] = {
    {FIELD(OrphanRemovalRequest, grant_id, STRING), .required = true, .max = NAME_MAX_BYTES,
     .help = "Grant of the mark that was looked at; another by now is refused"},
    {FIELD(OrphanRemovalRequest, deployment, STRING), .required = true, .max = NAME_MAX_BYTES,
     .help = "Installation of that mark"},
};
const Shape ORPHAN_REMOVAL_REQUEST_SHAPE =
    SHAPE("OrphanRemovalRequest", OrphanRemovalRequest, ORPHAN_REMOVAL_REQUEST_FIELDS,
          "Having an orphan removed");

// ---- Lists ------------------------------------------------------------------------------------

static const Field LIST_REPLY_FIELDS[] = {
    {FIELD(ListReply, items, JSON), .required = true, .help = "The items of this page"},
    {FIELD(ListReply, next, STRING), .help = "Cursor of the next page; absent on the last"},
};
const Shape LIST_REPLY_SHAPE = SHAPE("List", ListReply, LIST_REPLY_FIELDS, "One page of a list");

static const Field AUDIT_HEAD_REPLY_FIELDS[] = {
    {FIELD(AuditHeadReply, sequence, INT), .help = "Number of the newest event; 0: there is none"},
    {FIELD(AuditHeadReply, hash, STRING), .help = "Its hash"},
    {FIELD(AuditHeadReply, signature, STRING), .help = "Signature of its hash"},
    {FIELD(AuditHeadReply, public_key, STRING), .help = "Ed25519 public key of the audit trail"},
};
const Shape AUDIT_HEAD_REPLY_SHAPE = SHAPE("AuditHead", AuditHeadReply, AUDIT_HEAD_REPLY_FIELDS,
                                           "The newest event of the audit trail");
