#include "wire/signature.h"

#include "unit/base/cases.h"

#include "base/text.h"
#include "wire/signature_base.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

static const int64_t NOW_S = 1800000000;

// A signed request, and what the other side sees of it.
typedef struct Exchange {
    Arena *arena;
    SigningKey *key;
    SignedRequest request;
    const char *digest, *input, *signature; // values of the headers
} Exchange;

static const char *header_value(const char *header, const char *name) {
    assert_true(text_starts_with(header, name));
    return header + strlen(name);
}

static Exchange exchange_open(const char *target, const char *body) {
    Exchange exchange = {
        .arena = arena_new(),
        .key = signing_key_new(),
        .request = {"POST", target, body, strlen(body)},
    };
    SignedHeaders headers;
    request_sign(exchange.arena, exchange.key, "inst_abc", &exchange.request, NOW_S, &headers);
    exchange.digest = header_value(headers.content_digest, "Content-Digest: ");
    exchange.input = header_value(headers.signature_input, "Signature-Input: ");
    exchange.signature = header_value(headers.signature, "Signature: ");
    return exchange;
}

static void exchange_close(Exchange *exchange) {
    exchange->key = signing_key_free(exchange->key);
    exchange->arena = arena_free(exchange->arena);
}

static Status verify_at(const Exchange *exchange, int64_t now_s, Error *reterr) {
    return request_verify(exchange->arena, signing_key_public_text(exchange->arena, exchange->key),
                          &exchange->request, exchange->digest, exchange->input,
                          exchange->signature, now_s, reterr);
}

static void is_refused(const Exchange *exchange, int64_t now_s, const char *code) {
    Error error = {0};
    assert_int_equal(verify_at(exchange, now_s, &error), STATUS_UNAUTHENTICATED);
    assert_string_equal(error.code, code);
    assert_true(text_is_printable(error.message));
}

// RFC 9421, appendix B.2.6: the same base, and with the key of B.1.4 the same signature.
static void agrees_with_the_example_of_the_rfc(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    static const Component COMPONENTS[] = {
        {"date", "Tue, 20 Apr 2021 02:07:55 GMT"},
        {"@method", "POST"},
        {"@path", "/foo"},
        {"@authority", "example.com"},
        {"content-type", "application/json"},
        {"content-length", "18"},
    };
    const char *parameters =
        arena_printf(arena, "%s;created=1618884473;keyid=\"test-key-ed25519\"",
                     signature_component_list(arena, COMPONENTS, COUNT_OF(COMPONENTS)));
    const char *base = signature_base(arena, COMPONENTS, COUNT_OF(COMPONENTS), parameters);
    assert_string_equal(
        base, "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n"
              "\"@method\": POST\n"
              "\"@path\": /foo\n"
              "\"@authority\": example.com\n"
              "\"content-type\": application/json\n"
              "\"content-length\": 18\n"
              "\"@signature-params\": (\"date\" \"@method\" \"@path\" \"@authority\" "
              "\"content-type\" \"content-length\");created=1618884473;keyid=\"test-key-ed25519\"");
    void *signature;
    size_t length;
    assert_true(base64_decode(
        arena,
        "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==",
        SIGNATURE_BYTES, &signature, &length));
    Error error = {0};
    assert_int_equal(signature_verify("JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=", base,
                                      strlen(base), signature, &error),
                     STATUS_OK);
}

// RFC 9530, appendix B.1 has this body with this digest.
static void the_digest_is_that_of_rfc_9530(void **state) {
    Exchange exchange = exchange_open("/x", "{\"hello\": \"world\"}\n");
    assert_string_equal(exchange.digest, "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:");
    exchange_close(&exchange);
}

static void a_signed_request_verifies(void **state) {
    static const char *const TARGETS[] = {"/v1/connector/poll", "/p?q=1&r=2", "/p?", "/p?a?b"};
    for (size_t i = 0; i < COUNT_OF(TARGETS); i++) {
        Exchange exchange = exchange_open(TARGETS[i], "{}");
        Error error = {0};
        assert_int_equal(verify_at(&exchange, NOW_S, &error), STATUS_OK);
        exchange_close(&exchange);
    }
    Exchange empty = exchange_open("/v1/connector/poll", "");
    empty.request.body = NULL;
    assert_int_equal(verify_at(&empty, NOW_S, NULL), STATUS_OK);
    exchange_close(&empty);
}

