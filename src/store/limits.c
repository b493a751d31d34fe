// How much there may be of what people and connectors make, so that nobody fills the record for
// everybody else.
#include "store/store_internal.h"

static const StoreLimits DEFAULTS = {
    .open_requests_per_principal = 200,
    .open_requests_per_flow = 2000,
    .instances_per_connector = 100,
    .actions_per_integration = 16,
    .orphans_per_connector = 5000,
};

enum {
    SESSIONS_MAX = 50, // of one principal
    INVITATIONS_MAX = 10,
    JOIN_TOKENS_MAX = 100, // of one connector
    PERSONAL_TOKENS_MAX = 100,
    // As much as the shape of a configuration takes, and as answers to clients may hold.
    THINGS_PER_TYPE_MAX = 10000,
    CONFIGURATION_MAX_BYTES = 12 * 1024 * 1024,
};

static int64_t or_default(int64_t limit, int64_t when_zero) {
    return limit > 0 ? limit : when_zero;
}

StoreLimits store_limits_complete(const StoreLimits *limits) {
    return (StoreLimits){
        .open_requests_per_principal =
            or_default(limits->open_requests_per_principal, DEFAULTS.open_requests_per_principal),
        .open_requests_per_flow =
            or_default(limits->open_requests_per_flow, DEFAULTS.open_requests_per_flow),
        .instances_per_connector =
            or_default(limits->instances_per_connector, DEFAULTS.instances_per_connector),
        .actions_per_integration =
            or_default(limits->actions_per_integration, DEFAULTS.actions_per_integration),
        .orphans_per_connector =
            or_default(limits->orphans_per_connector, DEFAULTS.orphans_per_connector),
    };
}

static Status count_where(Operation *operation, const char *sql, const char *name,
                          int64_t *ret_count, Error *reterr) {
    Parameter parameters[] = {parameter_text(name)};
    Rows rows;
    TRY(operation_run(operation, sql, parameters, COUNT_OF(parameters), &rows, reterr));
    *ret_count = rows.items[0].integer[0];
    return STATUS_OK;
}

// ---- Requests -----------------------------------------------------------------------------------

// What is being taken back does not count: a dead target would keep people from all the others.
#define OPEN_STATES "('pending', 'approved', 'granting', 'active')"

Status limit_open_requests(Operation *operation, const char *requester, const char *flow,
                           Error *reterr) {
    const StoreLimits *limits = &operation->store->limits;
    int64_t count = 0;
    TRY(count_where(operation,
                    "SELECT count(*) FROM grants WHERE requester = $1 AND is_over = 0"
                    " AND state IN " OPEN_STATES,
                    requester, &count, reterr));
    if (count >= limits->open_requests_per_principal)
        return error_set(reterr, STATUS_LIMITED, "too_many_open",
                         "%lld of your requests and grants are not over, which is the most; cancel "
                         "or revoke one, or wait for its end",
                         (long long)count);
    TRY(count_where(operation,
                    "SELECT count(*) FROM grants WHERE flow = $1 AND is_over = 0"
                    " AND state IN " OPEN_STATES,
                    flow, &count, reterr));
    if (count >= limits->open_requests_per_flow)
        return error_set(reterr, STATUS_LIMITED, "too_many_open_of_flow",
                         "%lld requests and grants of this flow are not over, which is the most; "
                         "try again when some are",
                         (long long)count);
    return STATUS_OK;
}

// ---- Tokens -------------------------------------------------------------------------------------

// The oldest end where too many would be there: who signs in well is let in, whatever was before.
static Status end_oldest(Operation *operation, const Token *token, int64_t most, Error *reterr) {
    Parameter parameters[] = {
        parameter_text(token->subject),
        parameter_text(enum_name(&TOKEN_KINDS, token->kind)),
        parameter_int(operation->now_ms),
        parameter_int(most - 1),
    };
    Rows rows;
    TRY(operation_run(operation,
                      "SELECT id FROM tokens WHERE subject = $1 AND kind = $2 AND expires_at > $3"
                      " ORDER BY created_at DESC, id DESC LIMIT 1000 OFFSET $4",
                      parameters, COUNT_OF(parameters), &rows, reterr));
    for (size_t i = 0; i < rows.count; i++)
        TRY(token_end(operation, rows.items[i].text[0], reterr));
    return STATUS_OK;
}

static Status limit_personal_tokens(Operation *operation, const char *principal, Error *reterr) {
    Parameter parameters[] = {parameter_text(principal), parameter_int(operation->now_ms)};
    Rows rows;
    TRY(operation_run(operation,
                      "SELECT count(*) FROM tokens"
                      " WHERE subject = $1 AND kind = 'personal' AND expires_at > $2",
                      parameters, COUNT_OF(parameters), &rows, reterr));
    if (rows.items[0].integer[0] >= PERSONAL_TOKENS_MAX)
        return error_set(reterr, STATUS_LIMITED, "too_many_tokens",
                         "there are %d personal tokens already, which is the most; remove one",
                         PERSONAL_TOKENS_MAX);
    return STATUS_OK;
}

