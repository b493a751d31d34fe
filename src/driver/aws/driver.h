// The driver of AWS accounts: a grant is an inline policy on an IAM user or role that people have
// already.
#pragma once

#include "driver/driver.h"

extern const Driver AWS_DRIVER;
