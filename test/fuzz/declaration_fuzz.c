// A declaration, as `daypass apply` sends it, against a small configuration: refused with a
// pointer, or turned into changes; what is declared then is what is there, and changes nothing
// more.
#include "fuzz/target.h"

#include "domain/configuration.h"

#include <stdlib.h>
#include <string.h>

static const char CURRENT[] =
    "{\"principals\":[{\"name\":\"root\",\"role\":\"administrator\"},{\"name\":\"ann\"}],"
    "\"groups\":[{\"name\":\"dba\",\"members\":[\"root\"]},{\"name\":\"backend\"}],"
    "\"integrations\":[{\"name\":\"shop\",\"kind\":\"postgresql\",\"connector\":\"main\","
    "\"host\":\"db\",\"database\":\"shop\",\"admin_secret\":\"admin\"}],"
    "\"flows\":[{\"name\":\"read\",\"integration\":\"shop\",\"requesters\":{\"groups\":"
    "[\"backend\"]},\"grants\":[{\"role\":\"r\"}],\"duration\":{\"max\":\"8h\"},"
    "\"approval\":[{\"any_of\":{\"groups\":[\"dba\"]}}]}]}";

static void require(bool condition) {
    if (!condition)
        abort(); // also where assert is compiled out
}

static void check_refusal(const Error *error) {
    require(error->status == STATUS_INVALID || error->status == STATUS_CONFLICT);
    require(error->code[0] != '\0' && text_is_printable(error->message));
    require(error->pointer[0] == '\0' || error->pointer[0] == '/');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Configuration current, declared;
    Error error = {0};
    require(shape_parse(arena, &CONFIGURATION_SHAPE, CURRENT, strlen(CURRENT), &current, &error) ==
            STATUS_OK);
    if (shape_parse(arena, &CONFIGURATION_SHAPE, (const char *)data, size, &declared, &error) !=
        STATUS_OK) {
        check_refusal(&error);
        return 0;
    }
    for (int prune = 0; prune < 2; prune++) {
        Changes changes = {0}, more = {0};
        if (configuration_compare(arena, &current, &declared, prune, &changes, &error) !=
            STATUS_OK) {
            check_refusal(&error);
            continue;
        }
        for (size_t i = 0; i < changes.count; i++) {
            const Change *change = &changes.items[i];
            require((change->before == NULL) == (change->kind == CHANGE_CREATE));
            require((change->after == NULL) == (change->kind == CHANGE_DELETE));
            require(prune || change->kind != CHANGE_DELETE);
        }
        // A declaration that stands by itself changes nothing where it holds already.
        if (configuration_compare(arena, &declared, &declared, prune, &more, NULL) == STATUS_OK)
            require(more.count == 0);
    }
    return 0;
}
