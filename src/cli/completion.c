#include "base/buffer.h"
#include "base/text.h"
#include "cli/help.h"

#include <stdlib.h>
#include <string.h>

static const char *finish(Arena *arena, Buffer *buffer) {
    const char *text = arena_copy(arena, buffer_text(buffer), buffer->length);
    buffer_done(buffer);
    return text;
}

static const char *words_of(Arena *arena, const char *choices) {
    char *words = arena_strdup(arena, choices);
    for (char *at = words; *at != '\0'; at++) {
        if (*at == '|')
            *at = ' ';
    }
    return words;
}

// The first words of the command names, each once.
static StringList first_words(Arena *arena, const Command *commands) {
    StringList words = {0};
    for (const Command *at = commands; at->name != NULL; at++) {
        const char *word = arena_copy(arena, at->name, strcspn(at->name, " "));
        if (!string_list_has(&words, word))
            string_list_add(arena, &words, word);
    }
    return words;
}

// "create remove": second words of the names that begin with `first`.
static const char *second_words(Arena *arena, const Command *commands, const char *first) {
    StringList words = {0};
    const char *prefix = arena_printf(arena, "%s ", first);
    for (const Command *at = commands; at->name != NULL; at++) {
        if (text_starts_with(at->name, prefix))
            string_list_add(arena, &words, at->name + strlen(prefix));
    }
    return string_list_join(arena, &words, " ");
}

static const char *option_words(Arena *arena, const Command *command) {
    StringList words = {0};
    for (size_t i = 0; i < command_option_count(command); i++)
        string_list_add(arena, &words, arena_printf(arena, "--%s", command->options[i].name));
    for (const CommandOption *at = GLOBAL_OPTIONS; at->name != NULL; at++)
        string_list_add(arena, &words, arena_printf(arena, "--%s", at->name));
    return string_list_join(arena, &words, " ");
}

// The choices of the first argument that has some: what a plain word may be.
static const char *argument_words(Arena *arena, const Command *command) {
    for (size_t i = 0; i < command_argument_count(command); i++) {
        if (command->arguments[i].choices != NULL)
            return words_of(arena, command->arguments[i].choices);
    }
    return "";
}

static bool takes_file(const Command *command) {
    for (size_t i = 0; i < command_argument_count(command); i++) {
        if (command->arguments[i].is_file)
            return true;
    }
    return false;
}

// ---- bash -------------------------------------------------------------------------------------

// After an option that takes a value: the value.
static void add_bash_values(Arena *arena, Buffer *buffer, const Command *command) {
    for (size_t i = 0; i < command_option_count(command); i++) {
        const CommandOption *option = &command->options[i];
        if (option->value == NULL)
            continue;
        buffer_addf(buffer, "    \"%s --%s\"", command->name, option->name);
        if (option->letter != 0)
            buffer_addf(buffer, " | \"%s -%c\"", command->name, option->letter);
        buffer_add(buffer, ")\n");
        if (option->is_file)
            buffer_add(buffer, "      mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n");
        else if (option->choices != NULL)
            buffer_addf(buffer, "      mapfile -t COMPREPLY < <(compgen -W '%s' -- \"$word\")\n",
                        words_of(arena, option->choices));
        buffer_add(buffer, "      return ;;\n");
    }
}

static void add_bash_command(Arena *arena, Buffer *buffer, const Command *commands,
                             const Command *command) {
    buffer_addf(buffer, "    \"%s\")\n      words='%s", command->name,
                option_words(arena, command));
    const char *others[] = {
        argument_words(arena, command),
        strchr(command->name, ' ') == NULL ? second_words(arena, commands, command->name) : ""};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        if (others[i][0] != '\0')
            buffer_addf(buffer, " %s", others[i]);
    }
    buffer_addf(buffer, "'\n      files=%s ;;\n", takes_file(command) ? "yes" : "");
}

// Words that only begin names, as "connector": what may follow them.
static void add_bash_prefixes(Arena *arena, Buffer *buffer, const Command *commands) {
    StringList firsts = first_words(arena, commands);
    for (size_t i = 0; i < firsts.count; i++) {
        bool is_command = false;
        for (const Command *at = commands; at->name != NULL; at++)
            is_command = is_command || text_equal(at->name, firsts.items[i]);
        if (!is_command)
            buffer_addf(buffer, "    \"%s\")\n      words='%s' ;;\n", firsts.items[i],
                        second_words(arena, commands, firsts.items[i]));
    }
}

