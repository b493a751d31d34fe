#include "connector/secret_source.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sodium.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/memory.h"

enum {
    COMMAND_TIMEOUT_MS = 20000,
    EXIT_GRACE_MS = 2000, // for ending, after its output has ended
};

extern char **environ;

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

// Whether NAME=value is a secret, of this source or another.
static bool is_secret_variable(const SecretSources *all, const char *variable) {
    for (size_t i = 0; i < all->count; i++) {
        const char *name = all->items[i].env;
        size_t length = name ? strlen(name) : 0;
        if (length > 0 && strncmp(variable, name, length) == 0 && variable[length] == '=')
            return true;
    }
    return false;
}

// Ours, less the secrets that are in it: a program that prints one has no business with the others.
// On the heap; the texts stay where they are.
static char **environment_without(const SecretSources *all) {
    size_t count = 0;
    while (environ[count])
        count++;
    char **kept = mem_alloc((count + 1) * sizeof(char *));
    size_t next = 0;
    for (size_t i = 0; i < count; i++)
        if (!is_secret_variable(all, environ[i]))
            kept[next++] = environ[i];
    return kept;
}

static Status command_start(const SecretSources *all, const SecretSource *source, int output,
                            pid_t *ret_pid, Error *reterr) {
    CLEANUP(mem_freep) char **environment = environment_without(all);
    CLEANUP(mem_freep) char **argv = mem_alloc((source->command.count + 1) * sizeof(char *));
    for (size_t i = 0; i < source->command.count; i++)
        argv[i] = (char *)(uintptr_t)source->command.items[i];
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", 0, 0);
    // Our threads block signals; the program must not inherit that, nor our process group, so that
    // whatever it starts can be ended with it.
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    int failure = posix_spawnp(ret_pid, argv[0], &actions, &attributes, argv, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (failure)
        return error_set(reterr, STATUS_UNAVAILABLE, "no_secret", "cannot run %s: %s", argv[0],
                         errno_reason(failure));
    return STATUS_OK;
}

// Reads until the program closes its output or the time is over.
static Status command_collect(int input, Buffer *output, const char *name, Error *reterr) {
    int64_t until_ms = clock_monotonic_ms(&SYSTEM_CLOCK) + COMMAND_TIMEOUT_MS;
    for (;;) {
        int64_t left_ms = until_ms - clock_monotonic_ms(&SYSTEM_CLOCK);
        struct pollfd wanted = {.fd = input, .events = POLLIN};
        int ready = left_ms > 0 ? poll(&wanted, 1, (int)left_ms) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return error_set(reterr, STATUS_UNAVAILABLE, "no_secret",
                             "%s did not answer within %d s", name, COMMAND_TIMEOUT_MS / 1000);
        char chunk[512];
        ssize_t got = read(input, chunk, sizeof(chunk));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return STATUS_OK;
        Status status = buffer_append(output, chunk, (size_t)got, reterr);
        sodium_memzero(chunk, sizeof(chunk));
        TRY(status);
    }
}

// One that closes its output and goes on would keep us waiting for ever.
static bool command_ends(pid_t pid) {
    int process = (int)syscall(SYS_pidfd_open, pid, 0);
    if (process < 0)
        return false;
    struct pollfd wanted = {.fd = process, .events = POLLIN};
    bool ended = poll(&wanted, 1, EXIT_GRACE_MS) > 0;
    close(process);
    return ended;
}

static Status read_command(const SecretSources *all, const SecretSource *source,
                           Secret **ret_secret, Error *reterr) {
    const char *name = source->command.items[0];
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_set(reterr, STATUS_UNAVAILABLE, "no_secret", "cannot make a pipe: %s",
                         errno_reason(errno));
    pid_t pid = 0;
    Status status = command_start(all, source, ends[1], &pid, reterr);
    close(ends[1]);
    CLEANUP(buffer_done) Buffer output = {.ceiling = SECRET_MAX_BYTES, .wipe = true};
    if (status == STATUS_OK) {
        status = command_collect(ends[0], &output, name, reterr);
        if (status != STATUS_OK || !command_ends(pid))
            kill(-pid, SIGKILL);
        int result = 0;
        while (waitpid(pid, &result, 0) < 0 && errno == EINTR)
            ;
        if (status == STATUS_OK && !(WIFEXITED(result) && WEXITSTATUS(result) == 0))
            status = error_set(reterr, STATUS_UNAVAILABLE, "no_secret", "%s failed (%s %d)", name,
                               WIFEXITED(result) ? "exit status" : "signal",
                               WIFEXITED(result) ? WEXITSTATUS(result) : WTERMSIG(result));
    }
    close(ends[0]);
    TRY(status);
    size_t length = output.length;
    while (length > 0 && (output.bytes[length - 1] == '\n' || output.bytes[length - 1] == '\r'))
        length--;
    if (length == 0)
        return error_set(reterr, STATUS_UNAVAILABLE, "no_secret", "%s printed nothing", name);
    *ret_secret = secret_new(output.bytes, length);
    return STATUS_OK;
}

Status secret_source_read(const SecretSources *all, const SecretSource *source, Secret **ret_secret,
                          Error *reterr) {
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
        status = read_command(all, source, ret_secret, &error);
    if (status == STATUS_OK)
        return STATUS_OK;
    return error_set(reterr, STATUS_UNAVAILABLE, "no_secret", "secret %s: %s", source->name,
                     error.message);
}
