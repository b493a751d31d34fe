// libsodium, made ready. Whoever calls it outside src/base says crypto_start first.
#pragma once

// Any number of times, from any thread. Ends the process where there is no source of randomness.
void crypto_start(void);
