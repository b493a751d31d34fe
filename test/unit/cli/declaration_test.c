#include "cli/declaration.h"

#include "base/text.h"
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/stat.h>

static const char GROUPS[] = "groups:\n  - {name: dba, members: [dba@example.com]}\n";
static const char FLOWS[] = "flows:\n"
                            "  - name: shop-read\n"
                            "    integration: shop-prod\n"
                            "    requesters: {groups: [backend]}\n"
                            "    grants:\n"
                            "      - {schema: app, tables: [a], privileges: [SELECT]}\n"
                            "    duration: {default: 1h, max: 8h}\n"
                            "    approval: [{any_of: {groups: [dba]}, count: 1}]\n";

static void assert_refused(Scene *scene, const char *text, const char *message) {
    const char *path = scene_file(scene, "flows.yaml", 0600, text);
    Declaration declaration = {0};
    Error error = {0};
    assert_int_equal(declaration_read(scene->arena, path, &declaration, &error), STATUS_INVALID);
    assert_has(error.message, message);
    assert_null(declaration.value);
}

static void reads_a_file(void **state) {
    Scene *scene = *state;
    Declaration declaration;
    Error error = {0};
    const char *path = scene_file(scene, "flows.yaml", 0600, FLOWS);
    if (declaration_read(scene->arena, path, &declaration, &error) != STATUS_OK)
        fail_msg("%s", error.message);
    assert_int_equal(json_array_size(json_object_get(declaration.value, "flows")), 1);
}

static void finds_faults_without_a_server(void **state) {
    Scene *scene = *state;
    assert_refused(scene, "flow: []\n", "flows.yaml:1: unknown key \"flow\"; did you mean");
    assert_refused(scene, "flows:\n  - name: a\n    max: 1h\n",
                   "flows.yaml:3: flows/0: unknown key \"max\"");
    assert_refused(scene, "groups:\n  - {name: dba, members: yes}\n", "flows.yaml:2: ");
    assert_refused(scene,
                   "flows:\n"
                   "  - name: shop-read\n"
                   "    integration: shop-prod\n"
                   "    requesters: {groups: [backend]}\n"
                   "    grants:\n"
                   "      - {schema: app, tables: [a], privileges: [SELECT]}\n"
                   "    duration:\n"
                   "      default: 9h\n"
                   "      max: 8h\n"
                   "    approval: [{any_of: {groups: [dba]}, count: 1}]\n",
                   "flows.yaml:8: ");
}

static const char *make_folder(Scene *scene) {
    const char *folder = arena_printf(scene->arena, "%s/declared", scene->folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    return folder;
}

static void reads_a_folder_as_one(void **state) {
    Scene *scene = *state;
    const char *folder = make_folder(scene);
    scene_file(scene, "declared/10-groups.yaml", 0600, GROUPS);
    scene_file(scene, "declared/20-flows.yml", 0600, FLOWS);
    scene_file(scene, "declared/30-groups.yaml", 0600,
               "groups:\n  - {name: backend, members: []}\n");
    scene_file(scene, "declared/notes.txt", 0600, "not YAML: [");
    scene_file(scene, "declared/.hidden.yaml", 0600, "not YAML: [");
    Declaration declaration;
    Error error = {0};
    if (declaration_read(scene->arena, folder, &declaration, &error) != STATUS_OK)
        fail_msg("%s", error.message);
    assert_int_equal(json_array_size(json_object_get(declaration.value, "groups")), 2);
    assert_int_equal(json_array_size(json_object_get(declaration.value, "flows")), 1);
    assert_has(yaml_place(scene->arena, declaration.places, "/groups/1/name"), "30-groups.yaml:2");
}

static void names_the_file_of_a_folder_that_is_at_fault(void **state) {
    Scene *scene = *state;
    const char *folder = make_folder(scene);
    scene_file(scene, "declared/a.yaml", 0600, GROUPS);
    scene_file(scene, "declared/b.yaml", 0600, "groups:\n  - {name: x, member: []}\n");
    Declaration declaration;
    Error error = {0};
    assert_int_equal(declaration_read(scene->arena, folder, &declaration, &error), STATUS_INVALID);
    assert_has(error.message,
               "b.yaml:2: groups/1: unknown key \"member\"; did you mean \"members\"");
}

static void refuses_a_folder_without_yaml(void **state) {
    Scene *scene = *state;
    Declaration declaration;
    Error error = {0};
    assert_int_equal(declaration_read(scene->arena, make_folder(scene), &declaration, &error),
                     STATUS_NOT_FOUND);
    assert_string_equal(error.code, "no_files");
}

static void places_the_servers_faults(void **state) {
    Scene *scene = *state;
    const char *path = scene_file(scene, "flows.yaml", 0600, FLOWS);
    Declaration declaration;
    Error error = {0};
    assert_int_equal(declaration_read(scene->arena, path, &declaration, &error), STATUS_OK);
    error = (Error){.status = STATUS_INVALID,
                    .message = "there is no integration shop-prod",
                    .pointer = "/configuration/flows/0/integration"};
    declaration_locate(scene->arena, &declaration, &error);
    assert_has(error.message, "flows.yaml:3: there is no integration shop-prod");
    assert_string_equal(error.pointer, "/flows/0/integration");

    error = (Error){.status = STATUS_INVALID, .message = "no", .pointer = "/prune"};
    declaration_locate(scene->arena, &declaration, &error);
    assert_string_equal(error.message, "no");
    error = (Error){.status = STATUS_FORBIDDEN, .message = "not for you"};
    declaration_locate(scene->arena, &declaration, &error);
    assert_string_equal(error.message, "not for you");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, scene_set_up, scene_tear_down)

static void takes_the_example(void **state) {
    Scene *scene = *state;
    Declaration declaration;
    Error error = {0};
    if (declaration_read(scene->arena, DOCS_FOLDER "/../examples/aws.yaml", &declaration, &error) !=
        STATUS_OK)
        fail_msg("%s", error.message);
    assert_int_equal(json_array_size(json_object_get(declaration.value, "flows")), 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(reads_a_file),
        CASE(finds_faults_without_a_server),
        CASE(reads_a_folder_as_one),
        CASE(names_the_file_of_a_folder_that_is_at_fault),
        CASE(refuses_a_folder_without_yaml),
        CASE(places_the_servers_faults),
        CASE(takes_the_example),
    };
    return cmocka_run_group_tests_name("declaration", tests, NULL, NULL);
}
