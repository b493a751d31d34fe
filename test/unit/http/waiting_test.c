// Requests that wait for work, over real connections.
#include "loopback.h"

#include "base/text.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

enum { MANY = 1500, POLLER_COUNT = 6, ROUND_COUNT = 400 };

static int send_poll(const Loopback *loopback, Arena *arena, const char *target) {
    int connection = raw_connect(loopback->port);
    const char *request =
        arena_printf(arena, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", target);
    raw_send(connection, request, strlen(request));
    return connection;
}

static const char *receive(int connection, Arena *arena) {
    const char *answer = raw_receive_all(connection, arena);
    close(connection);
    return answer;
}

static void a_wake_answers_who_waits_for_its_key(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Loopback *loopback = loopback_start((HttpServerOptions){0});
    int mine = send_poll(loopback, arena, "/next?key=mine&after=0&wait=600000");
    int other = send_poll(loopback, arena, "/next?key=other&after=0&wait=600000");
    loopback_await_parked(loopback, 2);
    loopback_publish(loopback, "mine");
    assert_non_null(strstr(receive(mine, arena), "published 1 after waiting"));
    assert_int_equal(http_server_parked(loopback->server), 1);
    http_server_wake(loopback->server, "other");
    assert_non_null(strstr(receive(other, arena), "published 1 after waiting"));
    loopback_stop(loopback);
}

static void a_wake_without_work_lets_it_wait_on(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Loopback *loopback = loopback_start((HttpServerOptions){.threads = 1});
    int connection = send_poll(loopback, arena, "/next?key=k&after=0&wait=600000");
    for (int i = 1; i <= 20; i++) {
        loopback_await_parked(loopback, 1);
        http_server_wake(loopback->server, "k");
    }
    loopback_await_parked(loopback, 1);
    assert_int_equal(atomic_load(&loopback->calls), 21);
    loopback_publish(loopback, "k");
    assert_non_null(strstr(receive(connection, arena), "published 1 after waiting"));
    loopback_stop(loopback);
}

static void the_deadline_answers_without_a_wake(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Loopback *loopback = loopback_start((HttpServerOptions){0});
    int64_t start_ms = clock_monotonic_ms(&SYSTEM_CLOCK);
    int late = send_poll(loopback, arena, "/next?key=k&after=0&wait=600000");
    HttpReply reply = loopback_get(loopback, arena, "/next?key=k&after=0&wait=150");
    assert_string_equal(reply.body, "nothing new");
    assert_true(clock_monotonic_ms(&SYSTEM_CLOCK) - start_ms >= 150);
    assert_int_equal(http_server_parked(loopback->server), 1);
    http_server_wake(loopback->server, "k");
    loopback_publish(loopback, "k");
    receive(late, arena);
    loopback_stop(loopback);
}

// The idle time is for clients that are slow, not for those that we let wait.
static void waiting_is_not_idleness(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Loopback *loopback = loopback_start((HttpServerOptions){.idle_timeout_s = 1});
    HttpReply reply = loopback_get(loopback, arena, "/next?key=k&after=0&wait=2500");
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.body, "nothing new");
    loopback_stop(loopback);
}

static void many_wait_and_are_woken_together(void **state) {
    struct rlimit files = {0};
    getrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur < 2 * MANY + 100) { // both ends are here
        files.rlim_cur = 2 * MANY + 100;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
    }
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Loopback *loopback = loopback_start((HttpServerOptions){0});
    static int connections[MANY];
    for (int i = 0; i < MANY; i++)
        connections[i] = send_poll(loopback, arena, "/next?key=k&after=0&wait=600000");
    loopback_await_parked(loopback, MANY);
    loopback_publish(loopback, "k");
    for (int i = 0; i < MANY; i++)
        assert_non_null(strstr(receive(connections[i], arena), "published 1 after waiting"));
    assert_int_equal(atomic_load(&loopback->calls), 2 * MANY);
    loopback_stop(loopback);
}

static void who_waits_and_goes_away_is_forgotten(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Loopback *loopback = loopback_start((HttpServerOptions){0});
    for (int i = 0; i < 50; i++)
        close(send_poll(loopback, arena, "/next?key=k&after=0&wait=600000"));
    loopback_await_parked(loopback, 50);
    loopback_publish(loopback, "k");
    loopback_await_parked(loopback, 0);
    assert_int_equal(loopback_get(loopback, arena, "/still-there").status, 200);
    loopback_stop(loopback);
}

