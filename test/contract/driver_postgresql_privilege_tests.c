// What each kind of access gives on PostgreSQL and what not, and how shared roles are kept.
#include "driver_postgresql_shop.h"
#include "driver_postgresql_tests.h"

#include <libpq-fe.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

#include "driver/postgresql/session.h"
#include "driver/postgresql/statement.h"

static int64_t number(Work *work, const char *sql) {
    return pg_number(work->world, NULL, sql);
}

static void allowed(Work *work, const char *sql) {
    if (user_answer(work, sql) != ANSWER_DONE)
        fail_msg("refused: %s", sql);
}

static int64_t server_version(Work *work) {
    return number(work, "SELECT current_setting('server_version_num')::int");
}

static void refused(Work *work, const char *sql) {
    if (user_answer(work, sql) != ANSWER_REFUSED)
        fail_msg("not refused: %s", sql);
}

static void grant_items(Work *work, const AccessItem *items, size_t count) {
    plan_grants(work, items, count);
    must(work, do_grant(work));
}

static void read_only_preset_reads_all_tables_and_views(void **state) {
    Work *work = work_new(*state);
    grant_items(work,
                &(AccessItem){.schema = "app", .all_tables = true, .preset = PRESET_READ_ONLY}, 1);
    allowed(work, "SELECT * FROM app.customers");
    allowed(work, "SELECT * FROM app.names");
    allowed(work, "SELECT * FROM app.secrets");
    refused(work, "INSERT INTO app.customers (name) VALUES ('x')");
    refused(work, "SELECT nextval('app.tickets')");
    must(work, do_revoke(work));
    work_free(work);
}

static void read_write_preset_uses_the_sequences_of_its_tables(void **state) {
    Work *work = work_new(*state);
    AccessItem item = {.schema = "app", .preset = PRESET_READ_WRITE};
    string_list_add(work->arena, &item.tables, "customers");
    grant_items(work, &item, 1);
    allowed(work, "INSERT INTO app.customers (name) VALUES ('Alan')");
    allowed(work, "UPDATE app.customers SET name = name; DELETE FROM app.customers WHERE id < 0");
    refused(work, "SELECT nextval('app.tickets')");
    refused(work, "TRUNCATE app.customers");
    refused(work, "SELECT * FROM app.orders");
    must(work, do_revoke(work));
    work_free(work);
}

static void sequences_are_granted_by_name_and_all(void **state) {
    Work *work = work_new(*state);
    AccessItem item = {.schema = "app"};
    string_list_add(work->arena, &item.sequences, "tickets");
    string_list_add(work->arena, &item.privileges, "USAGE");
    grant_items(work, &item, 1);
    allowed(work, "SELECT nextval('app.tickets')");
    refused(work, "SELECT nextval('app.customers_id_seq')");
    item.sequences.count = 0;
    item.all_sequences = true;
    grant_items(work, &item, 1);
    allowed(work, "SELECT nextval('app.customers_id_seq')");
    must(work, do_revoke(work));
    work_free(work);
}

static void functions_are_granted_by_name_and_by_signature(void **state) {
    Work *work = work_new(*state);
    AccessItem item = {.schema = "app"};
    string_list_add(work->arena, &item.privileges, "EXECUTE");
    string_list_add(work->arena, &item.functions, "twice(int4)");
    grant_items(work, &item, 1);
    allowed(work, "SELECT app.twice(2)");
    refused(work, "SELECT app.twice('2'::text)");
    item.functions.count = 0;
    string_list_add(work->arena, &item.functions, "twice");
    grant_items(work, &item, 1);
    allowed(work, "SELECT app.twice(2), app.twice('2'::text)");
    static const char *const WRONG[] = {"thrice", "twice(date)", "twice(no_such_type)", "twice(;)"};
    for (size_t i = 0; i < COUNT_OF(WRONG); i++) {
        item.functions.items[0] = WRONG[i];
        plan_grants(work, &item, 1);
        assert_int_equal(do_grant(work), STATUS_NOT_FOUND);
        item.functions.count = 1;
    }
    must(work, do_revoke(work));
    work_free(work);
}

