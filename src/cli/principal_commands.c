#include "cli/handlers.h"
#include "cli/output.h"
#include "cli/remote.h"
#include "cli/secret_output.h"
#include "domain/principal.h"
#include "wire/api_messages.h"

Status command_principal_list(Cli *cli, const Invocation *invocation, Error *reterr) {
    static const char *const TITLES[] = {"NAME",   "ROLE", "STATUS", "PASSWORD",
                                         "GROUPS", "AWS",  NULL};
    RemoteList list;
    TRY(remote_list(cli, "/v1/principals", 0, &list, reterr));
    if (cli->json) {
        say_json_list(cli, list.items);
        return STATUS_OK;
    }
    CLEANUP(table_freep) Table *table = table_new(cli, TITLES);
    for (size_t i = 0; i < json_array_size(list.items); i++) {
        PrincipalView view;
        TRY(remote_parse(cli->arena, &PRINCIPAL_VIEW_SHAPE, json_array_get(list.items, i), &view,
                         reterr));
        const char *cells[] = {view.name,
                               view.role,
                               view.disabled ? "disabled" : "enabled",
                               view.has_password ? "set" : "not yet",
                               string_list_join(cli->arena, &view.groups, ", "),
                               string_list_join(cli->arena, &view.aws_identities, ", ")};
        table_row(table, cells);
        if (view.disabled)
            table_colour(table, 2, COLOUR_FAINT);
    }
    table_print(table, "No principals.");
    return STATUS_OK;
}

Status command_groups(Cli *cli, const Invocation *invocation, Error *reterr) {
    static const char *const TITLES[] = {"GROUP", "MEMBERS", NULL};
    RemoteList list;
    TRY(remote_list(cli, "/v1/groups", 0, &list, reterr));
    if (cli->json) {
        say_json_list(cli, list.items);
        return STATUS_OK;
    }
    CLEANUP(table_freep) Table *table = table_new(cli, TITLES);
    for (size_t i = 0; i < json_array_size(list.items); i++) {
        Group group;
        TRY(remote_parse(cli->arena, &GROUP_SHAPE, json_array_get(list.items, i), &group, reterr));
        const char *cells[] = {group.name, string_list_join(cli->arena, &group.members, ", ")};
        table_row(table, cells);
    }
    table_print(table, "No groups; declare them with: daypass apply -f FILE");
    return STATUS_OK;
}

// ---- Invitations ------------------------------------------------------------------------------

static Status fetch_invitation(Cli *cli, const Invocation *invocation, const RemoteCall *call,
                               Error *reterr) {
    InvitationReply reply;
    json_t *value;
    TRY(remote_read(cli, call, &INVITATION_REPLY_SHAPE, &reply, &value, reterr));
    const char *path = invocation_option(invocation, "out");
    if (cli->json && path == NULL) {
        say_json(cli, value);
        return STATUS_OK;
    }
    TRY(secret_put(cli, path, reply.invitation, reterr));
    const Session *session;
    TRY(remote_session(cli, &session, reterr));
    note(cli,
         "This invitation works once, until %s. %s signs in with: daypass login %s --principal %s "
         "--invitation-file -",
         time_text(cli, reply.expires_at), reply.principal, session->url, reply.principal);
    return STATUS_OK;
}

Status command_principal_create(Cli *cli, const Invocation *invocation, Error *reterr) {
    const char *role = invocation_option(invocation, "role");
    PrincipalRequest body = {.name = invocation_argument(invocation, "NAME"),
                             .role = role != NULL ? role : "member"};
    RemoteCall call = {.method = "POST",
                       .target = "/v1/principals",
                       .body_shape = &PRINCIPAL_REQUEST_SHAPE,
                       .body = &body};
    return fetch_invitation(cli, invocation, &call, reterr);
}

Status command_principal_invite(Cli *cli, const Invocation *invocation, Error *reterr) {
    RemoteCall call = {.method = "POST",
                       .target =
                           remote_path(cli->arena, "/v1/principals/",
                                       invocation_argument(invocation, "NAME"), "/invitation")};
    return fetch_invitation(cli, invocation, &call, reterr);
}

// ---- Changes ----------------------------------------------------------------------------------

static Status change_principal(Cli *cli, const Invocation *invocation,
                               const PrincipalChangeRequest *body, Error *reterr) {
    const char *name = invocation_argument(invocation, "NAME");
    RemoteCall call = {.method = "POST",
                       .target = remote_path(cli->arena, "/v1/principals/", name, NULL),
                       .body_shape = &PRINCIPAL_CHANGE_REQUEST_SHAPE,
                       .body = body};
    PrincipalView view;
    json_t *value;
    TRY(remote_read(cli, &call, &PRINCIPAL_VIEW_SHAPE, &view, &value, reterr));
    if (cli->json)
        say_json(cli, value);
    else
        say(cli, "%s is %s, %s", view.name, or_dash(view.role),
            view.disabled ? "disabled" : "enabled");
    return STATUS_OK;
}

Status command_principal_disable(Cli *cli, const Invocation *invocation, Error *reterr) {
    PrincipalChangeRequest body = {.status = "disabled"};
    return change_principal(cli, invocation, &body, reterr);
}

Status command_principal_enable(Cli *cli, const Invocation *invocation, Error *reterr) {
    PrincipalChangeRequest body = {.status = "enabled"};
    return change_principal(cli, invocation, &body, reterr);
}

Status command_principal_role(Cli *cli, const Invocation *invocation, Error *reterr) {
    PrincipalChangeRequest body = {.role = invocation_argument(invocation, "ROLE")};
    return change_principal(cli, invocation, &body, reterr);
}
