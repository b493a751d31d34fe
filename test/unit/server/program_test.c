// daypassd as a program: its arguments, its signals.
#include "state_folder.h"

#include "base/error.h"
#include "base/text.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

extern char **environ;

static const char *program;

// Its output, and the exit status.
static const char *run(Arena *arena, const StateFolder *folder, const char *const *arguments,
                       int *ret_status) {
    const char *out = state_folder_file(arena, folder, "out");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, out, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    char *argv[8] = {(char *)(uintptr_t)program};
    for (size_t i = 0; arguments[i] != NULL; i++)
        argv[i + 1] = (char *)(uintptr_t)arguments[i];
    pid_t child;
    assert_int_equal(posix_spawn(&child, program, &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    *ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    // The largest is the OpenAPI document.
    FILE *file = fopen(out, "r");
    char *text = arena_alloc(arena, 1 << 20);
    size_t length = fread(text, 1, (1 << 20) - 1, file);
    fclose(file);
    text[length] = '\0';
    return text;
}

#define RUN(...) run(arena, &folder, (const char *const[]){__VA_ARGS__, NULL}, &status)

static void says_what_it_is(void **state) {
    WITH_FOLDER(folder);
    CLEANUP(arena_freep) Arena *arena = arena_new();
    int status;
    assert_non_null(strstr(RUN("--version"), "daypassd " DAYPASS_VERSION));
    assert_int_equal(status, 0);
    assert_non_null(strstr(RUN("--help"), "Usage: daypassd"));
    assert_int_equal(status, 0);
    assert_non_null(strstr(RUN("--print-man"), ".SH NAME"));
    assert_non_null(strstr(RUN("--print-config"), "state_folder: /var/lib/daypass"));
    assert_non_null(strstr(RUN("--print-openapi"), "\"openapi\": \"3.1.0\""));
    assert_non_null(strstr(RUN("--print-api-doc"), "# API reference"));
}

static const char *api_reference_path;

static void the_api_reference_in_docs_is_what_the_program_says(void **state) {
    WITH_FOLDER(folder);
    CLEANUP(arena_freep) Arena *arena = arena_new();
    int status;
    const char *said = RUN("--print-api-doc");
    FILE *file = fopen(api_reference_path, "r");
    assert_non_null(file);
    char *kept = arena_alloc(arena, 1 << 20);
    kept[fread(kept, 1, (1 << 20) - 1, file)] = '\0';
    fclose(file);
    if (strcmp(said, kept) != 0)
        fail_msg("docs/api.md is out of date: daypassd --print-api-doc >docs/api.md");
}

static void refuses_arguments_and_files_it_does_not_know(void **state) {
    WITH_FOLDER(folder);
    CLEANUP(arena_freep) Arena *arena = arena_new();
    int status;
    assert_non_null(strstr(RUN("--confg"), "--confg"));
    assert_int_equal(status, 2);
    RUN("--config");
    assert_int_equal(status, 2);
    RUN("--config", "/nonexistent/daypassd.yaml");
    assert_int_not_equal(status, 0);
    state_folder_write(&folder, "bad.yaml", "listen:\n  prot: 1\n");
    const char *said =
        RUN("--config", state_folder_file(arena, &folder, "bad.yaml"), "--check-config");
    assert_non_null(strstr(said, "bad.yaml:2"));
    assert_int_equal(status, status_exit_code(STATUS_INVALID));
    state_folder_write(&folder, "good.yaml", "listen: {port: 1}\n");
    RUN("--config", state_folder_file(arena, &folder, "good.yaml"), "--check-config");
    assert_int_equal(status, 0);
}

// Waits until the address file is there.
static void await_address(const StateFolder *folder) {
    int watcher = inotify_init1(IN_CLOEXEC);
    CLEANUP(mem_freep) char *state = mem_printf("%s/state", folder->path);
    assert_true(inotify_add_watch(watcher, state, IN_MOVED_TO | IN_CLOSE_WRITE) >= 0);
    while (state_folder_mode(folder, "state/address") == -1) {
        struct pollfd ready = {.fd = watcher, .events = POLLIN};
        assert_int_equal(poll(&ready, 1, 30000), 1);
        char events[4096];
        assert_true(read(watcher, events, sizeof(events)) > 0);
    }
    close(watcher);
}

static void ends_cleanly_when_told(void **state) {
    static const int SIGNALS[] = {SIGTERM, SIGINT};
    for (size_t i = 0; i < COUNT_OF(SIGNALS); i++) {
        WITH_FOLDER(folder);
        CLEANUP(arena_freep) Arena *arena = arena_new();
        state_folder_write(&folder, "daypassd.yaml",
                           arena_printf(arena,
                                        "listen: {port: 0}\nstate_folder: %s/state\n"
                                        "log: {level: error}\n",
                                        folder.path));
        assert_int_equal(mkdir(state_folder_file(arena, &folder, "state"), 0700), 0);
        char *argv[] = {(char *)(uintptr_t)program, (char *)(uintptr_t) "--config",
                        (char *)(uintptr_t)state_folder_file(arena, &folder, "daypassd.yaml"),
                        NULL};
        pid_t child;
        assert_int_equal(posix_spawn(&child, program, NULL, NULL, argv, environ), 0);
        await_address(&folder);
        kill(child, SIGHUP); // without TLS there is nothing to read again, and it goes on
        kill(child, SIGNALS[i]);
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        assert_int_equal(state_folder_mode(&folder, "state/address"), -1);
    }
}

#ifdef HAVE_LIBSYSTEMD
// One message of the service; fails the test when none comes.
static const char *next_message(Arena *arena, int socket_of_manager) {
    struct pollfd ready = {.fd = socket_of_manager, .events = POLLIN};
    assert_int_equal(poll(&ready, 1, 30000), 1);
    char *text = arena_alloc(arena, 512);
    assert_true(recv(socket_of_manager, text, 511, 0) > 0);
    return text;
}

static void tells_the_service_manager_how_it_is(void **state) {
    WITH_FOLDER(folder);
    CLEANUP(arena_freep) Arena *arena = arena_new();
    state_folder_write(&folder, "daypassd.yaml",
                       arena_printf(arena,
                                    "listen: {port: 0}\nstate_folder: %s/state\n"
                                    "log: {level: error}\n",
                                    folder.path));
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", folder.path);
    int manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(manager, (struct sockaddr *)&address, sizeof(address)), 0);
    setenv("NOTIFY_SOCKET", address.sun_path, 1);
    char *argv[] = {(char *)(uintptr_t)program, (char *)(uintptr_t) "--config",
                    (char *)(uintptr_t)state_folder_file(arena, &folder, "daypassd.yaml"), NULL};
    pid_t child;
    assert_int_equal(posix_spawn(&child, program, NULL, NULL, argv, environ), 0);
    unsetenv("NOTIFY_SOCKET");
    assert_string_equal(next_message(arena, manager), "READY=1");
    kill(child, SIGTERM);
    assert_string_equal(next_message(arena, manager), "STOPPING=1");
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(manager);
}
#endif

int main(int argc, char **argv) {
    program = argv[1];
    api_reference_path = argv[2];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_it_is),
        cmocka_unit_test(the_api_reference_in_docs_is_what_the_program_says),
        cmocka_unit_test(refuses_arguments_and_files_it_does_not_know),
        cmocka_unit_test(ends_cleanly_when_told),
#ifdef HAVE_LIBSYSTEMD
        cmocka_unit_test(tells_the_service_manager_how_it_is),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
