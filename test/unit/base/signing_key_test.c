#include "base/signing_key.h"

#include "base/text.h"
#include "cases.h"
#include "scratch.h"

#include <pthread.h>
#include <string.h>

static Scratch scratch;
static char *key_path;

static int open_scratch(void **state) {
    (void)state;
    scratch = scratch_open();
    key_path = mem_printf("%s/key", scratch.path);
    return 0;
}

static int close_scratch(void **state) {
    (void)state;
    key_path = mem_free(key_path);
    scratch_close(&scratch);
    return 0;
}

static void a_signature_verifies_with_the_public_key(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    CLEANUP(signing_key_freep) SigningKey *key = signing_key_new();
    CLEANUP(signing_key_freep) SigningKey *other = signing_key_new();
    const char *public_text = signing_key_public_text(arena, key);
    unsigned char signature[SIGNATURE_BYTES];
    signing_key_sign(key, "message", 7, signature);
    assert_int_equal(signature_verify(public_text, "message", 7, signature, NULL), STATUS_OK);
    Error error = {0};
    assert_int_equal(signature_verify(public_text, "massage", 7, signature, &error),
                     STATUS_INVALID);
    assert_string_equal(error.code, "bad_signature");
    assert_int_equal(signature_verify(public_text, "message", 6, signature, NULL), STATUS_INVALID);
    assert_int_equal(
        signature_verify(signing_key_public_text(arena, other), "message", 7, signature, &error),
        STATUS_INVALID);
    assert_string_equal(error.code, "bad_signature");
}

