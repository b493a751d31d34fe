#include "contract/store_shop.h"

// Opens the store anew with these.
static void limit(Shop *shop, StoreLimits limits) {
    shop->limits = limits;
    shop_reopen(shop);
}

static void expect_refused(Shop *shop, const Actor *actor, const char *flow, const char *code) {
    RequestForm form = shop_form(actor, flow);
    Grant grant;
    Error error = {0};
    expect_fault(store_request_grant(shop->store, shop->arena, actor, &form, NULL, &grant, &error),
                 &error, STATUS_LIMITED, code);
}

// ---- Requests -----------------------------------------------------------------------------------

static void bounds_open_requests_of_one_principal(void **state) {
    Shop *shop = *state;
    limit(shop, (StoreLimits){.open_requests_per_principal = 3});
    Grant active = shop_active(shop, "shop-auto");
    Grant pending = shop_request(shop, &ANN, "shop-read");
    shop_request(shop, &ANN, "shop-auto");
    expect_refused(shop, &ANN, "shop-auto", "too_many_open");
    shop_request(shop, &BOB, "shop-auto");
    shop_decide(shop, &CLEO, pending.id, false);
    shop_request(shop, &ANN, "shop-read");
    expect_refused(shop, &ANN, "shop-auto", "too_many_open");
    // What is being taken back does not count: its target may be dead for days.
    Grant revoking;
    Error error = {0};
    expect_ok(
        store_revoke_grant(shop->store, shop->arena, &ANN, active.id, NULL, &revoking, &error),
        &error);
    assert_int_equal(revoking.state, GRANT_REVOKING);
    shop_request(shop, &ANN, "shop-auto");
}

static void bounds_open_requests_of_one_flow(void **state) {
    Shop *shop = *state;
    limit(shop, (StoreLimits){.open_requests_per_flow = 2});
    shop_request(shop, &ANN, "shop-auto");
    shop_request(shop, &BOB, "shop-auto");
    expect_refused(shop, &ANN, "shop-auto", "too_many_open_of_flow");
    shop_request(shop, &ANN, "shop-read");
}

// What was asked before is given again, however many there are.
static void a_repeated_request_is_not_one_more(void **state) {
    Shop *shop = *state;
    limit(shop, (StoreLimits){.open_requests_per_principal = 1});
    RequestForm form = shop_form(&ANN, "shop-auto");
    Grant first, again;
    Error error = {0};
    expect_ok(store_request_grant(shop->store, shop->arena, &ANN, &form, "k", &first, &error),
              &error);
    expect_ok(store_request_grant(shop->store, shop->arena, &ANN, &form, "k", &again, &error),
              &error);
    assert_string_equal(first.id, again.id);
}

// ---- Tokens -------------------------------------------------------------------------------------

static size_t count_tokens(Shop *shop, const char *person) {
    Tokens tokens;
    Error error = {0};
    expect_ok(store_list_tokens(shop->store, shop->arena, person, &tokens, &error), &error);
    return tokens.count;
}

static void the_oldest_of_too_many_sessions_ends(void **state) {
    enum { SESSIONS = 50 };
    Shop *shop = *state;
    Token first = {0}, token = {0};
    Error error = {0};
    for (int i = 0; i <= SESSIONS; i++) {
        token = shop_token(shop, TOKEN_SESSION, "ann", arena_printf(shop->arena, "s%d", i));
        token.created_at = shop->clock.at_ms;
        if (i == 0)
            first = token;
        expect_ok(store_add_token(shop->store, &ANN, &token, &error), &error);
        shop_advance(shop, SECOND_MS);
    }
    assert_int_equal(count_tokens(shop, "ann"), SESSIONS);
    Token found;
    expect_fault(store_find_token(shop->store, shop->arena, first.hash, &found, &error), &error,
                 STATUS_NOT_FOUND, "unknown_token");
    expect_ok(store_find_token(shop->store, shop->arena, token.hash, &found, &error), &error);
    assert_int_equal(shop_count_events(shop, "token.removed", NULL), 1);
    Token other = shop_token(shop, TOKEN_SESSION, "bob", "of bob");
    expect_ok(store_add_token(shop->store, &BOB, &other, &error), &error);
    assert_int_equal(count_tokens(shop, "ann"), SESSIONS);
}

