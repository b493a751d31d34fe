#include "contract/store_shop.h"

// ---- Configuration ------------------------------------------------------------------------------

static void keeps_the_configuration(void **state) {
    Shop *shop = *state;
    Configuration before = shop_configuration(shop);
    shop_reopen(shop);
    Configuration after = shop_configuration(shop);
    assert_int_equal(before.version, after.version);
    assert_string_equal(shape_format(shop->arena, &CONFIGURATION_SHAPE, &before),
                        shape_format(shop->arena, &CONFIGURATION_SHAPE, &after));
    assert_int_equal(after.principals.count, 5);
    assert_int_equal(after.flows.count, 7);
}

static void applying_is_one_change_with_before_and_after(void **state) {
    Shop *shop = *state;
    Configuration before = shop_configuration(shop);
    int64_t version = shop_apply(shop, "{\"groups\": [{\"name\": \"dba\", \"members\": [\"cleo\"]},"
                                       " {\"name\": \"new-group\", \"members\": [\"dan\"]}]}");
    assert_int_equal(version, before.version + 1);
    Configuration after = shop_configuration(shop);
    assert_int_equal(after.version, version);
    assert_int_equal(configuration_group(&after, "dba")->members.count, 1);
    assert_int_equal(configuration_group(&before, "dba")->members.count, 2); // the old one stands
    AuditEvents events;
    AuditFilter filter = {.event = "configuration.changed", .limit = 1000};
    Error error = {0};
    expect_ok(store_list_audit(shop->store, shop->arena, &filter, &events, &error), &error);
    const char *update = NULL;
    for (size_t i = 0; i < events.count; i++) {
        const char *detail = json_text(shop->arena, events.items[i].detail);
        if (strstr(detail, "\"change\":\"update\"") != NULL)
            update = detail;
        assert_string_equal(events.items[i].actor, "root");
    }
    assert_non_null(update);
    assert_non_null(strstr(update, "\"after\":{\"members\":[\"cleo\"]"));
    assert_non_null(strstr(update, "\"before\":{\"members\":[\"bob\",\"cleo\"]"));
}

static void refuses_changes_to_an_older_version(void **state) {
    Shop *shop = *state;
    int64_t version = shop_configuration(shop).version;
    json_t *after = json_keep(shop->arena, json_pack("{s:s}", "name", "eve"));
    Change change = {.kind = CHANGE_CREATE, .type = "principal", .name = "eve", .after = after};
    Changes changes = {.items = &change, .count = 1};
    int64_t given = 0;
    Error error = {0};
    expect_fault(store_apply(shop->store, &ROOT, version - 1, &changes, &given, &error), &error,
                 STATUS_CONFLICT, "configuration_changed");
    expect_ok(store_apply(shop->store, &ROOT, version, &changes, &given, &error), &error);
    assert_int_equal(given, version + 1);
    Changes none = {0};
    expect_ok(store_apply(shop->store, &ROOT, given, &none, &given, &error), &error);
    assert_int_equal(given, version + 1);
}

static void applies_all_or_nothing(void **state) {
    Shop *shop = *state;
    int64_t version = shop_configuration(shop).version;
    int64_t events = shop_verify_audit(shop);
    json_t *good = json_keep(shop->arena, json_pack("{s:s}", "name", "eve"));
    json_t *bad = json_keep(shop->arena, json_pack("{s:s}", "nome", "eve"));
    Change items[] = {
        {.kind = CHANGE_CREATE, .type = "principal", .name = "eve", .after = good},
        {.kind = CHANGE_CREATE, .type = "principal", .name = "fay", .after = bad},
    };
    Changes changes = {.items = items, .count = 2};
    int64_t given = 0;
    Error error = {0};
    expect_fault(store_apply(shop->store, &ROOT, version, &changes, &given, &error), &error,
                 STATUS_INVALID, "unknown_field");
    items[1].type = "planet";
    expect_fault(store_apply(shop->store, &ROOT, version, &changes, &given, &error), &error,
                 STATUS_INVALID, "bad_value");
    Configuration after = shop_configuration(shop);
    assert_int_equal(after.version, version);
    assert_null(configuration_principal(&after, "eve"));
    assert_int_equal(shop_verify_audit(shop), events);
}

