#include "cli/help.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/exit_codes.h"
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

// Runs a program with its output in a file of the scene; gives its exit status, 127 when it is not
// there.
static int run_program(Scene *scene, char *const *words, const char **ret_output) {
    const char *path = scene_file(scene, "output", 0600, "");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, path, O_WRONLY | O_APPEND, 0);
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    pid_t child;
    int result = posix_spawnp(&child, words[0], &actions, NULL, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (result != 0)
        return 127;
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    Buffer buffer = {.ceiling = 1 << 20};
    Error error = {0};
    assert_int_equal(file_read(path, &buffer, &error), STATUS_OK);
    *ret_output = arena_strdup(scene->arena, buffer_text(&buffer));
    buffer_done(&buffer);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void assert_program_likes(Scene *scene, char *const *words) {
    const char *output = "";
    int code = run_program(scene, words, &output);
    if (code == 127)
        fail_msg("%s is not installed: scripts/install-dependencies test", words[0]);
    if (code != 0 || output[0] != '\0')
        fail_msg("%s: exit status %d: %s", words[0], code, output);
}

static void assert_parses(Scene *scene, const char *shell) {
    const char *script = completion_script(scene->arena, COMMANDS, shell);
    const char *path = scene_file(scene, "script", 0600, script);
    char *words[] = {arena_strdup(scene->arena, shell), arena_strdup(scene->arena, "-n"),
                     arena_strdup(scene->arena, path), NULL};
    assert_program_likes(scene, words);
}

static void every_command_is_described(void **state) {
    (void)state;
    for (const Command *at = COMMANDS; at->name != NULL; at++) {
        assert_non_null(at->run);
        assert_non_null(at->summary);
        assert_true(at->summary[strlen(at->summary) - 1] != '.');
        for (size_t i = 0; i < command_argument_count(at); i++)
            assert_non_null(at->arguments[i].help);
        for (size_t i = 0; i < command_option_count(at); i++)
            assert_non_null(at->options[i].help);
        for (const Command *other = at + 1; other->name != NULL; other++)
            assert_string_not_equal(at->name, other->name);
    }
}

static void optional_arguments_come_last(void **state) {
    (void)state;
    for (const Command *at = COMMANDS; at->name != NULL; at++) {
        size_t count = command_argument_count(at);
        assert_in_range(count, 0, INVOCATION_MAX_ARGUMENTS);
        assert_in_range(command_option_count(at) + 2, 0, INVOCATION_MAX_OPTIONS);
        for (size_t i = 1; i < count; i++)
            assert_true(at->arguments[i].optional || !at->arguments[i - 1].optional);
    }
}

static void no_option_takes_a_secret(void **state) {
    (void)state;
    static const char *const SECRETS[] = {"password", "token", "secret", "invitation"};
    for (const Command *at = COMMANDS; at->name != NULL; at++) {
        for (size_t i = 0; i < command_option_count(at); i++) {
            for (size_t j = 0; j < COUNT_OF(SECRETS); j++)
                assert_string_not_equal(at->options[i].name, SECRETS[j]);
        }
    }
}

static void help_tells_every_argument_and_option(void **state) {
    Scene *scene = *state;
    for (const Command *at = COMMANDS; at->name != NULL; at++) {
        const char *help = help_command(scene->arena, at);
        assert_has(help, at->name);
        for (size_t i = 0; i < command_argument_count(at); i++)
            assert_has(help, at->arguments[i].name);
        for (size_t i = 0; i < command_option_count(at); i++)
            assert_has(help, arena_printf(scene->arena, "--%s", at->options[i].name));
        assert_has(help, "--json");
        assert_has(help_overview(scene->arena, COMMANDS), at->name);
    }
}

static void help_fits_eighty_columns(void **state) {
    Scene *scene = *state;
    for (const Command *at = COMMANDS; at->name != NULL; at++) {
        for (const char *line = help_command(scene->arena, at); *line != '\0';) {
            size_t length = strcspn(line, "\n");
            if (length >= 80)
                fail_msg("%.*s", (int)length, line);
            line += length + (line[length] == '\n');
        }
    }
}

static void the_reference_is_what_the_table_says(void **state) {
    Scene *scene = *state;
    Buffer kept = {.ceiling = 1 << 20};
    Error error = {0};
    if (file_read(DOCS_FOLDER "/cli.md", &kept, &error) != STATUS_OK)
        fail_msg("%s", error.message);
    bool same = text_equal(buffer_text(&kept), help_markdown(scene->arena, COMMANDS));
    buffer_done(&kept);
    if (!same)
        fail_msg("docs/cli.md is old: daypass help --markdown >docs/cli.md");
}

static void the_man_page_renders_without_warnings(void **state) {
    Scene *scene = *state;
    const char *path = scene_file(scene, "daypass.1", 0600, help_man_page(scene->arena, COMMANDS));
    char *words[] = {arena_strdup(scene->arena, "groff"),
                     arena_strdup(scene->arena, "-man"),
                     arena_strdup(scene->arena, "-Tutf8"),
                     arena_strdup(scene->arena, "-ww"),
                     arena_strdup(scene->arena, "-z"),
                     arena_strdup(scene->arena, path),
                     NULL};
    assert_program_likes(scene, words);
}

static void the_man_page_has_every_command_and_exit_status(void **state) {
    Scene *scene = *state;
    const char *page = help_man_page(scene->arena, COMMANDS);
    assert_has(page, ".SS request\n");
    assert_has(page, ".SS connector remove\\-instance\n");
    for (size_t i = 0; i < EXIT_CODE_COUNT; i++)
        assert_has(page,
                   arena_printf(scene->arena, ".TP\n.B %d\n", exit_code_number(&EXIT_CODES[i])));
}

static void the_bash_completion_parses(void **state) {
    assert_parses(*state, "bash");
}

static void the_zsh_completion_parses(void **state) {
    assert_parses(*state, "zsh");
}

static void the_fish_completion_parses(void **state) {
    assert_parses(*state, "fish");
}

static void completions_know_every_command_and_option(void **state) {
    Scene *scene = *state;
    static const char *const SHELLS[] = {"bash", "zsh", "fish"};
    for (size_t s = 0; s < COUNT_OF(SHELLS); s++) {
        const char *script = completion_script(scene->arena, COMMANDS, SHELLS[s]);
        for (const Command *at = COMMANDS; at->name != NULL; at++) {
            const char *space = strchr(at->name, ' ');
            assert_has(script, space != NULL ? space + 1 : at->name);
            for (size_t i = 0; i < command_option_count(at); i++)
                assert_has(script, at->options[i].name);
        }
    }
}

// What bash offers for the last word.
static const char *complete_in_bash(Scene *scene, const char *words) {
    const char *script = scene_file(
        scene, "offer", 0600,
        arena_printf(scene->arena,
                     "%s\nCOMP_WORDS=(daypass %s)\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
                     "_daypass\necho \"${COMPREPLY[*]}\"\n",
                     completion_script(scene->arena, COMMANDS, "bash"), words));
    char *command[] = {arena_strdup(scene->arena, "bash"), arena_strdup(scene->arena, script),
                       NULL};
    const char *output = "";
    assert_int_equal(run_program(scene, command, &output), 0);
    return output;
}

static void bash_offers_what_may_follow(void **state) {
    Scene *scene = *state;
    assert_string_equal(complete_in_bash(scene, "appr"), "approve\n");
    assert_string_equal(complete_in_bash(scene, "connector ''"), "create remove remove-instance\n");
    assert_string_equal(complete_in_bash(scene, "credentials x --format ''"),
                        "env url json pgpass mycnf jdbc odbc dotnet\n");
    assert_string_equal(complete_in_bash(scene, "request x --re"), "--reason\n");
    assert_string_equal(complete_in_bash(scene, "principal role x ad"), "administrator\n");
    const char *file = scene_file(scene, "flows.yaml", 0600, "");
    assert_string_equal(
        complete_in_bash(scene, arena_printf(scene->arena, "apply --file %s/flow", scene->folder)),
        arena_printf(scene->arena, "%s\n", file));
}

static void help_is_a_command_and_a_switch(void **state) {
    Scene *scene = *state;
    assert_int_equal(RUN(scene, "help", "request"), 0);
    assert_has(scene->out, "usage: daypass request");
    assert_int_equal(RUN(scene, "request", "--help"), 0);
    assert_has(scene->out, "usage: daypass request");
    assert_int_equal(RUN(scene, "help", "connector"), 0);
    assert_has(scene->out, "usage: daypass connector create");
    assert_has(scene->out, "usage: daypass connector remove-instance");
    assert_int_equal(RUN(scene, "--help"), 0);
    assert_has(scene->out, "usage: daypass COMMAND");
    assert_int_equal(RUN(scene, "help", "nonsense"), EXIT_USAGE);
}

static void wrong_usage_has_its_own_exit_status(void **state) {
    Scene *scene = *state;
    assert_int_equal(RUN(scene, "nonsense"), 2);
    assert_int_equal(RUN(scene, "login", "--password", "x"), 2);
    assert_int_equal(RUN(scene, "requests", "--limit", "0"), 2);
    assert_int_equal(RUN(scene, "deny", "grt_x"), 2);
    assert_string_equal(scene->out, "");
    assert_int_equal(RUN(scene, "nonsense", "--json"), 2);
    assert_has(scene->err, "{\"error\":{\"code\":\"usage\"");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, scene_set_up, scene_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(every_command_is_described),
        CASE(optional_arguments_come_last),
        CASE(no_option_takes_a_secret),
        CASE(help_tells_every_argument_and_option),
        CASE(help_fits_eighty_columns),
        CASE(the_reference_is_what_the_table_says),
        CASE(the_man_page_renders_without_warnings),
        CASE(the_man_page_has_every_command_and_exit_status),
        CASE(the_bash_completion_parses),
        CASE(the_zsh_completion_parses),
        CASE(the_fish_completion_parses),
        CASE(completions_know_every_command_and_option),
        CASE(bash_offers_what_may_follow),
        CASE(help_is_a_command_and_a_switch),
        CASE(wrong_usage_has_its_own_exit_status),
    };
    return cmocka_run_group_tests_name("help", tests, NULL, NULL);
}
