#include "wire/messages.h"

#include <string.h>

enum {
    ID_BYTES = 64,
    NAME_BYTES = 128,
    KEY_BYTES = 64, // 32 bytes in base64 are 44
    TEXT_BYTES = 4096,
    VERSION_BYTES = 64,
    HOST_BYTES = 255,
    PAYLOAD_BYTES = 256 * 1024,
    SEALED_BYTES = 16 * 1024,
    WAIT_MAX_S = 60,
    HELD_MAX_MS = 3600 * 1000,
    CAPACITY_MAX = 1000,
    ACTIONS_MAX = 100,
    HEALTH_MAX = 1000,
    ACCOUNTS_MAX = 10000,
};

// A hundred years, in milliseconds: added to a time of now it stays a time.
#define SPAN_MAX_MS (INT64_C(100) * 366 * 24 * 3600 * 1000)

static const char SIGNED_PREFIX[] = "daypass-action-v1\n";

static const char *const ACTION_KIND_NAMES[] = {
    [ACTION_GRANT] = "grant",   [ACTION_REVOKE] = "revoke",     [ACTION_EXTEND] = "extend",
    [ACTION_RESET] = "reset",   [ACTION_DISCOVER] = "discover", [ACTION_CHECK] = "check",
    [ACTION_REMOVE] = "remove", [ACTION_INSPECT] = "inspect",
};
const EnumTable ACTION_KINDS = {"kind of action", ACTION_KIND_NAMES, COUNT_OF(ACTION_KIND_NAMES)};

static const Field ACTION_FIELDS[] = {
    {FIELD(Action, id, STRING), .required = true, .max = ID_BYTES, .help = "Id of the action"},
    {FIELD(Action, deployment, STRING), .required = true, .max = ID_BYTES,
     .help = "Id of the Daypass installation"},
    {FIELD(Action, connector, STRING), .required = true, .max = NAME_BYTES,
     .help = "Connector it is for"},
    {FIELD(Action, instance, STRING), .required = true, .max = ID_BYTES,
     .help = "Instance of the connector it was leased to"},
    {FIELD(Action, poll, STRING), .max = ID_BYTES,
     .help = "Nonce of the poll that this answers; it is good for no other"},
    {FIELD(Action, held_ms, INT), .min = 0, .max = HELD_MAX_MS,
     .help = "Milliseconds for which that poll had been held, at the least"},
    {FIELD(Action, kind, ENUM), .required = true, .names = &ACTION_KINDS, .help = "What to do"},
    {FIELD(Action, attempt, INT), .max = -1, .help = "How often it was handed out, from 1"},
    {FIELD(Action, grant_id, STRING), .max = ID_BYTES, .help = "Id of the grant"},
    {FIELD(Action, integration, STRING), .max = NAME_BYTES, .help = "Name of the integration"},
    {FIELD(Action, issued_at, TIME), .required = true,
     .help = "When it was handed out, by the control plane's clock"},
    {FIELD(Action, deadline_at, TIME), .required = true,
     .help = "Past this nothing is begun or committed, by the control plane's clock"},
    {FIELD(Action, expires_at, TIME), .help = "When access ends, by the control plane's clock"},
    {FIELD(Action, seal_to, STRING), .max = KEY_BYTES,
     .help = "Public key the credential is sealed to"},
    {FIELD(Action, plan, JSON), .required = true, .help = "The plan of the grant"},
};
const Shape ACTION_SHAPE = SHAPE("Action", Action, ACTION_FIELDS, "One instruction to a connector");

static const Field SIGNED_ACTION_FIELDS[] = {
    {FIELD(SignedAction, payload, STRING), .required = true, .max = PAYLOAD_BYTES,
     .help = "The action as JSON, exactly the bytes that were signed"},
    {FIELD(SignedAction, signature, STRING), .required = true, .max = NAME_BYTES,
     .help = "Ed25519 signature over \"daypass-action-v1\\n\" and the payload, in base64"},
};
const Shape SIGNED_ACTION_SHAPE =
    SHAPE("SignedAction", SignedAction, SIGNED_ACTION_FIELDS, "An action and its signature");

