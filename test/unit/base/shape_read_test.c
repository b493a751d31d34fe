#include "base/shape.h"

#include "cases.h"
#include "death.h"
#include "shape_cases.h"

#include <stdio.h>
#include <string.h>

static void reads_every_kind(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Whole whole;
    Error error = {0};
    if (whole_parse(
            arena,
            "{\"name\":\"Dé\",\"note\":\"no\",\"password\":\"words\",\"port\":1,\"level\":-7,"
            "\"active\":true,\"enabled\":false,\"colour\":\"blue\",\"lasts\":\"1h30m\","
            "\"at\":\"2026-05-04T10:00:00Z\",\"tags\":[\"a\",\"b\",\"a\"],"
            "\"first\":{\"name\":\"f\",\"span\":{\"max\":\"2h\"}},"
            "\"all\":[{\"name\":\"x\",\"privileges\":[\"INSERT\",\"SELECT\"]},"
            "{\"name\":\"y\"}],\"extra\":{\"any\":[1]}}",
            &whole, &error) != STATUS_OK)
        fail_msg("%s", error.message);
    assert_string_equal(whole.name, "Dé");
    assert_string_equal(whole.note, "no");
    assert_string_equal(whole.password, "words");
    assert_int_equal(whole.port, 1);
    assert_int_equal(whole.level, -7);
    assert_true(whole.active);
    assert_false(whole.enabled);
    assert_int_equal(whole.colour, 2);
    assert_int_equal(whole.lasts_s, 5400);
    assert_int_equal(whole.at, 1777888800000);
    assert_int_equal(whole.tags.count, 3); // twice the same is allowed
    assert_string_equal(whole.tags.items[2], "a");
    assert_string_equal(whole.first->name, "f");
    assert_int_equal(whole.first->span->max_s, 7200);
    assert_int_equal(whole.first->span->default_s, 3600);
    assert_int_equal(whole.all.count, 2);
    assert_string_equal(whole.all.items[0].name, "x");
    assert_string_equal(whole.all.items[0].privileges.items[0], "INSERT");
    assert_null(whole.all.items[0].span);
    assert_string_equal(whole.all.items[1].name, "y");
    assert_string_equal(json_text(arena, whole.extra), "{\"any\":[1]}");
}

static void what_is_absent_has_its_default_or_nothing(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Whole whole;
    memset(&whole, 0xAA, sizeof(whole));
    assert_int_equal(whole_parse(arena, "{\"name\":\"\"}", &whole, NULL), STATUS_OK);
    assert_string_equal(whole.name, "");
    assert_string_equal(whole.note, "none");
    assert_null(whole.password);
    assert_int_equal(whole.port, 5432);
    assert_int_equal(whole.level, 0);
    assert_false(whole.active);
    assert_true(whole.enabled);
    assert_int_equal(whole.colour, 1);
    assert_int_equal(whole.lasts_s, 28800);
    assert_int_equal(whole.at, 0);
    assert_int_equal(whole.tags.count, 0);
    assert_null(whole.first); // although its fields have defaults
    assert_int_equal(whole.all.count, 0);
    assert_null(whole.extra);
}

static void defaults_alone(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Whole whole;
    memset(&whole, 0xAA, sizeof(whole));
    shape_default(arena, &WHOLE_SHAPE, &whole);
    assert_null(whole.name);
    assert_string_equal(whole.note, "none");
    assert_int_equal(whole.port, 5432);
    assert_true(whole.enabled);
    assert_int_equal(whole.colour, 1);
    assert_int_equal(whole.lasts_s, 28800);
    assert_null(whole.first);
}

static void what_was_read_outlives_the_json(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Arena *shorter = arena_new();
    json_t *value;
    const char *text =
        "{\"name\":\"n\",\"tags\":[\"t\"],\"extra\":[\"e\"],\"first\":{\"name\":\"f\"}}";
    assert_int_equal(json_read(shorter, text, strlen(text), &value, NULL), STATUS_OK);
    Whole whole;
    assert_int_equal(shape_read(arena, &WHOLE_SHAPE, value, &whole, NULL), STATUS_OK);
    arena_free(shorter);
    assert_string_equal(whole.name, "n");
    assert_string_equal(whole.tags.items[0], "t");
    assert_string_equal(whole.first->name, "f");
    assert_string_equal(json_text(arena, whole.extra), "[\"e\"]");
}

