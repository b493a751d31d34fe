#include "cli/handlers.h"
#include "cli/output.h"
#include "cli/remote.h"
#include "cli/secret_output.h"
#include "wire/api_messages.h"

#include <string.h>

enum { TOKEN_DURATION_S = 30 * 24 * 3600 };

// "read,request" as a list.
static StringList split_scopes(Cli *cli, const char *text) {
    StringList scopes = {0};
    while (text != NULL && *text != '\0') {
        size_t length = strcspn(text, ",");
        if (length > 0)
            string_list_add(cli->arena, &scopes, arena_copy(cli->arena, text, length));
        text += length + (text[length] == ',');
    }
    return scopes;
}

Status command_token_create(Cli *cli, const Invocation *invocation, Error *reterr) {
    TokenRequest body = {.label = invocation_argument(invocation, "LABEL"),
                         .scopes = split_scopes(cli, invocation_option(invocation, "scopes"))};
    TRY(invocation_duration(invocation, "for", &body.duration_s, reterr));
    if (body.duration_s == 0)
        body.duration_s = TOKEN_DURATION_S;
    if (body.scopes.count == 0)
        string_list_add(cli->arena, &body.scopes, "read");
    RemoteCall call = {.method = "POST",
                       .target = "/v1/tokens",
                       .body_shape = &TOKEN_REQUEST_SHAPE,
                       .body = &body};
    TokenView token;
    json_t *value;
    TRY(remote_read(cli, &call, &TOKEN_VIEW_SHAPE, &token, &value, reterr));
    const char *path = invocation_option(invocation, "out");
    if (cli->json && path == NULL) {
        say_json(cli, value);
        return STATUS_OK;
    }
    if (token.token == NULL)
        return error_set(reterr, STATUS_INTERNAL, "bad_answer", "the server gave no token");
    TRY(secret_put(cli, path, token.token, reterr));
    note(cli,
         "%s may %s, until %s. It is not shown again: keep it in a private file and name that "
         "in DAYPASS_TOKEN_FILE",
         or_dash(token.id), string_list_join(cli->arena, &token.scopes, ", "),
         time_text(cli, token.expires_at));
    return STATUS_OK;
}

Status command_token_list(Cli *cli, const Invocation *invocation, Error *reterr) {
    static const char *const TITLES[] = {"ID",      "KIND",      "WHO",   "MAY",
                                         "EXPIRES", "LAST USED", "LABEL", NULL};
    const Parameter parameters[] = {
        {"all", invocation_switch(invocation, "all") ? "true" : NULL},
        {"principal", invocation_option(invocation, "principal")},
        {0},
    };
    RemoteList list;
    TRY(remote_list(cli, remote_target(cli->arena, "/v1/tokens", parameters), 0, &list, reterr));
    if (cli->json) {
        say_json_list(cli, list.items);
        return STATUS_OK;
    }
    CLEANUP(table_freep) Table *table = table_new(cli, TITLES);
    for (size_t i = 0; i < json_array_size(list.items); i++) {
        TokenView token;
        TRY(remote_parse(cli->arena, &TOKEN_VIEW_SHAPE, json_array_get(list.items, i), &token,
                         reterr));
        const char *cells[] = {token.id,
                               token.kind,
                               token.principal,
                               string_list_join(cli->arena, &token.scopes, ", "),
                               time_text(cli, token.expires_at),
                               token.last_used_at != 0 ? time_text(cli, token.last_used_at)
                                                       : "never",
                               token.label};
        table_row(table, cells);
    }
    table_print(table, "No tokens; make one with: daypass token create LABEL");
    return STATUS_OK;
}

Status command_token_revoke(Cli *cli, const Invocation *invocation, Error *reterr) {
    const char *id = invocation_argument(invocation, "ID");
    RemoteCall call = {.method = "DELETE",
                       .target = remote_path(cli->arena, "/v1/tokens/", id, NULL)};
    TRY(remote_call(cli, &call, NULL, reterr));
    if (cli->json)
        say_json(cli, json_keep(cli->arena, json_pack("{s:s}", "revoked", id)));
    else
        say(cli, "Revoked %s", id);
    return STATUS_OK;
}