static const Field ENROLL_REQUEST_FIELDS[] = {
    {FIELD(EnrollRequest, public_key, STRING), .required = true, .max = KEY_BYTES,
     .help = "Ed25519 public key of the instance, in base64"},
    {FIELD(EnrollRequest, version, STRING), .max = VERSION_BYTES,
     .help = "Version of the connector"},
    {FIELD(EnrollRequest, host, STRING), .max = HOST_BYTES,
     .help = "Name of the host the instance runs on"},
};
const Shape ENROLL_REQUEST_SHAPE = SHAPE("EnrollRequest", EnrollRequest, ENROLL_REQUEST_FIELDS,
                                         "An instance of a connector introduces itself");

static const Field ENROLL_REPLY_FIELDS[] = {
    {FIELD(EnrollReply, instance, STRING), .required = true, .max = ID_BYTES,
     .help = "Id of the instance, the keyid of its signatures"},
    {FIELD(EnrollReply, connector, STRING), .required = true, .max = NAME_BYTES,
     .help = "Name of the connector it belongs to"},
    {FIELD(EnrollReply, deployment, STRING), .required = true, .max = ID_BYTES,
     .help = "Id of the Daypass installation"},
    {FIELD(EnrollReply, action_key, STRING), .required = true, .max = KEY_BYTES,
     .help = "Public key that signs actions, to be pinned"},
};
const Shape ENROLL_REPLY_SHAPE =
    SHAPE("EnrollReply", EnrollReply, ENROLL_REPLY_FIELDS, "Who an instance is from now on");

static const Field INTEGRATION_HEALTH_FIELDS[] = {
    {FIELD(IntegrationHealth, integration, STRING), .required = true, .max = NAME_BYTES,
     .help = "Name of the integration"},
    {FIELD(IntegrationHealth, ok, BOOL), .required = true,
     .help = "Whether the last work on it succeeded"},
    {FIELD(IntegrationHealth, message, STRING), .max = TEXT_BYTES, .help = "What was wrong"},
    {FIELD(IntegrationHealth, checked_at, TIME), .help = "When that was, by the connector's clock"},
};
static const Shape INTEGRATION_HEALTH_SHAPE =
    SHAPE("IntegrationHealth", IntegrationHealth, INTEGRATION_HEALTH_FIELDS,
          "What a connector says of one integration");

static const Field POLL_REQUEST_FIELDS[] = {
    {FIELD(PollRequest, capacity, INT), .required = true, .min = 0, .max = CAPACITY_MAX,
     .help = "Actions it can take now"},
    {FIELD(PollRequest, wait_s, INT), .min = 0, .max = WAIT_MAX_S, .default_text = "30",
     .help = "Seconds to hold the request open while there is no work"},
    {FIELD(PollRequest, nonce, STRING), .max = ID_BYTES,
     .help = "Random text that comes back in each action"},
    {FIELD(PollRequest, version, STRING), .max = VERSION_BYTES, .help = "Version of the connector"},
    {FIELD(PollRequest, clock_at, TIME), .help = "Its clock when the request was sent"},
    {FIELD(PollRequest, health, OBJECTS), .shape = &INTEGRATION_HEALTH_SHAPE, .max = HEALTH_MAX,
     .help = "How the integrations are that it has had work for"},
};
const Shape POLL_REQUEST_SHAPE =
    SHAPE("PollRequest", PollRequest, POLL_REQUEST_FIELDS, "A connector asks for work");

static const Field POLL_REPLY_FIELDS[] = {
    {FIELD(PollReply, actions, OBJECTS), .shape = &SIGNED_ACTION_SHAPE, .max = ACTIONS_MAX,
     .help = "Actions leased to this instance"},
    {FIELD(PollReply, clock_at, TIME), .help = "The control plane's clock"},
};
const Shape POLL_REPLY_SHAPE =
    SHAPE("PollReply", PollReply, POLL_REPLY_FIELDS, "Work for a connector");

