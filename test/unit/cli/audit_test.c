// The audit trail at the command line: shown, exported, verified on an export and at the server.
#include "base/buffer.h"
#include "base/text.h"
#include "domain/audit.h"
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

enum { EVENT_COUNT = 4 };

typedef struct Trail {
    AuditEvent events[EVENT_COUNT];
    const char *lines; // as JSON lines
    const char *items; // as one page of the API
    const char *key;
} Trail;

static Trail make_trail(Scene *scene) {
    Trail trail = {0};
    CLEANUP(signing_key_freep) SigningKey *key = signing_key_new();
    const char *previous = NULL;
    Buffer lines = {0}, items = {0};
    for (int i = 0; i < EVENT_COUNT; i++) {
        trail.events[i] = (AuditEvent){.sequence = i + 1,
                                       .at = 1700000000000 + i,
                                       .event = "grant.approved",
                                       .actor = "dba@example.com",
                                       .actor_kind = "principal",
                                       .grant = "grt_a"};
        audit_event_seal(scene->arena, &trail.events[i], previous, key);
        previous = trail.events[i].hash;
        const char *text = shape_format(scene->arena, &AUDIT_EVENT_SHAPE, &trail.events[i]);
        buffer_addf(&lines, "%s\n", text);
        buffer_addf(&items, "%s%s", i > 0 ? "," : "", text);
    }
    trail.lines = arena_strdup(scene->arena, buffer_text(&lines));
    trail.items = arena_printf(scene->arena, "{\"items\":[%s]}", buffer_text(&items));
    trail.key = signing_key_public_text(scene->arena, key);
    buffer_done(&lines);
    buffer_done(&items);
    return trail;
}

// The text with the first `from` replaced by `to`, which is as long.
static const char *altered(Scene *scene, const char *text, const char *from, const char *to) {
    char *copy = arena_strdup(scene->arena, text);
    char *at = strstr(copy, from);
    assert_non_null(at);
    assert_int_equal(strlen(from), strlen(to));
    memcpy(at, to, strlen(to));
    return copy;
}

static int verify(Scene *scene, const char *lines) {
    return RUN(scene, "audit", "verify", scene_file(scene, "export.jsonl", 0600, lines), "--json");
}

static void an_export_is_verified_without_a_server(void **state) {
    Scene *scene = *state;
    Trail trail = make_trail(scene);
    assert_int_equal(verify(scene, trail.lines), 0);
    assert_has(scene->out, "\"events\": 4");
    assert_has(scene->out, "\"key_given\": false");
    assert_has(scene->out, trail.events[EVENT_COUNT - 1].hash);
    assert_string_equal(scene->method, ""); // nobody was asked
    const char *path = scene_file(scene, "export.jsonl", 0600, trail.lines);
    assert_int_equal(RUN(scene, "audit", "verify", path, "--key", trail.key), 0);
    assert_has(scene->out, "4 events verified");
}

static void a_broken_chain_is_located(void **state) {
    Scene *scene = *state;
    Trail trail = make_trail(scene);
    const char *second = strchr(trail.lines, '\n') + 1;
    const char *third = strchr(second, '\n') + 1;
    const char *first = arena_copy(scene->arena, trail.lines, (size_t)(second - trail.lines));
    assert_int_equal(
        verify(scene, arena_printf(scene->arena, "%s%s", first,
                                   altered(scene, second, "dba@example", "dbb@example"))),
        10);
    assert_has(scene->err, "\"code\":\"chain_broken\"");
    assert_has(scene->err, "export.jsonl:2: the audit chain is broken at event 2");
    assert_int_equal(verify(scene, arena_printf(scene->arena, "%s%s", first, third)), 10);
    assert_has(scene->err, "export.jsonl:2: the audit chain is broken at event 3");
    assert_int_equal(verify(scene, second), 10); // its beginning is gone
    assert_has(scene->err, "\"code\":\"chain_broken\"");
}

static void another_key_is_refused(void **state) {
    Scene *scene = *state;
    Trail trail = make_trail(scene);
    CLEANUP(signing_key_freep) SigningKey *other = signing_key_new();
    const char *path = scene_file(scene, "export.jsonl", 0600, trail.lines);
    assert_int_equal(
        RUN(scene, "audit", "verify", path, "--key", signing_key_public_text(scene->arena, other)),
        10);
    assert_has(scene->err, "signed with another key");
}

