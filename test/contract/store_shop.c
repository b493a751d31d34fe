#include "contract/store_shop.h"

#include "base/buffer.h"
#include "base/file.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const int64_t NOON_MS = 1800000000000;

const Actor ANN = {.name = "ann", .kind = "principal", .peer = "127.0.0.1", .token = "tok_ann"};
const Actor BOB = {.name = "bob", .kind = "principal"};
const Actor CLEO = {.name = "cleo", .kind = "principal"};
const Actor DAN = {.name = "dan", .kind = "principal"};
const Actor ROOT = {.name = "root", .kind = "principal"};

static const char PEOPLE[] =
    "{\"principals\": [{\"name\": \"ann\"}, {\"name\": \"bob\"}, {\"name\": \"cleo\"},"
    " {\"name\": \"dan\"}, {\"name\": \"root\", \"role\": \"administrator\"}],"
    " \"groups\": [{\"name\": \"backend\", \"members\": [\"ann\", \"bob\"]},"
    " {\"name\": \"dba\", \"members\": [\"bob\", \"cleo\"]},"
    " {\"name\": \"security\", \"members\": [\"dan\"]}],"
    " \"integrations\": ["
    "  {\"name\": \"shop-prod\", \"kind\": \"postgresql\", \"connector\": \"main\","
    "   \"host\": \"db.internal\", \"database\": \"shop\", \"admin_secret\": \"shop-admin\"},"
    "  {\"name\": \"shop-second\", \"kind\": \"postgresql\", \"connector\": \"second\","
    "   \"host\": \"db2.internal\", \"database\": \"shop\", \"admin_secret\": \"shop-admin\"}]}";

static const char ACCESS[] = "\"requesters\": {\"groups\": [\"backend\"]},"
                             " \"grants\": [{\"schema\": \"app\", \"tables\": [\"orders\"],"
                             " \"privileges\": [\"SELECT\"]}], \"reason\": \"required\"";
static const char BY_DBA[] = "[{\"any_of\": {\"groups\": [\"dba\"]}}]";
static const char BY_DBA_THEN_SECURITY[] = "[{\"any_of\": {\"groups\": [\"dba\"]}},"
                                           " {\"any_of\": {\"groups\": [\"security\"]}}]";
static const char BY_TWO[] = "[{\"any_of\": {\"groups\": [\"dba\", \"security\"]}, \"count\": 2}]";

typedef struct FlowRow {
    const char *name, *integration, *duration, *approval, *extension, *lapse_after;
} FlowRow;

static const FlowRow FLOWS[] = {
    {"shop-read", "shop-prod", "8h", BY_DBA, "approval", "24h"},
    {"shop-steps", "shop-prod", "8h", BY_DBA_THEN_SECURITY, "approval", "24h"},
    {"shop-two", "shop-prod", "8h", BY_TWO, "approval", "24h"},
    {"shop-auto", "shop-prod", "8h", "[{\"auto\": true}]", "auto", "24h"},
    {"shop-never", "shop-prod", "8h", "[{\"auto\": true}]", "never", "24h"},
    {"shop-brief", "shop-prod", "8h", "[{\"auto\": true}]", "auto", "10m"},
    {"shop-second", "shop-second", "8h", "[{\"auto\": true}]", "auto", "24h"},
};

// ---- Faults -------------------------------------------------------------------------------------

void expect_ok(Status status, const Error *error) {
    if (status != STATUS_OK)
        fail_msg("%s: %s (%s) [%s]", error->code, error->message, error->pointer, error->detail);
}

void expect_fault(Status found, const Error *error, Status status, const char *code) {
    if (found == STATUS_OK)
        fail_msg("expected %s, and it succeeded", code);
    assert_string_equal(error->code, code);
    assert_int_equal(found, status);
    assert_int_equal(error->status, status);
    assert_true(error->message[0] != '\0' && text_is_printable(error->message));
}

// ---- The shop -----------------------------------------------------------------------------------

