#include "domain/target_kind.h"

#include <assert.h>

#include "base/memory.h"

static const char *const TARGET_KIND_NAMES[] = {
    [TARGET_POSTGRESQL] = "postgresql",
    [TARGET_MYSQL] = "mysql",
    [TARGET_MARIADB] = "mariadb",
    [TARGET_SQLSERVER] = "sqlserver",
    [TARGET_ORACLE] = "oracle",
    [TARGET_REDIS] = "redis",
    [TARGET_AWS] = "aws",
};
const EnumTable TARGET_KINDS = {"kind of target", TARGET_KIND_NAMES, COUNT_OF(TARGET_KIND_NAMES)};
_Static_assert(COUNT_OF(TARGET_KIND_NAMES) == TARGET_KIND_COUNT_, "a name for each kind");

static const char *const PRESET_NAMES[] = {
    [PRESET_NONE] = "none",
    [PRESET_READ_ONLY] = "read-only",
    [PRESET_READ_WRITE] = "read-write",
};
const EnumTable PRESETS = {"preset", PRESET_NAMES, COUNT_OF(PRESET_NAMES)};

// In alphabetical order, which is the order privileges are given back in.
static const char *const PRIVILEGE_NAMES[] = {
    "ALTER",       "ALTER ROUTINE", "CREATE", "CREATE ROUTINE",  "CREATE TEMPORARY TABLES",
    "CREATE VIEW", "DELETE",        "DROP",   "EVENT",           "EXECUTE",
    "FLASHBACK",   "INDEX",         "INSERT", "LOCK TABLES",     "MAINTAIN",
    "READ",        "REFERENCES",    "SELECT", "SHOW VIEW",       "TRIGGER",
    "TRUNCATE",    "UPDATE",        "USAGE",  "VIEW DEFINITION",
};
const EnumTable PRIVILEGES = {"privilege", PRIVILEGE_NAMES, COUNT_OF(PRIVILEGE_NAMES)};
_Static_assert(COUNT_OF(PRIVILEGE_NAMES) == PRIVILEGES_MAX, "said in the header");

// A preset means the first words of a list.

// https://www.postgresql.org/docs/current/ddl-priv.html
static const char *const PG_TABLE[] = {"SELECT",   "INSERT",     "UPDATE",  "DELETE",
                                       "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"};
static const char *const PG_SEQUENCE[] = {"SELECT", "USAGE", "UPDATE"};
static const char *const PG_SCHEMA[] = {"USAGE", "CREATE"};
static const char *const EXECUTE[] = {"EXECUTE"};

// https://dev.mysql.com/doc/refman/9.4/en/privileges-provided.html, and
// https://mariadb.com/kb/en/grant/. A MariaDB sequence is a table to its privileges.
static const char *const MYSQL_TABLE[] = {"SELECT", "INSERT",      "UPDATE",     "DELETE",
                                          "CREATE", "DROP",        "REFERENCES", "INDEX",
                                          "ALTER",  "CREATE VIEW", "SHOW VIEW",  "TRIGGER"};
static const char *const MYSQL_ROUTINE[] = {"EXECUTE", "ALTER ROUTINE"};
static const char *const MYSQL_SCHEMA[] = {"CREATE",
                                           "DROP",
                                           "ALTER",
                                           "INDEX",
                                           "REFERENCES",
                                           "CREATE VIEW",
                                           "SHOW VIEW",
                                           "TRIGGER",
                                           "EVENT",
                                           "CREATE ROUTINE",
                                           "CREATE TEMPORARY TABLES",
                                           "LOCK TABLES"};
static const char *const MARIADB_SEQUENCE[] = {"SELECT", "INSERT", "ALTER"};

// https://learn.microsoft.com/sql/relational-databases/security/permissions-database-engine
static const char *const MS_TABLE[] = {"SELECT",     "INSERT", "UPDATE",         "DELETE",
                                       "REFERENCES", "ALTER",  "VIEW DEFINITION"};
static const char *const MS_SEQUENCE[] = {"UPDATE", "REFERENCES", "VIEW DEFINITION"};
static const char *const MS_ROUTINE[] = {"EXECUTE", "SELECT", "REFERENCES", "VIEW DEFINITION"};
static const char *const MS_SCHEMA[] = {"EXECUTE", "ALTER", "REFERENCES", "VIEW DEFINITION"};

// https://docs.oracle.com/en/database/oracle/oracle-database/19/sqlrf/GRANT.html
static const char *const ORACLE_TABLE[] = {"SELECT", "INSERT",     "UPDATE", "DELETE",   "READ",
                                           "ALTER",  "REFERENCES", "INDEX",  "FLASHBACK"};
static const char *const ORACLE_SEQUENCE[] = {"SELECT", "ALTER"};

// One kind of object of one kind of target.
typedef struct ObjectPrivileges {
    const char *const *words;
    size_t count;
    size_t read_only;  // how many of them the preset means; 0: it does not cover this kind
    size_t read_write; // likewise
} ObjectPrivileges;