// A fault: what is read, and the code, pointer and message that come of it.
typedef struct Fault {
    const char *text, *code, *pointer, *message;
} Fault;

static void assert_fault(const Fault *expected) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Whole whole;
    Error error = {0};
    if (whole_parse(arena, expected->text, &whole, &error) != STATUS_INVALID)
        fail_msg("accepted %s", expected->text);
    assert_string_equal(error.message, expected->message);
    assert_string_equal(error.code, expected->code);
    assert_string_equal(error.pointer, expected->pointer);
    assert_int_equal(error.status, STATUS_INVALID);
    assert_int_equal(whole_parse(arena, expected->text, &whole, NULL), STATUS_INVALID);
}

static void refuses_bad_values_and_says_what_was_expected(void **state) {
    (void)state;
    static const Fault FAULTS[] = {
        {"[]", "bad_value", "", "expected an object, got a list"},
        {"null", "bad_value", "", "expected an object, got null"},
        {"\"x\"", "bad_value", "", "expected an object, got \"x\""},
        {"{\"name\":1}", "bad_value", "/name", "name: expected a string in quotes, got 1"},
        {"{\"name\":null}", "bad_value", "/name", "name: expected a string, got null"},
        {"{\"name\":\"n\",\"note\":\"\"}", "bad_value", "/note",
         "note: expected a string that is not empty, got \"\""},
        {"{\"name\":\"n\",\"note\":\"x\"}", "bad_value", "/note",
         "note: expected a string of at least 2 bytes, got \"x\""},
        {"{\"name\":\"n\",\"port\":0}", "bad_value", "/port",
         "port: expected a whole number from 1 to 65535, got 0"},
        {"{\"name\":\"n\",\"port\":65536}", "bad_value", "/port",
         "port: expected a whole number from 1 to 65535, got 65536"},
        {"{\"name\":\"n\",\"port\":1.0}", "bad_value", "/port",
         "port: expected a whole number, got 1"},
        {"{\"name\":\"n\",\"port\":\"1\"}", "bad_value", "/port",
         "port: expected a whole number, got \"1\""},
        {"{\"name\":\"n\",\"port\":false}", "bad_value", "/port",
         "port: expected a whole number, got false"},
        {"{\"name\":\"n\",\"port\":true}", "bad_value", "/port",
         "port: expected a whole number, got true"},
        {"{\"name\":\"n\",\"active\":1}", "bad_value", "/active",
         "active: expected true or false, got 1"},
        {"{\"name\":\"n\",\"active\":\"true\"}", "bad_value", "/active",
         "active: expected true or false, got \"true\""},
        {"{\"name\":\"n\",\"colour\":\"Red\"}", "bad_value", "/colour",
         "colour: expected one of red, green or blue, got \"Red\""},
        {"{\"name\":\"n\",\"colour\":0}", "bad_value", "/colour",
         "colour: expected one of red, green or blue, got 0"},
        {"{\"name\":\"n\",\"at\":\"yesterday\"}", "bad_value", "/at",
         "at: expected a time such as 2026-05-04T10:00:00Z (RFC 3339, years 1970 to 9999), got "
         "\"yesterday\""},
        {"{\"name\":\"n\",\"at\":5}", "bad_value", "/at",
         "at: expected a time such as 2026-05-04T10:00:00Z (RFC 3339, years 1970 to 9999), got 5"},
        {"{\"name\":\"n\",\"tags\":\"a\"}", "bad_value", "/tags",
         "tags: expected a list, got \"a\""},
        {"{\"name\":\"n\",\"tags\":[\"a\",7]}", "bad_value", "/tags/1",
         "tags/1: expected a string in quotes, got 7"},
        {"{\"name\":\"n\",\"tags\":[\"A b\"]}", "bad_value", "/tags/0",
         "tags/0: expected small letters and dashes, got \"A b\""},
        {"{\"name\":\"n\",\"first\":{\"name\":\"x\",\"privileges\":[\"SELECT\",\"DROP\"]}}",
         "bad_value", "/first/privileges/1",
         "first/privileges/1: expected one of SELECT or INSERT, got \"DROP\""},
        {"{\"name\":\"n\",\"first\":{\"name\":\"x\",\"privileges\":[\"SELECT\",\"SELECT\","
         "\"SELECT\",\"SELECT\"]}}",
         "bad_value", "/first/privileges",
         "first/privileges: expected a list of at most 3 items, got 4"},
        {"{\"name\":\"n\",\"first\":[]}", "bad_value", "/first",
         "first: expected an object, got a list"},
        {"{\"name\":\"n\",\"first\":null}", "bad_value", "/first",
         "first: expected an object, got null"},
        {"{\"name\":\"n\",\"all\":{}}", "bad_value", "/all", "all: expected a list, got an object"},
        {"{\"name\":\"n\",\"all\":[{\"name\":\"x\"},{\"name\":\"ninechars\"}]}", "bad_value",
         "/all/1/name", "all/1/name: expected a string of at most 8 bytes, got \"ninechars\""},
    };
    for (size_t i = 0; i < COUNT_OF(FAULTS); i++)
        assert_fault(&FAULTS[i]);
}

