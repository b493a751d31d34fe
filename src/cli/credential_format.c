#include "cli/credential_format.h"

#include "base/text.h"
#include "http/percent.h"

#include <string.h>

static const char *port_text(Arena *arena, const Credential *credential) {
    return arena_printf(arena, "%lld", (long long)credential->port);
}

size_t credential_settings(Arena *arena, const Credential *credential,
                           CredentialSetting settings[CREDENTIAL_SETTINGS_MAX]) {
    const CredentialSetting all[] = {
        {"PGHOST", credential->host},         {"PGPORT", port_text(arena, credential)},
        {"PGDATABASE", credential->database}, {"PGUSER", credential->user},
        {"PGPASSWORD", credential->password}, {"PGSSLMODE", credential->tls},
    };
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        if (all[i].value != NULL)
            settings[count++] = all[i];
    }
    return count;
}

// In single quotes, where a shell takes nothing for anything else; a quote itself is '\''.
static void add_shell_quoted(Buffer *into, const char *text) {
    buffer_add(into, "'");
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            buffer_add(into, "'\\''");
        else
            buffer_add_bytes(into, text, 1);
    }
    buffer_add(into, "'");
}

static void format_env(Arena *arena, const Credential *credential, Buffer *into) {
    CredentialSetting settings[CREDENTIAL_SETTINGS_MAX];
    size_t count = credential_settings(arena, credential, settings);
    for (size_t i = 0; i < count; i++) {
        buffer_addf(into, "export %s=", settings[i].name);
        add_shell_quoted(into, settings[i].value);
        buffer_add(into, "\n");
    }
}

// https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
static void format_url(Arena *arena, const Credential *credential, Buffer *into) {
    bool is_ipv6 = strchr(credential->host, ':') != NULL;
    buffer_addf(into, "postgresql://%s:%s@", percent_encode(arena, credential->user),
                percent_encode(arena, credential->password));
    buffer_addf(into, is_ipv6 ? "[%s]" : "%s",
                is_ipv6 ? credential->host : percent_encode(arena, credential->host));
    buffer_addf(into, ":%lld/%s", (long long)credential->port,
                percent_encode(arena, credential->database));
    if (credential->tls != NULL)
        buffer_addf(into, "?sslmode=%s", percent_encode(arena, credential->tls));
    buffer_add(into, "\n");
}

// https://www.postgresql.org/docs/current/libpq-pgpass.html: ':' and '\' are escaped.
static void add_pgpass(Buffer *into, const char *text) {
    for (; *text != '\0'; text++) {
        if (*text == ':' || *text == '\\')
            buffer_add(into, "\\");
        buffer_add_bytes(into, text, 1);
    }
}

static void format_pgpass(Arena *arena, const Credential *credential, Buffer *into) {
    const char *parts[] = {credential->host, port_text(arena, credential), credential->database,
                           credential->user, credential->password};
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (i > 0)
            buffer_add(into, ":");
        add_pgpass(into, parts[i]);
    }
    buffer_add(into, "\n");
}

static Status check_values(const Credential *credential, Error *reterr) {
    const char *values[] = {credential->host, credential->database, credential->user,
                            credential->password};
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        if (values[i] == NULL || !text_is_printable(values[i]))
            return error_set(reterr, STATUS_INTERNAL, "bad_credential",
                             "the credential misses a value, or has one with control characters");
    }
    if (credential->tls != NULL && !text_is_printable(credential->tls))
        return error_set(reterr, STATUS_INTERNAL, "bad_credential",
                         "the credential has a value with control characters");
    return STATUS_OK;
}

Status credential_format(Arena *arena, const Credential *credential, const char *format,
                         Buffer *into, Error *reterr) {
    TRY(check_values(credential, reterr));
    if (text_equal(format, "env")) {
        format_env(arena, credential, into);
    } else if (text_equal(format, "url")) {
        format_url(arena, credential, into);
    } else if (text_equal(format, "pgpass")) {
        format_pgpass(arena, credential, into);
    } else if (text_equal(format, "json")) {
        buffer_add(into,
                   json_text_indented(arena, shape_write(arena, &CREDENTIAL_SHAPE, credential)));
        buffer_add(into, "\n");
    } else {
        return error_set(reterr, STATUS_INVALID, "usage",
                         "--format: expected env, url, json or pgpass");
    }
    return STATUS_OK;
}
