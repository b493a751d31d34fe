#include "cli/session.h"

#include "base/file.h"
#include "base/id.h"
#include "base/text.h"
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static mode_t mode_of(const char *path) {
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return info.st_mode & 07777;
}

static const char *path_of(Scene *scene, const char *name) {
    return arena_printf(scene->arena, "%s/daypass/%s", scene->folder, name);
}

static void what_is_kept_is_private(void **state) {
    Scene *scene = *state;
    umask(0);
    scene_sign_in(scene);
    CLEANUP(seal_key_freep) SealKey *key = seal_key_new();
    Error error = {0};
    assert_int_equal(key_store_add(scene->arena, key, &error), STATUS_OK);
    assert_int_equal(mode_of(path_of(scene, "")), 0700);
    assert_int_equal(mode_of(path_of(scene, "session.json")), 0600);
    assert_int_equal(mode_of(path_of(scene, "keys")), 0700);
    umask(022);
}

static void a_saved_session_is_found_again(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    Session session;
    Error error = {0};
    assert_int_equal(session_load(scene->arena, &session, &error), STATUS_OK);
    assert_string_equal(session.url, scene->url);
    assert_string_equal(session.token, "token-of-the-test");
    assert_string_equal(session.principal, "engineer@example.com");
    assert_null(session.ca_file);
}

static void assert_load_refused(Scene *scene, Status status, const char *code) {
    Session session;
    Error error = {0};
    assert_int_equal(session_load(scene->arena, &session, &error), status);
    assert_string_equal(error.code, code);
    assert_has_not(error.message, "token-of-the-test");
}

static void a_session_open_to_others_is_refused(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    assert_int_equal(chmod(path_of(scene, "session.json"), 0640), 0);
    assert_load_refused(scene, STATUS_INVALID, "secret_file_mode");
}

static void a_folder_open_to_others_is_refused(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    assert_int_equal(chmod(path_of(scene, ""), 0755), 0);
    assert_load_refused(scene, STATUS_INVALID, "unsafe_folder");
}

static void a_damaged_session_is_named_without_its_content(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    scene_file(scene, "daypass/session.json", 0600, "{\"token\":\"token-of-the-test\",");
    assert_load_refused(scene, STATUS_INVALID, "bad_session");
    scene_file(scene, "daypass/session.json", 0600,
               "{\"token\":[\"token-of-the-test\"],\"url\":\"x\"}");
    assert_load_refused(scene, STATUS_INVALID, "bad_session");
}

static void without_a_session_nobody_is_signed_in(void **state) {
    Scene *scene = *state;
    assert_load_refused(scene, STATUS_UNAUTHENTICATED, "not_signed_in");
    scene_sign_in(scene);
    Error error = {0};
    assert_int_equal(session_forget(scene->arena, &error), STATUS_OK);
    assert_load_refused(scene, STATUS_UNAUTHENTICATED, "not_signed_in");
    assert_int_equal(session_forget(scene->arena, &error), STATUS_OK); // once more is fine
}

static void a_token_is_never_sent_to_another_server(void **state) {
    Scene *scene = *state;
    scene_sign_in(scene);
    setenv("DAYPASS_URL", "https://elsewhere.example.com", 1);
    assert_load_refused(scene, STATUS_UNAUTHENTICATED, "not_signed_in");
    setenv("DAYPASS_URL", arena_printf(scene->arena, "%s/", scene->url), 1); // the same one
    Session session;
    Error error = {0};
    assert_int_equal(session_load(scene->arena, &session, &error), STATUS_OK);
}

static void the_environment_gives_server_token_and_certificates(void **state) {
    Scene *scene = *state;
    setenv("DAYPASS_URL", "daypass.example.com:8443", 1);
    setenv("DAYPASS_TOKEN_FILE", scene_file(scene, "ci", 0600, "token-of-ci\n"), 1);
    setenv("DAYPASS_CA_FILE", "/etc/ca.pem", 1);
    Session session;
    Error error = {0};
    assert_int_equal(session_load(scene->arena, &session, &error), STATUS_OK);
    assert_string_equal(session.url, "https://daypass.example.com:8443");
    assert_string_equal(session.token, "token-of-ci");
    assert_string_equal(session.ca_file, "/etc/ca.pem");
    assert_null(session.principal);
    setenv("DAYPASS_TOKEN", "token-of-env", 1);
    assert_int_equal(session_load(scene->arena, &session, &error), STATUS_OK);
    assert_string_equal(session.token, "token-of-env");
}

