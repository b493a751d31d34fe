// Principals and groups. What changes goes the same way as `daypass apply`: a declaration,
// compared.
#include "api/call.h"
#include "api/change.h"
#include "api/handlers.h"
#include "api/queries.h"

#include "base/id.h"
#include "domain/principal.h"
#include "wire/api_messages.h"

enum { INVITATION_S = 7 * 24 * 3600 };

// ---- Reading ----------------------------------------------------------------------------------

static Status view_principal(Call *call, const char *name, json_t **ret_value, Error *reterr) {
    const Configuration *configuration = NULL;
    TRY(call_configuration(call, &configuration, reterr));
    const Principal *principal = configuration_principal(configuration, name);
    const char *hash = NULL;
    TRY(store_password_hash(call->api->options.store, call->arena, name, &hash, reterr));
    PrincipalView view = {
        .name = name,
        .role = enum_name(&ROLES, principal->role),
        .disabled = principal->disabled,
        .has_password = hash != NULL,
        .aws_identities = principal->aws_identities,
    };
    for (size_t i = 0; i < configuration->groups.count; i++) {
        if (group_includes(configuration, configuration->groups.items[i].name, name))
            string_list_add(call->arena, &view.groups, configuration->groups.items[i].name);
    }
    *ret_value = shape_write(call->arena, &PRINCIPAL_VIEW_SHAPE, &view);
    return STATUS_OK;
}

Status principal_list(Call *call, Error *reterr) {
    const PageQuery *query = call->query;
    const Configuration *configuration = NULL;
    TRY(call_configuration(call, &configuration, reterr));
    StringList names = {0};
    for (size_t i = 0; i < configuration->principals.count; i++)
        string_list_add(call->arena, &names, configuration->principals.items[i].name);
    return call_reply_named(call, &names, query->cursor, query->limit, view_principal, reterr);
}

static Status view_group(Call *call, const char *name, json_t **ret_value, Error *reterr) {
    const Configuration *configuration = NULL;
    TRY(call_configuration(call, &configuration, reterr));
    *ret_value = shape_write(call->arena, &GROUP_SHAPE, configuration_group(configuration, name));
    return STATUS_OK;
}

Status group_list(Call *call, Error *reterr) {
    const PageQuery *query = call->query;
    const Configuration *configuration = NULL;
    TRY(call_configuration(call, &configuration, reterr));
    StringList names = {0};
    for (size_t i = 0; i < configuration->groups.count; i++)
        string_list_add(call->arena, &names, configuration->groups.items[i].name);
    return call_reply_named(call, &names, query->cursor, query->limit, view_group, reterr);
}

// ---- Changing ---------------------------------------------------------------------------------

static Status invite(Call *call, const char *name, Error *reterr) {
    int64_t now_ms = call_now_ms(call);
    const char *text = token_new(call->arena, "dpi");
    const Token token = {
        .id = id_new(call->arena, "tok"),
        .hash = token_hash(call->arena, text),
        .kind = TOKEN_INVITATION,
        .subject = name,
        .label = "invitation",
        .created_at = now_ms,
        .expires_at = now_ms + (int64_t)INVITATION_S * SECOND_MS,
    };
    TRY(store_add_token(call->api->options.store, &call->caller.actor, &token, reterr));
    return call_reply(
        call,
        &(InvitationReply){.principal = name, .invitation = text, .expires_at = token.expires_at});
}

static Status declare(Call *call, const Principal *principal, Error *reterr) {
    Principal copy = *principal;
    const Configuration declared = {.principals = {.items = &copy, .count = 1}};
    AppliedChange applied = {0};
    return change_apply(call, &declared, (ChangeOptions){0}, &applied, reterr);
}

static Status bad_name(Error *reterr, const Error *error) {
    error_set(reterr, STATUS_INVALID, "bad_value", "name: %s", error->message);
    snprintf(reterr->pointer, sizeof(reterr->pointer), "/name");
    return STATUS_INVALID;
}

Status principal_create(Call *call, Error *reterr) {
    const PrincipalRequest *body = call->body;
    Error error = {0};
    if (principal_name_check(body->name, &error) != STATUS_OK)
        return bad_name(reterr, &error);
    const Configuration *configuration = NULL;
    TRY(call_configuration(call, &configuration, reterr));
    if (configuration_principal(configuration, body->name) != NULL)
        return error_set(reterr, STATUS_CONFLICT, "already_there",
                         "there is a principal %s already; invite them again with \"daypass "
                         "principal invite\"",
                         body->name);
    Principal principal = {.name = body->name};
    if (!enum_find(&ROLES, body->role, &principal.role))
        return error_set(reterr, STATUS_INVALID, "bad_value", "role: there is no such role");
    TRY(declare(call, &principal, reterr));
    return invite(call, body->name, reterr);
}

static Status find_principal(Call *call, const char *name, const Principal **ret_principal,
                             Error *reterr) {
    const Configuration *configuration = NULL;
    TRY(call_configuration(call, &configuration, reterr));
    *ret_principal = configuration_principal(configuration, name);
    if (*ret_principal == NULL)
        return error_set(reterr, STATUS_NOT_FOUND, "unknown_principal",
                         "there is no principal of that name");
    return STATUS_OK;
}

Status principal_update(Call *call, Error *reterr) {
    const PrincipalChangeRequest *body = call->body;
    const Principal *found = NULL;
    TRY(find_principal(call, call_parameter(call, "name"), &found, reterr));
    Principal principal = *found;
    if (body->role != NULL && !enum_find(&ROLES, body->role, &principal.role))
        return error_set(reterr, STATUS_INVALID, "bad_value", "role: there is no such role");
    if (body->status != NULL)
        principal.disabled = text_equal(body->status, "disabled");
    TRY(declare(call, &principal, reterr));
    call->configuration = NULL; // it has changed
    json_t *view = NULL;
    TRY(view_principal(call, principal.name, &view, reterr));
    return call_reply_json(call, view);
}

Status principal_invite(Call *call, Error *reterr) {
    const Principal *principal = NULL;
    TRY(find_principal(call, call_parameter(call, "name"), &principal, reterr));
    if (principal->disabled)
        return error_set(reterr, STATUS_CONFLICT, "principal_disabled",
                         "%s is disabled; enable them first", principal->name);
    return invite(call, principal->name, reterr);
}
