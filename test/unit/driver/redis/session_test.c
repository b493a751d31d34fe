// What a session makes of servers that are not what it needs: each is played by a thread, which
// answers the nth command with the nth text.
#include "driver/redis/session.h"

#include <arpa/inet.h>
#include <assert.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWERS_MAX = 4, PASSWORD_LENGTH = 24 };

typedef struct Play {
    const char *answers[ANSWERS_MAX]; // NULL: none is given, and the connection stays open
    bool hangs_up;                    // after the last
    int listener;
    int port;
    pthread_t thread;
} Play;

// Whole once it ends a line as many times as it said: "*2\r\n$4\r\n…".
static bool take_command(int fd) {
    char bytes[4096];
    size_t length = 0;
    for (;;) {
        ssize_t received = recv(fd, bytes + length, sizeof bytes - 1 - length, 0);
        if (received <= 0)
            return false;
        length += (size_t)received;
        bytes[length] = '\0';
        long lines = 2 * strtol(bytes + 1, NULL, 10) + 1;
        for (const char *at = bytes; (at = strstr(at, "\r\n")) != NULL; at += 2)
            lines--;
        if (lines == 0)
            return true;
    }
}

static void *play(void *argument) {
    Play *it = argument;
    int fd = accept(it->listener, NULL, NULL);
    assert(fd >= 0);
    for (size_t i = 0; i < ANSWERS_MAX && it->answers[i] != NULL && take_command(fd); i++) {
        ssize_t sent = send(fd, it->answers[i], strlen(it->answers[i]), MSG_NOSIGNAL);
        (void)sent; // the driver may be gone
    }
    if (!it->hangs_up)
        while (take_command(fd))
            continue;
    close(fd);
    return NULL;
}

static void play_start(Play *it) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    it->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int failed = bind(it->listener, (struct sockaddr *)&address, size);
    failed |= listen(it->listener, 1);
    failed |= getsockname(it->listener, (struct sockaddr *)&address, &size);
    failed |= pthread_create(&it->thread, NULL, play, it);
    assert_int_equal(failed, 0);
    it->port = ntohs(address.sin_port);
}

static void play_end(Play *it) {
    pthread_join(it->thread, NULL);
    close(it->listener);
}

static Status open_to(Play *it, int timeout_ms, DriverSession **ret_session,
                      FailureClass *ret_failure, Error *reterr) {
    CLEANUP(secret_freep) Secret *password = secret_new_password(PASSWORD_LENGTH);
    play_start(it);
    const TargetAddress target = {.kind = TARGET_REDIS,
                                  .host = "127.0.0.1",
                                  .port = it->port,
                                  .database = "0",
                                  .tls = TLS_DISABLE};
    const DriverLogin login = {.target = &target,
                               .user = "admin",
                               .password = password,
                               .connect_timeout_ms = timeout_ms,
                               .statement_timeout_ms = timeout_ms,
                               .clock = &SYSTEM_CLOCK};
    return redis_session_open(&login, ret_session, ret_failure, reterr);
}

static const char *info(Arena *arena, const char *text) {
    return arena_printf(arena, "$%zu\r\n%s\r\n", strlen(text), text);
}

static const char GOOD[] = "redis_version:7.0.15\r\nredis_mode:standalone\r\nloading:0\r\n"
                           "role:master\r\nconnected_slaves:2\r\n";

static void servers_that_cannot_be_granted_on_are_told_apart(void **state) {
    static const struct {
        const char *info, *code, *part;
        FailureClass failure;
    } CASES[] = {
        {"redis_version:6.0.16\r\nrole:master\r\n", "target_unsupported", "6.2",
         FAILURE_UNSUPPORTED},
        {"no_version:1\r\n", "target_unsupported", "too old", FAILURE_UNSUPPORTED},
        {"redis_version:7.0.15\r\nredis_mode:cluster\r\n", "target_unsupported", "cluster",
         FAILURE_UNSUPPORTED},
        {"redis_version:7.0.15\r\nredis_mode:sentinel\r\n", "target_unsupported", "Sentinel",
         FAILURE_UNSUPPORTED},
        {"redis_version:7.0.15\r\nloading:1\r\nrole:master\r\n", "target_not_ready", "loading",
         FAILURE_RETRY},
        {"redis_version:7.0.15\r\nrole:slave\r\n", "target_read_only", "replica", FAILURE_RETRY},
    };
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        Play it = {.answers = {"+OK\r\n", info(arena, CASES[i].info)}};
        DriverSession *session = NULL;
        FailureClass failure = FAILURE_NONE;
        Error error = {0};
        assert_int_not_equal(open_to(&it, 10 * SECOND_MS, &session, &failure, &error), STATUS_OK);
        assert_null(session);
        assert_int_equal(failure, CASES[i].failure);
        assert_string_equal(error.code, CASES[i].code);
        assert_non_null(strstr(error.message, CASES[i].part));
        play_end(&it);
    }
}