static void a_token_file_open_to_others_is_refused(void **state) {
    Scene *scene = *state;
    setenv("DAYPASS_URL", scene->url, 1);
    setenv("DAYPASS_TOKEN_FILE", scene_file(scene, "ci", 0644, "token-of-the-test"), 1);
    assert_load_refused(scene, STATUS_INVALID, "secret_file_mode");
}

static void keys_are_found_by_their_public_half(void **state) {
    Scene *scene = *state;
    CLEANUP(seal_key_freep) SealKey *key = seal_key_new();
    CLEANUP(seal_key_freep) SealKey *found = NULL;
    const char *public_key = seal_key_public_text(scene->arena, key);
    Error error = {0};
    assert_int_equal(key_store_find(scene->arena, public_key, &found, &error), STATUS_NOT_FOUND);
    assert_string_equal(error.code, "key_missing");
    assert_int_equal(key_store_add(scene->arena, key, &error), STATUS_OK);
    assert_int_equal(key_store_find(scene->arena, public_key, &found, &error), STATUS_OK);
    assert_string_equal(seal_key_public_text(scene->arena, found), public_key);
    key_store_remove(scene->arena, public_key);
    key_store_remove(scene->arena, public_key); // once more is fine
    SealKey *gone = NULL;
    assert_int_equal(key_store_find(scene->arena, public_key, &gone, &error), STATUS_NOT_FOUND);
}

static void a_key_open_to_others_is_refused(void **state) {
    Scene *scene = *state;
    CLEANUP(seal_key_freep) SealKey *key = seal_key_new();
    const char *public_key = seal_key_public_text(scene->arena, key);
    Error error = {0};
    assert_int_equal(key_store_add(scene->arena, key, &error), STATUS_OK);
    const char *name =
        arena_printf(scene->arena, "keys/%s.key", token_hash(scene->arena, public_key));
    assert_int_equal(mode_of(path_of(scene, name)), 0600);
    assert_int_equal(chmod(path_of(scene, name), 0604), 0);
    SealKey *found = NULL;
    assert_int_equal(key_store_find(scene->arena, public_key, &found, &error), STATUS_INVALID);
    assert_has(error.message, "chmod 600");
    assert_int_equal(chmod(path_of(scene, name), 0600), 0);
    assert_int_equal(chmod(path_of(scene, "keys"), 0750), 0);
    assert_int_equal(key_store_find(scene->arena, public_key, &found, &error), STATUS_INVALID);
    assert_string_equal(error.code, "unsafe_folder");
}

static void addresses_get_their_scheme(void **state) {
    Scene *scene = *state;
    assert_string_equal(session_url(scene->arena, "a.example.com"), "https://a.example.com");
    assert_string_equal(session_url(scene->arena, "https://a:8443//"), "https://a:8443");
    assert_string_equal(session_url(scene->arena, "http://127.0.0.1:1"), "http://127.0.0.1:1");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, scene_set_up, scene_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(what_is_kept_is_private),
        CASE(a_saved_session_is_found_again),
        CASE(a_session_open_to_others_is_refused),
        CASE(a_folder_open_to_others_is_refused),
        CASE(a_damaged_session_is_named_without_its_content),
        CASE(without_a_session_nobody_is_signed_in),
        CASE(a_token_is_never_sent_to_another_server),
        CASE(the_environment_gives_server_token_and_certificates),
        CASE(a_token_file_open_to_others_is_refused),
        CASE(keys_are_found_by_their_public_half),
        CASE(a_key_open_to_others_is_refused),
        CASE(addresses_get_their_scheme),
    };
    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
