// Changes of the configuration: compared, applied, and followed by what they make necessary.
#pragma once

#include "api/call.h"

typedef struct ChangeOptions {
    bool dry_run;
    bool prune;
} ChangeOptions;

typedef struct AppliedChange {
    Changes changes;
    int64_t version; // afterwards
    bool applied;
    const Configuration *before; // what it was compared with
} AppliedChange;

// Has the connector of each integration that is new or changed look at it.
MUST_USE Status change_apply(Call *call, const Configuration *declared, ChangeOptions options,
                             AppliedChange *ret_applied, Error *reterr);

// What is allowed and yet probably a mistake: things that flows name and that the last discovery
// did not find, integrations whose connector was never made.
MUST_USE Status change_warnings(Call *call, const Configuration *declared,
                                const AppliedChange *applied, StringList *ret_warnings,
                                Error *reterr);
