#include "base/buffer.h"
#include "cli/aws_token.h"
#include "cli/aws_use.h"
#include "cli/credential_format.h"
#include "cli/credential_obtain.h"
#include "cli/grants.h"
#include "cli/handlers.h"
#include "cli/output.h"
#include "cli/remote.h"
#include "cli/session.h"
#include "wire/api_messages.h"
#include "wire/messages.h"

enum {
    RESET_WAIT_S = 120,
    OVERTAKEN_WAIT_S = 10, // for ours, once somebody else's is there
};

static Status fetch_sealed(Cli *cli, const char *id, CredentialsReply *ret_reply, Error *reterr) {
    RemoteCall call = {.target = grant_path(cli->arena, id, "/credentials")};
    return remote_read(cli, &call, &CREDENTIALS_REPLY_SHAPE, ret_reply, NULL, reterr);
}

static Status open_sealed(Cli *cli, const CredentialsReply *reply, Credential *ret_credential,
                          Error *reterr) {
    CLEANUP(seal_key_freep) SealKey *key = NULL;
    Error error = {0};
    if (key_store_find(cli->arena, or_dash(reply->public_key), &key, &error) != STATUS_OK) {
        if (text_equal(error.code, "key_missing"))
            return error_set(reterr, STATUS_NOT_FOUND, "key_missing",
                             "%s: it was requested on another machine, or its state folder was "
                             "removed. For a new password sealed to this machine: daypass "
                             "credentials %s --reset",
                             error.message, reply->id);
        *reterr = error;
        return error.status;
    }
    CLEANUP(secret_freep) Secret *content = NULL;
    TRY(seal_open(key, reply->sealed, &content, reterr));
    json_t *value;
    if (json_read(cli->arena, secret_text(content), secret_length(content), &value, &error) !=
            STATUS_OK ||
        remote_parse(cli->arena, &CREDENTIAL_SHAPE, value, ret_credential, &error) != STATUS_OK)
        return error_set(reterr, STATUS_INTERNAL, "bad_credential",
                         "the credential that was sealed for you cannot be read; for a new one: "
                         "daypass credentials %s --reset",
                         reply->id);
    return STATUS_OK;
}

// ---- A new password ---------------------------------------------------------------------------

// Until the credential is the one sealed to `public_key`. The grant's version tells when to look.
static Status await_reset(Cli *cli, GrantView *grant, const char *public_key,
                          CredentialsReply *ret_reply, Error *reterr) {
    int64_t end_ms = clock_monotonic_ms(cli->clock) + (int64_t)RESET_WAIT_S * SECOND_MS;
    const char *key_before = grant->public_key;
    bool overtaken = false;
    while (clock_monotonic_ms(cli->clock) < end_ms) {
        CredentialsReply reply;
        Error error = {0};
        if (fetch_sealed(cli, grant->id, &reply, &error) == STATUS_OK) {
            if (text_equal(reply.public_key, public_key) && reply.sealed != NULL) {
                *ret_reply = reply;
                return STATUS_OK;
            }
            // Of several asked for at once the last is carried out, and others may not be.
            if (!overtaken && !text_equal(reply.public_key, key_before)) {
                overtaken = true;
                end_ms = clock_monotonic_ms(cli->clock) + (int64_t)OVERTAKEN_WAIT_S * SECOND_MS;
            }
        } else if (error.status != STATUS_CONFLICT && error.status != STATUS_NOT_FOUND) {
            *reterr = error;
            return error.status;
        }
        TRY(grant_await_change(cli, grant, reterr));
        if (grant->trouble != NULL)
            note(cli, "So far: %s", grant->trouble);
        TRY(grant_goal_status(grant, GOAL_ACTIVE, reterr));
    }
    if (overtaken)
        return error_set(reterr, STATUS_CONFLICT, "reset_overtaken",
                         "another new password was asked for at the same moment, by you on another "
                         "terminal or machine; to have one for this machine, run this again");
    return error_set(reterr, STATUS_UNAVAILABLE, "wait_timed_out",
                     "the connector has not set the new password yet; get it with: daypass "
                     "credentials %s",
                     grant->id);
}