static void every_changed_bit_of_a_signature_is_noticed(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    CLEANUP(signing_key_freep) SigningKey *key = signing_key_new();
    const char *public_text = signing_key_public_text(arena, key);
    unsigned char signature[SIGNATURE_BYTES];
    signing_key_sign(key, "", 0, signature);
    assert_int_equal(signature_verify(public_text, "", 0, signature, NULL), STATUS_OK);
    for (size_t bit = 0; bit < SIGNATURE_BYTES * 8; bit++) {
        signature[bit / 8] ^= (unsigned char)(1u << bit % 8);
        assert_int_equal(signature_verify(public_text, "", 0, signature, NULL), STATUS_INVALID);
        signature[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
}

static void text_that_is_no_key_is_refused(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    CLEANUP(signing_key_freep) SigningKey *key = signing_key_new();
    const char *public_text = signing_key_public_text(arena, key);
    assert_int_equal(strlen(public_text), 44);
    unsigned char signature[SIGNATURE_BYTES] = {0};
    const char *bad[] = {"",
                         "not base64",
                         "AAAA",
                         arena_printf(arena, "%s ", public_text),
                         arena_printf(arena, "AAAA%s", public_text),
                         arena_copy(arena, public_text, 43)};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        Error error = {0};
        assert_int_equal(signature_verify(bad[i], "x", 1, signature, &error), STATUS_INVALID);
        assert_string_equal(error.code, "bad_key");
    }
}

// RFC 8032, section 7.1, test 2.
static void signs_as_rfc_8032_does(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    unsigned char seed[32], expected[SIGNATURE_BYTES], signature[SIGNATURE_BYTES];
    assert_true(hex_decode("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", seed,
                           sizeof(seed)));
    assert_true(hex_decode("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                           "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
                           expected, sizeof(expected)));
    const char *text = base64_encode(arena, seed, sizeof(seed));
    scratch_put(key_path, text, strlen(text), 0600);
    CLEANUP(signing_key_freep) SigningKey *key = NULL;
    assert_int_equal(signing_key_load(key_path, &key, NULL), STATUS_OK);
    signing_key_sign(key, "\x72", 1, signature);
    assert_memory_equal(signature, expected, sizeof(expected));
}

static void a_saved_key_loads_again(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    CLEANUP(signing_key_freep) SigningKey *key = signing_key_new();
    CLEANUP(signing_key_freep) SigningKey *loaded = NULL;
    assert_int_equal(signing_key_save(key, key_path, NULL), STATUS_OK);
    struct stat info;
    assert_int_equal(stat(key_path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(info.st_size, 45);
    assert_int_equal(signing_key_load(key_path, &loaded, NULL), STATUS_OK);
    assert_string_equal(signing_key_public_text(arena, loaded),
                        signing_key_public_text(arena, key));
    assert_int_equal(scratch_count(scratch.path), 1);
}

static void a_key_that_others_may_read_is_refused(void **state) {
    (void)state;
    CLEANUP(signing_key_freep) SigningKey *key = signing_key_new();
    assert_int_equal(signing_key_save(key, key_path, NULL), STATUS_OK);
    assert_int_equal(chmod(key_path, 0640), 0);
    SigningKey *loaded = NULL;
    Error error = {0};
    assert_int_equal(signing_key_load(key_path, &loaded, &error), STATUS_INVALID);
    assert_string_equal(error.code, "secret_file_mode");
    assert_int_equal(signing_key_ensure(key_path, &loaded, &error), STATUS_INVALID);
    assert_null(loaded);
}

static void a_file_that_holds_no_key_is_refused_and_kept(void **state) {
    (void)state;
    static const char *const BAD[] = {"hello", "AAAA", "", "\n"};
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        scratch_put(key_path, BAD[i], strlen(BAD[i]), 0600);
        SigningKey *key = NULL;
        Error error = {0};
        assert_int_equal(signing_key_ensure(key_path, &key, &error), STATUS_INVALID);
        assert_null(key);
        assert_non_null(strstr(error.message, key_path));
        assert_null(strstr(error.message, "hello"));
        struct stat info;
        assert_int_equal(stat(key_path, &info), 0);
        assert_int_equal(info.st_size, strlen(BAD[i]));
    }
}

static void a_missing_key_is_not_found_or_made(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    CLEANUP(signing_key_freep) SigningKey *made = NULL;
    CLEANUP(signing_key_freep) SigningKey *again = NULL;
    assert_int_equal(signing_key_load(key_path, &made, NULL), STATUS_NOT_FOUND);
    assert_int_equal(signing_key_ensure(key_path, &made, NULL), STATUS_OK);
    assert_int_equal(signing_key_ensure(key_path, &again, NULL), STATUS_OK);
    assert_string_equal(signing_key_public_text(arena, made),
                        signing_key_public_text(arena, again));
    CLEANUP(mem_freep) char *nowhere = mem_printf("%s/none/key", scratch.path);
    SigningKey *key = NULL;
    assert_int_equal(signing_key_ensure(nowhere, &key, NULL), STATUS_NOT_FOUND);
    assert_null(key);
}

static void *ensure(void *ret_key) {
    return signing_key_ensure(key_path, ret_key, NULL) == STATUS_OK ? NULL : (void *)1;
}

static void everybody_who_ensures_at_once_gets_the_same_key(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    pthread_t threads[6];
    SigningKey *keys[COUNT_OF(threads)] = {0};
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ensure, &keys[i]), 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
        assert_string_equal(signing_key_public_text(arena, keys[i]),
                            signing_key_public_text(arena, keys[0]));
    }
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        signing_key_free(keys[i]);
    assert_int_equal(scratch_count(scratch.path), 1);
}

static void freeing_nothing_is_fine(void **state) {
    (void)state;
    assert_null(signing_key_free(NULL));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_scratch, close_scratch)

int main(void) {
    const struct CMUnitTest cases[] = {
        CASE(a_signature_verifies_with_the_public_key),
        CASE(every_changed_bit_of_a_signature_is_noticed),
        CASE(text_that_is_no_key_is_refused),
        CASE(signs_as_rfc_8032_does),
        CASE(a_saved_key_loads_again),
        CASE(a_key_that_others_may_read_is_refused),
        CASE(a_file_that_holds_no_key_is_refused_and_kept),
        CASE(a_missing_key_is_not_found_or_made),
        CASE(everybody_who_ensures_at_once_gets_the_same_key),
        CASE(freeing_nothing_is_fine),
    };
    return RUN_CASES(cases);
}