static void grant_changed(void *context, const char *grant_id) {
    __atomic_add_fetch(&((Shop *)context)->grants_changed, 1, __ATOMIC_SEQ_CST);
}
static void work_queued(void *context, const char *connector) {
    __atomic_add_fetch(&((Shop *)context)->work_queued, 1, __ATOMIC_SEQ_CST);
}
static void due_changed(void *context) {
    __atomic_add_fetch(&((Shop *)context)->due_changed, 1, __ATOMIC_SEQ_CST);
}

static void shop_open(Shop *shop) {
    StoreOptions options = {.url = shop->url,
                            .clock = &shop->clock.clock,
                            .audit_key = shop->key,
                            .limits = shop->limits};
    Error error = {0};
    expect_ok(store_open(&options, &shop->store, &error), &error);
    StoreWatch watch = {shop, grant_changed, work_queued, due_changed};
    store_watch(shop->store, &watch);
}

void shop_close(Shop *shop) {
    shop->store = store_close(shop->store);
}

void shop_reopen(Shop *shop) {
    shop_close(shop);
    shop_open(shop);
}

void shop_advance(Shop *shop, int64_t ms) {
    __atomic_add_fetch(&shop->clock.at_ms, ms, __ATOMIC_SEQ_CST);
}

static ConnectorInstance enroll(Shop *shop, const char *connector) {
    Token token = shop_token(shop, TOKEN_JOIN, connector, connector);
    Error error = {0};
    expect_ok(store_add_connector(shop->store, &ROOT, connector, &token, &error), &error);
    ConnectorInstance instance = {
        .id = arena_printf(shop->arena, "con_%s", connector),
        .public_key = arena_printf(shop->arena, "key of %s", connector),
        .host = "host",
        .version = "1",
    };
    expect_ok(store_enroll(shop->store, shop->arena, &ROOT, token.hash, &instance, &error), &error);
    return instance;
}

static void declare(Shop *shop) {
    shop_apply(shop, PEOPLE);
    for (size_t i = 0; i < COUNT_OF(FLOWS); i++)
        shop_apply(shop, arena_printf(shop->arena,
                                      "{\"flows\": [{\"name\": \"%s\", \"integration\": \"%s\","
                                      " \"duration\": {\"default\": \"1h\", \"max\": \"%s\"},"
                                      " \"approval\": %s, \"extension\": \"%s\","
                                      " \"lapse_after\": \"%s\", %s}]}",
                                      FLOWS[i].name, FLOWS[i].integration, FLOWS[i].duration,
                                      FLOWS[i].approval, FLOWS[i].extension, FLOWS[i].lapse_after,
                                      ACCESS));
}

static int set_up(void **state, const char *folder) {
    Shop *shop = mem_alloc(sizeof(*shop));
    *state = shop;
    shop->arena = arena_new();
    shop->folder = mem_strdup(folder);
    assert_non_null(mkdtemp(shop->folder));
    shop->path = arena_printf(shop->arena, "%s/daypass.db", shop->folder);
    shop->url = arena_printf(shop->arena, "sqlite:%s", shop->path);
    shop->clock = manual_clock_at(NOON_MS);
    shop->key = signing_key_new();
    shop_open(shop);
    declare(shop);
    shop->main = enroll(shop, "main");
    shop->second = enroll(shop, "second");
    return 0;
}

int shop_setup(void **state) {
    return set_up(state, "/tmp/daypass-store-XXXXXX");
}

int shop_setup_in_memory(void **state) {
    return set_up(state, "/dev/shm/daypass-store-XXXXXX");
}

static void remove_folder(const char *path) {
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(folder), entry->d_name, 0);
    }
    closedir(folder);
    assert_int_equal(rmdir(path), 0);
}

int shop_teardown(void **state) {
    Shop *shop = *state;
    if (shop->store != NULL)
        shop_verify_audit(shop);
    shop_close(shop);
    signing_key_free(shop->key);
    remove_folder(shop->folder);
    mem_free(shop->folder);
    arena_free(shop->arena);
    mem_free(shop);
    return 0;
}

// ---- Audit --------------------------------------------------------------------------------------

