// Signing in and out. Every try is counted, and noted in the audit trail whatever comes of it.
#include "api/call.h"
#include "api/handlers.h"

#include "base/id.h"
#include "domain/principal.h"
#include "wire/api_messages.h"

#include <string.h>

enum {
    SESSION_S = 12 * 3600,
    MAX_WAIT_FOR_PLACE_MS = 10 * SECOND_MS,
};

// Whoever waits for a free place among the computations on passwords.
static const char WAITING_KEY[] = "sign-in";

static const char *address_key(Call *call) {
    return arena_printf(call->arena, "sign in %s", http_request_peer_group(call->request));
}

// Somebody who guesses does not keep the principal from signing in elsewhere.
static const char *principal_key(Call *call, const char *principal) {
    return arena_printf(call->arena, "%s from %s", principal,
                        http_request_peer_group(call->request));
}

static Status limited(Call *call, int64_t retry_after_s, Error *reterr) {
    call_add_header(call, "Retry-After",
                    arena_printf(call->arena, "%lld", (long long)retry_after_s));
    return error_set(reterr, STATUS_LIMITED, "too_many_sign_ins",
                     "too many tries to sign in; try again in %lld s", (long long)retry_after_s);
}

static Status count_try(Call *call, const char *principal, Error *reterr) {
    const Api *api = call->api;
    CallState *state = call_state(call);
    int64_t retry_after_s = 1;
    if (state->try_counted)
        return STATUS_OK;
    if (!rate_limiter_take(api->address_limiter, address_key(call), &retry_after_s) ||
        !rate_limiter_take(api->principal_limiter, principal_key(call, principal),
                           &retry_after_s) ||
        !rate_limiter_take(api->everywhere_limiter, principal, &retry_after_s))
        return limited(call, retry_after_s, reterr);
    state->try_counted = true;
    return STATUS_OK;
}

static void forgive_try(Call *call, const char *principal) {
    rate_limiter_give(call->api->address_limiter, address_key(call));
    rate_limiter_give(call->api->principal_limiter, principal_key(call, principal));
    rate_limiter_give(call->api->everywhere_limiter, principal);
}

static void wake_next(Call *call) {
    api_wake(call->api, WAITING_KEY);
}

static void note_failed(Call *call, const char *principal, const char *method, const char *code) {
    call->caller.actor.name = principal; // a claim: the actor's kind stays anonymous
    const json_t *detail =
        json_keep(call->arena, json_pack("{s:s, s:s}", "method", method, "code", code));
    call_note(call, &(AuditNote){.event = "sign_in.failed", .person = principal, .detail = detail});
    metrics_count_sign_in(call->api->metrics, false);
}

static Status start_session(Call *call, const char *name, const char *method, Error *reterr) {
    Store *store = call->api->options.store;
    call->configuration = NULL; // an accepted invitation has changed it
    const Configuration *configuration = NULL;
    TRY(call_configuration(call, &configuration, reterr));
    const Principal *principal = configuration_principal(configuration, name);
    if (principal == NULL || principal->disabled) {
        note_failed(call, name, method, "principal_disabled");
        return error_set(reterr, STATUS_UNAUTHENTICATED, "principal_disabled",
                         "%s is disabled; an administrator can enable it", name);
    }
    int64_t now_ms = call_now_ms(call);
    const char *text = token_new(call->arena, "dps");
    Token token = {
        .id = id_new(call->arena, "tok"),
        .hash = token_hash(call->arena, text),
        .kind = TOKEN_SESSION,
        .subject = name,
        .label = method,
        .created_at = now_ms,
        .expires_at = now_ms + (int64_t)SESSION_S * SECOND_MS,
    };
    for (size_t i = 0; i < TOKEN_SCOPES.count; i++)
        string_list_add(call->arena, &token.scopes, TOKEN_SCOPES.names[i]);
    call->caller.actor = (Actor){.name = name,
                                 .kind = "principal",
                                 .peer = http_request_peer(call->request),
                                 .token = token.id};
    const json_t *detail = json_keep(call->arena, json_pack("{s:s}", "method", method));
    TRY(store_note(store, &call->caller.actor,
                   &(AuditNote){.event = "sign_in.succeeded", .person = name, .detail = detail},
                   reterr));
    TRY(store_add_token(store, &call->caller.actor, &token, reterr));
    metrics_count_sign_in(call->api->metrics, true);
    call->caller.kind = CALLER_PRINCIPAL; // for the log
    return call_reply(call, &(SessionReply){
                                .token = text,
                                .principal = name,
                                .role = enum_name(&ROLES, principal->role),
                                .expires_at = token.expires_at,
                            });
}

static Status name_check(const char *name, Error *reterr) {
    Error error = {0};
    if (principal_name_check(name, &error) == STATUS_OK)
        return STATUS_OK;
    error_set(reterr, STATUS_INVALID, "bad_value", "principal: %s", error.message);
    snprintf(reterr->pointer, sizeof(reterr->pointer), "/principal");
    return STATUS_INVALID;
}

