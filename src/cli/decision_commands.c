#include "cli/grants.h"
#include "cli/handlers.h"
#include "cli/output.h"
#include "cli/remote.h"
#include "wire/api_messages.h"

#include <string.h>

// Sends a note to one of a grant's decisions.
static Status decide(Cli *cli, const Invocation *invocation, const char *suffix,
                     const char *note_text, GrantView *ret_grant, json_t **ret_value,
                     Error *reterr) {
    NoteRequest body = {.note = note_text};
    RemoteCall call = {.method = "POST",
                       .target =
                           grant_path(cli->arena, invocation_argument(invocation, "ID"), suffix),
                       .body_shape = &NOTE_REQUEST_SHAPE,
                       .body = &body};
    TRY(remote_read(cli, &call, &GRANT_VIEW_SHAPE, ret_grant, ret_value, reterr));
    grant_forget_key(cli, ret_grant);
    return STATUS_OK;
}

static Status send_note(Cli *cli, const Invocation *invocation, const char *suffix,
                        const char *note_text, Error *reterr) {
    GrantView grant;
    json_t *value;
    TRY(decide(cli, invocation, suffix, note_text, &grant, &value, reterr));
    grant_tell(cli, &grant, value);
    return STATUS_OK;
}

Status command_approve(Cli *cli, const Invocation *invocation, Error *reterr) {
    return send_note(cli, invocation, "/approve", invocation_option(invocation, "note"), reterr);
}

Status command_deny(Cli *cli, const Invocation *invocation, Error *reterr) {
    const char *note_text = invocation_option(invocation, "note");
    if (note_text == NULL)
        return error_set(reterr, STATUS_INVALID, USAGE_CODE,
                         "tell the requester why: daypass deny %s --note WHY",
                         invocation_argument(invocation, "ID"));
    return send_note(cli, invocation, "/deny", note_text, reterr);
}

Status command_cancel(Cli *cli, const Invocation *invocation, Error *reterr) {
    return send_note(cli, invocation, "/cancel", invocation_option(invocation, "note"), reterr);
}

Status command_revoke(Cli *cli, const Invocation *invocation, Error *reterr) {
    GrantView grant;
    json_t *value;
    TRY(decide(cli, invocation, "/revoke", invocation_option(invocation, "note"), &grant, &value,
               reterr));
    // What failed before waits for its next attempt no longer.
    if (!cli->json && text_equal(grant.state, "revoking") && grant.trouble != NULL)
        say(cli, "An attempt is made now");
    grant_tell(cli, &grant, value);
    return STATUS_OK;
}

Status command_write_off(Cli *cli, const Invocation *invocation, Error *reterr) {
    WriteOffRequest body = {.reason = invocation_option(invocation, "reason")};
    const char *id = invocation_argument(invocation, "ID");
    if (body.reason == NULL)
        return error_set(reterr, STATUS_INVALID, USAGE_CODE,
                         "say for the record why nobody will see the account gone: daypass "
                         "write-off %s --reason WHY",
                         id);
    RemoteCall call = {.method = "POST",
                       .target = grant_path(cli->arena, id, "/write-off"),
                       .body_shape = &WRITE_OFF_REQUEST_SHAPE,
                       .body = &body};
    GrantView grant;
    json_t *value;
    TRY(remote_read(cli, &call, &GRANT_VIEW_SHAPE, &grant, &value, reterr));
    grant_tell(cli, &grant, value);
    return STATUS_OK;
}

Status command_extend(Cli *cli, const Invocation *invocation, Error *reterr) {
    ExtendRequest body = {.reason = invocation_option(invocation, "reason")};
    TRY(invocation_duration(invocation, "for", &body.duration_s, reterr));
    if (body.duration_s == 0)
        return error_set(reterr, STATUS_INVALID, USAGE_CODE,
                         "for how much longer? daypass extend %s --for 1h",
                         invocation_argument(invocation, "ID"));
    RemoteCall call = {.method = "POST",
                       .target =
                           grant_path(cli->arena, invocation_argument(invocation, "ID"), "/extend"),
                       .body_shape = &EXTEND_REQUEST_SHAPE,
                       .body = &body};
    GrantView grant;
    json_t *value;
    TRY(remote_read(cli, &call, &GRANT_VIEW_SHAPE, &grant, &value, reterr));
    if (!cli->json && grant.extension_s != 0)
        say(cli, "Asked for %s more (%s)", duration_text(cli->arena, grant.extension_s),
            or_dash(grant.extension_state));
    grant_tell(cli, &grant, value);
    return STATUS_OK;
}
