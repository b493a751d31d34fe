// Whether a piece of code ends the process, tried in a child.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

// True when `act(with)` does not return. What the child says while it dies is not shown.
static inline bool dies(void (*act)(void *with), void *with) {
    pid_t child = fork();
    if (child < 0)
        abort();
    if (child == 0) {
        int nowhere = open("/dev/null", O_WRONLY);
        dup2(nowhere, STDERR_FILENO);
        // cmocka catches these to go on with its next test; here they are to end the child.
        static const int FATAL[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS};
        struct sigaction end = {.sa_handler = SIG_DFL};
        for (size_t i = 0; i < sizeof(FATAL) / sizeof(FATAL[0]); i++)
            sigaction(FATAL[i], &end, NULL);
        act(with);
        _exit(0);
    }
    int status;
    if (waitpid(child, &status, 0) != child)
        abort();
    return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}