static void the_oldest_of_too_many_invitations_and_join_tokens_ends(void **state) {
    enum { INVITATIONS = 10, JOIN_TOKENS = 100 };
    Shop *shop = *state;
    Error error = {0};
    for (int i = 0; i <= INVITATIONS; i++) {
        Token token =
            shop_token(shop, TOKEN_INVITATION, "ann", arena_printf(shop->arena, "i%d", i));
        expect_ok(store_add_token(shop->store, &ROOT, &token, &error), &error);
    }
    assert_int_equal(count_tokens(shop, "ann"), INVITATIONS);
    size_t before = count_tokens(shop, NULL);
    for (int i = 0; i <= JOIN_TOKENS; i++) {
        Token token = shop_token(shop, TOKEN_JOIN, "main", arena_printf(shop->arena, "j%d", i));
        expect_ok(store_add_connector(shop->store, &ROOT, "main", &token, &error), &error);
    }
    assert_int_equal(count_tokens(shop, NULL), before + JOIN_TOKENS);
}

// ---- Connectors ---------------------------------------------------------------------------------

static Status enroll(Shop *shop, const char *name, Error *reterr) {
    Token token = shop_token(shop, TOKEN_JOIN, "main", name);
    Error error = {0};
    expect_ok(store_add_connector(shop->store, &ROOT, "main", &token, &error), &error);
    ConnectorInstance instance = {.id = name, .public_key = name};
    return store_enroll(shop->store, shop->arena, &ROOT, token.hash, &instance, reterr);
}

static void bounds_instances_of_one_connector(void **state) {
    Shop *shop = *state;
    limit(shop, (StoreLimits){.instances_per_connector = 2});
    Error error = {0};
    expect_ok(enroll(shop, "con_two", &error), &error);
    expect_fault(enroll(shop, "con_three", &error), &error, STATUS_CONFLICT, "too_many_instances");
    expect_ok(store_remove_instance(shop->store, &ROOT, "con_two", &error), &error);
    expect_ok(enroll(shop, "con_four", &error), &error);
}

// ---- Configuration ------------------------------------------------------------------------------

static Changes principals(Shop *shop, int first, int count) {
    Changes changes = {.items = arena_alloc(shop->arena, (size_t)count * sizeof(Change)),
                       .count = (size_t)count};
    for (int i = 0; i < count; i++) {
        const char *name = arena_printf(shop->arena, "p%d", first + i);
        changes.items[i] = (Change){
            .kind = CHANGE_CREATE,
            .type = "principal",
            .name = name,
            .after = shape_write(shop->arena, &PRINCIPAL_SHAPE, &(Principal){.name = name}),
        };
    }
    return changes;
}

static void bounds_things_of_one_type(void **state) {
    enum { MOST = 10000 };
    Shop *shop = *state;
    Configuration there = shop_configuration(shop);
    int free_places = MOST - (int)there.principals.count;
    Changes many = principals(shop, 0, free_places), more = principals(shop, free_places, 1);
    int64_t version = there.version;
    Error error = {0};
    expect_ok(store_apply(shop->store, &ROOT, version, &many, &version, &error), &error);
    expect_fault(store_apply(shop->store, &ROOT, version, &more, &version, &error), &error,
                 STATUS_CONFLICT, "too_many_things");
    assert_int_equal(shop_configuration(shop).principals.count, MOST);
}

