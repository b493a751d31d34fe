#include "domain/flow.h"

#include "base/clock.h"
#include "domain/account_name.h"
#include "domain/aws_identity.h"
#include "domain/fault.h"

enum {
    HOUR_S = 3600,
    DURATION_MIN_S = 5,
    DURATION_MAX_S = 365 * 24 * HOUR_S,
    DESCRIPTION_MAX_BYTES = 1000,
    APPROVAL_STEPS_MAX = 10,
    APPROVERS_MAX = 100,
};

static const Field INTEGRATION_FIELDS[] = {
    {FIELD(Integration, name, STRING), .required = true, .check = object_name_check,
     .help = "Name of the integration"},
    {FIELD(Integration, connector, STRING), .required = true, .check = object_name_check,
     .help = "Connector that serves it"},
    {FIELD(Integration, kind, ENUM), .required = true, .names = &TARGET_KINDS,
     .help = "Kind of target"},
    {FIELD(Integration, host, STRING), .max = 253, .check = target_host_check,
     .help = "Host name or address of the target, as its connector sees it; AWS: none"},
    {FIELD(Integration, port, INT), .min = 0, .max = 65535, .default_text = "0",
     .help = "TCP port; 0 means the usual one of the kind"},
    {FIELD(Integration, database, STRING), .check = identifier_check,
     .help = "Database on the server; Oracle: the service; may be left out for SQL Server (master) "
             "and Redis (0)"},
    {FIELD(Integration, tls, ENUM), .names = &TLS_MODES, .default_text = "verify-full",
     .help = "How the connection is protected and the server's certificate checked"},
    {FIELD(Integration, aws, OBJECT), .shape = &AWS_ADDRESS_SHAPE,
     .help = "The account and region of kind aws; what else it says has to be as in the "
             "connector's file"},
    {FIELD(Integration, identity, STRING), .max = 2048, .check = aws_identity_template_check,
     .help = "ARN of people's IAM identity (AWS), where {name} stands for the principal's name and "
             "{local} for that up to its @; for those whose aws_identities name none of the "
             "account"},
    {FIELD(Integration, admin_secret, STRING), .required = true, .check = object_name_check,
     .help = "Name of the secret with which the connector logs in; where it is kept is the "
             "connector's business"},
    {FIELD(Integration, privilege_mode, ENUM), .names = &PRIVILEGE_MODES, .default_text = "auto",
     .help = "Whether accounts are members of one role per set of privileges, or get each "
             "privilege themselves; auto: shared-role on PostgreSQL, direct elsewhere"},
    {FIELD(Integration, custodian, STRING), .check = identifier_check,
     .help = "Role that receives what an account owns when it ends; without one, owned objects "
             "keep the account from being removed"},
    {FIELD(Integration, require_tls, BOOL), .default_text = "false",
     .help = "Whether accounts may log in over TLS only (MySQL and MariaDB)"},
    {FIELD(Integration, connection_limit, INT), .min = 0, .max = 10000, .default_text = "10",
     .help = "Sessions an account may have at once; 0 means no limit"},
    {FIELD(Integration, account_prefix, STRING), .check = account_prefix_check,
     .default_text = "temp_", .help = "What names of accounts begin with"},
};
const Shape INTEGRATION_SHAPE =
    SHAPE("Integration", Integration, INTEGRATION_FIELDS,
          "A target's entry in Daypass: its kind, address and options, the name of its secret, "
          "and the connector that serves it");

static const Field DURATION_RULE_FIELDS[] = {
    {FIELD_NAMED("default", DurationRule, default_s, DURATION),
     .help = "How long access lasts when the request does not say; without it one hour, or the "
             "maximum when that is less"},
    {FIELD_NAMED("max", DurationRule, max_s, DURATION), .required = true,
     .help = "The longest that may be asked for, from 5s to 365d"},
};
static const Shape DURATION_RULE_SHAPE =
    SHAPE("DurationRule", DurationRule, DURATION_RULE_FIELDS, "How long access may last");

