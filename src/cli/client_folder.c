#include "cli/client_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static Status folder_failed(Error *reterr) {
    return error_set(reterr, STATUS_INTERNAL, "client_not_prepared",
                     "the client cannot be started: no private folder: %s", strerror(errno));
}

Status client_folder_make(Arena *arena, const char *target, const char *name,
                          const char **ret_folder, const char **ret_link, Error *reterr) {
    // The first is in memory and nobody else's; it is not there on every system.
    const char *parent = getenv("XDG_RUNTIME_DIR");
    if (parent == NULL || parent[0] != '/' || access(parent, W_OK) != 0)
        parent = getenv("TMPDIR");
    if (parent == NULL || parent[0] != '/')
        parent = "/tmp";
    char *folder = arena_strdup(arena, arena_printf(arena, "%s/daypass-XXXXXX", parent));
    if (mkdtemp(folder) == NULL) // of mode 0700
        return folder_failed(reterr);
    const char *link = arena_printf(arena, "%s/%s", folder, name);
    if (symlink(target, link) != 0) {
        Status status = folder_failed(reterr);
        rmdir(folder);
        return status;
    }
    *ret_folder = folder;
    *ret_link = link;
    return STATUS_OK;
}

void client_folder_remove(const char *folder, const char *link) {
    unlink(link);
    rmdir(folder);
}

// In a session of its own, where no signal of the terminal reaches it. `end` closes with the last
// process that has the other end.
static void watch(int end, const char *folder, const char *link) {
    setsid();
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    int nothing = open("/dev/null", O_RDWR);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        dup2(nothing, fd); // who reads our output is not to wait for this process
    char byte;
    while (read(end, &byte, 1) < 0 && errno == EINTR)
        ;
    client_folder_remove(folder, link);
    _exit(0);
}

Status client_folder_watch(const char *folder, const char *link, Error *reterr) {
    int ends[2];
    if (pipe(ends) != 0)
        return folder_failed(reterr);
    pid_t child = fork();
    if (child == 0) {
        // Twice, so that the client has no child that it does not know of.
        pid_t watcher = fork();
        if (watcher != 0)
            _exit(watcher < 0 ? 1 : 0);
        close(ends[1]);
        watch(ends[0], folder, link);
    }
    close(ends[0]); // the other stays open for as long as the client runs
    int state = 1;
    while (child > 0 && waitpid(child, &state, 0) < 0 && errno == EINTR)
        ;
    if (child < 0 || state != 0) {
        close(ends[1]);
        errno = EAGAIN;
        return folder_failed(reterr);
    }
    return STATUS_OK;
}
