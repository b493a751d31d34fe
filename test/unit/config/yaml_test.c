#include "config/yaml.h"

#include "base/buffer.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <unistd.h>

static int make_arena(void **state) {
    *state = arena_new();
    return 0;
}

static int free_arena(void **state) {
    *state = arena_free(*state);
    return 0;
}

static json_t *read_good(Arena *arena, const char *text, YamlPlaces **ret_places) {
    json_t *value = NULL;
    YamlPlaces *places = NULL;
    Error error = {0};
    if (yaml_read(arena, "flows.yaml", text, strlen(text), &value, &places, &error) != STATUS_OK)
        fail_msg("refused: %s", error.message);
    if (ret_places != NULL)
        *ret_places = places;
    return value;
}

static void assert_reads(Arena *arena, const char *text, const char *json) {
    assert_string_equal(json_text(arena, read_good(arena, text, NULL)), json);
}

static void assert_refused(Arena *arena, const char *text, const char *message_part) {
    json_t *value = NULL;
    YamlPlaces *places = NULL;
    Error error = {0};
    assert_int_equal(yaml_read(arena, "flows.yaml", text, strlen(text), &value, &places, &error),
                     STATUS_INVALID);
    assert_string_equal(error.code, "malformed_yaml");
    if (strstr(error.message, message_part) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", message_part, error.message);
    assert_null(value);
    assert_null(places);
}

static void types_only_what_json_types(void **state) {
    assert_reads(*state, "a: true\nb: false\nc: null\nd: ~\ne:\nf: 12\ng: -7\nh: 0\n",
                 "{\"a\":true,\"b\":false,\"c\":null,\"d\":null,\"e\":null,\"f\":12,\"g\":-7,"
                 "\"h\":0}");
}

static void keeps_words_that_only_look_typed_as_text(void **state) {
    assert_reads(*state, "[yes, no, on, off, True, NULL, 010, +1, 0x1f, 1.5, 1_000, 2026-01-01]",
                 "[\"yes\",\"no\",\"on\",\"off\",\"True\",\"NULL\",\"010\",\"+1\",\"0x1f\","
                 "\"1.5\",\"1_000\",\"2026-01-01\"]");
}

static void keeps_quoted_text_as_text(void **state) {
    assert_reads(*state, "['true', \"12\", 'null', \"\", '']",
                 "[\"true\",\"12\",\"null\",\"\",\"\"]");
}

static void keeps_an_integer_that_does_not_fit_as_text(void **state) {
    assert_reads(*state, "[9223372036854775807, 9223372036854775808, -9223372036854775809]",
                 "[9223372036854775807,\"9223372036854775808\",\"-9223372036854775809\"]");
}

static void reads_blocks_flows_and_long_text(void **state) {
    assert_reads(*state,
                 "# a comment\n"
                 "groups:\n"
                 "  - {name: dba, members: [dba@example.com]}\n"
                 "text: |\n"
                 "  one\n"
                 "  two\n",
                 "{\"groups\":[{\"members\":[\"dba@example.com\"],\"name\":\"dba\"}],"
                 "\"text\":\"one\\ntwo\\n\"}");
}

static void reads_an_empty_file_as_an_empty_object(void **state) {
    assert_reads(*state, "", "{}");
    assert_reads(*state, "# nothing\n\n", "{}");
    assert_reads(*state, "---\n", "null");
}

static void refuses_a_key_twice_and_says_where_it_was_first(void **state) {
    assert_refused(*state, "name: a\nother: b\nname: c\n",
                   "flows.yaml:3: the key \"name\" is here twice, first at line 1");
}

static void refuses_anchors_aliases_and_tags(void **state) {
    assert_refused(*state, "a: &x 1\nb: 2\n", "flows.yaml:1: anchors (&x)");
    assert_refused(*state, "a: &x [1]\n", "flows.yaml:1: anchors (&x)");
    assert_refused(*state, "a: &x {b: 1}\n", "flows.yaml:1: anchors (&x)");
    assert_refused(*state, "&x a: 1\n", "anchors (&x)");
    assert_refused(*state, "a: 1\nb: *x\n", "flows.yaml:2: aliases (*x)");
    assert_refused(*state, "a: !!str 1\n", "flows.yaml:1: tags (");
    assert_refused(*state, "a: !secret [1]\n", "tags (!secret)");
    assert_refused(*state, "a: !secret {b: 1}\n", "tags (!secret)");
    assert_refused(*state, "a:\n  b: 1\n  <<: *x\n", "flows.yaml:3: aliases (*x)");
}

static void refuses_a_second_document(void **state) {
    assert_refused(*state, "a: 1\n---\nb: 2\n", "flows.yaml:2: a second document begins");
    assert_reads(*state, "---\na: 1\n...\n", "{\"a\":1}");
}

static void refuses_keys_that_are_not_text(void **state) {
    assert_refused(*state, "? [a, b]\n: 1\n", "expected a plain key");
    assert_refused(*state, "{a: 1}: 1\n", "expected a plain key");
}

static const char *nested(Arena *arena, size_t levels) {
    Buffer buffer = {0};
    for (size_t i = 0; i < levels; i++)
        buffer_add(&buffer, "[");
    for (size_t i = 0; i < levels; i++)
        buffer_add(&buffer, "]");
    const char *text = arena_strdup(arena, buffer_text(&buffer));
    buffer_done(&buffer);
    return text;
}

static void refuses_deep_nesting(void **state) {
    read_good(*state, nested(*state, JSON_MAX_DEPTH), NULL);
    assert_refused(*state, nested(*state, JSON_MAX_DEPTH + 1), "nested too deep");
    assert_refused(*state, nested(*state, 900), "nested too deep");
}

static void refuses_broken_yaml_with_its_line(void **state) {
    assert_refused(*state, "a: 1\n  b: 2\n", "flows.yaml:2: ");
    assert_refused(*state, "a: [1, 2\nb: 3\n", "flows.yaml:");
    assert_refused(*state, "a: 'open\n", "flows.yaml:");
    assert_refused(*state, "\tb: 1\n", "flows.yaml:1: ");
}

static void refuses_control_characters_nul_and_bad_utf8(void **state) {
    assert_refused(*state, "a: \x01\n", "expected text in UTF-8");
    assert_refused(*state, "a: \xff\n", "expected text in UTF-8");
    assert_refused(*state, "a: 1\nb: \xff\n", ":2: byte ");
    assert_refused(*state, "a: \"x\\0y\"\n", "flows.yaml:1: NUL characters are not accepted");
    assert_refused(*state, "\"a\\0b\": 1\n", "flows.yaml:1: NUL characters are not accepted");
    json_t *value;
    YamlPlaces *places;
    Error error = {0};
    assert_int_equal(yaml_read(*state, "f", "a: b\0c", 6, &value, &places, &error), STATUS_INVALID);
}

static void refuses_more_values_than_memory_should_hold(void **state) {
    Buffer buffer = {0};
    buffer_add(&buffer, "[");
    for (int i = 0; i < 200001; i++)
        buffer_add(&buffer, "1,");
    buffer_add(&buffer, "]");
    json_t *value;
    YamlPlaces *places;
    Error error = {0};
    assert_int_equal(
        yaml_read(*state, "f", buffer_text(&buffer), buffer.length, &value, &places, &error),
        STATUS_INVALID);
    assert_non_null(strstr(error.message, "too many values"));
    buffer_done(&buffer);
}

static void refuses_a_large_file(void **state) {
    CLEANUP(mem_freep) char *text = mem_alloc(YAML_MAX_BYTES + 2);
    memset(text, '#', YAML_MAX_BYTES + 1);
    json_t *value;
    YamlPlaces *places;
    Error error = {0};
    assert_int_equal(yaml_read(*state, "f", text, YAML_MAX_BYTES + 1, &value, &places, &error),
                     STATUS_TOO_LARGE);
    assert_string_equal(error.code, "file_too_large");
}

static const char FLOWS[] = "groups:\n"
                            "  - name: dba\n"
                            "flows:\n"
                            "  - name: shop-read\n"
                            "    duration:\n"
                            "      default: 1h\n"
                            "      max: 8h\n"
                            "  - {name: b, \"we/ird~\": 3}\n";

static void knows_the_line_of_every_value(void **state) {
    YamlPlaces *places;
    read_good(*state, FLOWS, &places);
    assert_string_equal(yaml_place(*state, places, ""), "flows.yaml:1");
    assert_string_equal(yaml_place(*state, places, "/groups"), "flows.yaml:1");
    assert_string_equal(yaml_place(*state, places, "/groups/0/name"), "flows.yaml:2");
    assert_string_equal(yaml_place(*state, places, "/flows/0"), "flows.yaml:4");
    assert_string_equal(yaml_place(*state, places, "/flows/0/duration"), "flows.yaml:5");
    assert_string_equal(yaml_place(*state, places, "/flows/0/duration/max"), "flows.yaml:7");
    assert_string_equal(yaml_place(*state, places, "/flows/1/we~1ird~0"), "flows.yaml:8");
}

static void falls_back_to_the_nearest_value_around(void **state) {
    YamlPlaces *places;
    read_good(*state, FLOWS, &places);
    assert_string_equal(yaml_place(*state, places, "/flows/0/duration/none"), "flows.yaml:5");
    assert_string_equal(yaml_place(*state, places, "/flows/0/name/x"), "flows.yaml:4");
    assert_string_equal(yaml_place(*state, places, "/flows/7"), "flows.yaml:3");
    assert_string_equal(yaml_place(*state, places, "/flows/99999999999999999999"), "flows.yaml:3");
    assert_string_equal(yaml_place(*state, places, "/flows/x"), "flows.yaml:3");
    assert_string_equal(yaml_place(*state, places, "/none"), "flows.yaml:1");
    assert_string_equal(yaml_place(*state, places, "nonsense"), "flows.yaml:1");
}

static void puts_the_place_before_an_errors_message(void **state) {
    YamlPlaces *places;
    read_good(*state, FLOWS, &places);
    Error error = {.status = STATUS_INVALID,
                   .message = "flows/0/duration/max: expected a duration",
                   .pointer = "/flows/0/duration/max"};
    yaml_locate(*state, places, &error);
    assert_string_equal(error.message, "flows.yaml:7: flows/0/duration/max: expected a duration");
    assert_string_equal(error.pointer, "/flows/0/duration/max");
}

static void read_two(Arena *arena, const char *one, const char *two, json_t *values[2],
                     YamlPlaces *places[2]) {
    Error error = {0};
    assert_int_equal(yaml_read(arena, "one.yaml", one, strlen(one), &values[0], &places[0], &error),
                     STATUS_OK);
    assert_int_equal(yaml_read(arena, "two.yaml", two, strlen(two), &values[1], &places[1], &error),
                     STATUS_OK);
}

static void merges_lists_and_keeps_both_files_places(void **state) {
    json_t *values[2];
    YamlPlaces *places[2];
    read_two(*state, "flows:\n- name: a\n", "groups:\n- name: g\nflows:\n- name: b\n- name: c\n",
             values, places);
    Error error = {0};
    assert_int_equal(yaml_merge(*state, values[0], places[0], values[1], places[1], &error),
                     STATUS_OK);
    assert_string_equal(json_text(*state, values[0]),
                        "{\"flows\":[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"c\"}],"
                        "\"groups\":[{\"name\":\"g\"}]}");
    assert_string_equal(yaml_place(*state, places[0], "/flows/0/name"), "one.yaml:2");
    assert_string_equal(yaml_place(*state, places[0], "/flows/1/name"), "two.yaml:4");
    assert_string_equal(yaml_place(*state, places[0], "/flows/2/name"), "two.yaml:5");
    assert_string_equal(yaml_place(*state, places[0], "/groups/0/name"), "two.yaml:2");
}

static void merging_refuses_other_keys_twice(void **state) {
    json_t *values[2];
    YamlPlaces *places[2];
    read_two(*state, "a: 1\n", "b: 1\na: 2\n", values, places);
    Error error = {0};
    assert_int_equal(yaml_merge(*state, values[0], places[0], values[1], places[1], &error),
                     STATUS_INVALID);
    assert_string_equal(error.message,
                        "two.yaml:2: the key \"a\" is also at one.yaml:1: expected it once");
}

static void merging_refuses_what_is_not_an_object(void **state) {
    json_t *values[2];
    YamlPlaces *places[2];
    read_two(*state, "a: 1\n", "- 1\n", values, places);
    Error error = {0};
    assert_int_equal(yaml_merge(*state, values[0], places[0], values[1], places[1], &error),
                     STATUS_INVALID);
    assert_string_equal(error.message, "two.yaml:1: expected keys and their values");
}

static void names_a_missing_file(void **state) {
    json_t *value;
    YamlPlaces *places;
    Error error = {0};
    assert_int_equal(yaml_read_file(*state, "/nonexistent/x.yaml", &value, &places, &error),
                     STATUS_NOT_FOUND);
    assert_non_null(strstr(error.message, "/nonexistent/x.yaml"));
}

static void reads_back_what_it_formats(void **state) {
    static const char *const TEXTS[] = {
        "plain",    "two words", "yes",     "true", "null", "12",  "-7",    "1e9",  "0x10",
        "",         " lead",     "a: b",    "# no", "- x",  "'q'", "\"q\"", "\n",   "one\ntwo\n",
        "\xc3\xa4", "\\",        "[x]",     "{x}",  "*a",   "&a",  "!a",    "%a",   "@a",
        "`a",       "8h",        "1h30m",   "1m2",  "~",    "x:",  "a\tb",  "\x7f", "=",
        "<<",       "/etc/x",    "a@b.com", "-",    "--",   "...", "---",   "?",    "N",
    };
    json_t *list = json_keep(*state, json_array());
    json_t *object = json_keep(*state, json_object());
    for (size_t i = 0; i < COUNT_OF(TEXTS); i++) {
        json_array_append_new(list, json_string(TEXTS[i]));
        json_object_set_new(object, TEXTS[i], json_string(TEXTS[i]));
    }
    json_object_set(object, "list", list);
    json_object_set_new(object, "typed", json_pack("[i,b,b,n,[],{}]", -5, 1, 0));
    const char *yaml = yaml_format(*state, object);
    assert_string_equal(json_text(*state, read_good(*state, yaml, NULL)),
                        json_text(*state, object));
}

static void formats_for_people(void **state) {
    json_t *value =
        json_keep(*state, json_pack("{s:[{s:s,s:[s,s],s:{s:s},s:b}]}", "flows", "name", "shop-read",
                                    "tables", "a", "b", "duration", "max", "8h", "on", 1));
    assert_string_equal(yaml_format(*state, value), "flows:\n"
                                                    "- name: shop-read\n"
                                                    "  tables: [a, b]\n"
                                                    "  duration:\n"
                                                    "    max: 8h\n"
                                                    "  \"on\": true\n");
}

#define WITH_ARENA(test) cmocka_unit_test_setup_teardown(test, make_arena, free_arena)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_ARENA(types_only_what_json_types),
        WITH_ARENA(keeps_words_that_only_look_typed_as_text),
        WITH_ARENA(keeps_quoted_text_as_text),
        WITH_ARENA(keeps_an_integer_that_does_not_fit_as_text),
        WITH_ARENA(reads_blocks_flows_and_long_text),
        WITH_ARENA(reads_an_empty_file_as_an_empty_object),
        WITH_ARENA(refuses_a_key_twice_and_says_where_it_was_first),
        WITH_ARENA(refuses_anchors_aliases_and_tags),
        WITH_ARENA(refuses_a_second_document),
        WITH_ARENA(refuses_keys_that_are_not_text),
        WITH_ARENA(refuses_deep_nesting),
        WITH_ARENA(refuses_broken_yaml_with_its_line),
        WITH_ARENA(refuses_control_characters_nul_and_bad_utf8),
        WITH_ARENA(refuses_more_values_than_memory_should_hold),
        WITH_ARENA(refuses_a_large_file),
        WITH_ARENA(knows_the_line_of_every_value),
        WITH_ARENA(falls_back_to_the_nearest_value_around),
        WITH_ARENA(puts_the_place_before_an_errors_message),
        WITH_ARENA(merges_lists_and_keeps_both_files_places),
        WITH_ARENA(merging_refuses_other_keys_twice),
        WITH_ARENA(merging_refuses_what_is_not_an_object),
        WITH_ARENA(names_a_missing_file),
        WITH_ARENA(reads_back_what_it_formats),
        WITH_ARENA(formats_for_people),
    };
    return cmocka_run_group_tests_name("yaml", tests, NULL, NULL);
}