static void every_part_of_the_request_is_covered(void **state) {
    Exchange exchange = exchange_open("/v1/a?q=1", "{}");
    const Exchange good = exchange;
    exchange.request.method = "PUT";
    is_refused(&exchange, NOW_S, "bad_signature");
    static const char *const TARGETS[] = {"/v1/b?q=1", "/v1/a?q=2", "/v1/a", "/v1/a?",
                                          "/v1/a?q=1&"};
    for (size_t i = 0; i < COUNT_OF(TARGETS); i++) {
        exchange = good;
        exchange.request.target = TARGETS[i];
        is_refused(&exchange, NOW_S, "bad_signature");
    }
    exchange = good;
    exchange.request.body = "[]";
    is_refused(&exchange, NOW_S, "bad_digest");
    Exchange other = exchange_open("/v1/a?q=1", "[]");
    exchange.digest = other.digest; // fits the body, and is not what was signed
    is_refused(&exchange, NOW_S, "bad_signature");
    exchange = good;
    exchange.input = other.input; // another nonce
    is_refused(&exchange, NOW_S, "bad_signature");
    exchange = good;
    exchange.signature = other.signature;
    is_refused(&exchange, NOW_S, "bad_signature");
    SigningKey *own = exchange.key;
    exchange = good;
    exchange.key = other.key;
    is_refused(&exchange, NOW_S, "bad_signature");
    exchange.key = own;
    exchange_close(&other);
    exchange_close(&exchange);
}

static void the_signed_time_cannot_be_moved(void **state) {
    Exchange exchange = exchange_open("/v1/a", "{}");
    const char *at = strstr(exchange.input, "created=1800000000");
    assert_non_null(at);
    exchange.input =
        arena_printf(exchange.arena, "%.*screated=1800000001%s", (int)(at - exchange.input),
                     exchange.input, at + strlen("created=1800000000"));
    is_refused(&exchange, NOW_S, "bad_signature");
    exchange_close(&exchange);
}

static void only_fresh_requests_are_taken(void **state) {
    Exchange exchange = exchange_open("/v1/a", "{}");
    assert_int_equal(verify_at(&exchange, NOW_S + SIGNATURE_MAX_AGE_S, NULL), STATUS_OK);
    assert_int_equal(verify_at(&exchange, NOW_S - SIGNATURE_MAX_AHEAD_S, NULL), STATUS_OK);
    is_refused(&exchange, NOW_S + SIGNATURE_MAX_AGE_S + 1, "stale_signature");
    is_refused(&exchange, NOW_S - SIGNATURE_MAX_AHEAD_S - 1, "stale_signature");
    exchange_close(&exchange);
}

static void nonces_are_never_the_same(void **state) {
    Exchange one = exchange_open("/v1/a", "{}"), two = exchange_open("/v1/a", "{}");
    SignatureClaim first, second;
    assert_int_equal(request_claim_parse(one.arena, one.input, &first, NULL), STATUS_OK);
    assert_int_equal(request_claim_parse(two.arena, two.input, &second, NULL), STATUS_OK);
    assert_string_not_equal(first.nonce, second.nonce);
    assert_string_equal(first.key_id, "inst_abc");
    assert_int_equal(first.created_s, NOW_S);
    assert_int_equal(strlen(first.nonce), 32);
    exchange_close(&one);
    exchange_close(&two);
}

#define COVERED "sig1=(\"@method\" \"@path\" \"@query\" \"content-digest\")"
#define N32 "0123456789abcdef0123456789abcdef"

static void claims_have_one_form(void **state) {
    static const char *const BAD[] = {
        "",
        "sig1",
        COVERED,
        COVERED ";created=",
        COVERED ";created=;nonce=\"" N32 "\";keyid=\"k\";alg=\"ed25519\"",
        COVERED ";created=-5;nonce=\"" N32 "\";keyid=\"k\";alg=\"ed25519\"",
        COVERED ";created=05;nonce=\"" N32 "\";keyid=\"k\";alg=\"ed25519\"",
        COVERED ";created=1234567890123;nonce=\"" N32 "\";keyid=\"k\";alg=\"ed25519\"",
        COVERED ";created=5;keyid=\"k\";alg=\"ed25519\"",
        COVERED ";created=5;nonce=\"0123456789abcde\";keyid=\"k\";alg=\"ed25519\"",
        COVERED ";created=5;nonce=\"" N32 N32 "0\";keyid=\"k\";alg=\"ed25519\"",
        COVERED ";created=5;nonce=\"0123456789abcdef;\";keyid=\"k\";alg=\"ed25519\"",
        COVERED ";created=5;nonce=\"" N32 "\";keyid=\"\";alg=\"ed25519\"",
        COVERED ";created=5;nonce=\"" N32 "\";keyid=\"" N32 N32 "0\";alg=\"ed25519\"",
        COVERED ";created=5;nonce=\"" N32 "\";keyid=\"k\\\"\";alg=\"ed25519\"",
        COVERED ";created=5;nonce=\"" N32 "\";keyid=\"k\";alg=\"hmac-sha256\"",
        COVERED ";created=5;nonce=\"" N32 "\";keyid=\"k\"",
        COVERED ";created=5;nonce=\"" N32 "\";keyid=\"k\";alg=\"ed25519\";expires=9",
        COVERED ";created=5;nonce=\"" N32 "\";keyid=\"k\";alg=\"ed25519\", sig2=()",
        " " COVERED ";created=5;nonce=\"" N32 "\";keyid=\"k\";alg=\"ed25519\"",
        "sig2=(\"@method\" \"@path\" \"@query\" \"content-digest\");created=5;nonce=\"" N32
        "\";keyid=\"k\";alg=\"ed25519\"",
        "sig1=(\"@method\" \"@path\" \"@query\");created=5;nonce=\"" N32
        "\";keyid=\"k\";alg=\"ed25519\"", // the body is not covered
        "sig1=();created=5;nonce=\"" N32 "\";keyid=\"k\";alg=\"ed25519\"",
    };
    CLEANUP(arena_freep) Arena *arena = arena_new();
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        SignatureClaim claim = {.created_s = 77};
        Error error = {0};
        assert_int_equal(request_claim_parse(arena, BAD[i], &claim, &error),
                         STATUS_UNAUTHENTICATED);
        assert_string_equal(error.code, "bad_signature_input");
        assert_int_equal(claim.created_s, 77);
    }
    const char *good = COVERED ";created=5;nonce=\"" N32 "\";keyid=\"k_-9Z\";alg=\"ed25519\"";
    SignatureClaim claim;
    assert_int_equal(request_claim_parse(arena, good, &claim, NULL), STATUS_OK);
    assert_string_equal(claim.key_id, "k_-9Z");
    assert_string_equal(claim.nonce, N32);
    assert_int_equal(claim.created_s, 5);
}

