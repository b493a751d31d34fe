#include "api/authorisation.h"

#include "base/id.h"
#include "base/log.h"
#include "wire/signature.h"

#include <string.h>
#include <strings.h>

// ---- The decision -----------------------------------------------------------------------------

static Status role_check(const Route *route, Role role, Error *reterr) {
    switch (route->permission) { // GCOVR_EXCL_BR_LINE: no route is outside the enum
    case PERMISSION_SIGNED_IN:
        return STATUS_OK;
    case PERMISSION_TAKE_PART:
        if (role == ROLE_MEMBER || role == ROLE_ADMINISTRATOR)
            return STATUS_OK;
        return error_set(reterr, STATUS_FORBIDDEN, "auditor_changes_nothing",
                         "auditors read everything and change nothing");
    case PERMISSION_METRICS:
    case PERMISSION_REVIEW:
        if (role == ROLE_AUDITOR || role == ROLE_ADMINISTRATOR)
            return STATUS_OK;
        return error_set(reterr, STATUS_FORBIDDEN, "role_missing",
                         "this is for auditors and administrators");
    case PERMISSION_ADMINISTER:
        if (role == ROLE_ADMINISTRATOR)
            return STATUS_OK;
        return error_set(reterr, STATUS_FORBIDDEN, "role_missing", "this is for administrators");
    case PERMISSION_PUBLIC:
    case PERMISSION_JOIN:
    case PERMISSION_CONNECTOR:
    case PERMISSION_MISSING:
    case PERMISSION_COUNT_:
        break;
    }
    return error_set(reterr, STATUS_FORBIDDEN, "role_missing", "this is not for people");
}

Status permission_check(const Route *route, const Principal *principal, const Token *token,
                        Error *reterr) {
    if (token->kind != TOKEN_SESSION && token->kind != TOKEN_PERSONAL)
        return error_set(reterr, STATUS_UNAUTHENTICATED, "bad_token",
                         "this kind of token is good for joining only; sign in with \"daypass "
                         "login\"");
    if (principal->disabled)
        return error_set(reterr, STATUS_UNAUTHENTICATED, "principal_disabled",
                         "%s is disabled; an administrator can enable it", principal->name);
    TRY(role_check(route, (Role)principal->role, reterr));
    if (route->session_only && token->kind != TOKEN_SESSION)
        return error_set(reterr, STATUS_FORBIDDEN, "session_required",
                         "a personal token cannot do this; sign in with \"daypass login\"");
    const char *scope = enum_name(&TOKEN_SCOPES, (int)route->scope);
    if (!route->any_scope && !string_list_has(&token->scopes, scope))
        return error_set(reterr, STATUS_FORBIDDEN, "scope_missing",
                         "the token lacks the scope \"%s\" that this needs; make one that has it",
                         scope);
    return STATUS_OK;
}

// ---- People -----------------------------------------------------------------------------------

