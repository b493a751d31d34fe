#include "cli/credential_format.h"

#include "base/text.h"
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static const Credential PLAIN = {.kind = "postgresql",
                                 .host = "db.internal",
                                 .port = 5432,
                                 .database = "shop",
                                 .user = "temp_a_b",
                                 .password = "fixture",
                                 .tls = "verify-full",
                                 .grant_id = "grt_x"};
static const Credential ODD = {.kind = "postgresql",
                               .host = "::1",
                               .port = 1,
                               .database = "o'shop $HOME; `x`",
                               .user = "a:b\\c",
                               .password = "p'q@/:\\"};

static int make_arena(void **state) {
    *state = arena_new();
    return 0;
}

static int free_arena(void **state) {
    *state = arena_free(*state);
    return 0;
}

static void assert_formats(Arena *arena, const Credential *credential, const char *format,
                           const char *expected) {
    Buffer buffer = {.wipe = true};
    Error error = {0};
    assert_int_equal(credential_format(arena, credential, format, &buffer, &error), STATUS_OK);
    assert_string_equal(buffer_text(&buffer), expected);
    buffer_done(&buffer);
}

static void env_is_for_a_shell(void **state) {
    assert_formats(*state, &PLAIN, "env",
                   "export PGHOST='db.internal'\nexport PGPORT='5432'\nexport PGDATABASE='shop'\n"
                   "export PGUSER='temp_a_b'\nexport PGPASSWORD='fixture'\n"
                   "export PGSSLMODE='verify-full'\n");
    assert_formats(*state, &ODD, "env",
                   "export PGHOST='::1'\nexport PGPORT='1'\n"
                   "export PGDATABASE='o'\\''shop $HOME; `x`'\nexport PGUSER='a:b\\c'\n"
                   "export PGPASSWORD='p'\\''q@/:\\'\n");
}

static void url_is_encoded(void **state) {
    assert_formats(*state, &PLAIN, "url",
                   "postgresql://temp_a_b:fixture@db.internal:5432/shop?sslmode=verify-full\n");
    assert_formats(*state, &ODD, "url",
                   "postgresql://a%3Ab%5Cc:p%27q%40%2F%3A%5C@[::1]:1/"
                   "o%27shop%20%24HOME%3B%20%60x%60\n");
}

static void pgpass_is_escaped(void **state) {
    assert_formats(*state, &PLAIN, "pgpass", "db.internal:5432:shop:temp_a_b:fixture\n");
    assert_formats(*state, &ODD, "pgpass", "\\:\\:1:1:o'shop $HOME; `x`:a\\:b\\\\c:p'q@/\\:\\\\\n");
}

static void json_is_the_credential(void **state) {
    Buffer buffer = {.wipe = true};
    Error error = {0};
    assert_int_equal(credential_format(*state, &PLAIN, "json", &buffer, &error), STATUS_OK);
    Credential again;
    assert_int_equal(
        shape_parse(*state, &CREDENTIAL_SHAPE, buffer_text(&buffer), buffer.length, &again, &error),
        STATUS_OK);
    assert_string_equal(again.password, "fixture");
    assert_int_equal(again.port, 5432);
    buffer_done(&buffer);
}

// Of every quoting rule something.
#define ODD_PASSWORD "a}b\"c;d\\e'f&g h"

