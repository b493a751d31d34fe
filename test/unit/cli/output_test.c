#include "cli/output.h"

#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

typedef struct Fixture {
    Arena *arena;
    ManualClock clock;
    Cli cli;
    char *out, *err;
    size_t out_length, err_length;
} Fixture;

static int set_up(void **state) {
    Fixture *fixture = mem_alloc(sizeof(*fixture));
    fixture->arena = arena_new();
    fixture->clock = manual_clock_at(1700000000000);
    fixture->cli = (Cli){.arena = fixture->arena,
                         .clock = &fixture->clock.clock,
                         .out = open_memstream(&fixture->out, &fixture->out_length),
                         .err = open_memstream(&fixture->err, &fixture->err_length)};
    *state = fixture;
    return 0;
}

static int tear_down(void **state) {
    Fixture *fixture = *state;
    fclose(fixture->cli.out);
    fclose(fixture->cli.err);
    free(fixture->out);
    free(fixture->err);
    arena_free(fixture->arena);
    mem_free(fixture);
    return 0;
}

static const char *out(Fixture *fixture) {
    fflush(fixture->cli.out);
    return fixture->out;
}

static const char *err(Fixture *fixture) {
    fflush(fixture->cli.err);
    return fixture->err;
}

static void relative_times_have_two_units(void **state) {
    Fixture *fixture = *state;
    static const struct {
        int64_t seconds;
        const char *text;
    } TIMES[] = {
        {0, "now"},
        {1, "in 1s"},
        {59, "in 59s"},
        {60, "in 1m"},
        {95, "in 1m 35s"},
        {47 * 60 + 12, "in 47m"},
        {3600, "in 1h"},
        {2 * 3600 + 59, "in 2h"},
        {26 * 3600, "in 1d 2h"},
        {48 * 3600, "in 2d"},
        {-61, "1m 1s ago"},
        {-86400 * 400, "400d ago"},
    };
    for (size_t i = 0; i < COUNT_OF(TIMES); i++)
        assert_string_equal(
            time_relative(fixture->arena, 1000000 + TIMES[i].seconds * SECOND_MS, 1000000),
            TIMES[i].text);
    assert_string_equal(time_relative(fixture->arena, 7199990, 0), "in 2h"); // not 1h 59m
    assert_string_equal(time_relative(fixture->arena, -400, 0), "now");
}

static void times_are_local_and_relative(void **state) {
    Fixture *fixture = *state;
    setenv("TZ", "UTC-2", 1);
    tzset();
    assert_string_equal(time_text(&fixture->cli, 1700000000000 + 47 * 60 * SECOND_MS),
                        "2023-11-15 01:00 (in 47m)");
    assert_string_equal(time_text(&fixture->cli, 0), "-");
    unsetenv("TZ");
    tzset();
}

static void lines_lose_control_characters_but_keep_their_breaks(void **state) {
    Fixture *fixture = *state;
    say(&fixture->cli, "a%sb\nc", "\033[31m\a\xe2\x80\xae");
    assert_string_equal(out(fixture), "a?[31m??b\nc\n");
}

static void colours_appear_only_when_wanted(void **state) {
    Fixture *fixture = *state;
    say_coloured(&fixture->cli, COLOUR_GOOD, "plain");
    fixture->cli.colours = true;
    say_coloured(&fixture->cli, COLOUR_GOOD, "green");
    say_coloured(&fixture->cli, COLOUR_NONE, "none");
    assert_string_equal(out(fixture), "plain\n\033[32mgreen\033[0m\nnone\n");
}

static void notes_go_to_the_other_stream_and_not_with_json(void **state) {
    Fixture *fixture = *state;
    note(&fixture->cli, "one");
    fixture->cli.json = true;
    note(&fixture->cli, "two");
    assert_string_equal(err(fixture), "one\n");
    fflush(fixture->cli.out);
    assert_int_equal(fixture->out_length, 0);
}

static void errors_are_one_line(void **state) {
    Fixture *fixture = *state;
    Error error = {0};
    error_set(&error, STATUS_NOT_FOUND, "unknown_grant", "no %s", "\033[2J");
    error_set_detail(&error, "only for the log");
    say_error(&fixture->cli, &error);
    assert_string_equal(err(fixture), "daypass: no ?[2J\n");
}

static void errors_as_json_have_kind_code_and_pointer(void **state) {
    Fixture *fixture = *state;
    fixture->cli.json = true;
    Error error = {0};
    error_set(&error, STATUS_INVALID, "bad_value", "expected \"x\"");
    snprintf(error.pointer, sizeof(error.pointer), "/flows/0");
    say_error(&fixture->cli, &error);
    assert_string_equal(err(fixture),
                        "{\"error\":{\"code\":\"bad_value\",\"kind\":\"invalid\","
                        "\"message\":\"expected \\\"x\\\"\",\"pointer\":\"/flows/0\"}}\n");
}

