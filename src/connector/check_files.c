#include "connector/check_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "connector/identity.h"
#include "connector/secret_source.h"
#include "driver/driver.h"

enum { MAX_PEM_BYTES = 4 * 1024 * 1024 };

static Status check_authorities(const char *path, Error *reterr) {
    CLEANUP(buffer_done) Buffer text = {.ceiling = MAX_PEM_BYTES};
    TRY(file_check_writers(path, reterr));
    TRY(file_read(path, &text, reterr));
    if (strstr(buffer_text(&text), "-----BEGIN CERTIFICATE-----") != NULL ||
        strstr(buffer_text(&text), "-----BEGIN TRUSTED CERTIFICATE-----") != NULL)
        return STATUS_OK;
    return error_set(reterr, STATUS_INVALID, "bad_ca_file",
                     "%s: there is no certificate in it; expected PEM", path);
}

// A program without a slash is looked for when it is run.
static Status check_program(const char *path, Error *reterr) {
    if (strchr(path, '/') == NULL)
        return STATUS_OK;
    if (access(path, X_OK) != 0)
        return error_set(reterr, STATUS_INVALID, "bad_command", "%s: it cannot be run: %s", path,
                         strerror(errno));
    return file_check_writers(path, reterr);
}

// What is beside the secret itself, which says its name in its own messages.
static Status check_surroundings(const SecretSource *source, Error *reterr) {
    if (source->ca_file != NULL)
        TRY(check_authorities(source->ca_file, reterr));
    return source->command.count > 0 ? check_program(source->command.items[0], reterr) : STATUS_OK;
}

static Status check_secret(const ConnectorOptions *options, const SecretSource *source,
                           Error *reterr) {
    const Driver *driver;
    if (driver_require((TargetKind)source->target->kind, &driver, reterr) != STATUS_OK ||
        check_surroundings(source, reterr) != STATUS_OK)
        return error_prefix(reterr, "secret %s", source->name);
    if (source->command.count > 0)
        return STATUS_OK; // not run here
    // systemd gives credentials to the service alone.
    if (source->credential != NULL && getenv("CREDENTIALS_DIRECTORY") == NULL)
        return STATUS_OK;
    CLEANUP(secret_freep) Secret *secret = NULL;
    return secret_source_read(source, &options->secret_variables, &secret, reterr);
}

static Status check_state(Arena *arena, const char *folder, Error *reterr) {
    if (!file_exists(folder))
        return STATUS_OK; // made when it is enrolled
    TRY(folder_ensure(folder, 0700, reterr));
    if (!identity_exists(arena, folder))
        return STATUS_OK;
    Identity identity;
    CLEANUP(signing_key_freep) SigningKey *key = NULL;
    return identity_load(arena, folder, &identity, &key, reterr);
}

static size_t tell(const char *what, const Error *error) {
    fprintf(stderr, "%s%s%s\n", what, what[0] != '\0' ? ": " : "", error->message);
    return 1;
}

Status check_files(Arena *arena, const ConnectorOptions *options, Error *reterr) {
    size_t faults = 0;
    Error error = {0};
    if (check_state(arena, options->state_folder, &error) != STATUS_OK)
        faults += tell("state folder", &error);
    if (options->ca_file != NULL && check_authorities(options->ca_file, &error) != STATUS_OK)
        faults += tell("ca_file", &error);
    for (size_t i = 0; i < options->secrets.count; i++) {
        if (check_secret(options, &options->secrets.items[i], &error) != STATUS_OK)
            faults += tell("", &error);
    }
    if (faults == 0)
        return STATUS_OK;
    return error_set(reterr, STATUS_INVALID, "bad_files", "%zu of what the configuration names %s",
                     faults, faults == 1 ? "is not good" : "are not good");
}
