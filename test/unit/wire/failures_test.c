// Every call to the cryptographic library fails once: what was to be proved is not proved then, and
// nothing is given.
#include "support/failing_calls.h"
#include "unit/base/cases.h"
#include "unit/base/scratch.h"
#include "wire/messages.h"
#include "wire/seal.h"
#include "wire/signature.h"

#include <string.h>

static const int64_t NOW_S = 1800000000;

typedef struct Scene {
    Arena *arena;
    SigningKey *key;
    SealKey *seal_key;
    Secret *content;
    const char *public_text, *sealed, *key_path;
    SignedRequest request;
    SignedHeaders headers;
    SignedAction action;
} Scene;

static const char *value_of(const char *header) {
    return strchr(header, ' ') + 1;
}

static Status verify_request(Scene *scene, Error *reterr) {
    return request_verify(scene->arena, scene->public_text, &scene->request,
                          value_of(scene->headers.content_digest),
                          value_of(scene->headers.signature_input),
                          value_of(scene->headers.signature), NOW_S, reterr);
}

static Status verify_action(Scene *scene, Error *reterr) {
    Action action = {.id = "untouched"};
    Status status =
        action_verify(scene->arena, scene->public_text, &scene->action, &action, reterr);
    assert_string_equal(action.id, status == STATUS_OK ? "act_1" : "untouched");
    return status;
}

static Status check_public_key(Scene *scene, Error *reterr) {
    return seal_public_key_check(seal_key_public_text(scene->arena, scene->seal_key), reterr);
}

static Status close_box(Scene *scene, Error *reterr) {
    const char *sealed = NULL;
    const char *key = seal_key_public_text(scene->arena, scene->seal_key);
    Status status = seal_close(scene->arena, key, scene->content, &sealed, reterr);
    assert_int_equal(sealed != NULL, status == STATUS_OK);
    return status;
}

static Status open_box(Scene *scene, Error *reterr) {
    CLEANUP(secret_freep) Secret *content = NULL;
    Status status = seal_open(scene->seal_key, scene->sealed, &content, reterr);
    assert_int_equal(content != NULL, status == STATUS_OK);
    return status;
}

static Status load_key(Scene *scene, Error *reterr) {
    CLEANUP(seal_key_freep) SealKey *key = NULL;
    Status status = seal_key_load(scene->key_path, &key, reterr);
    assert_int_equal(key != NULL, status == STATUS_OK);
    return status;
}

typedef struct Case {
    const char *name;
    Status (*run)(Scene *scene, Error *reterr);
} Case;

static const Case CASES[] = {
    {"verify a request", verify_request},
    {"verify an action", verify_action},
    {"check a public key", check_public_key},
    {"close a box", close_box},
    {"open a box", open_box},
    {"load a key", load_key},
};

static size_t fail_each_call(Scene *scene, const Case *it) {
    for (size_t nth = 1;; nth++) {
        Error error = {0};
        failing_calls_arm(nth);
        Status status = it->run(scene, &error);
        const char *call = failing_calls_disarm();
        if (call == NULL) {
            if (status != STATUS_OK)
                fail_msg("%s: %s", it->name, error.message);
            return nth - 1;
        }
        if (status == STATUS_OK)
            fail_msg("%s: %s failed, and it was done", it->name, call);
        assert_int_equal(error.status, status);
        assert_true(error.code[0] != '\0' && error.message[0] != '\0');
    }
}

static void each_call_fails_once_and_nothing_is_given(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    CLEANUP(signing_key_freep) SigningKey *key = signing_key_new();
    CLEANUP(seal_key_freep) SealKey *seal_key = seal_key_new();
    CLEANUP(secret_freep) Secret *content = secret_new("example", strlen("example"));
    const Action action = {.id = "act_1",
                           .kind = ACTION_CHECK,
                           .connector = "main",
                           .instance = "con_1",
                           .deployment = "dep_1",
                           .poll = "nonce",
                           .integration = "shop",
                           .attempt = 1,
                           .issued_at = NOW_S * 1000,
                           .deadline_at = NOW_S * 1000 + 1,
                           .plan = json_keep(arena, json_object())};
    Scratch scratch = scratch_open();
    Scene scene = {
        .arena = arena,
        .key = key,
        .seal_key = seal_key,
        .content = content,
        .public_text = signing_key_public_text(arena, key),
        .key_path = arena_printf(arena, "%s/seal.key", scratch.path),
        .request = {"POST", "/v1/connector/poll", "{}", 2},
        .action = action_sign(arena, key, &action),
    };
    Error error = {0};
    request_sign(arena, key, "con_1", &scene.request, NOW_S, &scene.headers);
    assert_int_equal(seal_key_save(seal_key, scene.key_path, &error), STATUS_OK);
    assert_int_equal(
        seal_close(arena, seal_key_public_text(arena, seal_key), content, &scene.sealed, &error),
        STATUS_OK);
    for (size_t i = 0; i < COUNT_OF(CASES); i++)
        assert_true(fail_each_call(&scene, &CASES[i]) > 0);
    scratch_close(&scratch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_fails_once_and_nothing_is_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
