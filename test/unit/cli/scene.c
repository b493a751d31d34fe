#include "scene.h"

#include "base/file.h"
#include "base/text.h"
#include "cli/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char NO_ANSWER[] = "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,"
                                "\"kind\":\"not_found\",\"code\":\"no_such_answer\","
                                "\"detail\":\"the test has no answer for this\"}";
static const char AWAY[] =
    "{\"type\":\"about:blank\",\"title\":\"Unavailable\",\"status\":503,"
    "\"kind\":\"unavailable\",\"code\":\"store_busy\",\"detail\":\"not yet\"}";
static const char STOPPING[] =
    "{\"type\":\"about:blank\",\"title\":\"Unavailable\",\"status\":503,"
    "\"kind\":\"unavailable\",\"code\":\"starting\",\"detail\":\"not yet\"}";

static void keep(char *into, size_t size, const char *text) {
    snprintf(into, size, "%s", text != NULL ? text : "");
}

static void answer_with(HttpAnswer *answer, int status, const char *body) {
    answer->status = status;
    answer->content_type = status < 300 ? "application/json" : "application/problem+json";
    answer->body = body;
    answer->length = body != NULL ? strlen(body) : 0;
}

// The command is the server's only client and waits for each answer, so that nothing here is
// touched by two threads at once.
static void handle(void *context, HttpRequest *request, HttpAnswer *answer) {
    Scene *scene = context;
    size_t length;
    const char *body = http_request_body(request, &length);
    keep(scene->method, sizeof(scene->method), http_request_method(request));
    keep(scene->target, sizeof(scene->target), http_request_target(request));
    keep(scene->authorization, sizeof(scene->authorization),
         http_request_header(request, "Authorization"));
    keep(scene->idempotency_key, sizeof(scene->idempotency_key),
         http_request_header(request, "Idempotency-Key"));
    snprintf(scene->body, sizeof(scene->body), "%.*s", (int)length, body != NULL ? body : "");
    for (size_t i = scene->answer_count; i-- > 0;) {
        SceneAnswer *at = &scene->answers[i];
        if (strcmp(at->method, scene->method) != 0 ||
            strcmp(at->path, http_request_path(request)) != 0)
            continue;
        if (at->calls++ < at->failures)
            answer_with(answer, 503, at->stopping ? STOPPING : AWAY);
        else
            answer_with(answer, at->status, at->body);
        return;
    }
    answer_with(answer, 404, NO_ANSWER);
}

static void clear_environment(void) {
    static const char *const NAMES[] = {"DAYPASS_URL", "DAYPASS_TOKEN", "DAYPASS_TOKEN_FILE",
                                        "DAYPASS_CA_FILE", "NO_COLOR"};
    for (size_t i = 0; i < COUNT_OF(NAMES); i++)
        unsetenv(NAMES[i]);
}

int scene_set_up(void **state) {
    Scene *scene = mem_alloc(sizeof(*scene));
    scene->arena = arena_new();
    snprintf(scene->folder, sizeof(scene->folder), "/tmp/daypass-cli-test-XXXXXX");
    if (mkdtemp(scene->folder) == NULL)
        return -1;
    clear_environment();
    setenv("XDG_STATE_HOME", scene->folder, 1);
    setenv("NO_PROXY", "127.0.0.1", 1);
    HttpServerOptions options = {.host = "127.0.0.1",
                                 .max_body_bytes = 65536,
                                 .max_header_bytes = 16384,
                                 .threads = 1,
                                 .max_connections = 8,
                                 .max_connections_per_address = 8,
                                 .idle_timeout_s = 30,
                                 .clock = &SYSTEM_CLOCK,
                                 .handler = handle,
                                 .context = scene};
    Error error = {0};
    if (http_server_start(&options, &scene->server, &error) != STATUS_OK) {
        print_error("%s\n", error.message);
        return -1;
    }
    snprintf(scene->url, sizeof(scene->url), "http://127.0.0.1:%d",
             http_server_port(scene->server));
    *state = scene;
    return 0;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *walk) {
    (void)info, (void)kind, (void)walk;
    return remove(path);
}

int scene_tear_down(void **state) {
    Scene *scene = *state;
    scene->server = http_server_stop(scene->server);
    nftw(scene->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    clear_environment();
    free(scene->out);
    free(scene->err);
    arena_free(scene->arena);
    mem_free(scene);
    return 0;
}

SceneAnswer *scene_answer(Scene *scene, const char *method, const char *path, int status,
                          const char *body) {
    assert_in_range(scene->answer_count, 0, SCENE_MAX_ANSWERS - 1);
    SceneAnswer *added = &scene->answers[scene->answer_count++];
    *added = (SceneAnswer){.method = method, .path = path, .status = status, .body = body};
    return added;
}

void scene_sign_in(Scene *scene) {
    Session session = {
        .url = scene->url, .token = "token-of-the-test", .principal = "engineer@example.com"};
    Error error = {0};
    if (session_save(scene->arena, &session, &error) != STATUS_OK)
        fail_msg("%s", error.message);
}

int scene_run(Scene *scene, const char *const *words) {
    char *arguments[32] = {arena_strdup(scene->arena, "daypass")};
    int count = 1;
    for (; words[count - 1] != NULL; count++)
        arguments[count] = arena_strdup(scene->arena, words[count - 1]);
    free(scene->out);
    free(scene->err);
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Cli cli = {.arena = arena,
               .clock = &SYSTEM_CLOCK,
               .out = open_memstream(&scene->out, &scene->out_length),
               .err = open_memstream(&scene->err, &scene->err_length),
               .out_terminal = scene->terminal,
               .colours = scene->terminal};
    int code = cli_main(&cli, count, arguments);
    cli_done(&cli);
    fclose(cli.out);
    fclose(cli.err);
    return code;
}

const char *scene_file(Scene *scene, const char *name, unsigned mode, const char *text) {
    const char *path = arena_printf(scene->arena, "%s/%s", scene->folder, name);
    Error error = {0};
    if (file_write(path, (mode_t)mode, text, strlen(text), &error) != STATUS_OK)
        fail_msg("%s", error.message);
    return path;
}

void assert_has(const char *text, const char *part) {
    if (strstr(text, part) == NULL)
        fail_msg("\"%s\" is not in:\n%s", part, text);
}

void assert_has_not(const char *text, const char *part) {
    if (strstr(text, part) != NULL)
        fail_msg("\"%s\" is in:\n%s", part, text);
}
