// Whether what flows grant is there, and within the ceiling: each entry with its own words.
#pragma once

#include "driver/aws/operation.h"
#include "driver/check_list.h"

void aws_check_flows(CheckList *list, Operation *operation, const Plan *const *plans,
                     size_t plan_count);
