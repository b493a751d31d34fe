// What a connection may take: its part of its address's places and memory, and its time.
#include "http/connections.h"

#include "base/text.h"
#include "loopback.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

// As far ahead as a test wants: libmicrohttpd itself goes by the real one.
static _Atomic int64_t ahead_ms;

static int64_t now(const Clock *clock) {
    return clock_now_ms(&SYSTEM_CLOCK);
}

static int64_t monotonic(const Clock *clock) {
    return clock_monotonic_ms(&SYSTEM_CLOCK) + atomic_load(&ahead_ms);
}

static const Clock CLOCK = {.now_ms = now, .monotonic_ms = monotonic};

enum { STEP_MS = 300 * SECOND_MS }; // of an idle time of 30 s

static Loopback *start(HttpServerOptions options) {
    atomic_store(&ahead_ms, 0);
    options.clock = &CLOCK;
    return loopback_start(options);
}

static void pass(int64_t ms) {
    atomic_fetch_add(&ahead_ms, ms);
}

// ---- Addresses ----------------------------------------------------------------------------------

static struct sockaddr_in6 ipv6(const char *text) {
    struct sockaddr_in6 address = {.sin6_family = AF_INET6};
    assert_int_equal(inet_pton(AF_INET6, text, &address.sin6_addr), 1);
    return address;
}

static void a_network_of_ipv6_is_one_address(void **state) {
    Connections *connections = connections_new(
        (ConnectionsOptions){.clock = &SYSTEM_CLOCK, .max_per_address = 2, .step_ms = STEP_MS});
    const struct sockaddr_in6 first = ipv6("2001:db8::1"), second = ipv6("2001:db8::ffff"),
                              third = ipv6("2001:db8::3"), other = ipv6("2001:db8:0:1::1");
    Connection *one = connection_open(connections, -1, (const struct sockaddr *)&first);
    assert_true(connections_has_room(connections, (const struct sockaddr *)&second));
    Connection *two = connection_open(connections, -1, (const struct sockaddr *)&second);
    assert_false(connections_has_room(connections, (const struct sockaddr *)&third));
    assert_true(connections_has_room(connections, (const struct sockaddr *)&other));
    connection_close(one);
    assert_true(connections_has_room(connections, (const struct sockaddr *)&third));
    connection_close(two);
    connections_free(connections);
}

static int connect_from(const char *address, int port) {
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
    assert_int_equal(inet_pton(AF_INET, address, &from.sin_addr), 1);
    assert_int_equal(inet_pton(AF_INET, "127.0.0.1", &to.sin_addr), 1);
    to.sin_port = htons((uint16_t)port);
    int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(connection, (const struct sockaddr *)&from, sizeof(from)), 0);
    assert_int_equal(connect(connection, (const struct sockaddr *)&to, sizeof(to)), 0);
    return connection;
}

// With its NUL it fills what is reserved for it.
enum { LARGE_BYTES = (1 << 20) - 1, LARGE_AT_ONCE = 4 };

// All of a large body but its end.
static int begin_large_body(Arena *arena, const char *address, int port) {
    int connection = connect_from(address, port);
    const char *head = arena_printf(
        arena, "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n",
        LARGE_BYTES);
    raw_send(connection, head, strlen(head));
    char *body = arena_alloc(arena, LARGE_BYTES);
    memset(body, 'x', LARGE_BYTES);
    raw_try_send(connection, body, LARGE_BYTES - 1);
    return connection;
}

static int end_large_body(Arena *arena, int connection) {
    raw_try_send(connection, "x", 1);
    int status = raw_status(raw_receive_all(connection, arena));
    close(connection);
    return status;
}

// None ends before all have begun: which of them is refused is up to who is read first.
static void one_address_does_not_take_all_places_for_large_bodies(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Loopback *loopback = start((HttpServerOptions){.max_body_bytes = LARGE_BYTES + 1});
    int begun[LARGE_AT_ONCE + 1];
    for (size_t i = 0; i < COUNT_OF(begun); i++)
        begun[i] = begin_large_body(arena, "127.0.0.1", loopback->port);
    int other = begin_large_body(arena, "127.0.0.2", loopback->port);
    assert_int_equal(end_large_body(arena, other), 200);
    size_t refused = 0;
    for (size_t i = 0; i < COUNT_OF(begun); i++) {
        int status = end_large_body(arena, begun[i]);
        assert_true(status == 200 || status == 503);
        refused += status == 503;
    }
    assert_in_range(refused, 1, 2);
    int again = begin_large_body(arena, "127.0.0.1", loopback->port);
    assert_int_equal(end_large_body(arena, again), 200);
    loopback_stop(loopback);
}

// ---- Time ---------------------------------------------------------------------------------------

static void an_exchange_that_drips_is_cut_off_when_its_time_is_over(void **state) {
    static const char *const STARTS[] = {
        "",
        "GE",
        "GET / HTTP/1.1\r\nHost: x\r\nX-",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc",
    };
    CLEANUP(arena_freep) Arena *arena = arena_new();
    for (size_t i = 0; i < COUNT_OF(STARTS); i++) {
        Loopback *loopback = start((HttpServerOptions){0});
        int connection = raw_connect(loopback->port);
        raw_send(connection, STARTS[i], strlen(STARTS[i]));
        loopback_get(loopback, arena, "/state"); // by then it was accepted
        pass(STEP_MS + SECOND_MS);
        assert_int_not_equal(raw_status(raw_receive_all(connection, arena)), 200);
        close(connection);
        assert_int_equal(loopback_get(loopback, arena, "/state").status, 200);
        loopback_stop(loopback);
    }
}

static void each_step_has_its_own_time(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Loopback *loopback = start((HttpServerOptions){0});
    int connection = raw_connect(loopback->port);
    static const char REQUEST[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    for (int i = 0; i < 4; i++) {
        raw_send(connection, REQUEST, strlen(REQUEST));
        raw_receive_until(connection, arena, "body ");
        pass(STEP_MS / 2);
    }
    close(connection);
    loopback_stop(loopback);
}

static void waiting_for_the_server_takes_no_time(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Loopback *loopback = start((HttpServerOptions){0});
    int connection = raw_connect(loopback->port);
    const char *request = "GET /next?key=k&after=0&wait=100000000 HTTP/1.1\r\nHost: x\r\n\r\n";
    raw_send(connection, request, strlen(request));
    loopback_await_parked(loopback, 1);
    int idle = raw_connect(loopback->port);
    loopback_get(loopback, arena, "/state");
    pass(STEP_MS + SECOND_MS);
    raw_receive_all(idle, arena); // cut off: the connections were looked at
    close(idle);
    assert_int_equal(http_server_parked(loopback->server), 1);
    loopback_publish(loopback, "k");
    raw_receive_until(connection, arena, "published 1 after waiting");
    close(connection);
    loopback_stop(loopback);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_network_of_ipv6_is_one_address),
        cmocka_unit_test(one_address_does_not_take_all_places_for_large_bodies),
        cmocka_unit_test(an_exchange_that_drips_is_cut_off_when_its_time_is_over),
        cmocka_unit_test(each_step_has_its_own_time),
        cmocka_unit_test(waiting_for_the_server_takes_no_time),
    };
    return cmocka_run_group_tests_name("connections", tests, NULL, NULL);
}
