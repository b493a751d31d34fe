#include "cli/invocation.h"

#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { TOKEN_PREFIX_LENGTH = 4, TOKEN_LENGTH_MIN = 40 };

static const char VERSION_SWITCH[] = "--version"; // as every program has it; the same as "version"
static const char ID_CHARACTERS[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

// Options that other programs have and that carry a secret; ours never do.
static const char *const SECRET_OPTIONS[] = {"password", "pass",       "passwd",     "token",
                                             "secret",   "invitation", "pgpassword", "api-key"};

size_t command_argument_count(const Command *command) {
    size_t count = 0;
    while (command->arguments != NULL && command->arguments[count].name != NULL)
        count++;
    return count;
}

static size_t option_list_count(const CommandOption *options) {
    size_t count = 0;
    while (options != NULL && options[count].name != NULL)
        count++;
    return count;
}

size_t command_option_count(const Command *command) {
    return option_list_count(command->options);
}

// The index-th of the command's options, the global ones behind its own; NULL at the end.
static const CommandOption *option_at(const Command *command, size_t index) {
    size_t own = command_option_count(command);
    if (index < own)
        return &command->options[index];
    const CommandOption *option = &GLOBAL_OPTIONS[index - own];
    return option->name != NULL ? option : NULL;
}

static Status usage(Error *reterr, const Command *command, const char *problem) {
    if (command == NULL)
        return error_set(reterr, STATUS_INVALID, USAGE_CODE, "%s; see: daypass help", problem);
    return error_set(reterr, STATUS_INVALID, USAGE_CODE, "%s; see: daypass help %s", problem,
                     command->name);
}

// ---- Secrets ----------------------------------------------------------------------------------

static Status refuse_secret(Error *reterr, const char *what) {
    return error_set(reterr, STATUS_INVALID, SECRET_ARGUMENT_CODE,
                     "%s is not accepted on the command line, where every program on this machine "
                     "and the shell's history can see it: leave it out to be asked, or put it into "
                     "a file (--password-file, --invitation-file, DAYPASS_TOKEN_FILE)",
                     what);
}

static Status check_secret_option(const char *name, size_t length, Error *reterr) {
    for (size_t i = 0; i < COUNT_OF(SECRET_OPTIONS); i++) {
        if (strlen(SECRET_OPTIONS[i]) == length && strncmp(SECRET_OPTIONS[i], name, length) == 0)
            return refuse_secret(reterr, "a password or token");
    }
    return STATUS_OK;
}

// Our own tokens are "dp", a letter, "_" and 43 characters. The text itself is not repeated.
static Status check_no_token(const char *word, Error *reterr) {
    if (text_starts_with(word, "dp") && strlen(word) >= TOKEN_LENGTH_MIN &&
        word[TOKEN_PREFIX_LENGTH - 1] == '_')
        return refuse_secret(reterr, "a token");
    return STATUS_OK;
}

// ---- The command ------------------------------------------------------------------------------

// How many words the command's name takes of those given; 0 when it is another.
static int name_match(const Command *command, int count, char *const *words) {
    const char *rest = command->name;
    if (count > 0 && strcmp(words[0], VERSION_SWITCH) == 0)
        return strcmp(command->name, "version") == 0;
    int used = 0;
    while (*rest != '\0') {
        size_t length = strcspn(rest, " ");
        if (used == count || strlen(words[used]) != length ||
            strncmp(words[used], rest, length) != 0)
            return 0;
        used++;
        rest += length + (rest[length] == ' ');
    }
    return used;
}

// "connector" alone: the names that begin with it.
static const char *longer_names(Arena *arena, const Command *commands, const char *word) {
    StringList names = {0};
    const char *prefix = arena_printf(arena, "%s ", word);
    for (const Command *at = commands; at->name != NULL; at++) {
        if (text_starts_with(at->name, prefix))
            string_list_add(arena, &names, at->name);
    }
    return names.count > 0 ? string_list_join(arena, &names, ", ") : NULL;
}

static Status unknown_command(Arena *arena, const Command *commands, const char *word,
                              Error *reterr) {
    const char *names = longer_names(arena, commands, word);
    if (names != NULL)
        return usage(
            reterr, NULL,
            arena_printf(arena, "\"%s\" needs a second word; expected one of %s", word, names));
    return usage(reterr, NULL,
                 arena_printf(arena, "there is no command \"%.40s\"", text_printable(arena, word)));
}

static Status find_command(Arena *arena, const Command *commands, int count, char *const *words,
                           const Command **ret_command, int *ret_used, Error *reterr) {
    const Command *best = NULL;
    int used = 0;
    for (const Command *at = commands; at->name != NULL; at++) {
        int match = name_match(at, count, words);
        if (match > used) {
            best = at;
            used = match;
        }
    }
    if (best == NULL)
        return unknown_command(arena, commands, words[0], reterr);
    *ret_command = best;
    *ret_used = used;
    return STATUS_OK;
}

// ---- Its options and arguments ----------------------------------------------------------------

typedef struct Words {
    int count;
    char *const *words;
    int at;
} Words;

static bool option_is(const CommandOption *option, const char *word) {
    if (word[1] != '-')
        return option->letter != 0 && word[1] == option->letter;
    size_t length = strcspn(word + 2, "=");
    return strlen(option->name) == length && strncmp(option->name, word + 2, length) == 0;
}

static Status unknown_option(Arena *arena, const Command *command, const char *word,
                             Error *reterr) {
    const char *name = word + strspn(word, "-");
    TRY(check_secret_option(name, strcspn(name, "="), reterr));
    // Without its value, which may be anything.
    const char *shown = arena_copy(arena, word, text_cut(word, strcspn(word, "="), 40));
    shown = text_printable(arena, shown);
    if (command->rest != NULL) // "daypass connect ID -c …" means the client's
        return usage(reterr, command,
                     arena_printf(arena, "\"%s\" has no option %s; the client's go behind \"--\"",
                                  command->name, shown));
    return usage(reterr, command,
                 arena_printf(arena, "\"%s\" has no option %s", command->name, shown));
}

static Status check_choice(Arena *arena, const Command *command, const char *what,
                           const char *choices, const char *text, Error *reterr) {
    if (choices == NULL || choices_include(choices, text))
        return STATUS_OK;
    return usage(reterr, command,
                 arena_printf(arena, "%s: expected one of %s, got \"%.40s\"", what, choices,
                              text_printable(arena, text)));
}

static Status take_value(Arena *arena, const Command *command, const CommandOption *option,
                         Words *words, const char **ret_value, Error *reterr) {
    const char *word = words->words[words->at];
    const char *equals = word[1] == '-' ? strchr(word, '=') : NULL;
    if (option->value == NULL) {
        if (equals != NULL)
            return usage(reterr, command, arena_printf(arena, "--%s takes no value", option->name));
        *ret_value = "";
        return STATUS_OK;
    }
    const char *value = equals != NULL ? equals + 1 : NULL;
    if (word[1] != '-' && word[2] != '\0')
        value = word + 2; // -fFILE
    if (value == NULL) {
        if (words->at + 1 >= words->count)
            return usage(reterr, command,
                         arena_printf(arena, "--%s needs a value: --%s %s", option->name,
                                      option->name, option->value));
        value = words->words[++words->at];
    }
    TRY(check_no_token(value, reterr));
    if (value[0] == '\0')
        return usage(
            reterr, command,
            arena_printf(arena, "--%s: expected %s, got nothing", option->name, option->value));
    TRY(check_choice(arena, command, arena_printf(arena, "--%s", option->name), option->choices,
                     value, reterr));
    *ret_value = value;
    return STATUS_OK;
}

static Status take_option(Arena *arena, Words *words, Invocation *into, Error *reterr) {
    const char *word = words->words[words->at];
    const Command *command = into->command;
    const CommandOption *option;
    for (size_t i = 0; (option = option_at(command, i)) != NULL; i++) {
        if (!option_is(option, word))
            continue;
        assert(i < INVOCATION_MAX_OPTIONS);
        if (into->values[i] != NULL)
            return usage(reterr, command, arena_printf(arena, "--%s is there twice", option->name));
        return take_value(arena, command, option, words, &into->values[i], reterr);
    }
    return unknown_option(arena, command, word, reterr);
}

static Status take_argument(Arena *arena, const char *word, size_t *taken, Invocation *into,
                            Error *reterr) {
    const Command *command = into->command;
    TRY(check_no_token(word, reterr));
    size_t most = command_argument_count(command);
    assert(most <= INVOCATION_MAX_ARGUMENTS);
    bool again = *taken >= most && most > 0 && command->arguments[most - 1].repeated;
    if (*taken >= most && !again)
        return usage(reterr, command,
                     arena_printf(arena, "\"%s\" takes %s, and \"%.40s\" is one more",
                                  command->name,
                                  most == 0   ? "no argument"
                                  : most == 1 ? "one argument"
                                              : arena_printf(arena, "%zu arguments", most),
                                  text_printable(arena, word)));
    const CommandArgument *argument = &command->arguments[again ? most - 1 : *taken];
    if (word[0] == '\0')
        return usage(reterr, command, arena_printf(arena, "%s is empty", argument->name));
    if (!text_is_utf8(word, strlen(word)))
        return usage(reterr, command, arena_printf(arena, "%s is not UTF-8", argument->name));
    TRY(check_choice(arena, command, argument->name, argument->choices, word, reterr));
    if (strcmp(argument->name, "ID") == 0 && word[strspn(word, ID_CHARACTERS)] != '\0')
        return usage(reterr, command,
                     arena_printf(arena,
                                  "ID: expected letters and digits, as in grt_ab2cd3ef4gh5, "
                                  "got \"%.40s\"",
                                  text_printable(arena, word)));
    if (again)
        string_list_add(arena, &into->more, word);
    else
        into->arguments[(*taken)++] = word;
    return STATUS_OK;
}

static Status take_rest(Arena *arena, Words *words, Invocation *into, Error *reterr) {
    for (words->at++; words->at < words->count; words->at++)
        string_list_add(arena, &into->rest, words->words[words->at]);
    if (into->rest.count > 0 && into->command->rest == NULL)
        return usage(reterr, into->command,
                     arena_printf(arena, "\"%s\" takes nothing after \"--\"", into->command->name));
    return STATUS_OK;
}

static Status check_arguments(Arena *arena, const Invocation *invocation, size_t taken,
                              Error *reterr) {
    const Command *command = invocation->command;
    if (taken >= command_argument_count(command) || command->arguments[taken].optional)
        return STATUS_OK;
    return usage(reterr, command,
                 arena_printf(arena, "\"%s\" needs %s: %s", command->name,
                              command->arguments[taken].name, command->arguments[taken].help));
}

static Status take_words(Arena *arena, Words *words, Invocation *into, Error *reterr) {
    size_t taken = 0;
    for (; words->at < words->count; words->at++) {
        const char *word = words->words[words->at];
        if (strcmp(word, "--") == 0)
            TRY(take_rest(arena, words, into, reterr));
        else if (word[0] == '-' && word[1] != '\0')
            TRY(take_option(arena, words, into, reterr));
        else
            TRY(take_argument(arena, word, &taken, into, reterr));
    }
    into->help = invocation_switch(into, "help");
    return into->help ? STATUS_OK : check_arguments(arena, into, taken, reterr);
}

static bool has_word(int count, char *const *words, const char *word) {
    for (int i = 0; i < count && strcmp(words[i], "--") != 0; i++) {
        if (strcmp(words[i], word) == 0)
            return true;
    }
    return false;
}

// "daypass --json whoami": the global switches may come first. Moves over them.
static Status skip_global(Words *words, Invocation *into, Error *reterr) {
    for (; words->at < words->count && words->words[words->at][0] == '-'; words->at++) {
        const char *word = words->words[words->at];
        if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
            into->help = true;
        else if (strcmp(word, VERSION_SWITCH) == 0)
            return STATUS_OK; // stands for the command
        else if (strcmp(word, "--json") != 0)
            return usage(reterr, NULL, "expected the name of a command first");
    }
    return STATUS_OK;
}

Status invocation_parse(Arena *arena, const Command *commands, int count, char *const *words,
                        Invocation *ret_invocation, Error *reterr) {
    Invocation read = {.json = has_word(count, words, "--json")};
    ret_invocation->json = read.json;
    Words at = {.count = count, .words = words};
    TRY(skip_global(&at, &read, reterr));
    bool help = read.help;
    if (at.at == count) {
        if (!help)
            return usage(reterr, NULL, "expected the name of a command");
        *ret_invocation = read;
        return STATUS_OK;
    }
    int used = 0;
    TRY(find_command(arena, commands, count - at.at, words + at.at, &read.command, &used, reterr));
    at.at += used;
    TRY(take_words(arena, &at, &read, reterr));
    read.help = read.help || help;
    *ret_invocation = read;
    return STATUS_OK;
}

// ---- Asking for what was read -----------------------------------------------------------------

const char *invocation_argument(const Invocation *invocation, const char *name) {
    size_t count = command_argument_count(invocation->command);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(invocation->command->arguments[i].name, name) == 0)
            return invocation->arguments[i];
    }
    assert(!"the command has no such argument");
    abort();
}

