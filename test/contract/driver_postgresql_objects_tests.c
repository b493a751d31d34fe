// What an account made on PostgreSQL goes to the custodian, whatever it is.
#include "driver_postgresql_shop.h"
#include "driver_postgresql_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

enum { MANY = 250 };

static void prepare_databases(Work *work) {
    const World *world = work->world;
    const char *databases[] = {NULL, world->other_database};
    for (size_t i = 0; i < COUNT_OF(databases); i++) {
        const char *name = i == 0 ? world->target.database : world->other_database;
        run_in(work, databases[i],
               text_of(work,
                       "GRANT CREATE ON DATABASE %s TO %s;"
                       "DO $$ BEGIN CREATE FOREIGN DATA WRAPPER nowhere;"
                       " EXCEPTION WHEN duplicate_object THEN NULL; END $$;"
                       "GRANT USAGE ON FOREIGN DATA WRAPPER nowhere TO %s",
                       name, world->role, world->role));
    }
}

// One of everything that a user without power can own, in a schema of its own.
static const char EVERYTHING_SQL[] =
    "CREATE TABLE plain (id serial PRIMARY KEY, number bigint GENERATED ALWAYS AS IDENTITY,"
    " name text NOT NULL);"
    "INSERT INTO plain (name) SELECT 'row ' || i FROM generate_series(1, 100) i;"
    "CREATE TABLE parts (i int) PARTITION BY RANGE (i);"
    "CREATE TABLE part_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);"
    "INSERT INTO parts VALUES (7); CREATE UNLOGGED TABLE unlogged (i int);"
    "CREATE VIEW view_of AS SELECT name FROM plain;"
    "CREATE MATERIALIZED VIEW materialized AS SELECT count(*) FROM plain;"
    "CREATE SEQUENCE free; CREATE SEQUENCE owned_one OWNED BY unlogged.i;"
    "CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT $1 * 2';"
    "CREATE FUNCTION powerful() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';"
    "CREATE PROCEDURE doing() LANGUAGE sql AS 'SELECT 1';"
    "CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int);"
    "CREATE TYPE mood AS ENUM ('good', 'bad'); CREATE TYPE pair AS (a int, b int);"
    "CREATE TYPE span AS RANGE (SUBTYPE = int); CREATE DOMAIN positive AS int CHECK (VALUE > 0);"
    "CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq);"
    "CREATE COLLATION letters FROM \"C\";"
    "CREATE TEXT SEARCH CONFIGURATION searching (COPY = pg_catalog.simple);"
    "CREATE TEXT SEARCH DICTIONARY words (TEMPLATE = pg_catalog.simple);"
    "CREATE STATISTICS figures ON id, name FROM plain;"
    "CREATE FUNCTION triggered() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
    "CREATE TRIGGER ringing BEFORE INSERT ON plain FOR EACH ROW EXECUTE FUNCTION triggered();"
    "CREATE RULE ruling AS ON DELETE TO unlogged DO INSTEAD NOTHING;"
    "ALTER TABLE plain ENABLE ROW LEVEL SECURITY;"
    "CREATE POLICY mine ON plain TO CURRENT_USER USING (true);"
    "CREATE POLICY shared ON plain TO CURRENT_USER, pg_monitor USING (true);"
    "COMMENT ON TABLE plain IS 'of a user'; SELECT lo_from_bytea(0, 'large');"
    "GRANT SELECT ON plain TO pg_monitor WITH GRANT OPTION; GRANT UPDATE (name) ON plain TO PUBLIC;"
    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;"
    "ALTER DEFAULT PRIVILEGES GRANT INSERT ON TABLES TO pg_monitor;"
    "ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO pg_monitor;"
    "CREATE SERVER far_SUFFIX FOREIGN DATA WRAPPER nowhere;"
    "CREATE USER MAPPING FOR CURRENT_USER SERVER far_SUFFIX OPTIONS (password 'of another');"
    "CREATE FOREIGN TABLE foreign_one (i int) SERVER far_SUFFIX;"
    "CREATE PUBLICATION news_SUFFIX FOR TABLE plain";

static const char *everything(Work *work, const char *suffix) {
    return text_of(work, "CREATE SCHEMA made_%s; SET search_path = made_%s; %s", suffix, suffix,
                   with_word(work, EVERYTHING_SQL, "SUFFIX", suffix));
}

