// An AWS that answers what a test wrote down, in its order, and a plan to carry out there: jane's
// access to a database.
#pragma once

#include "driver/aws/driver.h"
#include "unit/aws/scripted.h"

enum { ANSWERS_MAX = 24 };

#define NAME_BEGIN "daypass.grt_abcdefgh12345678.dep_abcdefgh12345678.main."
#define REFUSAL(code) "<R><Error><Code>" code "</Code><Message>no</Message></Error></R>"

extern const char CALLER[]; // of the plan's account
extern const char EMPTY[];  // of whatever is asked

typedef struct Scene {
    Arena *arena;
    Scripted *server;
    ScriptedAnswer answers[ANSWERS_MAX];
    size_t count;
    ResourceCeiling ceiling;
    Plan plan; // once the scene is open
    DriverSession *session;
    DriverResult result;
    Error error;
} Scene;

// For cmocka's setup and teardown of each test. Credentials are in the environment.
int scene_start(void **state);
int scene_stop(void **state);

// What is answered next; AWS's clock stands at midnight, 2026-01-01.
void say(Scene *scene, const char *body);
void refuse(Scene *scene, int status, const char *body);
void say_nothing(Scene *scene); // hangs up

// After everything was written down.
Status scene_open(Scene *scene);
// It has come to the last answer.
void scene_is_over(const Scene *scene);
// The call by its place has that part in it.
void asked(Scene *scene, size_t index, const char *part);
