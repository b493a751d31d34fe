// Servers that are of the wrong kind, refuse, are full, take only reads, or hang.
#include "driver_mysql_tests.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver/mysql/driver.h"

static void server_of_the_other_kind_is_named(void **state) {
    World *world = *state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Driver *other = is_mariadb(world) ? &MYSQL_DRIVER : &MARIADB_DRIVER;
    TargetAddress target = world->target;
    target.kind = is_mariadb(world) ? TARGET_MYSQL : TARGET_MARIADB;
    DriverLogin login = world->login;
    login.target = &target;
    DriverSession *session = NULL;
    FailureClass failure = FAILURE_NONE;
    Error error = {0};
    assert_int_not_equal(other->session_open(&login, &session, &failure, &error), STATUS_OK);
    assert_null(session);
    assert_int_equal(failure, FAILURE_UNSUPPORTED);
    assert_string_equal(error.code, "target_kind_wrong");
    const char *is = is_mariadb(world) ? "this is MariaDB 1" : "this is MySQL 9";
    const char *expected = is_mariadb(world) ? "kind mariadb" : "kind mysql";
    assert_non_null(strstr(error.message, is));
    assert_non_null(strstr(error.message, expected));
    CheckReport report;
    other->check(&login, arena, NULL, 0, &report);
    const CheckItem *last = &report.items[report.count - 1];
    assert_int_equal(last->result, CHECK_FAILED);
    assert_non_null(strstr(last->found, is));
    assert_non_null(last->repair);
}

// ---- Something that listens ---------------------------------------------------------------------

typedef struct Listener {
    int fd;
    const void *greeting; // NULL: nothing is ever said
    size_t length;
    ssize_t heard; // bytes of the client
    pthread_t thread;
} Listener;

static void *greet(void *listener_) {
    Listener *listener = listener_;
    unsigned char rest[256];
    int client = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
    ssize_t sent = send(client, listener->greeting, listener->length, MSG_NOSIGNAL);
    listener->heard = sent > 0 ? recv(client, rest, sizeof rest, 0) : -1;
    close(client);
    return NULL;
}

static int listener_start(Listener *listener, const void *greeting, size_t length) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    *listener = (Listener){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
                           .greeting = greeting,
                           .length = length};
    assert_int_equal(bind(listener->fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener->fd, 4), 0);
    assert_int_equal(getsockname(listener->fd, (struct sockaddr *)&address, &size), 0);
    if (greeting != NULL)
        assert_int_equal(pthread_create(&listener->thread, NULL, greet, listener), 0);
    return ntohs(address.sin_port);
}

static void listener_stop(Listener *listener) {
    if (listener->greeting != NULL)
        pthread_join(listener->thread, NULL);
    close(listener->fd);
}

static void server_that_hangs_after_accepting_is_given_up(void **state) {
    World *world = *state;
    Listener listener;
    TargetAddress target = world->target;
    target.port = listener_start(&listener, NULL, 0);
    DriverLogin login = world->login;
    login.target = &target;
    login.connect_timeout_ms = 1000;
    FailureClass failure;
    Error error = {0};
    int64_t start = clock_monotonic_ms(&SYSTEM_CLOCK);
    assert_int_equal(tries_login(&login, world, &failure, &error), STATUS_UNAVAILABLE);
    assert_true(clock_monotonic_ms(&SYSTEM_CLOCK) - start < 15 * SECOND_MS);
    assert_int_equal(failure, FAILURE_RETRY);
    assert_string_equal(error.code, "target_unreachable");
    listener_stop(&listener);
}

// ---- TLS ----------------------------------------------------------------------------------------

// As a server greets that does not speak TLS, or somebody in between who does not want it spoken.
static const char GREETING[] = "\x4a\x00\x00\x00"
                               "\x0a"
                               "8.0.36\0"
                               "\x01\x00\x00\x00"
                               "abcdefgh\0"
                               "\xff\xf7\x2d\x02\x00\xff\xc1\x15"
                               "\0\0\0\0\0\0\0\0\0\0"
                               "ijklmnopqrst\0"
                               "caching_sha2_password";

