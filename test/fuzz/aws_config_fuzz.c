// What people write about AWS: shared config files, commands in them, ARNs and patterns of ARNs.
#include "fuzz/target.h"

#include "aws/arn.h"
#include "aws/shared_config.h"
#include "aws/source.h"
#include "base/program.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static void require(bool condition) {
    if (!condition)
        abort(); // also where assert is compiled out
}

static void check_config(Arena *arena, SharedFile file, const char *text, size_t size) {
    SharedConfig *config = shared_config_new(arena);
    Error error = {0};
    if (shared_config_parse(config, file, text, size, &error) != STATUS_OK) {
        require(text_equal(error.code, "bad_aws_config"));
        return;
    }
    const char *region = shared_config_get(config, "default", "region");
    require(region == NULL || shared_config_has(config, "default"));
    require(region == NULL || (*region != '\0' && strpbrk(region, "\r\n") == NULL));
}

static void check_command(Arena *arena, const char *text) {
    StringList words = {0};
    if (program_split(arena, text, &words, NULL) == STATUS_OK)
        require(words.count > 0 && words.items[0][0] != '\0');
}

// The first line is a pattern, the rest an ARN.
static void check_arn(Arena *arena, const char *text) {
    size_t length = strcspn(text, "\n");
    const char *pattern = arena_copy(arena, text, length);
    const char *rest = text[length] == '\n' ? text + length + 1 : text;
    Arn arn;
    ArnPrincipal who;
    arn_matches(pattern, rest);
    if (arn_parse(arena, rest, &arn, NULL) == STATUS_OK) {
        require(text_equal(arn_build(arena, &arn), rest));
        require(arn_matches("*", rest) && arn_matches("arn:*:*:*:*:*", rest));
        require(strpbrk(rest, "*?") != NULL || arn_matches(rest, rest));
    }
    if (arn_principal_parse(arena, rest, &who, NULL) == STATUS_OK)
        require(arn_is_account(who.account) && strpbrk(who.name, "/:*?") == NULL);
}

static void check_place(Arena *arena, const char *text) {
    ContainerPlace place;
    if (container_place_full(arena, text, &place, NULL) == STATUS_OK)
        require(text_starts_with(place.base_url, "http") && place.target[0] == '/');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *text = arena_copy(arena, data, size);
    check_config(arena, SHARED_FILE_CONFIG, text, size);
    check_config(arena, SHARED_FILE_CREDENTIALS, text, size);
    check_command(arena, text);
    check_arn(arena, text);
    check_place(arena, text);
    return 0;
}
