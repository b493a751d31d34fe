// Ed25519 key pairs: of connector instances, of the control plane's actions, of the audit's heads.
#pragma once

#include "base/error.h"
#include "base/memory.h"

#include <stddef.h>

typedef struct SigningKey SigningKey; // Ed25519 pair in locked memory

SigningKey *signing_key_new(void);
SigningKey *signing_key_free(SigningKey *key);
DEFINE_CLEANUP(SigningKey, signing_key_free)
// The file holds the 32-byte seed in base64; 0600, refused otherwise.
MUST_USE Status signing_key_load(const char *path, SigningKey **ret_key, Error *reterr);
MUST_USE Status signing_key_save(const SigningKey *key, const char *path, Error *reterr);
// Loads it, or makes and saves a new one where there is no file.
MUST_USE Status signing_key_ensure(const char *path, SigningKey **ret_key, Error *reterr);

enum { PUBLIC_KEY_BYTES = 32, SIGNATURE_BYTES = 64 };
// base64 of the public half.
const char *signing_key_public_text(Arena *arena, const SigningKey *key);
void signing_key_sign(const SigningKey *key, const void *bytes, size_t length,
                      unsigned char signature[SIGNATURE_BYTES]);
// "bad_signature" when it does not verify; "bad_key" when the text is no key.
MUST_USE Status signature_verify(const char *public_key_text, const void *bytes, size_t length,
                                 const unsigned char signature[SIGNATURE_BYTES], Error *reterr);
