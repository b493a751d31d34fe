#include "wire/messages.h"

#include "unit/base/cases.h"

#include <string.h>

static const int64_t NOW_MS = 1800000000000;

static json_t *json_of(Arena *arena, const char *text) {
    json_t *value;
    assert_int_equal(json_read(arena, text, strlen(text), &value, NULL), STATUS_OK);
    return value;
}

static Action action_of(Arena *arena) {
    return (Action){
        .id = "act_1",
        .deployment = "dep_1",
        .connector = "main",
        .instance = "inst_1",
        .poll = "poll_1",
        .held_ms = 1500,
        .kind = ACTION_GRANT,
        .attempt = 2,
        .grant_id = "req_1",
        .integration = "shop-prod",
        .issued_at = NOW_MS,
        .deadline_at = NOW_MS + 60000,
        .expires_at = NOW_MS + 3600000,
        .seal_to = "key",
        .plan = json_of(arena, "{\"account\": \"temp_ann_aaaabbbb\"}"),
    };
}

static void a_signed_action_arrives_as_it_was_sent(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    CLEANUP(signing_key_freep) SigningKey *key = signing_key_new();
    const Action sent = action_of(arena);
    const SignedAction signed_action = action_sign(arena, key, &sent);
    Action received;
    Error error = {0};
    assert_int_equal(action_verify(arena, signing_key_public_text(arena, key), &signed_action,
                                   &received, &error),
                     STATUS_OK);
    assert_string_equal(shape_format(arena, &ACTION_SHAPE, &received),
                        shape_format(arena, &ACTION_SHAPE, &sent));
    assert_int_equal(received.deadline_at - received.issued_at, 60000);
}

static void is_refused(const char *public_key, const SignedAction *signed_action,
                       const char *code) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Action received = {.id = "untouched"};
    Error error = {0};
    assert_int_equal(action_verify(arena, public_key, signed_action, &received, &error),
                     STATUS_INVALID);
    assert_string_equal(error.code, code);
    assert_string_equal(received.id, "untouched");
}

static void only_the_pinned_key_gives_orders(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    CLEANUP(signing_key_freep) SigningKey *key = signing_key_new();
    CLEANUP(signing_key_freep) SigningKey *other = signing_key_new();
    const Action action = action_of(arena);
    const SignedAction good = action_sign(arena, key, &action);
    const char *pinned = signing_key_public_text(arena, key);
    is_refused(signing_key_public_text(arena, other), &good, "bad_signature");
    is_refused("", &good, "bad_key");
    SignedAction bad = good;
    bad.payload = arena_printf(arena, "%s ", good.payload);
    is_refused(pinned, &bad, "bad_signature");
    static const char *const SIGNATURES[] = {"", "AAAA", "not base64"};
    for (size_t i = 0; i < COUNT_OF(SIGNATURES); i++) {
        bad = good;
        bad.signature = SIGNATURES[i];
        is_refused(pinned, &bad, "bad_signature");
    }
}

static SignedAction sign_text(Arena *arena, const SigningKey *key, const char *prefix,
                              const char *payload) {
    unsigned char signature[SIGNATURE_BYTES];
    const char *text = arena_printf(arena, "%s%s", prefix, payload);
    signing_key_sign(key, text, strlen(text), signature);
    return (SignedAction){payload, base64_encode(arena, signature, sizeof(signature))};
}

static void a_signature_for_something_else_is_no_action(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    CLEANUP(signing_key_freep) SigningKey *key = signing_key_new();
    const char *pinned = signing_key_public_text(arena, key);
    const Action action = action_of(arena);
    const char *payload = action_sign(arena, key, &action).payload;
    SignedAction elsewhere = sign_text(arena, key, "", payload);
    is_refused(pinned, &elsewhere, "bad_signature");
    elsewhere = sign_text(arena, key, "daypass-audit-v1\n", payload);
    is_refused(pinned, &elsewhere, "bad_signature");
}

static void a_signed_payload_still_has_to_be_an_action(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    CLEANUP(signing_key_freep) SigningKey *key = signing_key_new();
    static const char *const BAD[][2] = {
        {"", "malformed_json"},
        {"{}", "missing_field"},
        {"{\"id\": \"a\", \"more\": 1}", "unknown_field"},
        {"{\"kind\": \"drop\"}", "missing_field"},
    };
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        const SignedAction signed_action = sign_text(arena, key, "daypass-action-v1\n", BAD[i][0]);
        is_refused(signing_key_public_text(arena, key), &signed_action, BAD[i][1]);
    }
}

