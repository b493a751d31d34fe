#include "store/store_internal.h"

#include <string.h>

enum { TEXT_MAX_BYTES = 128 };

// A page of a sweep on its way into the record: it is looked through without the write lock first,
// and what is to be done about it, if anything, is one transaction.
typedef struct SweepWork {
    const ConnectorInstance *instance;
    const StoreSweep *sweep;
    Grants live;            // grants of the connector on this target that may have an account
    StringList connectors;  // of this installation that see to this target, apart from this one
    GrantFinding *findings; // those that change something
    size_t finding_count;
    const StoreSweptAccount **removed; // of grants that the store does not have
    size_t removed_count;
    OrphanPage page;
    Error damage; // of a record that cannot be read
} SweepWork;

// ---- Grants of the target -----------------------------------------------------------------------

static bool is_address_of(const StoreSweep *sweep, const TargetAddress *target) {
    int64_t usual = target_default_port((TargetKind)target->kind);
    int64_t swept_port = sweep->port != 0 ? sweep->port : usual;
    int64_t port = target->port != 0 ? target->port : usual;
    return text_equal(sweep->host, target->host) && swept_port == port;
}

static bool is_target_of(const StoreSweep *sweep, const Plan *plan) {
    return text_equal(sweep->admin_secret, plan->admin_secret) &&
           is_address_of(sweep, plan->target);
}

// One record that cannot be read keeps no other account from being looked after.
static Status load_live(Operation *operation, SweepWork *work, Error *reterr) {
    Parameter parameters[] = {parameter_text(work->instance->connector)};
    Rows rows;
    TRY(operation_run(operation,
                      "SELECT document FROM grants WHERE connector = $1 AND is_over = 0"
                      " AND state IN ('granting', 'active', 'revoking')",
                      parameters, COUNT_OF(parameters), &rows, reterr));
    work->live.items = arena_alloc(operation->arena, (rows.count + 1) * sizeof(Grant));
    for (size_t i = 0; i < rows.count; i++) {
        Grant *grant = &work->live.items[work->live.count];
        Error damaged = {0};
        if (stored_document(operation, &GRANT_SHAPE, rows.items[i].text[0], grant, &damaged) ==
                STATUS_OK &&
            is_target_of(work->sweep, grant->plan))
            work->live.count++;
    }
    return STATUS_OK;
}

// Each of these reads the target itself. A deleted connector has no integrations.
static Status load_connectors(Operation *operation, SweepWork *work, Error *reterr) {
    Configuration configuration;
    TRY(configuration_load(operation, &configuration, reterr));
    for (size_t i = 0; i < configuration.integrations.count; i++) {
        const Integration *integration = &configuration.integrations.items[i];
        TargetAddress target = integration_target(integration);
        if (is_address_of(work->sweep, &target))
            string_list_add(operation->arena, &work->connectors, integration->connector);
    }
    return STATUS_OK;
}

static const Grant *live_of_account(const SweepWork *work, const char *account) {
    for (size_t i = 0; i < work->live.count; i++)
        if (text_equal(work->live.items[i].plan->account, account))
            return &work->live.items[i];
    return NULL;
}

static Status add_finding(Operation *operation, SweepWork *work, const Grant *grant,
                          SweepFinding what, const StoreSweptAccount *account, Error *reterr) {
    const GrantFinding finding = {
        .instance = work->instance,
        .swept_at = work->sweep->swept_at,
        .finding = what,
        .account = account,
        .grant_id = grant->id,
    };
    bool news = false;
    TRY(grant_finding_is_news(operation, &finding, grant, &news, reterr));
    if (news)
        work->findings[work->finding_count++] = finding;
    return STATUS_OK;
}

// ---- Accounts that no grant explains ------------------------------------------------------------

static void add_orphan(Operation *operation, SweepWork *work, const StoreSweptAccount *account,
                       OrphanKind kind, const char *grant_connector) {
    OrphanPage *page = &work->page;
    for (size_t i = 0; i < page->found.count; i++)
        if (text_equal(page->found.items[i].account, account->account))
            return; // it is told of twice
    bool marked = kind != ORPHAN_LEFTOVER;
    const char *deployment =
        account->deployment != NULL ? account->deployment : operation->store->deployment;
    const char *made_by =
        account->connector != NULL ? account->connector : work->instance->connector;
    page->found.items[page->found.count++] = (Orphan){
        .kind = (int)kind,
        .connector = work->instance->connector,
        .admin_secret = work->sweep->admin_secret,
        .target_kind = work->sweep->target_kind,
        .host = work->sweep->host,
        .port = work->sweep->port,
        .account = account->account,
        .deployment = marked ? text_bounded(operation->arena, deployment, TEXT_MAX_BYTES) : NULL,
        .grant_id = account->grant_id,
        .made_by = marked ? made_by : NULL,
        .grant_connector = grant_connector,
        .custodian = account->custodian,
        .database = account->database,
        .leftover = account->leftover,
        .expires_at = account->expires_at,
        .can_login = account->can_login,
        .sessions = account->sessions,
    };
}

