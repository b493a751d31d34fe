#include "cli/handlers.h"
#include "cli/output.h"
#include "cli/prompt.h"
#include "cli/remote.h"
#include "wire/api_messages.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PASSWORD_LEAST = 12 }; // the server has the last word

// What was signed in before, to sign in there again; zeroed when nothing was.
static Session previous_session(Cli *cli) {
    Session session = {0};
    Error error = {0};
    if (session_load(cli->arena, &session, &error) != STATUS_OK)
        session = (Session){0};
    return session;
}

static Status find_url(Cli *cli, const Invocation *invocation, const Session *previous,
                       const char **ret_url, Error *reterr) {
    const char *url = invocation_argument(invocation, "URL");
    if (url == NULL)
        url = invocation_option(invocation, "server");
    if (url == NULL && getenv("DAYPASS_URL") != NULL && getenv("DAYPASS_URL")[0] != '\0')
        url = getenv("DAYPASS_URL");
    if (url == NULL)
        url = previous->url;
    if (url == NULL)
        return error_set(reterr, STATUS_INVALID, USAGE_CODE,
                         "which server? daypass login https://daypass.example.com:8443");
    *ret_url = session_url(cli->arena, url);
    return STATUS_OK;
}

// Absolute, because later commands run in other folders.
static Status find_ca_file(Cli *cli, const Invocation *invocation, const Session *previous,
                           const char *url, const char **ret_path, Error *reterr) {
    const char *path = invocation_option(invocation, "ca-file");
    const char *given = getenv("DAYPASS_CA_FILE");
    if (path == NULL && given != NULL && given[0] != '\0')
        path = given;
    if (path == NULL) {
        *ret_path = text_equal(previous->url, url) ? previous->ca_file : NULL;
        return STATUS_OK;
    }
    char *absolute = realpath(path, NULL);
    if (absolute == NULL)
        return error_set(reterr, STATUS_NOT_FOUND, "file_missing",
                         "%s: there is no such file of certificates", path);
    *ret_path = arena_strdup(cli->arena, absolute);
    free(absolute);
    return STATUS_OK;
}

static Status find_principal(Cli *cli, const Invocation *invocation, const Session *previous,
                             const char *url, const char **ret_principal, Error *reterr) {
    *ret_principal = invocation_option(invocation, "principal");
    if (*ret_principal != NULL)
        return STATUS_OK;
    const char *preset = text_equal(previous->url, url) ? previous->principal : NULL;
    return prompt_text(cli, "Your name at Daypass", preset,
                       "say who signs in with --principal NAME", ret_principal, reterr);
}

// The password, from its file, the terminal, or standard input where there is no terminal.
static Status find_password(Cli *cli, const Invocation *invocation, bool is_new,
                            Secret **ret_password, Error *reterr) {
    const char *path = invocation_option(invocation, "password-file");
    if (path == NULL && cli->in_terminal && is_new)
        return prompt_new_secret(
            cli, arena_printf(cli->arena, "New password (%d characters or more)", PASSWORD_LEAST),
            PASSWORD_LEAST, "", ret_password, reterr);
    if (path == NULL && cli->in_terminal)
        return prompt_secret(cli, "Password", "", ret_password, reterr);
    return prompt_secret_file(cli, path != NULL ? path : "-", ret_password, reterr);
}

static Status sign_in(Cli *cli, const Invocation *invocation, const char *principal,
                      SessionReply *ret_reply, Error *reterr) {
    CLEANUP(secret_freep) Secret *password = NULL;
    TRY(find_password(cli, invocation, false, &password, reterr));
    SignInRequest body = {.principal = principal, .password = secret_text(password)};
    RemoteCall call = {.method = "POST",
                       .target = "/v1/sessions",
                       .body_shape = &SIGN_IN_REQUEST_SHAPE,
                       .body = &body};
    return remote_read(cli, &call, &SESSION_REPLY_SHAPE, ret_reply, NULL, reterr);
}

static Status accept_invitation(Cli *cli, const Invocation *invocation, const char *principal,
                                SessionReply *ret_reply, Error *reterr) {
    const char *path = invocation_option(invocation, "invitation-file");
    const char *password_path = invocation_option(invocation, "password-file");
    if (strcmp(path, "-") == 0 &&
        (password_path == NULL ? !cli->in_terminal : strcmp(password_path, "-") == 0))
        return error_set(reterr, STATUS_INVALID, USAGE_CODE,
                         "invitation and password cannot both come from standard input: put one of "
                         "them into a file");
    CLEANUP(secret_freep) Secret *invitation = NULL;
    CLEANUP(secret_freep) Secret *password = NULL;
    if (strcmp(path, "-") == 0 && cli->in_terminal)
        TRY(prompt_secret(cli, "Invitation", "", &invitation, reterr));
    else
        TRY(prompt_secret_file(cli, path, &invitation, reterr));
    TRY(find_password(cli, invocation, true, &password, reterr));
    AcceptInvitationRequest body = {.invitation = secret_text(invitation),
                                    .principal = principal,
                                    .new_password = secret_text(password)};
    RemoteCall call = {.method = "POST",
                       .target = "/v1/sessions/invitation",
                       .body_shape = &ACCEPT_INVITATION_REQUEST_SHAPE,
                       .body = &body};
    return remote_read(cli, &call, &SESSION_REPLY_SHAPE, ret_reply, NULL, reterr);
}

