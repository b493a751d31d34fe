#include "base/signing_key.h"

#include "base/crypto.h"
#include "base/text.h"

#include <sodium.h>
#include <stdbool.h>

struct SigningKey {
    unsigned char secret[crypto_sign_SECRETKEYBYTES]; // libsodium's form: the seed, the public key
};

SigningKey *signing_key_new(void) {
    SigningKey *key = crypto_alloc(sizeof(*key));
    unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
    crypto_sign_keypair(public_key, key->secret);
    sodium_mprotect_readonly(key);
    return key;
}

SigningKey *signing_key_free(SigningKey *key) {
    sodium_free(key); // wipes; NULL is fine
    return NULL;
}

Status signing_key_load(const char *path, SigningKey **ret_key, Error *reterr) {
    unsigned char seed[PRIVATE_KEY_BYTES];
    unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
    TRY(key_file_read(path, "an Ed25519 seed", seed, reterr));
    SigningKey *key = crypto_alloc(sizeof(*key));
    crypto_sign_seed_keypair(public_key, key->secret, seed);
    sodium_memzero(seed, sizeof(seed));
    sodium_mprotect_readonly(key);
    *ret_key = key;
    return STATUS_OK;
}

static Status save(const SigningKey *key, const char *path, bool create_only, Error *reterr) {
    unsigned char seed[PRIVATE_KEY_BYTES];
    crypto_sign_ed25519_sk_to_seed(seed, key->secret);
    Status status = key_file_write(path, seed, create_only, reterr);
    sodium_memzero(seed, sizeof(seed));
    return status;
}

Status signing_key_save(const SigningKey *key, const char *path, Error *reterr) {
    return save(key, path, false, reterr);
}

Status signing_key_ensure(const char *path, SigningKey **ret_key, Error *reterr) {
    Error error = {0};
    Status status = signing_key_load(path, ret_key, &error);
    if (status == STATUS_NOT_FOUND) {
        CLEANUP(signing_key_freep) SigningKey *key = signing_key_new();
        status = save(key, path, true, &error);
        if (status == STATUS_OK) {
            *ret_key = key;
            key = NULL;
            return STATUS_OK;
        }
        if (status ==
            STATUS_CONFLICT) // another process was quicker: there is one key, and that is it
            return signing_key_load(path, ret_key, reterr);
    }
    if (status != STATUS_OK && reterr != NULL)
        *reterr = error;
    return status;
}

const char *signing_key_public_text(Arena *arena, const SigningKey *key) {
    unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
    crypto_sign_ed25519_sk_to_pk(public_key, key->secret);
    return base64_encode(arena, public_key, sizeof(public_key));
}

void signing_key_sign(const SigningKey *key, const void *bytes, size_t length,
                      unsigned char signature[SIGNATURE_BYTES]) {
    crypto_sign_detached(signature, NULL, bytes, length, key->secret);
}

Status signature_verify(const char *public_key_text, const void *bytes, size_t length,
                        const unsigned char signature[SIGNATURE_BYTES], Error *reterr) {
    crypto_start();
    unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
    if (!crypto_decode(public_key_text, public_key, sizeof(public_key)))
        return error_set(reterr, STATUS_INVALID, "bad_key",
                         "expected the 32 bytes of an Ed25519 public key in base64");
    if (crypto_sign_verify_detached(signature, bytes, length, public_key) != 0)
        return error_set(reterr, STATUS_INVALID, "bad_signature", "the signature does not verify");
    return STATUS_OK;
}