static void stopping_answers_everybody_who_waits(void **state) {
    enum { COUNT = 100 };
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Loopback *loopback = loopback_start((HttpServerOptions){0});
    int connections[COUNT];
    for (int i = 0; i < COUNT; i++)
        connections[i] = send_poll(loopback, arena, "/next?key=k&after=0&wait=600000");
    loopback_await_parked(loopback, COUNT);
    loopback_stop(loopback);
    for (int i = 0; i < COUNT; i++) {
        const char *answer = receive(connections[i], arena);
        assert_int_equal(raw_status(answer), 503);
        assert_non_null(strstr(answer, "\"code\":\"stopping\""));
    }
}

typedef struct Poller {
    const Loopback *loopback;
    pthread_t thread;
    int rounds; // it has seen
    bool failed;
} Poller;

// Asks for what is newer than what it has, again and again. Nothing comes by itself in the time of
// this test, so that a wake-up that is lost shows as "nothing new".
static void *poll_on(void *context) {
    Poller *poller = context;
    CLEANUP(http_client_freep) HttpClient *client = loopback_client(poller->loopback);
    while (poller->rounds < ROUND_COUNT && !poller->failed) {
        CLEANUP(arena_freep) Arena *arena = arena_new();
        HttpCall call = {
            .method = "GET",
            .target = arena_printf(arena, "/next?key=k&after=%d&wait=%d", poller->rounds,
                                   PATIENCE_MS / 2),
            .timeout_ms = PATIENCE_MS,
        };
        HttpReply reply = {0};
        if (http_client_call(client, arena, &call, &reply, NULL) == STATUS_OK &&
            text_starts_with(reply.body, "published "))
            poller->rounds = (int)strtol(reply.body + strlen("published "), NULL, 10);
        else
            poller->failed = true;
    }
    return NULL;
}

static void no_wake_up_is_lost(void **state) {
    Loopback *loopback = loopback_start((HttpServerOptions){0});
    Poller pollers[POLLER_COUNT] = {0};
    for (size_t i = 0; i < POLLER_COUNT; i++) {
        pollers[i].loopback = loopback;
        assert_int_equal(pthread_create(&pollers[i].thread, NULL, poll_on, &pollers[i]), 0);
    }
    // Published while the pollers look: some find it, some have just parked, some are about to.
    CLEANUP(arena_freep) Arena *arena = arena_new();
    for (int round = 0; round < ROUND_COUNT; round++) {
        if (round % 8 == 0) // a pause as long as an exchange takes
            loopback_get(loopback, arena, "/state");
        loopback_publish(loopback, "k");
    }
    for (size_t i = 0; i < POLLER_COUNT; i++) {
        pthread_join(pollers[i].thread, NULL);
        assert_false(pollers[i].failed);
    }
    loopback_stop(loopback);
}

// Threads wake and poll while the server stops: it must end, and every call must end with it.
static void stopping_under_load_ends(void **state) {
    for (int round = 0; round < 10; round++) {
        Loopback *loopback = loopback_start((HttpServerOptions){0});
        Poller pollers[POLLER_COUNT] = {0};
        for (size_t i = 0; i < POLLER_COUNT; i++) {
            pollers[i].loopback = loopback;
            assert_int_equal(pthread_create(&pollers[i].thread, NULL, poll_on, &pollers[i]), 0);
        }
        for (int i = 0; i < 20; i++)
            loopback_publish(loopback, "k");
        http_server_stop(loopback->server);
        for (size_t i = 0; i < POLLER_COUNT; i++) {
            pthread_join(pollers[i].thread, NULL);
            assert_true(pollers[i].failed);
        }
        mem_free(loopback);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wake_answers_who_waits_for_its_key),
        cmocka_unit_test(a_wake_without_work_lets_it_wait_on),
        cmocka_unit_test(the_deadline_answers_without_a_wake),
        cmocka_unit_test(waiting_is_not_idleness),
        cmocka_unit_test(many_wait_and_are_woken_together),
        cmocka_unit_test(who_waits_and_goes_away_is_forgotten),
        cmocka_unit_test(stopping_answers_everybody_who_waits),
        cmocka_unit_test(no_wake_up_is_lost),
        cmocka_unit_test(stopping_under_load_ends),
    };
    return cmocka_run_group_tests_name("waiting", tests, NULL, NULL);
}
