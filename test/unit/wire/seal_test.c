#include "wire/seal.h"

#include "unit/base/cases.h"
#include "unit/base/scratch.h"

#include "base/text.h"

#include <sodium.h>
#include <string.h>

static const char CONTENT[] = "{\"password\":\"example\"}";

static const char *seal_text(Arena *arena, const SealKey *key, const char *text) {
    CLEANUP(secret_freep) Secret *content = secret_new(text, strlen(text));
    const char *sealed = NULL;
    Error error = {0};
    assert_int_equal(seal_close(arena, seal_key_public_text(arena, key), content, &sealed, &error),
                     STATUS_OK);
    return sealed;
}

static void opens_to(const SealKey *key, const char *sealed, const char *expected) {
    CLEANUP(secret_freep) Secret *content = NULL;
    Error error = {0};
    assert_int_equal(seal_open(key, sealed, &content, &error), STATUS_OK);
    assert_string_equal(secret_text(content), expected);
    assert_int_equal(secret_length(content), strlen(expected));
}

static void does_not_open(const SealKey *key, const char *sealed) {
    Secret *content = NULL;
    Error error = {0};
    assert_int_equal(seal_open(key, sealed, &content, &error), STATUS_INVALID);
    assert_string_equal(error.code, "cannot_open");
    assert_null(content);
}

static void only_the_requesters_key_opens_a_box(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    CLEANUP(seal_key_freep) SealKey *key = seal_key_new();
    CLEANUP(seal_key_freep) SealKey *other = seal_key_new();
    const char *sealed = seal_text(arena, key, CONTENT);
    opens_to(key, sealed, CONTENT);
    does_not_open(other, sealed);
    assert_null(strstr(sealed, "example"));
    opens_to(key, seal_text(arena, key, ""), "");
}

static void the_same_content_never_looks_the_same(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    CLEANUP(seal_key_freep) SealKey *key = seal_key_new();
    assert_string_not_equal(seal_text(arena, key, CONTENT), seal_text(arena, key, CONTENT));
}

static void a_damaged_box_does_not_open(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    CLEANUP(seal_key_freep) SealKey *key = seal_key_new();
    const char *sealed = seal_text(arena, key, CONTENT);
    for (size_t i = 0; i + 2 < strlen(sealed); i++) { // but for the padding
        char *damaged = arena_strdup(arena, sealed);
        damaged[i] = damaged[i] == 'A' ? 'B' : 'A';
        does_not_open(key, damaged);
    }
    does_not_open(key, "");
    does_not_open(key, "AAAA");
    does_not_open(key, "not base64");
    char *longest = arena_alloc(arena, 20000 + 1);
    memset(longest, 'A', 20000);
    does_not_open(key, longest);
}

static void a_key_survives_in_its_file(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    CLEANUP(seal_key_freep) SealKey *key = seal_key_new();
    CLEANUP(seal_key_freep) SealKey *loaded = NULL;
    CLEANUP(scratch_close) Scratch folder = scratch_open();
    const char *path = arena_printf(arena, "%s/key", folder.path);
    Error error = {0};
    assert_int_equal(seal_key_save(key, path, &error), STATUS_OK);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(seal_key_load(path, &loaded, &error), STATUS_OK);
    assert_string_equal(seal_key_public_text(arena, loaded), seal_key_public_text(arena, key));
    assert_int_equal(strlen(seal_key_public_text(arena, key)), 44);
    opens_to(loaded, seal_text(arena, key, CONTENT), CONTENT);
}

static void load_fails(const char *path, Status status, const char *code) {
    SealKey *key = NULL;
    Error error = {0};
    assert_int_equal(seal_key_load(path, &key, &error), status);
    assert_string_equal(error.code, code);
    assert_null(key);
}

static void a_key_file_that_is_not_in_order_is_refused(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    CLEANUP(seal_key_freep) SealKey *key = seal_key_new();
    CLEANUP(scratch_close) Scratch folder = scratch_open();
    const char *path = arena_printf(arena, "%s/key", folder.path);
    load_fails(path, STATUS_NOT_FOUND, "secret_file_missing");
    assert_int_equal(seal_key_save(key, path, NULL), STATUS_OK);
    assert_int_equal(chmod(path, 0640), 0);
    load_fails(path, STATUS_INVALID, "secret_file_mode");
    scratch_put(path, "AAAA\n", 5, 0600);
    load_fails(path, STATUS_INVALID, "bad_key");
    scratch_put(path, "not base64\n", 11, 0600);
    load_fails(path, STATUS_INVALID, "bad_key");
    const char *nowhere = arena_printf(arena, "%s/no/key", folder.path);
    assert_int_not_equal(seal_key_save(key, nowhere, NULL), STATUS_OK);
}

static void is_no_public_key(const char *text) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    CLEANUP(secret_freep) Secret *content = secret_new(CONTENT, strlen(CONTENT));
    const char *sealed = NULL;
    Error error = {0};
    assert_int_equal(seal_public_key_check(text, &error), STATUS_INVALID);
    assert_string_equal(error.code, "bad_public_key");
    error = (Error){0};
    assert_int_equal(seal_close(arena, text, content, &sealed, &error), STATUS_INVALID);
    assert_string_equal(error.code, "bad_public_key");
    assert_null(sealed);
}

static void refuses_what_is_no_public_key(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    CLEANUP(seal_key_freep) SealKey *key = seal_key_new();
    const char *good = seal_key_public_text(arena, key);
    assert_int_equal(seal_public_key_check(good, NULL), STATUS_OK);
    is_no_public_key("");
    is_no_public_key("AAAA");
    is_no_public_key(arena_printf(arena, "%s ", good));
    is_no_public_key(arena_printf(arena, "%.43s", good));
    is_no_public_key(arena_printf(arena, "%s%s", good, good));
}

// Points whose product is known to everybody; libsodium's list of small orders.
static void refuses_weak_points(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    static const char *const POINTS[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    for (size_t i = 0; i < COUNT_OF(POINTS); i++) {
        unsigned char point[crypto_box_PUBLICKEYBYTES];
        assert_true(hex_decode(POINTS[i], point, sizeof(point)));
        is_no_public_key(base64_encode(arena, point, sizeof(point)));
    }
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(only_the_requesters_key_opens_a_box),
        cmocka_unit_test(the_same_content_never_looks_the_same),
        cmocka_unit_test(a_damaged_box_does_not_open),
        cmocka_unit_test(a_key_survives_in_its_file),
        cmocka_unit_test(a_key_file_that_is_not_in_order_is_refused),
        cmocka_unit_test(refuses_what_is_no_public_key),
        cmocka_unit_test(refuses_weak_points),
    };
    return RUN_CASES(cases);
}
