// The seccomp filter of sandbox_enter.
#pragma once

#include "sandbox/sandbox.h"

MUST_USE Status seccomp_filter_load(const SandboxNeeds *needs, Error *reterr);
