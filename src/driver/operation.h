// One operation on a target under way: the session it runs on, what lives as long as it does, and
// what it has found and done. An engine's own operation.h has what runs statements for it.
#pragma once

#include "driver/evidence.h"

typedef struct DriverSession DriverSession; // each engine has its own

typedef struct Operation {
    DriverSession *session;
    Arena *arena; // the evidence's too
    Evidence evidence;
} Operation;