static void remove_thing(Shop *shop, const char *type, const char *name) {
    json_t *before = json_keep(shop->arena, json_pack("{s:s}", "name", name));
    Change change = {.kind = CHANGE_DELETE, .type = type, .name = name, .before = before};
    Changes changes = {.items = &change, .count = 1};
    int64_t version = shop_configuration(shop).version;
    Error error = {0};
    expect_ok(store_apply(shop->store, &ROOT, version, &changes, &version, &error), &error);
}

static void deleting_takes_along_what_belonged_to_it(void **state) {
    Shop *shop = *state;
    Token token = shop_token(shop, TOKEN_PERSONAL, "dan", "d");
    Token invitation = shop_token(shop, TOKEN_INVITATION, "dan", "i");
    Error error = {0};
    expect_ok(store_add_token(shop->store, &ROOT, &invitation, &error), &error);
    expect_ok(store_accept_invitation(shop->store, &DAN, invitation.hash, "dan", "hash", &error),
              &error);
    expect_ok(store_add_token(shop->store, &ROOT, &token, &error), &error);
    remove_thing(shop, "principal", "dan");
    Token found;
    expect_fault(store_find_token(shop->store, shop->arena, token.hash, &found, &error), &error,
                 STATUS_NOT_FOUND, "unknown_token");
    const char *hash = "untouched";
    expect_ok(store_password_hash(shop->store, shop->arena, "dan", &hash, &error), &error);
    assert_null(hash);
    IntegrationReport report = {.integration = "shop-second", .ok = true, .checked_at = 8};
    expect_ok(store_save_integration_report(shop->store, &report, &error), &error);
    remove_thing(shop, "flow", "shop-second");
    remove_thing(shop, "integration", "shop-second");
    IntegrationReport left;
    expect_fault(store_integration_report(shop->store, shop->arena, "shop-second", &left, &error),
                 &error, STATUS_NOT_FOUND, "unknown_report");
    Configuration configuration = shop_configuration(shop);
    assert_null(configuration_principal(&configuration, "dan"));
    assert_null(configuration_integration(&configuration, "shop-second"));
}

static void a_live_grant_outlives_its_flow_and_integration(void **state) {
    Shop *shop = *state;
    Grant active = shop_active(shop, "shop-read");
    Configuration configuration = shop_configuration(shop);
    for (size_t i = 0; i < configuration.flows.count; i++)
        remove_thing(shop, "flow", configuration.flows.items[i].name);
    remove_thing(shop, "integration", "shop-prod");
    shop_reopen(shop);
    shop->clock.at_ms = active.expires_at;
    assert_int_equal(shop_run_due(shop).changed, 1);
    StoredAction action = shop_lease_one(shop, "revoke");
    assert_non_null(strstr(json_text(shop->arena, action.plan), "db.internal"));
    shop_report(shop, done_report(&action, NULL));
    expect_state(shop, active.id, GRANT_ENDED);
}

// ---- Tokens -------------------------------------------------------------------------------------

static void add_token(Shop *shop, const Token *token) {
    Error error = {0};
    expect_ok(store_add_token(shop->store, &ROOT, token, &error), &error);
}

static void find_fault(Shop *shop, const char *hash, Status status, const char *code) {
    Token found;
    Error error = {0};
    expect_fault(store_find_token(shop->store, shop->arena, hash, &found, &error), &error, status,
                 code);
}

static void finds_a_token_by_its_hash_until_it_ends(void **state) {
    Shop *shop = *state;
    Token token = shop_token(shop, TOKEN_PERSONAL, "ann", "a secret of ann's");
    token.label = "laptop";
    string_list_add(shop->arena, &token.scopes, "read");
    string_list_add(shop->arena, &token.scopes, "decide");
    add_token(shop, &token);
    shop_reopen(shop);
    Token found;
    Error error = {0};
    expect_ok(store_find_token(shop->store, shop->arena, token.hash, &found, &error), &error);
    assert_string_equal(found.id, token.id);
    assert_string_equal(found.subject, "ann");
    assert_string_equal(found.label, "laptop");
    assert_int_equal(found.kind, TOKEN_PERSONAL);
    assert_int_equal(found.scopes.count, 2);
    assert_string_equal(found.scopes.items[1], "decide");
    find_fault(shop, token_hash(shop->arena, "another"), STATUS_NOT_FOUND, "unknown_token");
    find_fault(shop, "a secret of ann's", STATUS_NOT_FOUND, "unknown_token");
    assert_false(shop_file_has(shop, "a secret of ann's"));
    assert_true(shop_file_has(shop, token.hash)); // the look into the file works
    shop->clock.at_ms = token.expires_at;
    find_fault(shop, token.hash, STATUS_EXPIRED, "token_expired");
    AuditEvent event = shop_event(shop, "token.created", NULL);
    assert_string_equal(event.person, "ann");
    assert_null(strstr(json_text(shop->arena, event.detail), token.hash));
}