static Status tries_tls(World *world, int mode, const char *ca_variable, int port, Error *reterr) {
    TargetAddress target = world->target;
    target.tls = mode;
    target.port = port != 0 ? port : target.port;
    DriverLogin login = world->login;
    login.target = &target;
    login.ca_file = ca_variable != NULL ? getenv(ca_variable) : NULL;
    FailureClass failure;
    Status status = tries_login(&login, world, &failure, reterr);
    if (status != STATUS_OK && failure != FAILURE_FATAL)
        fail_msg("%s (%s)", reterr->message, reterr->detail);
    return status;
}

static void certificate_is_checked_as_the_mode_says(void **state) {
    static const int MODES[] = {TLS_VERIFY_FULL, TLS_VERIFY_CA, TLS_REQUIRE};
    World *world = *state;
    for (size_t i = 0; i < COUNT_OF(MODES); i++) {
        Error error = {0};
        assert_int_equal(tries_tls(world, MODES[i], "DAYPASS_TEST_CA_FILE", 0, &error), STATUS_OK);
        assert_int_not_equal(tries_tls(world, MODES[i], "DAYPASS_TEST_OTHER_CA_FILE", 0, &error),
                             STATUS_OK);
        assert_string_equal(error.code, "tls_failed");
    }
    Error error = {0};
    assert_int_equal(tries_tls(world, TLS_REQUIRE, NULL, 0, &error), STATUS_OK);
    assert_int_not_equal(tries_tls(world, TLS_VERIFY_FULL, NULL, 0, &error), STATUS_OK);
    assert_string_equal(error.code, "tls_failed");
}

static void server_without_tls_is_refused(void **state) {
    static const int MODES[] = {TLS_VERIFY_FULL, TLS_VERIFY_CA, TLS_REQUIRE};
    World *world = *state;
    for (size_t i = 0; i < COUNT_OF(MODES); i++) {
        Listener listener;
        int port = listener_start(&listener, GREETING, sizeof GREETING);
        Error error = {0};
        assert_int_not_equal(tries_tls(world, MODES[i], "DAYPASS_TEST_CA_FILE", port, &error),
                             STATUS_OK);
        assert_string_equal(error.code, "tls_failed");
        listener_stop(&listener);
        assert_int_equal(listener.heard, 0); // not even who would have logged in
    }
}

// ---- Full, and read-only ------------------------------------------------------------------------

// The admin has the one connection more that a server keeps for its administrators.
static void full_server_is_worth_repeating(void **state) {
    enum { MOST = 40 };
    Work *work = work_new(*state);
    World *world = work->world;
    MYSQL *held[MOST];
    size_t count = 0;
    my_run(world, "SET GLOBAL max_connections = 10");
    const MyLogin login = {.user = world->login.user,
                           .password = secret_text(world->admin_password)};
    do
        held[count] = my_connect(world, &login);
    while (mysql_errno(held[count++]) == 0 && count < MOST);
    unsigned last = mysql_errno(held[count - 1]);
    FailureClass failure = FAILURE_NONE;
    Status status = tries_login(&world->login, world, &failure, &work->error);
    while (count > 0)
        mysql_close(held[--count]);
    my_run(world, "SET GLOBAL max_connections = 200");
    assert_int_equal(last, 1040);
    assert_int_equal(status, STATUS_UNAVAILABLE);
    assert_int_equal(failure, FAILURE_RETRY);
    assert_non_null(strstr(work->error.message, "connections"));
    work_free(work);
}