Status limit_tokens(Operation *operation, const Token *token, Error *reterr) {
    switch ((TokenKind)token->kind) {
    case TOKEN_SESSION:
        return end_oldest(operation, token, SESSIONS_MAX, reterr);
    case TOKEN_INVITATION:
        return end_oldest(operation, token, INVITATIONS_MAX, reterr);
    case TOKEN_JOIN:
        return end_oldest(operation, token, JOIN_TOKENS_MAX, reterr);
    case TOKEN_PERSONAL:
        break;
    }
    return limit_personal_tokens(operation, token->subject, reterr);
}

// ---- Connectors ---------------------------------------------------------------------------------

Status limit_instances(Operation *operation, const char *connector, Error *reterr) {
    int64_t most = operation->store->limits.instances_per_connector;
    int64_t count = 0;
    TRY(count_where(operation, "SELECT count(*) FROM connector_instances WHERE connector = $1",
                    connector, &count, reterr));
    if (count >= most)
        return error_set(
            reterr, STATUS_CONFLICT, "too_many_instances",
            "connector %s has %lld instances, which is the most; remove those that are "
            "gone with \"daypass connector remove-instance\", or raise "
            "limits.instances_per_connector",
            connector, (long long)count);
    return STATUS_OK;
}

// ---- Configuration ------------------------------------------------------------------------------

Status limit_configuration(Operation *operation, Error *reterr) {
    Rows rows;
    TRY(operation_run(operation,
                      "SELECT type, count(*), sum(length(document)) FROM configuration"
                      " GROUP BY type",
                      NULL, 0, &rows, reterr));
    int64_t bytes = 0;
    for (size_t i = 0; i < rows.count; i++) {
        bytes += rows.items[i].integer[2];
        if (rows.items[i].integer[1] > THINGS_PER_TYPE_MAX)
            return error_set(reterr, STATUS_CONFLICT, "too_many_things",
                             "there would be %lld things of type %s, more than the %d that are "
                             "kept; delete some first",
                             (long long)rows.items[i].integer[1], rows.items[i].text[0],
                             THINGS_PER_TYPE_MAX);
    }
    if (bytes > CONFIGURATION_MAX_BYTES)
        return error_set(reterr, STATUS_CONFLICT, "configuration_too_large",
                         "the configuration would have %lld bytes, more than the %d that are kept; "
                         "delete some of it first",
                         (long long)bytes, CONFIGURATION_MAX_BYTES);
    return STATUS_OK;
}

// ---- Actions ------------------------------------------------------------------------------------

Status limit_shares_load(Operation *operation, const char *instance, LeaseShares *ret_shares,
                         Error *reterr) {
    Parameter parameters[] = {parameter_text(instance), parameter_int(operation->now_ms)};
    Rows rows;
    TRY(operation_run(operation,
                      "SELECT integration, count(*) FROM actions"
                      " WHERE state = 'leased' AND deadline_at > $2 AND leased_by = $1"
                      " GROUP BY integration",
                      parameters, COUNT_OF(parameters), &rows, reterr));
    LeaseShares shares = {.most = operation->store->limits.actions_per_integration, .full = "\n"};
    for (size_t i = 0; i < rows.count; i++)
        limit_share_take(operation->arena, &shares, rows.items[i].text[0],
                         rows.items[i].integer[1]);
    *ret_shares = shares;
    return STATUS_OK;
}

static LeaseShare *share_of(Arena *arena, LeaseShares *shares, const char *integration) {
    for (size_t i = 0; i < shares->count; i++) {
        if (text_equal(shares->items[i].integration, integration))
            return &shares->items[i];
    }
    LeaseShare *items = arena_alloc(arena, (shares->count + 1) * sizeof(*items));
    for (size_t i = 0; i < shares->count; i++)
        items[i] = shares->items[i];
    items[shares->count] = (LeaseShare){.integration = integration};
    shares->items = items;
    return &shares->items[shares->count++];
}

void limit_share_take(Arena *arena, LeaseShares *shares, const char *integration, int64_t taken) {
    LeaseShare *share = share_of(arena, shares, integration);
    share->out += taken;
    if (share->out >= shares->most && !share->full) {
        share->full = true;
        shares->full = arena_printf(arena, "%s%s\n", shares->full, integration);
    }
}

bool limit_share_is_full(Arena *arena, LeaseShares *shares, const char *integration) {
    return share_of(arena, shares, integration)->full;
}
