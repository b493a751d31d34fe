// daypassd as a whole, in this process: first start, restart, TLS, time.
#include "server/daemon.h"

#include "../http/certificate.h"
#include "base/log.h"
#include "base/text.h"
#include "http/client.h"
#include "state_folder.h"
#include "wire/api_messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static void need(Status status, const Error *error) {
    if (status != STATUS_OK)
        fail_msg("%s: %s (%s)", error->code, error->message, error->detail);
}

static ServerOptions options_for(Arena *arena, const StateFolder *folder, const char *more) {
    state_folder_write(
        folder, "daypassd.yaml",
        arena_printf(arena, "listen: {port: 0}\nstate_folder: %s/state\n%s", folder->path, more));
    ServerOptions options = {0};
    Error error = {0};
    need(server_options_load(arena, state_folder_file(arena, folder, "daypassd.yaml"), &options,
                             &error),
         &error);
    return options;
}

static Daemon *start(const ServerOptions *options) {
    Daemon *daemon = NULL;
    Error error = {0};
    need(daemon_start(options, &daemon, &error), &error);
    return daemon;
}

static HttpReply call(Arena *arena, const char *url, const char *ca_file, const char *method,
                      const char *target, const char *body) {
    CLEANUP(http_client_freep) HttpClient *client = NULL;
    HttpClientOptions options = {.base_url = url,
                                 .ca_file = ca_file,
                                 .user_agent = "test",
                                 .connect_timeout_ms = 10000,
                                 .max_body_bytes = 1 << 20};
    HttpCall http = {.method = method,
                     .target = target,
                     .body = body,
                     .body_length = body != NULL ? strlen(body) : 0,
                     .timeout_ms = 30000};
    HttpReply reply = {0};
    Error error = {0};
    need(http_client_new(&options, &client, &error), &error);
    need(http_client_call(client, arena, &http, &reply, &error), &error);
    return reply;
}

static const char *line_of(const char *text) {
    char *line = mem_strdup(text);
    line[strcspn(line, "\n")] = '\0';
    return line;
}

static void the_first_start_makes_what_it_needs(void **state) {
    WITH_FOLDER(folder);
    CLEANUP(arena_freep) Arena *arena = arena_new();
    ServerOptions options = options_for(arena, &folder, "");
    CLEANUP(daemon_stopp) Daemon *daemon = start(&options);
    assert_int_equal(state_folder_mode(&folder, "state"), 0700);
    assert_int_equal(state_folder_mode(&folder, "state/action.key"), 0600);
    assert_int_equal(state_folder_mode(&folder, "state/audit.key"), 0600);
    assert_int_equal(state_folder_mode(&folder, "state/bootstrap-token"), 0600);
    const char *address = state_folder_read(arena, &folder, "state/address");
    assert_string_equal(address, arena_printf(arena, "%s\n", daemon_url(daemon)));
    assert_int_equal(call(arena, daemon_url(daemon), NULL, "GET", "/readyz", NULL).status, 200);
}

static int accept(Arena *arena, const Daemon *daemon, const StateFolder *folder) {
    const char *file = state_folder_read(arena, folder, "state/bootstrap-token");
    CLEANUP(mem_freep) const char *token = line_of(file);
    const char *body = arena_printf(arena,
                                    "{\"invitation\":\"%s\",\"principal\":\"admin@example.com\","
                                    "\"new_password\":\"a password of tests\"}",
                                    token);
    return call(arena, daemon_url(daemon), NULL, "POST", "/v1/sessions/invitation", body).status;
}

static void the_bootstrap_token_works_once_and_is_gone(void **state) {
    WITH_FOLDER(folder);
    CLEANUP(arena_freep) Arena *arena = arena_new();
    ServerOptions options = options_for(arena, &folder, "");
    CLEANUP(daemon_stopp) Daemon *daemon = start(&options);
    // The text is nowhere but in its file.
    const char *token = state_folder_read(arena, &folder, "state/bootstrap-token");
    assert_null(strstr(token, " "));
    assert_int_equal(accept(arena, daemon, &folder), 201);
    assert_int_equal(state_folder_mode(&folder, "state/bootstrap-token"), -1);
    daemon = daemon_stop(daemon);
    daemon = start(&options);
    assert_int_equal(state_folder_mode(&folder, "state/bootstrap-token"), -1);
}

