// Every statement of every operation fails once: the connection is cut before the server gets it
// and after it has carried it out, and the server answers with errors that may be repeated.
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

#include "scene.h"

enum { STATEMENTS_MAX = 200 };

typedef struct Way {
    bool after;
    int native;
    const char *sqlstate;
} Way;

static const Way WAYS[] = {
    {.after = false},
    {.after = true},
    {.native = 1222, .sqlstate = "HY000"},
    {.native = 1205, .sqlstate = "40001"},
};

typedef struct Work {
    const char *name;
    void (*before)(Scene *scene);
    Status (*run)(Scene *scene);
    void (*check)(Scene *scene);
} Work;

static void plan_two_databases(Scene *scene) {
    AccessItem items[3];
    items[0] = scene_tables(scene, (const char *const[]){"orders", "customers"}, 2);
    items[1] = (AccessItem){.role = "reporting", .database = "billing"};
    items[2] = items[0];
    items[2].database = "billing";
    scene_grants(scene, items, COUNT_OF(items));
}

static void give(Scene *scene) {
    plan_two_databases(scene);
    scene_must(scene, scene_grant(scene));
    sim_add_session(&scene->sim, scene->plan.account, 1);
}

static Status extend(Scene *scene) {
    return scene_extend(scene, 7200000);
}

static void is_whole(Scene *scene) {
    const SimLogin *login = sim_login(&scene->sim, scene->plan.account);
    assert_non_null(login);
    assert_false(login->disabled);
    static const char *const DATABASES[] = {"shop", "billing"};
    for (size_t i = 0; i < COUNT_OF(DATABASES); i++) {
        const SimUser *user = sim_user(&scene->sim, DATABASES[i], scene->plan.account);
        assert_non_null(user);
        assert_string_equal(user->sid, login->sid);
        assert_true(text_starts_with(user->mark, "daypass {"));
        assert_int_equal(user->grants.count, 2);
        assert_int_equal(user->roles.count, i);
    }
}

static void is_gone(Scene *scene) {
    assert_int_equal(scene->sim.now.login_count, 0);
    assert_int_equal(scene->sim.now.session_count, 0);
    assert_int_equal(sim_database(&scene->sim, "shop")->user_count, 0);
    assert_int_equal(sim_database(&scene->sim, "billing")->user_count, 0);
}

static const Work WORKS[] = {
    {"grant", plan_two_databases, scene_grant, is_whole},
    {"grant over its own", give, scene_grant, is_whole},
    {"revoke", give, scene_revoke, is_gone},
    {"extend", give, extend, is_whole},
    {"reset", give, scene_reset, is_whole},
};

// One login is whole or not there, and whatever can log in says whose it is.
static void nothing_half_made_is_usable(Scene *scene, const Work *work, int at) {
    if (sim_has_unmarked_account(&scene->sim))
        fail_msg("%s left a usable account without a mark at statement %d", work->name, at);
    const SimLogin *login = sim_login(&scene->sim, scene->plan.account);
    if (login != NULL && !login->disabled)
        is_whole(scene);
}

// False: the operation needs fewer statements than that.
static bool fails_at(Scene *scene, const Work *work, const Way *way, int at) {
    scene->sim.count = 0;
    scene->sim.fault =
        (SimFault){.at = at, .after = way->after, .native = way->native, .sqlstate = way->sqlstate};
    Status status = work->run(scene);
    bool struck = scene->sim.count >= at;
    scene->sim.fault = (SimFault){0};
    if (scene->sim.complaint != NULL)
        fail_msg("%s", scene->sim.complaint);
    if (!struck) {
        scene_must(scene, status);
        return false;
    }
    // What comes after the last step that counts, and what finds it done, may succeed all the same.
    if (status != STATUS_OK) {
        assert_int_equal(scene->result.failure, FAILURE_RETRY);
        assert_null(strstr(scene->error.message, "hush"));
    }
    nothing_half_made_is_usable(scene, work, at);
    return true;
}

static void fail_everywhere(const Work *work, const Way *way) {
    int at = 1;
    for (bool struck = true; struck && at < STATEMENTS_MAX; at++) {
        void *state = NULL;
        scene_setup(&state);
        Scene *scene = state;
        work->before(scene);
        struck = fails_at(scene, work, way, at);
        scene_connect(scene);
        if (struck)
            scene_must(scene, work->run(scene)); // the repeat
        work->check(scene);
        scene_teardown(&state);
    }
    assert_true(at > 5 && at < STATEMENTS_MAX);
}

static void run_work(void **state) {
    const Work *work = *state;
    for (size_t i = 0; i < COUNT_OF(WAYS); i++)
        fail_everywhere(work, &WAYS[i]);
}

int main(void) {
    odbc_scene_install("ODBC Driver 18 for SQL Server");
    struct CMUnitTest tests[COUNT_OF(WORKS)];
    for (size_t i = 0; i < COUNT_OF(WORKS); i++)
        tests[i] =
            (struct CMUnitTest){WORKS[i].name, run_work, NULL, NULL, (void *)(uintptr_t)&WORKS[i]};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
