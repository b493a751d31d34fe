// What the command line keeps between commands, all of it private to its user: who is signed in
// where (session.json), and the keys that open credentials (keys/).
#pragma once

#include "base/error.h"
#include "base/memory.h"
#include "base/secret.h"
#include "wire/seal.h"

#include <stdbool.h>
#include <stdint.h>

// $XDG_STATE_HOME/daypass or ~/.local/state/daypass; made with 0700, refused when open to others.
MUST_USE Status state_folder(Arena *arena, const char **ret_path, Error *reterr);

typedef struct Session {
    const char *url;
    const char *token;     // secret
    const char *principal; // NULL for a token from the environment
    const char *ca_file;   // NULL: the system's
    int64_t expires_at;    // 0: unknown
} Session;

// How a server is written down: "https://" before a mere host, no slash at the end.
const char *session_url(Arena *arena, const char *text);

// The saved session, overlaid by DAYPASS_URL, DAYPASS_TOKEN or DAYPASS_TOKEN_FILE, and
// DAYPASS_CA_FILE. "not_signed_in" when there is none. A saved token is never sent to another
// server than the one it is from.
MUST_USE Status session_load(Arena *arena, Session *ret_session, Error *reterr);
MUST_USE Status session_save(Arena *arena, const Session *session, Error *reterr);
// Nothing saved is success.
MUST_USE Status session_forget(Arena *arena, Error *reterr);

// Keys are found by their public half. The file is there, private, before a request is sent.
MUST_USE Status key_store_add(Arena *arena, const SealKey *key, Error *reterr);
// "key_missing": it is on another machine, or the grant is over.
MUST_USE Status key_store_find(Arena *arena, const char *public_key, SealKey **ret_key,
                               Error *reterr);
// Not there is fine; a failure to remove is ignored, the next command tries again.
void key_store_remove(Arena *arena, const char *public_key);
