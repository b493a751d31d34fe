// The API behind a real listener on loopback, with a real store in a folder of its own, people of
// every kind, a connector, and a clock whose wall time tests move.
#pragma once

#include "api/api.h"
#include "base/secret.h"
#include "http/client.h"
#include "wire/api_messages.h"
#include "wire/messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>

#include <cmocka.h>

enum { MAX_BODY_BYTES = 1 << 20 };

// Real time, and what was added to it by world_pass.
typedef struct ShiftedClock {
    Clock clock;
    atomic_llong shift_ms;
} ShiftedClock;

typedef struct World {
    char folder[64];
    Arena *arena; // for as long as the world
    ShiftedClock clock;
    SigningKey *action_key, *audit_key;
    Store *store;
    Authenticator authenticator; // takes the password PASSWORD; says it is busy when told so
    atomic_bool authenticator_is_busy;
    Api *api;
    HttpServer *server;
    HttpClient *client;
    char url[64];
    atomic_int bootstrapped;
} World;

typedef struct WorldOptions {
    MetricsAccess metrics_access;
    int64_t sign_ins_per_principal; // 0: as many as one likes
    int64_t sign_ins_per_address;
    CallLimits limits;            // 0: as many as one likes
    Authenticator *authenticator; // NULL: the world's own
} WorldOptions;

// People of the world: "admin", "auditor", "ann" (may ask), "ben" and "bea" (decide), "eve"
// (nothing).
extern const char PASSWORD[];

World *world_open(WorldOptions options);
World *world_close(World *world);
DEFINE_CLEANUP(World, world_close)
// The process ends and another begins on the same store.
void world_restart(World *world, WorldOptions options);

void world_pass(World *world, int64_t ms);
int64_t world_now_ms(const World *world);

// ---- Calls ------------------------------------------------------------------------------------

typedef struct Answer {
    int status;
    json_t *body;     // NULL: none, or not JSON
    const char *text; // "" without body
    const char *retry_after;
} Answer;

// Text of a token with these scopes (comma-separated; NULL: all). kind: TOKEN_SESSION, …
const char *world_token(World *world, const char *principal, TokenKind kind, const char *scopes);
// A session of that person, made once.
const char *world_session(World *world, const char *principal);

Answer world_call(World *world, const char *token, const char *method, const char *target,
                  const char *body);
typedef struct RawCall {
    const char *method, *target;
    const char *token;
    const void *body;
    size_t length;
    const char *headers[8];
} RawCall;
Answer world_call_raw(World *world, const RawCall *call);
// As the person, with a session.
Answer world_as(World *world, const char *principal, const char *method, const char *target,
                const char *body);

const char *text_at(const Answer *answer, const char *key); // NULL: absent or no string
int64_t int_at(const Answer *answer, const char *key);
bool list_has(const Answer *answer, const char *key, const char *text);
// Number of items of a page.
size_t count_of(const Answer *answer);

#define assert_status(answer, expected) assert_status_at((answer), (expected), __FILE__, __LINE__)
void assert_status_at(Answer answer, int status, const char *file, int line);
// The answer is a whole problem document with that code.
#define assert_problem(answer, expected, code)                                                     \
    assert_problem_at((answer), (expected), (code), __FILE__, __LINE__)
void assert_problem_at(Answer answer, int status, const char *code, const char *file, int line);

// ---- Grants and connectors ----------------------------------------------------------------------

// A base64 X25519 public key.
const char *world_public_key(World *world);
// Ann asks for "shop-read"; gives the id.
const char *world_request(World *world);
// Asked, approved by ben, granted by the connector.
const char *world_active_grant(World *world);

typedef struct Instance {
    const char *id;
    const char *connector;
    SigningKey *key;
    const char *action_key; // pinned
} Instance;
// Enrols an instance through the API; its key is freed with the world.
Instance world_enroll(World *world, const char *connector);
Answer world_signed(World *world, const Instance *instance, const char *target, const char *body);
// Any method; body may be NULL.
Answer world_signed_with(World *world, const Instance *instance, const char *method,
                         const char *target, const char *body);
// Polls without waiting and gives the first action, verified; false when there is none.
bool world_poll(World *world, const Instance *instance, Action *ret_action);
// Reports the action done, with what a connector would send.
Answer world_report(World *world, const Instance *instance, const Action *action);

// Whether the audit trail has such an event; NULL: whatever.
bool world_has_event(World *world, const char *event, const char *grant);

// Runs one test on a world of its own.
#define WITH_WORLD(name) CLEANUP(world_closep) World *name = world_open((WorldOptions){0})