static const Field APPROVAL_STEP_FIELDS[] = {
    {FIELD(ApprovalStep, any_of, OBJECT), .shape = &SUBJECTS_SHAPE,
     .help = "As many different people as count says, out of these"},
    {FIELD(ApprovalStep, all_of, OBJECT), .shape = &SUBJECTS_SHAPE,
     .help = "Every principal named, and as many people of each group as count says"},
    {FIELD(ApprovalStep, count, INT), .min = 1, .max = APPROVERS_MAX, .default_text = "1",
     .help = "How many different people have to approve"},
    {FIELD_NAMED("auto", ApprovalStep, automatic, BOOL), .default_text = "false",
     .help = "Approves at once without anybody, which the record says"},
};
const Shape APPROVAL_STEP_SHAPE =
    SHAPE("ApprovalStep", ApprovalStep, APPROVAL_STEP_FIELDS,
          "One step of approval: exactly one of any_of, all_of and auto");

static const char *const REASON_RULE_NAMES[] = {
    [REASON_OPTIONAL] = "optional",
    [REASON_REQUIRED] = "required",
};
const EnumTable REASON_RULES = {"rule for reasons", REASON_RULE_NAMES, COUNT_OF(REASON_RULE_NAMES)};

static const char *const EXTENSION_RULE_NAMES[] = {
    [EXTENSION_APPROVAL] = "approval",
    [EXTENSION_AUTO] = "auto",
    [EXTENSION_NEVER] = "never",
};
const EnumTable EXTENSION_RULES = {"rule for extensions", EXTENSION_RULE_NAMES,
                                   COUNT_OF(EXTENSION_RULE_NAMES)};

static const Field FLOW_FIELDS[] = {
    {FIELD(Flow, name, STRING), .required = true, .check = object_name_check,
     .help = "Name of the access flow"},
    {FIELD(Flow, description, STRING), .max = DESCRIPTION_MAX_BYTES,
     .help = "What it is for, shown to people choosing"},
    {FIELD(Flow, integration, STRING), .required = true, .check = object_name_check,
     .help = "Integration on which access is given"},
    {FIELD(Flow, requesters, OBJECT), .required = true, .shape = &SUBJECTS_SHAPE,
     .help = "Who may ask"},
    {FIELD_NAMED("grants", Flow, access, OBJECTS), .required = true, .shape = &ACCESS_ITEM_SHAPE,
     .max = ACCESS_ITEMS_MAX, .help = "What they get"},
    {FIELD(Flow, account_host, STRING), .check = account_host_check,
     .help = "Where accounts may log in from (MySQL and MariaDB): a name, an address, a pattern "
             "such as 10.1.%, or requester: the address the request came from; absent: anywhere"},
    {FIELD(Flow, duration, OBJECT), .required = true, .shape = &DURATION_RULE_SHAPE,
     .help = "For how long"},
    {FIELD(Flow, approval, OBJECTS), .required = true, .shape = &APPROVAL_STEP_SHAPE,
     .max = APPROVAL_STEPS_MAX, .help = "Who decides, step after step"},
    {FIELD(Flow, reason, ENUM), .names = &REASON_RULES, .default_text = "optional",
     .help = "Whether a request has to say why"},
    {FIELD_NAMED("lapse_after", Flow, lapse_after_s, DURATION), .default_text = "24h",
     .help = "How long a request waits for decisions, and an approval for being used"},
    {FIELD(Flow, extension, ENUM), .names = &EXTENSION_RULES, .default_text = "approval",
     .help = "Whether a longer time is decided again, given at once, or never given"},
    {FIELD(Flow, self_approval, BOOL), .default_text = "false",
     .help = "Whether approvers may decide their own requests"},
};
const Shape FLOW_SHAPE =
    SHAPE("Flow", Flow, FLOW_FIELDS,
          "An access flow: who may ask, what they get, for how long, and who approves");

