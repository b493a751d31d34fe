#include "server/server_options.h"

#include "config/options.h"
#include "server/manual.h"
#include "state_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static Status load(Arena *arena, const StateFolder *folder, const char *yaml,
                   ServerOptions *ret_options, Error *error) {
    state_folder_write(folder, "daypassd.yaml", yaml);
    return server_options_load(arena, state_folder_file(arena, folder, "daypassd.yaml"),
                               ret_options, error);
}

static void every_option_has_a_default(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    ServerOptions options = {0};
    Error error = {0};
    if (server_options_load(arena, NULL, &options, &error) != STATUS_OK)
        fail_msg("%s", error.message);
    assert_string_equal(options.listen->address, "127.0.0.1");
    assert_int_equal(options.listen->port, 8443);
    assert_null(options.tls);
    assert_int_equal(options.limits->sign_ins_at_once, 2);
    assert_int_equal(options.actions->lease_s, 60);
    assert_string_equal(server_options_store_url(arena, &options),
                        "sqlite:/var/lib/daypass/daypass.db");
}

static void the_store_follows_the_state_folder_unless_it_is_named(void **state) {
    WITH_FOLDER(folder);
    CLEANUP(arena_freep) Arena *arena = arena_new();
    ServerOptions options = {0};
    Error error = {0};
    assert_int_equal(load(arena, &folder, "state_folder: /srv/x\n", &options, &error), STATUS_OK);
    assert_string_equal(server_options_store_url(arena, &options), "sqlite:/srv/x/daypass.db");
    assert_int_equal(load(arena, &folder, "store: {url: \"sqlite:/srv/y.db\"}\n", &options, &error),
                     STATUS_OK);
    assert_string_equal(server_options_store_url(arena, &options), "sqlite:/srv/y.db");
}

static void without_tls_only_loopback_is_listened_on(void **state) {
    WITH_FOLDER(folder);
    CLEANUP(arena_freep) Arena *arena = arena_new();
    ServerOptions options = {0};
    static const char *const REFUSED[] = {"0.0.0.0", "::", "10.0.0.1", "::ffff:10.0.0.1",
                                          "128.0.0.1"};
    for (size_t i = 0; i < COUNT_OF(REFUSED); i++) {
        Error error = {0};
        const char *yaml = arena_printf(arena, "listen: {address: \"%s\"}\n", REFUSED[i]);
        assert_int_equal(load(arena, &folder, yaml, &options, &error), STATUS_INVALID);
        assert_string_equal(error.code, "tls_required");
        assert_non_null(strstr(error.message, "tls.certificate_file"));
        yaml = arena_printf(arena,
                            "listen: {address: \"%s\"}\n"
                            "tls: {certificate_file: /a, key_file: /b}\n",
                            REFUSED[i]);
        assert_int_equal(load(arena, &folder, yaml, &options, &error), STATUS_OK);
    }
    static const char *const ACCEPTED[] = {"127.0.0.1", "127.9.9.9", "::1"};
    for (size_t i = 0; i < COUNT_OF(ACCEPTED); i++) {
        Error error = {0};
        const char *yaml = arena_printf(arena, "listen: {address: \"%s\"}\n", ACCEPTED[i]);
        assert_int_equal(load(arena, &folder, yaml, &options, &error), STATUS_OK);
    }
}

static void a_lease_leaves_connectors_time(void **state) {
    WITH_FOLDER(folder);
    CLEANUP(arena_freep) Arena *arena = arena_new();
    ServerOptions options = {0};
    Error error = {0};
    assert_int_equal(load(arena, &folder, "actions: {lease: 15s}\n", &options, &error), STATUS_OK);
    assert_int_equal(load(arena, &folder, "actions: {lease: 5s}\n", &options, &error),
                     STATUS_INVALID);
}

static void faults_are_shown_with_file_and_line(void **state) {
    WITH_FOLDER(folder);
    CLEANUP(arena_freep) Arena *arena = arena_new();
    ServerOptions options = {0};
    static const char *const FAULTS[] = {
        "listen:\n  prot: 1\n", "listen:\n  port: 70000\n", "limits:\n  threads: many\n",
        "tls:\n  certificate_file: /a\n", // and no key
    };
    for (size_t i = 0; i < COUNT_OF(FAULTS); i++) {
        Error error = {0};
        assert_int_equal(load(arena, &folder, FAULTS[i], &options, &error), STATUS_INVALID);
        if (strstr(error.message, "daypassd.yaml:") == NULL)
            fail_msg("no place in: %s", error.message);
    }
}

static void what_is_printed_can_be_read_again(void **state) {
    WITH_FOLDER(folder);
    CLEANUP(arena_freep) Arena *arena = arena_new();
    ServerOptions options = {0}, again = {0};
    Error error = {0};
    assert_int_equal(load(arena, &folder, "listen: {port: 1234}\n", &options, &error), STATUS_OK);
    const char *printed = options_print(arena, &SERVER_OPTIONS_SHAPE, &options);
    if (load(arena, &folder, printed, &again, &error) != STATUS_OK)
        fail_msg("%s", error.message);
    assert_int_equal(again.listen->port, 1234);
}

static void assert_names_all(const char *text, const Shape *shape, Arena *arena,
                             const char *prefix) {
    for (size_t i = 0; i < shape->field_count; i++) {
        const Field *field = &shape->fields[i];
        const char *name = arena_printf(arena, "%s%s", prefix, field->name);
        if (field->kind == FIELD_KIND_OBJECT)
            assert_names_all(text, field->shape, arena, arena_printf(arena, "%s.", name));
        else if (strstr(text, name) == NULL)
            fail_msg("%s is not named", name);
    }
}

static void help_and_man_page_name_every_option_and_argument(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    assert_names_all(manual_help(arena), &SERVER_OPTIONS_SHAPE, arena, "");
    assert_names_all(manual_page(arena), &SERVER_OPTIONS_SHAPE, arena, "");
    for (size_t i = 0; i < MANUAL_ARGUMENT_COUNT; i++) {
        assert_non_null(strstr(manual_help(arena), MANUAL_ARGUMENTS[i].name));
        assert_non_null(strstr(manual_page(arena), MANUAL_ARGUMENTS[i].help));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_option_has_a_default),
        cmocka_unit_test(the_store_follows_the_state_folder_unless_it_is_named),
        cmocka_unit_test(without_tls_only_loopback_is_listened_on),
        cmocka_unit_test(a_lease_leaves_connectors_time),
        cmocka_unit_test(faults_are_shown_with_file_and_line),
        cmocka_unit_test(what_is_printed_can_be_read_again),
        cmocka_unit_test(help_and_man_page_name_every_option_and_argument),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
