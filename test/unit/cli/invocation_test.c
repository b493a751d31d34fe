#include "cli/invocation.h"

#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static Status nothing(Cli *cli, const Invocation *invocation, Error *reterr) {
    (void)cli, (void)invocation, (void)reterr;
    return STATUS_OK;
}

static const Command EXAMPLES[] = {
    {.name = "ask",
     .summary = "Ask",
     .arguments = (const CommandArgument[]){{.name = "FLOW", .help = "The flow"},
                                            {.name = "MORE", .optional = true, .help = "More"},
                                            {0}},
     .options = (const CommandOption[]){{.name = "for", .letter = 'd', .value = "DURATION"},
                                        {.name = "wait", .letter = 'w'},
                                        {.name = "format", .value = "F", .choices = "env|url"},
                                        {.name = "limit", .value = "N"},
                                        {0}},
     .rest = "WORD",
     .run = nothing},
    {.name = "drop",
     .summary = "Drop",
     .arguments = (const CommandArgument[]){{.name = "WHERE", .help = "Where"},
                                            {.name = "WHAT", .repeated = true, .help = "What"},
                                            {0}},
     .run = nothing},
    {.name = "thing make", .summary = "Make", .run = nothing},
    {.name = "thing drop", .summary = "Drop", .run = nothing},
    {.name = "list", .summary = "List", .run = nothing},
    {.name = "list check",
     .summary = "Check",
     .arguments = (const CommandArgument[]){{.name = "NAME", .help = "Name"}, {0}},
     .run = nothing},
    {0},
};

static int make_arena(void **state) {
    *state = arena_new();
    return 0;
}

static int free_arena(void **state) {
    *state = arena_free(*state);
    return 0;
}

static Status parse(Arena *arena, const char *const *words, Invocation *ret_invocation,
                    Error *reterr) {
    char *copies[16];
    int count = 0;
    for (; words[count] != NULL; count++)
        copies[count] = arena_strdup(arena, words[count]);
    return invocation_parse(arena, EXAMPLES, count, copies, ret_invocation, reterr);
}
#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static Invocation parse_good(Arena *arena, const char *const *words) {
    Invocation invocation = {0};
    Error error = {0};
    if (parse(arena, words, &invocation, &error) != STATUS_OK)
        fail_msg("refused: %s", error.message);
    return invocation;
}

static void assert_refused(Arena *arena, const char *const *words, const char *code,
                           const char *part) {
    Invocation invocation = {0};
    Error error = {0};
    assert_int_equal(parse(arena, words, &invocation, &error), STATUS_INVALID);
    assert_string_equal(error.code, code);
    assert_has(error.message, part);
    assert_null(invocation.command);
}

static void reads_arguments_and_options_in_any_order(void **state) {
    Invocation invocation =
        parse_good(*state, WORDS("ask", "--for", "2h", "flow", "-w", "--format=url", "more"));
    assert_string_equal(invocation_argument(&invocation, "FLOW"), "flow");
    assert_string_equal(invocation_argument(&invocation, "MORE"), "more");
    assert_string_equal(invocation_option(&invocation, "for"), "2h");
    assert_string_equal(invocation_option(&invocation, "format"), "url");
    assert_true(invocation_switch(&invocation, "wait"));
    assert_false(invocation.json);
}

static void a_repeated_argument_is_there_once_or_more(void **state) {
    Invocation invocation =
        parse_good(*state, WORDS("drop", "here", "one", "--json", "two", "three"));
    assert_string_equal(invocation_argument(&invocation, "WHERE"), "here");
    assert_string_equal(invocation_argument(&invocation, "WHAT"), "one");
    assert_int_equal(invocation.more.count, 2);
    assert_string_equal(invocation.more.items[1], "three");
    assert_refused(*state, WORDS("drop", "here"), USAGE_CODE, "WHAT");
    assert_refused(*state, WORDS("drop", "here", "one", ""), USAGE_CODE, "WHAT is empty");
}

static void reads_letters_with_and_without_a_space(void **state) {
    Invocation invocation = parse_good(*state, WORDS("ask", "f", "-d", "1h"));
    assert_string_equal(invocation_option(&invocation, "for"), "1h");
    invocation = parse_good(*state, WORDS("ask", "f", "-d1h"));
    assert_string_equal(invocation_option(&invocation, "for"), "1h");
}

static void absent_things_are_null(void **state) {
    Invocation invocation = parse_good(*state, WORDS("ask", "f"));
    assert_null(invocation_argument(&invocation, "MORE"));
    assert_null(invocation_option(&invocation, "for"));
    assert_false(invocation_switch(&invocation, "wait"));
    int64_t seconds = 7;
    Error error = {0};
    assert_int_equal(invocation_duration(&invocation, "for", &seconds, &error), STATUS_OK);
    assert_int_equal(seconds, 0);
}

static void the_longest_name_wins(void **state) {
    assert_string_equal(parse_good(*state, WORDS("list")).command->name, "list");
    assert_string_equal(parse_good(*state, WORDS("list", "check", "x")).command->name,
                        "list check");
    assert_string_equal(parse_good(*state, WORDS("thing", "drop")).command->name, "thing drop");
}

static void passes_on_what_follows_two_dashes(void **state) {
    Invocation invocation = parse_good(*state, WORDS("ask", "f", "--", "-c", "--json", "select 1"));
    assert_int_equal(invocation.rest.count, 3);
    assert_string_equal(invocation.rest.items[1], "--json");
    assert_false(invocation.json);
    assert_refused(*state, WORDS("list", "--", "x"), USAGE_CODE, "takes nothing after \"--\"");
}