static const ObjectPrivileges OBJECTS[TARGET_KIND_COUNT_][OBJECT_KIND_COUNT_] = {
    [TARGET_POSTGRESQL] = {[OBJECT_TABLES] = {PG_TABLE, COUNT_OF(PG_TABLE), 1, 4},
                           [OBJECT_SEQUENCES] = {PG_SEQUENCE, COUNT_OF(PG_SEQUENCE), 1, 2},
                           [OBJECT_FUNCTIONS] = {EXECUTE, COUNT_OF(EXECUTE), 0, 0},
                           [OBJECT_SCHEMA] = {PG_SCHEMA, COUNT_OF(PG_SCHEMA), 0, 0}},
    [TARGET_MYSQL] = {[OBJECT_TABLES] = {MYSQL_TABLE, COUNT_OF(MYSQL_TABLE), 1, 4},
                      [OBJECT_FUNCTIONS] = {MYSQL_ROUTINE, COUNT_OF(MYSQL_ROUTINE), 0, 0},
                      [OBJECT_SCHEMA] = {MYSQL_SCHEMA, COUNT_OF(MYSQL_SCHEMA), 0, 0}},
    [TARGET_MARIADB] = {[OBJECT_TABLES] = {MYSQL_TABLE, COUNT_OF(MYSQL_TABLE), 1, 4},
                        [OBJECT_SEQUENCES] = {MARIADB_SEQUENCE, COUNT_OF(MARIADB_SEQUENCE), 1, 2},
                        [OBJECT_FUNCTIONS] = {MYSQL_ROUTINE, COUNT_OF(MYSQL_ROUTINE), 0, 0},
                        [OBJECT_SCHEMA] = {MYSQL_SCHEMA, COUNT_OF(MYSQL_SCHEMA), 0, 0}},
    // Who reads a sequence there moves it.
    [TARGET_SQLSERVER] = {[OBJECT_TABLES] = {MS_TABLE, COUNT_OF(MS_TABLE), 1, 4},
                          [OBJECT_SEQUENCES] = {MS_SEQUENCE, COUNT_OF(MS_SEQUENCE), 0, 1},
                          [OBJECT_FUNCTIONS] = {MS_ROUTINE, COUNT_OF(MS_ROUTINE), 0, 0},
                          [OBJECT_SCHEMA] = {MS_SCHEMA, COUNT_OF(MS_SCHEMA), 0, 0}},
    [TARGET_ORACLE] = {[OBJECT_TABLES] = {ORACLE_TABLE, COUNT_OF(ORACLE_TABLE), 1, 4},
                       [OBJECT_SEQUENCES] = {ORACLE_SEQUENCE, COUNT_OF(ORACLE_SEQUENCE), 0, 1},
                       [OBJECT_FUNCTIONS] = {EXECUTE, COUNT_OF(EXECUTE), 0, 0}},
};

static const TargetFacts FACTS[TARGET_KIND_COUNT_] = {
    [TARGET_POSTGRESQL] = {.title = "PostgreSQL",
                           .port = 5432,
                           .name_max = 63, // NAMEDATALEN - 1
                           .name_in_bytes = true,
                           .future_tables = true,
                           .shared_roles = true,
                           .sessions_of_users = true},
    [TARGET_MYSQL] = {.title = "MySQL",
                      .port = 3306,
                      .name_max = 64,
                      .future_tables = true,
                      .columns = true,
                      .account_hosts = true,
                      .account_tls = true,
                      .sessions_of_users = true},
    [TARGET_MARIADB] = {.title = "MariaDB",
                        .port = 3306,
                        .name_max = 64,
                        .future_tables = true,
                        .columns = true,
                        .account_hosts = true,
                        .account_tls = true,
                        .sessions_of_users = true},
    [TARGET_SQLSERVER] = {.title = "SQL Server",
                          .port = 1433,
                          .default_database = "master",
                          .name_max = 128,
                          .future_tables = true,
                          .columns = true,
                          .other_databases = true},
    [TARGET_ORACLE] =
        {
            .title = "Oracle",
            .port = 1521,
            .name_max = 128,
            .name_in_bytes = true,
        },
    [TARGET_REDIS] = {.title = "Redis",
                      .port = 6379,
                      .default_database = "0",
                      .name_max = 200,
                      .name_in_bytes = true,
                      .access = ACCESS_TO_KEYS},
    [TARGET_AWS] = {.title = "AWS",
                    .port = 443,
                    .name_max = 128,
                    .access = ACCESS_TO_ACTIONS,
                    .no_credential = true},
};

static const struct {
    const char *name;
    const char *one;
} OBJECT_KIND_NAMES[OBJECT_KIND_COUNT_] = {
    [OBJECT_TABLES] = {"tables", "table"},
    [OBJECT_SEQUENCES] = {"sequences", "sequence"},
    [OBJECT_FUNCTIONS] = {"functions", "function"},
    [OBJECT_SCHEMA] = {"schema", "schema"},
};

const TargetFacts *target_facts(TargetKind kind) {
    assert((size_t)kind < TARGET_KIND_COUNT_);
    return &FACTS[kind];
}

int64_t target_default_port(TargetKind kind) {
    return target_facts(kind)->port;
}

static EnumTable first_words(TargetKind kind, ObjectKind object, size_t count) {
    return (EnumTable){"privilege", OBJECTS[kind][object].words, count};
}

EnumTable target_privileges(TargetKind kind, ObjectKind object) {
    assert((size_t)kind < TARGET_KIND_COUNT_ && (size_t)object < OBJECT_KIND_COUNT_);
    return first_words(kind, object, OBJECTS[kind][object].count);
}

EnumTable target_preset(TargetKind kind, ObjectKind object, Preset preset) {
    assert((size_t)kind < TARGET_KIND_COUNT_ && (size_t)object < OBJECT_KIND_COUNT_);
    const ObjectPrivileges *privileges = &OBJECTS[kind][object];
    return first_words(kind, object,
                       preset == PRESET_READ_ONLY    ? privileges->read_only
                       : preset == PRESET_READ_WRITE ? privileges->read_write
                                                     : 0);
}

const char *object_kind_name(ObjectKind object) {
    return OBJECT_KIND_NAMES[object].name;
}

const char *object_kind_one(ObjectKind object) {
    return OBJECT_KIND_NAMES[object].one;
}