static void member_of_an_existing_role_cannot_hand_it_on(void **state) {
    Work *work = work_new(*state);
    grant_items(work, &(AccessItem){.role = work->world->role}, 1);
    allowed(work, "SELECT * FROM app.secrets");
    refused(work, "SELECT * FROM app.customers");
    refused(work, text_of(work, "GRANT %s TO %s", work->world->role, work->world->custodian));
    must(work, do_revoke(work));
    work_free(work);
}

static const CheckItem *check_item_about(Work *work, int result, const char *part) {
    CheckReport report = {0};
    const Plan *plans[] = {work->plan};
    work->world->engine->driver->check(&work->world->login, work->arena, plans, 1, &report);
    const CheckItem *items = report.items; // the arena's, not the report's
    for (size_t i = 0; i < report.count; i++)
        if (items[i].result == result && strstr(items[i].found, part) != NULL)
            return &items[i];
    return NULL;
}

// The owner of a table may give it away, and so may whoever is given the owner's role.
static void role_that_owns_objects_is_warned_of(void **state) {
    Work *work = work_new(*state);
    const char *owner = text_of(work, "owns_%s", work->plan->account);
    const char *above = text_of(work, "above_%s", work->plan->account);
    run_in(work, NULL,
           text_of(work,
                   "CREATE ROLE %s NOLOGIN; CREATE ROLE %s NOLOGIN; GRANT %s TO %s;"
                   "CREATE TABLE app.%s (i int); ALTER TABLE app.%s OWNER TO %s;"
                   "GRANT USAGE ON SCHEMA app TO %s;"
                   "GRANT %s TO %s WITH ADMIN OPTION",
                   owner, above, owner, above, owner, owner, owner, above, above,
                   work->world->login.user));
    grant_items(work, &(AccessItem){.role = work->world->role}, 1);
    assert_false(list_has_part(&work->result.outcome.warnings, "owns objects"));
    assert_null(check_item_about(work, CHECK_WARNING, "owns objects"));
    grant_items(work, &(AccessItem){.role = above}, 1);
    allowed(work, text_of(work, "GRANT SELECT ON app.%s TO %s", owner, work->world->custodian));
    assert_true(list_has_part(&work->result.outcome.warnings, "owns objects"));
    const CheckItem *item = check_item_about(work, CHECK_WARNING, "owns objects");
    assert_non_null(item);
    assert_non_null(strstr(item->found, above));
    must(work, do_revoke(work));
    run_in(work, NULL, text_of(work, "DROP TABLE app.%s", owner));
    work_free(work);
}

static void roles_with_more_than_tables_are_refused(void **state) {
    Work *work = work_new(*state);
    const char *base = work->plan->account;
    run_in(work, NULL,
           text_of(work,
                   "CREATE ROLE %s_super SUPERUSER; CREATE ROLE %s_maker CREATEROLE;"
                   "CREATE ROLE %s_chain; GRANT %s_maker TO %s_chain;"
                   "CREATE ROLE %s_files; GRANT pg_read_server_files TO %s_files;"
                   "CREATE ROLE %s_giver; GRANT %s TO %s_giver WITH ADMIN OPTION;"
                   "CREATE ROLE %s_bypass BYPASSRLS",
                   base, base, base, base, base, base, base, base, work->world->role, base, base));
    static const char *const SUFFIXES[] = {"super", "maker", "chain", "files", "giver", "bypass"};
    for (size_t i = 0; i <= COUNT_OF(SUFFIXES); i++) {
        const char *role = i == COUNT_OF(SUFFIXES) ? work->world->login.user
                                                   : text_of(work, "%s_%s", base, SUFFIXES[i]);
        plan_grants(work, &(AccessItem){.role = role}, 1);
        assert_int_equal(do_grant(work), STATUS_FORBIDDEN);
        assert_int_equal(work->result.failure, FAILURE_REFUSED);
        assert_non_null(strstr(work->error.message, role));
    }
    assert_false(account_listed(work, NULL));
    work_free(work);
}