// Ends a session, so that no token is left behind that nobody holds. That its server may be gone is
// no reason not to sign in.
static void end_session(Cli *cli, const Session *session) {
    if (session->token == NULL || session->principal == NULL)
        return;
    Cli other = {.arena = cli->arena, .clock = cli->clock, .out = cli->out, .err = cli->err};
    RemoteCall call = {.method = "DELETE", .target = "/v1/sessions/current"};
    Status ended = remote_open(&other, session, NULL);
    if (ended == STATUS_OK)
        ended = remote_call(&other, &call, NULL, NULL);
    (void)ended;
    other.remote = remote_free(other.remote);
}

// One of the two sessions stays and the other ends, whether or not the new one can be kept.
static Status replace_session(Cli *cli, const Session *previous, const Session *session,
                              Error *reterr) {
    Status status = session_save(cli->arena, session, reterr);
    end_session(cli, status == STATUS_OK ? previous : session);
    return status;
}

// Before somebody types a password for a server that is not there or not trusted. Whatever a server
// answers here is left to the real call.
static Status reach_server(Cli *cli, Error *reterr) {
    RemoteCall call = {.target = "/healthz"};
    Error error = {0};
    Status status = remote_call(cli, &call, NULL, &error);
    if (status != STATUS_UNAVAILABLE && !text_equal(error.code, "bad_ca_file"))
        return STATUS_OK;
    *reterr = error;
    return status;
}

Status command_login(Cli *cli, const Invocation *invocation, Error *reterr) {
    Session previous = previous_session(cli);
    Session session = {0};
    TRY(find_url(cli, invocation, &previous, &session.url, reterr));
    TRY(find_ca_file(cli, invocation, &previous, session.url, &session.ca_file, reterr));
    TRY(remote_open_anonymous(cli, session.url, session.ca_file, reterr));
    if (cli->in_terminal)
        TRY(reach_server(cli, reterr));
    TRY(find_principal(cli, invocation, &previous, session.url, &session.principal, reterr));
    SessionReply reply;
    if (invocation_option(invocation, "invitation-file") != NULL)
        TRY(accept_invitation(cli, invocation, session.principal, &reply, reterr));
    else
        TRY(sign_in(cli, invocation, session.principal, &reply, reterr));
    session.token = reply.token;
    session.expires_at = reply.expires_at;
    TRY(replace_session(cli, &previous, &session, reterr));
    if (cli->json) {
        char time[TIMESTAMP_SIZE];
        json_t *value = json_pack("{s:s,s:s,s:s,s:s}", "url", session.url, "principal",
                                  session.principal, "role", or_dash(reply.role), "expires_at",
                                  timestamp_format(reply.expires_at, time));
        say_json(cli, json_keep(cli->arena, value));
        return STATUS_OK;
    }
    say(cli, "Signed in to %s as %s (%s) until %s", session.url, session.principal,
        or_dash(reply.role), time_text(cli, reply.expires_at));
    return STATUS_OK;
}

Status command_logout(Cli *cli, const Invocation *invocation, Error *reterr) {
    const Session *session;
    TRY(remote_session(cli, &session, reterr));
    RemoteCall call = {.method = "DELETE", .target = "/v1/sessions/current"};
    Error error = {0};
    Status status = remote_call(cli, &call, NULL, &error);
    if (session->principal != NULL)
        TRY(session_forget(cli->arena, reterr));
    // A session that is over or unknown is as good as signed out.
    if (status != STATUS_OK && status != STATUS_UNAUTHENTICATED && status != STATUS_NOT_FOUND) {
        error_prefix(&error, "the session is forgotten here, but the server could not be told to "
                             "end it");
        *reterr = error;
        return status;
    }
    if (cli->json)
        say_json(cli, json_keep(cli->arena, json_pack("{s:b}", "signed_out", 1)));
    else
        say(cli, "Signed out of %s", session->url);
    return STATUS_OK;
}

Status command_whoami(Cli *cli, const Invocation *invocation, Error *reterr) {
    WhoamiReply reply;
    json_t *value;
    RemoteCall call = {.target = "/v1/whoami"};
    TRY(remote_read(cli, &call, &WHOAMI_REPLY_SHAPE, &reply, &value, reterr));
    if (cli->json) {
        say_json(cli, value);
        return STATUS_OK;
    }
    const Session *session;
    TRY(remote_session(cli, &session, reterr));
    say(cli, "principal   %s", or_dash(reply.principal));
    say(cli, "role        %s", or_dash(reply.role));
    say(cli, "groups      %s", or_dash(string_list_join(cli->arena, &reply.groups, ", ")));
    say(cli, "server      %s (version %s)", session->url, or_dash(reply.server_version));
    say(cli, "deployment  %s", or_dash(reply.deployment));
    say(cli, "signed in   by %s %s, until %s", or_dash(reply.token_kind), or_dash(reply.token),
        time_text(cli, reply.expires_at));
    if (reply.scopes.count > 0)
        say(cli, "scopes      %s", string_list_join(cli->arena, &reply.scopes, ", "));
    return STATUS_OK;
}