static void refuses_bad_durations(void **state) {
    (void)state;
    static const char *const BAD[] = {"-1h", "0s", "1e9h", "", "forever"};
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        char text[256], message[256];
        snprintf(text, sizeof(text),
                 "{\"name\":\"n\",\"all\":[{\"name\":\"x\",\"span\":{\"max\":\"%s\"}}]}", BAD[i]);
        snprintf(message, sizeof(message),
                 "all/0/span/max: expected a duration such as 30m, 8h or 1h30m (d, h, m and s in "
                 "this order, whole numbers, at most 3650d), got \"%s\"",
                 BAD[i]);
        assert_fault(&(Fault){text, "bad_value", "/all/0/span/max", message});
    }
    static const Fault BOUNDS[] = {
        {"{\"name\":\"n\",\"first\":{\"name\":\"x\",\"span\":{\"max\":\"59s\"}}}", "bad_value",
         "/first/span/max", "first/span/max: expected a duration from 1m to 1d, got \"59s\""},
        {"{\"name\":\"n\",\"first\":{\"name\":\"x\",\"span\":{\"max\":\"25h\"}}}", "bad_value",
         "/first/span/max", "first/span/max: expected a duration from 1m to 1d, got \"25h\""},
        {"{\"name\":\"n\",\"lasts\":28800}", "bad_value", "/lasts",
         "lasts: expected a duration such as 30m, 8h or 1h30m (d, h, m and s in this order, whole "
         "numbers, at most 3650d), got 28800"},
    };
    for (size_t i = 0; i < COUNT_OF(BOUNDS); i++)
        assert_fault(&BOUNDS[i]);
}

static void reports_what_is_missing(void **state) {
    (void)state;
    static const Fault FAULTS[] = {
        {"{}", "missing_field", "/name", "\"name\" is missing: What it is called"},
        {"{\"name\":\"n\",\"all\":[{}]}", "missing_field", "/all/0/name",
         "all/0: \"name\" is missing"},
        {"{\"name\":\"n\",\"first\":{\"name\":\"f\",\"span\":{}}}", "missing_field",
         "/first/span/max", "first/span: \"max\" is missing: The longest"},
    };
    for (size_t i = 0; i < COUNT_OF(FAULTS); i++)
        assert_fault(&FAULTS[i]);
}

