// The audit trail: events in a hash chain with signed heads. Verified offline from an export and
// the audit public key alone.
#pragma once

#include "base/shape.h"
#include "base/signing_key.h"

typedef struct AuditEvent {
    int64_t sequence; // from 1, without gaps
    int64_t at;
    const char *event;      // "grant.approved", "sign_in.failed", "configuration.changed", …
    const char *actor;      // principal, connector instance, or "daypass"
    const char *actor_kind; // "principal", "connector", "system", "anonymous"
    const char *peer;       // network address; NULL: none
    const char *token;      // id of the token used; NULL
    const char *grant;      // id; NULL
    const char *flow;
    const char *integration;
    const char *person; // whom it concerns, when it is not the actor
    const json_t *detail;
    const char *previous;  // hash of the event before, hex; of the first: 64 zeros
    const char *hash;      // SHA-256, hex, of the canonical JSON of everything above
    const char *signature; // base64, Ed25519 over "daypass-audit-v1\n" and the hash
    const char *key;       // base64 public key
} AuditEvent;
typedef struct AuditEvents {
    AuditEvent *items;
    size_t count;
} AuditEvents;
extern const Shape AUDIT_EVENT_SHAPE;

// Fills previous, hash, signature, key; sequence and at are the caller's. previous_hash is NULL for
// the first event.
void audit_event_seal(Arena *arena, AuditEvent *event, const char *previous_hash,
                      const SigningKey *key);

// Verifies events one after the other; start with a zeroed one.
typedef struct AuditVerifier {
    const char *public_key; // NULL: trust the first event's, and say so
    int64_t sequence;       // of the last good event
    char hash[65];
    int64_t verified;
} AuditVerifier;
// "chain_broken" says at which sequence and how: gap, altered event, wrong link, bad signature.
MUST_USE Status audit_verify_next(Arena *arena, AuditVerifier *verifier, const AuditEvent *event,
                                  Error *reterr);
// One line of CSV (RFC 4180), with a guard against spreadsheet formulas; header when event is NULL.
const char *audit_event_csv(Arena *arena, const AuditEvent *event);