// Whoever acts as a role may change its password, and could come back by it.
static void role_that_can_log_in_is_refused_where_members_may_act_as_it(void **state) {
    Work *work = work_new(*state);
    const char *role = text_of(work, "person_%s", work->plan->account);
    const char *above = text_of(work, "team_%s", work->plan->account);
    run_in(work, NULL,
           text_of(work,
                   "CREATE ROLE %s LOGIN PASSWORD 'theirs'; CREATE ROLE %s NOLOGIN;"
                   "GRANT %s TO %s; GRANT %s, %s TO %s WITH ADMIN OPTION",
                   role, above, role, above, role, above, work->world->login.user));
    const char *roles[] = {role, above};
    for (size_t i = 0; i < COUNT_OF(roles); i++) {
        AccessItem item = {.role = roles[i]};
        plan_grants(work, &item, 1);
        if (server_version(work) < 160000) {
            assert_int_equal(do_grant(work), STATUS_FORBIDDEN);
            assert_int_equal(work->result.failure, FAILURE_REFUSED);
            assert_string_equal(work->error.code, "role_refused");
            assert_non_null(strstr(work->error.message, "LOGIN"));
            continue;
        }
        must(work, do_grant(work));
        refused(work, text_of(work, "SET ROLE %s", role));
        must(work, do_revoke(work));
    }
    work_free(work);
}

static void role_of_another_temporary_account_is_refused(void **state) {
    Work *first = work_new(*state);
    Work *second = work_new(*state);
    must(first, do_grant(first));
    plan_grants(second, &(AccessItem){.role = first->plan->account}, 1);
    assert_int_equal(do_grant(second), STATUS_FORBIDDEN);
    assert_int_equal(second->result.failure, FAILURE_REFUSED);
    must(first, do_revoke(first));
    work_free(first);
    work_free(second);
}

static void schemas_of_the_server_are_refused(void **state) {
    Work *work = work_new(*state);
    static const char *const SCHEMAS[] = {"pg_catalog", "information_schema", "pg_toast"};
    for (size_t i = 0; i < COUNT_OF(SCHEMAS); i++) {
        plan_grants(
            work,
            &(AccessItem){.schema = SCHEMAS[i], .all_tables = true, .preset = PRESET_READ_ONLY}, 1);
        assert_int_equal(do_grant(work), STATUS_FORBIDDEN);
        assert_int_equal(work->result.failure, FAILURE_REFUSED);
    }
    work_free(work);
}

static void future_tables_are_included_where_the_admin_may(void **state) {
    Work *work = work_new(*state);
    const char *schema = text_of(work, "future_%s", work->plan->account);
    const char *owner = text_of(work, "maker_%s", work->plan->account);
    run_in(work, NULL,
           text_of(work,
                   "CREATE ROLE %s; CREATE SCHEMA %s AUTHORIZATION %s;"
                   "GRANT USAGE ON SCHEMA %s TO %s WITH GRANT OPTION",
                   owner, schema, owner, schema, work->world->login.user));
    AccessItem item = {
        .schema = schema, .all_tables = true, .future_tables = true, .preset = PRESET_READ_WRITE};
    grant_items(work, &item, 1);
    if (work->world->limited_admin) {
        assert_int_equal(work->result.outcome.warnings.count, 1);
        run_in(work, NULL, text_of(work, "GRANT %s TO %s", owner, work->world->login.user));
        grant_items(work, &item, 1);
    }
    assert_int_equal(work->result.outcome.warnings.count, 0);
    run_in(work, NULL,
           text_of(work, "SET ROLE %s; CREATE TABLE %s.t (i serial); RESET ROLE", owner, schema));
    allowed(work, text_of(work, "INSERT INTO %s.t DEFAULT VALUES", schema));
    must(work, do_revoke(work));
    work_free(work);
}

static void privilege_of_a_newer_server_is_unsupported(void **state) {
    Work *work = work_new(*state);
    AccessItem item = select_on(work->arena, work->world, "customers");
    item.privileges.count = 0;
    string_list_add(work->arena, &item.privileges, "MAINTAIN");
    plan_grants(work, &item, 1);
    Status status = do_grant(work);
    bool knows = number(work, "SELECT current_setting('server_version_num')") >= 170000;
    if (!knows) {
        assert_int_equal(status, STATUS_UNSUPPORTED);
        assert_int_equal(work->result.failure, FAILURE_UNSUPPORTED);
    } else if (work->world->limited_admin) {
        assert_int_equal(work->result.failure, FAILURE_DENIED); // it was not given that one
    } else {
        must(work, status);
        allowed(work, "VACUUM app.customers");
    }
    must(work, do_revoke(work));
    work_free(work);
}