static void server_that_takes_only_reads_is_worth_repeating(void **state) {
    Work *work = work_new(*state);
    World *world = work->world;
    const char *setting = is_mariadb(world) ? "read_only" : "super_read_only";
    my_run(world, text_of(work, "SET GLOBAL %s = ON", setting));
    FailureClass failure = FAILURE_NONE;
    Status at_login = tries_login(&world->login, world, &failure, &work->error);
    const char *code = text_of(work, "%s", work->error.code);
    Status granted = do_grant(work);
    FailureClass of_grant = work->result.failure;
    my_run(world, "SET GLOBAL read_only = OFF");
    assert_int_equal(at_login, STATUS_UNAVAILABLE);
    assert_int_equal(failure, FAILURE_RETRY);
    assert_string_equal(code, "target_read_only");
    assert_int_equal(granted, STATUS_UNAVAILABLE);
    assert_int_equal(of_grant, FAILURE_RETRY);
    assert_false(world->engine->has_account(world, work->plan->account));
    must(work, do_grant(work));
    must(work, do_revoke(work));
    work_free(work);
}

// A backup, say: statements wait, and are given up.
static void server_whose_tables_are_locked_is_worth_repeating(void **state) {
    Work *work = work_new(*state);
    World *world = work->world;
    must(work, do_revoke(work)); // has looked at everything that it looks at once
    my_run(world, "FLUSH TABLES WITH READ LOCK");
    Status status = do_grant(work);
    FailureClass failure = work->result.failure;
    my_run(world, "UNLOCK TABLES");
    assert_int_equal(status, STATUS_UNAVAILABLE);
    assert_int_equal(failure, FAILURE_RETRY);
    assert_int_not_equal(user_reads(work, "customers"), ANSWER_DONE);
    repeat(work, do_grant);
    assert_int_equal(user_reads(work, "customers"), ANSWER_DONE);
    must(work, do_revoke(work));
    work_free(work);
}

// ---- Rules for passwords ------------------------------------------------------------------------

// A verifier is no password to be judged, so that no rule of a server can refuse what was made.
static void rules_for_passwords_do_not_refuse_a_verifier(void **state) {
    Work *work = work_new(*state);
    World *world = work->world;
    my_run(world, "INSTALL COMPONENT 'file://component_validate_password'");
    my_run(world, "SET GLOBAL validate_password.policy = STRONG, GLOBAL"
                  " validate_password.length = 60");
    MYSQL *root = my_connect(world, &(MyLogin){.user = world->login.user,
                                               .password = secret_text(world->admin_password)});
    bool plain_taken = my_execute(root, "CREATE USER nobody IDENTIFIED BY 'Abc1-defghijklmnopqrs'");
    unsigned refusal = mysql_errno(root);
    mysql_close(root);
    Status granted = do_grant(work);
    Status reset = do_reset(work);
    Answer answer = user_reads(work, "customers");
    my_run(world, "UNINSTALL COMPONENT 'file://component_validate_password'");
    assert_false(plain_taken);
    assert_int_equal(refusal, 1819);
    assert_int_equal(granted, STATUS_OK);
    assert_int_equal(reset, STATUS_OK);
    assert_int_equal(answer, ANSWER_DONE);
    must(work, do_revoke(work));
    work_free(work);
}

static const ContractTest TESTS[] = {
    CONTRACT_TEST(server_of_the_other_kind_is_named, ONCE),
    CONTRACT_TEST(server_that_hangs_after_accepting_is_given_up, ONCE),
    CONTRACT_TEST(certificate_is_checked_as_the_mode_says, ONCE),
    CONTRACT_TEST(server_without_tls_is_refused, ONCE),
    CONTRACT_TEST(full_server_is_worth_repeating, ONCE),
    CONTRACT_TEST(server_that_takes_only_reads_is_worth_repeating, ONCE),
    CONTRACT_TEST(server_whose_tables_are_locked_is_worth_repeating, ONCE),
};
const ContractSuite MYSQL_SERVER_SUITE = {TESTS, COUNT_OF(TESTS)};

static const ContractTest MYSQL_TESTS[] = {
    CONTRACT_TEST(rules_for_passwords_do_not_refuse_a_verifier, ONCE),
};
const ContractSuite MYSQL_ALONE_SUITE = {MYSQL_TESTS, COUNT_OF(MYSQL_TESTS)};
