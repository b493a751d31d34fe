// What meets what on one grant, hundreds of times each, at moments that a seed chooses: every pair
// ends in one of the outcomes that docs/overlap.md names, and says so to both sides.
#include "contract/store_shop.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum {
    ROUNDS = 150,
    LONG_ROUNDS = 2000,
    PLAYERS_MAX = 3,
    // About as long as a transaction takes, so that either is first and often in the middle.
    LAG_MOST_NS = 400 * 1000,
};

// One who takes part: what is done, by whom, on which of two stores; and what came of it.
typedef struct Player {
    void (*play)(struct Player *player);
    const Actor *actor;
    const char *id;
    const Changes *changes; // of declare
    int64_t version;        // these were computed from
    StoreReport report;
    int64_t advance_ms;
    Store *store;
    Shop *shop;
    Arena *arena;
    pthread_barrier_t *start;
    long lag_ns;
    Status status;
    Error error;
    Grant grant;
    StoredActions actions;
} Player;

// ---- What players do ----------------------------------------------------------------------------

static void approve(Player *player) {
    player->status = store_decide_grant(player->store, player->arena, player->actor, player->id,
                                        true, NULL, &player->grant, &player->error);
}

static void deny(Player *player) {
    player->status = store_decide_grant(player->store, player->arena, player->actor, player->id,
                                        false, "no", &player->grant, &player->error);
}

static void cancel(Player *player) {
    player->status = store_cancel_grant(player->store, player->arena, player->actor, player->id,
                                        NULL, &player->grant, &player->error);
}

static void revoke_early(Player *player) {
    player->status = store_revoke_grant(player->store, player->arena, player->actor, player->id,
                                        NULL, &player->grant, &player->error);
}

static void extend(Player *player) {
    player->status = store_extend_grant(player->store, player->arena, player->actor, player->id,
                                        600, "more", &player->grant, &player->error);
}

static void reset(Player *player) {
    player->status = store_reset_grant(player->store, player->arena, player->actor, player->id,
                                       "new key", &player->grant, &player->error);
}

static void lease(Player *player) {
    player->status = store_lease_actions(player->store, player->arena, &player->shop->main, 10,
                                         LEASE_MS, &player->actions, &player->error);
}

static void report(Player *player) {
    player->status = store_report_action(player->store, player->arena, &player->shop->main,
                                         &player->report, &player->error);
}

static void pass_time(Player *player) {
    DueResult result;
    shop_advance(player->shop, player->advance_ms);
    player->status = store_run_due(player->store, 100, &result, &player->error);
}

static void declare(Player *player) {
    int64_t version;
    player->status = store_apply(player->store, &ROOT, player->version, player->changes, &version,
                                 &player->error);
}

static void sweep(Player *player) {
    const StoreSweptAccount account = {
        .account = player->grant.plan->account,
        .grant_id = player->id,
        .removed = true,
    };
    player->status =
        shop_sweep(player->store, player->arena, player->shop, &account, 0, &player->error);
}

// ---- Playing ------------------------------------------------------------------------------------

static long now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void *play(void *player_) {
    Player *player = player_;
    pthread_barrier_wait(player->start);
    for (long until_ns = now_ns() + player->lag_ns; now_ns() < until_ns;)
        ;
    player->play(player);
    return NULL;
}

// Two stores over one record, as two replicas would be.
typedef struct Match {
    Shop *shop;
    Store *replica;
    unsigned short random[3];
    int rounds;
} Match;

static Match match_open(void **state) {
    Shop *shop = *state;
    StoreOptions options = {.url = shop->url, .clock = &shop->clock.clock, .audit_key = shop->key};
    const char *text = getenv("DAYPASS_SEED");
    uint32_t seed = text != NULL ? (uint32_t)strtoul(text, NULL, 10) : 1;
    Match match = {
        .shop = shop,
        .random = {(unsigned short)seed, (unsigned short)(seed >> 16), 1},
        .rounds = getenv("DAYPASS_LONG") != NULL ? LONG_ROUNDS : ROUNDS,
    };
    Error error = {0};
    expect_ok(store_open(&options, &match.replica, &error), &error);
    return match;
}

