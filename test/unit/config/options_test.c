#include "config/options.h"

#include "base/file.h"
#include "config/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct Listen {
    const char *address;
    int64_t port;
} Listen;
static const Field LISTEN_FIELDS[] = {
    {FIELD(Listen, address, STRING), .default_text = "127.0.0.1", .help = "Address to listen on"},
    {FIELD(Listen, port, INT), .min = 1, .max = 65535, .default_text = "8443", .help = "Port"},
};
static const Shape LISTEN_SHAPE = SHAPE("Listen", Listen, LISTEN_FIELDS, NULL);

typedef struct Proof {
    const char *certificate;
    const char *key;
} Proof;
static const Field PROOF_FIELDS[] = {
    {FIELD(Proof, certificate, STRING), .required = true, .help = "File of the certificate"},
    {FIELD(Proof, key, STRING), .required = true},
};
static const Shape PROOF_SHAPE = SHAPE("Proof", Proof, PROOF_FIELDS, NULL);

typedef struct Source {
    const char *name;
    const char *password;
} Source;
typedef struct Sources {
    Source *items;
    size_t count;
} Sources;
static const Field SOURCE_FIELDS[] = {
    {FIELD(Source, name, STRING), .required = true, .help = "Name of the secret"},
    {FIELD(Source, password, STRING), .secret = true},
};
static const Shape SOURCE_SHAPE = SHAPE("Source", Source, SOURCE_FIELDS, NULL);

typedef struct Example {
    const char *state;
    const Listen *listen;
    const Proof *tls;
    Sources sources;
    bool quick;
    int64_t idle_s;
} Example;
static const Field EXAMPLE_FIELDS[] = {
    {FIELD(Example, state, STRING), .required = true, .help = "Folder for \"state\""},
    {FIELD(Example, listen, OBJECT), .shape = &LISTEN_SHAPE, .help = "Where to listen"},
    {FIELD(Example, tls, OBJECT), .shape = &PROOF_SHAPE, .help = "TLS"},
    {FIELD(Example, sources, OBJECTS), .shape = &SOURCE_SHAPE, .help = "Where secrets are"},
    {FIELD(Example, quick, BOOL), .default_text = "false", .help = "Be quick"},
    {FIELD_NAMED("idle", Example, idle_s, DURATION), .default_text = "30s", .help = "Idle time"},
};
static const Shape EXAMPLE_SHAPE = SHAPE("Example", Example, EXAMPLE_FIELDS, NULL);

typedef struct Fixture {
    Arena *arena;
    char path[64];
} Fixture;

static int set_up(void **state) {
    Fixture *fixture = mem_alloc(sizeof(*fixture));
    fixture->arena = arena_new();
    snprintf(fixture->path, sizeof(fixture->path), "/tmp/options-test-XXXXXX");
    int fd = mkstemp(fixture->path);
    if (fd < 0)
        return -1;
    close(fd);
    *state = fixture;
    return 0;
}

static int tear_down(void **state) {
    Fixture *fixture = *state;
    unlink(fixture->path);
    arena_free(fixture->arena);
    mem_free(fixture);
    return 0;
}

static Status load(Fixture *fixture, const char *text, Example *ret_example, Error *reterr) {
    Error error = {0};
    assert_int_equal(file_write(fixture->path, 0600, text, strlen(text), &error), STATUS_OK);
    return options_load(fixture->arena, &EXAMPLE_SHAPE, fixture->path, ret_example, reterr);
}

static void reads_values_and_fills_defaults(void **state) {
    Example example;
    Error error = {0};
    assert_int_equal(
        load(*state, "state: /var/x\nquick: true\nlisten: {port: 9}\n", &example, &error),
        STATUS_OK);
    assert_string_equal(example.state, "/var/x");
    assert_true(example.quick);
    assert_int_equal(example.listen->port, 9);
    assert_string_equal(example.listen->address, "127.0.0.1");
    assert_int_equal(example.idle_s, 30);
}

static void an_absent_group_has_its_defaults(void **state) {
    Example example;
    Error error = {0};
    assert_int_equal(load(*state, "state: /var/x\n", &example, &error), STATUS_OK);
    assert_int_equal(example.listen->port, 8443);
}

static void an_absent_group_with_required_options_is_absent(void **state) {
    Example example;
    Error error = {0};
    assert_int_equal(load(*state, "state: /var/x\n", &example, &error), STATUS_OK);
    assert_null(example.tls);
}

static void no_file_gives_the_defaults(void **state) {
    Fixture *fixture = *state;
    Example example;
    Error error = {0};
    assert_int_equal(options_load(fixture->arena, &EXAMPLE_SHAPE, NULL, &example, &error),
                     STATUS_OK);
    assert_null(example.state);
    assert_int_equal(example.listen->port, 8443);
    assert_int_equal(example.idle_s, 30);
    assert_null(example.tls);
}