static void refuses_unknown_keys_and_proposes_a_near_one(void **state) {
    (void)state;
    static const Fault FAULTS[] = {
        {"{\"nmae\":\"n\"}", "unknown_field", "/nmae",
         "unknown key \"nmae\"; did you mean \"name\"?"},
        {"{\"title\":\"n\"}", "unknown_field", "/title",
         "unknown key \"title\"; known are name, note, password, port, level, active, enabled, "
         "colour, lasts, at, tags, first, all, extra"},
        {"{\"names\":\"n\"}", "unknown_field", "/names",
         "unknown key \"names\"; did you mean \"name\"?"},
        {"{\"name\":\"n\",\"pasword\":\"x\"}", "unknown_field", "/pasword",
         "unknown key \"pasword\"; did you mean \"password\"?"},
        {"{\"name\":\"n\",\"passwrods\":\"x\"}", "unknown_field", "/passwrods",
         "unknown key \"passwrods\"; did you mean \"password\"?"},
        {"{\"name\":\"n\",\"first\":{\"name\":\"x\",\"span\":{\"maximum\":\"1h\"}}}",
         "unknown_field", "/first/span/maximum",
         "first/span: unknown key \"maximum\"; known are max, default"},
        {"{\"name\":\"n\",\"first\":{\"name\":\"x\",\"spam\":{}}}", "unknown_field", "/first/spam",
         "first: unknown key \"spam\"; did you mean \"span\"?"},
        {"{\"name\":\"n\",\"lasts_s\":1}", "unknown_field", "/lasts_s",
         "unknown key \"lasts_s\"; did you mean \"lasts\"?"},
        // An unknown key says more than the missing one that it was to be.
        {"{\"Name\":\"n\"}", "unknown_field", "/Name",
         "unknown key \"Name\"; did you mean \"name\"?"},
    };
    for (size_t i = 0; i < COUNT_OF(FAULTS); i++)
        assert_fault(&FAULTS[i]);
}

static void pointers_are_escaped(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Whole whole;
    Error error = {0};
    assert_int_equal(whole_parse(arena, "{\"\":1}", &whole, &error), STATUS_INVALID);
    assert_string_equal(error.pointer, "/");
    assert_int_equal(whole_parse(arena, "{\"a/b~c\":1}", &whole, &error), STATUS_INVALID);
    assert_string_equal(error.pointer, "/a~1b~0c");
}

static void echoes_are_short_and_printable(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Whole whole;
    Error error = {0};
    char text[4096];
    char longer[2000];
    for (size_t i = 0; i + 3 < sizeof(longer); i += 3)
        memcpy(longer + i, "€", 4);
    snprintf(text, sizeof(text), "{\"name\":\"n\",\"colour\":\"%s\"}", longer);
    assert_int_equal(whole_parse(arena, text, &whole, &error), STATUS_INVALID);
    const char *got = strstr(error.message, "got \"");
    assert_non_null(got);
    assert_int_equal(strlen(got), 5 + 63 + 3 + 1); // 21 of three bytes, the dots, the quote
    assert_true(text_is_utf8(error.message, strlen(error.message)));
    snprintf(text, sizeof(text), "{\"%s\":1}", longer);
    assert_int_equal(whole_parse(arena, text, &whole, &error), STATUS_INVALID);
    assert_true(strlen(error.message) < 300);
    assert_true(text_is_utf8(error.pointer, strlen(error.pointer)));
    assert_true(strlen(error.pointer) > sizeof(error.pointer) - 8);
    assert_int_equal(
        whole_parse(arena, "{\"name\":\"n\",\"colour\":\"a\\u001b[2J\\n\\u202e\"}", &whole, &error),
        STATUS_INVALID);
    assert_non_null(strstr(error.message, "got \"a?[2J??\""));
    assert_int_equal(whole_parse(arena, "{\"k\\n\\u001b\":1}", &whole, &error), STATUS_INVALID);
    assert_non_null(strstr(error.message, "unknown key \"k??\""));
}

static void secrets_are_not_echoed(void **state) {
    (void)state;
    static const Fault FAULTS[] = {
        {"{\"name\":\"n\",\"password\":\"abc\"}", "bad_value", "/password",
         "password: expected a string of at least 4 bytes"},
        {"{\"name\":\"n\",\"password\":\"abcdefghijk\"}", "bad_value", "/password",
         "password: expected a string of at most 10 bytes"},
        {"{\"name\":\"n\",\"password\":\"Capital\"}", "bad_value", "/password",
         "password: expected small letters and dashes"},
        {"{\"name\":\"n\",\"password\":12345}", "bad_value", "/password",
         "password: expected a string in quotes"},
    };
    for (size_t i = 0; i < COUNT_OF(FAULTS); i++)
        assert_fault(&FAULTS[i]);
}

