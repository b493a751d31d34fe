// Several at once: threads over one store, and two stores over one record, as two replicas would
// be.
#include "contract/store_shop.h"

#include <pthread.h>

enum { ROUNDS = 15, RACERS = 6 };

// One who takes part. Each has an arena of its own; the test looks at what came of it.
typedef struct Racer {
    Store *store;
    const Shop *shop;
    const Actor *actor;
    const char *id;
    const StoreReport *report;
    pthread_barrier_t *start;
    Arena *arena;
    Status status;
    Error error;
    char found[64];
    size_t count;
} Racer;

typedef void *RacerFunction(void *racer);

static void *decide(void *racer_) {
    Racer *racer = racer_;
    pthread_barrier_wait(racer->start);
    Grant grant;
    racer->status = store_decide_grant(racer->store, racer->arena, racer->actor, racer->id, true,
                                       NULL, &grant, &racer->error);
    return NULL;
}

static void *cancel(void *racer_) {
    Racer *racer = racer_;
    pthread_barrier_wait(racer->start);
    Grant grant;
    racer->status = store_cancel_grant(racer->store, racer->arena, racer->actor, racer->id, NULL,
                                       &grant, &racer->error);
    return NULL;
}

static void *revoke_it(void *racer_) {
    Racer *racer = racer_;
    pthread_barrier_wait(racer->start);
    Grant grant;
    racer->status = store_revoke_grant(racer->store, racer->arena, racer->actor, racer->id, NULL,
                                       &grant, &racer->error);
    return NULL;
}

static void *report_it(void *racer_) {
    Racer *racer = racer_;
    pthread_barrier_wait(racer->start);
    racer->status = store_report_action(racer->store, racer->arena, &racer->shop->main,
                                        racer->report, &racer->error);
    return NULL;
}

static void *run_due(void *racer_) {
    Racer *racer = racer_;
    pthread_barrier_wait(racer->start);
    DueResult result = {0};
    racer->status = store_run_due(racer->store, 100, &result, &racer->error);
    racer->count = (size_t)result.changed;
    return NULL;
}

static void *lease(void *racer_) {
    Racer *racer = racer_;
    pthread_barrier_wait(racer->start);
    StoredActions actions = {0};
    racer->status = store_lease_actions(racer->store, racer->arena, &racer->shop->main, 3, LEASE_MS,
                                        &actions, &racer->error);
    racer->count = actions.count;
    return NULL;
}

static void *request_with_key(void *racer_) {
    Racer *racer = racer_;
    pthread_barrier_wait(racer->start);
    RequestForm form = shop_form(&ANN, "shop-read");
    Grant grant = {.id = ""};
    racer->status = store_request_grant(racer->store, racer->arena, &ANN, &form, racer->id, &grant,
                                        &racer->error);
    snprintf(racer->found, sizeof(racer->found), "%s", grant.id);
    return NULL;
}

// Runs them all at the same moment, every other one on the second store.
static void race(Shop *shop, Store *replica, Racer *racers, RacerFunction *const *functions,
                 size_t count) {
    pthread_barrier_t start;
    pthread_t threads[RACERS];
    assert_true(count <= RACERS);
    pthread_barrier_init(&start, NULL, (unsigned)count);
    for (size_t i = 0; i < count; i++) {
        racers[i].shop = shop;
        racers[i].store = i % 2 == 0 ? shop->store : replica;
        racers[i].start = &start;
        racers[i].arena = arena_new();
        assert_int_equal(pthread_create(&threads[i], NULL, functions[i], &racers[i]), 0);
    }
    for (size_t i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
        racers[i].arena = arena_free(racers[i].arena);
    }
    pthread_barrier_destroy(&start);
}

static Store *open_replica(Shop *shop) {
    StoreOptions options = {.url = shop->url, .clock = &shop->clock.clock, .audit_key = shop->key};
    Store *replica = NULL;
    Error error = {0};
    expect_ok(store_open(&options, &replica, &error), &error);
    assert_string_equal(store_deployment(replica), store_deployment(shop->store));
    return replica;
}