static void json_and_help_are_global(void **state) {
    assert_true(parse_good(*state, WORDS("list", "--json")).json);
    assert_true(parse_good(*state, WORDS("--json", "list")).json);
    assert_true(parse_good(*state, WORDS("ask", "--help")).help); // without its argument
    assert_true(parse_good(*state, WORDS("ask", "-h")).help);
    assert_null(parse_good(*state, WORDS("--help")).command);
}

static void json_is_known_even_when_the_rest_is_wrong(void **state) {
    Invocation invocation = {0};
    Error error = {0};
    assert_int_equal(parse(*state, WORDS("nonsense", "--json"), &invocation, &error),
                     STATUS_INVALID);
    assert_true(invocation.json);
}

static void refuses_wrong_usage(void **state) {
    assert_refused(*state, WORDS("nonsense"), USAGE_CODE, "there is no command \"nonsense\"");
    assert_refused(*state, WORDS("thing"), USAGE_CODE, "expected one of thing make, thing drop");
    assert_refused(*state, WORDS("ask"), USAGE_CODE, "needs FLOW: The flow");
    assert_refused(*state, WORDS("ask", "a", "b", "c"), USAGE_CODE, "takes 2 arguments");
    assert_refused(*state, WORDS("list", "a"), USAGE_CODE, "takes no argument");
    assert_refused(*state, WORDS("ask", "f", "--for"), USAGE_CODE, "--for needs a value");
    assert_refused(*state, WORDS("ask", "f", "--for="), USAGE_CODE, "expected DURATION");
    assert_refused(*state, WORDS("ask", "f", "--wait=1"), USAGE_CODE, "takes no value");
    assert_refused(*state, WORDS("ask", "f", "-w", "-w"), USAGE_CODE, "--wait is there twice");
    assert_refused(*state, WORDS("ask", "f", "--format", "xml"), USAGE_CODE,
                   "expected one of env|url");
    assert_refused(*state, WORDS("ask", "f", "--nope=secret-value"), USAGE_CODE,
                   "has no option --nope");
    assert_refused(*state, WORDS("ask", ""), USAGE_CODE, "FLOW is empty");
    assert_refused(*state, WORDS("ask", "\xff"), USAGE_CODE, "FLOW is not UTF-8");
    assert_refused(*state, WORDS("--nope", "list"), USAGE_CODE, "expected the name of a command");
}

static void refuses_secrets_without_repeating_them(void **state) {
    static const char *const WORDS_WITH_SECRETS[][4] = {
        {"ask", "f", "--password=hush-hush", NULL},
        {"ask", "f", "--token", "hush-hush"},
        {"ask", "f", "--invitation=hush-hush", NULL},
        {"ask", "dps_hush-hushXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX", NULL, NULL},
        {"ask", "f", "--for", "dpp_hush-hushXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX"},
    };
    for (size_t i = 0; i < COUNT_OF(WORDS_WITH_SECRETS); i++) {
        const char *words[5] = {0};
        memcpy(words, WORDS_WITH_SECRETS[i], sizeof(WORDS_WITH_SECRETS[i]));
        Invocation invocation = {0};
        Error error = {0};
        assert_int_equal(parse(*state, words, &invocation, &error), STATUS_INVALID);
        assert_string_equal(error.code, SECRET_ARGUMENT_CODE);
        assert_has(error.message, "not accepted on the command line");
        assert_has_not(error.message, "hush-hush");
    }
}

static void unprintable_words_are_not_echoed_raw(void **state) {
    Invocation invocation = {0};
    Error error = {0};
    assert_int_equal(parse(*state, WORDS("\033[2Jx"), &invocation, &error), STATUS_INVALID);
    assert_has_not(error.message, "\033");
}

static void numbers_and_durations_have_bounds(void **state) {
    Invocation invocation = parse_good(*state, WORDS("ask", "f", "--limit", "12", "--for", "90m"));
    int64_t number = 0;
    Error error = {0};
    assert_int_equal(invocation_number(&invocation, "limit", 1, 100, 5, &number, &error),
                     STATUS_OK);
    assert_int_equal(number, 12);
    assert_int_equal(invocation_number(&invocation, "limit", 1, 10, 5, &number, &error),
                     STATUS_INVALID);
    assert_string_equal(error.code, USAGE_CODE);
    assert_int_equal(invocation_duration(&invocation, "for", &number, &error), STATUS_OK);
    assert_int_equal(number, 5400);
    static const char *const BAD[] = {"-1h", "0s", "1e9h", "x", "12 ", "9999999999999999999"};
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        invocation = parse_good(
            *state, (const char *const[]){"ask", "f", "--limit", BAD[i], "--for", BAD[i], NULL});
        assert_int_equal(invocation_number(&invocation, "limit", 1, 100, 5, &number, &error),
                         STATUS_INVALID);
        assert_int_equal(invocation_duration(&invocation, "for", &number, &error), STATUS_INVALID);
        assert_string_equal(error.code, "bad_duration");
    }
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, make_arena, free_arena)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(reads_arguments_and_options_in_any_order),
        CASE(a_repeated_argument_is_there_once_or_more),
        CASE(reads_letters_with_and_without_a_space),
        CASE(absent_things_are_null),
        CASE(the_longest_name_wins),
        CASE(passes_on_what_follows_two_dashes),
        CASE(json_and_help_are_global),
        CASE(json_is_known_even_when_the_rest_is_wrong),
        CASE(refuses_wrong_usage),
        CASE(refuses_secrets_without_repeating_them),
        CASE(unprintable_words_are_not_echoed_raw),
        CASE(numbers_and_durations_have_bounds),
    };
    return cmocka_run_group_tests_name("invocation", tests, NULL, NULL);
}
