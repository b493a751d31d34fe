// What every test file here needs.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define RUN_CASES(cases) cmocka_run_group_tests(cases, NULL, NULL)
