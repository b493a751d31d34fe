#include "store/store_internal.h"

#include "base/id.h"

#include <string.h>

enum {
    USE_NOTED_EVERY_MS = 60 * SECOND_MS,
};
// Until then somebody who uses an old token is told that it has expired, not that it is unknown.
static const int64_t ENDED_TOKENS_KEPT_MS = 30LL * 24 * 3600 * SECOND_MS;

static const char *const TOKEN_KIND_NAMES[] = {
    [TOKEN_SESSION] = "session",
    [TOKEN_PERSONAL] = "personal",
    [TOKEN_INVITATION] = "invitation",
    [TOKEN_JOIN] = "join",
};
const EnumTable TOKEN_KINDS = {"kind of token", TOKEN_KIND_NAMES, COUNT_OF(TOKEN_KIND_NAMES)};

static const char *const TOKEN_SCOPE_NAMES[] = {
    [SCOPE_READ] = "read",
    [SCOPE_REQUEST] = "request",
    [SCOPE_DECIDE] = "decide",
    [SCOPE_CONFIGURE] = "configure",
};
const EnumTable TOKEN_SCOPES = {"scope of a token", TOKEN_SCOPE_NAMES, COUNT_OF(TOKEN_SCOPE_NAMES)};

static const Field TOKEN_FIELDS[] = {
    {FIELD(Token, id, STRING), .required = true, .help = "Id of the token; not secret"},
    {FIELD(Token, kind, ENUM), .required = true, .names = &TOKEN_KINDS,
     .help = "What the token is for"},
    {FIELD(Token, subject, STRING), .help = "Principal or connector it stands for"},
    {FIELD(Token, label, STRING), .help = "What its owner calls it"},
    {FIELD(Token, scopes, STRINGS), .names = &TOKEN_SCOPES, .max = 16,
     .help = "What it may be used for"},
    {FIELD(Token, created_at, TIME), .help = "When it was made"},
    {FIELD(Token, expires_at, TIME), .help = "When it ends"},
    {FIELD(Token, last_used_at, TIME), .help = "When it was used last, to the minute"},
};
const Shape TOKEN_SHAPE = SHAPE("Token", Token, TOKEN_FIELDS, "A token, without what makes it one");

// ---- Rows ---------------------------------------------------------------------------------------

#define TOKEN_COLUMNS "id, hash, kind, subject, label, scopes, created_at, expires_at, last_used_at"

static const char *scopes_text(Arena *arena, const StringList *scopes) {
    json_t *array = json_keep(arena, json_array());
    for (size_t i = 0; i < scopes->count; i++)
        json_array_append_new(array, json_string(scopes->items[i]));
    return json_text(arena, array);
}

static Status token_read(Operation *operation, const Row *row, Token *ret_token, Error *reterr) {
    json_t *scopes = NULL;
    TRY(stored_json(operation, row->text[5], &scopes, reterr));
    Token token = {
        .id = row->text[0],
        .hash = row->text[1],
        .subject = row->text[3],
        .label = row->text[4],
        .created_at = row->integer[6],
        .expires_at = row->integer[7],
        .last_used_at = row->integer[8],
    };
    if (!enum_find(&TOKEN_KINDS, row->text[2], &token.kind))
        return error_set(reterr, STATUS_INTERNAL, "store_damaged", "a stored token has no kind");
    for (size_t i = 0; i < json_array_size(scopes); i++)
        string_list_add(operation->arena, &token.scopes,
                        json_string_value(json_array_get(scopes, i)));
    *ret_token = token;
    return STATUS_OK;
}

