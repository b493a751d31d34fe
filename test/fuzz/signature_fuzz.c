// The headers of a signed request: lines of Signature-Input, Signature, Content-Digest, target; the
// rest is the body. Whatever they say, a key that did not sign them does not verify them.
#include "fuzz/target.h"

#include "base/text.h"
#include "wire/signature.h"

#include <stdlib.h>
#include <string.h>

// RFC 8032, section 7.1, test 1: its secret half is not used here.
static const char PUBLIC_KEY[] = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

static void require(bool condition) {
    if (!condition)
        abort(); // also where assert is compiled out
}

// Takes a line off the front; NULL when nothing is left.
static const char *take_line(Arena *arena, const uint8_t **data, size_t *size) {
    if (*size == 0)
        return NULL;
    const uint8_t *end = memchr(*data, '\n', *size);
    size_t length = end != NULL ? (size_t)(end - *data) : *size;
    const char *line = arena_copy(arena, *data, length);
    size_t taken = length + (end != NULL);
    *data += taken;
    *size -= taken;
    return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *input = take_line(arena, &data, &size);
    const char *signature = take_line(arena, &data, &size);
    const char *digest = take_line(arena, &data, &size);
    const char *target = take_line(arena, &data, &size);
    SignatureClaim claim = {0};
    Error error = {0};
    Status status = request_claim_parse(arena, input, &claim, &error);
    if (status == STATUS_OK) {
        require(strlen(claim.key_id) >= 1 && strlen(claim.key_id) <= 64);
        require(strlen(claim.nonce) >= 16 && strlen(claim.nonce) <= 64);
        require(text_is_printable(claim.key_id) && text_is_printable(claim.nonce));
        require(claim.created_s > 0 && claim.created_s < 1000000000000);
    } else {
        require(strcmp(error.code, "bad_signature_input") == 0);
    }
    const SignedRequest request = {"POST", target != NULL ? target : "/", data, size};
    require(request_verify(arena, PUBLIC_KEY, &request, digest, input, signature, claim.created_s,
                           &error) == STATUS_UNAUTHENTICATED);
    require(text_is_printable(error.message));
    return 0;
}
