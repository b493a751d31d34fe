#include "cli/credential_format.h"

#include "base/text.h"
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static const Credential PLAIN = {.kind = "postgresql",
                                 .host = "db.internal",
                                 .port = 5432,
                                 .database = "shop",
                                 .user = "temp_a_b",
                                 .password = "fixture",
                                 .tls = "verify-full",
                                 .grant_id = "grt_x"};
static const Credential ODD = {.kind = "postgresql",
                               .host = "::1",
                               .port = 1,
                               .database = "o'shop $HOME; `x`",
                               .user = "a:b\\c",
                               .password = "p'q@/:\\"};

static int make_arena(void **state) {
    *state = arena_new();
    return 0;
}

static int free_arena(void **state) {
    *state = arena_free(*state);
    return 0;
}

static void assert_formats(Arena *arena, const Credential *credential, const char *format,
                           const char *expected) {
    Buffer buffer = {.wipe = true};
    Error error = {0};
    assert_int_equal(credential_format(arena, credential, format, &buffer, &error), STATUS_OK);
    assert_string_equal(buffer_text(&buffer), expected);
    buffer_done(&buffer);
}

static void env_is_for_a_shell(void **state) {
    assert_formats(*state, &PLAIN, "env",
                   "export PGHOST='db.internal'\nexport PGPORT='5432'\nexport PGDATABASE='shop'\n"
                   "export PGUSER='temp_a_b'\nexport PGPASSWORD='fixture'\n"
                   "export PGSSLMODE='verify-full'\n");
    assert_formats(*state, &ODD, "env",
                   "export PGHOST='::1'\nexport PGPORT='1'\n"
                   "export PGDATABASE='o'\\''shop $HOME; `x`'\nexport PGUSER='a:b\\c'\n"
                   "export PGPASSWORD='p'\\''q@/:\\'\n");
}

static void url_is_encoded(void **state) {
    assert_formats(*state, &PLAIN, "url",
                   "postgresql://temp_a_b:fixture@db.internal:5432/shop?sslmode=verify-full\n");
    assert_formats(*state, &ODD, "url",
                   "postgresql://a%3Ab%5Cc:p%27q%40%2F%3A%5C@[::1]:1/"
                   "o%27shop%20%24HOME%3B%20%60x%60\n");
}

static void pgpass_is_escaped(void **state) {
    assert_formats(*state, &PLAIN, "pgpass", "db.internal:5432:shop:temp_a_b:fixture\n");
    assert_formats(*state, &ODD, "pgpass", "\\:\\:1:1:o'shop $HOME; `x`:a\\:b\\\\c:p'q@/\\:\\\\\n");
}

static void json_is_the_credential(void **state) {
    Buffer buffer = {.wipe = true};
    Error error = {0};
    assert_int_equal(credential_format(*state, &PLAIN, "json", &buffer, &error), STATUS_OK);
    Credential again;
    assert_int_equal(
        shape_parse(*state, &CREDENTIAL_SHAPE, buffer_text(&buffer), buffer.length, &again, &error),
        STATUS_OK);
    assert_string_equal(again.password, "fixture");
    assert_int_equal(again.port, 5432);
    buffer_done(&buffer);
}

static void refuses_values_with_line_breaks_and_missing_ones(void **state) {
    static const char *const FORMATS[] = {"env", "url", "json", "pgpass"};
    Credential broken = PLAIN, missing = PLAIN;
    broken.host = "db\nexport PATH=";
    missing.password = NULL;
    for (size_t i = 0; i < COUNT_OF(FORMATS); i++) {
        Buffer buffer = {0};
        Error error = {0};
        assert_int_equal(credential_format(*state, &broken, FORMATS[i], &buffer, &error),
                         STATUS_INTERNAL);
        assert_string_equal(error.code, "bad_credential");
        assert_int_equal(credential_format(*state, &missing, FORMATS[i], &buffer, &error),
                         STATUS_INTERNAL);
        assert_int_equal(buffer.length, 0);
        buffer_done(&buffer);
    }
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, make_arena, free_arena)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(env_is_for_a_shell),
        CASE(url_is_encoded),
        CASE(pgpass_is_escaped),
        CASE(json_is_the_credential),
        CASE(refuses_values_with_line_breaks_and_missing_ones),
    };
    return cmocka_run_group_tests_name("credential_format", tests, NULL, NULL);
}