static const struct {
    const char *kind;
    const char *format;
    const char *expected;
} WRITTEN[] = {
    {"postgresql", "jdbc",
     "jdbc:postgresql://[::1]:1/x?user=u&password=a%7Db%22c%3Bd%5Ce%27f%26g%20h&"
     "sslmode=verify-full\n"},
    {"postgresql", "odbc",
     "Driver={PostgreSQL Unicode};Servername={::1};Port={1};Database={x};UID={u};"
     "PWD={a}}b\"c;d\\e'f&g h};SSLmode={verify-full};\n"},
    {"postgresql", "dotnet",
     "Host=\"::1\";Port=\"1\";Database=\"x\";Username=\"u\";Password=\"a}b\"\"c;d\\e'f&g h\";"
     "SSL Mode=\"VerifyFull\";\n"},
    {"mysql", "env",
     "export MYSQL_HOST='::1'\nexport MYSQL_TCP_PORT='1'\nexport MYSQL_DATABASE='x'\n"
     "export MYSQL_USER='u'\nexport MYSQL_PWD='a}b\"c;d\\e'\\''f&g h'\n"},
    {"mysql", "url",
     "mysql://u:a%7Db%22c%3Bd%5Ce%27f%26g%20h@[::1]:1/x?ssl-mode=VERIFY_IDENTITY\n"},
    {"mysql", "mycnf",
     "[client]\nhost = \"::1\"\nport = \"1\"\nprotocol = \"tcp\"\nuser = \"u\"\n"
     "password = \"a}b\\\"c;d\\\\e'f&g h\"\nssl-mode = \"VERIFY_IDENTITY\"\n"
     "[mysql]\ndatabase = \"x\"\n"},
    {"mysql", "jdbc",
     "jdbc:mysql://[::1]:1/x?user=u&password=a%7Db%22c%3Bd%5Ce%27f%26g%20h&"
     "sslMode=VERIFY_IDENTITY\n"},
    {"mysql", "odbc",
     "Driver={MySQL ODBC 9.4 Unicode Driver};Server={::1};Port={1};Database={x};UID={u};"
     "PWD={a}}b\"c;d\\e'f&g h};SSLMODE=VERIFY_IDENTITY;\n"},
    {"mariadb", "url", "mariadb://u:a%7Db%22c%3Bd%5Ce%27f%26g%20h@[::1]:1/x?sslMode=verify-full\n"},
    {"mariadb", "mycnf",
     "[client]\nhost = \"::1\"\nport = \"1\"\nprotocol = \"tcp\"\nuser = \"u\"\n"
     "password = \"a}b\\\"c;d\\\\e'f&g h\"\nssl\nssl-verify-server-cert\n"
     "[mysql]\ndatabase = \"x\"\n"},
    {"mariadb", "odbc",
     "Driver={MariaDB Unicode};Server={::1};Port={1};Database={x};UID={u};"
     "PWD={a}}b\"c;d\\e'f&g h};FORCETLS=1;SSLVERIFY=1;\n"},
    {"mariadb", "dotnet",
     "Server=\"::1\";Port=\"1\";Database=\"x\";User ID=\"u\";Password=\"a}b\"\"c;d\\e'f&g h\";"
     "SslMode=\"VerifyFull\";\n"},
    {"sqlserver", "env",
     "export SQLCMDSERVER='tcp:::1,1'\nexport SQLCMDDBNAME='x'\nexport SQLCMDUSER='u'\n"
     "export SQLCMDPASSWORD='a}b\"c;d\\e'\\''f&g h'\n"},
    {"sqlserver", "url",
     "sqlserver://u:a%7Db%22c%3Bd%5Ce%27f%26g%20h@[::1]:1?encrypt=true&"
     "TrustServerCertificate=false&database=x\n"},
    {"sqlserver", "jdbc",
     "jdbc:sqlserver://;serverName={::1};portNumber=1;databaseName={x};user={u};"
     "password={a}}b\"c;d\\e'f&g h};encrypt=true;trustServerCertificate=false;\n"},
    {"sqlserver", "odbc",
     "Driver={ODBC Driver 18 for SQL Server};Server={tcp:::1,1};Database={x};UID={u};"
     "PWD={a}}b\"c;d\\e'f&g h};Encrypt=yes;TrustServerCertificate=no;\n"},
    {"sqlserver", "dotnet",
     "Server=\"tcp:::1,1\";Database=\"x\";User ID=\"u\";Password=\"a}b\"\"c;d\\e'f&g h\";"
     "Encrypt=\"True\";TrustServerCertificate=\"False\";\n"},
    {"oracle", "env",
     "export TWO_TASK='tcps://[::1]:1/x?ssl_server_dn_match=on'\nexport ORACLE_USER='u'\n"
     "export ORACLE_PASSWORD='a}b\"c;d\\e'\\''f&g h'\n"},
    {"oracle", "url",
     "oracle://u:a%7Db%22c%3Bd%5Ce%27f%26g%20h@[::1]:1/x?ssl=true&ssl%20verify=true\n"},
    {"oracle", "odbc",
     "Driver={Oracle 19 ODBC driver};DBQ={tcps://[::1]:1/x?ssl_server_dn_match=on};UID={u};"
     "PWD={a}}b\"c;d\\e'f&g h};\n"},
    {"oracle", "dotnet",
     "Data Source=\"tcps://[::1]:1/x?ssl_server_dn_match=on\";User Id=\"u\";"
     "Password=\"a}b\"\"c;d\\e'f&g h\";\n"},
    {"redis", "env",
     "export REDIS_HOST='::1'\nexport REDIS_PORT='1'\nexport REDIS_DB='x'\n"
     "export REDIS_USERNAME='u'\nexport REDISCLI_AUTH='a}b\"c;d\\e'\\''f&g h'\n"},
    {"redis", "url", "rediss://u:a%7Db%22c%3Bd%5Ce%27f%26g%20h@[::1]:1/x\n"},
};

