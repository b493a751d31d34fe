#include "cli/client_input.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static bool put_all(int fd, const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t count = write(fd, bytes, length);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        bytes += count;
        length -= (size_t)count;
    }
    return true;
}

// Until there is no more, or the client has closed its end: then nobody is to be waited for at the
// terminal.
static void pass_on(int client) {
    char bytes[4096];
    for (;;) {
        struct pollfd ends[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = client}};
        if (poll(ends, 2, -1) < 0) {
            if (errno == EINTR)
                continue;
            return;
        }
        if (ends[1].revents != 0)
            return;
        if (ends[0].revents == 0)
            continue;
        ssize_t count = read(STDIN_FILENO, bytes, sizeof(bytes));
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0 || !put_all(client, bytes, (size_t)count))
            return;
    }
}

static void handle_signal(int number, void (*handler)(int)) {
    sigaction(number, &(struct sigaction){.sa_handler = handler}, NULL);
}

static void end_like(int state) {
    if (WIFSIGNALED(state)) {
        handle_signal(WTERMSIG(state), SIG_DFL);
        raise(WTERMSIG(state));
    }
    exit(WIFEXITED(state) ? WEXITSTATUS(state) : EXIT_FAILURE);
}

Status client_run_typed(const char *program, char *const *words, Buffer *typed, Error *reterr) {
    int ends[2];
    pid_t child = -1;
    if (pipe(ends) == 0)
        child = fork();
    if (child < 0)
        return error_set(reterr, STATUS_UNAVAILABLE, "no_client", "%s cannot be started: %s",
                         program, strerror(errno));
    if (child == 0) {
        dup2(ends[0], STDIN_FILENO);
        close(ends[0]);
        close(ends[1]);
        execv(program, words);
        _exit(127);
    }
    close(ends[0]);
    handle_signal(SIGPIPE, SIG_IGN);
    handle_signal(SIGINT, SIG_IGN); // the terminal's keys are for the client, and we end as it does
    handle_signal(SIGQUIT, SIG_IGN);
    bool taken = put_all(ends[1], buffer_text(typed), typed->length);
    buffer_done(typed);
    if (taken)
        pass_on(ends[1]);
    close(ends[1]);
    int state = 0;
    while (waitpid(child, &state, 0) < 0 && errno == EINTR)
        ;
    end_like(state);
    return STATUS_OK;
}
