#include "connector/enroll.h"

#include <stdio.h>
#include <unistd.h>

#include "base/fault_point.h"
#include "base/file.h"
#include "connector/control_plane.h"
#include "connector/identity.h"

static Status token_read(const EnrollOptions *enroll, Secret **ret_token, Error *reterr) {
    if (enroll->join_token_file && !text_equal(enroll->join_token_file, "-"))
        return secret_read_file(enroll->join_token_file, false, ret_token, reterr);
    if (isatty(STDIN_FILENO))
        fputs("Paste the join token and press Enter: ", stderr);
    return secret_read_fd(STDIN_FILENO, ret_token, reterr);
}

// A join token works once: what may be wrong with the state folder has to be found before it is
// handed in.
static Status state_folder_try(Arena *arena, const char *folder, Error *reterr) {
    static const char PROBE[2048] = {0}; // more than what will be kept there
    const char *path = arena_printf(arena, "%s/probe", folder);
    Status status = folder_ensure(folder, 0700, reterr);
    if (status == STATUS_OK)
        status = file_write(path, 0600, PROBE, sizeof(PROBE), reterr);
    if (status != STATUS_OK)
        return error_prefix(reterr, "the state folder, which has to be of the user that runs "
                                    "this and of mode 0700, cannot be used");
    (void)unlink(path);
    return STATUS_OK;
}

Status enroll_run(const ConnectorOptions *options, const EnrollOptions *enroll, Error *reterr) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    if (identity_exists(arena, options->state_folder) && !enroll->replace)
        return error_set(reterr, STATUS_CONFLICT, "already_enrolled",
                         "%s holds an identity already; --replace enrolls anew with a new key",
                         options->state_folder);
    TRY(state_folder_try(arena, options->state_folder, reterr));
    CLEANUP(secret_freep) Secret *token = NULL;
    TRY(token_read(enroll, &token, reterr));
    CLEANUP(signing_key_freep) SigningKey *key = signing_key_new();
    EnrollReply reply;
    TRY(control_plane_enroll(arena, options, token, key, &reply, reterr));
    FAULT_POINT("enroll.answered");
    Identity identity = {
        .control_plane = options->control_plane,
        .instance = reply.instance,
        .connector = reply.connector,
        .deployment = reply.deployment,
        .action_key = reply.action_key,
    };
    TRY(identity_save(arena, options->state_folder, &identity, key, reterr));
    printf("Enrolled as instance %s of connector %s.\nPinned action key: %s\n", reply.instance,
           reply.connector, reply.action_key);
    return STATUS_OK;
}