static void every_form_escapes_by_its_own_rules(void **state) {
    for (size_t i = 0; i < COUNT_OF(WRITTEN); i++) {
        Credential credential = {.kind = WRITTEN[i].kind,
                                 .host = "::1",
                                 .port = 1,
                                 .database = "x",
                                 .user = "u",
                                 .password = ODD_PASSWORD,
                                 .tls = "verify-full"};
        assert_formats(*state, &credential, WRITTEN[i].format, WRITTEN[i].expected);
    }
}

// The forms that say something of TLS, in their words for each mode.
static const struct {
    const char *kind;
    const char *format;
    const char *words[4]; // verify-full, verify-ca, require, disable
} MODES[] = {
    {"postgresql",
     "url",
     {"sslmode=verify-full", "sslmode=verify-ca", "sslmode=require", "sslmode=disable"}},
    {"postgresql",
     "dotnet",
     {"Mode=\"VerifyFull\"", "Mode=\"VerifyCA\"", "Mode=\"Require\"", "Mode=\"Disable\""}},
    {"mysql", "url", {"=VERIFY_IDENTITY\n", "=VERIFY_CA\n", "=REQUIRED\n", "=DISABLED\n"}},
    {"mysql",
     "mycnf",
     {"\"VERIFY_IDENTITY\"\n", "\"VERIFY_CA\"\n", "\"REQUIRED\"\n",
      "\"DISABLED\"\nget-server-public-key\n"}},
    {"mysql", "dotnet", {"\"VerifyFull\"", "\"VerifyCA\"", "\"Required\"", "\"Disabled\""}},
    {"mariadb",
     "jdbc",
     {"sslMode=verify-full", "sslMode=verify-ca", "sslMode=trust", "sslMode=disable"}},
    {"mariadb",
     "mycnf",
     {"ssl-verify-server-cert\n", "ssl-verify-server-cert\n", "ssl-verify-server-cert\n",
      "\nskip-ssl\n"}},
    {"mariadb", "odbc", {"SSLVERIFY=1;", "SSLVERIFY=1;", "SSLVERIFY=1;", "PWD={secret};\n"}},
    {"sqlserver",
     "url",
     {"Certificate=false", "Certificate=false", "Certificate=true", "encrypt=disable&database"}},
    {"sqlserver",
     "odbc",
     {"=yes;TrustServerCertificate=no;", "=yes;TrustServerCertificate=no;",
      "=yes;TrustServerCertificate=yes;", "Encrypt=no;"}},
    {"oracle",
     "jdbc",
     {"@tcps://h:1/x?ssl_server_dn_match=on\n", "@tcps://h:1/x?ssl_server_dn_match=off\n",
      "@tcps://h:1/x?ssl_server_dn_match=off\n", "thin:u/secret@//h:1/x\n"}},
    {"redis", "url", {"rediss://", "rediss://", "rediss://", "redis://"}},
};