static Status reset_credential(Cli *cli, const char *id, CredentialsReply *ret_reply,
                               Error *reterr) {
    CLEANUP(seal_key_freep) SealKey *key = seal_key_new();
    const char *public_key = seal_key_public_text(cli->arena, key);
    TRY(key_store_add(cli->arena, key, reterr));
    ResetRequest body = {.public_key = public_key};
    RemoteCall call = {.method = "POST",
                       .target = grant_path(cli->arena, id, "/reset"),
                       .body_shape = &RESET_REQUEST_SHAPE,
                       .body = &body};
    GrantView grant;
    Status status = remote_read(cli, &call, &GRANT_VIEW_SHAPE, &grant, NULL, reterr);
    if (status != STATUS_OK) {
        if (status != STATUS_UNAVAILABLE && status != STATUS_INTERNAL)
            key_store_remove(cli->arena, public_key);
        return status;
    }
    const char *previous_key = grant.public_key;
    note(cli, "Waiting for the connector to set a new password...");
    TRY(await_reset(cli, &grant, public_key, ret_reply, reterr));
    if (previous_key != NULL && !text_equal(previous_key, public_key))
        key_store_remove(cli->arena, previous_key); // the password it opens is no more
    return STATUS_OK;
}

Status credential_obtain(Cli *cli, const char *id, bool reset, Credential *ret_credential,
                         Error *reterr) {
    CredentialsReply reply;
    if (reset) {
        TRY(reset_credential(cli, id, &reply, reterr));
        return open_sealed(cli, &reply, ret_credential, reterr);
    }
    Error error = {0};
    Status status = fetch_sealed(cli, id, &reply, &error);
    if (text_equal(error.code, NOTHING_DELIVERED)) {
        *reterr = error;
        return status;
    }
    if (status != STATUS_OK) {
        // Looking at the grant says why there is none, and lets go of its key when it is over.
        GrantView grant;
        Status looked = grant_fetch(cli, id, &grant, NULL, NULL);
        (void)looked; // the first answer is the one to tell
        *reterr = error;
        return status;
    }
    return open_sealed(cli, &reply, ret_credential, reterr);
}

// ---- credentials ------------------------------------------------------------------------------

static Status print_credential(Cli *cli, const Credential *credential, const char *format,
                               Error *reterr) {
    Buffer buffer = {.wipe = true};
    Status status = credential_format(cli->arena, credential, format, &buffer, reterr);
    if (status == STATUS_OK)
        fputs(buffer_text(&buffer), cli->out);
    buffer_done(&buffer);
    TRY(status);
    note(cli, "# %s on %s until %s", credential->user, credential->host,
         time_text(cli, credential->expires_at));
    return STATUS_OK;
}

Status command_credentials(Cli *cli, const Invocation *invocation, Error *reterr) {
    const char *format = invocation_option(invocation, "format");
    if (cli->json && format != NULL && !text_equal(format, "json"))
        return error_set(reterr, STATUS_INVALID, USAGE_CODE,
                         "--json and --format %s exclude each other", format);
    const char *id = invocation_argument(invocation, "ID");
    bool reset = invocation_switch(invocation, "reset");
    Credential credential;
    Error error = {0};
    Status status = credential_obtain(cli, id, reset, &credential, &error);
    if (status == STATUS_OK) {
        TRY(aws_options_refuse(invocation, reterr));
    } else if (reset || !text_equal(error.code, NOTHING_DELIVERED)) {
        *reterr = error;
        return status;
    } else {
        AwsUse use;
        TRY(aws_use_choose(cli, invocation, id, &use, reterr));
        if (use.instance != NULL)
            return aws_session_print(cli, &use, format, reterr);
        TRY(aws_token_make(cli, &use.grant, &use.login, use.profile, &credential, reterr));
    }
    return print_credential(cli, &credential,
                            format != NULL ? format
                            : cli->json    ? "json"
                                           : "env",
                            reterr);
}
