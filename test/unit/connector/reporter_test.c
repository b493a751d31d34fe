#include "connector/reporter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "domain/outcome.h"
#include "http/problem.h"
#include "http/server.h"

// max_body as small as it can be set.
enum { MAX_BODY_BYTES = 65536, GRACE_MS = 2000 };

// A control plane that fails on the report of one action, and a reporter that speaks to it.
typedef struct Scene {
    Arena *arena;
    SigningKey *key;
    HttpServer *server;
    ConnectorOptions options;
    Identity identity;
    Reporter *reporter;
    atomic_int failed; // on "act_bad"
    atomic_int taken;  // of "act_good"
    atomic_int taken_with_statements;
    atomic_int pages;        // of a sweep
    atomic_int pages_before; // the last good report
    atomic_int accounts;
    atomic_int removed_with_outcome;
    atomic_bool away; // it answers that it cannot
    atomic_bool torn; // the pages do not follow one another without gap
    char until[64];   // of the last page; read when all are there
} Scene;

// Each page says what it covers, and goes on where the one before it ended.
static void handle_page(Scene *scene, const SweepReport *page) {
    const char *last = "";
    bool fits = scene->pages == 0 ? page->after == NULL : text_equal(page->after, scene->until);
    for (size_t i = 0; i < page->accounts.count; i++) {
        const SweptAccount *account = &page->accounts.items[i];
        fits = fits && strcmp(account->account, page->after ? page->after : "") > 0 &&
               strcmp(account->account, last) > 0 &&
               (!page->until || strcmp(account->account, page->until) <= 0);
        last = account->account;
        if (account->removed && account->outcome)
            atomic_fetch_add(&scene->removed_with_outcome, 1);
    }
    snprintf(scene->until, sizeof(scene->until), "%s", page->until ? page->until : "");
    if (!fits)
        atomic_store(&scene->torn, true);
    atomic_fetch_add(&scene->pages, 1);
    atomic_fetch_add(&scene->accounts, (int)page->accounts.count);
}

static void handle(void *context, HttpRequest *request, HttpAnswer *answer) {
    Scene *scene = context;
    size_t length;
    const char *body = http_request_body(request, &length);
    ActionReport report = {0};
    SweepReport sweep = {0};
    Error error = {0};
    if (scene->away) {
        answer->status = 503;
        return;
    }
    if (shape_parse(http_request_arena(request), &SWEEP_REPORT_SHAPE, body, length, &sweep,
                    &error) == STATUS_OK) {
        handle_page(scene, &sweep);
        answer->status = 204;
        return;
    }
    if (shape_parse(http_request_arena(request), &ACTION_REPORT_SHAPE, body, length, &report,
                    &error) != STATUS_OK) {
        answer->status = 422;
        return;
    }
    if (strcmp(report.action_id, "act_bad") == 0) {
        atomic_fetch_add(&scene->failed, 1);
        error_set(&error, STATUS_INTERNAL, "internal", "something is wrong inside");
        answer->status = 500;
        answer->content_type = "application/problem+json";
        answer->body = problem_format(http_request_arena(request), &error, "http_1");
        answer->length = strlen(answer->body);
        return;
    }
    atomic_fetch_add(&scene->taken, 1);
    atomic_store(&scene->pages_before, scene->pages);
    if (json_object_get(report.outcome, "statements"))
        atomic_fetch_add(&scene->taken_with_statements, 1);
    answer->status = 204;
}