static void notes_the_use_of_a_token_by_the_minute(void **state) {
    Shop *shop = *state;
    Token token = shop_token(shop, TOKEN_SESSION, "ann", "s");
    add_token(shop, &token);
    Token found;
    Error error = {0};
    int64_t first_at = shop->clock.at_ms;
    for (int i = 0; i < 59; i++) {
        expect_ok(store_find_token(shop->store, shop->arena, token.hash, &found, &error), &error);
        assert_int_equal(found.last_used_at, first_at);
        shop_advance(shop, SECOND_MS);
    }
    shop_advance(shop, SECOND_MS);
    expect_ok(store_find_token(shop->store, shop->arena, token.hash, &found, &error), &error);
    assert_int_equal(found.last_used_at, shop->clock.at_ms);
}

static void removes_a_token(void **state) {
    Shop *shop = *state;
    Token token = shop_token(shop, TOKEN_PERSONAL, "ann", "p");
    add_token(shop, &token);
    Tokens tokens;
    Error error = {0};
    expect_ok(store_list_tokens(shop->store, shop->arena, "ann", &tokens, &error), &error);
    assert_int_equal(tokens.count, 1);
    expect_ok(store_list_tokens(shop->store, shop->arena, NULL, &tokens, &error), &error);
    assert_int_equal(tokens.count, 1);
    expect_ok(store_remove_token(shop->store, &ANN, token.id, &error), &error);
    find_fault(shop, token.hash, STATUS_NOT_FOUND, "unknown_token");
    expect_fault(store_remove_token(shop->store, &ANN, token.id, &error), &error, STATUS_NOT_FOUND,
                 "unknown_token");
    assert_int_equal(shop_count_events(shop, "token.removed", NULL), 1);
    expect_ok(store_list_tokens(shop->store, shop->arena, "ann", &tokens, &error), &error);
    assert_int_equal(tokens.count, 0);
}

static void refuses_tokens_of_nobody_and_too_many(void **state) {
    Shop *shop = *state;
    Token token = shop_token(shop, TOKEN_PERSONAL, "nobody", "n");
    Error error = {0};
    expect_fault(store_add_token(shop->store, &ROOT, &token, &error), &error, STATUS_NOT_FOUND,
                 "unknown_principal");
    for (int i = 0; i < 100; i++) {
        token = shop_token(shop, TOKEN_PERSONAL, "ann", arena_printf(shop->arena, "t%d", i));
        add_token(shop, &token);
    }
    token = shop_token(shop, TOKEN_PERSONAL, "ann", "one more");
    expect_fault(store_add_token(shop->store, &ROOT, &token, &error), &error, STATUS_LIMITED,
                 "too_many_tokens");
}

// ---- Signing in ---------------------------------------------------------------------------------

static const char *password_of(Shop *shop, const char *principal) {
    const char *hash = NULL;
    Error error = {0};
    expect_ok(store_password_hash(shop->store, shop->arena, principal, &hash, &error), &error);
    return hash;
}

static Status accept_invitation(Shop *shop, const Token *token, const char *principal,
                                Error *reterr) {
    Actor actor = {.name = principal, .kind = "anonymous"};
    return store_accept_invitation(shop->store, &actor, token->hash, principal, "argon2 of it",
                                   reterr);
}

static void an_invitation_sets_the_password_once(void **state) {
    Shop *shop = *state;
    Token invitation = shop_token(shop, TOKEN_INVITATION, "ann", "i");
    Token older = shop_token(shop, TOKEN_INVITATION, "ann", "older");
    Token session = shop_token(shop, TOKEN_SESSION, "ann", "s");
    add_token(shop, &invitation);
    add_token(shop, &older);
    add_token(shop, &session);
    assert_null(password_of(shop, "ann"));
    Error error = {0};
    expect_fault(accept_invitation(shop, &invitation, "bob", &error), &error, STATUS_FORBIDDEN,
                 "not_invited");
    expect_ok(accept_invitation(shop, &invitation, "ann", &error), &error);
    assert_string_equal(password_of(shop, "ann"), "argon2 of it");
    expect_fault(accept_invitation(shop, &invitation, "ann", &error), &error, STATUS_NOT_FOUND,
                 "unknown_token");
    expect_fault(accept_invitation(shop, &older, "ann", &error), &error, STATUS_NOT_FOUND,
                 "unknown_token");
    find_fault(shop, session.hash, STATUS_NOT_FOUND, "unknown_token");
    assert_int_equal(shop_count_events(shop, "password.set", NULL), 1);
}