// The name of the account's shared role; NULL in direct mode.
static const char *shared_role_of(Work *work) {
    FailureClass failure;
    const char *parameters[] = {work->plan->account};
    PGresult *result = NULL;
    Status status = pg_session_run(
        work->session,
        &(Query){.doing = "looking",
                 .sql =
                     "SELECT r.rolname FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid"
                     " JOIN pg_roles u ON u.oid = m.member WHERE u.rolname = $1"
                     " AND r.rolname LIKE 'daypass%'",
                 .parameters = parameters,
                 .parameter_count = 1},
        &result, &failure, &work->error);
    assert_int_equal(status, STATUS_OK);
    const char *role =
        PQntuples(result) == 0 ? NULL : arena_strdup(work->arena, PQgetvalue(result, 0, 0));
    PQclear(result);
    return role;
}

static void equal_plans_share_one_role_and_direct_ones_none(void **state) {
    Work *one = work_new(*state);
    Work *two = work_new(*state);
    Work *other = work_new(*state);
    AccessItem orders = select_on(other->arena, other->world, "orders");
    plan_grants(other, &orders, 1);
    must(one, do_grant(one));
    must(two, do_grant(two));
    must(other, do_grant(other));
    const char *role = shared_role_of(one);
    if (one->world->privilege_mode == PRIVILEGE_DIRECT) {
        assert_null(role);
    } else {
        assert_non_null(role);
        assert_string_equal(role, shared_role_of(two));
        assert_string_not_equal(role, shared_role_of(other));
    }
    must(one, do_revoke(one));
    allowed(two, "SELECT * FROM app.customers"); // one's end is not two's
    must(two, do_revoke(two));
    must(other, do_revoke(other));
    work_free(one);
    work_free(two);
    work_free(other);
}

static void shared_role_with_more_or_less_is_mended_before_use(void **state) {
    Work *first = work_new(*state);
    must(first, do_grant(first));
    const char *role = shared_role_of(first);
    if (role == NULL) { // direct: there is none
        must(first, do_revoke(first));
        work_free(first);
        return;
    }
    // As the admin could have done: what it gave, it can take.
    run_in(first, NULL,
           text_of(first,
                   "SET ROLE %s; GRANT INSERT, UPDATE ON app.customers TO %s;"
                   "GRANT SELECT ON app.orders TO %s WITH GRANT OPTION;"
                   "REVOKE SELECT ON app.customers FROM %s; RESET ROLE",
                   first->world->login.user, role, role, role));
    run_in(first, NULL, text_of(first, "ALTER ROLE %s LOGIN", role));
    Work *second = work_new(*state);
    must(second, do_grant(second));
    assert_string_equal(shared_role_of(second), role);
    allowed(second, "SELECT * FROM app.customers");
    refused(second, "SELECT * FROM app.orders");
    refused(second, "INSERT INTO app.customers (name) VALUES ('x')");
    assert_int_equal(number(second, text_of(second,
                                            "SELECT count(*) FROM pg_roles WHERE rolname = '%s'"
                                            " AND rolcanlogin",
                                            role)),
                     0);
    must(first, do_revoke(first));
    must(second, do_revoke(second));
    work_free(first);
    work_free(second);
}

// A view reads with its owner's privileges: what a member made as the shared role must not outlive
// the grant with them.
static void what_is_made_as_the_shared_role_goes_to_the_custodian(void **state) {
    Work *work = work_new(*state);
    AccessItem items[] = {select_on(work->arena, work->world, "customers"),
                          {.schema = work->world->schema}};
    string_list_add(work->arena, &items[1].privileges, "CREATE");
    plan_grants(work, items, COUNT_OF(items));
    must(work, do_grant(work));
    const char *role = shared_role_of(work);
    const char *view = text_of(work, "peep_%s", work->plan->account);
    Answer made = role == NULL ? ANSWER_REFUSED
                               : user_answer(work, text_of(work,
                                                           "SET ROLE %s; CREATE VIEW app.%s AS"
                                                           " SELECT * FROM app.customers;"
                                                           "GRANT SELECT ON app.%s TO PUBLIC",
                                                           role, view, view));
    assert_int_equal(made == ANSWER_DONE, role != NULL && server_version(work) < 160000);
    must(work, do_revoke(work));
    assert_int_equal(work->result.outcome.obstacles.count, 0);
    const char *owned =
        text_of(work,
                "SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner"
                " WHERE c.relname = '%s' AND r.rolname = '%s'",
                view, work->plan->custodian);
    assert_int_equal(number(work, owned), made == ANSWER_DONE);
    must(work, do_grant(work)); // the shared role is fit to be used again
    must(work, do_revoke(work));
    work_free(work);
}