static void strings_have_a_ceiling_without_being_asked(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Whole whole;
    char longer[1026];
    memset(longer, 'a', sizeof(longer));
    longer[1024] = '\0';
    assert_int_equal(
        whole_parse(arena, arena_printf(arena, "{\"name\":\"%s\"}", longer), &whole, NULL),
        STATUS_OK);
    assert_int_equal(whole_parse(arena,
                                 arena_printf(arena, "{\"name\":\"n\",\"tags\":[\"%s\"]}", longer),
                                 &whole, NULL),
                     STATUS_OK);
    longer[1024] = 'a';
    longer[1025] = '\0';
    Error error = {0};
    assert_int_equal(
        whole_parse(arena, arena_printf(arena, "{\"name\":\"%s\"}", longer), &whole, &error),
        STATUS_INVALID);
    assert_non_null(strstr(error.message, "at most 1024 bytes"));
    assert_int_equal(whole_parse(arena,
                                 arena_printf(arena, "{\"name\":\"n\",\"tags\":[\"%s\"]}", longer),
                                 &whole, &error),
                     STATUS_INVALID);
    assert_string_equal(error.pointer, "/tags/0");
}

static json_t *list_of(Arena *arena, size_t count, const char *item) {
    json_t *list = json_keep(arena, json_array());
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_loads(item, JSON_DECODE_ANY, NULL));
    return list;
}

static Status read_with(Arena *arena, const Shape *shape, const char *key, json_t *list, void *into,
                        Error *reterr) {
    json_t *object = json_keep(arena, json_pack("{s:s,s:O}", "name", "n", key, list));
    return shape_read(arena, shape, object, into, reterr);
}

static void lists_have_a_ceiling_without_being_asked(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Whole whole;
    Error error = {0};
    assert_int_equal(
        read_with(arena, &WHOLE_SHAPE, "tags", list_of(arena, 1000, "\"a\""), &whole, NULL),
        STATUS_OK);
    assert_int_equal(whole.tags.count, 1000);
    assert_int_equal(
        read_with(arena, &WHOLE_SHAPE, "tags", list_of(arena, 1001, "\"a\""), &whole, &error),
        STATUS_INVALID);
    assert_string_equal(error.message, "tags: expected a list of at most 1000 items, got 1001");
    static const Field FIELDS[] = {
        {FIELD(Whole, name, STRING)},
        {FIELD(Whole, all, OBJECTS), .shape = &ITEM_SHAPE, .min = 1},
    };
    static const Shape SHAPE_OF_MANY = SHAPE("Many", Whole, FIELDS, NULL);
    assert_int_equal(read_with(arena, &SHAPE_OF_MANY, "all",
                               list_of(arena, 10000, "{\"name\":\"a\"}"), &whole, NULL),
                     STATUS_OK);
    assert_int_equal(whole.all.count, 10000);
    assert_string_equal(whole.all.items[9999].name, "a");
    assert_int_equal(read_with(arena, &SHAPE_OF_MANY, "all",
                               list_of(arena, 10001, "{\"name\":\"a\"}"), &whole, &error),
                     STATUS_INVALID);
    assert_string_equal(error.message, "all: expected a list of at most 10000 items, got 10001");
    assert_int_equal(read_with(arena, &SHAPE_OF_MANY, "all", list_of(arena, 0, ""), &whole, &error),
                     STATUS_INVALID);
    assert_string_equal(error.message, "all: expected a list of at least 1 item, got 0");
}

static void strings_with_nul_are_refused_however_they_were_made(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Whole whole;
    Error error = {0};
    json_t *object = json_keep(arena, json_object());
    json_object_set_new(object, "name", json_stringn("a\0b", 3));
    assert_int_equal(shape_read(arena, &WHOLE_SHAPE, object, &whole, &error), STATUS_INVALID);
    assert_string_equal(error.pointer, "/name");
    json_object_set_new(object, "name", json_string("n"));
    json_object_set_new(object, "colour", json_stringn("red\0x", 5));
    assert_int_equal(shape_read(arena, &WHOLE_SHAPE, object, &whole, &error), STATUS_INVALID);
    assert_string_equal(error.pointer, "/colour");
    json_object_del(object, "colour");
    json_object_set_new(object, "lasts", json_stringn("1h\0x", 4));
    assert_int_equal(shape_read(arena, &WHOLE_SHAPE, object, &whole, &error), STATUS_INVALID);
    assert_string_equal(error.pointer, "/lasts");
}