// `grant_connector`: whose the grant of its mark is, where that is not this connector.
static Status take_claim(Operation *operation, SweepWork *work, const StoreSweptAccount *account,
                         OrphanKind kind, const char *grant_connector, Error *reterr) {
    if (account->removed) {
        work->removed[work->removed_count++] = account;
        return STATUS_OK;
    }
    // A live grant's account under another mark is that grant's drift. Half made or half gone: what
    // it is, its own action will tell.
    const Grant *live = live_of_account(work, account->account);
    if (live != NULL)
        return live->state == GRANT_ACTIVE
                   ? add_finding(operation, work, live, FOUND_OTHER, account, reterr)
                   : STATUS_OK;
    add_orphan(operation, work, account, kind, grant_connector);
    return STATUS_OK;
}

static Status take_unexplained(Operation *operation, SweepWork *work,
                               const StoreSweptAccount *account, OrphanKind kind, Error *reterr) {
    return take_claim(operation, work, account, kind, NULL, reterr);
}

// ---- One account --------------------------------------------------------------------------------

static Status find_grant(Operation *operation, const SweepWork *work, const char *id,
                         Grant *ret_grant, bool *ret_found, Error *reterr) {
    *ret_found = true;
    for (size_t i = 0; i < work->live.count; i++) {
        if (text_equal(work->live.items[i].id, id)) {
            *ret_grant = work->live.items[i];
            return STATUS_OK;
        }
    }
    Error error = {0};
    Status status = grant_load(operation, id, ret_grant, &error);
    *ret_found = status == STATUS_OK;
    if (status == STATUS_OK || status == STATUS_NOT_FOUND)
        return STATUS_OK;
    *reterr = error;
    return status;
}

// Of this installation and this connector, as its mark says.
static Status take_own(Operation *operation, SweepWork *work, const StoreSweptAccount *account,
                       Error *reterr) {
    Grant grant;
    bool found = false;
    if (account->grant_id != NULL)
        TRY(find_grant(operation, work, account->grant_id, &grant, &found, reterr));
    if (!found)
        return take_unexplained(operation, work, account, ORPHAN_UNKNOWN, reterr);
    // Whoever may write a mark on this target can write that: it says nothing about the grant.
    if (!text_equal(grant.plan->connector, work->instance->connector))
        return take_claim(operation, work, account, ORPHAN_MISMATCHED, grant.plan->connector,
                          reterr);
    if (!text_equal(grant.plan->account, account->account))
        return take_unexplained(operation, work, account, ORPHAN_MISMATCHED, reterr);
    return add_finding(operation, work, &grant, FOUND_ACCOUNT, account, reterr);
}

// Another connector of ours sees to it: it serves this target, or the grant that it has is live
// (on this server by another name of it).
static Status is_seen_to(Operation *operation, const SweepWork *work,
                         const StoreSweptAccount *account, bool *ret_seen_to, Error *reterr) {
    *ret_seen_to = string_list_has(&work->connectors, account->connector);
    if (*ret_seen_to || account->grant_id == NULL)
        return STATUS_OK;
    Grant grant;
    bool found = false;
    TRY(find_grant(operation, work, account->grant_id, &grant, &found, reterr));
    *ret_seen_to = found && grant_may_have_account(&grant) &&
                   text_equal(grant.plan->connector, account->connector) &&
                   text_equal(grant.plan->account, account->account);
    return STATUS_OK;
}

static Status take_account(Operation *operation, SweepWork *work, const StoreSweptAccount *account,
                           Error *reterr) {
    bool foreign = account->deployment != NULL &&
                   !text_equal(account->deployment, operation->store->deployment);
    bool beside =
        account->connector != NULL && !text_equal(account->connector, work->instance->connector);
    if (account->leftover != NULL)
        return take_unexplained(operation, work, account, ORPHAN_LEFTOVER, reterr);
    if (foreign)
        return take_unexplained(operation, work, account, ORPHAN_FOREIGN, reterr);
    if (!beside)
        return take_own(operation, work, account, reterr);
    bool seen_to = false;
    TRY(is_seen_to(operation, work, account, &seen_to, reterr));
    if (seen_to && live_of_account(work, account->account) == NULL)
        return STATUS_OK;
    return take_unexplained(operation, work, account, ORPHAN_UNSERVED, reterr);
}