static void refuses_invitations_that_are_none(void **state) {
    Shop *shop = *state;
    Token session = shop_token(shop, TOKEN_SESSION, "ann", "s");
    add_token(shop, &session);
    Error error = {0};
    expect_fault(accept_invitation(shop, &session, "ann", &error), &error, STATUS_NOT_FOUND,
                 "unknown_token");
    Token late = shop_token(shop, TOKEN_INVITATION, "ann", "late");
    add_token(shop, &late);
    shop->clock.at_ms = late.expires_at;
    expect_fault(accept_invitation(shop, &late, "ann", &error), &error, STATUS_EXPIRED,
                 "token_expired");
    shop_apply(shop, "{\"principals\": [{\"name\": \"dan\", \"disabled\": true}]}");
    Token disabled = shop_token(shop, TOKEN_INVITATION, "dan", "d");
    add_token(shop, &disabled);
    expect_fault(accept_invitation(shop, &disabled, "dan", &error), &error, STATUS_FORBIDDEN,
                 "principal_disabled");
    assert_null(password_of(shop, "ann"));
}

static bool is_bootstrapped(Shop *shop) {
    bool yes = false;
    Error error = {0};
    expect_ok(store_is_bootstrapped(shop->store, &yes, &error), &error);
    return yes;
}

static void the_bootstrap_invitation_makes_an_administrator(void **state) {
    Shop *shop = *state;
    assert_false(is_bootstrapped(shop));
    Token first = shop_token(shop, TOKEN_INVITATION, "", "first");
    Token spare = shop_token(shop, TOKEN_INVITATION, "", "spare");
    add_token(shop, &first);
    add_token(shop, &spare);
    Error error = {0};
    expect_fault(accept_invitation(shop, &first, "ann", &error), &error, STATUS_CONFLICT,
                 "not_an_administrator");
    expect_fault(accept_invitation(shop, &first, "no spaces", &error), &error, STATUS_INVALID,
                 "bad_value");
    expect_ok(accept_invitation(shop, &first, "chief@example.com", &error), &error);
    assert_true(is_bootstrapped(shop));
    Configuration configuration = shop_configuration(shop);
    assert_int_equal(configuration_principal(&configuration, "chief@example.com")->role,
                     ROLE_ADMINISTRATOR);
    expect_fault(accept_invitation(shop, &spare, "thief", &error), &error, STATUS_NOT_FOUND,
                 "unknown_token");
}

static void disabling_ends_sessions_and_counts_for_bootstrap(void **state) {
    Shop *shop = *state;
    Token invitation = shop_token(shop, TOKEN_INVITATION, "root", "i");
    Token session = shop_token(shop, TOKEN_SESSION, "root", "s");
    add_token(shop, &invitation);
    Error error = {0};
    expect_ok(accept_invitation(shop, &invitation, "root", &error), &error);
    assert_true(is_bootstrapped(shop));
    add_token(shop, &session);
    shop_apply(shop, "{\"principals\": [{\"name\": \"root\", \"role\": \"administrator\","
                     " \"disabled\": true}, {\"name\": \"dan\", \"role\": \"administrator\"}]}");
    find_fault(shop, session.hash, STATUS_NOT_FOUND, "unknown_token");
    assert_false(is_bootstrapped(shop));
}

// ---- Connectors ---------------------------------------------------------------------------------

static Connectors connectors(Shop *shop) {
    Connectors found;
    Error error = {0};
    expect_ok(store_list_connectors(shop->store, shop->arena, &found, &error), &error);
    return found;
}

