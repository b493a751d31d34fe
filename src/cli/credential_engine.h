// What each kind of target needs of the command line: the forms its credential can be printed in,
// and the clients that daypass connect starts. One row an engine; each is in its own file.
#pragma once

#include "base/buffer.h"
#include "base/enum_table.h"
#include "base/error.h"
#include "cli/client_launch.h"
#include "domain/plan.h"
#include "domain/target_kind.h"
#include "wire/messages.h"

typedef enum CredentialForm {
    FORM_ENV,
    FORM_URL,
    FORM_JSON, // every engine's
    FORM_PGPASS,
    FORM_MYCNF,
    FORM_JDBC,
    FORM_ODBC,
    FORM_DOTNET,
    CREDENTIAL_FORM_COUNT_
} CredentialForm;
extern const EnumTable CREDENTIAL_FORMS; // "env", "url", …

// Adds the credential in that form, with a newline. Its values are checked: see
// credential_check. Refuses ("unsupported_form") a value that the form has no way to write.
typedef Status (*CredentialWriter)(Arena *arena, const Credential *credential, Buffer *into,
                                   Error *reterr);

typedef struct ClientOrder {
    const Credential *credential;
    const char *program; // the path it was found at
    TlsMode tls;
    const char *ca_file;         // certificates that vouch for the target; NULL: the client's own
    const char *authority_hint;  // where these are to be had; NULL: nobody knows
    const StringList *arguments; // the person's, for the client
} ClientOrder;

typedef struct EngineClient {
    const char *program; // "psql": looked for in PATH
    // Says how to start it. A TLS mode that the client does not have becomes the next stricter one
    // that it has; where there is none it is refused ("unsupported_tls").
    Status (*prepare)(ClientLaunch *launch, const ClientOrder *order, Error *reterr);
} EngineClient;

enum { ENGINE_CLIENTS_MAX = 4 };

typedef struct CredentialEngine {
    bool needs_database;                              // there is no connecting without
    CredentialWriter writers[CREDENTIAL_FORM_COUNT_]; // NULL: not of this engine
    EngineClient clients[ENGINE_CLIENTS_MAX];         // in the order they are looked for
    const char *install;                              // what to do where none of them is there
} CredentialEngine;

extern const CredentialEngine POSTGRESQL_ENGINE, MYSQL_ENGINE, MARIADB_ENGINE, SQLSERVER_ENGINE,
    ORACLE_ENGINE, REDIS_ENGINE;

// "unknown_kind" for a kind that this version does not know.
MUST_USE Status credential_engine_find(const Credential *credential, TargetKind *ret_kind,
                                       const CredentialEngine **ret_engine, Error *reterr);
// For a person, by the name of a kind: " (psql)" or " (mysql or mariadb)", and "env|url|json";
// where the kind is not known, "" and what every kind has.
const char *credential_clients(Arena *arena, const char *kind);
const char *credential_forms(Arena *arena, const char *kind);
// "bad_credential" for one that misses a value, or has one with control characters: no form carries
// a line break.
MUST_USE Status credential_check(const Credential *credential, const CredentialEngine *engine,
                                 Error *reterr);
// Its password is AWS's to check, see AUTHENTICATION_IAM.
bool credential_is_token(const Credential *credential);
// The system's own authorities, in one file; NULL: none is where one is looked for.
const char *system_authorities(void);
// verify-full where the credential names none.
MUST_USE Status credential_tls(const Credential *credential, TlsMode *ret_tls, Error *reterr);
