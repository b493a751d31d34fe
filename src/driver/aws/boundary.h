// What a permissions boundary leaves of a grant: nothing that it does not allow itself.
#pragma once

#include "driver/aws/policy.h"
#include "driver/aws/subject.h"

// Warns, where the identity has one that does not allow the actions, or that cannot be asked about.
void aws_boundary_warn(Operation *operation, const Subject *subject, const PolicyItems *items);
