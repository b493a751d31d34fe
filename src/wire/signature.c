#include "wire/signature.h"

#include "base/buffer.h"
#include "base/crypto.h"
#include "base/text.h"
#include "wire/signature_base.h"

#include <sodium.h>
#include <stdbool.h>
#include <string.h>

enum {
    NONCE_BYTES = 16,
    NONCE_MIN = 16, // characters
    NONCE_MAX = 64,
    KEY_ID_MAX = 64,
    CREATED_DIGITS_MAX = 12,
    HEADER_MAX = 512,
};

static const char KEY_ID_CHARACTERS[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

// The label, and everything of Signature-Input that is the same in each of our requests.
static const char INPUT_BEGIN[] =
    "sig1=(\"@method\" \"@path\" \"@query\" \"content-digest\");created=";
static const char INPUT_NONCE[] = ";nonce=\"";
static const char INPUT_KEY_ID[] = "\";keyid=\"";
static const char INPUT_END[] = "\";alg=\"ed25519\"";
static const char LABEL[] = "sig1=";

const char *signature_component_list(Arena *arena, const Component *components, size_t count) {
    CLEANUP(buffer_done) Buffer text = {0};
    for (size_t i = 0; i < count; i++)
        buffer_addf(&text, "%s\"%s\"", i == 0 ? "(" : " ", components[i].name);
    buffer_add(&text, ")");
    return arena_strdup(arena, buffer_text(&text));
}

const char *signature_base(Arena *arena, const Component *components, size_t count,
                           const char *parameters) {
    CLEANUP(buffer_done) Buffer text = {0};
    for (size_t i = 0; i < count; i++)
        buffer_addf(&text, "\"%s\": %s\n", components[i].name, components[i].value);
    buffer_addf(&text, "\"@signature-params\": %s", parameters);
    return arena_strdup(arena, buffer_text(&text));
}

// The base of our own requests: the four components that INPUT_BEGIN names.
static const char *request_base(Arena *arena, const SignedRequest *request,
                                const char *content_digest, const char *parameters) {
    size_t path_length = strcspn(request->target, "?");
    const char *path = arena_copy(arena, request->target, path_length);
    const char *query = request->target + path_length;
    const Component components[] = {
        {"@method", request->method},
        {"@path", path},
        {"@query", query[0] != '\0' ? query : "?"}, // without a query: the question mark alone
        {"content-digest", content_digest},
    };
    return signature_base(arena, components, COUNT_OF(components), parameters);
}

static const char *body_digest(Arena *arena, const SignedRequest *request) {
    unsigned char hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(hash, request->body, request->body_length);
    return arena_printf(arena, "sha-256=:%s:", base64_encode(arena, hash, sizeof(hash)));
}

void request_sign(Arena *arena, const SigningKey *key, const char *key_id,
                  const SignedRequest *request, int64_t created_s, SignedHeaders *ret_headers) {
    unsigned char random[NONCE_BYTES];
    crypto_start();
    randombytes_buf(random, sizeof(random));
    const char *digest = body_digest(arena, request);
    const char *input =
        arena_printf(arena, "%s%lld%s%s%s%s%s", INPUT_BEGIN, (long long)created_s, INPUT_NONCE,
                     hex_encode(arena, random, sizeof(random)), INPUT_KEY_ID, key_id, INPUT_END);
    const char *base = request_base(arena, request, digest, input + strlen(LABEL));
    unsigned char signature[SIGNATURE_BYTES];
    signing_key_sign(key, base, strlen(base), signature);
    *ret_headers = (SignedHeaders){
        .content_digest = arena_printf(arena, "Content-Digest: %s", digest),
        .signature_input = arena_printf(arena, "Signature-Input: %s", input),
        .signature = arena_printf(arena, "Signature: %s:%s:", LABEL,
                                  base64_encode(arena, signature, sizeof(signature))),
    };
}

static Status bad_input(Error *reterr) {
    return error_set(reterr, STATUS_UNAUTHENTICATED, "bad_signature_input",
                     "the Signature-Input header is not as expected: %s…%s…%s…%s", INPUT_BEGIN,
                     INPUT_NONCE, INPUT_KEY_ID, INPUT_END);
}

// Is there at all, and no longer than any of ours.
static bool fits(const char *header) {
    return header != NULL && strnlen(header, HEADER_MAX + 1) <= HEADER_MAX;
}

// Takes `word` off the front.
static bool take_word(const char **rest, const char *word) {
    if (!text_starts_with(*rest, word))
        return false;
    *rest += strlen(word);
    return true;
}

// Takes a number without sign or leading zero off the front.
static bool take_number(const char **rest, int64_t *ret_number) {
    size_t digits = strspn(*rest, "0123456789");
    if (digits == 0 || digits > CREATED_DIGITS_MAX || **rest == '0')
        return false;
    int64_t number = 0;
    for (size_t i = 0; i < digits; i++)
        number = number * 10 + ((*rest)[i] - '0');
    *rest += digits;
    *ret_number = number;
    return true;
}

// Takes a name of min..max characters off the front.
static bool take_name(Arena *arena, const char **rest, size_t min, size_t max,
                      const char **ret_name) {
    size_t length = strspn(*rest, KEY_ID_CHARACTERS);
    if (length < min || length > max)
        return false;
    *ret_name = arena_copy(arena, *rest, length);
    *rest += length;
    return true;
}

Status request_claim_parse(Arena *arena, const char *signature_input, SignatureClaim *ret_claim,
                           Error *reterr) {
    const char *rest = signature_input;
    SignatureClaim claim = {0};
    bool good = fits(rest) && take_word(&rest, INPUT_BEGIN) &&
                take_number(&rest, &claim.created_s) && take_word(&rest, INPUT_NONCE) &&
                take_name(arena, &rest, NONCE_MIN, NONCE_MAX, &claim.nonce) &&
                take_word(&rest, INPUT_KEY_ID) &&
                take_name(arena, &rest, 1, KEY_ID_MAX, &claim.key_id) &&
                strcmp(rest, INPUT_END) == 0;
    if (!good)
        return bad_input(reterr);
    *ret_claim = claim;
    return STATUS_OK;
}

static Status check_freshness(int64_t created_s, int64_t now_s, Error *reterr) {
    if (created_s < now_s - SIGNATURE_MAX_AGE_S)
        return error_set(reterr, STATUS_UNAUTHENTICATED, "stale_signature",
                         "the request was signed %lld s ago, by your clock; at most %d s are "
                         "accepted: check the clocks",
                         (long long)(now_s - created_s), SIGNATURE_MAX_AGE_S);
    if (created_s > now_s + SIGNATURE_MAX_AHEAD_S)
        return error_set(reterr, STATUS_UNAUTHENTICATED, "stale_signature",
                         "the request was signed %lld s in the future, by your clock; at most %d s "
                         "are accepted: check the clocks",
                         (long long)(created_s - now_s), SIGNATURE_MAX_AHEAD_S);
    return STATUS_OK;
}

// sig1=:base64 of 64 bytes:
static bool parse_signature(Arena *arena, const char *header, unsigned char **ret_signature) {
    const char *rest = header;
    if (!fits(rest) || !take_word(&rest, LABEL) || !take_word(&rest, ":"))
        return false;
    size_t text_length = strcspn(rest, ":");
    if (strcmp(rest + text_length, ":") != 0)
        return false;
    void *signature;
    size_t length;
    if (!base64_decode(arena, arena_copy(arena, rest, text_length), SIGNATURE_BYTES, &signature,
                       &length) ||
        length != SIGNATURE_BYTES)
        return false;
    *ret_signature = signature;
    return true;
}

Status request_verify(Arena *arena, const char *public_key_text, const SignedRequest *request,
                      const char *content_digest, const char *signature_input,
                      const char *signature, int64_t now_s, Error *reterr) {
    SignatureClaim claim;
    TRY(request_claim_parse(arena, signature_input, &claim, reterr));
    TRY(check_freshness(claim.created_s, now_s, reterr));
    // The digest is compared as text: there is one way to write it.
    if (!text_equal(content_digest, body_digest(arena, request)))
        return error_set(reterr, STATUS_UNAUTHENTICATED, "bad_digest",
                         "the Content-Digest header does not fit the body; expected sha-256");
    unsigned char *bytes;
    if (!parse_signature(arena, signature, &bytes))
        return error_set(reterr, STATUS_UNAUTHENTICATED, "bad_signature",
                         "the Signature header is not as expected: sig1=:…:");
    const char *base =
        request_base(arena, request, content_digest, signature_input + strlen(LABEL));
    if (signature_verify(public_key_text, base, strlen(base), bytes, NULL) != STATUS_OK)
        return error_set(reterr, STATUS_UNAUTHENTICATED, "bad_signature",
                         "the request's signature does not verify");
    return STATUS_OK;
}