static void check_everything(Work *work, const char *database, const char *suffix) {
    static const char *const KINDS[] = {
        "table made_%s.plain",
        "table made_%s.parts",
        "table made_%s.part_1",
        "table made_%s.unlogged",
        "view made_%s.view_of",
        "materialized view made_%s.materialized",
        "sequence made_%s.free",
        "sequence made_%s.owned_one",
        "function made_%s.twice",
        "procedure made_%s.doing",
        "aggregate made_%s.total",
        "type made_%s.mood",
        "type made_%s.pair",
        "type made_%s.span",
        "type made_%s.positive",
        "operator made_%s.===",
        "collation made_%s.letters",
        "text search configuration made_%s.searching",
        "statistics object made_%s.f",
        "text search dictionary made_%s.words",
        "foreign table made_%s.foreign",
        "server far_%s",
        "publication news_%s",
        "schema made_%s",
    };
    const char *name = database != NULL ? database : work->world->target.database;
    for (size_t i = 0; i < COUNT_OF(KINDS); i++) {
        const char *gap = strstr(KINDS[i], "%s");
        must_have_line(
            &work->result.outcome.handed_over,
            text_of(work, "%s: %.*s%s%s", name, (int)(gap - KINDS[i]), KINDS[i], suffix, gap + 2));
    }
    must_have_line(&work->result.outcome.handed_over, text_of(work, "%s: large object", name));
    const char *custodian = work->world->custodian;
    struct {
        const char *sql;
        int64_t expected;
    } figures[] = {
        {text_of(work, "SELECT count(*) FROM made_%s.plain", suffix), 100},
        {text_of(work, "SELECT i FROM made_%s.parts", suffix), 7},
        {text_of(work,
                 "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                 " WHERE n.nspname = 'made_%s' AND c.relowner <> '%s'::regrole",
                 suffix, custodian),
         0},
        {text_of(work,
                 "SELECT count(*) FROM pg_policies WHERE schemaname = 'made_%s'"
                 " AND '%s' = ANY (roles)",
                 suffix, custodian),
         2},
        {text_of(work,
                 "SELECT count(*) FROM pg_policies WHERE schemaname = 'made_%s'"
                 " AND 'pg_monitor' = ANY (roles)",
                 suffix),
         1},
        {text_of(work, "SELECT count(*) FROM pg_trigger WHERE tgrelid = 'made_%s.plain'::regclass",
                 suffix),
         1},
        {text_of(work, "SELECT has_table_privilege('pg_monitor', 'made_%s.plain', 'SELECT')::int",
                 suffix),
         1},
        {"SELECT count(*) FROM pg_default_acl d JOIN pg_namespace n ON n.oid = d.defaclnamespace"
         " WHERE n.nspname = 'app' AND NOT EXISTS (SELECT FROM pg_roles WHERE oid = d.defaclrole)",
         0},
        {"SELECT count(*) FROM pg_user_mapping", 0},
    };
    for (size_t i = 0; i < COUNT_OF(figures); i++)
        if (number_in(work, database, figures[i].sql) != figures[i].expected)
            fail_msg("%s: not %d", figures[i].sql, (int)figures[i].expected);
}

static void whatever_a_user_makes_goes_to_the_custodian(void **state) {
    Work *work = work_new(*state);
    const char *beside = work->world->other_database;
    const char *account = work->plan->account;
    prepare_databases(work);
    run_in(work, beside, "CREATE SCHEMA IF NOT EXISTS app");
    plan_maker(work);
    must(work, do_grant(work));
    user_run_in(work, NULL, everything(work, account));
    user_run_in(work, beside, everything(work, account));
    Status status = do_revoke(work);
    must_have_line(&work->result.outcome.warnings,
                   text_of(work, "login at foreign server far_%s", account));
    if (work->world->limited_admin) { // who gives schemas, servers and publications away needs more
        assert_int_equal(status, STATUS_CONFLICT);
        obstacle_of(work, "lacks CREATE on DATABASE");
        obstacle_of(work, "lacks USAGE on FOREIGN DATA WRAPPER");
        run_repairs(work);
        status = do_revoke(work);
    }
    must(work, status);
    check_everything(work, NULL, account);
    check_everything(work, beside, account);
    const char *databases[] = {NULL, beside};
    for (size_t i = 0; i < COUNT_OF(databases); i++)
        run_in(work, databases[i],
               text_of(work,
                       "DROP PUBLICATION news_%s; DROP SERVER far_%s CASCADE;"
                       "DROP SCHEMA made_%s CASCADE; REVOKE CREATE ON DATABASE %s FROM %s, %s, %s;"
                       "REVOKE ALL ON FOREIGN DATA WRAPPER nowhere FROM %s, %s",
                       account, account, account, i == 0 ? work->world->target.database : beside,
                       work->world->role, work->world->custodian, work->world->login.user,
                       work->world->role, work->world->custodian));
    work_free(work);
}

static void extension_that_a_user_made_goes_to_the_custodian(void **state) {
    Work *work = work_new(*state);
    prepare_databases(work);
    plan_maker(work);
    must(work, do_grant(work));
    user_run_in(work, NULL, "CREATE EXTENSION citext SCHEMA app");
    revoke_with_repairs(work);
    must_have_line(&work->result.outcome.handed_over, "extension citext to");
    run_in(work, NULL, "DROP EXTENSION citext");
    work_free(work);
}