static void two_approvers_make_one_approval(void **state) {
    Shop *shop = *state;
    CLEANUP(store_closep) Store *replica = open_replica(shop);
    for (int i = 0; i < ROUNDS; i++) {
        Grant grant = shop_request(shop, &ANN, "shop-two");
        Racer racers[] = {{.actor = &CLEO, .id = grant.id}, {.actor = &DAN, .id = grant.id}};
        RacerFunction *const functions[] = {decide, decide};
        race(shop, replica, racers, functions, COUNT_OF(functions));
        expect_ok(racers[0].status, &racers[0].error);
        expect_ok(racers[1].status, &racers[1].error);
        expect_state(shop, grant.id, GRANT_APPROVED);
        assert_int_equal(shop_count_events(shop, "grant.approved", grant.id), 1);
        assert_int_equal(shop_count_events(shop, "grant.decided", grant.id), 1);
        assert_int_equal(shop_lease(shop, &shop->main, 10).count, 1);
    }
}

static void of_two_decisions_for_one_step_the_second_is_refused(void **state) {
    Shop *shop = *state;
    CLEANUP(store_closep) Store *replica = open_replica(shop);
    for (int i = 0; i < ROUNDS; i++) {
        Grant grant = shop_request(shop, &ANN, "shop-read");
        Racer racers[] = {{.actor = &CLEO, .id = grant.id}, {.actor = &BOB, .id = grant.id}};
        RacerFunction *const functions[] = {decide, decide};
        race(shop, replica, racers, functions, COUNT_OF(functions));
        const Racer *lost = racers[0].status == STATUS_OK ? &racers[1] : &racers[0];
        assert_int_equal((racers[0].status == STATUS_OK) + (racers[1].status == STATUS_OK), 1);
        expect_fault(lost->status, &lost->error, STATUS_CONFLICT, "wrong_state");
        assert_int_equal(shop_grant(shop, grant.id).decisions.count, 1);
        assert_int_equal(shop_lease(shop, &shop->main, 10).count, 1);
    }
}

static void approval_and_cancelling_end_in_one_of_both_orders(void **state) {
    Shop *shop = *state;
    CLEANUP(store_closep) Store *replica = open_replica(shop);
    for (int i = 0; i < ROUNDS; i++) {
        Grant grant = shop_request(shop, &ANN, "shop-read");
        Racer racers[] = {{.actor = &CLEO, .id = grant.id}, {.actor = &ANN, .id = grant.id}};
        RacerFunction *const functions[] = {decide, cancel};
        race(shop, replica, racers, functions, COUNT_OF(functions));
        expect_ok(racers[1].status, &racers[1].error); // possible before and after
        if (racers[0].status != STATUS_OK)
            expect_fault(racers[0].status, &racers[0].error, STATUS_CONFLICT, "wrong_state");
        expect_state(shop, grant.id, GRANT_CANCELLED);
        expect_no_work(shop);
    }
}

static void an_extension_and_the_expiry_agree_on_one_end(void **state) {
    Shop *shop = *state;
    CLEANUP(store_closep) Store *replica = open_replica(shop);
    for (int i = 0; i < ROUNDS; i++) {
        Grant active = shop_active(shop, "shop-auto");
        Grant given;
        Error error = {0};
        expect_ok(store_extend_grant(shop->store, shop->arena, &ANN, active.id, 600, "more", &given,
                                     &error),
                  &error);
        shop_advance(shop, HOUR_MS - SECOND_MS);
        StoredAction action = shop_lease_one(shop, "extend");
        shop_advance(shop, SECOND_MS);
        StoreReport report = done_report(&action, NULL);
        Racer racers[] = {{.report = &report}, {0}};
        RacerFunction *const functions[] = {report_it, run_due};
        race(shop, replica, racers, functions, COUNT_OF(functions));
        expect_ok(racers[0].status, &racers[0].error);
        expect_ok(racers[1].status, &racers[1].error);
        Grant after = shop_grant(shop, active.id);
        if (racers[1].count == 0) {
            assert_int_equal(after.state, GRANT_ACTIVE);
            assert_int_equal(after.expires_at, active.expires_at + 600 * SECOND_MS);
            shop_advance(shop, 600 * SECOND_MS);
            assert_int_equal(shop_run_due(shop).changed, 1);
        } else {
            assert_int_equal(after.state, GRANT_REVOKING);
            assert_int_equal(after.expires_at, active.expires_at);
        }
        shop_finish(shop, active.id);
        expect_state(shop, active.id, GRANT_ENDED);
    }
}

