#include "connector/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/shape.h"

enum { IDENTITY_MAX_BYTES = 16384 };

static const Field IDENTITY_FIELDS[] = {
    {FIELD(Identity, control_plane, STRING), .required = true, .help = "URL it enrolled with"},
    {FIELD(Identity, instance, STRING), .required = true, .help = "Id of this instance"},
    {FIELD(Identity, connector, STRING), .required = true, .help = "Name of the connector"},
    {FIELD(Identity, deployment, STRING), .required = true, .help = "Id of the installation"},
    {FIELD(Identity, action_key, STRING), .required = true, .help = "Key that signs actions"},
};
static const Shape IDENTITY_SHAPE =
    SHAPE("Identity", Identity, IDENTITY_FIELDS, "What enrolment gave this connector instance");

static const char *identity_path(Arena *arena, const char *state_folder) {
    return arena_printf(arena, "%s/identity.json", state_folder);
}

static const char *key_path(Arena *arena, const char *state_folder) {
    return arena_printf(arena, "%s/instance.key", state_folder);
}

bool identity_exists(Arena *arena, const char *state_folder) {
    return file_exists(identity_path(arena, state_folder));
}

// The folder itself, and no file in it: nothing has to be written there to run.
Status identity_lock(const char *state_folder, int *ret_lock, Error *reterr) {
    int lock = open(state_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0) {
        *ret_lock = lock;
        return STATUS_OK;
    }
    int failure = errno;
    if (lock >= 0)
        close(lock);
    if (failure == EWOULDBLOCK)
        return error_set(reterr, STATUS_CONFLICT, "already_running",
                         "another daypass-connector works with %s; stop it first, or enroll this "
                         "one as an instance of its own, with a state_folder of its own",
                         state_folder);
    return error_set(reterr, STATUS_UNAVAILABLE, "file_failed", "%s cannot be locked: %s",
                     state_folder, strerror(failure));
}

Status identity_load(Arena *arena, const char *state_folder, Identity *ret_identity,
                     SigningKey **ret_key, Error *reterr) {
    if (!identity_exists(arena, state_folder))
        return error_set(reterr, STATUS_NOT_FOUND, "not_enrolled",
                         "this connector is not enrolled (no identity in %s): ask an administrator "
                         "for a join token (daypass connector create NAME), then run "
                         "daypass-connector enroll --config FILE",
                         state_folder);
    TRY(folder_ensure(state_folder, 0700, reterr));
    CLEANUP(buffer_done) Buffer text = {.ceiling = IDENTITY_MAX_BYTES};
    TRY(file_read(identity_path(arena, state_folder), &text, reterr));
    Identity identity;
    Status status =
        shape_parse(arena, &IDENTITY_SHAPE, buffer_text(&text), text.length, &identity, reterr);
    if (status != STATUS_OK) {
        error_prefix(reterr, "%s", identity_path(arena, state_folder));
        return status;
    }
    TRY(signing_key_load(key_path(arena, state_folder), ret_key, reterr));
    *ret_identity = identity;
    return STATUS_OK;
}

Status identity_save(Arena *arena, const char *state_folder, const Identity *identity,
                     const SigningKey *key, Error *reterr) {
    TRY(folder_ensure(state_folder, 0700, reterr));
    TRY(signing_key_save(key, key_path(arena, state_folder), reterr));
    const char *text = shape_format(arena, &IDENTITY_SHAPE, identity);
    return file_write(identity_path(arena, state_folder), 0600, text, strlen(text), reterr);
}
