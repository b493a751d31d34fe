// How much one caller may ask: calls a minute, by who calls, and calls that wait at the same time.
// For the files of src/api alone.
#pragma once

#include "api/api.h"

typedef struct Admission Admission;

Admission *admission_new(const Clock *clock, const CallLimits *limits);
Admission *admission_free(Admission *admission);

// Counts a call once, however often it runs again, for its token and principal, its connector
// instance, or of strangers their address. Above the limit it waits a second for its turn
// (*ret_waits) and is then refused, "too_many_calls": who floods us waits, and nobody else does.
MUST_USE Status call_admit(Call *call, bool *ret_waits, Error *reterr);

// call_park for a handler: of one caller only so many wait at once, "too_many_waiting". False in
// *ret_waits when the time is over.
MUST_USE Status call_wait(Call *call, const char *key, int64_t wait_ms, uint64_t sequence,
                          bool *ret_waits, Error *reterr);
// The call runs again: it does not wait any more.
void call_waited(Call *call);