static void a_join_token_enrolls_one_instance(void **state) {
    Shop *shop = *state;
    Token token = shop_token(shop, TOKEN_JOIN, "main", "join");
    Error error = {0};
    expect_ok(store_add_connector(shop->store, &ROOT, "main", &token, &error), &error);
    ConnectorInstance taken = {.public_key = "key of main", .host = "h", .version = "1"};
    expect_fault(store_enroll(shop->store, shop->arena, &ANN, token.hash, &taken, &error), &error,
                 STATUS_CONFLICT, "key_in_use");
    ConnectorInstance instance = {.public_key = "another key", .host = "h", .version = "1"};
    expect_ok(store_enroll(shop->store, shop->arena, &ANN, token.hash, &instance, &error), &error);
    assert_string_equal(instance.connector, "main");
    assert_true(text_starts_with(instance.id, "con_"));
    ConnectorInstance second = {.public_key = "third key", .host = "h", .version = "1"};
    expect_fault(store_enroll(shop->store, shop->arena, &ANN, token.hash, &second, &error), &error,
                 STATUS_NOT_FOUND, "unknown_token");
    Connectors found = connectors(shop);
    assert_int_equal(found.count, 2);
    assert_string_equal(found.items[0].name, "main");
    assert_int_equal(found.items[0].instances.count, 2);
    assert_int_equal(found.items[1].instances.count, 1);
    assert_int_equal(shop_count_events(shop, "connector.created", NULL), 2);
    assert_int_equal(shop_count_events(shop, "connector.enrolled", NULL), 3);
    expect_fault(store_add_connector(shop->store, &ROOT, "No Such Name", &token, &error), &error,
                 STATUS_INVALID, "bad_value");
}

static void remembers_who_was_seen_without_a_commit_each(void **state) {
    Shop *shop = *state;
    Error error = {0};
    shop_advance(shop, MINUTE_MS);
    ConnectorInstance seen = shop->main;
    seen.last_seen_at = shop->clock.at_ms;
    seen.version = "2";
    seen.clock_difference_ms = -40;
    expect_ok(store_seen_instance(shop->store, &seen, &error), &error);
    ConnectorInstance found;
    expect_ok(store_find_instance(shop->store, shop->arena, "con_main", &found, &error), &error);
    assert_int_equal(found.last_seen_at, shop->clock.at_ms);
    assert_string_equal(found.version, "2");
    assert_int_equal(found.clock_difference_ms, -40);
    // At once again: gathered, and written with the next after the pause.
    ConnectorInstance other = shop->second;
    other.last_seen_at = shop->clock.at_ms + 1;
    expect_ok(store_seen_instance(shop->store, &other, &error), &error);
    expect_ok(store_find_instance(shop->store, shop->arena, "con_second", &found, &error), &error);
    assert_int_equal(found.last_seen_at, shop->second.last_seen_at);
    shop_advance(shop, 2 * SECOND_MS);
    expect_ok(store_seen_instance(shop->store, &seen, &error), &error);
    expect_ok(store_find_instance(shop->store, shop->arena, "con_second", &found, &error), &error);
    assert_int_equal(found.last_seen_at, other.last_seen_at);
}

static void a_removed_instance_gives_its_work_back(void **state) {
    Shop *shop = *state;
    Grant active = shop_active(shop, "shop-auto");
    StoredAction granting = shop_granting(shop);
    Grant given;
    Error error = {0};
    expect_ok(store_revoke_grant(shop->store, shop->arena, &ROOT, active.id, NULL, &given, &error),
              &error);
    shop_lease_one(shop, "revoke");
    expect_ok(store_remove_instance(shop->store, &ROOT, "con_main", &error), &error);
    ConnectorInstance found;
    expect_fault(store_find_instance(shop->store, shop->arena, "con_main", &found, &error), &error,
                 STATUS_NOT_FOUND, "unknown_instance");
    expect_fault(store_remove_instance(shop->store, &ROOT, "con_main", &error), &error,
                 STATUS_NOT_FOUND, "unknown_instance");
    // The revocation at once; the grant, which the removed one may be at, after its deadline.
    assert_int_equal(shop_lease_one(shop, "revoke").attempt, 2);
    shop_advance(shop, LEASE_MS);
    StoredActions actions = shop_lease(shop, &shop->main, 10);
    assert_int_equal(actions.count, 2);
    assert_string_equal(actions.items[1].id, granting.id);
    assert_int_equal(shop_count_events(shop, "connector.instance_removed", NULL), 1);
}

