// Nonces of signed requests that were accepted and are still fresh: a second use is a replay.
// Thread-safe and bounded; when it is full nothing is accepted rather than anything forgotten.
#pragma once

#include "base/error.h"
#include "base/memory.h"

#include <stddef.h>
#include <stdint.h>

typedef struct NonceCache NonceCache;

NonceCache *nonce_cache_new(size_t max_nonces);
NonceCache *nonce_cache_free(NonceCache *cache);
DEFINE_CLEANUP(NonceCache, nonce_cache_free)

// Remembers key_id's nonce until the signature it came with is too old by itself. "replayed"
// (STATUS_UNAUTHENTICATED) when it is known already; "too_many_requests" (STATUS_LIMITED).
MUST_USE Status nonce_cache_add(NonceCache *cache, const char *key_id, const char *nonce,
                                int64_t until_s, int64_t now_s, Error *reterr);