static const char *bash_script(Arena *arena, const Command *commands) {
    Buffer buffer = {0};
    StringList firsts = first_words(arena, commands);
    buffer_add(&buffer,
               "# Completion of daypass for bash: source <(daypass completion bash)\n"
               "_daypass() {\n"
               "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
               "  local first=${COMP_WORDS[1]} second=${COMP_WORDS[2]} command= words= "
               "files=\n"
               "  COMPREPLY=()\n"
               "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n");
    buffer_addf(&buffer,
                "    mapfile -t COMPREPLY < <(compgen -W '%s' -- \"$word\")\n    return\n  fi\n"
                "  command=$first\n  case \"$first $second\" in\n   ",
                string_list_join(arena, &firsts, " "));
    const char *separator = "";
    for (const Command *at = commands; at->name != NULL; at++) {
        if (strchr(at->name, ' ') == NULL)
            continue;
        buffer_addf(&buffer, "%s \"%s\"", separator, at->name);
        separator = " |";
    }
    buffer_add(&buffer, ")\n      [ \"$COMP_CWORD\" -eq 2 ] || command=\"$first $second\" ;;\n"
                        "  esac\n  case \"$command $before\" in\n");
    for (const Command *at = commands; at->name != NULL; at++)
        add_bash_values(arena, &buffer, at);
    buffer_add(&buffer, "  esac\n  case $command in\n");
    for (const Command *at = commands; at->name != NULL; at++)
        add_bash_command(arena, &buffer, commands, at);
    add_bash_prefixes(arena, &buffer, commands);
    buffer_add(&buffer, "  esac\n"
                        "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
                        "  if [ -n \"$files\" ]; then\n"
                        "    mapfile -t -O \"${#COMPREPLY[@]}\" COMPREPLY < <(compgen -f -- "
                        "\"$word\")\n"
                        "  fi\n"
                        "}\n"
                        "complete -F _daypass daypass\n");
    return finish(arena, &buffer);
}

// ---- zsh --------------------------------------------------------------------------------------

// Inside '…' and _arguments' brackets.
static const char *zsh_quoted(Arena *arena, const char *text) {
    Buffer buffer = {0};
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            buffer_add(&buffer, "'\\''");
        else if (strchr("[]:\\", *text) != NULL)
            buffer_addf(&buffer, "\\%c", *text);
        else
            buffer_add_bytes(&buffer, text, 1);
    }
    return finish(arena, &buffer);
}

static const char *zsh_action(Arena *arena, bool is_file, const char *choices) {
    if (is_file)
        return "_files";
    return choices != NULL ? arena_printf(arena, "(%s)", words_of(arena, choices)) : " ";
}

static void add_zsh_options(Arena *arena, Buffer *buffer, const CommandOption *options) {
    for (; options != NULL && options->name != NULL; options++) {
        const char *help = zsh_quoted(arena, options->help);
        const char *value = "";
        if (options->value != NULL)
            value = arena_printf(arena, ":%s:%s", options->value,
                                 zsh_action(arena, options->is_file, options->choices));
        buffer_addf(buffer, " \\\n        '--%s[%s]%s'", options->name, help, value);
        if (options->letter != 0)
            buffer_addf(buffer, " \\\n        '-%c[%s]%s'", options->letter, help, value);
    }
}

static void add_zsh_command(Arena *arena, Buffer *buffer, const Command *command) {
    buffer_addf(buffer, "    '%s')\n      _arguments -S", command->name);
    add_zsh_options(arena, buffer, command->options);
    add_zsh_options(arena, buffer, GLOBAL_OPTIONS);
    for (size_t i = 0; i < command_argument_count(command); i++) {
        const CommandArgument *argument = &command->arguments[i];
        const char *position =
            argument->repeated ? "*" : arena_printf(arena, "%zu", i + 1); // from there on
        buffer_addf(buffer, " \\\n        '%s:%s%s:%s'", position, argument->optional ? ":" : "",
                    argument->name, zsh_action(arena, argument->is_file, argument->choices));
    }
    buffer_add(buffer, " ;;\n");
}

static void add_zsh_names(Arena *arena, Buffer *buffer, const Command *commands) {
    StringList firsts = first_words(arena, commands);
    for (size_t i = 0; i < firsts.count; i++) {
        const char *summary = NULL;
        for (const Command *at = commands; at->name != NULL; at++) {
            if (text_equal(at->name, firsts.items[i]))
                summary = at->summary;
        }
        if (summary == NULL)
            summary = second_words(arena, commands, firsts.items[i]);
        buffer_addf(buffer, "    '%s:%s'\n", firsts.items[i], zsh_quoted(arena, summary));
    }
}

