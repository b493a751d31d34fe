// What a Redis server says: lines of ACL LIST and CLIENT LIST, INFO, errors, keys. Nothing that it
// could say is read past its end, and what is taken for a mark is one.
#include "fuzz/target.h"

#include <stdlib.h>
#include <string.h>

#include "driver/redis/account.h"
#include "driver/redis/clients.h"
#include "driver/redis/discover.h"
#include "driver/redis/failure.h"
#include "driver/redis/rule.h"

enum { RULE_SIZE = 64, LINES_MAX = 5 };

static void require(bool condition) {
    if (!condition)
        abort(); // also where assert is compiled out
}

static void check_account(Arena *arena, const char *text) {
    Account account;
    if (!redis_account_parse(arena, text, &account))
        return;
    require(account.name[0] != '\0' && strchr(account.name, ' ') == NULL);
    if (!account.marked)
        return;
    const char *key, *mark_text;
    AccountMark mark;
    const char *rule =
        redis_mark_rule(arena, account.key, account_mark_format(arena, &account.mark));
    require(redis_mark_parse(arena, rule, &key, &mark_text));
    require(text_equal(key, account.key) && account_mark_parse(arena, mark_text, &mark));
    require(text_equal(mark.grant, account.mark.grant) && mark.expires == account.mark.expires);
}

static void check_failure(const char *text) {
    char code[REDIS_CODE_SIZE];
    char rule[RULE_SIZE];
    const RedisFailure *failure = redis_failure_of(text, code);
    require(failure->failure != FAILURE_NONE && failure->code[0] != '\0');
    require(strlen(code) < sizeof code);
    if (redis_failure_rule(text, rule, sizeof rule))
        require(rule[0] != '#' && rule[0] != '>' && text_is_printable(rule));
}

static void check_lists(Arena *arena, const char *text) {
    StringList lines = redis_clients_describe(arena, text, "a", LINES_MAX);
    int64_t count = redis_clients_count(text, "a");
    require(count >= (int64_t)lines.count && lines.count <= LINES_MAX);
    const char *field = redis_info_field(arena, text, "role");
    require(field == NULL || strpbrk(field, "\r\n") == NULL);
    require(redis_version_parse(text) >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *text = arena_copy(arena, data, size);
    check_account(arena, text);
    check_failure(text);
    check_lists(arena, text);
    const char *prefix = redis_key_prefix(arena, text, size);
    require(prefix == NULL || (strlen(prefix) > 2 && text_is_printable(prefix)));
    return 0;
}
