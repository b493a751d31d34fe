// A store with a shop in it, for the contract suites: people, two connectors, flows, a clock that
// the test moves, and short names for what a test does again and again. Anything that does not
// succeed fails the test, unless the name says otherwise.
#pragma once

#include "unit/base/cases.h"

#include "base/id.h"
#include "domain/outcome.h"
#include "store/store.h"

#include <string.h>

enum { MINUTE_MS = 60 * SECOND_MS, HOUR_MS = 60 * MINUTE_MS, LEASE_MS = MINUTE_MS };

typedef struct Shop {
    Arena *arena;
    char *folder;
    const char *path; // of the file, where the store is one
    const char *url;
    ManualClock clock;
    SigningKey *key;
    StoreLimits limits; // of the next opening
    Store *store;
    ConnectorInstance main, second;               // enrolled, of the connectors of these names
    int grants_changed, work_queued, due_changed; // calls of the watch
} Shop;

extern const Actor ANN, BOB, CLEO, DAN, ROOT;

// For cmocka: opens the shop before a case; afterwards verifies the whole audit chain and removes
// it.
int shop_setup(void **state);
int shop_setup_in_memory(void **state); // where a commit costs little, for very many of them
int shop_teardown(void **state);
#define SHOP_CASE(name) cmocka_unit_test_setup_teardown(name, shop_setup, shop_teardown)

void shop_close(Shop *shop);  // the store only
void shop_reopen(Shop *shop); // as after a restart
void shop_advance(Shop *shop, int64_t ms);
// Every event there is, in order, by the public key; gives their number.
int64_t shop_verify_audit(Shop *shop);
int64_t shop_count_events(Shop *shop, const char *event, const char *grant);
// The newest of these events.
AuditEvent shop_event(Shop *shop, const char *event, const char *grant);

void expect_ok(Status status, const Error *error);
void expect_fault(Status found, const Error *error, Status status, const char *code);

// Applies a declaration in JSON, and gives the new version.
int64_t shop_apply(Shop *shop, const char *json);
Configuration shop_configuration(Shop *shop);
Token shop_token(Shop *shop, TokenKind kind, const char *subject, const char *secret);

// A request for an hour by `actor` with the reason "ticket 7".
Grant shop_request(Shop *shop, const Actor *actor, const char *flow);
RequestForm shop_form(const Actor *actor, const char *flow);
Grant shop_decide(Shop *shop, const Actor *actor, const char *id, bool approved);
Grant shop_grant(Shop *shop, const char *id);
void expect_state(Shop *shop, const char *id, GrantState state);
StoredActions shop_lease(Shop *shop, const ConnectorInstance *instance, int64_t capacity);
// The one action that is there to lease now, which must be of this kind.
StoredAction shop_lease_one(Shop *shop, const char *kind);
void expect_no_work(Shop *shop);
StoreReport done_report(const StoredAction *action, const char *sealed);
StoreReport failed_report(const StoredAction *action, const char *failure);
void shop_report(Shop *shop, StoreReport report);
void expect_report_fault(Shop *shop, StoreReport report, Status status, const char *code);
DueResult shop_run_due(Shop *shop);
// A sweep by main that says this of one account, and nothing of any other.
MUST_USE Status shop_sweep(Store *store, Arena *arena, const Shop *shop,
                           const StoreSweptAccount *account, int64_t swept_at, Error *reterr);

// Further along: ann's request for shop-read, approved by bob; leased; reported done.
Grant shop_approved(Shop *shop);
StoredAction shop_granting(Shop *shop);
Grant shop_active(Shop *shop, const char *flow);
// Expired or revoked, and reported gone.
void shop_finish(Shop *shop, const char *id);
json_t *shop_outcome(Shop *shop, const char *sql);
// Whether these bytes are anywhere in the store's files.
bool shop_file_has(Shop *shop, const char *text);
