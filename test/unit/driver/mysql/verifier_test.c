#include "driver/mysql/verifier.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

#include "base/macros.h"

static Secret *secret_of(const char *text) {
    return secret_new(text, strlen(text));
}

// Made by an implementation of its own of Drepper's paper, which agrees with MySQL 9.7 byte for
// byte; the lengths are those where its loops begin another turn.
static void sha2_verifier_is_what_the_server_computes(void **state) {
    static const struct {
        const char *password, *salt, *verifier;
    } CASES[] = {
        {"U1pass", "abcdefghijABCDEFGHIJ",
         "$A$005$abcdefghijABCDEFGHIJSCuVsg8E0qCXqYQl.YsCTyfNsT6/5789q.vMqrPyJL5"},
        {"", "./0123456789ABCDEFGH",
         "$A$005$./0123456789ABCDEFGHnc.7L7BvxBI.vFRWolTlGkA625gn/RxC2Bar49rYbg/"},
        {"x", "zzzzzzzzzzzzzzzzzzzz",
         "$A$005$zzzzzzzzzzzzzzzzzzzzlVaT6f/ABG80uIHUcV/O.tcDcuF3EzSF.HhPsfew9R."},
        {"abcdefghijklmnopqrstuvwx", "abcdefghijABCDEFGHIJ",
         "$A$005$abcdefghijABCDEFGHIJdRytxKqrqkc4B74lOfrVJd5nKvjNrNwMmIwPN5i8JA9"},
        {"ppppppppppppppppppppppppppppppp", "./0123456789ABCDEFGH",
         "$A$005$./0123456789ABCDEFGHex/p5tSO4JP8sUlueMxrh/fTCX.dWKI8iWGc5aHUYN5"},
        {"qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq", "zzzzzzzzzzzzzzzzzzzz",
         "$A$005$zzzzzzzzzzzzzzzzzzzz4/Al5IyU16XxnwrL4Ifxqx5d0tOGrEzSjJ7JoAXI9JC"},
        {"rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr", "abcdefghijABCDEFGHIJ",
         "$A$005$abcdefghijABCDEFGHIJ6Nc9rd69b9K5mEHx2Q5HZx/V/n9iWbFM03XNhiC0h0A"},
        {"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "./0123456789ABCDEFGH",
         "$A$005$./0123456789ABCDEFGHTsjAF9rujq5nZvZVe6TVVsOoOwDwWuQUDzev2qJWOb0"},
        {"sssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss",
         "zzzzzzzzzzzzzzzzzzzz",
         "$A$005$zzzzzzzzzzzzzzzzzzzzFn6qpbSTJwED1fA9G66izFAVGLB/G1ohimtWFJydMS8"},
        {"caf\303\251 \342\230\203 ' \" \\", "abcdefghijABCDEFGHIJ",
         "$A$005$abcdefghijABCDEFGHIJkuXkdN65g3Ztrj1t/ERmEyUCWpcHYgVGEn5UYUb5xN3"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        CLEANUP(secret_freep) Secret *password = secret_of(CASES[i].password);
        CLEANUP(secret_freep) Secret *verifier = my_verifier_sha2_with(password, CASES[i].salt);
        assert_string_equal(secret_text(verifier), CASES[i].verifier);
    }
}

static void sha2_verifier_has_a_new_salt_that_the_server_can_keep(void **state) {
    CLEANUP(secret_freep) Secret *password = secret_of("secret");
    (void)state;
    for (int i = 0; i < 8; i++) {
        CLEANUP(secret_freep) Secret *one = my_verifier_sha2(password);
        CLEANUP(secret_freep) Secret *other = my_verifier_sha2(password);
        const char *text = secret_text(one);
        assert_int_equal(secret_length(one), 70);
        assert_string_not_equal(text, secret_text(other));
        assert_int_equal(strncmp(text, "$A$005$", 7), 0);
        assert_null(strchr(text + 7, '$')); // nobody could log in
        assert_null(strchr(text, '\''));
    }
}

// SELECT PASSWORD('…') of MariaDB.
static void native_verifier_is_what_the_server_computes(void **state) {
    static const struct {
        const char *password, *verifier;
    } CASES[] = {
        {"", "*BE1BDEC0AA74B4DCB079943E70528096CCA985F8"},
        {"x", "*B69027D44F6E5EDC07F1AEAD1477967B16F28227"},
        {"secret", "*14E65567ABDB5135D0CFD9A70B3032C179A49EE7"},
        {"Pw1234567890abcdefghijkl", "*42E3AA5395D1367CCBA6C60A6B04519DDE47C3B1"},
        {"caf\303\251", "*0C3BF4150682ADDAABE76158909C43597F7DC7CC"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        CLEANUP(secret_freep) Secret *password = secret_of(CASES[i].password);
        CLEANUP(secret_freep) Secret *verifier = my_verifier_native(password);
        assert_string_equal(secret_text(verifier), CASES[i].verifier);
    }
}

// https://mariadb.com/kb/en/authentication-plugin-ed25519/
static void ed25519_verifier_is_the_one_of_the_documents(void **state) {
    CLEANUP(secret_freep) Secret *password = secret_of("secret");
    CLEANUP(secret_freep) Secret *verifier = my_verifier_ed25519(password);
    (void)state;
    assert_string_equal(secret_text(verifier), "ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha2_verifier_is_what_the_server_computes),
        cmocka_unit_test(sha2_verifier_has_a_new_salt_that_the_server_can_keep),
        cmocka_unit_test(native_verifier_is_what_the_server_computes),
        cmocka_unit_test(ed25519_verifier_is_the_one_of_the_documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
