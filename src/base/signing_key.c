#include "base/signing_key.h"

#include "base/crypto.h"
#include "base/file.h"
#include "base/secret.h"
#include "base/text.h"

#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_FILE_MODE = 0600, BASE64 = sodium_base64_VARIANT_ORIGINAL };

struct SigningKey {
    unsigned char secret[crypto_sign_SECRETKEYBYTES]; // libsodium's form: the seed, the public key
};

static SigningKey *key_alloc(void) {
    crypto_start();
    SigningKey *key = sodium_malloc(sizeof(*key));
    if (key == NULL) {
        fputs("no memory for a signing key: raise the limit of locked memory (ulimit -l)\n",
              stderr);
        abort();
    }
    return key;
}

SigningKey *signing_key_new(void) {
    SigningKey *key = key_alloc();
    unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
    crypto_sign_keypair(public_key, key->secret);
    sodium_mprotect_readonly(key);
    return key;
}

SigningKey *signing_key_free(SigningKey *key) {
    sodium_free(key); // wipes; NULL is fine
    return NULL;
}

// Exactly `size` bytes of base64, and nothing after them.
static bool decode_exactly(const char *text, unsigned char *bytes, size_t size) {
    size_t length;
    return sodium_base642bin(bytes, size, text, strlen(text), NULL, &length, NULL, BASE64) == 0 &&
           length == size;
}

Status signing_key_load(const char *path, SigningKey **ret_key, Error *reterr) {
    CLEANUP(secret_freep) Secret *text = NULL;
    TRY(secret_read_file(path, true, &text, reterr));
    SigningKey *key = key_alloc();
    unsigned char seed[crypto_sign_SEEDBYTES];
    unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
    bool decoded = decode_exactly(secret_text(text), seed, sizeof(seed));
    if (decoded)
        crypto_sign_seed_keypair(public_key, key->secret, seed);
    sodium_memzero(seed, sizeof(seed));
    if (!decoded) {
        signing_key_free(key);
        return error_set(reterr, STATUS_INVALID, "bad_key",
                         "%s: expected the 32 bytes of an Ed25519 seed in base64", path);
    }
    sodium_mprotect_readonly(key);
    *ret_key = key;
    return STATUS_OK;
}

typedef Status FileWriter(const char *path, mode_t mode, const void *bytes, size_t length,
                          Error *reterr);

static Status save(const SigningKey *key, const char *path, FileWriter *write, Error *reterr) {
    unsigned char seed[crypto_sign_SEEDBYTES];
    char text[sodium_base64_ENCODED_LEN(sizeof(seed), BASE64) + 1];
    crypto_sign_ed25519_sk_to_seed(seed, key->secret);
    sodium_bin2base64(text, sizeof(text) - 1, seed, sizeof(seed), BASE64);
    size_t length = strlen(text);
    text[length++] = '\n';
    Status status = write(path, KEY_FILE_MODE, text, length, reterr);
    sodium_memzero(seed, sizeof(seed));
    sodium_memzero(text, sizeof(text));
    return status;
}

Status signing_key_save(const SigningKey *key, const char *path, Error *reterr) {
    return save(key, path, file_write, reterr);
}

Status signing_key_ensure(const char *path, SigningKey **ret_key, Error *reterr) {
    Error error = {0};
    Status status = signing_key_load(path, ret_key, &error);
    if (status == STATUS_NOT_FOUND) {
        CLEANUP(signing_key_freep) SigningKey *key = signing_key_new();
        status = save(key, path, file_create, &error);
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
    if (!decode_exactly(public_key_text, public_key, sizeof(public_key)))
        return error_set(reterr, STATUS_INVALID, "bad_key",
                         "expected the 32 bytes of an Ed25519 public key in base64");
    if (crypto_sign_verify_detached(signature, bytes, length, public_key) != 0)
        return error_set(reterr, STATUS_INVALID, "bad_signature", "the signature does not verify");
    return STATUS_OK;
}
