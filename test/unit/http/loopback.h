// A real server on a free loopback port with a handler whose answers tests can read, and raw
// connections to it that send what no client would.
#pragma once

#include "base/memory.h"
#include "http/client.h"
#include "http/server.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

// Everything a test may wait for comes within this time, or never.
enum { PATIENCE_MS = 20000 };

enum { MAX_BODY_BYTES = 65536, MAX_HEADER_BYTES = 8192, LARGE_ANSWER_BYTES = 300000 };

// What the handler answers by path:
//   /echo         method, path, target, parameters, peer, X-Probe, Authorization and body, a line
//   each /state        what it was called for so often: "calls=N parked=N" /no-content   204; /busy
//   503 with Retry-After;   /large  LARGE_ANSWER_BYTES;   /elsewhere  302 /broken       an answer
//   with a line break in a header /next?key=K&after=N&wait=MS
//                 parks on K until more than N were published, then "published N", or "nothing new"
typedef struct Loopback {
    HttpServer *server;
    int port;
    char url[64];
    atomic_int calls;
    atomic_int published;
    atomic_int refusals; // seen by the refuse hook
} Loopback;

// Fills what is 0 of the options. Fails the test when the server does not start.
Loopback *loopback_start(HttpServerOptions options);
Loopback *loopback_stop(Loopback *loopback);
// One more is there: wakes who waits for it.
void loopback_publish(Loopback *loopback, const char *key);
// Until so many requests are parked; fails the test when that does not come.
void loopback_await_parked(const Loopback *loopback, size_t count);

HttpClient *loopback_client(const Loopback *loopback);
// A GET that must be answered.
HttpReply loopback_get(const Loopback *loopback, Arena *arena, const char *target);

// A raw connection, without delay of small packets.
int raw_connect(int port);
void raw_send(int socket, const void *bytes, size_t length);
// Sends though the other side may have closed; false then.
bool raw_try_send(int socket, const void *bytes, size_t length);
// All that comes until the other side closes; fails the test when it does not within PATIENCE_MS.
const char *raw_receive_all(int socket, Arena *arena);
// Until `text` has come; fails the test when it does not.
const char *raw_receive_until(int socket, Arena *arena, const char *text);
// One exchange on a connection of its own.
const char *raw_exchange(const Loopback *loopback, Arena *arena, const void *bytes, size_t length);
const char *raw_exchange_text(const Loopback *loopback, Arena *arena, const char *text);
// 0 when it is no HTTP answer.
int raw_status(const char *answer);
