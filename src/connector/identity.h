// Who this connector instance is: its own key, and what enrolment gave it to pin. Kept in the state
// folder; nothing else is.
#pragma once

#include "base/error.h"
#include "base/memory.h"
#include "base/signing_key.h"

#include <stdbool.h>

typedef struct Identity {
    const char *control_plane; // the URL it enrolled with
    const char *instance;
    const char *connector;
    const char *deployment;
    const char *action_key; // pinned
} Identity;

// One process alone works with a state folder: two of one instance would each be given half of what
// is for both. "already_running"; the lock is held until *ret_lock is closed.
MUST_USE Status identity_lock(const char *state_folder, int *ret_lock, Error *reterr);
// "not_enrolled" says what to run.
MUST_USE Status identity_load(Arena *arena, const char *state_folder, Identity *ret_identity,
                              SigningKey **ret_key, Error *reterr);
MUST_USE Status identity_save(Arena *arena, const char *state_folder, const Identity *identity,
                              const SigningKey *key, Error *reterr);
bool identity_exists(Arena *arena, const char *state_folder);