static void server_says_who_it_is(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    const char *valkey =
        arena_printf(arena, "server_name:valkey\r\nvalkey_version:8.0.1\r\n%s", GOOD);
    const char *const infos[] = {GOOD, valkey};
    const char *const versions[] = {"7.0.15", "Valkey 8.0.1"};
    for (size_t i = 0; i < COUNT_OF(infos); i++) {
        Play it = {.answers = {"+OK\r\n", info(arena, infos[i])}};
        DriverSession *session = NULL;
        FailureClass failure;
        Error error = {0};
        if (open_to(&it, 10 * SECOND_MS, &session, &failure, &error) != STATUS_OK)
            fail_msg("%s", error.message);
        assert_string_equal(session->version_text, versions[i]);
        assert_int_equal(session->version, 70015);
        assert_int_equal(session->replicas, 2);
        redis_session_close(session);
        play_end(&it);
    }
}

static void errors_at_login_are_told_apart(void **state) {
    static const struct {
        const char *answer, *code;
        FailureClass failure;
    } CASES[] = {
        {"-WRONGPASS invalid username-password pair\r\n", "login_denied", FAILURE_DENIED},
        {"-DENIED Redis is running in protected mode\r\n", "login_denied", FAILURE_DENIED},
        {"-ERR max number of clients reached\r\n", "target_not_ready", FAILURE_RETRY},
        {"-LOADING Redis is loading the dataset in memory\r\n", "target_not_ready", FAILURE_RETRY},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        Play it = {.answers = {CASES[i].answer}};
        DriverSession *session = NULL;
        FailureClass failure = FAILURE_NONE;
        Error error = {0};
        assert_int_not_equal(open_to(&it, 10 * SECOND_MS, &session, &failure, &error), STATUS_OK);
        assert_int_equal(failure, CASES[i].failure);
        assert_string_equal(error.code, CASES[i].code);
        play_end(&it);
    }
}

static void what_is_no_redis_or_says_nothing_loses_the_session(void **state) {
    static const struct {
        const char *answer;
        bool hangs_up;
    } CASES[] = {
        {NULL, true},                        // hangs up
        {NULL, false},                       // says nothing
        {"SSH-2.0-OpenSSH_9.2\r\n", false},  // something else
        {"$99999999999999999999\r\n", true}, // nonsense
        {"*-7\r\n", true},
        {"+OK", true}, // half an answer
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        Play it = {.answers = {CASES[i].answer}, .hangs_up = CASES[i].hangs_up};
        DriverSession *session = NULL;
        FailureClass failure = FAILURE_NONE;
        Error error = {0};
        assert_int_equal(open_to(&it, SECOND_MS, &session, &failure, &error), STATUS_UNAVAILABLE);
        assert_int_equal(failure, FAILURE_RETRY);
        assert_null(session);
        play_end(&it);
    }
}

static void lost_session_sends_nothing_more(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    Play it = {.answers = {"+OK\r\n", info(arena, GOOD)}, .hangs_up = true};
    DriverSession *session = NULL;
    FailureClass failure;
    Error error = {0};
    assert_int_equal(open_to(&it, 10 * SECOND_MS, &session, &failure, &error), STATUS_OK);
    const char *const words[] = {"TIME", NULL};
    for (int i = 0; i < 2; i++) {
        Reply *reply = NULL;
        assert_int_equal(redis_session_run(session, arena,
                                           &(Command){.doing = "asking", .words = words}, &reply,
                                           &failure, &error),
                         STATUS_UNAVAILABLE);
        assert_string_equal(error.code, "connection_lost");
        assert_true(session->lost);
        assert_null(reply);
    }
    redis_session_close(session);
    play_end(&it);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(servers_that_cannot_be_granted_on_are_told_apart),
        cmocka_unit_test(server_says_who_it_is),
        cmocka_unit_test(errors_at_login_are_told_apart),
        cmocka_unit_test(what_is_no_redis_or_says_nothing_loses_the_session),
        cmocka_unit_test(lost_session_sends_nothing_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