static void assert_fault(Fixture *fixture, const char *text, int line, const char *part) {
    Example example = {.idle_s = 77};
    Error error = {0};
    assert_int_equal(load(fixture, text, &example, &error), STATUS_INVALID);
    char place[96];
    snprintf(place, sizeof(place), "%s:%d: ", fixture->path, line);
    if (strncmp(error.message, place, strlen(place)) != 0 || strstr(error.message, part) == NULL)
        fail_msg("not at %s or without \"%s\": %s", place, part, error.message);
    assert_int_equal(example.idle_s, 77); // untouched
}

static void faults_name_file_and_line(void **state) {
    assert_fault(*state, "state: x\nlisten:\n  prt: 1\n", 3, "did you mean \"port\"?");
    assert_fault(*state, "state: x\nlisten:\n  port: 70000\n", 3, "65535");
    assert_fault(*state, "state: x\n\nquick: yes\n", 3, "expected true or false");
    assert_fault(*state, "state: x\nidle: 0s\n", 2, "expected a duration");
    assert_fault(*state, "state: x\ntls: {key: y}\n", 2, "\"certificate\" is missing");
    assert_fault(*state, "state: x\nsources:\n- name: a\n- password: b\n", 4,
                 "\"name\" is missing");
    assert_fault(*state, "state: x\nlisten: 5\n", 2, "expected an object");
    assert_fault(*state, "state: x\nstate: y\n", 2, "twice");
}

static void a_missing_file_is_named(void **state) {
    Fixture *fixture = *state;
    Example example;
    Error error = {0};
    assert_int_equal(
        options_load(fixture->arena, &EXAMPLE_SHAPE, "/nonexistent/d.yaml", &example, &error),
        STATUS_NOT_FOUND);
    assert_non_null(strstr(error.message, "/nonexistent/d.yaml"));
}

static void printed_configuration_is_read_back(void **state) {
    Fixture *fixture = *state;
    Example example, again;
    Error error = {0};
    assert_int_equal(
        load(fixture, "state: \"yes\"\nlisten: {port: 9}\nidle: 2h\n", &example, &error),
        STATUS_OK);
    const char *printed = options_print(fixture->arena, &EXAMPLE_SHAPE, &example);
    assert_int_equal(load(fixture, printed, &again, &error), STATUS_OK);
    assert_string_equal(shape_format(fixture->arena, &EXAMPLE_SHAPE, &again),
                        shape_format(fixture->arena, &EXAMPLE_SHAPE, &example));
}

static void printing_explains_each_option_and_elides_secrets(void **state) {
    Fixture *fixture = *state;
    Example example;
    Error error = {0};
    assert_int_equal(
        load(fixture, "state: x\nsources:\n- {name: a, password: hush-hush}\n", &example, &error),
        STATUS_OK);
    const char *printed = options_print(fixture->arena, &EXAMPLE_SHAPE, &example);
    assert_null(strstr(printed, "hush-hush"));
    assert_non_null(strstr(printed, "# Idle time (duration, default 30s)\nidle: 30s\n"));
    assert_non_null(strstr(printed, "  # Port (integer, default 8443)\n  port: 8443\n"));
    assert_non_null(strstr(printed, "# TLS (group)\n# tls:\n"));
}

static void help_lists_every_option_dotted(void **state) {
    Fixture *fixture = *state;
    const char *help = options_help(fixture->arena, &EXAMPLE_SHAPE);
    static const char *const NAMES[] = {
        "  state ",   "  listen.address ", "  listen.port ",    "  tls.certificate ",
        "  sources ", "  quick ",          "  sources[].name ", "  idle "};
    for (size_t i = 0; i < COUNT_OF(NAMES); i++) {
        if (strstr(help, NAMES[i]) == NULL)
            fail_msg("%s is not in:\n%s", NAMES[i], help);
    }
    assert_non_null(strstr(help, "8443"));
    assert_non_null(strstr(help, "required"));
}

static void man_section_escapes_what_the_format_would_take(void **state) {
    Fixture *fixture = *state;
    const char *man = options_man(fixture->arena, &EXAMPLE_SHAPE);
    assert_ptr_equal(strstr(man, ".SH OPTIONS\n"), man);
    assert_non_null(strstr(man, ".BR \"listen.port\" \" (integer)\"\n"));
    assert_non_null(strstr(man, "Folder for \\(dqstate\\(dq.\nRequired.\n"));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(reads_values_and_fills_defaults),
        CASE(an_absent_group_has_its_defaults),
        CASE(an_absent_group_with_required_options_is_absent),
        CASE(no_file_gives_the_defaults),
        CASE(faults_name_file_and_line),
        CASE(a_missing_file_is_named),
        CASE(printed_configuration_is_read_back),
        CASE(printing_explains_each_option_and_elides_secrets),
        CASE(help_lists_every_option_dotted),
        CASE(man_section_escapes_what_the_format_would_take),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
