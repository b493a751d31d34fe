#include "driver/mysql/own_grants.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

#include "base/macros.h"

// As MySQL 9.7 and MariaDB 10.11 show them.
static const char *const LINES[] = {
    "GRANT PROCESS, CREATE USER ON *.* TO `adm`@`%`",
    "GRANT CONNECTION_ADMIN,SHOW_ROUTINE ON *.* TO `adm`@`%`",
    "GRANT SELECT, INSERT ON `shop\\_1`.* TO `adm`@`%` WITH GRANT OPTION",
    "GRANT UPDATE ON `shop%`.* TO `adm`@`%`",
    "GRANT SELECT (`a`, `b ON c`), UPDATE (`a`), DELETE ON `x`.`t` TO `adm`@`%` WITH GRANT OPTION",
    "GRANT EXECUTE ON FUNCTION `x`.`f` TO `adm`@`%` WITH GRANT OPTION",
    "GRANT ALL PRIVILEGES ON `all``of it`.* TO `adm`@`%` WITH GRANT OPTION",
    "GRANT `reader`@`%`,`ro``le`@`%` TO `adm`@`%`",
    "GRANT `giver` TO `adm`@`%` WITH ADMIN OPTION",
    "REVOKE SELECT ON `mysql`.* FROM `adm`@`%`",
    "GRANT PROXY ON ''@'' TO 'adm'@'%' WITH GRANT OPTION",
    "GRANT SELECT",
    "GRANT SELECT ON `cut",
    "nonsense",
    "",
};

static OwnGrants grants_of(Arena *arena) {
    OwnGrants grants = {0};
    for (size_t i = 0; i < COUNT_OF(LINES); i++)
        my_own_grants_add(arena, &grants, LINES[i]);
    return grants;
}

static MyGrant wanted(Arena *arena, int kind, const char *schema, const char *name,
                      const char *word) {
    MyGrant grant = {.kind = kind, .schema = schema, .name = name};
    string_list_add(arena, &grant.words, word);
    return grant;
}

static bool gives(Arena *arena, const OwnGrants *grants, int kind, const char *schema,
                  const char *name, const char *word) {
    MyGrant grant = wanted(arena, kind, schema, name, word);
    return my_own_grants_lacks(arena, grants, &grant).words.count == 0;
}

static void privileges_of_the_server_are_by_their_words(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    OwnGrants grants = grants_of(arena);
    (void)state;
    assert_true(my_own_grants_has(&grants, "PROCESS"));
    assert_true(my_own_grants_has(&grants, "CREATE USER"));
    assert_true(my_own_grants_has(&grants, "SHOW_ROUTINE"));
    assert_false(my_own_grants_has(&grants, "CREATE"));
    assert_false(my_own_grants_has(&grants, "SELECT")); // on schemas alone
    my_own_grants_add(arena, &grants, "GRANT ALL PRIVILEGES ON *.* TO `adm`@`%`");
    assert_true(my_own_grants_has(&grants, "SUPER"));
}

static void roles_are_held_or_to_be_handed_on(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    OwnGrants grants = grants_of(arena);
    (void)state;
    assert_true(my_own_grants_has_role(&grants, "reader", false));
    assert_true(my_own_grants_has_role(&grants, "ro`le", false));
    assert_false(my_own_grants_has_role(&grants, "reader", true));
    assert_true(my_own_grants_has_role(&grants, "giver", true));
    assert_false(my_own_grants_has_role(&grants, "adm", false));
}

static void schemas_match_as_patterns(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    OwnGrants grants = grants_of(arena);
    (void)state;
    assert_true(gives(arena, &grants, MY_SCHEMA, "shop_1", NULL, "SELECT"));
    assert_true(gives(arena, &grants, MY_TABLE, "shop_1", "any", "SELECT"));
    assert_false(gives(arena, &grants, MY_TABLE, "shopx1", "any", "SELECT"));
    assert_false(gives(arena, &grants, MY_TABLE, "SHOP_1", "any", "SELECT"));
    // The word from one level, the option to hand on from another.
    assert_true(gives(arena, &grants, MY_TABLE, "shop_1", "any", "UPDATE"));
    assert_false(gives(arena, &grants, MY_TABLE, "shop_2", "any", "UPDATE"));
    assert_true(gives(arena, &grants, MY_TABLE, "all`of it", "any", "TRIGGER"));
    grants.names_fold = true;
    assert_true(gives(arena, &grants, MY_TABLE, "SHOP_1", "any", "SELECT"));
    grants.patterns_are_names = true;
    assert_false(gives(arena, &grants, MY_TABLE, "shop_1", "any", "UPDATE"));
}

static void objects_match_by_kind_and_name(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    OwnGrants grants = grants_of(arena);
    (void)state;
    assert_true(gives(arena, &grants, MY_TABLE, "x", "t", "DELETE"));
    assert_false(gives(arena, &grants, MY_TABLE, "x", "t", "SELECT")); // of columns alone
    assert_false(gives(arena, &grants, MY_TABLE, "x", "u", "DELETE"));
    assert_true(gives(arena, &grants, MY_FUNCTION, "x", "f", "EXECUTE"));
    assert_false(gives(arena, &grants, MY_PROCEDURE, "x", "f", "EXECUTE"));
    assert_false(gives(arena, &grants, MY_SCHEMA, "x", NULL, "DELETE"));
    assert_false(gives(arena, &grants, MY_SERVER, NULL, NULL, "PROCESS")); // not to be handed on
    MyGrant process = wanted(arena, MY_SERVER, NULL, NULL, "PROCESS");
    assert_int_equal(my_own_grants_lacks_use(arena, &grants, &process).words.count, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(privileges_of_the_server_are_by_their_words),
        cmocka_unit_test(roles_are_held_or_to_be_handed_on),
        cmocka_unit_test(schemas_match_as_patterns),
        cmocka_unit_test(objects_match_by_kind_and_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
