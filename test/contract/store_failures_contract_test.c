// Every call to the database that an operation makes fails once. The operation says so by a code of
// the store's, changes nothing and gives nothing, and does its work when it is repeated.
#include "contract/store_shop.h"

#include "base/buffer.h"
#include "support/failing_calls.h"

#include <sodium.h>
#include <sqlite3.h>

enum { CALLS_MAX = 2000 };

// What operations are done to.
typedef struct Things {
    const char *grant;
    const char *account;
    Orphan orphan;
    StoredAction action;
    Token token;
} Things;
static Things things;

// ---- Everything that is in the file, as one hash ------------------------------------------------

static void hash_rows(crypto_generichash_state *hash, sqlite3 *file, const char *sql) {
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_prepare_v2(file, sql, -1, &statement, NULL), SQLITE_OK);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(statement); i++) {
            const unsigned char *text = sqlite3_column_text(statement, i);
            crypto_generichash_update(hash, text != NULL ? text : (const unsigned char *)"\1",
                                      text != NULL ? strlen((const char *)text) + 1 : 1);
        }
    }
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
}

static const char *fingerprint(Shop *shop) {
    sqlite3 *file = NULL;
    sqlite3_stmt *tables = NULL;
    crypto_generichash_state hash;
    crypto_generichash_init(&hash, NULL, 0, crypto_generichash_BYTES);
    assert_int_equal(sqlite3_open_v2(shop->path, &file, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    static const char TABLES[] = "SELECT name FROM sqlite_master WHERE type = 'table'"
                                 " AND name NOT LIKE 'sqlite%' ORDER BY name";
    assert_int_equal(sqlite3_prepare_v2(file, TABLES, -1, &tables, NULL), SQLITE_OK);
    while (sqlite3_step(tables) == SQLITE_ROW)
        hash_rows(&hash, file,
                  arena_printf(shop->arena, "SELECT * FROM %s", sqlite3_column_text(tables, 0)));
    sqlite3_finalize(tables);
    sqlite3_close(file);
    unsigned char bytes[crypto_generichash_BYTES];
    char *text = arena_alloc(shop->arena, 2 * sizeof(bytes) + 1);
    crypto_generichash_final(&hash, bytes, sizeof(bytes));
    return sodium_bin2hex(text, 2 * sizeof(bytes) + 1, bytes, sizeof(bytes));
}

// ---- The operations -----------------------------------------------------------------------------

static void no_preparation(Shop *shop) {
}
static void prepare_unknown(Shop *shop) {
    things.account = "temp_nobody_abc123";
}
static void sweep_orphan(Shop *shop, StoreSweptAccount account) {
    Error error = {0};
    expect_ok(shop_sweep(shop->store, shop->arena, shop, &account, 0, &error), &error);
    OrphanFilter filter = {.account = account.account, .limit = 1};
    Orphans orphans;
    expect_ok(store_list_orphans(shop->store, shop->arena, &filter, &orphans, &error), &error);
    things.orphan = orphans.items[0];
}
static void prepare_foreign(Shop *shop) {
    sweep_orphan(shop, (StoreSweptAccount){.account = "temp_theirs_abc123",
                                           .grant_id = "grt_theirs",
                                           .deployment = "dep_theirs",
                                           .database = "shop"});
}
static void prepare_removal(Shop *shop) {
    sweep_orphan(shop, (StoreSweptAccount){.account = "temp_nobody_abc123",
                                           .grant_id = "grt_nobody_knows",
                                           .database = "shop"});
    things.action = shop_lease_one(shop, "remove");
}
static void prepare_pending(Shop *shop) {
    things.grant = shop_request(shop, &ANN, "shop-read").id;
}
static void prepare_approved(Shop *shop) {
    things.grant = shop_approved(shop).id;
}
static void prepare_leased(Shop *shop) {
    things.action = shop_granting(shop);
    things.grant = things.action.grant_id;
}
static void prepare_active(Shop *shop) {
    Grant grant = shop_active(shop, "shop-read");
    things.grant = grant.id;
    things.account = grant.plan->account;
}
static void prepare_expired(Shop *shop) {
    prepare_active(shop);
    shop_advance(shop, 2 * HOUR_MS);
}
static void prepare_revoking(Shop *shop) {
    prepare_expired(shop);
    shop_run_due(shop);
    things.action = shop_lease_one(shop, "revoke");
}
static void prepare_pausing(Shop *shop) {
    prepare_revoking(shop);
    shop_report(shop, (StoreReport){.action_id = things.action.id,
                                    .attempt = things.action.attempt,
                                    .failure = "conflict",
                                    .message = "objects in the way"});
}
static void prepare_ended(Shop *shop) {
    prepare_expired(shop);
    shop_run_due(shop);
    shop_finish(shop, things.grant);
    shop_advance(shop, HOUR_MS);
}
static void prepare_token(Shop *shop) {
    things.token = shop_token(shop, TOKEN_PERSONAL, "ann", id_new(shop->arena, "txt"));
}
static void prepare_known_token(Shop *shop) {
    prepare_token(shop);
    Error error = {0};
    expect_ok(store_add_token(shop->store, &ANN, &things.token, &error), &error);
    shop_advance(shop, HOUR_MS / 2);
}
static void prepare_invitation(Shop *shop) {
    things.token = shop_token(shop, TOKEN_INVITATION, "ann", "come in");
    Error error = {0};
    expect_ok(store_add_token(shop->store, &ROOT, &things.token, &error), &error);
}
static void prepare_join(Shop *shop) {
    things.token = shop_token(shop, TOKEN_JOIN, "main", "join us");
    Error error = {0};
    expect_ok(store_add_connector(shop->store, &ROOT, "main", &things.token, &error), &error);
}

static Status run_request(Shop *shop, Error *reterr) {
    RequestForm form = shop_form(&ANN, "shop-auto");
    Grant grant;
    return store_request_grant(shop->store, shop->arena, &ANN, &form, "key", &grant, reterr);
}
static Status run_approve(Shop *shop, Error *reterr) {
    Grant grant;
    return store_decide_grant(shop->store, shop->arena, &CLEO, things.grant, true, "yes", &grant,
                              reterr);
}
static Status run_deny(Shop *shop, Error *reterr) {
    Grant grant;
    return store_decide_grant(shop->store, shop->arena, &CLEO, things.grant, false, "no", &grant,
                              reterr);
}
static Status run_cancel(Shop *shop, Error *reterr) {
    Grant grant;
    return store_cancel_grant(shop->store, shop->arena, &ANN, things.grant, NULL, &grant, reterr);
}
static void prepare_given_up(Shop *shop) {
    prepare_pausing(shop);
    shop_advance(shop, HOUR_MS);
    shop_run_due(shop);
}
static Status run_write_off(Shop *shop, Error *reterr) {
    Grant grant;
    return store_write_off_grant(shop->store, shop->arena, &ROOT, things.grant, "gone", &grant,
                                 reterr);
}
static Status run_revoke(Shop *shop, Error *reterr) {
    Grant grant;
    return store_revoke_grant(shop->store, shop->arena, &ANN, things.grant, NULL, &grant, reterr);
}
static Status run_extend(Shop *shop, Error *reterr) {
    Grant grant;
    return store_extend_grant(shop->store, shop->arena, &ANN, things.grant, 7200, "more", &grant,
                              reterr);
}
static Status run_reset(Shop *shop, Error *reterr) {
    Grant grant;
    return store_reset_grant(shop->store, shop->arena, &ANN, things.grant, "second key", &grant,
                             reterr);
}
static Status run_lease(Shop *shop, Error *reterr) {
    StoredActions actions = {0};
    Status status =
        store_lease_actions(shop->store, shop->arena, &shop->main, 10, LEASE_MS, &actions, reterr);
    if (status == STATUS_OK)
        assert_int_equal(actions.count, 1);
    return status;
}
static Status run_report_done(Shop *shop, Error *reterr) {
    StoreReport report = done_report(&things.action, "box");
    report.outcome = shop_outcome(shop, "CREATE ROLE …");
    return store_report_action(shop->store, shop->arena, &shop->main, &report, reterr);
}
static Status run_report_failed(Shop *shop, Error *reterr) {
    StoreReport report = failed_report(&things.action, "conflict");
    return store_report_action(shop->store, shop->arena, &shop->main, &report, reterr);
}
static Status run_find_action(Shop *shop, Error *reterr) {
    StoredAction action;
    return store_find_action(shop->store, shop->arena, &shop->main, things.action.id, &action,
                             reterr);
}
static Status reconcile(Shop *shop, const char *grant, bool removed, Error *reterr) {
    StoreSweptAccount account = {.account = things.account, .grant_id = grant, .removed = removed};
    return shop_sweep(shop->store, shop->arena, shop, &account, 0, reterr);
}
static Status run_reconcile_stray(Shop *shop, Error *reterr) {
    return reconcile(shop, things.grant, false, reterr);
}
static Status run_reconcile_removed(Shop *shop, Error *reterr) {
    return reconcile(shop, things.grant, true, reterr);
}
static Status run_reconcile_orphan(Shop *shop, Error *reterr) {
    return reconcile(shop, "grt_nobody_knows", false, reterr);
}
static Status run_list_orphans(Shop *shop, Error *reterr) {
    OrphanFilter filter = {.limit = 10};
    Orphans orphans;
    return store_list_orphans(shop->store, shop->arena, &filter, &orphans, reterr);
}
static Status run_inspect_orphan(Shop *shop, Error *reterr) {
    Orphan orphan;
    return store_inspect_orphan(shop->store, shop->arena, &ROOT, things.orphan.id, &orphan, reterr);
}
static Status run_remove_orphan(Shop *shop, Error *reterr) {
    Orphan orphan;
    return store_remove_orphan(shop->store, shop->arena, &ROOT, things.orphan.id, "grt_theirs",
                               "dep_theirs", &orphan, reterr);
}
static Status run_due(Shop *shop, Error *reterr) {
    DueResult result;
    return store_run_due(shop->store, 100, &result, reterr);
}
static Status run_list(Shop *shop, Error *reterr) {
    GrantFilter filter = {.live_only = true, .limit = 10};
    Grants grants;
    return store_list_grants(shop->store, shop->arena, &filter, &grants, reterr);
}
static Status run_list_overdue(Shop *shop, Error *reterr) {
    OverdueFilter filter = {.limit = 10};
    Revocations revocations;
    return store_list_overdue(shop->store, shop->arena, &filter, &revocations, reterr);
}
static Status run_find_revocation(Shop *shop, Error *reterr) {
    Revocation revocation;
    bool found;
    return store_find_revocation(shop->store, shop->arena, things.grant, &revocation, &found,
                                 reterr);
}
static Status run_evidence(Shop *shop, Error *reterr) {
    EvidenceList evidence;
    return store_grant_evidence(shop->store, shop->arena, things.grant, &evidence, reterr);
}
static Status run_audit(Shop *shop, Error *reterr) {
    AuditEvents events;
    AuditFilter filter = {.limit = 10};
    return store_list_audit(shop->store, shop->arena, &filter, &events, reterr);
}
static Status run_note(Shop *shop, Error *reterr) {
    return store_note(shop->store, &ANN, &(AuditNote){.event = "sign_in.failed"}, reterr);
}
static Status run_add_token(Shop *shop, Error *reterr) {
    return store_add_token(shop->store, &ANN, &things.token, reterr);
}
static Status run_find_token(Shop *shop, Error *reterr) {
    Token token;
    return store_find_token(shop->store, shop->arena, things.token.hash, &token, reterr);
}
static Status run_remove_token(Shop *shop, Error *reterr) {
    return store_remove_token(shop->store, &ANN, things.token.id, reterr);
}
static Status run_invitation(Shop *shop, Error *reterr) {
    return store_accept_invitation(shop->store, &ANN, things.token.hash, "ann", "$argon2id$…",
                                   reterr);
}
static Status run_enroll(Shop *shop, Error *reterr) {
    ConnectorInstance instance = {
        .id = "con_new", .public_key = "key", .host = "host", .version = "1"};
    return store_enroll(shop->store, shop->arena, &ROOT, things.token.hash, &instance, reterr);
}
static Status run_remove_instance(Shop *shop, Error *reterr) {
    return store_remove_instance(shop->store, &ROOT, shop->main.id, reterr);
}
static Status run_find_instance(Shop *shop, Error *reterr) {
    ConnectorInstance instance;
    return store_find_instance(shop->store, shop->arena, shop->main.id, &instance, reterr);
}
static Status run_list_connectors(Shop *shop, Error *reterr) {
    Connectors connectors;
    return store_list_connectors(shop->store, shop->arena, &connectors, reterr);
}
static Status run_integration_report(Shop *shop, Error *reterr) {
    IntegrationReport report = {.integration = "shop-prod", .ok = true, .checked_at = 1};
    return store_save_integration_report(shop->store, &report, reterr);
}
static Status run_queue_check(Shop *shop, Error *reterr) {
    return store_queue_check(shop->store, &ROOT, "shop-prod", "check", reterr);
}
static Status run_numbers(Shop *shop, Error *reterr) {
    StoreNumbers numbers;
    return store_numbers(shop->store, &numbers, reterr);
}
static Status run_ping(Shop *shop, Error *reterr) {
    return store_ping(shop->store, reterr);
}
static Status run_apply(Shop *shop, Error *reterr) {
    Configuration current;
    TRY(store_configuration(shop->store, shop->arena, &current, reterr));
    Principal zoe = {.name = "zoe"};
    Configuration declared = {.principals = {.items = &zoe, .count = 1}};
    Changes changes;
    int64_t version;
    TRY(configuration_compare(shop->arena, &current, &declared, false, &changes, reterr));
    return store_apply(shop->store, &ROOT, current.version, &changes, &version, reterr);
}
static Status run_reopen(Shop *shop, Error *reterr) {
    shop_close(shop);
    StoreOptions options = {.url = shop->url, .clock = &shop->clock.clock, .audit_key = shop->key};
    return store_open(&options, &shop->store, reterr);
}

typedef struct Case {
    const char *name;
    void (*prepare)(Shop *shop);
    Status (*run)(Shop *shop, Error *reterr);
    // Works in several transactions, each whole: what was done before the failure stays done.
    bool in_steps;
    bool closes; // has no store while it fails
} Case;

static const Case CASES[] = {
    {"request", no_preparation, run_request},
    {"approve", prepare_pending, run_approve},
    {"deny", prepare_pending, run_deny},
    {"cancel", prepare_pending, run_cancel},
    {"revoke", prepare_active, run_revoke},
    {"hurry", prepare_pausing, run_revoke},
    {"write off", prepare_given_up, run_write_off},
    {"extend", prepare_active, run_extend},
    {"reset", prepare_active, run_reset},
    {"lease", prepare_approved, run_lease},
    {"report a grant done", prepare_leased, run_report_done},
    {"report a grant failed", prepare_leased, run_report_failed},
    {"report a revocation done", prepare_revoking, run_report_done},
    {"report a revocation failed", prepare_revoking, run_report_failed},
    {"find an action", prepare_leased, run_find_action},
    {"reconcile a stray account", prepare_ended, run_reconcile_stray},
    {"reconcile a removed account", prepare_expired, run_reconcile_removed},
    {"reconcile an orphan", prepare_unknown, run_reconcile_orphan},
    {"list orphans", prepare_foreign, run_list_orphans},
    {"inspect an orphan", prepare_foreign, run_inspect_orphan},
    {"remove an orphan", prepare_foreign, run_remove_orphan},
    {"report a removal done", prepare_removal, run_report_done},
    {"report a removal failed", prepare_removal, run_report_failed},
    {"expire", prepare_expired, run_due, .in_steps = true},
    {"take back a lease", prepare_leased, run_due, .in_steps = true},
    {"list grants", prepare_active, run_list},
    {"list what is overdue", prepare_revoking, run_list_overdue},
    {"find a revocation", prepare_revoking, run_find_revocation},
    {"evidence", prepare_active, run_evidence},
    {"list the audit trail", prepare_active, run_audit},
    {"note", no_preparation, run_note},
    {"add a token", prepare_token, run_add_token},
    {"find a token", prepare_known_token, run_find_token, .in_steps = true},
    {"remove a token", prepare_known_token, run_remove_token},
    {"accept an invitation", prepare_invitation, run_invitation},
    {"enroll", prepare_join, run_enroll},
    {"remove an instance", prepare_leased, run_remove_instance},
    {"find an instance", no_preparation, run_find_instance},
    {"list connectors", no_preparation, run_list_connectors},
    {"save an integration report", no_preparation, run_integration_report},
    {"queue a check", no_preparation, run_queue_check},
    {"numbers", prepare_active, run_numbers},
    {"ping", no_preparation, run_ping},
    {"apply", no_preparation, run_apply},
    {"open", prepare_active, run_reopen, .in_steps = true, .closes = true},
};

// ---- The loop -----------------------------------------------------------------------------------

static void expect_clean_failure(Shop *shop, const Case *it, const char *call, Status status,
                                 const Error *error, const char *before) {
    if (status == STATUS_OK) {
        // Only what is not part of its promise, such as when a token was last used.
        if (!it->in_steps)
            fail_msg("%s: %s failed, and it said it was done", it->name, call);
        return;
    }
    if (strncmp(error->code, "store_", strlen("store_")) != 0 || error->message[0] == '\0')
        fail_msg("%s: %s failed, and it said %s: %s", it->name, call, error->code, error->message);
    if (!it->in_steps && strcmp(fingerprint(shop), before) != 0)
        fail_msg("%s: %s failed, and it left something half done", it->name, call);
}

static size_t fail_each_call(Shop *shop, const Case *it) {
    for (size_t nth = 1; nth <= CALLS_MAX; nth++) {
        const char *before = it->in_steps ? NULL : fingerprint(shop);
        Error error = {0};
        failing_calls_arm(nth);
        Status status = it->run(shop, &error);
        const char *call = failing_calls_disarm();
        if (call == NULL) {
            expect_ok(status, &error);
            return nth - 1;
        }
        expect_clean_failure(shop, it, call, status, &error, before);
        if (status == STATUS_OK)
            it->prepare(shop);
        if (!it->closes)
            shop_verify_audit(shop);
    }
    fail_msg("%s makes more than %d calls", it->name, CALLS_MAX);
    return 0;
}

static void each_call_fails_once_and_nothing_is_half_done(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        void *shop = NULL;
        things = (Things){0};
        shop_setup(&shop);
        CASES[i].prepare(shop);
        size_t failed = fail_each_call(shop, &CASES[i]);
        print_message("# %s: %zu calls failed, one at a time\n", CASES[i].name, failed);
        assert_true(failed > 0);
        shop_teardown(&shop);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_fails_once_and_nothing_is_half_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