static void bounds_the_size_of_the_configuration(void **state) {
    enum { GROUPS = 20, MEMBERS = 10000 };
    Shop *shop = *state;
    Group group = {0};
    for (int i = 0; i < MEMBERS; i++)
        string_list_add(shop->arena, &group.members,
                        arena_printf(shop->arena,
                                     "a-rather-long-name-of-somebody-in-a-group-who-"
                                     "need-not-exist-yet-%d@example.com",
                                     i));
    int64_t version = shop_configuration(shop).version;
    Error error = {0};
    Status status = STATUS_OK;
    int added = 0;
    for (; status == STATUS_OK && added < GROUPS; added++) {
        group.name = arena_printf(shop->arena, "g%d", added);
        Change change = {.kind = CHANGE_CREATE,
                         .type = "group",
                         .name = group.name,
                         .after = shape_write(shop->arena, &GROUP_SHAPE, &group)};
        const Changes changes = {.items = &change, .count = 1};
        status = store_apply(shop->store, &ROOT, version, &changes, &version, &error);
    }
    assert_in_range(added, 5, GROUPS - 1);
    expect_fault(status, &error, STATUS_CONFLICT, "configuration_too_large");
}

// ---- Actions ------------------------------------------------------------------------------------

// Queued for two integrations of one connector, those of "shop-prod" first.
static void queue_for_two(Shop *shop) {
    shop_apply(shop,
               "{\"integrations\": [{\"name\": \"calm\", \"kind\": \"postgresql\","
               " \"connector\": \"main\", \"host\": \"calm.internal\", \"database\": \"calm\","
               " \"admin_secret\": \"calm-admin\"}],"
               " \"flows\": [{\"name\": \"calm-auto\", \"integration\": \"calm\","
               " \"duration\": {\"max\": \"1h\"}, \"approval\": [{\"auto\": true}],"
               " \"requesters\": {\"principals\": [\"ann\"]}, \"grants\": [{\"schema\": \"s\","
               " \"tables\": [\"t\"], \"privileges\": [\"SELECT\"]}]}]}");
    for (int i = 0; i < 10; i++)
        shop_request(shop, &ANN, "shop-auto");
    shop_advance(shop, SECOND_MS);
    for (int i = 0; i < 2; i++)
        shop_request(shop, &ANN, "calm-auto");
}

static size_t count_of(const StoredActions *actions, const char *integration) {
    size_t count = 0;
    for (size_t i = 0; i < actions->count; i++)
        count += strcmp(actions->items[i].integration, integration) == 0;
    return count;
}

static void one_integration_does_not_fill_an_instance(void **state) {
    Shop *shop = *state;
    limit(shop, (StoreLimits){.actions_per_integration = 4});
    queue_for_two(shop);
    StoredActions actions = shop_lease(shop, &shop->main, 8);
    assert_int_equal(count_of(&actions, "shop-prod"), 4);
    assert_int_equal(count_of(&actions, "calm"), 2);
    assert_int_equal(shop_lease(shop, &shop->main, 8).count, 0);
    // A report makes room for one more, and says so to who waits.
    int woken = shop->work_queued;
    for (size_t i = 0; i < actions.count; i++) {
        if (strcmp(actions.items[i].integration, "shop-prod") == 0) {
            shop_report(shop, done_report(&actions.items[i], "box"));
            break;
        }
    }
    assert_true(shop->work_queued > woken);
    StoredActions next = shop_lease(shop, &shop->main, 8);
    assert_int_equal(next.count, 1);
    assert_int_equal(count_of(&next, "shop-prod"), 1);
    // What no report came of counts no more.
    shop_advance(shop, LEASE_MS);
    assert_int_equal(shop_lease(shop, &shop->main, 8).count, 6);
}

// A removal on a target of which no integration is declared counts by the name of its secret, in
// which there may be a character that stands for others in patterns.
static void names_that_differ_by_one_character_have_a_share_each(void **state) {
    static const char *const SECRETS[] = {"shop_prod", "shop%", "SHOP-PROD", "hop-prod"};
    Shop *shop = *state;
    limit(shop, (StoreLimits){.actions_per_integration = 1});
    shop_request(shop, &ANN, "shop-auto");
    shop_request(shop, &ANN, "shop-auto");
    assert_int_equal(shop_lease(shop, &shop->main, 100).count, 1);
    for (size_t i = 0; i < COUNT_OF(SECRETS); i++) {
        StoreSweptAccount unknown = {.account = "temp_x_1", .grant_id = "grt_none"};
        StoreSweep sweep = {
            .admin_secret = SECRETS[i], .host = "db.internal", .accounts = {&unknown, 1}};
        Error error = {0};
        expect_ok(store_reconcile(shop->store, shop->arena, &shop->main, &sweep, &error), &error);
        StoredActions actions = shop_lease(shop, &shop->main, 100);
        assert_int_equal(actions.count, 1);
        assert_string_equal(actions.items[0].integration, SECRETS[i]);
    }
}