// Without custodian nobody takes what a member made as the role; then its flow waits for somebody.
static void shared_role_that_owns_something_is_not_used_until_repaired(void **state) {
    Work *first = work_new(*state);
    AccessItem item = select_on(first->arena, first->world, "x");
    plan_grants(first, &item, 1);
    must(first, do_grant(first));
    const char *role = shared_role_of(first);
    if (role == NULL) {
        assert_null(check_item_about(first, CHECK_FAILED, "shared role"));
        must(first, do_revoke(first));
        work_free(first);
        return;
    }
    assert_null(check_item_about(first, CHECK_FAILED, role));
    run_in(first, NULL,
           text_of(first, "CREATE TABLE app.of_%s (i int); ALTER TABLE app.of_%s OWNER TO %s",
                   first->plan->account, first->plan->account, role));
    const char *owned = text_of(first, "app.of_%s", first->plan->account);
    Work *second = work_new(*state);
    plan_grants(second, &item, 1);
    assert_int_equal(do_grant(second), STATUS_CONFLICT);
    assert_string_equal(second->error.code, "shared_role_altered");
    assert_non_null(strstr(second->error.message, owned));
    assert_false(account_listed(second, NULL));
    const Obstacles *obstacles = &second->result.outcome.obstacles;
    assert_int_equal(obstacles->count, 1);
    assert_non_null(strstr(obstacles->items[0].what, owned));
    assert_non_null(strstr(second->error.message, obstacles->items[0].repair));
    const CheckItem *found = check_item_about(second, CHECK_FAILED, owned);
    assert_non_null(found);
    assert_string_equal(found->repair, obstacles->items[0].repair);
    // What it says is what helps.
    run_in(first, NULL, found->repair);
    assert_null(check_item_about(second, CHECK_FAILED, role));
    must(second, do_grant(second));
    run_in(first, NULL, text_of(first, "DROP TABLE %s", owned));
    must(second, do_revoke(second));
    must(first, do_revoke(first));
    work_free(second);
    work_free(first);
}

// Privileges in another database are not seen by its access lists, and end by another statement.
static void shared_role_with_more_in_another_database_is_not_used_until_repaired(void **state) {
    Work *work = work_new(*state);
    AccessItem item = select_on(work->arena, work->world, "x");
    plan_grants(work, &item, 1);
    must(work, do_grant(work));
    const char *role = shared_role_of(work);
    must(work, do_revoke(work));
    if (role != NULL) {
        const char *beside = work->world->other_database;
        const char *table = text_of(work, "kept_%s", work->plan->account);
        pg_run(
            work->world, beside,
            text_of(work, "CREATE TABLE %s (i int); GRANT SELECT ON %s TO %s", table, table, role));
        assert_int_equal(do_grant(work), STATUS_CONFLICT);
        assert_string_equal(work->error.code, "shared_role_altered");
        const CheckItem *found = check_item_about(work, CHECK_FAILED, beside);
        assert_non_null(found);
        pg_run(work->world, beside, found->repair);
        pg_run(work->world, beside, text_of(work, "DROP TABLE %s", table));
        must(work, do_grant(work));
        must(work, do_revoke(work));
    }
    work_free(work);
}