// ---- The page -----------------------------------------------------------------------------------

static bool is_covered(const StoreSweep *sweep, const char *account) {
    return (sweep->after == NULL || strcmp(account, sweep->after) > 0) &&
           (sweep->until == NULL || strcmp(account, sweep->until) <= 0);
}

static bool is_among(const StoreSweptAccounts *accounts, const char *name) {
    for (size_t i = 0; i < accounts->count; i++)
        if (text_equal(accounts->items[i].account, name))
            return true;
    return false;
}

// Grants whose accounts the page should have and has not.
static Status take_missing(Operation *operation, SweepWork *work, Error *reterr) {
    for (size_t i = 0; i < work->live.count; i++) {
        const Grant *grant = &work->live.items[i];
        const char *account = grant->plan->account;
        if (grant->state == GRANT_ACTIVE && is_covered(work->sweep, account) &&
            !is_among(&work->sweep->accounts, account))
            TRY(add_finding(operation, work, grant, FOUND_NOTHING, NULL, reterr));
    }
    return STATUS_OK;
}

static void begin(Operation *operation, SweepWork *work) {
    size_t most = work->sweep->accounts.count + 1;
    Arena *arena = operation->arena;
    work->live = (Grants){0};
    work->connectors = (StringList){0};
    work->finding_count = 0;
    work->removed = arena_alloc(arena, most * sizeof(*work->removed));
    work->removed_count = 0;
    work->damage = (Error){0};
    work->page = (OrphanPage){
        .connector = work->instance->connector,
        .admin_secret = work->sweep->admin_secret,
        .after = work->sweep->after,
        .until = work->sweep->until,
        .found.items = arena_alloc(arena, most * sizeof(Orphan)),
    };
}

// Sweeps come every minute and mostly find what they should: nothing is written for that.
static Status look(Operation *operation, void *work_, Error *reterr) {
    SweepWork *work = work_;
    begin(operation, work);
    TRY(load_live(operation, work, reterr));
    TRY(load_connectors(operation, work, reterr));
    work->findings =
        arena_alloc(operation->arena,
                    (work->sweep->accounts.count + work->live.count + 1) * sizeof(GrantFinding));
    for (size_t i = 0; i < work->sweep->accounts.count; i++) {
        Error error = {0};
        Status status = take_account(operation, work, &work->sweep->accounts.items[i], &error);
        bool alone = text_equal(error.code, "store_damaged");
        if (status != STATUS_OK && !alone) {
            *reterr = error;
            return status;
        }
        if (status != STATUS_OK && work->damage.status == STATUS_OK)
            work->damage = error;
    }
    TRY(take_missing(operation, work, reterr));
    return orphans_look(operation, &work->page, reterr);
}

// It was past its end, and the connector needed nobody to tell it so.
static Status note_removed(Operation *operation, const SweepWork *work,
                           const StoreSweptAccount *account, Error *reterr) {
    json_t *detail = outcome_describe(operation, account->outcome);
    json_object_set_new(
        detail, "account",
        json_string(text_bounded(operation->arena, account->account, TEXT_MAX_BYTES)));
    json_object_set_new(detail, "connector", json_string(work->instance->connector));
    if (account->grant_id != NULL)
        json_object_set_new(
            detail, "claimed_grant",
            json_string(text_bounded(operation->arena, account->grant_id, TEXT_MAX_BYTES)));
    AuditNote note = {.event = "account.removed", .detail = detail};
    return audit_append(operation, &note, reterr);
}

static Status take(Operation *operation, void *work_, Error *reterr) {
    SweepWork *work = work_;
    for (size_t i = 0; i < work->finding_count; i++)
        TRY(grant_take_finding(operation, &work->findings[i], reterr));
    for (size_t i = 0; i < work->removed_count; i++)
        TRY(note_removed(operation, work, work->removed[i], reterr));
    return work->page.changed ? orphans_take(operation, &work->page, reterr) : STATUS_OK;
}

Status store_reconcile(Store *store, Arena *arena, const ConnectorInstance *instance,
                       const StoreSweep *sweep, Error *reterr) {
    SweepWork work = {.instance = instance, .sweep = sweep};
    TRY(store_read(store, arena, look, &work, reterr));
    if (work.finding_count > 0 || work.removed_count > 0 || work.page.changed) {
        Actor actor = {.name = instance->id, .kind = "connector"};
        TRY(store_write(store, arena, &actor, take, &work, reterr));
    }
    if (work.damage.status != STATUS_OK && reterr != NULL)
        *reterr = work.damage;
    return work.damage.status;
}
