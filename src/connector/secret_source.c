#include "connector/secret_source.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/program.h"

enum { COMMAND_TIMEOUT_MS = 20000 };

static Status read_credential(const SecretSource *source, Secret **ret_secret, Error *reterr) {
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    if (!folder)
        return error_set(reterr, STATUS_UNAVAILABLE, "no_secret",
                         "CREDENTIALS_DIRECTORY is not set: run as a systemd service with "
                         "LoadCredential=%s:FILE",
                         source->credential);
    if (strchr(source->credential, '/'))
        return error_set(reterr, STATUS_INVALID, "no_secret",
                         "a credential's name has no slash, got \"%s\"", source->credential);
    CLEANUP(mem_freep) char *path = mem_printf("%s/%s", folder, source->credential);
    return secret_read_file(path, false, ret_secret, reterr);
}

static Status read_env(const SecretSource *source, Secret **ret_secret, Error *reterr) {
    const char *value = getenv(source->env);
    if (!value || !*value)
        return error_set(reterr, STATUS_UNAVAILABLE, "no_secret",
                         "environment variable %s is not set", source->env);
    *ret_secret = secret_new(value, strlen(value));
    return STATUS_OK;
}

static Status read_command(const SecretSource *source, const StringList *withheld,
                           Secret **ret_secret, Error *reterr) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const ProgramRun run = {
        .argv = source->command, .withheld = withheld, .timeout_ms = COMMAND_TIMEOUT_MS};
    const char *output = NULL;
    size_t length = 0;
    TRY(program_run(arena, &run, &output, &length, reterr));
    while (length > 0 && (output[length - 1] == '\n' || output[length - 1] == '\r'))
        length--;
    if (length == 0 || length > SECRET_MAX_BYTES)
        return error_set(reterr, STATUS_UNAVAILABLE, "no_secret", "%s printed %s",
                         source->command.items[0], length == 0 ? "nothing" : "too much");
    *ret_secret = secret_new(output, length);
    return STATUS_OK;
}

Status secret_source_read(const SecretSource *source, const StringList *withheld,
                          Secret **ret_secret, Error *reterr) {
    Error error = {0};
    Status status = STATUS_OK;
    *ret_secret = NULL;
    if (source->file)
        status = secret_read_file(source->file, true, ret_secret, &error);
    else if (source->env)
        status = read_env(source, ret_secret, &error);
    else if (source->credential)
        status = read_credential(source, ret_secret, &error);
    else if (source->command.count > 0)
        status = read_command(source, withheld, ret_secret, &error);
    if (status == STATUS_OK)
        return STATUS_OK;
    return error_set(reterr, STATUS_UNAVAILABLE, "no_secret", "secret %s: %s", source->name,
                     error.message);
}