static void declare_second(Shop *shop, const char *connector) {
    shop_apply(shop, arena_printf(shop->arena,
                                  "{\"integrations\": [{\"name\": \"shop-second\", \"kind\":"
                                  " \"postgresql\", \"connector\": \"%s\", \"host\": \"db\","
                                  " \"database\": \"shop\", \"admin_secret\": \"shop-admin\"}]}",
                                  connector));
}

static void refuses_to_remove_a_connector_in_use(void **state) {
    Shop *shop = *state;
    Error error = {0};
    expect_fault(store_remove_connector(shop->store, &ROOT, "second", &error), &error,
                 STATUS_CONFLICT, "in_use");
    Grant grant = shop_request(shop, &ANN, "shop-second");
    declare_second(shop, "main");
    expect_fault(store_remove_connector(shop->store, &ROOT, "second", &error), &error,
                 STATUS_CONFLICT, "in_use");
    Grant given;
    expect_ok(store_cancel_grant(shop->store, shop->arena, &ANN, grant.id, NULL, &given, &error),
              &error);
    // One that waits for a decision cannot be approved any more, and keeps nobody waiting.
    declare_second(shop, "second");
    shop_apply(shop,
               "{\"flows\": [{\"name\": \"shop-asked\", \"integration\": \"shop-second\","
               " \"requesters\": {\"groups\": [\"backend\"]}, \"duration\": {\"max\": \"8h\"},"
               " \"grants\": [{\"role\": \"reporting\"}],"
               " \"approval\": [{\"any_of\": {\"groups\": [\"dba\"]}}]}]}");
    grant = shop_request(shop, &ANN, "shop-asked");
    declare_second(shop, "main");
    expect_ok(store_remove_connector(shop->store, &ROOT, "second", &error), &error);
    assert_int_equal(connectors(shop).count, 1);
    expect_fault(store_remove_connector(shop->store, &ROOT, "second", &error), &error,
                 STATUS_NOT_FOUND, "unknown_connector");
    expect_fault(
        store_decide_grant(shop->store, shop->arena, &CLEO, grant.id, true, NULL, &given, &error),
        &error, STATUS_CONFLICT, "flow_changed");
}

static void keeps_what_was_last_seen_of_an_integration(void **state) {
    Shop *shop = *state;
    IntegrationReport found;
    Error error = {0};
    expect_fault(store_integration_report(shop->store, shop->arena, "shop-prod", &found, &error),
                 &error, STATUS_NOT_FOUND, "unknown_report");
    IntegrationReport discovery = {
        .integration = "shop-prod",
        .discovery = json_keep(shop->arena, json_pack("{s:[s]}", "schemas", "app")),
        .discovered_at = 5,
    };
    expect_ok(store_save_integration_report(shop->store, &discovery, &error), &error);
    IntegrationReport bad = {.integration = "shop-prod", .message = "no route", .checked_at = 7};
    expect_ok(store_save_integration_report(shop->store, &bad, &error), &error);
    expect_ok(store_integration_report(shop->store, shop->arena, "shop-prod", &found, &error),
              &error);
    assert_false(found.ok);
    assert_string_equal(found.message, "no route");
    assert_int_equal(found.checked_at, 7);
    assert_int_equal(found.discovered_at, 5);
    assert_non_null(found.discovery);
    IntegrationReport good = {.integration = "shop-prod", .ok = true, .checked_at = 8};
    expect_ok(store_save_integration_report(shop->store, &good, &error), &error);
    expect_ok(store_integration_report(shop->store, shop->arena, "shop-prod", &found, &error),
              &error);
    assert_true(found.ok);
    assert_null(found.message);
    assert_non_null(found.discovery);
    // What says nothing new is written once a minute.
    good.checked_at = 9;
    expect_ok(store_save_integration_report(shop->store, &good, &error), &error);
    expect_ok(store_integration_report(shop->store, shop->arena, "shop-prod", &found, &error),
              &error);
    assert_int_equal(found.checked_at, 8);
    good.checked_at = 8 + MINUTE_MS;
    expect_ok(store_save_integration_report(shop->store, &good, &error), &error);
    expect_ok(store_integration_report(shop->store, shop->arena, "shop-prod", &found, &error),
              &error);
    assert_int_equal(found.checked_at, 8 + MINUTE_MS);
}

// ---- Audit --------------------------------------------------------------------------------------

