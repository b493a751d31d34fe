#include "certificate.h"
#include "loopback.h"

#include "base/text.h"
#include "http/server_certificate.h"

#include <gnutls/gnutls.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static Arena *certificates;
static Certificate good;  // for localhost and 127.0.0.1
static Certificate named; // for localhost alone
static Loopback *loopback;

static int start(void **state) {
    certificates = arena_new();
    good = certificate_make(certificates, "localhost", 1);
    named = certificate_make(certificates, "localhost", 0);
    loopback = loopback_start((HttpServerOptions){.tls_certificate_pem = good.certificate_pem,
                                                  .tls_key_pem = good.key_pem});
    return 0;
}

static int stop(void **state) {
    loopback = loopback_stop(loopback);
    certificate_remove(&good);
    certificate_remove(&named);
    certificates = arena_free(certificates);
    return 0;
}

static Status call(Arena *arena, const char *url, const char *ca_file, const char *target,
                   HttpReply *ret_reply, Error *reterr) {
    CLEANUP(http_client_freep) HttpClient *client = NULL;
    HttpClientOptions options = {.base_url = url, .ca_file = ca_file};
    TRY(http_client_new(&options, &client, reterr));
    HttpCall get = {.method = "GET", .target = target, .timeout_ms = PATIENCE_MS};
    return http_client_call(client, arena, &get, ret_reply, reterr);
}

static void serves_a_client_that_trusts_it(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    HttpReply reply = {0};
    Error error = {0};
    if (call(arena, loopback->url, good.path, "/secure?a=b", &reply, &error) != STATUS_OK)
        fail_msg("%s", error.message);
    assert_int_equal(reply.status, 200);
    assert_non_null(strstr(reply.body, "target /secure?a=b\n"));
    assert_non_null(strstr(reply.body, "tls 1\n"));
}

static void wakes_a_request_that_waits(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    HttpReply reply = {0};
    Error error = {0};
    int calls = atomic_load(&loopback->calls);
    if (call(arena, loopback->url, good.path, "/next?key=k&after=99&wait=50", &reply, &error) !=
        STATUS_OK)
        fail_msg("%s", error.message);
    assert_string_equal(reply.body, "nothing new");
    assert_int_equal(atomic_load(&loopback->calls), calls + 2);
}

static void a_certificate_nobody_vouches_for_is_refused(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *ca_files[] = {NULL, named.path}; // the system's; one that signed something else
    for (size_t i = 0; i < COUNT_OF(ca_files); i++) {
        HttpReply reply = {.status = -1};
        Error error = {0};
        int calls = atomic_load(&loopback->calls);
        assert_int_equal(call(arena, loopback->url, ca_files[i], "/", &reply, &error),
                         STATUS_UNAVAILABLE);
        assert_string_equal(error.code, "tls_not_trusted");
        assert_true(text_starts_with(error.message, "TLS: certificate of 127.0.0.1:"));
        assert_int_equal(reply.status, -1);
        assert_int_equal(atomic_load(&loopback->calls), calls);
    }
}

static void a_certificate_for_another_name_is_refused(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Loopback *other = loopback_start((HttpServerOptions){
        .tls_certificate_pem = named.certificate_pem, .tls_key_pem = named.key_pem});
    HttpReply reply = {0};
    Error error = {0};
    assert_int_equal(call(arena, other->url, named.path, "/", &reply, &error), STATUS_UNAVAILABLE);
    assert_string_equal(error.code, "tls_not_trusted");
    const char *by_name = arena_printf(arena, "https://localhost:%d", other->port);
    assert_int_equal(call(arena, by_name, named.path, "/", &reply, &error), STATUS_OK);
    loopback_stop(other);
}

static void tells_http_and_https_apart(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    HttpReply reply = {0};
    Error error = {0};
    const char *plain = arena_printf(arena, "http://127.0.0.1:%d", loopback->port);
    assert_int_equal(call(arena, plain, NULL, "/", &reply, &error), STATUS_UNAVAILABLE);

    Loopback *without = loopback_start((HttpServerOptions){.idle_timeout_s = 1});
    const char *secure = arena_printf(arena, "https://127.0.0.1:%d", without->port);
    assert_int_equal(call(arena, secure, good.path, "/", &reply, &error), STATUS_UNAVAILABLE);
    assert_string_equal(error.code, "tls_failed");
    loopback_stop(without);
}