static void every_mode_of_tls_is_written_in_the_forms_words(void **state) {
    static const char *const NAMES[] = {"verify-full", "verify-ca", "require", "disable"};
    for (size_t i = 0; i < COUNT_OF(MODES) * COUNT_OF(NAMES); i++) {
        size_t row = i / COUNT_OF(NAMES), mode = i % COUNT_OF(NAMES);
        Credential credential = {.kind = MODES[row].kind,
                                 .host = "h",
                                 .port = 1,
                                 .database = "x",
                                 .user = "u",
                                 .password = "secret",
                                 .tls = NAMES[mode]};
        Buffer buffer = {.wipe = true};
        Error error = {0};
        assert_int_equal(credential_format(*state, &credential, MODES[row].format, &buffer, &error),
                         STATUS_OK);
        assert_has(buffer_text(&buffer), MODES[row].words[mode]);
        buffer_done(&buffer);
    }
}

static void assert_refused(Arena *arena, const Credential *credential, const char *format,
                           const char *code) {
    Buffer buffer = {0};
    Error error = {0};
    assert_int_not_equal(credential_format(arena, credential, format, &buffer, &error), STATUS_OK);
    assert_string_equal(error.code, code);
    assert_int_equal(buffer.length, 0);
    buffer_done(&buffer);
}

static void refuses_what_a_form_has_no_way_to_write(void **state) {
    Credential oracle = {.kind = "oracle",
                         .host = "h",
                         .port = 1,
                         .database = "x)(y",
                         .user = "u",
                         .password = "secret"};
    assert_refused(*state, &oracle, "odbc", "unsupported_form");
    oracle.database = NULL;
    assert_refused(*state, &oracle, "url", "bad_credential");
    oracle.database = "x";
    oracle.host = "h)";
    assert_refused(*state, &oracle, "dotnet", "unsupported_form");
    oracle.host = "h";
    oracle.password = "a@b";
    assert_refused(*state, &oracle, "jdbc", "unsupported_form");
    oracle.kind = "mariadb";
    assert_refused(*state, &oracle, "jdbc", "unsupported_form");
    oracle.tls = "sometimes";
    assert_refused(*state, &oracle, "mycnf", "unknown_tls");
}

static void refuses_a_form_of_another_engine_and_an_unknown_kind(void **state) {
    Credential credential = PLAIN;
    assert_refused(*state, &credential, "mycnf", "format_of_other_engine");
    assert_refused(*state, &credential, "xml", "usage");
    credential.kind = "redis";
    assert_refused(*state, &credential, "jdbc", "format_of_other_engine");
    credential.kind = "dbase";
    assert_refused(*state, &credential, "url", "unknown_kind");
    assert_formats(*state,
                   &(Credential){.kind = "redis",
                                 .host = "h",
                                 .port = 1,
                                 .user = "u",
                                 .password = "p",
                                 .tls = "disable"},
                   "url", "redis://u:p@h:1/0\n");
}

static void refuses_values_with_line_breaks_and_missing_ones(void **state) {
    static const char *const FORMATS[] = {"env", "url", "json", "pgpass"};
    Credential broken = PLAIN, missing = PLAIN;
    broken.host = "db\nexport PATH=";
    missing.password = NULL;
    for (size_t i = 0; i < COUNT_OF(FORMATS); i++) {
        Buffer buffer = {0};
        Error error = {0};
        assert_int_equal(credential_format(*state, &broken, FORMATS[i], &buffer, &error),
                         STATUS_INTERNAL);
        assert_string_equal(error.code, "bad_credential");
        assert_int_equal(credential_format(*state, &missing, FORMATS[i], &buffer, &error),
                         STATUS_INTERNAL);
        assert_int_equal(buffer.length, 0);
        buffer_done(&buffer);
    }
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, make_arena, free_arena)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(env_is_for_a_shell),
        CASE(url_is_encoded),
        CASE(pgpass_is_escaped),
        CASE(json_is_the_credential),
        CASE(every_form_escapes_by_its_own_rules),
        CASE(every_mode_of_tls_is_written_in_the_forms_words),
        CASE(refuses_what_a_form_has_no_way_to_write),
        CASE(refuses_a_form_of_another_engine_and_an_unknown_kind),
        CASE(refuses_values_with_line_breaks_and_missing_ones),
    };
    return cmocka_run_group_tests_name("credential_format", tests, NULL, NULL);
}