static void json_for_programs_is_whole(void **state) {
    Fixture *fixture = *state;
    json_t *value = json_keep(fixture->arena, json_pack("{s:s}", "a", "\xc2\x9b\xe2\x80\xae"));
    say_json(&fixture->cli, value);
    assert_string_equal(out(fixture), "{\n  \"a\": \"\xc2\x9b\xe2\x80\xae\"\n}\n");
}

static void json_on_a_terminal_is_printable(void **state) {
    Fixture *fixture = *state;
    fixture->cli.out_terminal = true;
    json_t *value = json_keep(fixture->arena, json_pack("{s:s}", "a", "\xc2\x9b\xe2\x80\xae"));
    say_json(&fixture->cli, value);
    assert_string_equal(out(fixture), "{\n  \"a\": \"??\"\n}\n");
}

static const char *const TITLES[] = {"NAME", "WHAT", NULL};

static void tables_align_and_stay_whole_for_programs(void **state) {
    Fixture *fixture = *state;
    CLEANUP(table_freep) Table *table = table_new(&fixture->cli, TITLES);
    const char *long_text = "a text that is far longer than any line of eighty characters would "
                            "be, and has to stay as it is nevertheless";
    table_row(table, (const char *const[]){"one", long_text});
    table_row(table, (const char *const[]){"thirteen", NULL});
    table_colour(table, 0, COLOUR_BAD);
    table_print(table, "nothing");
    assert_string_equal(out(fixture), arena_printf(fixture->arena,
                                                   "NAME     WHAT\n"
                                                   "one      %s\n"
                                                   "thirteen -\n",
                                                   long_text));
}

static void tables_filter_what_servers_sent(void **state) {
    Fixture *fixture = *state;
    CLEANUP(table_freep) Table *table = table_new(&fixture->cli, TITLES);
    table_row(table, (const char *const[]){"a\033[2Jb", "c\nd"});
    table_print(table, "nothing");
    assert_has(out(fixture), "a?[2Jb c?d");
}

static void tables_fit_a_terminal(void **state) {
    Fixture *fixture = *state;
    fixture->cli.out_terminal = true;
    static const char *const THREE[] = {"NAME", "WHO", "WHAT", NULL};
    const char *const cells[] = {"a-name-of-some-length", "somebody@example.com",
                                 "SELECT on schema_app.customers_table, schema_app.orders_table"};
    setenv("COLUMNS", "76", 1);
    CLEANUP(table_freep) Table *wide = table_new(&fixture->cli, THREE);
    table_row(wide, cells);
    table_print(wide, "nothing");
    assert_string_equal(out(fixture),
                        "NAME                  WHO                  WHAT\n"
                        "a-name-of-some-length somebody@example.com SELECT on\n"
                        "                                           schema_app.customers_table,\n"
                        "                                           schema_app.orders_table\n");
}

static void a_row_too_wide_for_a_terminal_is_a_record(void **state) {
    Fixture *fixture = *state;
    fixture->cli.out_terminal = true;
    setenv("COLUMNS", "24", 1);
    CLEANUP(table_freep) Table *table = table_new(&fixture->cli, TITLES);
    table_row(table, (const char *const[]){"a-name-of-some-length", "SELECT on a, SELECT on b"});
    table_row(table, (const char *const[]){"b", "c"});
    table_print(table, "nothing");
    assert_string_equal(out(fixture), "NAME  a-name-of-some-len\n"
                                      "      gth\n"
                                      "WHAT  SELECT on a,\n"
                                      "      SELECT on b\n"
                                      "\n"
                                      "NAME  b\n"
                                      "WHAT  c\n");
}

static void an_empty_table_says_so(void **state) {
    Fixture *fixture = *state;
    CLEANUP(table_freep) Table *table = table_new(&fixture->cli, TITLES);
    table_print(table, "nothing");
    fflush(fixture->cli.out);
    assert_int_equal(fixture->out_length, 0);
    assert_string_equal(err(fixture), "nothing\n");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(relative_times_have_two_units),
        CASE(times_are_local_and_relative),
        CASE(lines_lose_control_characters_but_keep_their_breaks),
        CASE(colours_appear_only_when_wanted),
        CASE(notes_go_to_the_other_stream_and_not_with_json),
        CASE(errors_are_one_line),
        CASE(errors_as_json_have_kind_code_and_pointer),
        CASE(json_for_programs_is_whole),
        CASE(json_on_a_terminal_is_printable),
        CASE(tables_align_and_stay_whole_for_programs),
        CASE(tables_filter_what_servers_sent),
        CASE(tables_fit_a_terminal),
        CASE(a_row_too_wide_for_a_terminal_is_a_record),
        CASE(an_empty_table_says_so),
    };
    return cmocka_run_group_tests_name("output", tests, NULL, NULL);
}