// True when the call waits for a free place and will run again.
static bool wait_for_place(Call *call, const Error *error, uint64_t sequence) {
    return text_equal(error->code, "sign_in_busy") &&
           call_park(call, WAITING_KEY, MAX_WAIT_FOR_PLACE_MS, sequence);
}

static void say_when_place(Call *call, const Error *error) {
    if (text_equal(error->code, "sign_in_busy"))
        call_add_header(call, "Retry-After", "1");
}

Status session_create(Call *call, Error *reterr) {
    const SignInRequest *body = call->body;
    Authenticator *authenticator = call->api->options.authenticator;
    TRY(name_check(body->principal, reterr));
    TRY(count_try(call, body->principal, reterr));
    uint64_t sequence = call_sequence(call);
    Error error = {0};
    Status status = authenticator->sign_in(authenticator, call->api->options.store, body, &error);
    if (wait_for_place(call, &error, sequence))
        return STATUS_OK;
    wake_next(call);
    say_when_place(call, &error);
    if (status == STATUS_UNAUTHENTICATED)
        note_failed(call, body->principal, authenticator->name, error.code);
    if (status != STATUS_OK) {
        *reterr = error;
        return status;
    }
    forgive_try(call, body->principal);
    return start_session(call, body->principal, authenticator->name, reterr);
}

// ---- Invitations ------------------------------------------------------------------------------

static Status bad_invitation(Call *call, const char *principal, Error *reterr) {
    note_failed(call, principal, "invitation", "bad_invitation");
    return error_set(reterr, STATUS_UNAUTHENTICATED, "bad_invitation",
                     "the invitation is not for this principal, has ended, or was used; ask an "
                     "administrator for another");
}

static bool means_bad_invitation(Status status) {
    return status == STATUS_NOT_FOUND || status == STATUS_EXPIRED ||
           status == STATUS_UNAUTHENTICATED || status == STATUS_FORBIDDEN;
}

// Looked at before the password is worked on, so that nobody has that done without an invitation.
static Status check_invitation(Call *call, const AcceptInvitationRequest *body, const char *hash,
                               Token *ret_token, Error *reterr) {
    Error error = {0};
    Status status =
        store_find_token(call->api->options.store, call->arena, hash, ret_token, &error);
    if (status != STATUS_OK && !means_bad_invitation(status)) {
        *reterr = error;
        return status;
    }
    bool fits = status == STATUS_OK && ret_token->kind == TOKEN_INVITATION &&
                (ret_token->subject[0] == '\0' || text_equal(ret_token->subject, body->principal));
    return fits ? STATUS_OK : bad_invitation(call, body->principal, reterr);
}

Status session_accept_invitation(Call *call, Error *reterr) {
    const AcceptInvitationRequest *body = call->body;
    const ApiOptions *options = &call->api->options;
    TRY(name_check(body->principal, reterr));
    TRY(count_try(call, body->principal, reterr));
    const char *hash = token_hash(call->arena, body->invitation);
    Token invitation = {0};
    TRY(check_invitation(call, body, hash, &invitation, reterr));
    uint64_t sequence = call_sequence(call);
    Error error = {0};
    const char *protected = NULL;
    Status status = options->authenticator->protect(options->authenticator, call->arena,
                                                    body->new_password, &protected, &error);
    if (wait_for_place(call, &error, sequence))
        return STATUS_OK;
    wake_next(call);
    say_when_place(call, &error);
    if (status == STATUS_OK) {
        call->caller.actor.name = body->principal;
        status = store_accept_invitation(options->store, &call->caller.actor, hash, body->principal,
                                         protected, &error);
        if (means_bad_invitation(status)) // another was quicker
            return bad_invitation(call, body->principal, reterr);
    }
    if (status != STATUS_OK) {
        *reterr = error;
        return status;
    }
    forgive_try(call, body->principal);
    if (invitation.subject[0] == '\0' && options->bootstrapped != NULL)
        options->bootstrapped(options->context);
    return start_session(call, body->principal, "invitation", reterr);
}

// ---- The session at hand ------------------------------------------------------------------------

Status session_end(Call *call, Error *reterr) {
    TRY(store_remove_token(call->api->options.store, &call->caller.actor, call->caller.token.id,
                           reterr));
    return call_reply_nothing(call);
}

Status session_whoami(Call *call, Error *reterr) {
    const Configuration *configuration = NULL;
    TRY(call_configuration(call, &configuration, reterr));
    const Token *token = &call->caller.token;
    WhoamiReply reply = {
        .principal = call->caller.principal.name,
        .role = enum_name(&ROLES, call->caller.principal.role),
        .token = token->id,
        .token_kind = enum_name(&TOKEN_KINDS, token->kind),
        .scopes = token->scopes,
        .expires_at = token->expires_at,
        .deployment = store_deployment(call->api->options.store),
        .server_version = DAYPASS_VERSION,
    };
    for (size_t i = 0; i < configuration->groups.count; i++) {
        const char *group = configuration->groups.items[i].name;
        if (group_includes(configuration, group, reply.principal))
            string_list_add(call->arena, &reply.groups, group);
    }
    return call_reply(call, &reply);
}
