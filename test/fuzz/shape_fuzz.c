// shape_parse with a shape of every kind: what it accepts is written and read back the same; a
// refusal has one of the promised codes, a pointer, a message for people, and no secret in it.
#include "base/shape.h"
#include "base/text.h"
#include "fuzz/target.h"
#include "unit/base/shape_cases.h"

#include <assert.h>
#include <string.h>

static void check_refusal(const Error *error) {
    assert(error->status == STATUS_INVALID);
    assert(strcmp(error->code, "malformed_json") == 0 ||
           strcmp(error->code, "unknown_field") == 0 || strcmp(error->code, "missing_field") == 0 ||
           strcmp(error->code, "bad_value") == 0);
    assert(error->message[0] != '\0' && text_is_printable(error->message));
    assert(error->pointer[0] == '\0' || error->pointer[0] == '/');
    assert(text_is_utf8(error->pointer, strlen(error->pointer)));
    if (strcmp(error->pointer, "/password") == 0)
        assert(strstr(error->message, "got ") == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Whole whole;
    Error error = {0};
    if (shape_parse(arena, &WHOLE_SHAPE, (const char *)data, size, &whole, &error) != STATUS_OK) {
        check_refusal(&error);
        return 0;
    }
    assert(error.status == STATUS_OK);
    assert(whole.name != NULL && text_is_utf8(whole.name, strlen(whole.name)));
    assert(whole.port >= 1 && whole.port <= 65535);
    assert(whole.lasts_s > 0 && whole.at >= 0);
    assert(whole.colour >= 0 && (size_t)whole.colour < COLOURS.count);
    assert(whole.tags.count <= 1000 && whole.all.count <= 5);
    const char *text = shape_format(arena, &WHOLE_SHAPE, &whole);
    Whole again;
    Status status = whole_parse(arena, text, &again, NULL);
    assert(status == STATUS_OK);
    assert(strcmp(shape_format(arena, &WHOLE_SHAPE, &again), text) == 0);
    (void)status;
    json_t *redacted = shape_write_redacted(arena, &WHOLE_SHAPE, &whole);
    const json_t *password = json_object_get(redacted, "password");
    assert((password == NULL) == (whole.password == NULL));
    assert(password == NULL || strcmp(json_string_value(password), "(secret)") == 0);
    return 0;
}