static void match_done(Match *match) {
    match->replica = store_close(match->replica);
}

static void release_arena(void *arena) {
    arena_free(arena);
}

// All at nearly the same moment. What they found lives in the shop's arena.
static void match_play(Match *match, Player *players, size_t count) {
    pthread_barrier_t start;
    pthread_t threads[PLAYERS_MAX];
    assert_true(count <= PLAYERS_MAX);
    pthread_barrier_init(&start, NULL, (unsigned)count);
    for (size_t i = 0; i < count; i++) {
        Player *player = &players[i];
        player->shop = match->shop;
        player->store = nrand48(match->random) % 2 == 0 ? match->shop->store : match->replica;
        player->start = &start;
        player->lag_ns = nrand48(match->random) % LAG_MOST_NS;
        player->arena = arena_new();
        assert_int_equal(pthread_create(&threads[i], NULL, play, player), 0);
    }
    for (size_t i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
        arena_on_free(match->shop->arena, release_arena, players[i].arena);
    }
    pthread_barrier_destroy(&start);
}

static Player *match_pair(Match *match, Player first, Player second) {
    Player *players = arena_alloc(match->shop->arena, 2 * sizeof(Player));
    players[0] = first;
    players[1] = second;
    match_play(match, players, 2);
    return players;
}

static void expect_done(const Player *player) {
    expect_ok(player->status, &player->error);
}

// It was done, or came too late for that.
static bool was_done(const Player *player, const char *refusal) {
    if (player->status != STATUS_OK)
        expect_fault(player->status, &player->error, player->error.status, refusal);
    return player->status == STATUS_OK;
}

static void expect_events(Match *match, const char *event, const char *id, int64_t count) {
    assert_int_equal(shop_count_events(match->shop, event, id), count);
}

// What no connector has had is cancelled.
static void withdraw(Match *match, const char *id) {
    Grant grant;
    Error error = {0};
    expect_ok(
        store_cancel_grant(match->shop->store, match->shop->arena, &ANN, id, NULL, &grant, &error),
        &error);
    assert_int_equal(grant.state, GRANT_CANCELLED);
}

// Nothing but its revocation is out any more, and that ends it.
static void expect_ending(Match *match, const char *id, GrantCause cause) {
    Grant grant = shop_grant(match->shop, id);
    assert_int_equal(grant.state, GRANT_REVOKING);
    assert_int_equal(grant.cause, cause);
    assert_int_equal(grant.extension_state, EXTENSION_NONE);
    assert_null(grant.sealed);
    shop_finish(match->shop, id);
    expect_state(match->shop, id, GRANT_ENDED);
    expect_no_work(match->shop);
    expect_events(match, "grant.revoking", id, 1);
    expect_events(match, "grant.ended", id, 1);
}

#define FOR_ROUNDS(match)                                                                          \
    CLEANUP(match_done) Match match = match_open(state);                                           \
    for (int round = 0; round < match.rounds; round++)

// ---- Before there is an account -----------------------------------------------------------------

static void an_approval_and_the_lapse_leave_one(void **state) {
    FOR_ROUNDS(match) {
        Grant grant = shop_request(match.shop, &ANN, "shop-read");
        shop_advance(match.shop, 24 * HOUR_MS - 1);
        Player *players = match_pair(&match, (Player){approve, .actor = &CLEO, .id = grant.id},
                                     (Player){pass_time, .advance_ms = 1});
        expect_done(&players[1]);
        bool approved = was_done(&players[0], "wrong_state");
        expect_state(match.shop, grant.id, approved ? GRANT_APPROVED : GRANT_LAPSED);
        expect_events(&match, "grant.approved", grant.id, approved);
        expect_events(&match, "grant.lapsed", grant.id, !approved);
        if (approved)
            withdraw(&match, grant.id);
        expect_no_work(match.shop);
    }
}

