// The program itself, as a person runs it: at a terminal, and as psql's parent.
#include "base/buffer.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/session.h"
#include "scene.h"
#include "wire/messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { DEADLINE_MS = 20000 };

extern char **environ;

// A program at a terminal of which we hold the other end.
typedef struct Terminal {
    int master;
    pid_t child;
    Buffer seen;
} Terminal;

static void terminal_open(Terminal *terminal, char *const *words) {
    terminal->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(terminal->master >= 0);
    assert_int_equal(grantpt(terminal->master), 0);
    assert_int_equal(unlockpt(terminal->master), 0);
    const char *name = ptsname(terminal->master);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, name, O_RDWR | O_NOCTTY, 0);
    posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDERR_FILENO);
    assert_int_equal(posix_spawn(&terminal->child, words[0], &actions, NULL, words, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
}

// False at the end of what the program says.
static bool terminal_read(Terminal *terminal) {
    struct pollfd ready = {.fd = terminal->master, .events = POLLIN};
    if (poll(&ready, 1, DEADLINE_MS) <= 0)
        fail_msg("nothing more came after:\n%s", buffer_text(&terminal->seen));
    char part[512];
    ssize_t count = read(terminal->master, part, sizeof(part));
    if (count <= 0) // EIO: the other end is closed
        return false;
    buffer_add_bytes(&terminal->seen, part, (size_t)count);
    return true;
}

static void terminal_expect(Terminal *terminal, const char *text) {
    while (strstr(buffer_text(&terminal->seen), text) == NULL) {
        if (!terminal_read(terminal))
            fail_msg("ended without \"%s\":\n%s", text, buffer_text(&terminal->seen));
    }
}

static void terminal_type(Terminal *terminal, const char *text) {
    assert_int_equal(write(terminal->master, text, strlen(text)), (ssize_t)strlen(text));
}

// What is typed must not be seen: the question comes when the echo is off already.
static void terminal_type_hidden(Terminal *terminal, const char *text) {
    struct termios settings;
    assert_int_equal(tcgetattr(terminal->master, &settings), 0);
    assert_int_equal(settings.c_lflag & ECHO, 0);
    terminal_type(terminal, text);
}

static int terminal_close(Terminal *terminal, const char **ret_seen, Arena *arena) {
    while (terminal_read(terminal))
        continue;
    int status;
    assert_int_equal(waitpid(terminal->child, &status, 0), terminal->child);
    close(terminal->master);
    *ret_seen = arena_strdup(arena, buffer_text(&terminal->seen));
    buffer_done(&terminal->seen);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static char *text_copy(Scene *scene, const char *text) {
    return arena_strdup(scene->arena, text);
}

static const char SESSION[] = "{\"token\":\"token-of-the-test\","
                              "\"principal\":\"engineer@example.com\",\"role\":\"member\","
                              "\"expires_at\":\"2030-01-01T00:00:00Z\"}";

static void a_password_is_asked_without_echo(void **state) {
    Scene *scene = *state;
    scene_answer(scene, "POST", "/v1/sessions", 201, SESSION);
    char *words[] = {text_copy(scene, DAYPASS_PROGRAM), text_copy(scene, "login"),
                     text_copy(scene, scene->url), NULL};
    Terminal terminal = {0};
    terminal_open(&terminal, words);
    terminal_expect(&terminal, "Your name at Daypass: ");
    terminal_type(&terminal, "engineer@example.com\n");
    terminal_expect(&terminal, "Password: ");
    terminal_type_hidden(&terminal, "the-password\n");
    const char *seen;
    assert_int_equal(terminal_close(&terminal, &seen, scene->arena), 0);
    assert_has(seen, "Signed in");
    assert_has_not(seen, "the-password");
    assert_has_not(seen, "token-of-the-test");
    assert_has(scene->body, "\"password\":\"the-password\"");
    assert_has(scene->body, "\"principal\":\"engineer@example.com\"");
}

static void a_new_password_is_asked_twice(void **state) {
    Scene *scene = *state;
    scene_answer(scene, "POST", "/v1/sessions/invitation", 201, SESSION);
    const char *invitation = scene_file(scene, "invitation", 0600, "come-in\n");
    char *words[] = {text_copy(scene, DAYPASS_PROGRAM),
                     text_copy(scene, "login"),
                     text_copy(scene, scene->url),
                     text_copy(scene, "-p"),
                     text_copy(scene, "x"),
                     text_copy(scene, "--invitation-file"),
                     text_copy(scene, invitation),
                     NULL};
    for (int round = 0; round < 2; round++) {
        Terminal terminal = {0};
        terminal_open(&terminal, words);
        terminal_expect(&terminal, "New password (12 characters or more): ");
        terminal_type_hidden(&terminal, "the-new-password\n");
        terminal_expect(&terminal, "again: ");
        terminal_type_hidden(&terminal, round == 0 ? "the-new-passwort\n" : "the-new-password\n");
        const char *seen;
        assert_int_equal(terminal_close(&terminal, &seen, scene->arena), round == 0 ? 10 : 0);
        assert_has_not(seen, "the-new-passwor");
        assert_has(seen, round == 0 ? "the two answers differ" : "Signed in");
    }
    assert_has(scene->body, "\"invitation\":\"come-in\"");
}

static void no_password_is_asked_for_a_server_that_is_not_there(void **state) {
    Scene *scene = *state;
    char *words[] = {text_copy(scene, DAYPASS_PROGRAM),
                     text_copy(scene, "login"),
                     text_copy(scene, "http://127.0.0.1:1"),
                     text_copy(scene, "-p"),
                     text_copy(scene, "x"),
                     NULL};
    Terminal terminal = {0};
    terminal_open(&terminal, words);
    const char *seen;
    assert_int_equal(terminal_close(&terminal, &seen, scene->arena), 18);
    assert_has(seen, "cannot connect to 127.0.0.1:1");
    assert_has_not(seen, "Password");
}

static void a_short_password_is_refused_at_once(void **state) {
    Scene *scene = *state;
    const char *invitation = scene_file(scene, "invitation", 0600, "come-in\n");
    char *words[] = {text_copy(scene, DAYPASS_PROGRAM),
                     text_copy(scene, "login"),
                     text_copy(scene, scene->url),
                     text_copy(scene, "-p"),
                     text_copy(scene, "x"),
                     text_copy(scene, "--invitation-file"),
                     text_copy(scene, invitation),
                     NULL};
    Terminal terminal = {0};
    terminal_open(&terminal, words);
    terminal_expect(&terminal, "New password (12 characters or more): ");
    terminal_type_hidden(&terminal, "too-short\n");
    const char *seen;
    assert_int_equal(terminal_close(&terminal, &seen, scene->arena), 10);
    assert_has(seen, "expected 12 characters or more");
    assert_has_not(seen, "too-short");
}

static void a_request_asks_for_what_is_left_out(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    static const char FLOW[] = "{\"name\":\"shop-read\",\"access\":[\"SELECT on a\"],"
                               "\"default\":\"1h\",\"max\":\"8h\",\"reason_required\":true,"
                               "\"may_request\":true}";
    scene_answer(scene, "GET", "/v1/flows", 200,
                 arena_printf(scene->arena, "{\"items\":[{\"name\":\"other\"},%s]}", FLOW));
    scene_answer(scene, "GET", "/v1/flows/shop-read", 200, FLOW);
    scene_answer(scene, "POST", "/v1/grants", 201,
                 "{\"id\":\"grt_a\",\"version\":1,\"state\":\"pending\"}");
    char *words[] = {text_copy(scene, DAYPASS_PROGRAM), text_copy(scene, "request"), NULL};
    Terminal terminal = {0};
    terminal_open(&terminal, words);
    terminal_expect(&terminal, "2  shop-read: SELECT on a");
    // A bad answer is asked for again, and said what is wrong with it.
    terminal_expect(&terminal, "Which flow (number or name): ");
    terminal_type(&terminal, "3\n");
    terminal_expect(&terminal, "expected a number from 1 to 2");
    terminal_type(&terminal, "2\n");
    terminal_expect(&terminal, "For how long (at most 8h) [1h]: ");
    terminal_type(&terminal, "9h\n");
    terminal_expect(&terminal, "expected at most 8h");
    terminal_type(&terminal, "soon\n");
    terminal_expect(&terminal, "expected a duration such as");
    terminal_type(&terminal, "\n");
    terminal_expect(&terminal, "Why: ");
    terminal_type(&terminal, "\n");
    terminal_expect(&terminal, "wants a reason");
    terminal_type(&terminal, "to look\n");
    const char *seen;
    assert_int_equal(terminal_close(&terminal, &seen, scene->arena), 0);
    assert_has(seen, "grt_a is pending");
    assert_has(scene->body, "\"flow\":\"shop-read\"");
    assert_has(scene->body, "\"duration\":\"1h\"");
    assert_has(scene->body, "\"reason\":\"to look\"");
}

static void colours_stop_with_no_color(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    scene_answer(scene, "GET", "/v1/grants", 200,
                 "{\"items\":[{\"id\":\"grt_a\",\"version\":1,\"state\":\"active\"}]}");
    char *words[] = {text_copy(scene, DAYPASS_PROGRAM), text_copy(scene, "requests"), NULL};
    setenv("TERM", "xterm", 1);
    for (int round = 0; round < 2; round++) {
        Terminal terminal = {0};
        terminal_open(&terminal, words);
        const char *seen;
        assert_int_equal(terminal_close(&terminal, &seen, scene->arena), 0);
        assert_has(seen, "grt_a");
        if (round == 0)
            assert_has(seen, "\033[");
        else
            assert_has_not(seen, "\033[");
        setenv("NO_COLOR", "1", 1);
    }
}

// ---- connect ----------------------------------------------------------------------------------

static void keep_key_and_seal(Scene *scene) {
    const Credential credential = {.kind = "postgresql",
                                   .host = "db.internal",
                                   .port = 5432,
                                   .database = "shop",
                                   .user = "temp_a_b",
                                   .password = "fixture",
                                   .tls = "require",
                                   .grant_id = "grt_a"};
    const char *text = shape_format(scene->arena, &CREDENTIAL_SHAPE, &credential);
    CLEANUP(seal_key_freep) SealKey *key = seal_key_new();
    CLEANUP(secret_freep) Secret *content = secret_new(text, strlen(text));
    Error error = {0};
    const char *public_key = seal_key_public_text(scene->arena, key);
    const char *sealed;
    assert_int_equal(key_store_add(scene->arena, key, &error), STATUS_OK);
    assert_int_equal(seal_close(scene->arena, public_key, content, &sealed, &error), STATUS_OK);
    scene_answer(scene, "GET", "/v1/grants/grt_a/credentials", 200,
                 arena_printf(scene->arena,
                              "{\"id\":\"grt_a\",\"sealed\":\"%s\",\"public_key\":\"%s\"}", sealed,
                              public_key));
}

static void psql_gets_the_credential_by_its_environment_alone(void **state) {
    Scene *scene = *state;
    setenv("DAYPASS_URL", scene->url, 1);
    setenv("DAYPASS_TOKEN", "token-of-the-test", 1);
    keep_key_and_seal(scene);
    scene_file(scene, "psql", 0700, "#!/bin/sh\necho \"words: $*\"\nenv\n");
    const char *path = arena_strdup(scene->arena, getenv("PATH"));
    setenv("PATH", arena_printf(scene->arena, "%s:%s", scene->folder, path), 1);
    setenv("PGHOSTADDR", "192.0.2.1", 1);
    setenv("PGSERVICE", "elsewhere", 1);
    setenv("PGPASSFILE", "/nonexistent", 1);
    char *words[] = {text_copy(scene, DAYPASS_PROGRAM),
                     text_copy(scene, "connect"),
                     text_copy(scene, "a"),
                     text_copy(scene, "--"),
                     text_copy(scene, "-c"),
                     text_copy(scene, "select 1"),
                     NULL};
    Terminal terminal = {0};
    terminal_open(&terminal, words);
    const char *seen;
    int code = terminal_close(&terminal, &seen, scene->arena);
    setenv("PATH", path, 1);
    unsetenv("PGHOSTADDR");
    unsetenv("PGSERVICE");
    unsetenv("PGPASSFILE");
    assert_int_equal(code, 0);
    assert_has(seen, "words: -c select 1\r\n");
    assert_has(seen, "PGPASSWORD=fixture\r\n");
    assert_has(seen, "PGUSER=temp_a_b\r\n");
    assert_has(seen, "PGSSLMODE=require\r\n");
    assert_has_not(seen, "PGHOSTADDR");
    assert_has_not(seen, "PGSERVICE");
    assert_has_not(seen, "PGPASSFILE");
    assert_has_not(seen, "token-of-the-test");
}

static void a_missing_psql_is_named(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    keep_key_and_seal(scene);
    const char *path = arena_strdup(scene->arena, getenv("PATH"));
    setenv("PATH", "/nonexistent", 1);
    char *words[] = {text_copy(scene, DAYPASS_PROGRAM), text_copy(scene, "connect"),
                     text_copy(scene, "grt_a"), NULL};
    Terminal terminal = {0};
    terminal_open(&terminal, words);
    const char *seen;
    int code = terminal_close(&terminal, &seen, scene->arena);
    setenv("PATH", path, 1);
    assert_int_equal(code, 18);
    assert_has(seen, "install psql");
    assert_has_not(seen, "fixture");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, scene_set_up, scene_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_password_is_asked_without_echo),
        CASE(a_new_password_is_asked_twice),
        CASE(no_password_is_asked_for_a_server_that_is_not_there),
        CASE(a_short_password_is_refused_at_once),
        CASE(a_request_asks_for_what_is_left_out),
        CASE(colours_stop_with_no_color),
        CASE(psql_gets_the_credential_by_its_environment_alone),
        CASE(a_missing_psql_is_named),
    };
    return cmocka_run_group_tests_name("terminal", tests, NULL, NULL);
}
