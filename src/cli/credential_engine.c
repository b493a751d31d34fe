#include "cli/credential_engine.h"

#include "base/text.h"

#include <unistd.h>

static const char *const FORM_NAMES[] = {
    [FORM_ENV] = "env",     [FORM_URL] = "url",   [FORM_JSON] = "json", [FORM_PGPASS] = "pgpass",
    [FORM_MYCNF] = "mycnf", [FORM_JDBC] = "jdbc", [FORM_ODBC] = "odbc", [FORM_DOTNET] = "dotnet",
};
const EnumTable CREDENTIAL_FORMS = {"format", FORM_NAMES, COUNT_OF(FORM_NAMES)};
_Static_assert(COUNT_OF(FORM_NAMES) == CREDENTIAL_FORM_COUNT_, "a name for each form");

// NULL: nothing is delivered of that kind.
static const CredentialEngine *const ENGINES[TARGET_KIND_COUNT_] = {
    [TARGET_POSTGRESQL] = &POSTGRESQL_ENGINE, [TARGET_MYSQL] = &MYSQL_ENGINE,
    [TARGET_MARIADB] = &MARIADB_ENGINE,       [TARGET_SQLSERVER] = &SQLSERVER_ENGINE,
    [TARGET_ORACLE] = &ORACLE_ENGINE,         [TARGET_REDIS] = &REDIS_ENGINE,
};

Status credential_engine_find(const Credential *credential, TargetKind *ret_kind,
                              const CredentialEngine **ret_engine, Error *reterr) {
    int kind;
    if (credential->kind == NULL || !enum_find(&TARGET_KINDS, credential->kind, &kind) ||
        ENGINES[kind] == NULL)
        return error_set(reterr, STATUS_UNSUPPORTED, "unknown_kind",
                         "this version of daypass knows no target of kind %.40s: use a newer one, "
                         "or take the bare values with --format json",
                         credential->kind != NULL && text_is_printable(credential->kind)
                             ? credential->kind
                             : "?");
    *ret_kind = (TargetKind)kind;
    *ret_engine = ENGINES[kind];
    return STATUS_OK;
}

static const CredentialEngine *engine_named(const char *name) {
    int kind;
    return name != NULL && enum_find(&TARGET_KINDS, name, &kind) ? ENGINES[kind] : NULL;
}

const char *credential_clients(Arena *arena, const char *kind) {
    const CredentialEngine *engine = engine_named(kind);
    if (engine == NULL)
        return "";
    StringList programs = {0};
    for (size_t i = 0; i < ENGINE_CLIENTS_MAX && engine->clients[i].program != NULL; i++)
        string_list_add(arena, &programs, engine->clients[i].program);
    return arena_printf(arena, " (%s)", string_list_join(arena, &programs, " or "));
}

const char *credential_forms(Arena *arena, const char *kind) {
    const CredentialEngine *engine = engine_named(kind);
    StringList forms = {0};
    for (int form = 0; form < CREDENTIAL_FORM_COUNT_; form++) {
        if (form == FORM_JSON || (engine != NULL && engine->writers[form] != NULL))
            string_list_add(arena, &forms, enum_name(&CREDENTIAL_FORMS, form));
    }
    return string_list_join(arena, &forms, "|");
}

Status credential_check(const Credential *credential, const CredentialEngine *engine,
                        Error *reterr) {
    const struct {
        const char *text;
        bool optional;
    } values[] = {
        {credential->host, false},     {credential->user, false},
        {credential->password, false}, {credential->database, !engine->needs_database},
        {credential->tls, true},
    };
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        if (values[i].text == NULL ? !values[i].optional : !text_is_printable(values[i].text))
            return error_set(reterr, STATUS_INTERNAL, "bad_credential",
                             "the credential misses a value, or has one with control characters");
    }
    return STATUS_OK;
}

const char *system_authorities(void) {
    static const char *const FILES[] = {
        "/etc/ssl/certs/ca-certificates.crt", // Debian, Ubuntu, Arch
        "/etc/pki/tls/certs/ca-bundle.crt",   // Fedora, RHEL
        "/etc/ssl/cert.pem",                  // macOS, Alpine, BSD
        "/etc/ssl/ca-bundle.pem",             // SUSE
    };
    for (size_t i = 0; i < COUNT_OF(FILES); i++) {
        if (access(FILES[i], R_OK) == 0)
            return FILES[i];
    }
    return NULL;
}

bool credential_is_token(const Credential *credential) {
    return text_equal(credential->authentication, AUTHENTICATION_IAM);
}

Status credential_tls(const Credential *credential, TlsMode *ret_tls, Error *reterr) {
    int tls = TLS_VERIFY_FULL;
    if (credential->tls != NULL && !enum_find(&TLS_MODES, credential->tls, &tls))
        return error_set(reterr, STATUS_UNSUPPORTED, "unknown_tls",
                         "this version of daypass knows no TLS mode \"%.40s\": use a newer one",
                         text_is_printable(credential->tls) ? credential->tls : "?");
    *ret_tls = (TlsMode)tls;
    return STATUS_OK;
}
