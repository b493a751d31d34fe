// What is read out of texts of the server: connections, versions, how keys begin.
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

#include "driver/redis/clients.h"
#include "driver/redis/discover.h"

static const char CLIENTS[] =
    "id=3 addr=127.0.0.1:1 fd=8 name=user=bob age=5 db=0 cmd=client|list user=default resp=2\n"
    "id=4 addr=10.0.0.7:2 fd=9 name=shop age=12 db=3 cmd=get user=bob resp=2\r\n"
    "id=5 addr=10.0.0.7:3 fd=9 name= age=1 db=0 cmd=NULL user=bobby resp=2\n"
    "id=6 addr=10.0.0.7:4 fd=9 name= age=1 db=0 cmd=NULL user=bob";

static void connections_of_one_user_are_counted(void **state) {
    (void)state;
    assert_int_equal(redis_clients_count(CLIENTS, "bob"), 2);
    assert_int_equal(redis_clients_count(CLIENTS, "bobby"), 1);
    assert_int_equal(redis_clients_count(CLIENTS, "bo"), 0);
    assert_int_equal(redis_clients_count("", "bob"), 0);
}

static void connections_are_told_as_people_read_them(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    StringList lines = redis_clients_describe(arena, CLIENTS, "bob", 10);
    assert_int_equal(lines.count, 2);
    assert_string_equal(lines.items[0], "shop from 10.0.0.7:2 in database 3, since 12 s");
    assert_string_equal(lines.items[1],
                        "a program without a name from 10.0.0.7:4 in database 0, since 1 s");
    assert_int_equal(redis_clients_describe(arena, CLIENTS, "bob", 1).count, 1);
}

static void versions_are_numbers(void **state) {
    (void)state;
    assert_int_equal(redis_version_parse("7.0.15"), 70015);
    assert_int_equal(redis_version_parse("6.2.14-debian"), 60214);
    assert_int_equal(redis_version_parse("8"), 80000);
    assert_int_equal(redis_version_parse("255.255.255"), 0); // of a build that has none
    assert_int_equal(redis_version_parse("unstable"), 0);
    assert_int_equal(redis_version_parse(""), 0);
}

static void info_is_read_by_line(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    static const char INFO[] = "# Server\r\nredis_version:7.0.15\r\nxrole:no\r\nrole:master\r\n";
    assert_string_equal(redis_info_field(arena, INFO, "role"), "master");
    assert_string_equal(redis_info_field(arena, INFO, "redis_version"), "7.0.15");
    assert_null(redis_info_field(arena, INFO, "version"));
    assert_null(redis_info_field(arena, "", "role"));
}

static void keys_begin_as_patterns_can_have_it(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    static const char *const NONE[] = {"plain", ":a",    "a b:c",  "a*:c",   "a?:c",
                                       "[a]:c", "a\\:c", "a\nb:c", "\xff:c", ""};
    assert_string_equal(redis_key_prefix(arena, "cache:user:7", 12), "cache:*");
    assert_string_equal(redis_key_prefix(arena, "cache:", 6), "cache:*");
    assert_null(redis_key_prefix(arena, "cache:user", 5)); // the colon is not in it
    for (size_t i = 0; i < COUNT_OF(NONE); i++)
        assert_null(redis_key_prefix(arena, NONE[i], strlen(NONE[i])));
    assert_null(redis_key_prefix(arena, "a\0b:c", 5));
    char longer[100];
    memset(longer, 'a', sizeof longer);
    longer[sizeof longer - 1] = ':';
    assert_null(redis_key_prefix(arena, longer, sizeof longer));
}

static void evidence_has_no_hash(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    (void)state;
    assert_string_equal(redis_command_shown(arena, redis_words(arena, "ACL", "SETUSER", "#x", "on",
                                                               "#12ab", "~#a", "+get", NULL)),
                        "ACL SETUSER #x on #(elided) ~#a +get");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_of_one_user_are_counted),
        cmocka_unit_test(connections_are_told_as_people_read_them),
        cmocka_unit_test(versions_are_numbers),
        cmocka_unit_test(info_is_read_by_line),
        cmocka_unit_test(keys_begin_as_patterns_can_have_it),
        cmocka_unit_test(evidence_has_no_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