static int scene_open(void **state) {
    Scene *scene = mem_alloc(sizeof(*scene));
    Error error = {0};
    HttpServerOptions http = {
        .host = "127.0.0.1",
        .max_body_bytes = MAX_BODY_BYTES,
        .max_header_bytes = 8192,
        .threads = 1,
        .max_connections = 16,
        .max_connections_per_address = 16,
        .idle_timeout_s = 30,
        .clock = &SYSTEM_CLOCK,
        .handler = handle,
        .context = scene,
    };
    if (http_server_start(&http, &scene->server, &error) != STATUS_OK)
        fail_msg("%s", error.message);
    scene->arena = arena_new();
    scene->key = signing_key_new();
    scene->options.control_plane =
        arena_printf(scene->arena, "http://127.0.0.1:%d", http_server_port(scene->server));
    scene->identity = (Identity){.instance = "con_1"};
    ControlPlaneOptions plane = {.options = &scene->options,
                                 .identity = &scene->identity,
                                 .key = scene->key,
                                 .clock = &SYSTEM_CLOCK};
    if (reporter_start(&plane, &scene->reporter, &error) != STATUS_OK)
        fail_msg("%s", error.message);
    *state = scene;
    return 0;
}

static int scene_close(void **state) {
    Scene *scene = *state;
    reporter_stop(scene->reporter, 0);
    http_server_stop(scene->server);
    signing_key_free(scene->key);
    arena_free(scene->arena);
    mem_free(scene);
    return 0;
}

// Until what waits has left, or the grace is over.
static void await_sent(Scene *scene) {
    scene->reporter = reporter_stop(scene->reporter, GRACE_MS);
}

static void report(Scene *scene, const char *action, size_t statements) {
    Outcome outcome = {.account = "temp_a_b"};
    outcome.statements.items = arena_alloc(scene->arena, (statements + 1) * sizeof(Statement));
    outcome.statements.count = statements;
    for (size_t i = 0; i < statements; i++)
        outcome.statements.items[i] = (Statement){.sql = "GRANT SELECT ON TABLE t TO temp_a_b"};
    ActionReport sent = {.action_id = action,
                         .attempt = 1,
                         .done = true,
                         .outcome = shape_write(scene->arena, &OUTCOME_SHAPE, &outcome)};
    reporter_add_report(scene->reporter, &sent);
}

static void brings_the_whole_report(void **state) {
    Scene *scene = *state;
    report(scene, "act_good", 3);
    await_sent(scene);
    assert_int_equal(scene->taken, 1);
    assert_int_equal(scene->taken_with_statements, 1);
}

static void leaves_the_findings_out_where_the_whole_is_too_large(void **state) {
    Scene *scene = *state;
    report(scene, "act_good", MAX_BODY_BYTES / 32);
    await_sent(scene);
    assert_int_equal(scene->taken, 1);
    assert_int_equal(scene->taken_with_statements, 0);
}

static void lets_others_pass_where_the_control_plane_fails_on_one(void **state) {
    Scene *scene = *state;
    report(scene, "act_bad", 1);
    report(scene, "act_good", 1);
    await_sent(scene);
    assert_int_equal(scene->taken, 1);
    assert_true(scene->failed > 0);
}

static SweptAccount *many_accounts(Scene *scene, size_t count) {
    SweptAccount *accounts = arena_alloc(scene->arena, count * sizeof(SweptAccount));
    for (size_t i = 0; i < count; i++)
        accounts[i] = (SweptAccount){
            // Neither in order nor of one length.
            .account = arena_printf(scene->arena, "temp_%zu", (i * 7919) % count),
            .grant_id = "grt_0123456789abcdef",
            .can_login = true,
        };
    return accounts;
}

static void brings_a_long_sweep_in_pages_that_follow_one_another(void **state) {
    Scene *scene = *state;
    enum { COUNT = 3000 };
    reporter_add_sweep(scene->reporter,
                       &(SweepReport){.admin_secret = "shop",
                                      .host = "db",
                                      .accounts = {many_accounts(scene, COUNT), COUNT}});
    await_sent(scene);
    assert_true(scene->pages > 1);
    assert_int_equal(scene->accounts, COUNT);
    assert_false(scene->torn);
    assert_string_equal(scene->until, ""); // the last one is without bound
}