static void unused_shared_roles_are_removed_when_they_are_old(void **state) {
    Work *work = work_new(*state);
    AccessItem item = select_on(work->arena, work->world, "back\\slash\\");
    plan_grants(work, &item, 1);
    must(work, do_grant(work));
    const char *role = shared_role_of(work);
    must(work, do_revoke(work));
    if (role != NULL) {
        const char *count =
            text_of(work, "SELECT count(*) FROM pg_roles WHERE rolname = '%s'", role);
        assert_int_equal(number(work, count), 1); // new: the next grant is quick
        run_in(work, NULL,
               text_of(work,
                       "DO $$ BEGIN EXECUTE format('COMMENT ON ROLE %s IS %%L', regexp_replace("
                       "shobj_description('%s'::regrole, 'pg_authid'),"
                       " '\"made\":\"[^\"]*\"', '\"made\":\"2020-01-01T00:00:00Z\"')); END $$",
                       role, role));
        must(work, do_revoke(work));
        // Sweeping waits for nobody, so one round may find another's lock; there is none here.
        assert_int_equal(number(work, count), 0);
    }
    work_free(work);
}

static void quoting_agrees_with_libpq(void **state) {
    Work *work = work_new(*state);
    PGconn *connection = work->session->connection;
    static const char *const NAMES[] = {
        "plain",    "Upper", "qu\"ote",        "\"\"", "'",  "''",          "\\",     "\\'",
        "a;b--c/*", " ",     "t\xc3\xa4glich", "$1",   "$$", "line\nbreak", "select", "%s%n",
    };
    for (size_t i = 0; i < COUNT_OF(NAMES); i++) {
        char *identifier = PQescapeIdentifier(connection, NAMES[i], strlen(NAMES[i]));
        char *literal = PQescapeLiteral(connection, NAMES[i], strlen(NAMES[i]));
        assert_string_equal(pg_sql_identifier(work->arena, NAMES[i]), identifier);
        // libpq puts a space before E'…', to be safe after a keyword.
        assert_string_equal(pg_sql_literal(work->arena, NAMES[i]), literal + strspn(literal, " "));
        PQfreemem(identifier);
        PQfreemem(literal);
    }
    work_free(work);
}

static const ContractTest TESTS[] = {
    CONTRACT_TEST(read_only_preset_reads_all_tables_and_views, EVERYWHERE),
    CONTRACT_TEST(read_write_preset_uses_the_sequences_of_its_tables, EVERYWHERE),
    CONTRACT_TEST(sequences_are_granted_by_name_and_all, EVERYWHERE),
    CONTRACT_TEST(functions_are_granted_by_name_and_by_signature, EVERYWHERE),
    CONTRACT_TEST(member_of_an_existing_role_cannot_hand_it_on, EVERYWHERE),
    CONTRACT_TEST(role_that_owns_objects_is_warned_of, CROSSED | SAMPLED),
    CONTRACT_TEST(roles_with_more_than_tables_are_refused, CROSSED | SAMPLED),
    CONTRACT_TEST(role_of_another_temporary_account_is_refused, CROSSED | SAMPLED),
    CONTRACT_TEST(role_that_can_log_in_is_refused_where_members_may_act_as_it, CROSSED | SAMPLED),
    CONTRACT_TEST(schemas_of_the_server_are_refused, CROSSED | SAMPLED),
    CONTRACT_TEST(future_tables_are_included_where_the_admin_may, EVERYWHERE),
    CONTRACT_TEST(privilege_of_a_newer_server_is_unsupported, EVERYWHERE),
    CONTRACT_TEST(equal_plans_share_one_role_and_direct_ones_none, EVERYWHERE),
    CONTRACT_TEST(shared_role_with_more_or_less_is_mended_before_use, WITH_SHARED_ROLE),
    CONTRACT_TEST(what_is_made_as_the_shared_role_goes_to_the_custodian, EVERYWHERE),
    CONTRACT_TEST(shared_role_that_owns_something_is_not_used_until_repaired, WITH_SHARED_ROLE),
    CONTRACT_TEST(shared_role_with_more_in_another_database_is_not_used_until_repaired,
                  WITH_SHARED_ROLE),
    CONTRACT_TEST(unused_shared_roles_are_removed_when_they_are_old, WITH_SHARED_ROLE),
    CONTRACT_TEST(quoting_agrees_with_libpq, ONCE),
};
const ContractSuite POSTGRESQL_PRIVILEGE_SUITE = {TESTS, COUNT_OF(TESTS)};
