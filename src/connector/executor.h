// Carries out one action: verifies it, holds it to the ceiling, runs the driver, makes the report.
// Knows nothing of threads or of how actions arrive.
#pragma once

#include "base/clock.h"
#include "connector/connector_options.h"
#include "connector/identity.h"
#include "connector/reachability.h"
#include "driver/driver.h"
#include "wire/messages.h"

typedef struct Executor {
    const ConnectorOptions *options;
    const Identity *identity;
    const Clock *clock;
    Reachability *reachability; // NULL: every target is always tried
} Executor;

// The poll that brought an action. An action that answers another one was heard before.
typedef struct PollMade {
    const char *nonce;
    int64_t sent_ms; // monotonic
    int64_t answered_ms;
} PollMade;

// An action as it came: leased_ms is the monotonic time from which its deadline is counted.
typedef struct ReceivedAction {
    Action action;
    Plan plan;
    int64_t leased_ms;
} ReceivedAction;

// The action is signed by the pinned key, for this deployment, connector, instance and poll, and
// its plan reads as one. "not_for_us", "replayed", "bad_signature", "bad_plan".
MUST_USE Status executor_accept(const Executor *executor, Arena *arena,
                                const SignedAction *signed_action, const PollMade *poll,
                                ReceivedAction *ret_action, Error *reterr);

// Always gives a report; whatever goes wrong is in it.
void executor_run(const Executor *executor, Arena *arena, const ReceivedAction *received,
                  ActionReport *ret_report);

// How the secret's admin logs in to a target. Borrows what it is given.
DriverLogin executor_login(const Executor *executor, const SecretSource *secret,
                           const TargetAddress *target, const Secret *password,
                           const char *purpose);

// A driver session as the secret's admin on this target.
MUST_USE Status executor_session_open(const Executor *executor, const SecretSource *secret,
                                      const TargetAddress *target, const char *purpose,
                                      const Driver **ret_driver, DriverSession **ret_session,
                                      FailureClass *ret_failure, Error *reterr);