static void long_headers_are_not_even_looked_at(void **state) {
    char text[2000];
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    memcpy(text, COVERED, strlen(COVERED));
    Exchange exchange = exchange_open("/v1/a", "{}");
    const Exchange good = exchange;
    exchange.input = text;
    is_refused(&exchange, NOW_S, "bad_signature_input");
    exchange = good;
    memcpy(text, "sig1=:", 6);
    exchange.signature = text;
    is_refused(&exchange, NOW_S, "bad_signature");
    exchange_close(&exchange);
}

static void signatures_have_one_form(void **state) {
    Exchange exchange = exchange_open("/v1/a", "{}");
    const char *value = exchange.signature; // sig1=:…:
    const char *const bad[] = {
        "",
        "sig1=",
        "sig1=:",
        "sig1=::",
        "sig1=:AAAA:",
        "sig1=:not base64:",
        value + 1,
        arena_printf(exchange.arena, "%s ", value),
        arena_printf(exchange.arena, "%s, sig2=:AAAA:", value),
        arena_printf(exchange.arena, "%.*s", (int)strlen(value) - 1, value),
        arena_printf(exchange.arena, "sig2%s", value + 4),
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        exchange.signature = bad[i];
        is_refused(&exchange, NOW_S, "bad_signature");
    }
    exchange_close(&exchange);
}

static void digests_have_one_form(void **state) {
    Exchange exchange = exchange_open("/v1/a", "{}");
    const char *value = exchange.digest;
    const char *const bad[] = {
        "",
        "sha-256=",
        "sha-512=:AAAA:",
        arena_printf(exchange.arena, "%s, sha-512=:AAAA:", value),
        arena_printf(exchange.arena, " %s", value),
        arena_printf(exchange.arena, "SHA-256%s", value + 7),
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        exchange.digest = bad[i];
        is_refused(&exchange, NOW_S, "bad_digest");
    }
    exchange_close(&exchange);
}

static void a_request_without_its_headers_is_refused(void **state) {
    Exchange exchange = exchange_open("/v1/a", "{}");
    const Exchange good = exchange;
    exchange.input = NULL;
    is_refused(&exchange, NOW_S, "bad_signature_input");
    exchange = good;
    exchange.digest = NULL;
    is_refused(&exchange, NOW_S, "bad_digest");
    exchange = good;
    exchange.signature = NULL;
    is_refused(&exchange, NOW_S, "bad_signature");
    exchange_close(&exchange);
}

static void a_key_that_is_none_verifies_nothing(void **state) {
    Exchange exchange = exchange_open("/v1/a", "{}");
    static const char *const KEYS[] = {
        "", "AAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "not base64"};
    for (size_t i = 0; i < COUNT_OF(KEYS); i++) {
        Error error = {0};
        assert_int_equal(request_verify(exchange.arena, KEYS[i], &exchange.request, exchange.digest,
                                        exchange.input, exchange.signature, NOW_S, &error),
                         STATUS_UNAUTHENTICATED);
        assert_string_equal(error.code, "bad_signature");
    }
    exchange_close(&exchange);
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(agrees_with_the_example_of_the_rfc),
        cmocka_unit_test(the_digest_is_that_of_rfc_9530),
        cmocka_unit_test(a_signed_request_verifies),
        cmocka_unit_test(every_part_of_the_request_is_covered),
        cmocka_unit_test(the_signed_time_cannot_be_moved),
        cmocka_unit_test(only_fresh_requests_are_taken),
        cmocka_unit_test(nonces_are_never_the_same),
        cmocka_unit_test(claims_have_one_form),
        cmocka_unit_test(long_headers_are_not_even_looked_at),
        cmocka_unit_test(signatures_have_one_form),
        cmocka_unit_test(digests_have_one_form),
        cmocka_unit_test(a_request_without_its_headers_is_refused),
        cmocka_unit_test(a_key_that_is_none_verifies_nothing),
    };
    return RUN_CASES(cases);
}
