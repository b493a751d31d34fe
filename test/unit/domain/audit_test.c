#include "domain/audit.h"

#include "shop.h"

#include <stdio.h>

enum { CHAIN = 5 };

static json_t *detail_of(Arena *arena) {
    json_t *detail;
    const char *text = "{\"z\": 1.5, \"a\": [\"\xC3\xA4\", null, {\"n\": 9007199254740993}]}";
    assert_int_equal(json_read(arena, text, strlen(text), &detail, NULL), STATUS_OK);
    return detail;
}

static void make_chain(Arena *arena, const SigningKey *key, AuditEvent events[CHAIN]) {
    const char *previous = NULL;
    for (int i = 0; i < CHAIN; i++) {
        events[i] = (AuditEvent){
            .sequence = i + 1,
            .at = NOON_MS + i,
            .event = "grant.approved",
            .actor = "cleo",
            .actor_kind = "principal",
            .grant = "req_1",
            .detail = i == 2 ? detail_of(arena) : NULL,
        };
        audit_event_seal(arena, &events[i], previous, key);
        previous = events[i].hash;
    }
}

// As an export does it: written, and read again.
static AuditEvent through_json(Arena *arena, const AuditEvent *event) {
    const char *line = shape_format(arena, &AUDIT_EVENT_SHAPE, event);
    AuditEvent again;
    Error error = {0};
    expect_ok(shape_parse(arena, &AUDIT_EVENT_SHAPE, line, strlen(line), &again, &error), &error);
    return again;
}

// The sequence of the event that breaks the chain; 0: none.
static int64_t verify(Arena *arena, const AuditEvent *events, size_t count, const char *public_key,
                      Error *reterr) {
    AuditVerifier verifier = {.public_key = public_key};
    for (size_t i = 0; i < count; i++) {
        const AuditEvent event = through_json(arena, &events[i]);
        if (audit_verify_next(arena, &verifier, &event, reterr) != STATUS_OK) {
            assert_int_equal(verifier.verified, i);
            return event.sequence;
        }
    }
    assert_int_equal(verifier.verified, count);
    assert_int_equal(verifier.sequence, count);
    return 0;
}

static void a_chain_verifies_offline_from_its_export(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    CLEANUP(signing_key_freep) SigningKey *key = signing_key_new();
    AuditEvent events[CHAIN];
    make_chain(arena, key, events);
    Error error = {0};
    assert_int_equal(verify(arena, events, CHAIN, signing_key_public_text(arena, key), &error), 0);
    assert_int_equal(verify(arena, events, CHAIN, NULL, &error), 0);
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(events[0].previous[i], '0');
    assert_string_equal(events[1].previous, events[0].hash);
}

static void is_broken(const AuditEvent *events, size_t count, const char *public_key,
                      int64_t sequence, const char *how) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Error error = {0};
    assert_int_equal(verify(arena, events, count, public_key, &error), sequence);
    assert_string_equal(error.code, "chain_broken");
    assert_int_equal(error.status, STATUS_INVALID);
    if (strstr(error.message, how) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.message, how);
}

static void finds_every_altered_field(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    CLEANUP(signing_key_freep) SigningKey *key = signing_key_new();
    static const size_t TEXTS[] = {
        offsetof(AuditEvent, event),      offsetof(AuditEvent, actor),
        offsetof(AuditEvent, actor_kind), offsetof(AuditEvent, peer),
        offsetof(AuditEvent, token),      offsetof(AuditEvent, grant),
        offsetof(AuditEvent, flow),       offsetof(AuditEvent, integration),
        offsetof(AuditEvent, person),
    };
    for (size_t i = 0; i < COUNT_OF(TEXTS); i++) {
        AuditEvent events[CHAIN];
        make_chain(arena, key, events);
        const char *other = "other";
        memcpy((char *)&events[3] + TEXTS[i], &other, sizeof(other));
        is_broken(events, CHAIN, NULL, 4, "altered");
    }
    AuditEvent events[CHAIN];
    make_chain(arena, key, events);
    events[3].at++;
    is_broken(events, CHAIN, NULL, 4, "altered");
    make_chain(arena, key, events);
    events[2].detail = NULL;
    is_broken(events, CHAIN, NULL, 3, "altered");
}

static void finds_what_is_missing_moved_or_added(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    CLEANUP(signing_key_freep) SigningKey *key = signing_key_new();
    AuditEvent events[CHAIN];
    make_chain(arena, key, events);
    is_broken(events + 1, CHAIN - 1, NULL, 2, "event 1 was expected");
    events[2] = events[3];
    is_broken(events, CHAIN, NULL, 4, "event 3 was expected");
    make_chain(arena, key, events);
    events[3] = events[2];
    is_broken(events, CHAIN, NULL, 3, "event 4 was expected");
}

