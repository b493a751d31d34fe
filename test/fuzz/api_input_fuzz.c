// What the API is sent: the first byte chooses a route, the rest is its body, or a token. Whatever
// is accepted can be written and is then accepted again; whatever is refused has a code and no
// secret.
#include "api/api.h"
#include "api/authorisation.h"
#include "base/text.h"
#include "fuzz/target.h"

#include <assert.h>
#include <string.h>

static void try_body(Arena *arena, const Shape *shape, const char *bytes, size_t length) {
    Error error = {0};
    void *body = arena_alloc(arena, shape->size);
    if (shape_parse(arena, shape, bytes, length, body, &error) != STATUS_OK) {
        assert(error.status == STATUS_INVALID && error.code[0] != '\0');
        assert(text_is_printable(error.message));
        return;
    }
    const char *text = shape_format(arena, shape, body);
    void *again = arena_alloc(arena, shape->size);
    Status status = shape_parse(arena, shape, text, strlen(text), again, &error);
    assert(status == STATUS_OK);
    assert(strcmp(shape_format(arena, shape, again), text) == 0);
    (void)status;
}

static void try_token(Arena *arena, const char *bytes, size_t length) {
    const char *header = arena_copy(arena, bytes, length);
    const char *token = NULL;
    Error error = {0};
    if (bearer_read(arena, header, &token, &error) != STATUS_OK) {
        assert(error.status == STATUS_UNAUTHENTICATED);
        return;
    }
    assert(token != NULL && token[0] != '\0' && strpbrk(token, " \"'\\;\n") == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *rest = (const char *)data + 1;
    const Route *route = &ROUTES.routes[data[0] % ROUTES.count];
    if (route->body != NULL)
        try_body(arena, route->body, rest, size - 1);
    else
        try_token(arena, rest, size - 1);
    return 0;
}
