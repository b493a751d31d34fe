#include "wire/seal.h"

#include "base/crypto.h"
#include "base/text.h"

#include <sodium.h>
#include <stdbool.h>
#include <string.h>

enum { SEALED_MAX_BYTES = SECRET_MAX_BYTES + crypto_box_SEALBYTES };

struct SealKey {
    unsigned char secret[crypto_box_SECRETKEYBYTES];
    unsigned char public[crypto_box_PUBLICKEYBYTES];
};

SealKey *seal_key_new(void) {
    SealKey *key = crypto_alloc(sizeof(*key));
    crypto_box_keypair(key->public, key->secret);
    sodium_mprotect_readonly(key);
    return key;
}

SealKey *seal_key_free(SealKey *key) {
    sodium_free(key); // wipes; NULL is fine
    return NULL;
}

Status seal_key_load(const char *path, SealKey **ret_key, Error *reterr) {
    CLEANUP(seal_key_freep) SealKey *key = crypto_alloc(sizeof(*key));
    TRY(key_file_read(path, "an X25519 key", key->secret, reterr));
    crypto_scalarmult_base(key->public, key->secret);
    sodium_mprotect_readonly(key);
    *ret_key = key;
    key = NULL;
    return STATUS_OK;
}

Status seal_key_save(const SealKey *key, const char *path, Error *reterr) {
    return key_file_write(path, key->secret, false, reterr);
}

const char *seal_key_public_text(Arena *arena, const SealKey *key) {
    return base64_encode(arena, key->public, sizeof(key->public));
}

// A point of small order would give a shared key that anybody knows: libsodium refuses to multiply
// it (RFC 7748, section 6.1), with whatever scalar.
static bool is_weak(const unsigned char point[crypto_box_PUBLICKEYBYTES]) {
    static const unsigned char SCALAR[crypto_scalarmult_SCALARBYTES] = {1};
    unsigned char product[crypto_scalarmult_BYTES];
    return crypto_scalarmult(product, SCALAR, point) != 0;
}

static Status public_key_decode(const char *text, unsigned char key[crypto_box_PUBLICKEYBYTES],
                                Error *reterr) {
    crypto_start();
    if (!crypto_decode(text, key, crypto_box_PUBLICKEYBYTES) || is_weak(key))
        return error_set(reterr, STATUS_INVALID, "bad_public_key",
                         "expected the 32 bytes of an X25519 public key in base64");
    return STATUS_OK;
}

Status seal_public_key_check(const char *public_text, Error *reterr) {
    unsigned char key[crypto_box_PUBLICKEYBYTES];
    return public_key_decode(public_text, key, reterr);
}

Status seal_close(Arena *arena, const char *public_text, const Secret *content,
                  const char **ret_sealed, Error *reterr) {
    unsigned char key[crypto_box_PUBLICKEYBYTES];
    TRY(public_key_decode(public_text, key, reterr));
    size_t length = crypto_box_SEALBYTES + secret_length(content);
    unsigned char *box = arena_alloc(arena, length);
    if (crypto_box_seal(box, (const unsigned char *)secret_text(content), secret_length(content),
                        key) != 0)
        return error_set(reterr, STATUS_INVALID, "bad_public_key",
                         "nothing can be sealed to this public key");
    *ret_sealed = base64_encode(arena, box, length);
    return STATUS_OK;
}

static Status cannot_open(Error *reterr) {
    return error_set(reterr, STATUS_INVALID, "cannot_open",
                     "the credential cannot be opened with this key: it was sealed to another one, "
                     "or is damaged; ask for a new password");
}

Status seal_open(const SealKey *key, const char *sealed, Secret **ret_content, Error *reterr) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    void *box;
    size_t length;
    if (!base64_decode(arena, sealed, SEALED_MAX_BYTES, &box, &length) ||
        length < crypto_box_SEALBYTES)
        return cannot_open(reterr);
    size_t content_length = length - crypto_box_SEALBYTES;
    unsigned char *content = crypto_alloc(content_length + 1);
    bool opened = crypto_box_seal_open(content, box, length, key->public, key->secret) == 0;
    if (opened)
        *ret_content = secret_new(content, content_length);
    sodium_free(content);
    return opened ? STATUS_OK : cannot_open(reterr);
}
