#include "api/queries.h"

#include "domain/grant.h"
#include "domain/orphan.h"

enum { NAME_MAX_BYTES = 128, MAX_WAIT_S = 30 };

static const char CURSOR_HELP[] = "`next` of the page before";
static const char LIMIT_HELP[] = "How many at most";

static const Field PAGE_QUERY_FIELDS[] = {
    {FIELD(PageQuery, cursor, STRING), .max = NAME_MAX_BYTES, .help = CURSOR_HELP},
    {FIELD(PageQuery, limit, INT), .min = 1, .max = 1000, .default_text = "200",
     .help = LIMIT_HELP},
};
const Shape PAGE_QUERY_SHAPE = SHAPE("PageQuery", PageQuery, PAGE_QUERY_FIELDS, NULL);

static const Field TOKEN_QUERY_FIELDS[] = {
    {FIELD(TokenQuery, principal, STRING), .max = NAME_MAX_BYTES,
     .help = "Those of this principal; for auditors and administrators"},
    {FIELD(TokenQuery, all, BOOL), .default_text = "false",
     .help = "Those of everybody; for auditors and administrators"},
};
const Shape TOKEN_QUERY_SHAPE = SHAPE("TokenQuery", TokenQuery, TOKEN_QUERY_FIELDS, NULL);

static const Field FLOW_QUERY_FIELDS[] = {
    {FIELD(FlowQuery, all, BOOL), .default_text = "false",
     .help = "Also those the caller has no part in; for auditors and administrators"},
    {FIELD(FlowQuery, cursor, STRING), .max = NAME_MAX_BYTES, .help = CURSOR_HELP},
    {FIELD(FlowQuery, limit, INT), .min = 1, .max = 1000, .default_text = "200",
     .help = LIMIT_HELP},
};
const Shape FLOW_QUERY_SHAPE = SHAPE("FlowQuery", FlowQuery, FLOW_QUERY_FIELDS, NULL);

static const char *const VIEW_NAMES[] = {
    [VIEW_MINE] = "mine",
    [VIEW_TO_DECIDE] = "to_decide",
    [VIEW_ALL] = "all",
};
static const EnumTable VIEWS = {"view", VIEW_NAMES, COUNT_OF(VIEW_NAMES)};

static const Field GRANT_QUERY_FIELDS[] = {
    {FIELD(GrantQuery, view, ENUM), .names = &VIEWS, .default_text = "mine",
     .help = "Own requests, those the caller may decide now, or all that the caller may see"},
    {FIELD(GrantQuery, state, STRINGS), .names = &GRANT_STATES, .max = GRANT_STATE_COUNT_,
     .help = "Those in one of these states, separated by commas"},
    {FIELD(GrantQuery, flow, STRING), .max = NAME_MAX_BYTES, .help = "Those of this flow"},
    {FIELD(GrantQuery, integration, STRING), .max = NAME_MAX_BYTES,
     .help = "Those on this integration"},
    {FIELD(GrantQuery, requester, STRING), .max = NAME_MAX_BYTES,
     .help = "Those of this principal"},
    {FIELD(GrantQuery, cursor, STRING), .max = NAME_MAX_BYTES, .help = CURSOR_HELP},
    {FIELD(GrantQuery, limit, INT), .min = 1, .max = 500, .default_text = "50", .help = LIMIT_HELP},
};
const Shape GRANT_QUERY_SHAPE = SHAPE("GrantQuery", GrantQuery, GRANT_QUERY_FIELDS, NULL);

static const Field GRANT_WAIT_QUERY_FIELDS[] = {
    {FIELD(GrantWaitQuery, version, INT), .min = 0, .max = -1, .default_text = "0",
     .help = "The version that is known already"},
    {FIELD(GrantWaitQuery, wait_s, INT), .min = 0, .max = MAX_WAIT_S, .default_text = "0",
     .help = "How many seconds to wait for another version than that"},
};
const Shape GRANT_WAIT_QUERY_SHAPE =
    SHAPE("GrantWaitQuery", GrantWaitQuery, GRANT_WAIT_QUERY_FIELDS, NULL);

static const Field OVERDUE_QUERY_FIELDS[] = {
    {FIELD_NAMED("older_than", OverdueQuery, older_than_s, DURATION),
     .help = "Those that are late by more than this, such as 15m; a minute at least"},
    {FIELD(OverdueQuery, cursor, STRING), .max = NAME_MAX_BYTES, .help = CURSOR_HELP},
    {FIELD(OverdueQuery, limit, INT), .min = 1, .max = 500, .default_text = "200",
     .help = LIMIT_HELP},
};
const Shape OVERDUE_QUERY_SHAPE = SHAPE("OverdueQuery", OverdueQuery, OVERDUE_QUERY_FIELDS, NULL);

static Status orphan_kind_check(const char *text, Error *reterr) {
    int kind;
    char names[128];
    if (enum_find(&ORPHAN_KINDS, text, &kind))
        return STATUS_OK;
    return error_set(reterr, STATUS_INVALID, "bad_value", "expected one of %s",
                     enum_list(&ORPHAN_KINDS, names, sizeof(names)));
}

static const Field ORPHAN_QUERY_FIELDS[] = {
    {FIELD(OrphanQuery, integration, STRING), .max = NAME_MAX_BYTES,
     .help = "Those found through this integration"},
    {FIELD(OrphanQuery, account, STRING), .max = NAME_MAX_BYTES, .help = "Those of this name"},
    {FIELD(OrphanQuery, kind, STRING), .check = orphan_kind_check,
     .help = "Those of this kind: unknown, mismatched, unserved, foreign or leftover"},
    {FIELD(OrphanQuery, cursor, STRING), .max = NAME_MAX_BYTES, .help = CURSOR_HELP},
    {FIELD(OrphanQuery, limit, INT), .min = 1, .max = 500, .default_text = "200",
     .help = LIMIT_HELP},
};
const Shape ORPHAN_QUERY_SHAPE = SHAPE("OrphanQuery", OrphanQuery, ORPHAN_QUERY_FIELDS, NULL);

static const Field AUDIT_QUERY_FIELDS[] = {
    {FIELD(AuditQuery, since, TIME), .help = "Events from this time on"},
    {FIELD(AuditQuery, until, TIME), .help = "Events before this time"},
    {FIELD(AuditQuery, person, STRING), .max = NAME_MAX_BYTES,
     .help = "Events by or about this principal"},
    {FIELD(AuditQuery, grant, STRING), .max = NAME_MAX_BYTES, .help = "Events of this grant"},
    {FIELD(AuditQuery, integration, STRING), .max = NAME_MAX_BYTES,
     .help = "Events of this integration"},
    {FIELD(AuditQuery, flow, STRING), .max = NAME_MAX_BYTES, .help = "Events of this flow"},
    {FIELD(AuditQuery, event, STRING), .max = NAME_MAX_BYTES,
     .help = "Events of this name, such as grant.approved"},
    {FIELD(AuditQuery, cursor, INT), .min = 0, .max = -1, .default_text = "0",
     .help = "`next` of the page before: events after this sequence number"},
    {FIELD(AuditQuery, limit, INT), .min = 1, .max = 1000, .default_text = "200",
     .help = LIMIT_HELP},
};
const Shape AUDIT_QUERY_SHAPE = SHAPE("AuditQuery", AuditQuery, AUDIT_QUERY_FIELDS, NULL);
