// Which targets could not be reached lately, be it that they do not answer or that their secret
// cannot be had. Work for one of those fails at once, by the last reason, instead of waiting too:
// otherwise all that is due on a dead target would take the threads and the queue, and work for the
// others would not get in. One at a time tries whether it is back. Thread-safe.
#pragma once

#include "connector/connector_options.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct Reachability Reachability;

Reachability *reachability_new(const ConnectorOptions *options); // borrowed
Reachability *reachability_free(Reachability *reachability);
DEFINE_CLEANUP(Reachability, reachability_free)

// Fails as the last try did while the secret's target is not to be tried, at this monotonic time.
// Whoever may try notes what came of it. NULL: always.
MUST_USE Status reachability_may_try(Reachability *reachability, const SecretSource *secret,
                                     int64_t now_ms, Error *reterr);
// failure: why it was not reached; NULL: it was.
void reachability_note(Reachability *reachability, const SecretSource *secret, const Error *failure,
                       int64_t now_ms);
