#include "base/crypto.h"

#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

static void start(void) {
    if (sodium_init() < 0) {
        fputs("libsodium could not be initialised: there is no source of random numbers\n", stderr);
        abort();
    }
}

void crypto_start(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start);
}