static void a_restart_keeps_keys_and_bootstrap_token(void **state) {
    WITH_FOLDER(folder);
    CLEANUP(arena_freep) Arena *arena = arena_new();
    ServerOptions options = options_for(arena, &folder, "");
    static const char *const FILES[] = {"state/action.key", "state/audit.key",
                                        "state/bootstrap-token"};
    const char *before[COUNT_OF(FILES)];
    daemon_stop(start(&options));
    assert_int_equal(state_folder_mode(&folder, "state/address"), -1);
    for (size_t i = 0; i < COUNT_OF(FILES); i++)
        before[i] = state_folder_read(arena, &folder, FILES[i]);
    CLEANUP(daemon_stopp) Daemon *daemon = start(&options);
    for (size_t i = 0; i < COUNT_OF(FILES); i++)
        assert_string_equal(before[i], state_folder_read(arena, &folder, FILES[i]));
    assert_int_equal(accept(arena, daemon, &folder), 201);
}

static void a_lost_bootstrap_token_is_made_anew_and_the_old_one_ends(void **state) {
    WITH_FOLDER(folder);
    CLEANUP(arena_freep) Arena *arena = arena_new();
    ServerOptions options = options_for(arena, &folder, "");
    daemon_stop(start(&options));
    const char *lost = state_folder_read(arena, &folder, "state/bootstrap-token");
    state_folder_write(&folder, "state/bootstrap-token", "dpi_something_else\n");
    CLEANUP(daemon_stopp) Daemon *daemon = start(&options);
    const char *found = state_folder_read(arena, &folder, "state/bootstrap-token");
    assert_string_not_equal(lost, found);
    assert_string_not_equal(found, "dpi_something_else\n");
    state_folder_write(&folder, "state/bootstrap-token", lost);
    assert_int_equal(accept(arena, daemon, &folder), 401);
    state_folder_write(&folder, "state/bootstrap-token", found);
    assert_int_equal(accept(arena, daemon, &folder), 201);
}

static void an_open_state_folder_is_refused(void **state) {
    WITH_FOLDER(folder);
    CLEANUP(arena_freep) Arena *arena = arena_new();
    ServerOptions options = options_for(arena, &folder, "");
    daemon_stop(start(&options));
    assert_int_equal(chmod(state_folder_file(arena, &folder, "state"), 0755), 0);
    Daemon *daemon = NULL;
    Error error = {0};
    assert_int_not_equal(daemon_start(&options, &daemon, &error), STATUS_OK);
    assert_string_equal(error.code, "unsafe_folder");
    assert_null(daemon);
}

static void a_second_one_on_the_same_state_is_refused_and_harms_nothing(void **state) {
    WITH_FOLDER(folder);
    CLEANUP(arena_freep) Arena *arena = arena_new();
    ServerOptions options = options_for(arena, &folder, "");
    CLEANUP(daemon_stopp) Daemon *daemon = start(&options);
    Daemon *other = NULL;
    Error error = {0};
    assert_int_equal(daemon_start(&options, &other, &error), STATUS_CONFLICT);
    assert_string_equal(error.code, "already_running");
    assert_non_null(state_folder_read(arena, &folder, "state/address"));
    assert_int_equal(call(arena, daemon_url(daemon), NULL, "GET", "/readyz", NULL).status, 200);
    daemon = daemon_stop(daemon);
    daemon = start(&options);
}

