// Whole commands against a server that answers as told, hostile answers among them.
#include "base/file.h"
#include "base/text.h"
#include "cli/session.h"
#include "scene.h"
#include "wire/messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GRANT(state_, more)                                                                        \
    "{\"id\":\"grt_a\",\"version\":3,\"state\":\"" state_                                          \
    "\",\"requester\":\"engineer@example.com\","                                                   \
    "\"flow\":\"shop-read\",\"integration\":\"shop\",\"target\":\"postgresql db:5432/shop\","      \
    "\"duration\":\"1h\"" more "}"

static size_t key_count(Scene *scene) {
    DIR *folder = opendir(arena_printf(scene->arena, "%s/daypass/keys", scene->folder));
    if (folder == NULL)
        return 0;
    size_t count = 0;
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

static void commands_say_who_is_not_signed_in(void **state) {
    Scene *scene = *state;
    assert_int_equal(RUN(scene, "whoami"), 11);
    assert_has(scene->err, "daypass: you are not signed in: daypass login URL");
    assert_string_equal(scene->out, "");
}

static void the_token_goes_into_the_header(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    scene_answer(scene, "GET", "/v1/whoami", 200,
                 "{\"principal\":\"engineer@example.com\",\"role\":\"member\"}");
    assert_int_equal(RUN(scene, "whoami"), 0);
    assert_string_equal(scene->authorization, "Bearer token-of-the-test");
    assert_has(scene->out, "engineer@example.com");
    assert_has_not(scene->out, "token-of-the-test");
    assert_has_not(scene->err, "token-of-the-test");
}

static void a_refused_token_says_to_sign_in_again(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    scene_answer(scene, "GET", "/v1/whoami", 401,
                 "{\"status\":401,\"kind\":\"unauthenticated\",\"code\":\"session_over\","
                 "\"detail\":\"your session is over\"}");
    assert_int_equal(RUN(scene, "whoami"), 11);
    assert_has(scene->err, "your session is over");
    assert_has(scene->err, "daypass login http://127.0.0.1:");
}

static void exit_statuses_follow_the_servers_kind(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    static const struct {
        int http;
        const char *kind;
        int exit;
    } KINDS[] = {{400, "invalid", 10},  {403, "forbidden", 12}, {404, "not_found", 13},
                 {409, "conflict", 14}, {410, "expired", 15},   {413, "too_large", 16},
                 {429, "limited", 17},  {500, "internal", 20}};
    for (size_t i = 0; i < COUNT_OF(KINDS); i++) {
        scene->answer_count = 0;
        scene_answer(scene, "POST", "/v1/grants/grt_a/approve", KINDS[i].http,
                     arena_printf(scene->arena,
                                  "{\"status\":%d,\"kind\":\"%s\",\"code\":\"some_code\","
                                  "\"detail\":\"why not\"}",
                                  KINDS[i].http, KINDS[i].kind));
        assert_int_equal(RUN(scene, "approve", "grt_a", "--json"), KINDS[i].exit);
        assert_has(scene->err, "\"code\":\"some_code\"");
        assert_has(scene->err, KINDS[i].kind);
    }
}

static void an_id_may_leave_its_prefix_out(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    scene_answer(scene, "GET", "/v1/grants/grt_a", 200, GRANT("pending", ""));
    assert_int_equal(RUN(scene, "show", "a"), 0);
    assert_has(scene->out, "grt_a is pending");
}

static void names_are_encoded_into_the_path(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    assert_int_equal(RUN(scene, "flows", "x_y?a=b#c%20 d"), 13);
    assert_string_equal(scene->target, "/v1/flows/x_y%3Fa%3Db%23c%2520%20d");
    // The server takes no slash in a name, however it is written.
    assert_int_equal(RUN(scene, "flows", "../grants/grt_a"), 10);
}

static void what_cannot_be_an_id_is_not_sent(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    assert_int_equal(RUN(scene, "show", "../flows"), 2);
    assert_has(scene->err, "as in grt_");
    assert_int_equal(RUN(scene, "token", "revoke", "../grants/grt_a"), 2);
}

static void an_extension_that_waits_is_told(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    static const char WAITS[] =
        GRANT("active", ",\"extension\":\"1h\",\"extension_state\":\"pending\","
                        "\"needs\":\"1 of group dba\"");
    scene_answer(scene, "GET", "/v1/grants/grt_a", 200, WAITS);
    scene_answer(scene, "GET", "/v1/grants", 200,
                 arena_printf(scene->arena, "{\"items\":[%s]}", WAITS));
    assert_int_equal(RUN(scene, "show", "grt_a"), 0);
    assert_has(scene->out, "1h more needs 1 of group dba");
    assert_int_equal(RUN(scene, "requests", "--to-decide"), 0);
    assert_has(scene->out, "1h more needs 1 of group dba");
    scene_answer(scene, "POST", "/v1/grants/grt_a/extend", 200,
                 GRANT("active", ",\"extension\":\"1h\",\"extension_state\":\"approved\""));
    assert_int_equal(RUN(scene, "extend", "grt_a", "--for", "1h"), 0);
    assert_has(scene->out, "1h more once the connector has moved its end");
}

static void what_is_being_taken_back_is_followed_to_its_end(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    scene_answer(scene, "POST", "/v1/grants/grt_a/revoke", 200, GRANT("revoking", ""));
    assert_int_equal(RUN(scene, "revoke", "grt_a"), 0);
    assert_has(scene->out, "daypass wait grt_a --until over");
}

static void an_end_that_failed_before_is_tried_at_once(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    scene_answer(scene, "POST", "/v1/grants/grt_a/revoke", 200, GRANT("revoking", ""));
    assert_int_equal(RUN(scene, "revoke", "grt_a"), 0);
    assert_has_not(scene->out, "attempt");
    scene_answer(scene, "POST", "/v1/grants/grt_a/revoke", 200,
                 GRANT("revoking", ",\"trouble\":\"it owns a table\""));
    assert_int_equal(RUN(scene, "revoke", "grt_a"), 0);
    assert_has(scene->out, "An attempt is made now");
    assert_int_equal(RUN(scene, "revoke", "grt_a", "--json"), 0);
    assert_has_not(scene->out, "An attempt");
}

#define ORPHAN(id_, more)                                                                          \
    "{\"id\":\"" id_ "\",\"version\":1,\"kind\":\"unknown\",\"state\":\"removing\",\"account\":"   \
    "\"temp_" id_ "\",\"why\":\"made for grt_x\"" more "}"
#define TROUBLE ",\"trouble\":\"it owns a table\",\"failures\":2"

static void orphans_show_the_repair_of_what_is_in_the_way(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    scene_answer(scene, "GET", "/v1/orphans", 200,
                 "{\"items\":[" ORPHAN("orp_a", "") "," ORPHAN("orp_b", TROUBLE) "," ORPHAN(
                     "orp_c", TROUBLE) "]}");
    scene_answer(scene, "GET", "/v1/orphans/orp_b", 200,
                 ORPHAN("orp_b", TROUBLE ",\"obstacles\":[{\"what\":\"it owns table t\",\"repair\":"
                                         "\"ALTER TABLE t OWNER TO keeper\"},{\"what\":\"x\"}]"));
    scene_answer(scene, "GET", "/v1/orphans/orp_c", 404,
                 "{\"code\":\"unknown_orphan\",\"kind\":\"not_found\",\"detail\":\"it is gone\"}");
    assert_int_equal(RUN(scene, "orphans"), 3);
    assert_has(scene->out, "In the way of removing temp_orp_b:");
    assert_has(scene->out, "obstacle: it owns table t");
    assert_has(scene->out, "repair: ALTER TABLE t OWNER TO keeper");
    assert_has_not(scene->out, "removing temp_orp_a");
}

static void orphans_are_removed_of_the_integration_that_was_named(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    assert_int_equal(RUN(scene, "orphans", "remove", "--integration", "shop", "temp_a"), 2);
    assert_has(scene->err, "\"orphans remove\" has no option --integration");
    assert_int_equal(RUN(scene, "orphans", "--integration", "shop", "remove", "temp_a"), 2);
}

static void what_is_written_off_wants_a_reason_and_says_so(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    assert_int_equal(RUN(scene, "write-off", "grt_a"), 2);
    assert_has(scene->err, "--reason");
    scene_answer(scene, "POST", "/v1/grants/grt_a/write-off", 200,
                 GRANT("ended", ",\"cause\":\"written_off\",\"ended_by\":\"root\""));
    assert_int_equal(RUN(scene, "write-off", "grt_a", "--reason", "the server is gone"), 0);
    assert_has(scene->out, "grt_a is ended, written_off by root");
}

static void a_missing_reason_is_said_with_its_option(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    scene_answer(scene, "POST", "/v1/grants", 400,
                 "{\"code\":\"reason_missing\",\"kind\":\"invalid\","
                 "\"detail\":\"flow f wants a reason\"}");
    assert_int_equal(RUN(scene, "request", "f"), 10);
    assert_has(scene->err, "flow f wants a reason: --reason WHY");
}

static void a_request_sends_the_public_key_and_keeps_the_other_half(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    scene_answer(scene, "POST", "/v1/grants", 201,
                 GRANT("pending", ",\"needs\":\"1 of group dba\""));
    assert_int_equal(RUN(scene, "request", "shop-read", "--for", "2h", "--reason", "look"), 0);
    assert_has(scene->out, "grt_a is pending: needs 1 of group dba");
    assert_has(scene->out, "daypass wait grt_a");
    assert_has(scene->body, "\"duration\":\"2h\"");
    assert_has(scene->body, "\"reason\":\"look\"");
    assert_has(scene->body, "\"public_key\":\"");
    assert_true(strlen(scene->idempotency_key) > 10);
    assert_int_equal(key_count(scene), 1);
}

static void a_request_without_an_answer_is_repeated_with_the_same_key(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    SceneAnswer *answer = scene_answer(scene, "POST", "/v1/grants", 201, GRANT("pending", ""));
    answer->failures = 1;
    assert_int_equal(RUN(scene, "request", "shop-read", "--json"), 0);
    assert_int_equal(answer->calls, 2);
    assert_int_equal(key_count(scene), 1);
}

static void what_may_not_be_repeated_is_not(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    SceneAnswer *answer =
        scene_answer(scene, "POST", "/v1/grants/grt_a/approve", 200, GRANT("approved", ""));
    answer->failures = 1;
    assert_int_equal(RUN(scene, "approve", "grt_a"), 18);
    assert_int_equal(answer->calls, 1);
}

static void what_was_not_done_is_repeated_whatever_it_is(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    SceneAnswer *answer =
        scene_answer(scene, "POST", "/v1/grants/grt_a/approve", 200, GRANT("approved", ""));
    answer->failures = 2;
    answer->stopping = true;
    assert_int_equal(RUN(scene, "approve", "grt_a"), 0);
    assert_int_equal(answer->calls, 3);
}

static void a_refused_request_leaves_no_key(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    scene_answer(scene, "POST", "/v1/grants", 403,
                 "{\"status\":403,\"kind\":\"forbidden\",\"code\":\"not_a_requester\","
                 "\"detail\":\"you may not ask for shop-read\"}");
    assert_int_equal(RUN(scene, "request", "shop-read"), 12);
    assert_int_equal(key_count(scene), 0);
}

static void a_request_that_may_have_arrived_keeps_its_key(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    scene_answer(scene, "POST", "/v1/grants", 201, GRANT("pending", ""))->failures = 99;
    assert_int_equal(RUN(scene, "request", "shop-read"), 18);
    assert_int_equal(key_count(scene), 1);
}

static void without_a_terminal_nobody_is_asked(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    assert_int_equal(RUN(scene, "request"), 2);
    assert_has(scene->err, "daypass request FLOW --for DURATION");
}

// ---- Credentials ------------------------------------------------------------------------------

// A key that is kept here, and the server's answer with a credential sealed to it.
static const char *keep_key_and_seal(Scene *scene, const char *credential) {
    CLEANUP(seal_key_freep) SealKey *key = seal_key_new();
    Error error = {0};
    assert_int_equal(key_store_add(scene->arena, key, &error), STATUS_OK);
    const char *public_key = seal_key_public_text(scene->arena, key);
    CLEANUP(secret_freep) Secret *content = secret_new(credential, strlen(credential));
    const char *sealed;
    assert_int_equal(seal_close(scene->arena, public_key, content, &sealed, &error), STATUS_OK);
    const char *answer = arena_printf(scene->arena,
                                      "{\"id\":\"grt_a\",\"sealed\":\"%s\",\"public_key\":\"%s\","
                                      "\"expires_at\":\"2030-01-01T00:00:00Z\"}",
                                      sealed, public_key);
    scene_answer(scene, "GET", "/v1/grants/grt_a/credentials", 200, answer);
    return public_key;
}

static const char *credential_text(Scene *scene) {
    const Credential credential = {.kind = "postgresql",
                                   .host = "db.internal",
                                   .port = 5432,
                                   .database = "shop",
                                   .user = "temp_a_b",
                                   .password = "fixture",
                                   .tls = "disable",
                                   .grant_id = "grt_a"};
    return shape_format(scene->arena, &CREDENTIAL_SHAPE, &credential);
}

static void credentials_are_opened_here(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    keep_key_and_seal(scene, credential_text(scene));
    assert_int_equal(RUN(scene, "credentials", "grt_a"), 0);
    assert_has(scene->out, "export PGUSER='temp_a_b'\nexport PGPASSWORD='fixture'\n");
    assert_has_not(scene->err, "fixture");
    assert_int_equal(RUN(scene, "credentials", "grt_a", "--format", "pgpass"), 0);
    assert_string_equal(scene->out, "db.internal:5432:shop:temp_a_b:fixture\n");
    assert_int_equal(RUN(scene, "credentials", "grt_a", "--json"), 0);
    assert_has(scene->out, "\"password\": \"fixture\"");
}

static void credentials_sealed_to_another_machine_offer_a_reset(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    key_store_remove(scene->arena, keep_key_and_seal(scene, credential_text(scene)));
    assert_int_equal(RUN(scene, "credentials", "grt_a", "--json"), 13);
    assert_has(scene->err, "\"code\":\"key_missing\"");
    assert_has(scene->err, "daypass credentials grt_a --reset");
}

static void a_damaged_credential_is_refused(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    keep_key_and_seal(scene, "{\"kind\":\"postgresql\"");
    assert_int_equal(RUN(scene, "credentials", "grt_a", "--json"), 20);
    assert_has(scene->err, "\"code\":\"bad_credential\"");
}

static void the_key_of_a_grant_that_is_over_is_removed(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    const char *public_key = keep_key_and_seal(scene, credential_text(scene));
    scene_answer(scene, "GET", "/v1/grants/grt_a", 200,
                 arena_printf(scene->arena, GRANT("active", ",\"public_key\":\"%s\""), public_key));
    assert_int_equal(RUN(scene, "show", "grt_a"), 0);
    assert_int_equal(key_count(scene), 1);
    scene_answer(scene, "GET", "/v1/grants/grt_a", 200,
                 arena_printf(scene->arena, GRANT("ended", ",\"public_key\":\"%s\""), public_key));
    assert_int_equal(RUN(scene, "show", "grt_a"), 0);
    assert_int_equal(key_count(scene), 0);
}

static void a_listed_grant_that_is_over_loses_its_key_too(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    const char *public_key = keep_key_and_seal(scene, credential_text(scene));
    scene_answer(scene, "GET", "/v1/grants", 200,
                 arena_printf(scene->arena,
                              "{\"items\":[" GRANT("lapsed", ",\"public_key\":\"%s\"") "]}",
                              public_key));
    assert_int_equal(RUN(scene, "requests", "--json"), 0);
    assert_int_equal(key_count(scene), 0);
}

// ---- Waiting ----------------------------------------------------------------------------------

static void waiting_ends_with_what_became_of_it(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    static const struct {
        const char *grant;
        const char *until;
        int exit;
        const char *code;
    } ENDS[] = {
        {GRANT("active", ""), "active", 0, NULL},
        {GRANT("approved", ""), "decided", 0, NULL},
        {GRANT("ended", ""), "over", 0, NULL},
        {GRANT("rejected", ",\"note\":\"ask for less\""), "active", 12, "rejected"},
        {GRANT("cancelled", ""), "active", 14, "cancelled"},
        {GRANT("lapsed", ""), "decided", 15, "lapsed"},
        {GRANT("ended", ",\"cause\":\"expired\""), "active", 15, "ended"},
        {GRANT("failed", ",\"trouble\":\"no such schema\""), "active", 18, "grant_failed"},
        {GRANT("revoking", ",\"cause\":\"failed\""), "active", 18, "grant_failed"},
        {GRANT("revoking", ",\"cause\":\"revoked\""), "active", 15, "ended"},
    };
    for (size_t i = 0; i < COUNT_OF(ENDS); i++) {
        scene->answer_count = 0;
        scene_answer(scene, "GET", "/v1/grants/grt_a", 200, ENDS[i].grant);
        assert_int_equal(RUN(scene, "wait", "grt_a", "--until", ENDS[i].until, "--json"),
                         ENDS[i].exit);
        if (ENDS[i].code != NULL)
            assert_has(scene->err, arena_printf(scene->arena, "\"code\":\"%s\"", ENDS[i].code));
        else
            assert_has(scene->out, "\"grt_a\"");
    }
}

static void waiting_asks_for_another_version(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    scene_answer(scene, "GET", "/v1/grants/grt_a", 200, GRANT("pending", ""));
    assert_int_equal(RUN(scene, "wait", "grt_a", "--timeout", "1s", "--json"), 18);
    assert_has(scene->target, "version=3&wait_s=1");
    assert_has(scene->err, "\"code\":\"wait_timed_out\"");
}

// ---- Hostile and odd answers ------------------------------------------------------------------

static void nothing_a_server_says_moves_the_cursor(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    scene->terminal = true;
    scene_answer(scene, "GET", "/v1/grants/grt_a", 200,
                 GRANT("\\u001b[2Jgone\\u202e",
                       ",\"reason\":\"\\u001b]0;x\\u0007\",\"access\":[\"a\\u009bb\\r\\nc\"],"
                       "\"may\":[\"\\u001b[1m\"],\"decisions\":[{\"principal\":\"\\u001bp\","
                       "\"approved\":true,\"decided_at\":\"2030-01-01T00:00:00Z\"}]"));
    assert_int_equal(RUN(scene, "show", "grt_a"), 0);
    assert_has_not(scene->out, "\033[2J");
    assert_has_not(scene->out, "\033]0");
    assert_has_not(scene->out, "\xc2\x9b");
    assert_has_not(scene->out, "\xe2\x80\xae");
    assert_has_not(scene->out, "\r");
    assert_has(scene->out, "?[2Jgone?");
}

static void errors_of_a_server_are_filtered_too(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    scene_answer(scene, "GET", "/v1/whoami", 403,
                 "{\"status\":403,\"kind\":\"forbidden\",\"code\":\"some_code\","
                 "\"detail\":\"no\\u001b[2J\"}");
    assert_int_equal(RUN(scene, "whoami"), 12);
    assert_has_not(scene->err, "\033");
    assert_int_equal(RUN(scene, "whoami", "--json"), 12);
    assert_has_not(scene->err, "\033");
}

static void members_that_a_newer_server_adds_are_passed_over(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    scene_answer(
        scene, "GET", "/v1/connectors", 200,
        "{\"new\":1,\"items\":[{\"name\":\"main\",\"health\":\"ok\",\"new\":[],"
        "\"instances\":[{\"id\":\"con_x\",\"host\":\"h\",\"health\":\"ok\",\"new\":{}}]}]}");
    assert_int_equal(RUN(scene, "connectors"), 0);
    assert_has(scene->out, "con_x on h");
}

static void answers_that_are_not_daypass_are_named(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    scene_answer(scene, "GET", "/v1/whoami", 200, "<html>");
    assert_int_equal(RUN(scene, "whoami"), 20);
    assert_has(scene->err, "a Daypass server?");
    scene_answer(scene, "GET", "/v1/whoami", 200, "{\"principal\":[]}");
    assert_int_equal(RUN(scene, "whoami"), 20);
    assert_has(scene->err, "another version?");
    scene_answer(scene, "GET", "/v1/whoami", 200, "");
    assert_int_equal(RUN(scene, "whoami"), 20);
}

static void a_list_that_never_ends_is_given_up(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    scene_answer(scene, "GET", "/v1/connectors", 200, "{\"items\":[],\"next\":\"again\"}");
    assert_int_equal(RUN(scene, "connectors"), 20);
    assert_has(scene->err, "does not end");
}

static void a_server_that_is_away_is_named(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    scene->server = http_server_stop(scene->server);
    assert_int_equal(RUN(scene, "approve", "grt_a"), 18);
    assert_has(scene->err, "127.0.0.1");
    assert_has_not(scene->err, "token-of-the-test");
}

// ---- The rest ---------------------------------------------------------------------------------

static void signing_in_keeps_the_session_alone(void **state) {
    Scene *scene = *state;
    scene_answer(scene, "POST", "/v1/sessions", 201,
                 "{\"token\":\"token-of-the-test\",\"principal\":\"engineer@example.com\","
                 "\"role\":\"member\",\"expires_at\":\"2030-01-01T00:00:00Z\"}");
    const char *password = scene_file(scene, "password", 0600, "the-password\n");
    assert_int_equal(
        RUN(scene, "login", scene->url, "-p", "engineer@example.com", "--password-file", password),
        0);
    assert_has(scene->body, "\"password\":\"the-password\"");
    assert_string_equal(scene->authorization, "");
    assert_has_not(scene->out, "token-of-the-test");
    Session session;
    Error error = {0};
    assert_int_equal(session_load(scene->arena, &session, &error), STATUS_OK);
    assert_string_equal(session.token, "token-of-the-test");
    scene_answer(scene, "DELETE", "/v1/sessions/current", 204, NULL);
    assert_int_equal(RUN(scene, "logout"), 0);
    assert_string_equal(scene->authorization, "Bearer token-of-the-test");
    assert_int_equal(RUN(scene, "whoami"), 11);
}

static void a_session_that_cannot_be_kept_is_ended(void **state) {
    Scene *scene = *state;
    scene_answer(scene, "POST", "/v1/sessions", 201,
                 "{\"token\":\"token-of-the-test\",\"principal\":\"x\",\"role\":\"member\","
                 "\"expires_at\":\"2030-01-01T00:00:00Z\"}");
    scene_answer(scene, "DELETE", "/v1/sessions/current", 204, NULL);
    const char *password = scene_file(scene, "password", 0600, "the-password\n");
    scene_file(scene, "daypass", 0600, "in the way of the folder");
    assert_int_not_equal(RUN(scene, "login", scene->url, "-p", "x", "--password-file", password),
                         0);
    assert_string_equal(scene->method, "DELETE");
    assert_string_equal(scene->authorization, "Bearer token-of-the-test");
}

static void a_password_file_open_to_others_is_refused(void **state) {
    Scene *scene = *state;
    const char *password = scene_file(scene, "password", 0644, "the-password\n");
    assert_int_equal(RUN(scene, "login", scene->url, "-p", "x", "--password-file", password), 10);
    assert_has(scene->err, "chmod 600");
    assert_has_not(scene->err, "the-password");
    assert_string_equal(scene->method, "");
}

static void a_password_is_not_sent_in_the_clear_to_another_host(void **state) {
    Scene *scene = *state;
    const char *password = scene_file(scene, "password", 0600, "the-password\n");
    assert_int_equal(
        RUN(scene, "login", "http://daypass.example.com", "-p", "x", "--password-file", password),
        10);
}

static void invitation_and_password_cannot_share_standard_input(void **state) {
    Scene *scene = *state;
    assert_int_equal(RUN(scene, "login", scene->url, "-p", "x", "--invitation-file", "-"), 2);
    assert_has(scene->err, "cannot both come from standard input");
}

static void a_join_token_goes_to_a_private_file(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    scene_answer(scene, "POST", "/v1/connectors", 201,
                 "{\"connector\":\"main\",\"join_token\":\"join-me\","
                 "\"expires_at\":\"2030-01-01T00:00:00Z\"}");
    const char *path = arena_printf(scene->arena, "%s/join", scene->folder);
    assert_int_equal(RUN(scene, "connector", "create", "main", "--out", path), 0);
    assert_has_not(scene->out, "join-me");
    assert_has_not(scene->err, "join-me");
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(RUN(scene, "connector", "create", "main"), 0);
    assert_string_equal(scene->out, "join-me\n");
}

static void apply_shows_a_plan_and_places_faults(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    const char *path =
        scene_file(scene, "groups.yaml", 0600, "groups:\n  - name: dba\n    members: [a]\n");
    scene_answer(scene, "POST", "/v1/apply", 200,
                 "{\"applied\":true,\"version\":2,\"warnings\":[\"look out\"],\"changes\":["
                 "{\"kind\":\"create\",\"type\":\"group\",\"name\":\"dba\",\"after\":{}},"
                 "{\"kind\":\"update\",\"type\":\"flow\",\"name\":\"f\","
                 "\"before\":{\"name\":\"f\",\"a\":1,\"b\":2},\"after\":{\"name\":\"f\",\"a\":3,"
                 "\"c\":4,\"grants\":[{\"role\":\"r\",\"all_tables\":false,\"preset\":\"none\"}]}},"
                 "{\"kind\":\"delete\",\"type\":\"group\",\"name\":\"old\",\"before\":{}}]}");
    assert_int_equal(RUN(scene, "apply", "-f", path, "--prune"), 0);
    assert_string_equal(scene->out, "+ group dba\n~ flow f\n    ~ a: 1 -> 3\n    + c: 4\n"
                                    "    + grants: [{\"role\":\"r\"}]\n"
                                    "    - b: 2\n- group old\nwarning: look out\n"
                                    "1 to create, 1 to change, 1 to delete: done\n");
    assert_has(scene->body, "\"prune\":true");
    scene_answer(scene, "POST", "/v1/apply", 400,
                 "{\"status\":400,\"kind\":\"invalid\",\"code\":\"bad_value\",\"detail\":\"no\","
                 "\"pointer\":\"/configuration/groups/0/members\"}");
    assert_int_equal(RUN(scene, "apply", "-f", path), 10);
    assert_has(scene->err, "groups.yaml:3: no");
}

#define OVERDUE                                                                                    \
    "{\"items\":[{\"grant\":\"grt_late\",\"state\":\"revoking\",\"account\":\"temp_e_a1\","        \
    "\"integration\":\"shop\",\"connector\":\"main\",\"since\":\"2026-01-01T10:00:00.000Z\","      \
    "\"attempts\":3,\"failures\":3,\"trouble\":\"objects in the way\",\"waits_for\":\"pause\","    \
    "\"next_attempt_at\":\"2100-01-01T10:00:00.000Z\"}]}"

static void what_is_overdue_has_an_exit_status_of_its_own(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    scene_answer(scene, "GET", "/v1/overdue", 200, OVERDUE);
    assert_int_equal(RUN(scene, "overdue"), 3);
    assert_has(scene->out, "grt_late");
    assert_has(scene->out, "temp_e_a1");
    assert_has(scene->out, "objects in the way");
    assert_int_equal(RUN(scene, "overdue", "--older-than", "15m", "--json"), 3);
    assert_has(scene->target, "older_than=15m");
    assert_has(scene->out, "\"grt_late\"");
    scene_answer(scene, "GET", "/v1/overdue", 200, "{\"items\":[]}");
    assert_int_equal(RUN(scene, "overdue"), 0);
    assert_has(scene->err, "Nothing is overdue.");
    assert_int_equal(RUN(scene, "overdue", "--json"), 0);
    // What could not be found out is neither.
    scene_answer(scene, "GET", "/v1/overdue", 500,
                 "{\"status\":500,\"kind\":\"internal\",\"code\":\"x\",\"detail\":\"no\"}");
    assert_int_equal(RUN(scene, "overdue"), 20);
    assert_int_equal(RUN(scene, "overdue", "--older-than", "soon"), 10);
    assert_has(scene->err, "--older-than");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, scene_set_up, scene_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(commands_say_who_is_not_signed_in),
        CASE(the_token_goes_into_the_header),
        CASE(a_refused_token_says_to_sign_in_again),
        CASE(exit_statuses_follow_the_servers_kind),
        CASE(an_id_may_leave_its_prefix_out),
        CASE(names_are_encoded_into_the_path),
        CASE(what_cannot_be_an_id_is_not_sent),
        CASE(an_extension_that_waits_is_told),
        CASE(what_is_being_taken_back_is_followed_to_its_end),
        CASE(an_end_that_failed_before_is_tried_at_once),
        CASE(orphans_show_the_repair_of_what_is_in_the_way),
        CASE(orphans_are_removed_of_the_integration_that_was_named),
        CASE(what_is_written_off_wants_a_reason_and_says_so),
        CASE(a_missing_reason_is_said_with_its_option),
        CASE(a_request_sends_the_public_key_and_keeps_the_other_half),
        CASE(a_request_without_an_answer_is_repeated_with_the_same_key),
        CASE(what_may_not_be_repeated_is_not),
        CASE(what_was_not_done_is_repeated_whatever_it_is),
        CASE(a_refused_request_leaves_no_key),
        CASE(a_request_that_may_have_arrived_keeps_its_key),
        CASE(without_a_terminal_nobody_is_asked),
        CASE(credentials_are_opened_here),
        CASE(credentials_sealed_to_another_machine_offer_a_reset),
        CASE(a_damaged_credential_is_refused),
        CASE(the_key_of_a_grant_that_is_over_is_removed),
        CASE(a_listed_grant_that_is_over_loses_its_key_too),
        CASE(waiting_ends_with_what_became_of_it),
        CASE(waiting_asks_for_another_version),
        CASE(nothing_a_server_says_moves_the_cursor),
        CASE(errors_of_a_server_are_filtered_too),
        CASE(members_that_a_newer_server_adds_are_passed_over),
        CASE(answers_that_are_not_daypass_are_named),
        CASE(a_list_that_never_ends_is_given_up),
        CASE(a_server_that_is_away_is_named),
        CASE(signing_in_keeps_the_session_alone),
        CASE(a_session_that_cannot_be_kept_is_ended),
        CASE(a_password_file_open_to_others_is_refused),
        CASE(a_password_is_not_sent_in_the_clear_to_another_host),
        CASE(invitation_and_password_cannot_share_standard_input),
        CASE(a_join_token_goes_to_a_private_file),
        CASE(apply_shows_a_plan_and_places_faults),
        CASE(what_is_overdue_has_an_exit_status_of_its_own),
    };
    return cmocka_run_group_tests_name("commands", tests, NULL, NULL);
}