static void null_is_a_value_where_any_json_is(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Whole whole;
    assert_int_equal(whole_parse(arena, "{\"name\":\"n\",\"extra\":null}", &whole, NULL),
                     STATUS_OK);
    assert_true(json_is_null(whole.extra));
}

typedef struct Tree {
    const struct Tree *inner_tree;
} Tree;
extern const Shape TREE_SHAPE;
static const Field TREE_FIELDS[] = {{FIELD(Tree, inner_tree, OBJECT), .shape = &TREE_SHAPE}};
const Shape TREE_SHAPE = SHAPE("Tree", Tree, TREE_FIELDS, NULL);

static void a_shape_within_itself_is_bounded_in_depth(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    json_t *value = json_object();
    for (int i = 0; i < JSON_MAX_DEPTH; i++)
        value = json_pack("{s:o}", "inner_tree", value);
    Tree tree;
    Error error = {0};
    json_keep(arena, value);
    assert_int_equal(shape_read(arena, &TREE_SHAPE, value, &tree, &error), STATUS_OK);
    value = json_keep(arena, json_pack("{s:O}", "inner_tree", value));
    assert_int_equal(shape_read(arena, &TREE_SHAPE, value, &tree, &error), STATUS_INVALID);
    assert_string_equal(error.code, "bad_value");
    assert_non_null(strstr(error.message, "nested too deep"));
}

static void a_long_pointer_is_cut_between_characters(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    char key[400];
    for (size_t shift = 0; shift < 3; shift++) {
        memset(key, 'x', shift);
        for (size_t i = shift; i + 3 < sizeof(key); i += 3)
            memcpy(key + i, "€", 4);
        Whole whole;
        Error error = {0};
        const char *text = arena_printf(arena, "{\"%s\":1}", key);
        assert_int_equal(whole_parse(arena, text, &whole, &error), STATUS_INVALID);
        assert_true(text_is_utf8(error.pointer, strlen(error.pointer)));
        assert_true(strlen(error.pointer) > sizeof(error.pointer) - 8);
        assert_memory_equal(error.pointer + 1, key, strlen(error.pointer) - 1);
    }
}

static void a_place_too_deep_for_the_pointer_is_cut(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    json_t *value = json_pack("{s:i}", "no", 1);
    for (int i = 1; i < JSON_MAX_DEPTH; i++)
        value = json_pack("{s:o}", "inner_tree", value);
    Tree tree;
    Error error = {0};
    assert_int_equal(shape_read(arena, &TREE_SHAPE, json_keep(arena, value), &tree, &error),
                     STATUS_INVALID);
    assert_string_equal(error.code, "unknown_field");
    assert_true(text_starts_with(error.pointer, "/inner_tree/inner_tree/"));
    assert_true(strlen(error.pointer) > sizeof(error.pointer) - 4);
}

static void an_object_that_knows_no_key_says_so(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    static const Shape EMPTY = {.name = "Empty", .size = sizeof(Whole)};
    Whole whole;
    Error error = {0};
    assert_int_equal(shape_parse(arena, &EMPTY, "{}", 2, &whole, NULL), STATUS_OK);
    assert_int_equal(shape_parse(arena, &EMPTY, "{\"a\":1}", 7, &whole, &error), STATUS_INVALID);
    assert_string_equal(error.message, "unknown key \"a\"; none is known here");
}

static void times_may_have_bounds(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    static const Field FIELDS[] = {{FIELD(Whole, at, TIME), .min = 1000, .max = 2000}};
    static const Shape BOUNDED = SHAPE("Bounded", Whole, FIELDS, NULL);
    Whole whole;
    Error error = {0};
    const char *text = "{\"at\":\"1970-01-01T00:00:02Z\"}";
    assert_int_equal(shape_parse(arena, &BOUNDED, text, strlen(text), &whole, NULL), STATUS_OK);
    text = "{\"at\":\"1970-01-01T00:00:03Z\"}";
    assert_int_equal(shape_parse(arena, &BOUNDED, text, strlen(text), &whole, &error),
                     STATUS_INVALID);
    assert_string_equal(error.message, "at: expected a time from 1970-01-01T00:00:01.000Z to "
                                       "1970-01-01T00:00:02.000Z, got \"1970-01-01T00:00:03Z\"");
}