static int handshake(const char *priorities) {
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
    int connection = raw_connect(loopback->port);
    gnutls_certificate_allocate_credentials(&credentials);
    gnutls_init(&session, GNUTLS_CLIENT);
    assert_int_equal(gnutls_priority_set_direct(session, priorities, NULL), GNUTLS_E_SUCCESS);
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
    gnutls_transport_set_int(session, connection);
    gnutls_handshake_set_timeout(session, PATIENCE_MS);
    int result;
    do
        result = gnutls_handshake(session);
    while (result < 0 && !gnutls_error_is_fatal(result));
    gnutls_deinit(session);
    gnutls_certificate_free_credentials(credentials);
    close(connection);
    return result;
}

static void speaks_tls_from_1_2_up(void **state) {
    assert_int_equal(handshake("NORMAL:-VERS-ALL:+VERS-TLS1.3"), GNUTLS_E_SUCCESS);
    assert_int_equal(handshake("NORMAL:-VERS-ALL:+VERS-TLS1.2"), GNUTLS_E_SUCCESS);
    assert_int_not_equal(handshake("NORMAL:-VERS-ALL:+VERS-TLS1.1:%COMPAT"), GNUTLS_E_SUCCESS);
}

static void never_called(void *context, HttpRequest *request, HttpAnswer *answer) {
    abort();
}

static void refuses_a_certificate_it_cannot_use(void **state) {
    const struct {
        const char *certificate, *key;
    } pairs[] = {
        {good.certificate_pem, named.key_pem},
        {"not a certificate", good.key_pem},
        {good.certificate_pem, "not a key"},
        {"", ""},
    };
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        HttpServer *server = NULL;
        HttpServerOptions options = {
            .host = "127.0.0.1",
            .max_body_bytes = 1,
            .max_header_bytes = 1024,
            .threads = 2,
            .max_connections = 8,
            .max_connections_per_address = 8,
            .idle_timeout_s = 1,
            .clock = &SYSTEM_CLOCK,
            .handler = never_called,
            .tls_certificate_pem = pairs[i].certificate,
            .tls_key_pem = pairs[i].key,
        };
        Error error = {0};
        assert_int_equal(http_server_start(&options, &server, &error), STATUS_INVALID);
        assert_string_equal(error.code, "bad_tls_certificate");
        assert_null(server);
    }
}

static void a_certificate_says_how_long_it_holds(void **state) {
    CertificateTerm term;
    Error error = {0};
    assert_int_equal(server_certificate_read(good.certificate_pem, good.key_pem, &term, &error),
                     STATUS_OK);
    int64_t now_ms = clock_now_ms(&SYSTEM_CLOCK);
    assert_true(term.begins_at < now_ms && term.begins_at > now_ms - 2 * 3600 * SECOND_MS);
    assert_true(term.ends_at > now_ms && term.ends_at < now_ms + 2 * 3600 * SECOND_MS);
    const char *const wrong[][3] = {
        {good.certificate_pem, named.key_pem, "does not belong"},
        {"none", good.key_pem, "the certificate cannot be read"},
        {good.certificate_pem, "none", "the key cannot be read"},
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_int_equal(server_certificate_read(wrong[i][0], wrong[i][1], &term, &error),
                         STATUS_INVALID);
        assert_non_null(strstr(error.message, wrong[i][2]));
        assert_null(strstr(error.message, "PRIVATE"));
    }
}

// Reloading a certificate: the second takes over from the first, and nobody is turned away.
static void one_server_takes_over_the_socket_of_another(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Loopback *first = loopback_start((HttpServerOptions){
        .tls_certificate_pem = good.certificate_pem, .tls_key_pem = good.key_pem});
    Loopback *second =
        loopback_start((HttpServerOptions){.tls_certificate_pem = named.certificate_pem,
                                           .tls_key_pem = named.key_pem,
                                           .beside = first->server});
    assert_int_equal(first->port, second->port);
    loopback_stop(first);
    const char *url = arena_printf(arena, "https://localhost:%d", second->port);
    for (int i = 0; i < 3; i++) {
        HttpReply reply = {0};
        Error error = {0};
        if (call(arena, url, named.path, "/echo", &reply, &error) != STATUS_OK)
            fail_msg("%s", error.message);
        assert_int_equal(reply.status, 200);
    }
    loopback_stop(second);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(serves_a_client_that_trusts_it),
        cmocka_unit_test(wakes_a_request_that_waits),
        cmocka_unit_test(a_certificate_nobody_vouches_for_is_refused),
        cmocka_unit_test(a_certificate_for_another_name_is_refused),
        cmocka_unit_test(tells_http_and_https_apart),
        cmocka_unit_test(speaks_tls_from_1_2_up),
        cmocka_unit_test(refuses_a_certificate_it_cannot_use),
        cmocka_unit_test(a_certificate_says_how_long_it_holds),
        cmocka_unit_test(one_server_takes_over_the_socket_of_another),
    };
    return cmocka_run_group_tests_name("tls", tests, start, stop);
}