static Status parse(const Shape *shape, const char *text, Error *reterr) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    void *into = arena_alloc(arena, shape->size);
    return shape_parse(arena, shape, text, strlen(text), into, reterr);
}

static void is_bad(const Shape *shape, const char *text, const char *code, const char *pointer) {
    Error error = {0};
    assert_int_equal(parse(shape, text, &error), STATUS_INVALID);
    assert_string_equal(error.code, code);
    assert_string_equal(error.pointer, pointer);
}

static void polls_stay_within_bounds(void **state) {
    assert_int_equal(parse(&POLL_REQUEST_SHAPE, "{\"capacity\": 4, \"wait_s\": 60}", NULL),
                     STATUS_OK);
    is_bad(&POLL_REQUEST_SHAPE, "{}", "missing_field", "/capacity");
    is_bad(&POLL_REQUEST_SHAPE, "{\"capacity\": -1}", "bad_value", "/capacity");
    is_bad(&POLL_REQUEST_SHAPE, "{\"capacity\": 1001}", "bad_value", "/capacity");
    is_bad(&POLL_REQUEST_SHAPE, "{\"capacity\": 1, \"wait_s\": 61}", "bad_value", "/wait_s");
    is_bad(&POLL_REQUEST_SHAPE, "{\"capacity\": 1, \"health\": [{\"ok\": true}]}", "missing_field",
           "/health/0/integration");
}

// Spans are added to times, which must stay within what an integer holds.
static void spans_of_reports_stay_within_bounds(void **state) {
    static const char *const SPANS[] = {"expires_in_ms", "target_clock_difference_ms"};
    static const char *const TOO_MUCH[] = {"9223372036854775807", "-9223372036854775807"};
    for (size_t i = 0; i < COUNT_OF(SPANS); i++)
        for (size_t j = 0; j < COUNT_OF(TOO_MUCH); j++) {
            CLEANUP(arena_freep) Arena *arena = arena_new();
            is_bad(&ACTION_REPORT_SHAPE,
                   arena_printf(arena, "{\"action_id\": \"a\", \"done\": true, \"%s\": %s}",
                                SPANS[i], TOO_MUCH[j]),
                   "bad_value", arena_printf(arena, "/%s", SPANS[i]));
        }
}

// A string of `length` bytes at `key` of an object that is otherwise in order.
static const char *with_text(Arena *arena, const char *json, const char *key, size_t length) {
    char *text = arena_alloc(arena, length + 1);
    memset(text, 'x', length);
    return arena_printf(arena, "{%s, \"%s\": \"%s\"}", json, key, text);
}

static void texts_have_ceilings(void **state) {
    static const struct {
        const Shape *shape;
        const char *json, *key;
        size_t most;
    } CEILINGS[] = {
        {&SIGNED_ACTION_SHAPE, "\"signature\": \"s\"", "payload", 256 * 1024},
        {&ACTION_REPORT_SHAPE, "\"action_id\": \"a\", \"done\": true", "sealed", 16 * 1024},
        {&ACTION_REPORT_SHAPE, "\"action_id\": \"a\", \"done\": true", "message", 4096},
        {&ENROLL_REQUEST_SHAPE, "\"version\": \"1\"", "public_key", 64},
        {&ENROLL_REQUEST_SHAPE, "\"public_key\": \"k\"", "host", 255},
        {&SWEEP_REPORT_SHAPE, "\"admin_secret\": \"s\"", "host", 255},
    };
    for (size_t i = 0; i < COUNT_OF(CEILINGS); i++) {
        CLEANUP(arena_freep) Arena *arena = arena_new();
        Error error = {0};
        assert_int_equal(
            parse(CEILINGS[i].shape,
                  with_text(arena, CEILINGS[i].json, CEILINGS[i].key, CEILINGS[i].most), &error),
            STATUS_OK);
        is_bad(CEILINGS[i].shape,
               with_text(arena, CEILINGS[i].json, CEILINGS[i].key, CEILINGS[i].most + 1),
               "bad_value", arena_printf(arena, "/%s", CEILINGS[i].key));
    }
}

static void comes_back(const Shape *shape, const void *value) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *text = shape_format(arena, shape, value);
    void *again = arena_alloc(arena, shape->size);
    assert_int_equal(shape_parse(arena, shape, text, strlen(text), again, NULL), STATUS_OK);
    assert_string_equal(shape_format(arena, shape, again), text);
}