static void brings_what_came_of_an_action_ahead_of_a_long_sweep(void **state) {
    Scene *scene = *state;
    enum { COUNT = 10000 };
    SweptAccount *accounts = many_accounts(scene, COUNT);
    reporter_add_sweep(
        scene->reporter,
        &(SweepReport){.admin_secret = "shop", .host = "db", .accounts = {accounts, COUNT}});
    report(scene, "act_good", 1);
    await_sent(scene);
    assert_int_equal(scene->taken, 1);
    assert_true(scene->pages_before < scene->pages - 1);
    assert_int_equal(scene->accounts, COUNT);
    assert_false(scene->torn);
}

static void brings_a_short_or_empty_sweep_whole(void **state) {
    Scene *scene = *state;
    reporter_add_sweep(scene->reporter, &(SweepReport){.admin_secret = "shop", .host = "db"});
    await_sent(scene);
    assert_int_equal(scene->pages, 1);
    assert_string_equal(scene->until, "");
    assert_false(scene->torn);
}

static void leaves_the_findings_of_a_sweep_out_where_they_are_too_large(void **state) {
    Scene *scene = *state;
    json_t *statements = json_array();
    for (size_t i = 0; i < MAX_BODY_BYTES / 8; i++)
        json_array_append_new(statements, json_string("DROP ROLE temp_1"));
    SweptAccount *accounts = many_accounts(scene, 3);
    accounts[1].removed = true;
    accounts[1].outcome = json_keep(
        scene->arena, json_pack("{s:s, s:o}", "account", "temp_1", "statements", statements));
    reporter_add_sweep(
        scene->reporter,
        &(SweepReport){.admin_secret = "shop", .host = "db", .accounts = {accounts, 3}});
    await_sent(scene);
    assert_int_equal(scene->accounts, 3);
    assert_int_equal(scene->removed_with_outcome, 1);
    assert_false(scene->torn);
}

// A sweep of this secret on which an account was tried to be removed.
static void sweep_that_fails(Scene *scene, const char *secret, const char *message, bool removed) {
    SweptAccount *account = many_accounts(scene, 1);
    account->message = message;
    account->removed = removed;
    account->outcome = json_keep(scene->arena, json_pack("{s:s}", "account", account->account));
    reporter_add_sweep(
        scene->reporter,
        &(SweepReport){.admin_secret = secret, .host = "db", .accounts = {account, 1}});
}

static void keeps_the_newest_of_sweeps_that_fail_alike(void **state) {
    Scene *scene = *state;
    enum { SWEEPS = 200 };
    atomic_store(&scene->away, true);
    report(scene, "act_good", 1); // it is the one that is on its way
    for (int i = 0; i < SWEEPS; i++) {
        sweep_that_fails(scene, "shop", i % 2 ? "it owns a table" : "it owns a view", false);
        sweep_that_fails(scene, "bank", "it owns a table", false);
        if (i % 100 == 50) { // happens once each time
            sweep_that_fails(scene, "shop", NULL, true);
        }
    }
    atomic_store(&scene->away, false);
    await_sent(scene);
    assert_int_equal(scene->taken, 1);
    assert_int_equal(scene->removed_with_outcome, 2);
    assert_int_equal(scene->pages, 2 + 2 + 1); // removed; two reasons of one; one of the other
}

int main(void) {
    const struct CMUnitTest cases[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, scene_open, scene_close)
        CASE(brings_the_whole_report),
        CASE(leaves_the_findings_out_where_the_whole_is_too_large),
        CASE(brings_a_long_sweep_in_pages_that_follow_one_another),
        CASE(brings_what_came_of_an_action_ahead_of_a_long_sweep),
        CASE(brings_a_short_or_empty_sweep_whole),
        CASE(leaves_the_findings_of_a_sweep_out_where_they_are_too_large),
        CASE(keeps_the_newest_of_sweeps_that_fail_alike),
        CASE(lets_others_pass_where_the_control_plane_fails_on_one),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