static void of_two_steps_the_second_counts_after_the_first(void **state) {
    FOR_ROUNDS(match) {
        Grant grant = shop_request(match.shop, &ANN, "shop-steps");
        Player *players = match_pair(&match, (Player){approve, .actor = &CLEO, .id = grant.id},
                                     (Player){approve, .actor = &DAN, .id = grant.id});
        expect_done(&players[0]);
        if (!was_done(&players[1], "not_an_approver"))
            shop_decide(match.shop, &DAN, grant.id, true);
        expect_state(match.shop, grant.id, GRANT_APPROVED);
        assert_int_equal(shop_grant(match.shop, grant.id).decisions.count, 2);
        withdraw(&match, grant.id);
    }
}

// How one who wants to end it takes it back before a connector had it, or after.
static void take_back_before_or_after_the_lease(Match *match, Player taker, GrantCause cause) {
    Grant grant = shop_approved(match->shop);
    taker.id = grant.id;
    Player *players = match_pair(match, taker, (Player){lease});
    expect_done(&players[0]);
    expect_done(&players[1]);
    if (players[1].actions.count == 0) {
        expect_state(match->shop, grant.id, GRANT_CANCELLED);
        expect_no_work(match->shop);
        expect_events(match, "grant.granting", grant.id, 0);
        return;
    }
    expect_no_work(match->shop); // not before it is known what became of the grant
    shop_report(match->shop, done_report(&players[1].actions.items[0], "box"));
    expect_ending(match, grant.id, cause);
    expect_events(match, "grant.active", grant.id, 0);
}

static void a_revocation_and_the_lease_leave_nothing(void **state) {
    FOR_ROUNDS(match)
    take_back_before_or_after_the_lease(&match, (Player){revoke_early, .actor = &ROOT},
                                        CAUSE_REVOKED);
}

static void a_cancellation_and_the_lease_leave_nothing(void **state) {
    FOR_ROUNDS(match)
    take_back_before_or_after_the_lease(&match, (Player){cancel, .actor = &ANN}, CAUSE_CANCELLED);
}

// ---- What it was asked for is changed -----------------------------------------------------------

// The usual flow and what it stands on, with one thing of it changed.
typedef struct Declaration {
    const char *changed;
    const char *usual;
    const char *refusal; // of an approval that comes after it
} Declaration;

#define FLOW(max)                                                                                  \
    "{\"flows\": [{\"name\": \"shop-read\", \"integration\": \"shop-prod\", \"requesters\":"       \
    " {\"groups\": [\"backend\"]}, \"grants\": [{\"schema\": \"app\", \"tables\": [\"orders\"],"   \
    " \"privileges\": [\"SELECT\"]}], \"reason\": \"required\", \"duration\": {\"default\":"       \
    " \"1h\", \"max\": \"" max "\"}, \"approval\": [{\"any_of\": {\"groups\": [\"dba\"]}}]}]}"
#define INTEGRATION(connector)                                                                     \
    "{\"integrations\": [{\"name\": \"shop-prod\", \"kind\": \"postgresql\", \"connector\":"       \
    " \"" connector "\", \"host\": \"db.internal\", \"database\": \"shop\", \"admin_secret\":"     \
    " \"shop-admin\"}]}"
#define PRINCIPAL(name, disabled)                                                                  \
    "{\"principals\": [{\"name\": \"" name "\", \"disabled\": " disabled "}]}"
#define GROUP(name, members) "{\"groups\": [{\"name\": \"" name "\", \"members\": " members "}]}"

static const Declaration DECLARATIONS[] = {
    {FLOW("7h"), FLOW("8h"), "flow_changed"},
    {INTEGRATION("second"), INTEGRATION("main"), "flow_changed"},
    {PRINCIPAL("ann", "true"), PRINCIPAL("ann", "false"), "flow_changed"},
    {GROUP("backend", "[\"bob\"]"), GROUP("backend", "[\"ann\", \"bob\"]"), "flow_changed"},
    {PRINCIPAL("cleo", "true"), PRINCIPAL("cleo", "false"), "not_an_approver"},
    {GROUP("dba", "[\"bob\"]"), GROUP("dba", "[\"bob\", \"cleo\"]"), "not_an_approver"},
};

