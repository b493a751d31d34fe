#include "cli/client_launch.h"

#include "cli/client_input.h"
#include "cli/client_folder.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

// Our own tokens are none of the client's business.
static const char *const OURS[] = {"DAYPASS_TOKEN", "DAYPASS_TOKEN_FILE"};

static Status launch_failed(const char *what, Error *reterr) {
    return error_set(reterr, STATUS_INTERNAL, "client_not_prepared",
                     "the client cannot be started: %s: %s", what, strerror(errno));
}

static void keep_ours(void) {
    for (size_t i = 0; i < COUNT_OF(OURS); i++)
        unsetenv(OURS[i]);
}

// ---- Finding it -------------------------------------------------------------------------------

const char *client_find(Arena *arena, const char *program) {
    const char *path = getenv("PATH");
    while (path != NULL && *path != '\0') {
        size_t length = strcspn(path, ":");
        // An empty part means the working folder, where nobody keeps a client on purpose.
        if (length > 0) {
            const char *candidate = arena_printf(arena, "%.*s/%s", (int)length, path, program);
            struct stat facts;
            if (stat(candidate, &facts) == 0 && S_ISREG(facts.st_mode) &&
                access(candidate, X_OK) == 0)
                return candidate;
        }
        path += length;
        path += *path == ':' ? 1 : 0;
    }
    return NULL;
}

bool client_says(Arena *arena, const char *path, const char *word) {
    int ends[2];
    if (pipe(ends) != 0)
        return false;
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        keep_ours();
        execl(path, path, "--version", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    char *text = arena_alloc(arena, 512);
    size_t length = 0;
    ssize_t got;
    while (length < 511 &&
           ((got = read(ends[0], text + length, 511 - length)) > 0 || (got < 0 && errno == EINTR)))
        length += got > 0 ? (size_t)got : 0;
    text[length] = '\0';
    close(ends[0]);
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
    return strstr(text, word) != NULL;
}

// ---- What it gets -----------------------------------------------------------------------------

void client_launch_done(ClientLaunch *launch) {
    if (launch->folder != NULL)
        client_folder_remove(launch->folder, launch->link);
    launch->folder = NULL;
    buffer_done(&launch->typed);
}

void client_argument(ClientLaunch *launch, const char *format, ...) {
    va_list values;
    va_start(values, format);
    int length = vsnprintf(NULL, 0, format, values);
    va_end(values);
    char *text = arena_alloc(launch->arena, (size_t)length + 1);
    va_start(values, format);
    vsnprintf(text, (size_t)length + 1, format, values);
    va_end(values);
    string_list_add(launch->arena, &launch->arguments, text);
}

void client_arguments(ClientLaunch *launch, const StringList *arguments) {
    for (size_t i = 0; i < arguments->count; i++)
        string_list_add(launch->arena, &launch->arguments, arguments->items[i]);
}

void client_setting(ClientLaunch *launch, const char *name, const char *value) {
    assert(launch->setting_count < CLIENT_SETTINGS_MAX);
    launch->settings[launch->setting_count++] = (ClientSetting){name, value};
}

void client_unset(ClientLaunch *launch, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++)
        client_setting(launch, names[i], NULL);
}

// ---- Texts behind descriptors -----------------------------------------------------------------

static Status write_all(int fd, const Buffer *text, Error *reterr) {
    const char *bytes = buffer_text(text);
    for (size_t written = 0; written < text->length;) {
        ssize_t count = write(fd, bytes + written, text->length - written);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return launch_failed("its settings cannot be written", reterr);
        written += (size_t)count;
    }
    return STATUS_OK;
}

// /dev/fd is Linux's and macOS's way to open what is open already.
static const char *fd_path(Arena *arena, int fd) {
    return arena_printf(arena, "/dev/fd/%d", fd);
}

