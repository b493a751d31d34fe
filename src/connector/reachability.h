// Which targets did not answer lately. Work for one of those fails at once instead of waiting for
// an answer too: otherwise all that is due on a dead target would fill the queue, and work for the
// others would not get in. Thread-safe.
#pragma once

#include "connector/connector_options.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct Reachability Reachability;

Reachability *reachability_new(const ConnectorOptions *options); // borrowed
Reachability *reachability_free(Reachability *reachability);
DEFINE_CLEANUP(Reachability, reachability_free)

// Whether the secret's target is to be tried at this monotonic time. NULL: always.
bool reachability_may_try(Reachability *reachability, const SecretSource *secret, int64_t now_ms);
// What came of trying.
void reachability_note(Reachability *reachability, const SecretSource *secret, bool reached,
                       int64_t now_ms);