static const char *zsh_script(Arena *arena, const Command *commands) {
    Buffer buffer = {0};
    buffer_add(&buffer, "#compdef daypass\n"
                        "# Completion of daypass for zsh: a file named _daypass in a folder of "
                        "$fpath\n"
                        "_daypass() {\n  local command=$words[2]\n  local -a names seconds\n"
                        "  names=(\n");
    add_zsh_names(arena, &buffer, commands);
    buffer_add(&buffer, "  )\n  if (( CURRENT == 2 )); then\n"
                        "    _describe command names\n    return\n  fi\n"
                        "  case $words[2] in\n");
    StringList firsts = first_words(arena, commands);
    for (size_t i = 0; i < firsts.count; i++) {
        const char *seconds = second_words(arena, commands, firsts.items[i]);
        if (seconds[0] != '\0')
            buffer_addf(&buffer, "    %s) seconds=(%s) ;;\n", firsts.items[i], seconds);
    }
    buffer_add(&buffer, "  esac\n"
                        "  if (( CURRENT == 3 && $#seconds )); then\n"
                        "    compadd -a seconds\n"
                        "  elif (( $#seconds && $seconds[(Ie)$words[3]] )); then\n"
                        "    command=\"$words[2] $words[3]\"\n"
                        "    shift words\n    (( CURRENT-- ))\n  fi\n"
                        "  shift words\n  (( CURRENT-- ))\n  case $command in\n");
    for (const Command *at = commands; at->name != NULL; at++)
        add_zsh_command(arena, &buffer, at);
    buffer_add(&buffer, "  esac\n}\n_daypass \"$@\"\n");
    return finish(arena, &buffer);
}

// ---- fish -------------------------------------------------------------------------------------

static const char *fish_quoted(Arena *arena, const char *text) {
    Buffer buffer = {0};
    for (; *text != '\0'; text++) {
        if (*text == '\'' || *text == '\\')
            buffer_add(&buffer, "\\");
        buffer_add_bytes(&buffer, text, 1);
    }
    return finish(arena, &buffer);
}

static void add_fish_option(Arena *arena, Buffer *buffer, const char *condition,
                            const CommandOption *option) {
    buffer_addf(buffer, "complete -c daypass%s -l %s", condition, option->name);
    if (option->letter != 0)
        buffer_addf(buffer, " -s %c", option->letter);
    if (option->value != NULL)
        buffer_add(buffer, option->is_file ? " -r -F" : " -x");
    if (option->choices != NULL)
        buffer_addf(buffer, " -a '%s'", words_of(arena, option->choices));
    buffer_addf(buffer, " -d '%s'\n", fish_quoted(arena, option->help));
}

static void add_fish_command(Arena *arena, Buffer *buffer, const Command *command) {
    const char *space = strchr(command->name, ' ');
    const char *first = arena_copy(arena, command->name, strcspn(command->name, " "));
    if (space == NULL)
        buffer_addf(buffer, "complete -c daypass -n __fish_use_subcommand -a %s -d '%s'\n", first,
                    fish_quoted(arena, command->summary));
    else
        buffer_addf(buffer,
                    "complete -c daypass -n '__fish_seen_subcommand_from %s; and not "
                    "__fish_seen_subcommand_from %s' -a %s -d '%s'\n",
                    first, space + 1, space + 1, fish_quoted(arena, command->summary));
    const char *condition =
        space == NULL
            ? arena_printf(arena, " -n '__fish_seen_subcommand_from %s'", first)
            : arena_printf(arena,
                           " -n '__fish_seen_subcommand_from %s; and __fish_seen_subcommand_from "
                           "%s'",
                           first, space + 1);
    for (size_t i = 0; i < command_option_count(command); i++)
        add_fish_option(arena, buffer, condition, &command->options[i]);
    if (argument_words(arena, command)[0] != '\0')
        buffer_addf(buffer, "complete -c daypass%s -a '%s'\n", condition,
                    argument_words(arena, command));
    if (takes_file(command))
        buffer_addf(buffer, "complete -c daypass%s -F\n", condition);
}

static const char *fish_script(Arena *arena, const Command *commands) {
    Buffer buffer = {0};
    buffer_add(&buffer, "# Completion of daypass for fish\ncomplete -c daypass -f\n");
    StringList firsts = first_words(arena, commands);
    for (size_t i = 0; i < firsts.count; i++)
        buffer_addf(&buffer, "complete -c daypass -n __fish_use_subcommand -a %s\n",
                    firsts.items[i]);
    for (const CommandOption *at = GLOBAL_OPTIONS; at->name != NULL; at++)
        add_fish_option(arena, &buffer, "", at);
    for (const Command *at = commands; at->name != NULL; at++)
        add_fish_command(arena, &buffer, at);
    return finish(arena, &buffer);
}

const char *completion_script(Arena *arena, const Command *commands, const char *shell) {
    if (text_equal(shell, "bash"))
        return bash_script(arena, commands);
    if (text_equal(shell, "zsh"))
        return zsh_script(arena, commands);
    return fish_script(arena, commands);
}