Status client_text_once(ClientLaunch *launch, const Buffer *text, const char **ret_path,
                        Error *reterr) {
    if (text->length > CLIENT_ONCE_MAX)
        return error_set(reterr, STATUS_TOO_LARGE, "client_settings_too_large",
                         "the credential is too long for this client");
    int ends[2];
    if (pipe(ends) != 0)
        return launch_failed("no pipe", reterr);
    Status status = write_all(ends[1], text, reterr);
    close(ends[1]);
    if (status != STATUS_OK) {
        close(ends[0]);
        return status;
    }
    *ret_path = fd_path(launch->arena, ends[0]);
    return STATUS_OK;
}

#ifdef __linux__
static int open_nameless(Arena *arena) {
    (void)arena;
    int fd = memfd_create("daypass", 0); // no MFD_CLOEXEC: the client is to have it
    if (fd >= 0)
        fchmod(fd, S_IRUSR | S_IWUSR); // as a password file is expected to be
    return fd;
}
#else
static int open_nameless(Arena *arena) {
    const char *folder = getenv("TMPDIR");
    char *path = arena_strdup(
        arena, arena_printf(arena, "%s/daypass-XXXXXX", folder != NULL ? folder : "/tmp"));
    int fd = mkstemp(path); // of mode 0600
    if (fd >= 0)
        unlink(path);
    return fd;
}
#endif

Status client_text(ClientLaunch *launch, const Buffer *text, const char **ret_path, Error *reterr) {
    int fd = open_nameless(launch->arena);
    if (fd < 0)
        return launch_failed("no memory for its settings", reterr);
    Status status = write_all(fd, text, reterr);
    // Where opening /dev/fd/N gives the same open file, it has to stand at its beginning.
    if (status == STATUS_OK && lseek(fd, 0, SEEK_SET) != 0)
        status = launch_failed("its settings cannot be read", reterr);
    if (status != STATUS_OK) {
        close(fd);
        return status;
    }
    *ret_path = fd_path(launch->arena, fd);
    return STATUS_OK;
}

Status client_text_named(ClientLaunch *launch, const Buffer *text, const char *name,
                         const char **ret_path, Error *reterr) {
    assert(launch->folder == NULL);
    const char *target;
    TRY(client_text(launch, text, &target, reterr));
    TRY(client_folder_make(launch->arena, target, name, &launch->folder, &launch->link, reterr));
    *ret_path = launch->link;
    return STATUS_OK;
}

// ---- Becoming it ------------------------------------------------------------------------------

static Status apply_settings(const ClientLaunch *launch, Error *reterr) {
    keep_ours();
    for (size_t i = 0; i < launch->setting_count; i++) {
        const ClientSetting *setting = &launch->settings[i];
        if ((setting->value == NULL ? unsetenv(setting->name)
                                    : setenv(setting->name, setting->value, 1)) != 0)
            return launch_failed("its environment cannot be set", reterr);
    }
    return STATUS_OK;
}

static char **argument_vector(const ClientLaunch *launch) {
    size_t count = launch->arguments.count;
    char **words = arena_alloc(launch->arena, (count + 2) * sizeof(*words));
    const char *slash = strrchr(launch->program, '/');
    words[0] = arena_strdup(launch->arena, slash != NULL ? slash + 1 : launch->program);
    for (size_t i = 0; i < count; i++)
        words[i + 1] = arena_strdup(launch->arena, launch->arguments.items[i]);
    words[count + 1] = NULL;
    return words;
}

Status client_run(ClientLaunch *launch, Error *reterr) {
    TRY(apply_settings(launch, reterr));
    char **words = argument_vector(launch);
    if (launch->folder != NULL)
        TRY(client_folder_watch(launch->folder, launch->link, reterr));
    if (launch->typed.length > 0)
        return client_run_typed(launch->program, words, &launch->typed, reterr);
    execv(launch->program, words);
    return error_set(reterr, STATUS_UNAVAILABLE, "no_client", "%s cannot be started: %s",
                     launch->program, strerror(errno));
}