static void empty_lists_are_accepted(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Whole whole;
    assert_int_equal(whole_parse(arena, "{\"name\":\"n\",\"tags\":[],\"all\":[]}", &whole, NULL),
                     STATUS_OK);
    assert_int_equal(whole.tags.count, 0);
    assert_int_equal(whole.all.count, 0);
}

static void set_defaults(void *shape) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Whole whole;
    shape_default(arena, shape, &whole);
}

static void a_default_that_its_field_refuses_ends_the_process(void **state) {
    (void)state;
    static const Field FIELDS[] = {
        {FIELD(Whole, port, INT), .min = 1, .max = 10, .default_text = "11"},
        {FIELD(Whole, port, INT), .default_text = "ten"},
        {FIELD(Whole, enabled, BOOL), .default_text = "yes"},
        {FIELD(Whole, colour, ENUM), .names = &COLOURS, .default_text = "pink"},
        {FIELD(Whole, lasts_s, DURATION), .default_text = "8"},
        {FIELD(Whole, tags, STRINGS), .default_text = "a"},
    };
    for (size_t i = 0; i < COUNT_OF(FIELDS); i++) {
        Shape wrong = {
            .name = "Wrong", .size = sizeof(Whole), .fields = &FIELDS[i], .field_count = 1};
        assert_true(dies(set_defaults, &wrong));
    }
}

static void bounds_may_be_open_above(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    static const Field FIELDS[] = {{FIELD(Whole, level, INT), .min = 3}};
    static const Shape OPEN = SHAPE("Open", Whole, FIELDS, NULL);
    Whole whole;
    Error error = {0};
    const char *text = "{\"level\":9223372036854775807}";
    assert_int_equal(shape_parse(arena, &OPEN, text, strlen(text), &whole, NULL), STATUS_OK);
    assert_int_equal(whole.level, INT64_MAX);
    text = "{\"level\":2}";
    assert_int_equal(shape_parse(arena, &OPEN, text, strlen(text), &whole, &error), STATUS_INVALID);
    assert_string_equal(error.message, "level: expected a whole number from 3 up, got 2");
}

static void parsing_reports_malformed_json(void **state) {
    (void)state;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Whole whole;
    Error error = {0};
    assert_int_equal(whole_parse(arena, "{\"name\":", &whole, &error), STATUS_INVALID);
    assert_string_equal(error.code, "malformed_json");
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(reads_every_kind),
        cmocka_unit_test(what_is_absent_has_its_default_or_nothing),
        cmocka_unit_test(defaults_alone),
        cmocka_unit_test(what_was_read_outlives_the_json),
        cmocka_unit_test(refuses_bad_values_and_says_what_was_expected),
        cmocka_unit_test(refuses_bad_durations),
        cmocka_unit_test(reports_what_is_missing),
        cmocka_unit_test(refuses_unknown_keys_and_proposes_a_near_one),
        cmocka_unit_test(pointers_are_escaped),
        cmocka_unit_test(echoes_are_short_and_printable),
        cmocka_unit_test(secrets_are_not_echoed),
        cmocka_unit_test(strings_have_a_ceiling_without_being_asked),
        cmocka_unit_test(lists_have_a_ceiling_without_being_asked),
        cmocka_unit_test(strings_with_nul_are_refused_however_they_were_made),
        cmocka_unit_test(null_is_a_value_where_any_json_is),
        cmocka_unit_test(a_shape_within_itself_is_bounded_in_depth),
        cmocka_unit_test(a_long_pointer_is_cut_between_characters),
        cmocka_unit_test(a_place_too_deep_for_the_pointer_is_cut),
        cmocka_unit_test(an_object_that_knows_no_key_says_so),
        cmocka_unit_test(times_may_have_bounds),
        cmocka_unit_test(empty_lists_are_accepted),
        cmocka_unit_test(a_default_that_its_field_refuses_ends_the_process),
        cmocka_unit_test(bounds_may_be_open_above),
        cmocka_unit_test(parsing_reports_malformed_json),
    };
    return RUN_CASES(cases);
}
