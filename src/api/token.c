// Tokens: everybody's own; administrators see and remove everybody's.
#include "api/call.h"
#include "api/handlers.h"
#include "api/queries.h"

#include "base/id.h"
#include "wire/api_messages.h"

static TokenView token_view(const Token *token) {
    return (TokenView){
        .id = token->id,
        .kind = enum_name(&TOKEN_KINDS, token->kind),
        .principal = token->subject,
        .label = token->label,
        .scopes = token->scopes,
        .created_at = token->created_at,
        .expires_at = token->expires_at,
        .last_used_at = token->last_used_at,
    };
}

Status token_list(Call *call, Error *reterr) {
    const TokenQuery *query = call->query;
    const char *subject = call->caller.principal.name;
    bool others =
        query->all || (query->principal != NULL && !text_equal(query->principal, subject));
    if (others && !call_reviews(call))
        return error_set(reterr, STATUS_FORBIDDEN, "role_missing",
                         "the tokens of others are for auditors and administrators");
    if (query->principal != NULL)
        subject = query->principal;
    else if (query->all)
        subject = NULL;
    Tokens tokens = {0};
    TRY(store_list_tokens(call->api->options.store, call->arena, subject, &tokens, reterr));
    json_t *items = json_keep(call->arena, json_array());
    for (size_t i = 0; i < tokens.count; i++) {
        const TokenView view = token_view(&tokens.items[i]);
        json_array_append(items, shape_write(call->arena, &TOKEN_VIEW_SHAPE, &view));
    }
    return call_reply_list(call, items, NULL);
}

Status token_create(Call *call, Error *reterr) {
    const TokenRequest *body = call->body;
    if (!text_is_printable(body->label))
        return error_set(reterr, STATUS_INVALID, "bad_value",
                         "label: expected one line of printable text");
    int64_t now_ms = call_now_ms(call);
    const char *text = token_new(call->arena, "dpp");
    Token token = {
        .id = id_new(call->arena, "tok"),
        .hash = token_hash(call->arena, text),
        .kind = TOKEN_PERSONAL,
        .subject = call->caller.principal.name,
        .label = body->label,
        .created_at = now_ms,
        .expires_at = now_ms + body->duration_s * SECOND_MS,
    };
    for (size_t i = 0; i < body->scopes.count; i++) {
        if (!string_list_has(&token.scopes, body->scopes.items[i]))
            string_list_add(call->arena, &token.scopes, body->scopes.items[i]);
    }
    TRY(store_add_token(call->api->options.store, &call->caller.actor, &token, reterr));
    TokenView view = token_view(&token);
    view.token = text;
    return call_reply(call, &view);
}

// Of somebody else's token a member learns nothing, not even that it is there.
Status token_remove(Call *call, Error *reterr) {
    const char *id = call_parameter(call, "id");
    if (!call_administers(call)) {
        Tokens own = {0};
        TRY(store_list_tokens(call->api->options.store, call->arena, call->caller.principal.name,
                              &own, reterr));
        bool found = false;
        for (size_t i = 0; i < own.count; i++)
            found = found || text_equal(own.items[i].id, id);
        if (!found)
            return error_set(reterr, STATUS_NOT_FOUND, "unknown_token",
                             "you have no token of that id; \"daypass token list\" shows yours");
    }
    TRY(store_remove_token(call->api->options.store, &call->caller.actor, id, reterr));
    return call_reply_nothing(call);
}
