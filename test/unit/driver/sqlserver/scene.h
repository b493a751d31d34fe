// What tests of SQL Server's driver share: a simulated server, a session on it, and a plan.
#pragma once

#include "driver/sqlserver/driver.h"
#include "simulated_server.h"

typedef struct Scene {
    Arena *arena;
    Sim sim;
    TargetAddress target;
    DriverLogin login;
    Secret *admin_password;
    DriverSession *session;
    Plan plan;
    Secret *password;
    DriverResult result;
    Error error;
} Scene;

int scene_setup(void **state);
int scene_teardown(void **state);
void scene_connect(Scene *scene); // anew
AccessItem scene_tables(Scene *scene, const char *const *tables, size_t count);
void scene_grants(Scene *scene, const AccessItem *items, size_t count);
Status scene_grant(Scene *scene);
Status scene_grant_until(Scene *scene, int64_t deadline_ms);
Status scene_revoke(Scene *scene);
Status scene_extend(Scene *scene, int64_t remaining_ms);
Status scene_reset(Scene *scene);
// Fails the test with the operation's own words, or with those of the server.
void scene_must(Scene *scene, Status status);
// The evidence, statement by statement.
void scene_expect(Scene *scene, const char *const *statements, size_t count);
// The repair of the obstacle that says so; fails the test where there is none.
const char *scene_repair(Scene *scene, const char *what);

#define SCENE_TEST(function) cmocka_unit_test_setup_teardown(function, scene_setup, scene_teardown)
