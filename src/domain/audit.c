#include "domain/audit.h"

#include "base/buffer.h"
#include "base/clock.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

static const char SIGNED_PREFIX[] = "daypass-audit-v1\n";
// What the first event links to.
static const char NO_EVENT[] = "0000000000000000000000000000000000000000000000000000000000000000";

enum { NAME_MAX_BYTES = 128, HASH_CHARACTERS = 2 * crypto_hash_sha256_BYTES };

static const Field AUDIT_EVENT_FIELDS[] = {
    {FIELD(AuditEvent, sequence, INT), .required = true, .min = 1, .max = -1,
     .help = "Place in the chain, from 1, without gaps"},
    {FIELD(AuditEvent, at, TIME), .required = true, .help = "When it happened"},
    {FIELD(AuditEvent, event, STRING), .required = true, .max = NAME_MAX_BYTES,
     .help = "What happened, as \"grant.approved\""},
    {FIELD(AuditEvent, actor, STRING), .required = true,
     .help = "Who did it: principal, instance of a connector, or daypass"},
    {FIELD(AuditEvent, actor_kind, STRING), .required = true, .max = NAME_MAX_BYTES,
     .help = "Principal, connector, system or anonymous"},
    {FIELD(AuditEvent, peer, STRING), .help = "Network address it came from"},
    {FIELD(AuditEvent, token, STRING), .max = NAME_MAX_BYTES,
     .help = "Id of the token that was used"},
    {FIELD(AuditEvent, grant, STRING), .max = NAME_MAX_BYTES,
     .help = "Id of the grant it concerns"},
    {FIELD(AuditEvent, flow, STRING), .max = NAME_MAX_BYTES,
     .help = "Name of the flow it concerns"},
    {FIELD(AuditEvent, integration, STRING), .max = NAME_MAX_BYTES,
     .help = "Name of the integration it concerns"},
    {FIELD(AuditEvent, person, STRING),
     .help = "Principal it concerns, where that is not who did it"},
    {FIELD(AuditEvent, detail, JSON), .help = "What else belongs to the record of this event"},
    {FIELD(AuditEvent, previous, STRING), .required = true, .min = HASH_CHARACTERS,
     .max = HASH_CHARACTERS, .help = "Hash of the event before, in hex; 64 zeros for the first"},
    {FIELD(AuditEvent, hash, STRING), .required = true, .min = HASH_CHARACTERS,
     .max = HASH_CHARACTERS, .help = "SHA-256, in hex, of the canonical JSON of everything above"},
    {FIELD(AuditEvent, signature, STRING), .required = true, .max = NAME_MAX_BYTES,
     .help = "Ed25519 signature over \"daypass-audit-v1\\n\" and the hash, in base64"},
    {FIELD(AuditEvent, key, STRING), .required = true, .max = NAME_MAX_BYTES,
     .help = "Public key that verifies the signature, in base64"},
};
const Shape AUDIT_EVENT_SHAPE =
    SHAPE("AuditEvent", AuditEvent, AUDIT_EVENT_FIELDS, "One event of the audit trail");

// In hex. The canonical form is compact JSON with sorted keys, of all but the last three fields.
static const char *event_hash(Arena *arena, const AuditEvent *event) {
    AuditEvent content = *event;
    content.hash = content.signature = content.key = NULL;
    const char *canonical = shape_format(arena, &AUDIT_EVENT_SHAPE, &content);
    unsigned char hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(hash, (const unsigned char *)canonical, strlen(canonical));
    return hex_encode(arena, hash, sizeof(hash));
}

static const char *signed_text(Arena *arena, const char *hash) {
    return arena_printf(arena, "%s%s", SIGNED_PREFIX, hash);
}

void audit_event_seal(Arena *arena, AuditEvent *event, const char *previous_hash,
                      const SigningKey *key) {
    unsigned char signature[SIGNATURE_BYTES];
    event->previous = arena_strdup(arena, previous_hash != NULL ? previous_hash : NO_EVENT);
    event->hash = event_hash(arena, event);
    const char *text = signed_text(arena, event->hash);
    signing_key_sign(key, text, strlen(text), signature);
    event->signature = base64_encode(arena, signature, sizeof(signature));
    event->key = signing_key_public_text(arena, key);
}

static Status broken(const AuditEvent *event, const char *how, Error *reterr) {
    return error_set(reterr, STATUS_INVALID, "chain_broken",
                     "the audit chain is broken at event %lld: %s", (long long)event->sequence,
                     how);
}

static Status check_signature(Arena *arena, const AuditEvent *event, Error *reterr) {
    void *signature;
    size_t length;
    if (!base64_decode(arena, event->signature, SIGNATURE_BYTES, &signature, &length) ||
        length != SIGNATURE_BYTES)
        return broken(event, "its signature is not one", reterr);
    const char *text = signed_text(arena, event->hash);
    if (signature_verify(event->key, text, strlen(text), signature, NULL) != STATUS_OK)
        return broken(event, "its signature does not verify", reterr);
    return STATUS_OK;
}

Status audit_verify_next(Arena *arena, AuditVerifier *verifier, const AuditEvent *event,
                         Error *reterr) {
    const char *previous = verifier->sequence == 0 ? NO_EVENT : verifier->hash;
    if (event->sequence != verifier->sequence + 1)
        return broken(
            event,
            arena_printf(arena, "event %lld was expected here", (long long)verifier->sequence + 1),
            reterr);
    if (!text_equal(event->previous, previous))
        return broken(event, "it does not follow the event before it", reterr);
    if (!text_equal(event->hash, event_hash(arena, event)))
        return broken(event, "its content was altered", reterr);
    if (verifier->public_key != NULL && !text_equal(verifier->public_key, event->key))
        return broken(event, "it is signed with another key", reterr);
    TRY(check_signature(arena, event, reterr));
    if (verifier->public_key == NULL)
        verifier->public_key = arena_strdup(arena, event->key);
    verifier->sequence = event->sequence;
    snprintf(verifier->hash, sizeof(verifier->hash), "%s", event->hash);
    verifier->verified++;
    return STATUS_OK;
}

// Quoted by RFC 4180. A spreadsheet takes what begins with one of these as a formula (OWASP, CSV
// Injection), so an apostrophe goes before it.
static void add_csv(Buffer *line, const char *text) {
    if (text == NULL)
        text = "";
    buffer_add(line, line->length > 0 ? ",\"" : "\"");
    if (text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL)
        buffer_add(line, "'");
    for (; *text != '\0'; text++)
        buffer_addf(line, *text == '"' ? "\"%c" : "%c", *text);
    buffer_add(line, "\"");
}

// A field as the CSV shows it: as in JSON, but text without quotes.
static const char *csv_text(Arena *arena, const json_t *value) {
    const char *text = json_string_value(value);
    return text != NULL ? text : json_text(arena, value);
}

const char *audit_event_csv(Arena *arena, const AuditEvent *event) {
    CLEANUP(buffer_done) Buffer line = {0};
    const json_t *values = event != NULL ? shape_write(arena, &AUDIT_EVENT_SHAPE, event) : NULL;
    for (size_t i = 0; i < AUDIT_EVENT_SHAPE.field_count; i++) {
        const char *name = AUDIT_EVENT_SHAPE.fields[i].name;
        const json_t *value = json_object_get(values, name);
        if (event == NULL)
            add_csv(&line, name);
        else
            add_csv(&line, value != NULL ? csv_text(arena, value) : NULL);
    }
    buffer_add(&line, "\r\n");
    return arena_strdup(arena, buffer_text(&line));
}