Status bearer_read(Arena *arena, const char *header, const char **ret_token, Error *reterr) {
    static const char SCHEME[] = "Bearer ";
    if (header == NULL) {
        *ret_token = NULL;
        return STATUS_OK;
    }
    const char *token = header + strlen(SCHEME);
    if (strncasecmp(header, SCHEME, strlen(SCHEME)) != 0 ||
        token[strspn(token, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")] !=
            '\0' ||
        token[0] == '\0' || strlen(token) >= TOKEN_TEXT_MAX)
        return error_set(reterr, STATUS_UNAUTHENTICATED, "bad_token",
                         "the Authorization header is not understood; expected \"Bearer \" and a "
                         "token");
    *ret_token = arena_strdup(arena, token);
    return STATUS_OK;
}

static Status token_find(Call *call, const char *text, Token *ret_token, Error *reterr) {
    Error error = {0};
    Status status = store_find_token(call->api->options.store, call->arena,
                                     token_hash(call->arena, text), ret_token, &error);
    if (status == STATUS_OK)
        return STATUS_OK;
    if (status == STATUS_NOT_FOUND)
        return error_set(reterr, STATUS_UNAUTHENTICATED, "bad_token",
                         "the token is not known, or no longer; sign in with \"daypass login\"");
    if (status == STATUS_EXPIRED)
        return error_set(reterr, STATUS_UNAUTHENTICATED, "token_expired",
                         "the token has ended; sign in with \"daypass login\"");
    *reterr = error;
    return status;
}

static Status authorise_principal(Call *call, Error *reterr) {
    const char *text = NULL;
    TRY(bearer_read(call->arena, http_request_header(call->request, "Authorization"), &text,
                    reterr));
    if (text == NULL)
        return error_set(reterr, STATUS_UNAUTHENTICATED, "not_signed_in",
                         "this needs a token; sign in with \"daypass login\"");
    Token token = {0};
    TRY(token_find(call, text, &token, reterr));
    call->caller.token = token;
    const Configuration *configuration = NULL;
    TRY(call_configuration(call, &configuration, reterr));
    const Principal *principal = configuration_principal(configuration, token.subject);
    // The kind is looked at before the subject: that of a join token is no principal.
    const Principal nobody = {.name = ""};
    TRY(permission_check(call->route, principal != NULL ? principal : &nobody, &token, reterr));
    // GCOVR_EXCL_START: tokens go with their principal; only between two reads can it be so.
    if (principal == NULL)
        return error_set(reterr, STATUS_UNAUTHENTICATED, "bad_token",
                         "the token's principal is not there any more");
    // GCOVR_EXCL_STOP
    call->caller.kind = CALLER_PRINCIPAL;
    call->caller.principal = *principal;
    call->caller.actor.name = principal->name;
    call->caller.actor.kind = "principal";
    call->caller.actor.token = token.id;
    return STATUS_OK;
}

// ---- Connectors -------------------------------------------------------------------------------

static const char *required_header(Call *call, const char *name, Status *status, Error *reterr) {
    const char *value = http_request_header(call->request, name);
    if (value == NULL && *status == STATUS_OK)
        *status =
            error_set(reterr, STATUS_UNAUTHENTICATED, "not_signed",
                      "the header %s is missing; connectors sign each request (RFC 9421)", name);
    return value;
}

// What the instance's signatures differ from our clock. One whose own clock is further off than we
// accept signs by ours.
static int64_t signing_difference_ms(const ConnectorInstance *instance) {
    int64_t difference_ms = instance->clock_difference_ms;
    bool signs_by_own = difference_ms > -(int64_t)SIGNATURE_MAX_AGE_S * SECOND_MS &&
                        difference_ms < (int64_t)SIGNATURE_MAX_AHEAD_S * SECOND_MS;
    return signs_by_own ? difference_ms : 0;
}

// A signature made before this process started may have been used before, which only the process
// that is gone would know. When it was made is estimated by our clock. An instance enrolled since
// has signed nothing before.
static Status check_made_since_start(Call *call, const ConnectorInstance *instance,
                                     const SignatureClaim *claim, Error *reterr) {
    enum { SLACK_MS = 1000 }; // the difference of the clocks is measured less exactly than that
    int64_t started_at = call->api->started_at;
    if (instance->enrolled_at >= started_at)
        return STATUS_OK;
    int64_t made_at = claim->created_s * SECOND_MS - signing_difference_ms(instance);
    if (made_at >= started_at + SLACK_MS)
        return STATUS_OK;
    call_add_header(call, "Retry-After", "1");
    return error_set(reterr, STATUS_UNAVAILABLE, "signed_before_start",
                     "the request was signed before daypassd started; sign it again");
}

static Status instance_find(Call *call, const char *id, ConnectorInstance *ret_instance,
                            Error *reterr) {
    Error error = {0};
    Status status =
        store_find_instance(call->api->options.store, call->arena, id, ret_instance, &error);
    if (status == STATUS_NOT_FOUND)
        return error_set(reterr, STATUS_UNAUTHENTICATED, "unknown_instance",
                         "no connector instance of this id is enrolled, or it was removed; enrol "
                         "it again");
    if (status != STATUS_OK)
        *reterr = error;
    return status;
}

static Status authorise_signature(Call *call, ConnectorInstance *ret_instance, Error *reterr) {
    Status present = STATUS_OK;
    const char *digest = required_header(call, "Content-Digest", &present, reterr);
    const char *input = required_header(call, "Signature-Input", &present, reterr);
    const char *signature = required_header(call, "Signature", &present, reterr);
    TRY(present);
    SignatureClaim claim;
    TRY(request_claim_parse(call->arena, input, &claim, reterr));
    call->caller.actor.name = claim.key_id; // as long as nothing is proved, of kind anonymous
    TRY(instance_find(call, claim.key_id, ret_instance, reterr));
    SignedRequest request = {.method = http_request_method(call->request),
                             .target = http_request_target(call->request)};
    request.body = http_request_body(call->request, &request.body_length);
    int64_t now_s = call_now_ms(call) / SECOND_MS;
    TRY(request_verify(call->arena, ret_instance->public_key, &request, digest, input, signature,
                       now_s, reterr));
    TRY(check_made_since_start(call, ret_instance, &claim, reterr));
    // Remembered last, so that nobody without a key fills the memory.
    return nonce_cache_add(call->api->nonces, claim.key_id, claim.nonce,
                           claim.created_s + SIGNATURE_MAX_AGE_S, now_s, reterr);
}

// Somebody tries to be a connector. Not noted more often than this, or anybody could fill the disk.
static void note_refused(Call *call, const Error *error) {
    int64_t unused;
    const char *key =
        arena_printf(call->arena, "refused %s", http_request_peer_group(call->request));
    if (!rate_limiter_take(call->api->address_limiter, key, &unused))
        return;
    const json_t *detail = json_keep(
        call->arena, json_pack("{s:s, s:s}", "code", error->code, "route", call->route->operation));
    call_note(call, &(AuditNote){.event = "connector.refused", .detail = detail});
}

static Status authorise_connector(Call *call, Error *reterr) {
    ConnectorInstance instance = {0};
    CallState *state = call_state(call);
    if (state->instance != NULL) {
        // It waited: the signature was checked before, but the instance may be gone since.
        TRY(instance_find(call, state->instance->id, &instance, reterr));
    } else {
        Error error = {0};
        Status status = authorise_signature(call, &instance, &error);
        if (status != STATUS_OK) {
            if (status == STATUS_UNAUTHENTICATED)
                note_refused(call, &error);
            *reterr = error;
            return status;
        }
        state->instance = arena_copy(call->arena, &instance, sizeof(instance));
    }
    call->caller.kind = CALLER_CONNECTOR;
    call->caller.instance = instance;
    call->caller.actor.name = instance.id;
    call->caller.actor.kind = "connector";
    return STATUS_OK;
}

// ---- Joining ----------------------------------------------------------------------------------

static Status bad_join_token(Call *call, Error *reterr) {
    error_set(reterr, STATUS_UNAUTHENTICATED, "bad_join_token",
              "a join token is needed that is neither used nor past its end; make one with "
              "\"daypass connector create\"");
    note_refused(call, reterr);
    return STATUS_UNAUTHENTICATED;
}

// Enrolling consumes the token; here it is only looked at, before anything else is.
static Status authorise_join(Call *call, Error *reterr) {
    const char *text = NULL;
    TRY(bearer_read(call->arena, http_request_header(call->request, "Authorization"), &text,
                    reterr));
    if (text == NULL)
        return bad_join_token(call, reterr);
    Token token = {0};
    Error error = {0};
    Status status = token_find(call, text, &token, &error);
    if (status == STATUS_UNAUTHENTICATED || (status == STATUS_OK && token.kind != TOKEN_JOIN))
        return bad_join_token(call, reterr);
    if (status != STATUS_OK) {
        *reterr = error;
        return status;
    }
    call->caller.token = token;
    return STATUS_OK;
}

// ---- All --------------------------------------------------------------------------------------

bool address_is_loopback(const char *address) {
    return text_starts_with(address, "127.") || text_equal(address, "::1") ||
           text_starts_with(address, "::ffff:127.");
}

Status metrics_check(MetricsAccess access, const char *peer, Error *reterr) {
    if (access != METRICS_LOOPBACK || address_is_loopback(peer))
        return STATUS_OK;
    return error_set(reterr, STATUS_FORBIDDEN, "loopback_only",
                     "metrics are for this host only; see the option metrics.access");
}

static Status authorise_metrics(Call *call, Error *reterr) {
    MetricsAccess access = call->api->options.metrics_access;
    const char *peer = http_request_peer(call->request);
    TRY(metrics_check(access, peer, reterr)); // GCOVR_EXCL_BR_LINE: no test calls from afar
    return access == METRICS_TOKEN ? authorise_principal(call, reterr) : STATUS_OK;
}

Status call_authorise(Call *call, Error *reterr) {
    call->caller = (Caller){
        .actor = {.name = "anonymous",
                  .kind = "anonymous",
                  .peer = http_request_peer(call->request)},
    };
    switch (call->route->permission) { // GCOVR_EXCL_BR_LINE: likewise, none is outside the enum
    case PERMISSION_PUBLIC:
        return STATUS_OK;
    case PERMISSION_JOIN:
        return authorise_join(call, reterr);
    case PERMISSION_METRICS:
        return authorise_metrics(call, reterr);
    case PERMISSION_SIGNED_IN:
    case PERMISSION_TAKE_PART:
    case PERMISSION_REVIEW:
    case PERMISSION_ADMINISTER:
        return authorise_principal(call, reterr);
    case PERMISSION_CONNECTOR:
        return authorise_connector(call, reterr);
    // GCOVR_EXCL_START: no route is so, which the test of the route table holds.
    case PERMISSION_MISSING:
    case PERMISSION_COUNT_:
        break;
    }
    return error_set(reterr, STATUS_INTERNAL, "bad_route_table", "the route says not who may call");
    // GCOVR_EXCL_STOP
}
