// libsodium's calls that can fail, as wire/ makes them.
#include "support/failing_calls.h"

#include <sodium.h>

#define WRAPPED(name, parameters, arguments)                                                       \
    int __real_##name parameters;                                                                  \
    int __wrap_##name parameters;                                                                  \
    int __wrap_##name parameters {                                                                 \
        return failing_call(#name) ? -1 : __real_##name arguments;                                 \
    }

WRAPPED(sodium_base642bin,
        (unsigned char *bytes, size_t size, const char *text, size_t length, const char *ignore,
         size_t *ret_length, const char **ret_end, int variant),
        (bytes, size, text, length, ignore, ret_length, ret_end, variant))
WRAPPED(crypto_sign_verify_detached,
        (const unsigned char *signature, const unsigned char *bytes, unsigned long long length,
         const unsigned char *key),
        (signature, bytes, length, key))
WRAPPED(crypto_scalarmult,
        (unsigned char *product, const unsigned char *scalar, const unsigned char *point),
        (product, scalar, point))
WRAPPED(crypto_box_seal,
        (unsigned char *box, const unsigned char *content, unsigned long long length,
         const unsigned char *key),
        (box, content, length, key))
WRAPPED(crypto_box_seal_open,
        (unsigned char *content, const unsigned char *box, unsigned long long length,
         const unsigned char *public_key, const unsigned char *secret_key),
        (content, box, length, public_key, secret_key))
