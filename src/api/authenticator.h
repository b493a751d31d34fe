// How a person proves who they are. Passwords are the first way; others (single sign-on) are
// further members of this interface.
#pragma once

#include "base/error.h"
#include "base/memory.h"
#include "store/store.h"
#include "wire/api_messages.h"

typedef struct Authenticator Authenticator;

struct Authenticator {
    const char *name; // "password": in the audit trail
    // Says whether the claimed principal is who it says. "bad_credentials" (STATUS_UNAUTHENTICATED)
    // for every reason alike, after the same work. "sign_in_busy" (STATUS_LIMITED): nothing was
    // tried, because as many tries as allowed are being worked on.
    Status (*sign_in)(Authenticator *authenticator, Store *store, const SignInRequest *request,
                      Error *reterr);
    // Turns a new password into what the store keeps; "sign_in_busy" as above.
    Status (*protect)(Authenticator *authenticator, Arena *arena, const char *password,
                      const char **ret_protected, Error *reterr);
};

typedef struct PasswordAuthenticator PasswordAuthenticator;

// Argon2id at libsodium's INTERACTIVE cost; at most `max_concurrent` computations at a time, so
// that sign-ins cannot take the machine's memory.
PasswordAuthenticator *password_authenticator_new(int max_concurrent);
PasswordAuthenticator *password_authenticator_free(PasswordAuthenticator *authenticator);
DEFINE_CLEANUP(PasswordAuthenticator, password_authenticator_free)
Authenticator *password_authenticator_base(PasswordAuthenticator *authenticator);