static void notes_what_changes_nothing_else(void **state) {
    Shop *shop = *state;
    Actor nobody = {.name = "\"'; DROP TABLE audit; --\n", .kind = "anonymous", .peer = "::1"};
    AuditNote note = {.event = "sign_in.failed", .person = "ann"};
    Error error = {0};
    expect_ok(store_note(shop->store, &nobody, &note, &error), &error);
    AuditEvent head;
    expect_ok(store_audit_head(shop->store, shop->arena, &head, &error), &error);
    assert_string_equal(head.event, "sign_in.failed");
    assert_string_equal(head.actor, nobody.name);
    assert_string_equal(head.person, "ann");
    char claimed[5000];
    memset(claimed, 'x', sizeof(claimed) - 1);
    claimed[sizeof(claimed) - 1] = '\0';
    nobody.name = claimed;
    expect_ok(store_note(shop->store, &nobody, &note, &error), &error);
    nobody.name = NULL;
    expect_ok(store_note(shop->store, &nobody, &note, &error), &error);
    expect_ok(store_audit_head(shop->store, shop->arena, &head, &error), &error);
    assert_string_equal(head.actor, "unknown");
}

static size_t count(Shop *shop, AuditFilter filter) {
    AuditEvents events;
    Error error = {0};
    expect_ok(store_list_audit(shop->store, shop->arena, &filter, &events, &error), &error);
    return events.count;
}

static void filters_the_trail(void **state) {
    Shop *shop = *state;
    int64_t start = shop_verify_audit(shop);
    shop_advance(shop, MINUTE_MS);
    int64_t from_at = shop->clock.at_ms;
    Grant grant = shop_request(shop, &ANN, "shop-read");
    shop_advance(shop, MINUTE_MS);
    shop_decide(shop, &CLEO, grant.id, false);
    assert_int_equal(count(shop, (AuditFilter){.after_sequence = start}), 2);
    assert_int_equal(count(shop, (AuditFilter){.grant = grant.id}), 2);
    assert_int_equal(count(shop, (AuditFilter){.grant = grant.id, .limit = 1}), 1);
    assert_int_equal(count(shop, (AuditFilter){.since_at = from_at}), 2);
    assert_int_equal(count(shop, (AuditFilter){.since_at = from_at, .until_at = from_at + 1}), 1);
    assert_int_equal(count(shop, (AuditFilter){.person = "ann", .after_sequence = start}), 2);
    assert_int_equal(count(shop, (AuditFilter){.person = "cleo", .after_sequence = start}), 1);
    assert_int_equal(count(shop, (AuditFilter){.flow = "shop-read", .since_at = from_at}), 2);
    assert_int_equal(count(shop, (AuditFilter){.integration = "shop-prod", .since_at = from_at}),
                     2);
    assert_int_equal(count(shop, (AuditFilter){.event = "grant.rejected"}), 1);
    assert_int_equal(count(shop, (AuditFilter){.person = "%"}), 0);
}

int main(void) {
    const struct CMUnitTest cases[] = {
        SHOP_CASE(keeps_the_configuration),
        SHOP_CASE(applying_is_one_change_with_before_and_after),
        SHOP_CASE(refuses_changes_to_an_older_version),
        SHOP_CASE(applies_all_or_nothing),
        SHOP_CASE(deleting_takes_along_what_belonged_to_it),
        SHOP_CASE(a_live_grant_outlives_its_flow_and_integration),
        SHOP_CASE(finds_a_token_by_its_hash_until_it_ends),
        SHOP_CASE(notes_the_use_of_a_token_by_the_minute),
        SHOP_CASE(removes_a_token),
        SHOP_CASE(refuses_tokens_of_nobody_and_too_many),
        SHOP_CASE(an_invitation_sets_the_password_once),
        SHOP_CASE(refuses_invitations_that_are_none),
        SHOP_CASE(the_bootstrap_invitation_makes_an_administrator),
        SHOP_CASE(disabling_ends_sessions_and_counts_for_bootstrap),
        SHOP_CASE(a_join_token_enrolls_one_instance),
        SHOP_CASE(remembers_who_was_seen_without_a_commit_each),
        SHOP_CASE(a_removed_instance_gives_its_work_back),
        SHOP_CASE(refuses_to_remove_a_connector_in_use),
        SHOP_CASE(keeps_what_was_last_seen_of_an_integration),
        SHOP_CASE(notes_what_changes_nothing_else),
        SHOP_CASE(filters_the_trail),
    };
    return RUN_CASES(cases);
}
