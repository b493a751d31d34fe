#include "driver/mysql/verifier.h"

#include <assert.h>
#include <gnutls/crypto.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/crypto.h"
#include "base/macros.h"

enum { HASH = crypto_hash_sha256_BYTES, ROUNDS = 5000, DIGEST_LENGTH = 43, SHA1 = 20 };

static const char DIGITS[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

typedef crypto_hash_sha256_state Sha256;

static void add(Sha256 *state, const void *bytes, size_t length) {
    crypto_hash_sha256_update(state, bytes, length);
}

// Takes `length` bytes of a hash that is repeated as often as needed.
static void add_repeated(Sha256 *state, const unsigned char hash[HASH], size_t length) {
    for (; length > HASH; length -= HASH)
        add(state, hash, HASH);
    add(state, hash, length);
}

static void fill_repeated(unsigned char *bytes, const unsigned char hash[HASH], size_t length) {
    for (size_t i = 0; i < length; i++)
        bytes[i] = hash[i % HASH];
}

static void hash_of_repeats(unsigned char hash[HASH], const void *bytes, size_t length,
                            size_t times) {
    Sha256 state;
    crypto_hash_sha256_init(&state);
    for (size_t i = 0; i < times; i++)
        add(&state, bytes, length);
    crypto_hash_sha256_final(&state, hash);
    sodium_memzero(&state, sizeof state);
}

// Ulrich Drepper, "Unix crypt using SHA-256 and SHA-512", steps 1 to 12.
static void first_hash(unsigned char result[HASH], const char *word, size_t length,
                       const char *salt, size_t salt_length) {
    Sha256 state;
    unsigned char twice[HASH];
    crypto_hash_sha256_init(&state);
    add(&state, word, length);
    add(&state, salt, salt_length);
    add(&state, word, length);
    crypto_hash_sha256_final(&state, twice);
    crypto_hash_sha256_init(&state);
    add(&state, word, length);
    add(&state, salt, salt_length);
    add_repeated(&state, twice, length);
    for (size_t bits = length; bits > 0; bits >>= 1) {
        if ((bits & 1) != 0)
            add(&state, twice, HASH);
        else
            add(&state, word, length);
    }
    crypto_hash_sha256_final(&state, result);
    sodium_memzero(&state, sizeof state);
    sodium_memzero(twice, sizeof twice);
}

// Step 21, ROUNDS times.
static void stretch(unsigned char result[HASH], const unsigned char *word, size_t length,
                    const unsigned char *salt, size_t salt_length) {
    for (int round = 0; round < ROUNDS; round++) {
        Sha256 state;
        bool odd = (round & 1) != 0;
        crypto_hash_sha256_init(&state);
        add(&state, odd ? word : result, odd ? length : HASH);
        if (round % 3 != 0)
            add(&state, salt, salt_length);
        if (round % 7 != 0)
            add(&state, word, length);
        add(&state, odd ? result : word, odd ? HASH : length);
        crypto_hash_sha256_final(&state, result);
        sodium_memzero(&state, sizeof state);
    }
}

// Step 22: three bytes are four digits, the bytes in an order of their own.
static void write_digits(char text[DIGEST_LENGTH], const unsigned char hash[HASH]) {
    size_t at = 0;
    size_t a = 0, b = 10, c = 20;
    for (int group = 0; group < 10; group++) {
        uint32_t bits = (uint32_t)hash[a] << 16 | (uint32_t)hash[b] << 8 | hash[c];
        for (int i = 0; i < 4; i++, bits >>= 6)
            text[at++] = DIGITS[bits & 63];
        size_t was_a = a; // 0 10 20, 21 1 11, 12 22 2, …
        a = c + 1;
        c = b + 1;
        b = was_a + 1;
    }
    uint32_t last = (uint32_t)hash[31] << 8 | hash[30];
    for (int i = 0; i < 3; i++, last >>= 6)
        text[at++] = DIGITS[last & 63];
}

Secret *my_verifier_sha2_with(const Secret *password, const char *salt) {
    const char *word = secret_text(password);
    size_t length = secret_length(password);
    size_t salt_length = strlen(salt);
    assert(salt_length == MY_SALT_LENGTH);
    crypto_start();
    unsigned char result[HASH], repeated[HASH], salts[MY_SALT_LENGTH];
    first_hash(result, word, length, salt, salt_length);
    hash_of_repeats(repeated, salt, salt_length, 16u + result[0]);
    fill_repeated(salts, repeated, salt_length);
    hash_of_repeats(repeated, word, length, length);
    unsigned char *words = crypto_alloc(length > 0 ? length : 1);
    fill_repeated(words, repeated, length);
    stretch(result, words, length, salts, salt_length);
    char text[sizeof "$A$005$" + MY_SALT_LENGTH + DIGEST_LENGTH];
    int start = snprintf(text, sizeof text, "$A$%03X$%s", ROUNDS / 1000, salt);
    write_digits(text + start, result);
    Secret *verifier = secret_new(text, (size_t)start + DIGEST_LENGTH);
    sodium_free(words);
    sodium_memzero(text, sizeof text);
    sodium_memzero(result, sizeof result);
    sodium_memzero(repeated, sizeof repeated);
    return verifier;
}

// Of these digits alone: with a dollar or a zero byte in it nobody could log in.
Secret *my_verifier_sha2(const Secret *password) {
    char salt[MY_SALT_LENGTH + 1] = {0};
    crypto_start();
    for (size_t i = 0; i < MY_SALT_LENGTH; i++)
        salt[i] = DIGITS[randombytes_uniform(sizeof DIGITS - 1)];
    return my_verifier_sha2_with(password, salt);
}

Secret *my_verifier_native(const Secret *password) {
    unsigned char once[SHA1], twice[SHA1];
    int failed =
        gnutls_hash_fast(GNUTLS_DIG_SHA1, secret_text(password), secret_length(password), once);
    failed |= gnutls_hash_fast(GNUTLS_DIG_SHA1, once, sizeof once, twice);
    char text[1 + 2 * SHA1 + 1] = "*";
    for (size_t i = 0; i < SHA1; i++)
        snprintf(text + 1 + 2 * i, 3, "%02X", twice[i]);
    sodium_memzero(once, sizeof once);
    return failed == 0 ? secret_new(text, sizeof text - 1) : NULL;
}

// https://mariadb.com/kb/en/authentication-plugin-ed25519/: Ed25519's key from the SHA-512 of the
// password, where RFC 8032 hashes a seed of 32 bytes; of any length here.
Secret *my_verifier_ed25519(const Secret *password) {
    unsigned char hash[crypto_hash_sha512_BYTES];
    unsigned char key[crypto_core_ed25519_BYTES];
    char text[sodium_base64_ENCODED_LEN(sizeof key, sodium_base64_VARIANT_ORIGINAL_NO_PADDING)];
    crypto_start();
    crypto_hash_sha512(hash, (const unsigned char *)secret_text(password), secret_length(password));
    int failed = crypto_scalarmult_ed25519_base(key, hash); // clamps
    sodium_bin2base64(text, sizeof text, key, sizeof key,
                      sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
    sodium_memzero(hash, sizeof hash);
    return failed == 0 ? secret_new(text, strlen(text)) : NULL;
}