static void the_share_of_an_integration_is_each_instances_own(void **state) {
    Shop *shop = *state;
    limit(shop, (StoreLimits){.actions_per_integration = 4});
    queue_for_two(shop);
    Error error = {0};
    expect_ok(enroll(shop, "con_other", &error), &error);
    ConnectorInstance other;
    expect_ok(store_find_instance(shop->store, shop->arena, "con_other", &other, &error), &error);
    assert_int_equal(shop_lease(shop, &shop->main, 4).count, 4);
    StoredActions actions = shop_lease(shop, &other, 100);
    assert_int_equal(count_of(&actions, "shop-prod"), 4);
    assert_int_equal(count_of(&actions, "calm"), 2);
}

// ---- Orphans ------------------------------------------------------------------------------------

static void sweep(Shop *shop, StoreSweptAccount account) {
    Error error = {0};
    expect_ok(shop_sweep(shop->store, shop->arena, shop, &account, 0, &error), &error);
}

static int64_t orphans_of(Shop *shop, OrphanKind kind) {
    StoreNumbers numbers;
    Error error = {0};
    expect_ok(store_numbers(shop->store, &numbers, &error), &error);
    return numbers.orphans_by_kind[kind];
}

static void other_tools_accounts_leave_room_for_what_is_removed(void **state) {
    Shop *shop = *state;
    limit(shop, (StoreLimits){.orphans_per_connector = 2});
    sweep(shop, (StoreSweptAccount){.account = "v-1", .leftover = "like v-*"});
    sweep(shop, (StoreSweptAccount){.account = "v-2", .leftover = "like v-*"});
    sweep(shop, (StoreSweptAccount){.account = "v-3", .leftover = "like v-*"});
    assert_int_equal(orphans_of(shop, ORPHAN_LEFTOVER), 2);
    sweep(shop, (StoreSweptAccount){.account = "temp_x_1", .grant_id = "grt_none"});
    StoredAction action = shop_lease_one(shop, "remove");
    sweep(shop, (StoreSweptAccount){.account = "temp_x_2", .grant_id = "grt_none"});
    sweep(shop, (StoreSweptAccount){.account = "temp_x_3", .grant_id = "grt_none"});
    assert_int_equal(orphans_of(shop, ORPHAN_UNKNOWN), 2);
    // Its turn comes when there is room.
    shop_report(shop, done_report(&action, NULL));
    sweep(shop, (StoreSweptAccount){.account = "temp_x_3", .grant_id = "grt_none"});
    assert_int_equal(orphans_of(shop, ORPHAN_UNKNOWN), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SHOP_CASE(bounds_open_requests_of_one_principal),
        SHOP_CASE(bounds_open_requests_of_one_flow),
        SHOP_CASE(a_repeated_request_is_not_one_more),
        SHOP_CASE(the_oldest_of_too_many_sessions_ends),
        SHOP_CASE(the_oldest_of_too_many_invitations_and_join_tokens_ends),
        SHOP_CASE(bounds_instances_of_one_connector),
        SHOP_CASE(bounds_things_of_one_type),
        SHOP_CASE(bounds_the_size_of_the_configuration),
        SHOP_CASE(one_integration_does_not_fill_an_instance),
        SHOP_CASE(names_that_differ_by_one_character_have_a_share_each),
        SHOP_CASE(the_share_of_an_integration_is_each_instances_own),
        SHOP_CASE(other_tools_accounts_leave_room_for_what_is_removed),
    };
    return cmocka_run_group_tests_name("store_limits", tests, NULL, NULL);
}