static const Field ACTION_REPORT_FIELDS[] = {
    {FIELD(ActionReport, action_id, STRING), .required = true, .max = ID_BYTES,
     .help = "Id of the action"},
    {FIELD(ActionReport, attempt, INT), .max = -1, .help = "The attempt that is reported"},
    {FIELD(ActionReport, done, BOOL), .required = true, .help = "Whether it was carried out"},
    {FIELD(ActionReport, failure, STRING), .max = ID_BYTES,
     .help = "Class of the failure when it was not"},
    {FIELD(ActionReport, code, STRING), .max = ID_BYTES, .help = "Stable code of the failure"},
    {FIELD(ActionReport, message, STRING), .max = TEXT_BYTES, .help = "What went wrong"},
    {FIELD(ActionReport, target_clock_difference_ms, INT), .min = -SPAN_MAX_MS, .max = SPAN_MAX_MS,
     .help = "The target's clock minus the connector's, in milliseconds"},
    {FIELD(ActionReport, expires_in_ms, INT), .min = -SPAN_MAX_MS, .max = SPAN_MAX_MS,
     .help = "What remained of the access on the target, in milliseconds"},
    {FIELD(ActionReport, sealed, STRING), .max = SEALED_BYTES,
     .help = "The credential, sealed to the requester's key, in base64"},
    {FIELD(ActionReport, outcome, JSON), .help = "What was done and found on the target"},
    {FIELD(ActionReport, discovery, JSON), .help = "What there is to grant on"},
    {FIELD(ActionReport, checks, JSON), .help = "List of what was checked"},
    {FIELD(ActionReport, inspection, JSON), .help = "What the removal of an account would do"},
};
const Shape ACTION_REPORT_SHAPE =
    SHAPE("ActionReport", ActionReport, ACTION_REPORT_FIELDS, "What came of an action");

static const Field SWEPT_ACCOUNT_FIELDS[] = {
    {FIELD(SweptAccount, account, STRING), .required = true, .help = "Name of the account"},
    {FIELD(SweptAccount, grant_id, STRING), .max = ID_BYTES,
     .help = "Id of the grant it was made for"},
    {FIELD(SweptAccount, deployment, STRING), .max = ID_BYTES,
     .help = "Installation that made it, as its mark says; absent: this one"},
    {FIELD(SweptAccount, connector, STRING), .max = NAME_BYTES,
     .help = "Connector that made it, as its mark says; absent: this one"},
    {FIELD(SweptAccount, custodian, STRING), .max = NAME_BYTES,
     .help = "Role that receives what it owns, as its mark says"},
    {FIELD(SweptAccount, database, STRING), .max = NAME_BYTES,
     .help = "Database it was made for, as its mark says"},
    {FIELD(SweptAccount, leftover, STRING), .max = NAME_BYTES,
     .help = "What makes it look temporary, of one without mark"},
    {FIELD(SweptAccount, sessions, INT), .max = -1, .help = "Sessions it has open"},
    {FIELD(SweptAccount, expires_at, TIME), .help = "When it expires, by the target's clock"},
    {FIELD(SweptAccount, can_login, BOOL), .help = "Whether it may open sessions"},
    {FIELD(SweptAccount, removed, BOOL),
     .help = "Whether the connector removed it because it was past its expiry"},
    {FIELD(SweptAccount, message, STRING), .max = TEXT_BYTES,
     .help = "What kept the connector from removing it"},
    {FIELD(SweptAccount, outcome, JSON), .help = "What was done and found, when it acted"},
    {FIELD(SweptAccount, state, JSON), .help = "What is to be seen of it, of one with a mark"},
};
static const Shape SWEPT_ACCOUNT_SHAPE =
    SHAPE("SweptAccount", SweptAccount, SWEPT_ACCOUNT_FIELDS, "An account found by a sweep");

