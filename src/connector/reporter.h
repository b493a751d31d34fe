// Brings reports to the control plane, in order, for as long as it takes: one thread, a queue with
// a ceiling, pauses with jitter. What the control plane refuses for good is logged and dropped;
// what is too large for it comes again without its findings, and what it fails on lets the others
// pass.
#pragma once

#include "connector/control_plane.h"

#include <stdbool.h>

typedef struct Reporter Reporter;

MUST_USE Status reporter_start(const ControlPlaneOptions *options, Reporter **ret_reporter,
                               Error *reterr);
// Gives what waits `grace_ms` to leave, then ends.
Reporter *reporter_stop(Reporter *reporter, int grace_ms);

// A report of an action, or of a sweep, which goes in pages that any control plane takes. Copied as
// JSON.
void reporter_add_report(Reporter *reporter, const ActionReport *report);
void reporter_add_sweep(Reporter *reporter, const SweepReport *report);