TargetAddress integration_target(const Integration *integration) {
    TargetAddress target = {
        .kind = integration->kind,
        .host = integration->host,
        .port = integration->port,
        .database = integration->database,
        .tls = integration->tls,
        .aws = integration->aws,
    };
    Status status = target_address_complete(&target, NULL);
    (void)status; // integration_check says it
    return target;
}

const char ACCOUNT_HOST_REQUESTER[] = "requester";

static Status bad_value(Error *reterr, const char *pointer, const char *expected) {
    Status status = error_set(reterr, STATUS_INVALID, "bad_value", "%s", expected);
    return error_inside(reterr, status, "%s", pointer);
}

// What the other kinds know and an AWS account has nothing of would be kept and mean nothing.
static Status aws_integration_check(const Integration *integration, Error *reterr) {
    Integration usual;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    shape_default(arena, &INTEGRATION_SHAPE, &usual);
    if (integration->custodian != NULL)
        return bad_value(reterr, "/custodian", "expected none with kind aws: nobody owns anything");
    if (integration->connection_limit != usual.connection_limit)
        return bad_value(reterr, "/connection_limit",
                         "expected none with kind aws: sessions are not limited there");
    if (!text_equal(integration->account_prefix, usual.account_prefix))
        return bad_value(reterr, "/account_prefix",
                         "expected none with kind aws: no accounts are made there");
    if (integration->identity == NULL)
        return STATUS_OK;
    const char *example = aws_identity_expand(arena, integration->identity, "somebody");
    const StringList identities = {.items = &example, .count = 1};
    if (aws_identity_of_account(&identities, integration->aws->account) != NULL)
        return STATUS_OK;
    Status status = error_set(reterr, STATUS_INVALID, "bad_value",
                              "expected identities of account %s, as in aws; %.300s is of another",
                              integration->aws->account, integration->identity);
    return error_inside(reterr, status, "/identity");
}

Status integration_check(const Integration *integration, Error *reterr) {
    const TargetFacts *facts = target_facts((TargetKind)integration->kind);
    TargetAddress target = integration_target(integration);
    TRY(target_address_complete(&target, reterr));
    if (target.kind == TARGET_AWS)
        TRY(aws_integration_check(integration, reterr));
    else if (integration->identity != NULL)
        return bad_value(reterr, "/identity", "expected identity with kind aws alone");
    if (integration->privilege_mode == PRIVILEGE_SHARED_ROLE && !facts->shared_roles)
        return bad_value(reterr, "/privilege_mode",
                         "expected auto or direct: shared roles are offered on PostgreSQL alone");
    if (integration->require_tls && !facts->account_tls)
        return bad_value(reterr, "/require_tls",
                         "expected false: this kind of target cannot hold single accounts to TLS");
    // Nobody speaks TLS over Unix sockets, so nothing else could ever be kept.
    if (target.host[0] == '/' && integration->tls != TLS_DISABLE)
        return bad_value(reterr, "/tls", "expected tls: disable for a Unix socket");
    return STATUS_OK;
}

static bool subjects_name_nobody(const Subjects *subjects) {
    return subjects->groups.count == 0 && subjects->principals.count == 0;
}

static Status step_check(const ApprovalStep *step, Error *reterr) {
    int ways = (step->any_of != NULL) + (step->all_of != NULL) + step->automatic;
    if (ways != 1)
        return bad_value(reterr, "", "expected exactly one of any_of, all_of and auto: true");
    if (step->count < 1 || step->count > APPROVERS_MAX)
        return bad_value(reterr, "/count", "expected a count from 1 to 100");
    if (step->any_of != NULL && subjects_name_nobody(step->any_of))
        return bad_value(reterr, "/any_of", "expected at least one group or principal");
    if (step->all_of != NULL && subjects_name_nobody(step->all_of))
        return bad_value(reterr, "/all_of", "expected at least one group or principal");
    if (step->any_of != NULL && step->any_of->groups.count == 0 &&
        (size_t)step->count > step->any_of->principals.count)
        return bad_value(reterr, "/count",
                         "expected at most as many as there are principals named");
    return STATUS_OK;
}