static const Field SWEEP_REPORT_FIELDS[] = {
    {FIELD(SweepReport, admin_secret, STRING), .required = true, .max = NAME_BYTES,
     .help = "Name of the secret with which the target was looked at"},
    {FIELD(SweepReport, target_kind, STRING), .max = ID_BYTES, .default_text = "postgresql",
     .help = "Kind of the target"},
    {FIELD(SweepReport, host, STRING), .required = true, .max = HOST_BYTES,
     .help = "Host of the target"},
    {FIELD(SweepReport, port, INT), .min = 0, .max = 65535, .help = "Port of the target"},
    {FIELD(SweepReport, swept_at, TIME),
     .help = "Just before it was looked at, by the connector's clock"},
    {FIELD(SweepReport, accounts, OBJECTS), .shape = &SWEPT_ACCOUNT_SHAPE, .max = ACCOUNTS_MAX,
     .help = "All accounts that are there, and those just removed"},
    {FIELD(SweepReport, after, STRING),
     .help = "Of one page of a long list: it has the accounts whose names come after this one, by "
             "their bytes"},
    {FIELD(SweepReport, until, STRING), .help = "And not after this one"},
};
const Shape SWEEP_REPORT_SHAPE = SHAPE("SweepReport", SweepReport, SWEEP_REPORT_FIELDS,
                                       "Accounts with Daypass's mark on one target");

const char AUTHENTICATION_IAM[] = "iam";

static const Field CREDENTIAL_FIELDS[] = {
    {FIELD(Credential, kind, STRING), .required = true, .max = ID_BYTES, .help = "Kind of target"},
    {FIELD(Credential, host, STRING), .required = true, .max = HOST_BYTES,
     .help = "Host to connect to"},
    {FIELD(Credential, port, INT), .min = 0, .max = 65535, .help = "Port to connect to"},
    {FIELD(Credential, database, STRING), .max = NAME_BYTES, .help = "Database to connect to"},
    {FIELD(Credential, user, STRING), .required = true, .max = NAME_BYTES,
     .help = "Name of the account"},
    {FIELD(Credential, password, STRING), .required = true, .secret = true, .max = NAME_BYTES,
     .help = "Its password"},
    {FIELD(Credential, tls, STRING), .max = ID_BYTES, .help = "TLS mode to connect with"},
    {FIELD(Credential, authentication, STRING), .max = ID_BYTES,
     .help = "iam: a token of AWS's, which the client has to send as it is"},
    {FIELD(Credential, expires_at, TIME), .help = "When the access ends"},
    {FIELD(Credential, grant_id, STRING), .max = ID_BYTES, .help = "Id of the grant"},
};
const Shape CREDENTIAL_SHAPE =
    SHAPE("Credential", Credential, CREDENTIAL_FIELDS, "What the requester connects with");

// The signed bytes: a word that no other signature of these keys begins with, and the payload.
static const char *signed_text(Arena *arena, const char *payload) {
    return arena_printf(arena, "%s%s", SIGNED_PREFIX, payload);
}

SignedAction action_sign(Arena *arena, const SigningKey *key, const Action *action) {
    unsigned char signature[SIGNATURE_BYTES];
    const char *payload = shape_format(arena, &ACTION_SHAPE, action);
    const char *text = signed_text(arena, payload);
    signing_key_sign(key, text, strlen(text), signature);
    return (SignedAction){
        .payload = payload,
        .signature = base64_encode(arena, signature, sizeof(signature)),
    };
}

Status action_verify(Arena *arena, const char *public_key_text, const SignedAction *signed_action,
                     Action *ret_action, Error *reterr) {
    void *signature;
    size_t length;
    if (!base64_decode(arena, signed_action->signature, SIGNATURE_BYTES, &signature, &length) ||
        length != SIGNATURE_BYTES)
        return error_set(reterr, STATUS_INVALID, "bad_signature",
                         "the action's signature is not one");
    const char *text = signed_text(arena, signed_action->payload);
    TRY(signature_verify(public_key_text, text, strlen(text), signature, reterr));
    Action action;
    TRY(shape_parse(arena, &ACTION_SHAPE, signed_action->payload, strlen(signed_action->payload),
                    &action, reterr));
    *ret_action = action;
    return STATUS_OK;
}