const char *invocation_option(const Invocation *invocation, const char *name) {
    const CommandOption *option;
    for (size_t i = 0; (option = option_at(invocation->command, i)) != NULL; i++) {
        if (strcmp(option->name, name) == 0)
            return invocation->values[i];
    }
    assert(!"the command has no such option");
    abort();
}

bool invocation_switch(const Invocation *invocation, const char *name) {
    return invocation_option(invocation, name) != NULL;
}

Status invocation_duration(const Invocation *invocation, const char *name, int64_t *ret_seconds,
                           Error *reterr) {
    const char *text = invocation_option(invocation, name);
    if (text == NULL) {
        *ret_seconds = 0;
        return STATUS_OK;
    }
    Error error = {0};
    if (duration_parse(text, ret_seconds, &error) != STATUS_OK)
        return error_set(reterr, STATUS_INVALID, error.code, "--%s: %s", name, error.message);
    return STATUS_OK;
}

Status invocation_number(const Invocation *invocation, const char *name, int64_t min, int64_t max,
                         int64_t preset, int64_t *ret_number, Error *reterr) {
    const char *text = invocation_option(invocation, name);
    if (text == NULL) {
        *ret_number = preset;
        return STATUS_OK;
    }
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0' || number < min || number > max)
        return error_set(reterr, STATUS_INVALID, USAGE_CODE,
                         "--%s: expected a whole number from %lld to %lld", name, (long long)min,
                         (long long)max);
    *ret_number = number;
    return STATUS_OK;
}

bool choices_include(const char *choices, const char *text) {
    size_t length = strlen(text);
    while (*choices != '\0') {
        size_t one = strcspn(choices, "|");
        if (one == length && strncmp(choices, text, length) == 0)
            return true;
        choices += one + (choices[one] == '|');
    }
    return false;
}