static Player declaring(Match *match, const char *text) {
    Shop *shop = match->shop;
    Configuration declared;
    Configuration current = shop_configuration(shop);
    Changes *changes = arena_alloc(shop->arena, sizeof(*changes));
    Error error = {0};
    expect_ok(shape_parse(shop->arena, &CONFIGURATION_SHAPE, text, strlen(text), &declared, &error),
              &error);
    expect_ok(configuration_compare(shop->arena, &current, &declared, false, changes, &error),
              &error);
    assert_int_equal(changes->count, 1);
    return (Player){declare, .changes = changes, .version = current.version};
}

// What was approved all the same was approved before anything changed.
static void expect_before_the_change(Match *match, const char *event, const char *id) {
    AuditFilter filter = {
        .after_sequence = shop_event(match->shop, "grant.requested", id).sequence,
        .event = "configuration.changed",
        .limit = 1,
    };
    AuditEvents changes;
    Error error = {0};
    expect_ok(store_list_audit(match->shop->store, match->shop->arena, &filter, &changes, &error),
              &error);
    assert_int_equal(changes.count, 1);
    assert_true(shop_event(match->shop, event, id).sequence < changes.items[0].sequence);
}

static void an_approval_is_of_what_was_asked_for(void **state) {
    FOR_ROUNDS(match) {
        const Declaration *declaration = &DECLARATIONS[round % (int)COUNT_OF(DECLARATIONS)];
        shop_apply(match.shop, declaration->usual);
        Grant grant = shop_request(match.shop, &ANN, "shop-read");
        Player *players = match_pair(&match, (Player){approve, .actor = &CLEO, .id = grant.id},
                                     declaring(&match, declaration->changed));
        expect_done(&players[1]);
        bool approved = was_done(&players[0], declaration->refusal);
        expect_state(match.shop, grant.id, approved ? GRANT_APPROVED : GRANT_PENDING);
        if (approved) {
            expect_before_the_change(&match, "grant.approved", grant.id);
            // Frozen: the connector of that time carries it out, and ends it.
            StoredAction action = shop_lease_one(match.shop, "grant");
            assert_true(
                json_equal(action.plan, shape_write(match.shop->arena, &PLAN_SHAPE, grant.plan)));
            shop_report(match.shop, done_report(&action, "box"));
            shop_advance(match.shop, HOUR_MS);
            shop_run_due(match.shop);
            expect_ending(&match, grant.id, CAUSE_EXPIRED);
        } else {
            withdraw(&match, grant.id);
        }
        assert_int_equal(shop_lease(match.shop, &match.shop->second, 10).count, 0);
        shop_apply(match.shop, declaration->usual);
    }
}

static void more_time_is_of_what_was_asked_for(void **state) {
    FOR_ROUNDS(match) {
        const Declaration *declaration = &DECLARATIONS[round % (int)COUNT_OF(DECLARATIONS)];
        shop_apply(match.shop, declaration->usual);
        Grant grant = shop_active(match.shop, "shop-read");
        Grant given;
        Error error = {0};
        expect_ok(store_extend_grant(match.shop->store, match.shop->arena, &ANN, grant.id, 600,
                                     "more", &given, &error),
                  &error);
        Player *players = match_pair(&match, (Player){approve, .actor = &CLEO, .id = grant.id},
                                     declaring(&match, declaration->changed));
        expect_done(&players[1]);
        if (was_done(&players[0], declaration->refusal)) {
            expect_before_the_change(&match, "grant.extension_approved", grant.id);
            StoredAction action = shop_lease_one(match.shop, "extend");
            shop_report(match.shop, done_report(&action, NULL));
            assert_int_equal(shop_grant(match.shop, grant.id).expires_at,
                             grant.expires_at + 600 * SECOND_MS);
        } else { // it waits still, and somebody who may can deny it
            given = shop_decide(match.shop, &BOB, grant.id, false);
            assert_int_equal(given.extension_state, EXTENSION_NONE);
            assert_int_equal(given.expires_at, grant.expires_at);
        }
        expect_state(match.shop, grant.id, GRANT_ACTIVE);
        shop_advance(match.shop, 2 * HOUR_MS);
        shop_run_due(match.shop);
        expect_ending(&match, grant.id, CAUSE_EXPIRED);
        shop_apply(match.shop, declaration->usual);
    }
}