static void finds_a_chain_that_was_forged_from_some_event_on(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    CLEANUP(signing_key_freep) SigningKey *key = signing_key_new();
    CLEANUP(signing_key_freep) SigningKey *forger = signing_key_new();
    AuditEvent events[CHAIN];
    make_chain(arena, key, events);
    events[2].actor = "nobody";
    audit_event_seal(arena, &events[2], events[1].hash, key); // even with the key, what follows
    is_broken(events, CHAIN, NULL, 4, "does not follow");     // does not fit any more
    make_chain(arena, key, events);
    audit_event_seal(arena, &events[2], events[1].hash, forger);
    is_broken(events, CHAIN, NULL, 3, "another key");
    make_chain(arena, forger, events);
    is_broken(events, CHAIN, signing_key_public_text(arena, key), 1, "another key");
    make_chain(arena, key, events);
    events[2].signature = events[1].signature;
    is_broken(events, CHAIN, NULL, 3, "signature does not verify");
    events[2].signature = "AAAA";
    is_broken(events, CHAIN, NULL, 3, "signature is not one");
    events[2].signature = "not base64";
    is_broken(events, CHAIN, NULL, 3, "signature is not one");
    make_chain(arena, key, events);
    events[0].hash = events[1].hash;
    is_broken(events, CHAIN, NULL, 1, "altered");
}

static void verification_can_go_on_from_a_known_head(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    CLEANUP(signing_key_freep) SigningKey *key = signing_key_new();
    AuditEvent events[CHAIN];
    make_chain(arena, key, events);
    AuditVerifier verifier = {.public_key = events[0].key, .sequence = 2};
    memcpy(verifier.hash, events[1].hash, sizeof(verifier.hash));
    Error error = {0};
    expect_ok(audit_verify_next(arena, &verifier, &events[2], &error), &error);
    assert_int_equal(verifier.sequence, 3);
    assert_int_equal(verifier.verified, 1);
}

static void the_hash_is_over_sorted_compact_json(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    CLEANUP(signing_key_freep) SigningKey *key = signing_key_new();
    AuditEvent event = {
        .sequence = 1, .at = NOON_MS, .event = "e", .actor = "a", .actor_kind = "system"};
    audit_event_seal(arena, &event, NULL, key);
    // sha256sum of {"actor":"a","actor_kind":"system","at":"2027-01-15T08:00:00.000Z","event":"e",
    // "previous":"000…","sequence":1}
    assert_string_equal(event.hash,
                        "d8b18494280e71253b5d9de84a384286bca4743ade4290242c606920f2dc4819");
}

static void csv_is_one_guarded_line_for_each_event(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    assert_string_equal(audit_event_csv(arena, NULL),
                        "\"sequence\",\"at\",\"event\",\"actor\",\"actor_kind\",\"peer\",\"token\","
                        "\"grant\",\"flow\",\"integration\",\"person\",\"detail\",\"previous\","
                        "\"hash\",\"signature\",\"key\"\r\n");
    json_t *detail;
    assert_int_equal(json_read(arena, "{\"b\":\"x\",\"a\":1}", 15, &detail, NULL), STATUS_OK);
    const AuditEvent event = {
        .sequence = 7,
        .at = NOON_MS,
        .event = "sign_in.failed",
        .actor = "=cmd|' /C calc'!A0",
        .actor_kind = "a \"quoted\", name\r\nand line",
        .peer = "+1",
        .token = "-1",
        .grant = "@x",
        .flow = "\tx",
        .person = "\rx",
        .detail = detail,
    };
    assert_string_equal(audit_event_csv(arena, &event),
                        "\"7\",\"2027-01-15T08:00:00.000Z\",\"sign_in.failed\","
                        "\"'=cmd|' /C calc'!A0\",\"a \"\"quoted\"\", name\r\nand line\",\"'+1\","
                        "\"'-1\",\"'@x\",\"'\tx\",\"\",\"'\rx\",\"{\"\"a\"\":1,\"\"b\"\":\"\"x\"\"}"
                        "\",\"\",\"\",\"\",\"\"\r\n");
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(a_chain_verifies_offline_from_its_export),
        cmocka_unit_test(finds_every_altered_field),
        cmocka_unit_test(finds_what_is_missing_moved_or_added),
        cmocka_unit_test(finds_a_chain_that_was_forged_from_some_event_on),
        cmocka_unit_test(verification_can_go_on_from_a_known_head),
        cmocka_unit_test(the_hash_is_over_sorted_compact_json),
        cmocka_unit_test(csv_is_one_guarded_line_for_each_event),
    };
    return RUN_CASES(cases);
}
