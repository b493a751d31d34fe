#include "base/id.h"

#include "base/crypto.h"
#include "base/text.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

enum { ID_RANDOM_BYTES = 10, ID_RANDOM_CHARACTERS = 16, TOKEN_RANDOM_BYTES = 32 };

const char *id_new(Arena *arena, const char *prefix) {
    static const char ALPHABET[] = "abcdefghijklmnopqrstuvwxyz234567";
    assert(strlen(prefix) + 1 + ID_RANDOM_CHARACTERS < ID_MAX);
    unsigned char random[ID_RANDOM_BYTES];
    crypto_start();
    randombytes_buf(random, sizeof(random));
    char text[ID_RANDOM_CHARACTERS + 1] = {0};
    for (size_t i = 0; i < ID_RANDOM_CHARACTERS; i++) {
        // Five bits from position 5 i; they may reach over the end of a byte.
        size_t bit = i * 5;
        unsigned pair = (unsigned)random[bit / 8] << 8;
        if (bit / 8 + 1 < sizeof(random))
            pair |= random[bit / 8 + 1];
        text[i] = ALPHABET[pair >> (11 - bit % 8) & 31u];
    }
    return arena_printf(arena, "%s_%s", prefix, text);
}

const char *token_new(Arena *arena, const char *prefix) {
    unsigned char random[TOKEN_RANDOM_BYTES];
    crypto_start();
    randombytes_buf(random, sizeof(random));
    char text[sodium_base64_ENCODED_LEN(TOKEN_RANDOM_BYTES,
                                        sodium_base64_VARIANT_URLSAFE_NO_PADDING)];
    assert(strlen(prefix) + 1 + sizeof(text) <= TOKEN_TEXT_MAX);
    sodium_bin2base64(text, sizeof(text), random, sizeof(random),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    const char *token = arena_printf(arena, "%s_%s", prefix, text);
    sodium_memzero(random, sizeof(random));
    sodium_memzero(text, sizeof(text));
    return token;
}

const char *token_hash(Arena *arena, const char *token) {
    unsigned char hash[32];
    crypto_generichash(hash, sizeof(hash), (const unsigned char *)token, strlen(token), NULL, 0);
    return hex_encode(arena, hash, sizeof(hash));
}