static void a_revocation_and_the_grants_report_leave_no_access(void **state) {
    Shop *shop = *state;
    CLEANUP(store_closep) Store *replica = open_replica(shop);
    for (int i = 0; i < ROUNDS; i++) {
        StoredAction action = shop_granting(shop);
        StoreReport report = done_report(&action, "box");
        Racer racers[] = {{.report = &report}, {.actor = &ROOT, .id = action.grant_id}};
        RacerFunction *const functions[] = {report_it, revoke_it};
        race(shop, replica, racers, functions, COUNT_OF(functions));
        expect_ok(racers[0].status, &racers[0].error);
        expect_ok(racers[1].status, &racers[1].error);
        Grant after = shop_grant(shop, action.grant_id);
        assert_int_equal(after.state, GRANT_REVOKING);
        assert_null(after.sealed);
        shop_finish(shop, action.grant_id);
        expect_state(shop, action.grant_id, GRANT_ENDED);
    }
}

static void expiries_run_twice_happen_once(void **state) {
    Shop *shop = *state;
    CLEANUP(store_closep) Store *replica = open_replica(shop);
    const char *ids[10];
    for (size_t i = 0; i < COUNT_OF(ids); i++)
        ids[i] = shop_active(shop, "shop-auto").id;
    shop_advance(shop, HOUR_MS);
    Racer racers[4] = {{0}};
    RacerFunction *const functions[] = {run_due, run_due, run_due, run_due};
    race(shop, replica, racers, functions, COUNT_OF(functions));
    for (size_t i = 0; i < COUNT_OF(racers); i++)
        expect_ok(racers[i].status, &racers[i].error);
    assert_int_equal(racers[0].count + racers[1].count + racers[2].count + racers[3].count,
                     COUNT_OF(ids));
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        expect_state(shop, ids[i], GRANT_REVOKING);
        assert_int_equal(shop_count_events(shop, "grant.revoking", ids[i]), 1);
    }
    assert_int_equal(shop_lease(shop, &shop->main, 100).count, COUNT_OF(ids));
}

static void an_action_is_leased_by_one(void **state) {
    Shop *shop = *state;
    CLEANUP(store_closep) Store *replica = open_replica(shop);
    for (int i = 0; i < ROUNDS; i++) {
        for (int j = 0; j < 4; j++)
            shop_request(shop, &ANN, "shop-auto");
        Racer racers[RACERS] = {{0}};
        RacerFunction *const functions[] = {lease, lease, lease, lease, lease, lease};
        race(shop, replica, racers, functions, COUNT_OF(functions));
        size_t leased = 0;
        for (size_t j = 0; j < RACERS; j++) {
            expect_ok(racers[j].status, &racers[j].error);
            leased += racers[j].count;
        }
        assert_int_equal(leased, 4);
        expect_no_work(shop);
        shop_advance(shop, 25 * HOUR_MS); // these are over before the next round
        shop_run_due(shop);
        for (StoredActions left; (left = shop_lease(shop, &shop->main, 100)).count > 0;) {
            for (size_t j = 0; j < left.count; j++)
                shop_report(shop, done_report(&left.items[j], NULL));
        }
    }
}

static void one_key_makes_one_request(void **state) {
    Shop *shop = *state;
    CLEANUP(store_closep) Store *replica = open_replica(shop);
    for (int i = 0; i < ROUNDS; i++) {
        const char *key = arena_printf(shop->arena, "key %d", i);
        Racer racers[RACERS] = {{0}};
        RacerFunction *const functions[RACERS] = {request_with_key, request_with_key,
                                                  request_with_key, request_with_key,
                                                  request_with_key, request_with_key};
        for (size_t j = 0; j < RACERS; j++)
            racers[j].id = key;
        race(shop, replica, racers, functions, RACERS);
        for (size_t j = 0; j < RACERS; j++) {
            expect_ok(racers[j].status, &racers[j].error);
            assert_string_equal(racers[j].found, racers[0].found);
        }
    }
    assert_int_equal(shop_count_events(shop, "grant.requested", NULL), ROUNDS);
}

int main(void) {
    const struct CMUnitTest cases[] = {
        SHOP_CASE(two_approvers_make_one_approval),
        SHOP_CASE(of_two_decisions_for_one_step_the_second_is_refused),
        SHOP_CASE(approval_and_cancelling_end_in_one_of_both_orders),
        SHOP_CASE(an_extension_and_the_expiry_agree_on_one_end),
        SHOP_CASE(a_revocation_and_the_grants_report_leave_no_access),
        SHOP_CASE(expiries_run_twice_happen_once),
        SHOP_CASE(an_action_is_leased_by_one),
        SHOP_CASE(one_key_makes_one_request),
    };
    return RUN_CASES(cases);
}
