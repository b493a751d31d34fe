// A command line with a state folder of its own, and a server that answers what a test tells it to.
#pragma once

#include "cli/cli.h"
#include "http/server.h"

#include <stdatomic.h>
#include <stddef.h>

enum { SCENE_MAX_ANSWERS = 16 };

// Answers of the server, each for calls of one method and path; the last that fits counts. A call
// that none fits is answered with a problem document, 404 "no_such_answer".
typedef struct SceneAnswer {
    const char *method;
    const char *path;
    int status;
    const char *body;
    int failures;  // so many calls get 503 first
    bool stopping; // with the code that says that nothing was done
    int calls;     // so many came
} SceneAnswer;

typedef struct Scene {
    Arena *arena;
    char folder[64]; // temporary; XDG_STATE_HOME
    HttpServer *server;
    char url[64];
    SceneAnswer answers[SCENE_MAX_ANSWERS];
    size_t answer_count;
    // Of the last call:
    char method[16], target[512], body[4096], authorization[256], idempotency_key[128];
    bool terminal; // somebody looks at the output
    // Of the last command:
    char *out, *err;
    size_t out_length, err_length;
} Scene;

// For cmocka's set-up and tear-down. The environment has no DAYPASS_… variable afterwards.
int scene_set_up(void **state);
int scene_tear_down(void **state);

SceneAnswer *scene_answer(Scene *scene, const char *method, const char *path, int status,
                          const char *body);
// Saves a session at the scene's server.
void scene_sign_in(Scene *scene);
// Runs the words, which end with NULL; gives the exit status.
int scene_run(Scene *scene, const char *const *words);
#define RUN(scene, ...) scene_run(scene, (const char *const[]){__VA_ARGS__, NULL})

// "FOLDER/name", written with this mode.
const char *scene_file(Scene *scene, const char *name, unsigned mode, const char *text);
void assert_has(const char *text, const char *part);
void assert_has_not(const char *text, const char *part);