static void a_port_that_is_taken_is_said(void **state) {
    WITH_FOLDER(first_folder);
    WITH_FOLDER(second_folder);
    CLEANUP(arena_freep) Arena *arena = arena_new();
    ServerOptions first = options_for(arena, &first_folder, "");
    CLEANUP(daemon_stopp) Daemon *daemon = start(&first);
    ServerOptions second = options_for(arena, &second_folder, "");
    ListenOptions listen = *second.listen;
    listen.port = strtol(strrchr(daemon_url(daemon), ':') + 1, NULL, 10);
    second.listen = &listen;
    Daemon *other = NULL;
    Error error = {0};
    assert_int_equal(daemon_start(&second, &other, &error), STATUS_UNAVAILABLE);
    assert_string_equal(error.code, "cannot_listen");
}

// ---- TLS --------------------------------------------------------------------------------------

static void write_certificate(const StateFolder *folder, const Certificate *certificate) {
    state_folder_write(folder, "server.crt", certificate->certificate_pem);
    state_folder_write(folder, "server.key", certificate->key_pem);
}

static const char *tls_options(Arena *arena, const StateFolder *folder) {
    return arena_printf(arena, "tls: {certificate_file: %s/server.crt, key_file: %s/server.key}\n",
                        folder->path, folder->path);
}

static void tls_is_served_and_read_again_when_told(void **state) {
    WITH_FOLDER(folder);
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Certificate first = certificate_make(arena, "localhost", 1);
    Certificate second = certificate_make(arena, "localhost", 1);
    write_certificate(&folder, &first);
    ServerOptions options = options_for(arena, &folder, tls_options(arena, &folder));
    CLEANUP(daemon_stopp) Daemon *daemon = start(&options);
    const char *url = arena_strdup(arena, daemon_url(daemon));
    assert_true(text_starts_with(url, "https://127.0.0.1:"));
    assert_int_equal(call(arena, url, first.path, "GET", "/readyz", NULL).status, 200);
    write_certificate(&folder, &second);
    Error error = {0};
    need(daemon_reload(daemon, &error), &error);
    assert_string_equal(daemon_url(daemon), url);
    assert_int_equal(call(arena, url, second.path, "GET", "/readyz", NULL).status, 200);
    // What is no good leaves what was there.
    state_folder_write(&folder, "server.key", first.key_pem);
    assert_int_not_equal(daemon_reload(daemon, &error), STATUS_OK);
    assert_string_equal(error.code, "bad_tls_certificate");
    assert_int_equal(call(arena, url, second.path, "GET", "/readyz", NULL).status, 200);
    state_folder_write(&folder, "server.key", "no key at all");
    assert_int_not_equal(daemon_reload(daemon, &error), STATUS_OK);
    assert_int_equal(call(arena, url, second.path, "GET", "/readyz", NULL).status, 200);
    certificate_remove(&first);
    certificate_remove(&second);
}

static void a_key_that_others_may_read_is_refused(void **state) {
    WITH_FOLDER(folder);
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Certificate certificate = certificate_make(arena, "localhost", 1);
    write_certificate(&folder, &certificate);
    assert_int_equal(chmod(state_folder_file(arena, &folder, "server.key"), 0644), 0);
    ServerOptions options = options_for(arena, &folder, tls_options(arena, &folder));
    Daemon *daemon = NULL;
    Error error = {0};
    assert_int_equal(daemon_start(&options, &daemon, &error), STATUS_INVALID);
    assert_string_equal(error.code, "secret_file_mode");
    certificate_remove(&certificate);
}

int main(void) {
    log_setup((LogOptions){.level = LOG_ERROR});
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_start_makes_what_it_needs),
        cmocka_unit_test(the_bootstrap_token_works_once_and_is_gone),
        cmocka_unit_test(a_restart_keeps_keys_and_bootstrap_token),
        cmocka_unit_test(a_lost_bootstrap_token_is_made_anew_and_the_old_one_ends),
        cmocka_unit_test(an_open_state_folder_is_refused),
        cmocka_unit_test(a_second_one_on_the_same_state_is_refused_and_harms_nothing),
        cmocka_unit_test(a_port_that_is_taken_is_said),
        cmocka_unit_test(tls_is_served_and_read_again_when_told),
        cmocka_unit_test(a_key_that_others_may_read_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