static Status duration_rule_check(const DurationRule *rule, Error *reterr) {
    if (rule->max_s < DURATION_MIN_S || rule->max_s > DURATION_MAX_S)
        return bad_value(reterr, "/max", "expected a duration from 5s to 365d");
    if (rule->default_s != 0 && rule->default_s < DURATION_MIN_S)
        return bad_value(reterr, "/default", "expected a duration of at least 5s");
    if (rule->default_s > rule->max_s)
        return bad_value(reterr, "/default", "expected at most the maximum");
    return STATUS_OK;
}

Status flow_check(const Flow *flow, Error *reterr) {
    if (subjects_name_nobody(flow->requesters))
        return bad_value(reterr, "/requesters", "expected at least one group or principal");
    if (flow->access.count == 0)
        return bad_value(reterr, "/grants", "expected at least one entry");
    Status status = duration_rule_check(flow->duration, reterr);
    if (status != STATUS_OK)
        return error_inside(reterr, status, "/duration");
    if (flow->approval.count == 0)
        return bad_value(reterr, "/approval",
                         "expected at least one step; to approve at once write [{auto: true}]");
    for (size_t i = 0; i < flow->approval.count; i++) {
        status = step_check(&flow->approval.items[i], reterr);
        if (status != STATUS_OK)
            return error_inside(reterr, status, "/approval/%zu", i);
    }
    if (flow->lapse_after_s < DURATION_MIN_S || flow->lapse_after_s > DURATION_MAX_S)
        return bad_value(reterr, "/lapse_after", "expected a duration from 5s to 365d");
    return STATUS_OK;
}

Status flow_check_kind(const Flow *flow, TargetKind kind, Error *reterr) {
    for (size_t i = 0; i < flow->access.count; i++) {
        Status status = access_item_check(kind, &flow->access.items[i], reterr);
        if (status != STATUS_OK)
            return error_inside(reterr, status, "/grants/%zu", i);
    }
    if (flow->account_host != NULL && !target_facts(kind)->account_hosts)
        return bad_value(reterr, "/account_host",
                         "expected none: accounts of this kind of target log in from anywhere");
    return STATUS_OK;
}

Status session_ending_check(const Integration *integration, const RdsConnect *item,
                            const Integration *database, Error *reterr) {
    if (database == NULL)
        return error_set(reterr, STATUS_INVALID, "unknown_integration",
                         "there is no integration %s, whose sessions end_sessions would end; "
                         "declare it, or name another",
                         item->end_sessions);
    if (!target_facts((TargetKind)database->kind)->sessions_of_users)
        return error_set(reterr, STATUS_INVALID, "bad_value",
                         "expected an integration of PostgreSQL, MySQL or MariaDB in end_sessions; "
                         "%s is of %s",
                         database->name, target_facts((TargetKind)database->kind)->title);
    if (!text_equal(database->connector, integration->connector))
        return error_set(reterr, STATUS_INVALID, "bad_value",
                         "expected an integration of connector %s in end_sessions, which takes the "
                         "access back; %s is served by %s",
                         integration->connector, database->name, database->connector);
    return STATUS_OK;
}

Status flow_duration(const Flow *flow, int64_t wanted_s, int64_t *ret_duration_s, Error *reterr) {
    int64_t max_s = flow->duration->max_s;
    if (wanted_s == 0)
        wanted_s = flow->duration->default_s;
    if (wanted_s == 0)
        wanted_s = max_s < HOUR_S ? max_s : HOUR_S;
    if (wanted_s < DURATION_MIN_S)
        return error_set(reterr, STATUS_INVALID, "duration_too_short",
                         "access is given for at least %ds", DURATION_MIN_S);
    if (wanted_s > max_s) {
        char text[DURATION_SIZE];
        return error_set(reterr, STATUS_INVALID, "duration_too_long",
                         "flow %s gives access for at most %s; ask for that or less", flow->name,
                         duration_format(max_s, text));
    }
    *ret_duration_s = wanted_s;
    return STATUS_OK;
}
