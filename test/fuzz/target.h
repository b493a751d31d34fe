// What every fuzz target defines: feeds the bytes to one parser, and returns 0. A target asserts
// what must hold for any input (no crash is the least of it), and keeps nothing between calls.
#pragma once

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