int64_t shop_verify_audit(Shop *shop) {
    AuditVerifier verifier = {.public_key = signing_key_public_text(shop->arena, shop->key)};
    Error error = {0};
    for (;;) {
        AuditFilter filter = {.after_sequence = verifier.sequence, .limit = 1000};
        AuditEvents events;
        expect_ok(store_list_audit(shop->store, shop->arena, &filter, &events, &error), &error);
        if (events.count == 0)
            break;
        for (size_t i = 0; i < events.count; i++)
            expect_ok(audit_verify_next(shop->arena, &verifier, &events.items[i], &error), &error);
    }
    AuditEvent head;
    expect_ok(store_audit_head(shop->store, shop->arena, &head, &error), &error);
    assert_int_equal(head.sequence, verifier.sequence);
    return verifier.verified;
}

static AuditEvents list_events(Shop *shop, const char *event, const char *grant) {
    AuditFilter filter = {.event = event, .grant = grant, .limit = 1000};
    AuditEvents events;
    Error error = {0};
    expect_ok(store_list_audit(shop->store, shop->arena, &filter, &events, &error), &error);
    return events;
}

int64_t shop_count_events(Shop *shop, const char *event, const char *grant) {
    return (int64_t)list_events(shop, event, grant).count;
}

AuditEvent shop_event(Shop *shop, const char *event, const char *grant) {
    AuditEvents events = list_events(shop, event, grant);
    if (events.count == 0)
        fail_msg("there is no event %s", event);
    return events.items[events.count - 1];
}

// ---- Configuration and people -------------------------------------------------------------------

Configuration shop_configuration(Shop *shop) {
    Configuration configuration;
    Error error = {0};
    expect_ok(store_configuration(shop->store, shop->arena, &configuration, &error), &error);
    return configuration;
}

int64_t shop_apply(Shop *shop, const char *json) {
    Configuration declared;
    Configuration current = shop_configuration(shop);
    Changes changes;
    int64_t version = 0;
    Error error = {0};
    expect_ok(shape_parse(shop->arena, &CONFIGURATION_SHAPE, json, strlen(json), &declared, &error),
              &error);
    expect_ok(configuration_compare(shop->arena, &current, &declared, false, &changes, &error),
              &error);
    expect_ok(store_apply(shop->store, &ROOT, current.version, &changes, &version, &error), &error);
    return version;
}

Token shop_token(Shop *shop, TokenKind kind, const char *subject, const char *secret) {
    return (Token){
        .id = id_new(shop->arena, "tok"),
        .hash = token_hash(shop->arena, secret),
        .kind = (int)kind,
        .subject = subject,
        .created_at = shop->clock.at_ms,
        .expires_at = shop->clock.at_ms + HOUR_MS,
    };
}

// ---- Grants -------------------------------------------------------------------------------------

RequestForm shop_form(const Actor *actor, const char *flow) {
    return (RequestForm){
        .requester = actor->name,
        .flow = flow,
        .duration_s = 3600,
        .reason = "ticket 7",
        .public_key = "first key",
    };
}

Grant shop_request(Shop *shop, const Actor *actor, const char *flow) {
    RequestForm form = shop_form(actor, flow);
    Grant grant;
    Error error = {0};
    expect_ok(store_request_grant(shop->store, shop->arena, actor, &form, NULL, &grant, &error),
              &error);
    return grant;
}

Grant shop_decide(Shop *shop, const Actor *actor, const char *id, bool approved) {
    Grant grant;
    Error error = {0};
    expect_ok(
        store_decide_grant(shop->store, shop->arena, actor, id, approved, "noted", &grant, &error),
        &error);
    return grant;
}

Grant shop_grant(Shop *shop, const char *id) {
    Grant grant;
    Error error = {0};
    expect_ok(store_grant(shop->store, shop->arena, id, &grant, &error), &error);
    return grant;
}

void expect_state(Shop *shop, const char *id, GrantState state) {
    Grant grant = shop_grant(shop, id);
    assert_string_equal(enum_name(&GRANT_STATES, grant.state),
                        enum_name(&GRANT_STATES, (int)state));
}

// ---- Actions ------------------------------------------------------------------------------------