static void what_is_no_export_is_refused_with_its_line(void **state) {
    Scene *scene = *state;
    Trail trail = make_trail(scene);
    assert_int_equal(verify(scene, arena_printf(scene->arena, "%snonsense\n", trail.lines)), 10);
    assert_has(scene->err, "export.jsonl:5: ");
    assert_int_equal(verify(scene, ""), 10);
    assert_has(scene->err, "\"code\":\"no_events\"");
    assert_int_equal(RUN(scene, "audit", "verify", "/nonexistent/x"), 13);
}

static void serve(Scene *scene, const Trail *trail, int64_t head) {
    const AuditEvent *event = &trail->events[head - 1];
    scene_sign_in(scene);
    scene_answer(scene, "GET", "/v1/audit", 200, trail->items);
    scene_answer(scene, "GET", "/v1/audit/head", 200,
                 arena_printf(scene->arena,
                              "{\"sequence\":%lld,\"hash\":\"%s\",\"signature\":\"%s\","
                              "\"public_key\":\"%s\"}",
                              (long long)head, event->hash, event->signature, trail->key));
}

static void the_servers_trail_is_compared_with_its_head(void **state) {
    Scene *scene = *state;
    Trail trail = make_trail(scene);
    serve(scene, &trail, 3); // one more was written meanwhile
    assert_int_equal(RUN(scene, "audit", "verify"), 0);
    assert_has(scene->out, "4 events verified");
}

static void a_trail_that_was_cut_is_found(void **state) {
    Scene *scene = *state;
    Trail trail = make_trail(scene);
    serve(scene, &trail, EVENT_COUNT);
    const char *first = shape_format(scene->arena, &AUDIT_EVENT_SHAPE, &trail.events[0]);
    scene_answer(scene, "GET", "/v1/audit", 200,
                 arena_printf(scene->arena, "{\"items\":[%s]}", first));
    assert_int_equal(RUN(scene, "audit", "verify"), 10);
    assert_has(scene->err, "it ends at event 1, before the server's head, 4");
}

static void a_trail_that_was_written_anew_is_found(void **state) {
    Scene *scene = *state;
    Trail trail = make_trail(scene);
    serve(scene, &trail, EVENT_COUNT);
    Trail other = make_trail(scene); // good in itself, by another key
    scene_answer(scene, "GET", "/v1/audit", 200, other.items);
    assert_int_equal(RUN(scene, "audit", "verify"), 10);
    assert_has(scene->err, "signed with another key");
}

static void an_export_is_what_the_server_has(void **state) {
    Scene *scene = *state;
    Trail trail = make_trail(scene);
    serve(scene, &trail, EVENT_COUNT);
    assert_int_equal(RUN(scene, "audit", "--format", "jsonl"), 0);
    assert_string_equal(scene->out, trail.lines);
    assert_int_equal(RUN(scene, "audit", "--json"), 0);
    assert_string_equal(scene->out, trail.lines);
    assert_int_equal(RUN(scene, "audit", "--format", "csv"), 0);
    assert_has(scene->out, "sequence");
    assert_has(scene->out, "grt_a");
    assert_int_equal(RUN(scene, "audit", "--limit", "2", "--format", "jsonl"), 0);
    assert_has(scene->err, "There are more");
}

static void filters_reach_the_server(void **state) {
    Scene *scene = *state;
    Trail trail = make_trail(scene);
    serve(scene, &trail, EVENT_COUNT);
    assert_int_equal(RUN(scene, "audit", "--since", "2026-05-04T12:00:00+02:00", "--person", "a b",
                         "--grant", "grt_a", "--event", "grant.approved"),
                     0);
    assert_has(scene->target, "since=2026-05-04T10%3A00%3A00.000Z");
    assert_has(scene->target, "&person=a%20b&grant=grt_a&event=grant.approved");
    assert_int_equal(RUN(scene, "audit", "--since", "24h"), 0);
    assert_has(scene->target, "since=20");
    assert_int_equal(RUN(scene, "audit", "--since", "yesterday", "--json"), 10);
    assert_has(scene->err, "\"code\":\"bad_time\"");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, scene_set_up, scene_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(an_export_is_verified_without_a_server),
        CASE(a_broken_chain_is_located),
        CASE(another_key_is_refused),
        CASE(what_is_no_export_is_refused_with_its_line),
        CASE(the_servers_trail_is_compared_with_its_head),
        CASE(a_trail_that_was_cut_is_found),
        CASE(a_trail_that_was_written_anew_is_found),
        CASE(an_export_is_what_the_server_has),
        CASE(filters_reach_the_server),
    };
    return cmocka_run_group_tests_name("audit", tests, NULL, NULL);
}
