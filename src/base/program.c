#include "base/program.h"

#include "base/buffer.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    EXIT_GRACE_MS = 2000, // for ending, after its output has ended
    LOOK_MS = 50,         // at whether we are to stop
    EXIT_LOOK_MS = 5,
};

extern char **environ;

// The command line

static Status refuse_line(const char *why, Error *reterr) {
    return error_set(reterr, STATUS_INVALID, "bad_command", "the command %s", why);
}

// Takes one word off `line`, which begins with no blank.
static Status take_word(Arena *arena, const char **line, StringList *words, Error *reterr) {
    Buffer word = {0};
    char quote = '\0';
    const char *at = *line;
    for (; *at != '\0' && (quote != '\0' || strchr(" \t", *at) == NULL); at++) {
        if (*at == '\\' && quote != '\'' && at[1] != '\0')
            buffer_add_bytes(&word, ++at, 1);
        else if (quote == '\0' && (*at == '"' || *at == '\''))
            quote = *at;
        else if (*at == quote)
            quote = '\0';
        else
            buffer_add_bytes(&word, at, 1);
    }
    *line = at;
    string_list_add(arena, words, buffer_text(&word));
    buffer_done(&word);
    return quote == '\0' ? STATUS_OK : refuse_line("has a quote that does not end", reterr);
}

Status program_split(Arena *arena, const char *line, StringList *ret_words, Error *reterr) {
    StringList words = {0};
    for (line += strspn(line, " \t"); *line != '\0'; line += strspn(line, " \t"))
        TRY(take_word(arena, &line, &words, reterr));
    if (words.count == 0 || words.items[0][0] == '\0')
        return refuse_line("is empty", reterr);
    *ret_words = words;
    return STATUS_OK;
}

// Running

static bool is_withheld(const StringList *names, const char *variable) {
    for (size_t i = 0; names != NULL && i < names->count; i++) {
        size_t length = strlen(names->items[i]);
        if (strncmp(variable, names->items[i], length) == 0 && variable[length] == '=')
            return true;
    }
    return false;
}

// Ours, less what is withheld. On the heap; the texts stay where they are.
static char **environment_of(const ProgramRun *run) {
    size_t count = 0;
    while (environ[count] != NULL)
        count++;
    char **kept = mem_alloc((count + 1) * sizeof(char *));
    size_t next = 0;
    for (size_t i = 0; i < count; i++)
        if (!is_withheld(run->withheld, environ[i]))
            kept[next++] = environ[i];
    return kept;
}

static Status fail(const ProgramRun *run, const char *why, Error *reterr) {
    return error_set(reterr, STATUS_UNAVAILABLE, "program_failed", "%.200s %s", run->argv.items[0],
                     why);
}

static Status program_start(const ProgramRun *run, int output, pid_t *ret_pid, Error *reterr) {
    CLEANUP(mem_freep) char **environment = environment_of(run);
    CLEANUP(mem_freep) char **argv = mem_alloc((run->argv.count + 1) * sizeof(char *));
    for (size_t i = 0; i < run->argv.count; i++)
        argv[i] = (char *)(uintptr_t)run->argv.items[i]; // posix_spawn only reads it
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    // Neither the signals that our threads block nor our process group, so that all that it starts
    // can be ended with it.
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    int failure = posix_spawnp(ret_pid, argv[0], &actions, &attributes, argv, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (failure != 0)
        return error_set(reterr, STATUS_UNAVAILABLE, "program_failed", "cannot run %.200s: %s",
                         argv[0], errno_reason(failure));
    return STATUS_OK;
}

// Reads until the program closes its output or the time is over.
static Status program_collect(const ProgramRun *run, int input, Buffer *output, Error *reterr) {
    int64_t until_ms = clock_monotonic_ms(&SYSTEM_CLOCK) + run->timeout_ms;
    for (;;) {
        int64_t left_ms = until_ms - clock_monotonic_ms(&SYSTEM_CLOCK);
        if (left_ms <= 0)
            return fail(run, "did not answer in time", reterr);
        if (run->stop != NULL && atomic_load(run->stop))
            return error_set(reterr, STATUS_UNAVAILABLE, "stopped", "stopped");
        struct pollfd wanted = {.fd = input, .events = POLLIN};
        if (poll(&wanted, 1, (int)(left_ms < LOOK_MS ? left_ms : LOOK_MS)) <= 0)
            continue;
        char chunk[4096];
        ssize_t got = read(input, chunk, sizeof(chunk));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return STATUS_OK;
        Status status = buffer_append(output, chunk, (size_t)got, NULL);
        sodium_memzero(chunk, sizeof(chunk));
        if (status != STATUS_OK)
            return fail(run, "printed too much", reterr);
    }
}

// One that closes its output and goes on is not waited for.
static int program_end(pid_t pid, bool at_once) {
    int result = 0;
    int64_t until_ms = clock_monotonic_ms(&SYSTEM_CLOCK) + (at_once ? 0 : EXIT_GRACE_MS);
    while (clock_monotonic_ms(&SYSTEM_CLOCK) < until_ms) {
        if (waitpid(pid, &result, WNOHANG) == pid)
            return result;
        (void)poll(NULL, 0, EXIT_LOOK_MS);
    }
    kill(-pid, SIGKILL);
    while (waitpid(pid, &result, 0) < 0 && errno == EINTR)
        ;
    return result;
}

static Status program_result(const ProgramRun *run, int result, Error *reterr) {
    if (WIFEXITED(result) && WEXITSTATUS(result) == 0)
        return STATUS_OK;
    return error_set(reterr, STATUS_UNAVAILABLE, "program_failed", "%.200s failed (%s %d)",
                     run->argv.items[0], WIFEXITED(result) ? "exit status" : "signal",
                     WIFEXITED(result) ? WEXITSTATUS(result) : WTERMSIG(result));
}

// One that another program inherits, started at the same moment, would not end with its writer.
static bool pipe_make(int ends[2]) {
#ifdef __APPLE__ // has no pipe2; the command line, which alone is built there, runs one at a time
    return pipe(ends) == 0 && fcntl(ends[0], F_SETFD, FD_CLOEXEC) == 0 &&
           fcntl(ends[1], F_SETFD, FD_CLOEXEC) == 0;
#else
    return pipe2(ends, O_CLOEXEC) == 0;
#endif
}

Status program_run(Arena *arena, const ProgramRun *run, const char **ret_output, size_t *ret_length,
                   Error *reterr) {
    int ends[2];
    if (!pipe_make(ends))
        return error_set(reterr, STATUS_UNAVAILABLE, "program_failed", "cannot make a pipe: %s",
                         errno_reason(errno));
    pid_t pid = 0;
    Status status = program_start(run, ends[1], &pid, reterr);
    close(ends[1]);
    CLEANUP(buffer_done) Buffer output = {.ceiling = PROGRAM_OUTPUT_MAX_BYTES, .wipe = true};
    if (status == STATUS_OK) {
        status = program_collect(run, ends[0], &output, reterr);
        int result = program_end(pid, status != STATUS_OK);
        if (status == STATUS_OK)
            status = program_result(run, result, reterr);
    }
    close(ends[0]);
    TRY(status);
    *ret_output = arena_copy(arena, buffer_text(&output), output.length);
    *ret_length = output.length;
    return STATUS_OK;
}