Status token_insert(Operation *operation, const Token *token, Error *reterr) {
    Parameter parameters[] = {
        parameter_text(token->id),
        parameter_text(token->hash),
        parameter_text(enum_name(&TOKEN_KINDS, token->kind)),
        parameter_text(token->subject),
        parameter_text(token->label),
        parameter_text(scopes_text(operation->arena, &token->scopes)),
        parameter_int(token->created_at != 0 ? token->created_at : operation->now_ms),
        parameter_int(token->expires_at),
        parameter_int(token->last_used_at),
    };
    TRY(operation_run(operation,
                      "INSERT INTO tokens (" TOKEN_COLUMNS ")"
                      " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                      parameters, COUNT_OF(parameters), NULL, reterr));
    Parameter ended[] = {parameter_int(operation->now_ms - ENDED_TOKENS_KEPT_MS)};
    return operation_run(operation, "DELETE FROM tokens WHERE expires_at < $1", ended,
                         COUNT_OF(ended), NULL, reterr);
}

static Status token_by_hash(Operation *operation, const char *hash, Token *ret_token,
                            Error *reterr) {
    Parameter parameters[] = {parameter_text(hash)};
    Rows rows;
    TRY(operation_run(operation, "SELECT " TOKEN_COLUMNS " FROM tokens WHERE hash = $1", parameters,
                      COUNT_OF(parameters), &rows, reterr));
    if (rows.count == 0)
        return error_set(reterr, STATUS_NOT_FOUND, "unknown_token",
                         "the token is not known; it may have been used or removed");
    Token token;
    TRY(token_read(operation, &rows.items[0], &token, reterr));
    if (token.expires_at <= operation->now_ms)
        return error_set(reterr, STATUS_EXPIRED, "token_expired",
                         "the token has expired; ask for a new one");
    *ret_token = token;
    return STATUS_OK;
}

Status token_consume(Operation *operation, const char *hash, TokenKind kind, Token *ret_token,
                     Error *reterr) {
    Token token;
    TRY(token_by_hash(operation, hash, &token, reterr));
    if (token.kind != (int)kind)
        return error_set(reterr, STATUS_NOT_FOUND, "unknown_token",
                         "this is a token for something else; expected one of kind %s",
                         enum_name(&TOKEN_KINDS, (int)kind));
    Parameter parameters[] = {parameter_text(token.id)};
    Rows rows;
    TRY(operation_run(operation, "DELETE FROM tokens WHERE id = $1", parameters,
                      COUNT_OF(parameters), &rows, reterr));
    if (rows.changed != 1)
        return operation_raced(reterr); // used by somebody else since it was read
    *ret_token = token;
    return STATUS_OK;
}

Status tokens_remove(Operation *operation, const char *subject, TokenKind kind, Error *reterr) {
    Parameter parameters[] = {parameter_text(subject),
                              parameter_text(enum_name(&TOKEN_KINDS, (int)kind))};
    return operation_run(operation, "DELETE FROM tokens WHERE subject = $1 AND kind = $2",
                         parameters, COUNT_OF(parameters), NULL, reterr);
}

Status person_forget(Operation *operation, const char *principal, Error *reterr) {
    Parameter parameters[] = {parameter_text(principal)};
    TRY(operation_run(operation,
                      "DELETE FROM tokens WHERE subject = $1"
                      " AND kind IN ('session', 'personal', 'invitation')",
                      parameters, COUNT_OF(parameters), NULL, reterr));
    return operation_run(operation, "DELETE FROM passwords WHERE principal = $1", parameters,
                         COUNT_OF(parameters), NULL, reterr);
}

// ---- Tokens -------------------------------------------------------------------------------------

static Status note_token(Operation *operation, const char *event, const Token *token,
                         Error *reterr) {
    json_t *detail = shape_write(operation->arena, &TOKEN_SHAPE, token);
    AuditNote note = {.event = event, .detail = detail};
    if (token->kind != TOKEN_JOIN && token->subject[0] != '\0')
        note.person = token->subject;
    return audit_append(operation, &note, reterr);
}

static Status check_subject(Operation *operation, const Token *token, Error *reterr) {
    if (token->kind == TOKEN_JOIN || token->subject[0] == '\0')
        return STATUS_OK;
    Configuration configuration;
    TRY(configuration_load(operation, &configuration, reterr));
    if (configuration_principal(&configuration, token->subject) == NULL)
        return error_set(reterr, STATUS_NOT_FOUND, "unknown_principal",
                         "there is no principal of that name; declare it first");
    return STATUS_OK;
}

static Status add_token(Operation *operation, void *work, Error *reterr) {
    const Token *token = work;
    TRY(check_subject(operation, token, reterr));
    TRY(limit_tokens(operation, token, reterr));
    TRY(token_insert(operation, token, reterr));
    return note_token(operation, "token.created", token, reterr);
}

Status store_add_token(Store *store, const Actor *actor, const Token *token, Error *reterr) {
    Token copy = *token;
    return store_write(store, NULL, actor, add_token, &copy, reterr);
}

typedef struct FindWork {
    const char *hash;
    Token token;
} FindWork;

static Status find_token(Operation *operation, void *work_, Error *reterr) {
    FindWork *work = work_;
    return token_by_hash(operation, work->hash, &work->token, reterr);
}

static Status note_use(Operation *operation, void *work_, Error *reterr) {
    FindWork *work = work_;
    Parameter parameters[] = {parameter_text(work->token.id), parameter_int(operation->now_ms)};
    return operation_run(operation, "UPDATE tokens SET last_used_at = $2 WHERE id = $1", parameters,
                         COUNT_OF(parameters), NULL, reterr);
}

Status store_find_token(Store *store, Arena *arena, const char *hash, Token *ret_token,
                        Error *reterr) {
    FindWork work = {.hash = hash};
    TRY(store_read(store, arena, find_token, &work, reterr));
    int64_t now_ms = clock_now_ms(store->clock);
    if (now_ms - work.token.last_used_at >= USE_NOTED_EVERY_MS) {
        // When it was last used is a convenience: a store that cannot write still knows who it is.
        Error ignored = {0};
        if (store_write(store, arena, NULL, note_use, &work, &ignored) == STATUS_OK)
            work.token.last_used_at = now_ms;
    }
    *ret_token = work.token;
    return STATUS_OK;
}

typedef struct ListTokensWork {
    const char *person;
    Tokens tokens;
} ListTokensWork;

enum { TOKENS_LIST_MAX = 10000 };

static Status list_tokens(Operation *operation, void *work_, Error *reterr) {
    ListTokensWork *work = work_;
    Query query = {.arena = operation->arena};
    query_add_with(&query, "SELECT " TOKEN_COLUMNS " FROM tokens WHERE expires_at > ?",
                   parameter_int(operation->now_ms));
    if (work->person != NULL)
        // A connector may have a person's name: its join tokens are not that person's.
        query_add_with(&query, " AND kind <> 'join' AND subject = ?", parameter_text(work->person));
    query_add_with(&query, " ORDER BY created_at, id LIMIT ?", parameter_int(TOKENS_LIST_MAX));
    Rows rows;
    TRY(query_run(operation, &query, &rows, reterr));
    work->tokens.items = arena_alloc(operation->arena, (rows.count + 1) * sizeof(Token));
    work->tokens.count = rows.count;
    for (size_t i = 0; i < rows.count; i++)
        TRY(token_read(operation, &rows.items[i], &work->tokens.items[i], reterr));
    return STATUS_OK;
}

Status store_list_tokens(Store *store, Arena *arena, const char *person, Tokens *ret_tokens,
                         Error *reterr) {
    ListTokensWork work = {.person = person};
    TRY(store_read(store, arena, list_tokens, &work, reterr));
    *ret_tokens = work.tokens;
    return STATUS_OK;
}

Status token_end(Operation *operation, const char *id, Error *reterr) {
    Parameter parameters[] = {parameter_text(id)};
    Rows rows;
    TRY(operation_run(operation, "DELETE FROM tokens WHERE id = $1 RETURNING " TOKEN_COLUMNS,
                      parameters, COUNT_OF(parameters), &rows, reterr));
    if (rows.count == 0)
        return error_set(reterr, STATUS_NOT_FOUND, "unknown_token", "there is no token of that id");
    Token token;
    TRY(token_read(operation, &rows.items[0], &token, reterr));
    return note_token(operation, "token.removed", &token, reterr);
}

static Status remove_token(Operation *operation, void *work, Error *reterr) {
    return token_end(operation, work, reterr);
}

Status store_remove_token(Store *store, const Actor *actor, const char *id, Error *reterr) {
    CLEANUP(mem_freep) char *copy = mem_strdup(id);
    return store_write(store, NULL, actor, remove_token, copy, reterr);
}

// ---- Passwords ----------------------------------------------------------------------------------

typedef struct PasswordWork {
    const char *principal;
    const char *hash;
} PasswordWork;

static Status read_password(Operation *operation, void *work_, Error *reterr) {
    PasswordWork *work = work_;
    Parameter parameters[] = {parameter_text(work->principal)};
    Rows rows;
    TRY(operation_run(operation, "SELECT hash FROM passwords WHERE principal = $1", parameters,
                      COUNT_OF(parameters), &rows, reterr));
    work->hash = rows.count > 0 ? rows.items[0].text[0] : NULL;
    return STATUS_OK;
}

Status store_password_hash(Store *store, Arena *arena, const char *principal, const char **ret_hash,
                           Error *reterr) {
    PasswordWork work = {.principal = principal};
    TRY(store_read(store, arena, read_password, &work, reterr));
    *ret_hash = work.hash;
    return STATUS_OK;
}

typedef struct AcceptWork {
    const char *token_hash;
    const char *principal;
    const char *password_hash;
} AcceptWork;

// The first administrator, by the invitation that names nobody.
static Status bootstrap(Operation *operation, const Configuration *configuration, const char *name,
                        Error *reterr) {
    const Principal *there = configuration_principal(configuration, name);
    if (there != NULL && there->role == ROLE_ADMINISTRATOR && !there->disabled)
        return STATUS_OK;
    if (there != NULL)
        return error_set(reterr, STATUS_CONFLICT, "not_an_administrator",
                         "%s is there already and is no enabled administrator; choose another name",
                         name);
    TRY(principal_name_check(name, reterr));
    Principal principal = {.name = name, .role = ROLE_ADMINISTRATOR};
    Change change = {
        .kind = CHANGE_CREATE,
        .type = "principal",
        .name = name,
        .after = shape_write(operation->arena, &PRINCIPAL_SHAPE, &principal),
    };
    int64_t version = 0;
    TRY(configuration_bump(operation, configuration->version, &version, reterr));
    return configuration_change(operation, &change, reterr);
}

static Status check_invited(const Configuration *configuration, const Token *token,
                            const char *principal, Error *reterr) {
    const Principal *there = configuration_principal(configuration, principal);
    if (!text_equal(token->subject, principal) || there == NULL)
        return error_set(reterr, STATUS_FORBIDDEN, "not_invited",
                         "the invitation is for somebody else");
    if (there->disabled)
        return error_set(reterr, STATUS_FORBIDDEN, "principal_disabled",
                         "%s is disabled; an administrator can enable them", principal);
    return STATUS_OK;
}

static Status accept_invitation(Operation *operation, void *work_, Error *reterr) {
    AcceptWork *work = work_;
    Configuration configuration;
    TRY(configuration_load(operation, &configuration, reterr));
    Token token;
    TRY(token_consume(operation, work->token_hash, TOKEN_INVITATION, &token, reterr));
    if (token.subject[0] == '\0')
        TRY(bootstrap(operation, &configuration, work->principal, reterr));
    else
        TRY(check_invited(&configuration, &token, work->principal, reterr));
    Parameter parameters[] = {parameter_text(work->principal), parameter_text(work->password_hash)};
    TRY(operation_run(operation,
                      "INSERT INTO passwords (principal, hash) VALUES ($1, $2)"
                      " ON CONFLICT (principal) DO UPDATE SET hash = excluded.hash",
                      parameters, COUNT_OF(parameters), NULL, reterr));
    TRY(tokens_remove(operation, work->principal, TOKEN_SESSION, reterr));
    // One invitation answered ends the others: an older one must not set the password again.
    TRY(tokens_remove(operation, token.subject, TOKEN_INVITATION, reterr));
    json_t *detail = json_keep(operation->arena, json_object());
    json_object_set_new(detail, "invitation", json_string(token.id));
    AuditNote note = {.event = "password.set", .person = work->principal, .detail = detail};
    return audit_append(operation, &note, reterr);
}

Status store_accept_invitation(Store *store, const Actor *actor, const char *token_hash,
                               const char *principal, const char *password_hash, Error *reterr) {
    AcceptWork work = {token_hash, principal, password_hash};
    return store_write(store, NULL, actor, accept_invitation, &work, reterr);
}

static Status find_administrator(Operation *operation, void *work, Error *reterr) {
    bool *ret_found = work;
    *ret_found = false;
    Configuration configuration;
    TRY(configuration_load(operation, &configuration, reterr));
    Rows rows;
    TRY(operation_run(operation, "SELECT principal FROM passwords", NULL, 0, &rows, reterr));
    for (size_t i = 0; i < rows.count; i++) {
        const Principal *principal = configuration_principal(&configuration, rows.items[i].text[0]);
        if (principal != NULL && principal->role == ROLE_ADMINISTRATOR && !principal->disabled)
            *ret_found = true;
    }
    return STATUS_OK;
}

Status store_is_bootstrapped(Store *store, bool *ret_bootstrapped, Error *reterr) {
    bool found = false;
    TRY(store_read(store, NULL, find_administrator, &found, reterr));
    *ret_bootstrapped = found;
    return STATUS_OK;
}
