#include "scene.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DATE "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n"

const char CALLER[] =
    "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account>"
    "<Arn>arn:aws:iam::123456789012:user/daypass</Arn></GetCallerIdentityResult>"
    "</GetCallerIdentityResponse>";
const char EMPTY[] = "<R/>";

void say(Scene *scene, const char *body) {
    assert_true(scene->count < ANSWERS_MAX);
    scene->answers[scene->count++] = (ScriptedAnswer){.headers = DATE, .body = body};
}

void refuse(Scene *scene, int status, const char *body) {
    assert_true(scene->count < ANSWERS_MAX);
    scene->answers[scene->count++] =
        (ScriptedAnswer){.status = status, .headers = DATE, .body = body};
}

void say_nothing(Scene *scene) {
    assert_true(scene->count < ANSWERS_MAX);
    scene->answers[scene->count++] = (ScriptedAnswer){.hang_up = true};
}

int scene_start(void **state) {
    Scene *scene = mem_alloc(sizeof *scene);
    setenv("AWS_ACCESS_KEY_ID", "AKTEST", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "key-of-this-test", 1);
    unsetenv("AWS_SESSION_TOKEN");
    unsetenv("AWS_PROFILE");
    scene->arena = arena_new();
    *state = scene;
    return 0;
}

int scene_stop(void **state) {
    Scene *scene = *state;
    AWS_DRIVER.session_close(scene->session);
    if (scene->server != NULL)
        scripted_stop(scene->server);
    arena_free(scene->arena);
    mem_free(scene);
    return 0;
}

static Plan plan_of(Scene *scene) {
    RdsConnect *connect = arena_alloc(scene->arena, sizeof *connect);
    *connect = (RdsConnect){.identifier = "orders-db"};
    string_list_add(scene->arena, &connect->users, "app_read");
    AccessItem *item = arena_alloc(scene->arena, sizeof *item);
    *item = (AccessItem){.rds_connect = connect};
    const char *url = scripted_url(scene->server);
    AwsEndpoints *endpoints = arena_alloc(scene->arena, sizeof *endpoints);
    *endpoints = (AwsEndpoints){url, url, url, url, url};
    AwsAddress *address = arena_alloc(scene->arena, sizeof *address);
    *address =
        (AwsAddress){.account = "123456789012", .region = "eu-central-1", .endpoints = endpoints};
    TargetAddress *target = arena_alloc(scene->arena, sizeof *target);
    *target = (TargetAddress){
        .kind = TARGET_AWS, .host = address->account, .database = address->region, .aws = address};
    return (Plan){
        .grant_id = "grt_abcdefgh12345678",
        .deployment = "dep_abcdefgh12345678",
        .connector = "main",
        .target = target,
        .account = "user/jane/grt_abcdefgh12345678",
        .identity = "arn:aws:iam::123456789012:user/jane",
        .access = {item, 1},
    };
}

Status scene_open(Scene *scene) {
    scene->server = scripted_start(scene->answers, scene->count);
    scene->plan = plan_of(scene);
    const DriverLogin login = {
        .target = scene->plan.target,
        .connect_timeout_ms = 5 * SECOND_MS,
        .statement_timeout_ms = 5 * SECOND_MS,
        .clock = &SYSTEM_CLOCK,
        .purpose = scene->plan.grant_id,
        .ceiling = &scene->ceiling,
    };
    return AWS_DRIVER.session_open(&login, &scene->session, &scene->result.failure, &scene->error);
}

void scene_is_over(const Scene *scene) {
    assert_int_equal(scripted_calls(scene->server), scene->count);
}

void asked(Scene *scene, size_t index, const char *part) {
    const char *call = scripted_call(scene->server, index);
    if (strstr(call, part) == NULL)
        fail_msg("call %zu has no %s in it", index, part);
}
