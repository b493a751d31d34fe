// The connector's side of the wire: each call is signed with the instance key (RFC 9421). One
// ControlPlane is used by one thread.
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/secret.h"
#include "connector/connector_options.h"
#include "connector/identity.h"
#include "wire/messages.h"

#include <stdatomic.h>
#include <stdbool.h>

typedef struct ControlPlane ControlPlane;

// Everything is borrowed while it is open. `stop` ends a call that waits.
typedef struct ControlPlaneOptions {
    const ConnectorOptions *options;
    const Identity *identity;
    const SigningKey *key;
    const Clock *clock;
    const atomic_bool *stop;
} ControlPlaneOptions;

MUST_USE Status control_plane_open(const ControlPlaneOptions *options, ControlPlane **ret_plane,
                                   Error *reterr);
ControlPlane *control_plane_close(ControlPlane *plane);
DEFINE_CLEANUP(ControlPlane, control_plane_close)

MUST_USE Status control_plane_poll(ControlPlane *plane, Arena *arena, const PollRequest *request,
                                   PollReply *ret_reply, Error *reterr);
// What goes back: the body is a document of ACTION_REPORT_SHAPE, or of SWEEP_REPORT_SHAPE.
#define CONTROL_PLANE_REPORT "/v1/connector/report"
#define CONTROL_PLANE_SWEEP "/v1/connector/accounts"
MUST_USE Status control_plane_send(ControlPlane *plane, Arena *arena, const char *target,
                                   const char *body, Error *reterr);

// What flows may ask of each integration of this connector: plans without grant and account.
typedef struct Plans {
    Plan *items;
    size_t count;
} Plans;
MUST_USE Status control_plane_plans(ControlPlane *plane, Arena *arena, Plans *ret_plans,
                                    Error *reterr);

// Unsigned; the join token is the bearer.
MUST_USE Status control_plane_enroll(Arena *arena, const ConnectorOptions *options,
                                     const Secret *join_token, const SigningKey *key,
                                     EnrollReply *ret_reply, Error *reterr);

// Pauses between tries: 0.5 s doubling to 30 s, each with full jitter, so that many connectors do
// not come back in step.
int64_t backoff_ms(int failures);

// Whether a call that failed so may succeed later: not reached, too many, the other's fault, or a
// signature that was not fresh to it.
bool control_plane_may_retry(Status status);
