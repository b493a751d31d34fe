// A credential as other programs take it. Every function here handles the password in the clear.
#pragma once

#include "base/buffer.h"
#include "base/error.h"
#include "wire/messages.h"

typedef struct CredentialSetting {
    const char *name; // "PGHOST"
    const char *value;
} CredentialSetting;
enum { CREDENTIAL_SETTINGS_MAX = 8 };
// The environment of libpq programs; gives how many there are.
size_t credential_settings(Arena *arena, const Credential *credential,
                           CredentialSetting settings[CREDENTIAL_SETTINGS_MAX]);

// "env" (lines for a shell), "url", "json", or "pgpass" (a line of a password file), with a
// newline. "bad_credential" for a value that has a line break, which no form carries.
MUST_USE Status credential_format(Arena *arena, const Credential *credential, const char *format,
                                  Buffer *into, Error *reterr);