static void thousands_of_tables_are_handed_over_in_parts_and_counted(void **state) {
    Work *work = work_new(*state);
    plan_maker(work);
    must(work, do_grant(work));
    user_run_in(work, NULL,
                text_of(work,
                        "DO $$ BEGIN FOR i IN 1..%d LOOP EXECUTE format('CREATE TABLE app.%s_%%s"
                        " (id serial)', i); END LOOP; END $$;"
                        "CREATE FUNCTION app.%s() RETURNS int LANGUAGE sql SECURITY DEFINER"
                        " AS 'SELECT 1'",
                        MANY, work->plan->account, work->plan->account));
    must(work, do_revoke(work));
    const Outcome *outcome = &work->result.outcome;
    // A table and its sequence each, and a function, of which 200 are named.
    must_have_line(&outcome->handed_over,
                   text_of(work, ": %d more objects to", 2 * MANY + 1 - 200));
    must_have_line(&outcome->warnings, "runs with the rights of");
    assert_int_equal(outcome->handed_over.count, 201);
    int commits = 0;
    for (size_t i = 0; i < outcome->statements.count; i++)
        commits += strcmp(outcome->statements.items[i].sql, "COMMIT") == 0;
    assert_true(commits >= 1 + 3 + 1); // the lock; hundred by hundred; the rest
    assert_int_equal(number_in(work, NULL,
                               text_of(work,
                                       "SELECT count(*) FROM pg_class WHERE relname LIKE '%s_%%'"
                                       " AND relkind = 'r' AND relowner = '%s'::regrole",
                                       work->plan->account, work->world->custodian)),
                     MANY);
    run_in(
        work, NULL,
        text_of(work,
                "DO $$ BEGIN FOR i IN 1..%d LOOP EXECUTE 'DROP TABLE app.%s_' || i; END LOOP; END"
                " $$; DROP FUNCTION app.%s()",
                MANY, work->plan->account, work->plan->account));
    work_free(work);
}

static void a_custodian_with_power_gets_nothing(void **state) {
    static const char *const POWERS[] = {
        "ALTER ROLE POWERFUL SUPERUSER",
        "ALTER ROLE POWERFUL CREATEROLE",
        "ALTER ROLE POWERFUL REPLICATION",
        "ALTER ROLE POWERFUL BYPASSRLS",
        "GRANT pg_execute_server_program TO POWERFUL",
        "GRANT pg_read_server_files TO POWERFUL",
        "GRANT pg_monitor TO POWERFUL WITH ADMIN OPTION",
        "CREATE ROLE POWERFUL_too CREATEDB; GRANT POWERFUL_too TO POWERFUL",
    };
    Work *work = work_new(*state);
    const char *account = work->plan->account;
    const char *fit = work->plan->custodian;
    plan_maker(work);
    must(work, do_grant(work));
    user_run_in(work, NULL, text_of(work, "CREATE TABLE app.mine_%s AS SELECT 7 AS i", account));
    for (size_t i = 0; i < COUNT_OF(POWERS); i++) {
        const char *powerful = text_of(work, "powerful_%s_%zu", account, i);
        run_in(work, NULL,
               text_of(work, "CREATE ROLE %s; GRANT %s TO %s; %s", powerful, powerful,
                       work->world->login.user, with_word(work, POWERS[i], "POWERFUL", powerful)));
        work->plan->custodian = powerful;
        assert_int_equal(do_revoke(work), STATUS_CONFLICT);
        obstacle_of(work, "may not be given what users made");
        assert_int_equal(work->result.outcome.handed_over.count, 0);
        run_in(work, NULL, text_of(work, "REVOKE %s FROM %s", powerful, work->world->login.user));
    }
    work->plan->custodian = fit;
    must(work, do_revoke(work));
    assert_int_equal(number_in(work, NULL, text_of(work, "SELECT i FROM app.mine_%s", account)), 7);
    work_free(work);
}

static const ContractTest TESTS[] = {
    CONTRACT_TEST(whatever_a_user_makes_goes_to_the_custodian, CROSSED | SAMPLED),
    CONTRACT_TEST(extension_that_a_user_made_goes_to_the_custodian, CROSSED | SAMPLED),
    CONTRACT_TEST(thousands_of_tables_are_handed_over_in_parts_and_counted, CROSSED | SAMPLED),
    CONTRACT_TEST(a_custodian_with_power_gets_nothing, CROSSED | SAMPLED),
};
const ContractSuite POSTGRESQL_OBJECTS_SUITE = {TESTS, COUNT_OF(TESTS)};