StoredActions shop_lease(Shop *shop, const ConnectorInstance *instance, int64_t capacity) {
    StoredActions actions;
    Error error = {0};
    expect_ok(store_lease_actions(shop->store, shop->arena, instance, capacity, LEASE_MS, &actions,
                                  &error),
              &error);
    return actions;
}

StoredAction shop_lease_one(Shop *shop, const char *kind) {
    StoredActions actions = shop_lease(shop, &shop->main, 10);
    assert_int_equal(actions.count, 1);
    assert_string_equal(actions.items[0].kind, kind);
    return actions.items[0];
}

void expect_no_work(Shop *shop) {
    assert_int_equal(shop_lease(shop, &shop->main, 10).count, 0);
}

StoreReport done_report(const StoredAction *action, const char *sealed) {
    return (StoreReport){
        .action_id = action->id,
        .attempt = action->attempt,
        .done = true,
        .expires_at = action->expires_at,
        .sealed = sealed,
    };
}

StoreReport failed_report(const StoredAction *action, const char *failure) {
    return (StoreReport){
        .action_id = action->id,
        .attempt = action->attempt,
        .failure = failure,
        .code = "it_failed",
        .message = "the server said no",
    };
}

void shop_report(Shop *shop, StoreReport report) {
    Error error = {0};
    expect_ok(store_report_action(shop->store, shop->arena, &shop->main, &report, &error), &error);
}

void expect_report_fault(Shop *shop, StoreReport report, Status status, const char *code) {
    Error error = {0};
    expect_fault(store_report_action(shop->store, shop->arena, &shop->main, &report, &error),
                 &error, status, code);
}

Status shop_sweep(Store *store, Arena *arena, const Shop *shop, const StoreSweptAccount *account,
                  int64_t swept_at, Error *reterr) {
    StoreSweptAccount accounts[] = {*account};
    // No account's name is between these.
    StoreSweep sweep = {
        .admin_secret = "shop-admin",
        .host = "db.internal",
        .port = 5432,
        .swept_at = swept_at,
        .after = "~",
        .until = "!",
        .accounts = {accounts, 1},
    };
    return store_reconcile(store, arena, &shop->main, &sweep, reterr);
}

DueResult shop_run_due(Shop *shop) {
    DueResult result;
    Error error = {0};
    expect_ok(store_run_due(shop->store, 1000, &result, &error), &error);
    return result;
}

// ---- Further along ------------------------------------------------------------------------------

Grant shop_approved(Shop *shop) {
    Grant grant = shop_request(shop, &ANN, "shop-read");
    return shop_decide(shop, &CLEO, grant.id, true);
}

StoredAction shop_granting(Shop *shop) {
    shop_approved(shop);
    return shop_lease_one(shop, "grant");
}

Grant shop_active(Shop *shop, const char *flow) {
    Grant grant = shop_request(shop, &ANN, flow);
    if (grant.state == GRANT_PENDING)
        shop_decide(shop, &CLEO, grant.id, true);
    StoredAction action = shop_lease_one(shop, "grant");
    shop_report(shop, done_report(&action, "first box"));
    return shop_grant(shop, grant.id);
}

void shop_finish(Shop *shop, const char *id) {
    StoredAction action = shop_lease_one(shop, "revoke");
    assert_string_equal(action.grant_id, id);
    shop_report(shop, done_report(&action, NULL));
}

json_t *shop_outcome(Shop *shop, const char *sql) {
    Outcome outcome = {
        .account = "temp_ann_x",
        .sessions_ended = 2,
        .statements = {.items = &(Statement){.sql = sql, .database = "shop"}, .count = 1},
    };
    return shape_write(shop->arena, &OUTCOME_SHAPE, &outcome);
}

bool shop_file_has(Shop *shop, const char *text) {
    bool found = false;
    DIR *folder = opendir(shop->folder);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        CLEANUP(buffer_done) Buffer bytes = {.ceiling = 1 << 28};
        Error error = {0};
        expect_ok(file_read(arena_printf(shop->arena, "%s/%s", shop->folder, entry->d_name), &bytes,
                            &error),
                  &error);
        found = found ||
                (bytes.length > 0 && memmem(bytes.bytes, bytes.length, text, strlen(text)) != NULL);
    }
    closedir(folder);
    return found;
}
