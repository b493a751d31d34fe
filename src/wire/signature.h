// Signed HTTP requests of connectors: HTTP Message Signatures (RFC 9421) with Ed25519 over
// @method, @target-uri's path and query (@path, @query), content-digest (RFC 9530, sha-256),
// created, nonce and keyid.
#pragma once

#include "base/error.h"
#include "base/memory.h"
#include "base/signing_key.h"

#include <stddef.h>
#include <stdint.h>

enum { SIGNATURE_MAX_AGE_S = 60, SIGNATURE_MAX_AHEAD_S = 60 };

// The three headers of a signed request, as "Name: value" for the client.
typedef struct SignedHeaders {
    const char *content_digest;
    const char *signature_input;
    const char *signature;
} SignedHeaders;

typedef struct SignedRequest {
    const char *method;
    const char *target; // path and query
    const void *body;
    size_t body_length;
} SignedRequest;

// The nonce is random. key_id: the connector instance's id.
void request_sign(Arena *arena, const SigningKey *key, const char *key_id,
                  const SignedRequest *request, int64_t created_s, SignedHeaders *ret_headers);

// A header that was not there is NULL, and refused as any other that is not in order.

// First half of the check: which key and nonce does it claim. Strict about the form.
typedef struct SignatureClaim {
    const char *key_id; // arena
    const char *nonce;
    int64_t created_s;
} SignatureClaim;
MUST_USE Status request_claim_parse(Arena *arena, const char *signature_input,
                                    SignatureClaim *ret_claim, Error *reterr);
// Second half: digest, signature and freshness at now_s. Whether the nonce was seen is the
// caller's.
MUST_USE Status request_verify(Arena *arena, const char *public_key_text,
                               const SignedRequest *request, const char *content_digest,
                               const char *signature_input, const char *signature, int64_t now_s,
                               Error *reterr);
