#include "cli/prompt.h"

#include "base/text.h"
#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1024, ANSWERS_MAX = 5 };

static Status nobody_to_ask(const char *instead, Error *reterr) {
    return error_set(reterr, STATUS_INVALID, "not_a_terminal",
                     "nobody can be asked without a terminal: %s", instead);
}

// One line without its end from the terminal, byte by byte, so that nothing stays in a buffer of
// stdio. The text is wiped by the caller.
static Status read_line(int fd, char text[LINE_MAX_BYTES + 1], Error *reterr) {
    size_t length = 0;
    for (;;) {
        char character;
        ssize_t count = read(fd, &character, 1);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0 && length == 0)
            return error_set(reterr, STATUS_INVALID, "no_answer", "there was no answer");
        if (count <= 0 || character == '\n')
            break;
        if (length == LINE_MAX_BYTES)
            return error_set(reterr, STATUS_TOO_LARGE, "answer_too_long",
                             "the answer is longer than %d bytes", LINE_MAX_BYTES);
        text[length++] = character;
    }
    text[length] = '\0';
    if (memchr(text, '\0', length) != NULL || !text_is_utf8(text, length))
        return error_set(reterr, STATUS_INVALID, "bad_answer", "the answer is not UTF-8 text");
    return STATUS_OK;
}

Status prompt_text(Cli *cli, const char *question, const char *preset, const char *instead,
                   const char **ret_text, Error *reterr) {
    if (!cli->in_terminal)
        return nobody_to_ask(instead, reterr);
    if (preset != NULL)
        fprintf(cli->err, "%s [%s]: ", text_printable(cli->arena, question),
                text_printable(cli->arena, preset));
    else
        fprintf(cli->err, "%s: ", text_printable(cli->arena, question));
    fflush(cli->err);
    char line[LINE_MAX_BYTES + 1];
    TRY(read_line(STDIN_FILENO, line, reterr));
    *ret_text = arena_strdup(cli->arena, line[0] == '\0' && preset != NULL ? preset : line);
    return STATUS_OK;
}

Status prompt_checked(Cli *cli, const char *question, const char *preset, const char *instead,
                      PromptCheck *check, void *context, Error *reterr) {
    for (int answers = 1;; answers++) {
        const char *answer;
        TRY(prompt_text(cli, question, preset, instead, &answer, reterr));
        Error error = {0};
        Status status = check(cli, answer, context, &error);
        if (status == STATUS_OK)
            return STATUS_OK;
        if (status != STATUS_INVALID || answers == ANSWERS_MAX) {
            *reterr = error;
            return status;
        }
        note(cli, "%s", error.message);
    }
}

// The echo comes back even when reading fails. A signal that ends the program leaves it off no more
// than any other program that asks so: the shell restores its terminal.
static Status read_hidden(Cli *cli, const char *question, char line[LINE_MAX_BYTES + 1],
                          Error *reterr) {
    struct termios shown, hidden;
    if (tcgetattr(STDIN_FILENO, &shown) != 0)
        return error_set(reterr, STATUS_UNAVAILABLE, "terminal_failed",
                         "the terminal's echo cannot be turned off: %s", strerror(errno));
    hidden = shown;
    hidden.c_lflag &= (tcflag_t)~ECHO;
    hidden.c_lflag |= ECHONL;
    // Before the question, so that whoever answers at once is not seen.
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) != 0)
        return error_set(reterr, STATUS_UNAVAILABLE, "terminal_failed",
                         "the terminal's echo cannot be turned off: %s", strerror(errno));
    fprintf(cli->err, "%s: ", text_printable(cli->arena, question));
    fflush(cli->err);
    Status status = read_line(STDIN_FILENO, line, reterr);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    return status;
}

Status prompt_secret(Cli *cli, const char *question, const char *instead, Secret **ret_secret,
                     Error *reterr) {
    if (!cli->in_terminal)
        return nobody_to_ask(instead, reterr);
    char line[LINE_MAX_BYTES + 1] = {0};
    Status status = read_hidden(cli, question, line, reterr);
    if (status == STATUS_OK && line[0] == '\0')
        status = error_set(reterr, STATUS_INVALID, "no_answer", "there was no answer");
    if (status == STATUS_OK)
        *ret_secret = secret_new(line, strlen(line));
    sodium_memzero(line, sizeof(line));
    return status;
}

Status prompt_new_secret(Cli *cli, const char *question, size_t least, const char *instead,
                         Secret **ret_secret, Error *reterr) {
    CLEANUP(secret_freep) Secret *first = NULL;
    CLEANUP(secret_freep) Secret *second = NULL;
    TRY(prompt_secret(cli, question, instead, &first, reterr));
    if (strlen(secret_text(first)) < least)
        return error_set(reterr, STATUS_INVALID, "too_short",
                         "that is too short; expected %zu characters or more", least);
    TRY(prompt_secret(cli, arena_printf(cli->arena, "%s, again", question), instead, &second,
                      reterr));
    if (!secret_equal(first, second))
        return error_set(reterr, STATUS_INVALID, "not_the_same", "the two answers differ");
    *ret_secret = second;
    second = NULL;
    return STATUS_OK;
}

Status prompt_secret_file(Cli *cli, const char *path, Secret **ret_secret, Error *reterr) {
    if (strcmp(path, "-") == 0)
        return secret_read_fd(STDIN_FILENO, ret_secret, reterr);
    // "/dev/fd/63" of a shell's <(…) is a pipe: it has no mode worth checking.
    struct stat info;
    bool is_file = stat(path, &info) == 0 && S_ISREG(info.st_mode);
    return secret_read_file(path, is_file, ret_secret, reterr);
}