// ---- While it is live ---------------------------------------------------------------------------

// An event of its end says what became of more time that was asked for.
static void expect_lost_extension(Match *match, const char *id, const char *lost) {
    AuditEvent event = shop_event(match->shop, "grant.revoking", id);
    const char *told = json_string_value(json_object_get(event.detail, "lost_extension"));
    assert_true(text_equal(told, lost));
}

static void a_revocation_and_more_time_leave_an_end(void **state) {
    FOR_ROUNDS(match) {
        Grant grant = shop_active(match.shop, "shop-auto");
        Player *players = match_pair(&match, (Player){revoke_early, .actor = &ROOT, .id = grant.id},
                                     (Player){extend, .actor = &ANN, .id = grant.id});
        expect_done(&players[0]);
        bool asked = was_done(&players[1], "wrong_state");
        expect_events(&match, "grant.extension_approved", grant.id, asked);
        expect_lost_extension(&match, grant.id, asked ? "approved" : NULL);
        expect_ending(&match, grant.id, CAUSE_REVOKED);
    }
}

static void a_revocation_and_the_decision_on_more_time_leave_an_end(void **state) {
    FOR_ROUNDS(match) {
        Grant grant = shop_active(match.shop, "shop-read");
        Grant given;
        Error error = {0};
        expect_ok(store_extend_grant(match.shop->store, match.shop->arena, &ANN, grant.id, 600,
                                     "more", &given, &error),
                  &error);
        Player *players = match_pair(&match, (Player){revoke_early, .actor = &ANN, .id = grant.id},
                                     (Player){approve, .actor = &BOB, .id = grant.id});
        expect_done(&players[0]);
        bool approved = was_done(&players[1], "wrong_state");
        expect_lost_extension(&match, grant.id, approved ? "approved" : "pending");
        expect_ending(&match, grant.id, CAUSE_REVOKED);
    }
}

static void a_revocation_and_a_reset_leave_an_end(void **state) {
    FOR_ROUNDS(match) {
        Grant grant = shop_active(match.shop, "shop-auto");
        Player *players = match_pair(&match, (Player){revoke_early, .actor = &ROOT, .id = grant.id},
                                     (Player){reset, .actor = &ANN, .id = grant.id});
        expect_done(&players[0]);
        expect_events(&match, "grant.reset_requested", grant.id,
                      was_done(&players[1], "wrong_state"));
        expect_ending(&match, grant.id, CAUSE_REVOKED);
    }
}

// What a connector has in hand is done before it is taken back, and is worth nothing by then.
static void a_revocation_waits_for_what_is_in_hand(void **state) {
    FOR_ROUNDS(match) {
        Grant grant = shop_active(match.shop, "shop-auto");
        Player asking = {round % 2 == 0 ? reset : extend, .actor = &ANN, .id = grant.id};
        match_play(&match, &asking, 1);
        expect_done(&asking);
        StoredAction action = shop_lease_one(match.shop, round % 2 == 0 ? "reset" : "extend");
        Player *players = match_pair(&match, (Player){revoke_early, .actor = &ROOT, .id = grant.id},
                                     (Player){report, .report = done_report(&action, "new box")});
        expect_done(&players[0]);
        expect_done(&players[1]);
        expect_ending(&match, grant.id, CAUSE_REVOKED);
    }
}

static void an_end_has_one_cause(void **state) {
    FOR_ROUNDS(match) {
        Grant grant = shop_active(match.shop, "shop-auto");
        shop_advance(match.shop, HOUR_MS - 1);
        Player *players = match_pair(&match, (Player){revoke_early, .actor = &ROOT, .id = grant.id},
                                     (Player){pass_time, .advance_ms = 1});
        expect_done(&players[0]);
        expect_done(&players[1]);
        GrantCause cause = (GrantCause)shop_grant(match.shop, grant.id).cause;
        assert_true(cause == CAUSE_REVOKED || cause == CAUSE_EXPIRED);
        expect_ending(&match, grant.id, cause);
    }
}