static void messages_arrive_as_they_were_sent(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    IntegrationHealth health[] = {{"shop-prod", false, "no route", NOW_MS}};
    SignedAction actions[] = {{"{}", "c2ln"}, {"{}", "c2ln"}};
    SweptAccount accounts[] = {
        {.account = "temp_a",
         .grant_id = "req_1",
         .expires_at = NOW_MS,
         .can_login = true,
         .message = "busy",
         .state = json_of(arena, "{\"can_login\": true}")},
        {.account = "temp_b",
         .expires_at = NOW_MS,
         .removed = true,
         .outcome = json_of(arena, "{\"sessions_ended\": 1}")},
        {.account = "temp_c",
         .grant_id = "req_2",
         .deployment = "dep_2",
         .connector = "other",
         .custodian = "keeper",
         .database = "shop",
         .sessions = 2},
        {.account = "v-x", .leftover = "its name is like v-*"},
    };
    comes_back(&POLL_REQUEST_SHAPE,
               &(PollRequest){5, 30, "0.1.0", NOW_MS, {health, COUNT_OF(health)}, "poll_1"});
    comes_back(&POLL_REPLY_SHAPE, &(PollReply){{actions, COUNT_OF(actions)}, NOW_MS});
    comes_back(&ENROLL_REQUEST_SHAPE, &(EnrollRequest){"key", "0.1.0", "host"});
    comes_back(&ENROLL_REPLY_SHAPE, &(EnrollReply){"inst_1", "main", "dep_1", "key"});
    comes_back(&ACTION_REPORT_SHAPE, &(ActionReport){.action_id = "act_1",
                                                     .attempt = 2,
                                                     .failure = "retry",
                                                     .code = "no_route",
                                                     .message = "no route",
                                                     .target_clock_difference_ms = -12,
                                                     .expires_in_ms = -5,
                                                     .sealed = "box",
                                                     .outcome = json_of(arena, "{}"),
                                                     .discovery = json_of(arena, "{}"),
                                                     .checks = json_of(arena, "[]")});
    comes_back(&SWEEP_REPORT_SHAPE, &(SweepReport){"shop-admin",
                                                   "redis",
                                                   "db.internal",
                                                   5432,
                                                   NOW_MS,
                                                   {accounts, COUNT_OF(accounts)},
                                                   "temp",
                                                   "temp_b"});
}

static void a_credential_is_shown_without_its_password(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Credential credential = {
        .kind = "postgresql",
        .host = "db.internal",
        .port = 5432,
        .database = "shop",
        .user = "temp_ann_aaaabbbb",
        .password = "example",
        .tls = "verify-full",
        .expires_at = NOW_MS,
        .grant_id = "req_1",
    };
    comes_back(&CREDENTIAL_SHAPE, &credential);
    const char *shown =
        json_text(arena, shape_write_redacted(arena, &CREDENTIAL_SHAPE, &credential));
    assert_null(strstr(shown, "example"));
    assert_non_null(strstr(shown, "(secret)"));
}

static void every_kind_has_a_name_and_every_field_a_help(void **state) {
    assert_int_equal(ACTION_KINDS.count, ACTION_KIND_COUNT_);
    static const Shape *const SHAPES[] = {
        &ACTION_SHAPE,       &SIGNED_ACTION_SHAPE, &ENROLL_REQUEST_SHAPE,
        &ENROLL_REPLY_SHAPE, &POLL_REQUEST_SHAPE,  &POLL_REPLY_SHAPE,
        &SWEEP_REPORT_SHAPE, &CREDENTIAL_SHAPE,    &ACTION_REPORT_SHAPE,
    };
    for (size_t i = 0; i < COUNT_OF(SHAPES); i++) {
        assert_non_null(SHAPES[i]->help);
        for (size_t f = 0; f < SHAPES[i]->field_count; f++) {
            const char *help = SHAPES[i]->fields[f].help;
            assert_non_null(help);
            assert_int_not_equal(help[strlen(help) - 1], '.');
        }
    }
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(a_signed_action_arrives_as_it_was_sent),
        cmocka_unit_test(only_the_pinned_key_gives_orders),
        cmocka_unit_test(a_signature_for_something_else_is_no_action),
        cmocka_unit_test(a_signed_payload_still_has_to_be_an_action),
        cmocka_unit_test(polls_stay_within_bounds),
        cmocka_unit_test(spans_of_reports_stay_within_bounds),
        cmocka_unit_test(texts_have_ceilings),
        cmocka_unit_test(messages_arrive_as_they_were_sent),
        cmocka_unit_test(a_credential_is_shown_without_its_password),
        cmocka_unit_test(every_kind_has_a_name_and_every_field_a_help),
    };
    return RUN_CASES(cases);
}
