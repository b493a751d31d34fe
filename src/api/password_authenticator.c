#include "api/authenticator.h"

#include "base/crypto.h"

#include <assert.h>
#include <semaphore.h>
#include <sodium.h>
#include <string.h>

struct PasswordAuthenticator {
    Authenticator base;
    sem_t free_places;
    // Of a password nobody knows: verified against where there is no other, so that an unknown name
    // takes as long as a wrong password.
    char nobody[crypto_pwhash_STRBYTES];
};

static PasswordAuthenticator *self_of(Authenticator *authenticator) {
    return (PasswordAuthenticator *)authenticator; // base is its first member
}

static Status busy(Error *reterr) {
    return error_set(reterr, STATUS_LIMITED, "sign_in_busy",
                     "too many people are signing in at this moment; try again in a second");
}

static Status sign_in(Authenticator *authenticator, Store *store, const SignInRequest *request,
                      Error *reterr) {
    PasswordAuthenticator *self = self_of(authenticator);
    if (sem_trywait(&self->free_places) != 0)
        return busy(reterr);
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *hash = NULL;
    Error error = {0};
    Status status = store_password_hash(store, arena, request->principal, &hash, &error);
    bool known = status == STATUS_OK && hash != NULL;
    bool matches = crypto_pwhash_str_verify(known ? hash : self->nobody, request->password,
                                            strlen(request->password)) == 0;
    sem_post(&self->free_places);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND) {
        if (reterr != NULL)
            *reterr = error;
        return status;
    }
    if (known && matches)
        return STATUS_OK;
    return error_set(reterr, STATUS_UNAUTHENTICATED, "bad_credentials",
                     "the principal or the password is wrong");
}

static Status protect(Authenticator *authenticator, Arena *arena, const char *password,
                      const char **ret_protected, Error *reterr) {
    PasswordAuthenticator *self = self_of(authenticator);
    if (sem_trywait(&self->free_places) != 0)
        return busy(reterr);
    char *hash = arena_alloc(arena, crypto_pwhash_STRBYTES);
    int result =
        crypto_pwhash_str(hash, password, strlen(password), crypto_pwhash_OPSLIMIT_INTERACTIVE,
                          crypto_pwhash_MEMLIMIT_INTERACTIVE);
    sem_post(&self->free_places);
    if (result != 0)
        return error_set(reterr, STATUS_UNAVAILABLE, "no_memory",
                         "there is not enough memory to protect the password; try again later");
    *ret_protected = hash;
    return STATUS_OK;
}

PasswordAuthenticator *password_authenticator_new(int max_concurrent) {
    assert(max_concurrent > 0);
    crypto_start();
    PasswordAuthenticator *self = mem_alloc(sizeof(*self));
    self->base = (Authenticator){.name = "password", .sign_in = sign_in, .protect = protect};
    sem_init(&self->free_places, 0, (unsigned)max_concurrent);
    unsigned char random[32];
    randombytes_buf(random, sizeof(random));
    if (crypto_pwhash_str(self->nobody, (const char *)random, sizeof(random),
                          crypto_pwhash_OPSLIMIT_INTERACTIVE,
                          crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0)
        abort(); // out of memory, as in base/memory.h
    sodium_memzero(random, sizeof(random));
    return self;
}

PasswordAuthenticator *password_authenticator_free(PasswordAuthenticator *authenticator) {
    if (authenticator == NULL)
        return NULL;
    sem_destroy(&authenticator->free_places);
    return mem_free(authenticator);
}

Authenticator *password_authenticator_base(PasswordAuthenticator *authenticator) {
    return &authenticator->base;
}