static void a_removal_by_sweep_and_by_revocation_end_it_once(void **state) {
    FOR_ROUNDS(match) {
        Grant grant = shop_active(match.shop, "shop-auto");
        shop_advance(match.shop, HOUR_MS);
        shop_run_due(match.shop);
        StoredAction action = shop_lease_one(match.shop, "revoke");
        Player *players = match_pair(&match, (Player){sweep, .id = grant.id, .grant = grant},
                                     (Player){report, .report = done_report(&action, NULL)});
        expect_done(&players[0]);
        expect_done(&players[1]);
        expect_state(match.shop, grant.id, GRANT_ENDED);
        expect_no_work(match.shop);
        expect_events(&match, "grant.ended", grant.id, 1);
    }
}

static void of_a_denial_and_an_approval_of_more_time_one_counts(void **state) {
    FOR_ROUNDS(match) {
        Grant grant = shop_active(match.shop, "shop-read");
        Grant given;
        Error error = {0};
        expect_ok(store_extend_grant(match.shop->store, match.shop->arena, &ANN, grant.id, 600,
                                     "more", &given, &error),
                  &error);
        Player *players = match_pair(&match, (Player){approve, .actor = &CLEO, .id = grant.id},
                                     (Player){deny, .actor = &BOB, .id = grant.id});
        bool approved = was_done(&players[0], "wrong_state");
        assert_true(approved != was_done(&players[1], "wrong_state"));
        expect_events(&match, "grant.extension_approved", grant.id, approved);
        expect_events(&match, "grant.extension_rejected", grant.id, !approved);
        shop_advance(match.shop, HOUR_MS);
        shop_run_due(match.shop);
        expect_ending(&match, grant.id, CAUSE_EXPIRED);
    }
}

static void more_time_is_asked_for_once(void **state) {
    FOR_ROUNDS(match) {
        Grant grant = shop_active(match.shop, "shop-auto");
        Player *players = match_pair(&match, (Player){extend, .actor = &ANN, .id = grant.id},
                                     (Player){extend, .actor = &ANN, .id = grant.id});
        bool first = was_done(&players[0], "extension_pending");
        assert_true(first != was_done(&players[1], "extension_pending"));
        shop_lease_one(match.shop, "extend");
        shop_advance(match.shop, HOUR_MS);
        shop_run_due(match.shop);
        expect_ending(&match, grant.id, CAUSE_EXPIRED);
    }
}

#define OVERLAP_CASE(name)                                                                         \
    cmocka_unit_test_setup_teardown(name, shop_setup_in_memory, shop_teardown)

int main(void) {
    const struct CMUnitTest cases[] = {
        OVERLAP_CASE(an_approval_and_the_lapse_leave_one),
        OVERLAP_CASE(of_two_steps_the_second_counts_after_the_first),
        OVERLAP_CASE(a_revocation_and_the_lease_leave_nothing),
        OVERLAP_CASE(a_cancellation_and_the_lease_leave_nothing),
        OVERLAP_CASE(an_approval_is_of_what_was_asked_for),
        OVERLAP_CASE(more_time_is_of_what_was_asked_for),
        OVERLAP_CASE(a_revocation_and_more_time_leave_an_end),
        OVERLAP_CASE(a_revocation_and_the_decision_on_more_time_leave_an_end),
        OVERLAP_CASE(a_revocation_and_a_reset_leave_an_end),
        OVERLAP_CASE(a_revocation_waits_for_what_is_in_hand),
        OVERLAP_CASE(an_end_has_one_cause),
        OVERLAP_CASE(a_removal_by_sweep_and_by_revocation_end_it_once),
        OVERLAP_CASE(of_a_denial_and_an_approval_of_more_time_one_counts),
        OVERLAP_CASE(more_time_is_asked_for_once),
    };
    return RUN_CASES(cases);
}
