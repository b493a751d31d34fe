// What a control plane passes on as a sealed credential. The first byte chooses: text in place of a
// box, which does not open; or the content of a box that somebody made with the requester's public
// key, which is a credential by its shape or refused.
#include "fuzz/target.h"

#include "base/text.h"
#include "wire/messages.h"
#include "wire/seal.h"

#include <stdlib.h>
#include <string.h>

static void require(bool condition) {
    if (!condition)
        abort(); // also where assert is compiled out
}

static void check_box(Arena *arena, const SealKey *key, const char *box) {
    Secret *content = NULL;
    Error error = {0};
    require(seal_open(key, box, &content, &error) == STATUS_INVALID && content == NULL);
    require(strcmp(error.code, "cannot_open") == 0 && text_is_printable(error.message));
    if (seal_public_key_check(box, &error) == STATUS_OK)
        require(strlen(box) == strlen(seal_key_public_text(arena, key)));
}

static void check_content(Arena *arena, const SealKey *key, const uint8_t *data, size_t size) {
    CLEANUP(secret_freep) Secret *content = secret_new((const char *)data, size);
    CLEANUP(secret_freep) Secret *opened = NULL;
    const char *sealed = NULL;
    Error error = {0};
    require(seal_close(arena, seal_key_public_text(arena, key), content, &sealed, &error) ==
            STATUS_OK);
    require(seal_open(key, sealed, &opened, &error) == STATUS_OK);
    require(secret_length(opened) == size && memcmp(secret_text(opened), data, size) == 0);
    Credential credential;
    if (shape_parse(arena, &CREDENTIAL_SHAPE, secret_text(opened), size, &credential, &error) !=
        STATUS_OK)
        require(text_is_printable(error.message));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    CLEANUP(seal_key_freep) SealKey *key = seal_key_new();
    if (data[0] % 2 == 0)
        check_box(arena, key, arena_copy(arena, data + 1, size - 1));
    else
        check_content(arena, key, data + 1, size - 1);
    return 0;
}
