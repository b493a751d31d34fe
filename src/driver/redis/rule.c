#include "driver/redis/rule.h"

#include <sodium.h>
#include <string.h>

#include "base/buffer.h"
#include "driver/redis/session.h"

enum { KEY_BYTES = 8, MARK_TEXT_MAX = 2048 };

static const char MARK_BEGIN[] = "&daypass:";

// ---- Password and mark --------------------------------------------------------------------------

char *redis_rule_password(Arena *arena, const Secret *password) {
    unsigned char hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(hash, (const unsigned char *)secret_text(password), secret_length(password));
    return arena_printf(arena, "#%s", hex_encode(arena, hash, sizeof hash));
}

const char *redis_mark_key_new(Arena *arena) {
    unsigned char bytes[KEY_BYTES];
    randombytes_buf(bytes, sizeof bytes);
    return hex_encode(arena, bytes, sizeof bytes);
}

const char *redis_mark_rule(Arena *arena, const char *key, const char *mark_text) {
    size_t length = strlen(mark_text);
    size_t size = sodium_base64_ENCODED_LEN(length, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    char *encoded = arena_alloc(arena, size);
    sodium_bin2base64(encoded, size, (const unsigned char *)mark_text, length,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return arena_printf(arena, "%s%s:%s", MARK_BEGIN, key, encoded);
}

bool redis_mark_parse(Arena *arena, const char *rule, const char **ret_key, const char **ret_text) {
    if (!text_starts_with(rule, MARK_BEGIN))
        return false;
    const char *key = rule + strlen(MARK_BEGIN);
    size_t key_length = strcspn(key, ":");
    if (key_length != (size_t)2 * KEY_BYTES || key[key_length] != ':' ||
        strspn(key, "0123456789abcdef") != key_length)
        return false;
    const char *encoded = key + key_length + 1;
    unsigned char text[MARK_TEXT_MAX + 1];
    size_t length = 0;
    if (sodium_base642bin(text, MARK_TEXT_MAX, encoded, strlen(encoded), NULL, &length, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        memchr(text, '\0', length) != NULL)
        return false;
    *ret_key = arena_copy(arena, key, key_length);
    *ret_text = arena_copy(arena, text, length);
    return true;
}

// ---- Commands -----------------------------------------------------------------------------------

// Items that use the same commands are one: together they mean what they mean apart.
typedef struct Group {
    StringList commands;
    StringList keys;
    StringList channels;
} Group;

static void add_all(Arena *arena, StringList *list, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++)
        string_list_add(arena, list, words[i]);
}

static bool is_whole(const StringList *patterns) {
    return string_list_has(patterns, "*");
}

// What a preset, or a category, would bring with it. A function stays when the account is gone, and
// whoever calls it then runs it with their own rights.
static void leave_out(Arena *arena, int version, StringList *commands) {
    static const char *const FUNCTIONS[] = {"-function|load", "-function|restore",
                                            "-function|delete", "-function|flush"};
    add_all(arena, commands, (const char *const[]){"-@dangerous", "-@admin"}, 2);
    if (version >= REDIS_SELECTORS_VERSION)
        add_all(arena, commands, FUNCTIONS, COUNT_OF(FUNCTIONS));
}

static void preset_commands(Arena *arena, int version, const AccessItem *item,
                            StringList *commands) {
    static const char *const LISTEN[] = {"+subscribe",    "+psubscribe", "+unsubscribe",
                                         "+punsubscribe", "+ssubscribe", "+sunsubscribe"};
    bool writes = item->preset == PRESET_READ_WRITE;
    bool sharded = version >= REDIS_SELECTORS_VERSION;
    if (item->keys.count > 0)
        add_all(arena, commands, (const char *const[]){"+@read", "+@write"}, writes ? 2 : 1);
    add_all(arena, commands, (const char *const[]){"+@connection", "+@transaction"}, 2);
    leave_out(arena, version, commands);
    string_list_add(arena, commands, "-@scripting");
    // These tell the names of all keys, whatever the patterns.
    if (!is_whole(&item->keys))
        add_all(arena, commands, (const char *const[]){"-scan", "-randomkey"}, 2);
    if (item->channels.count == 0)
        return;
    add_all(arena, commands, LISTEN, sharded ? 6 : 4);
    if (writes)
        add_all(arena, commands, (const char *const[]){"+publish", "+spublish"}, sharded ? 2 : 1);
}

// Before Redis 7 categories know whole commands alone: "client" where it is "client|kill" later.
static bool is_dangerous(const RuleContext *context, const char *command) {
    for (size_t i = 0; i < context->dangerous->count; i++) {
        const char *dangerous = context->dangerous->items[i];
        size_t length = strlen(dangerous);
        if (strncmp(command, dangerous, length) == 0 &&
            (command[length] == '\0' ||
             (command[length] == '|' && context->version < REDIS_SELECTORS_VERSION)))
            return true;
    }
    return false;
}

static Status check_command(const RuleContext *context, const char *command, Error *reterr) {
    if (!is_dangerous(context, command))
        return STATUS_OK;
    return error_set(reterr, STATUS_INVALID, "bad_access_item",
                     "%.64s is a command of administrators on this server (ACL CAT admin), with "
                     "which an account could outlive its grant; expected other commands",
                     command);
}

// Categories first, then what they must not bring, then commands, then what the flow leaves out.
static Status named_commands(Arena *arena, const RuleContext *context, const AccessItem *item,
                             StringList *commands, Error *reterr) {
    bool any_category = false;
    for (size_t i = 0; i < item->commands.count; i++) {
        const char *word = item->commands.items[i];
        if (word[0] != '@')
            continue;
        any_category = true;
        string_list_add(arena, commands, arena_printf(arena, "+%s", word));
    }
    if (any_category)
        leave_out(arena, context->version, commands);
    for (size_t i = 0; i < item->commands.count; i++) {
        const char *word = item->commands.items[i];
        if (word[0] == '@' || word[0] == '-')
            continue;
        TRY(check_command(context, word, reterr));
        string_list_add(arena, commands, arena_printf(arena, "+%s", word));
    }
    for (size_t i = 0; i < item->commands.count; i++)
        if (item->commands.items[i][0] == '-')
            string_list_add(arena, commands, item->commands.items[i]);
    return STATUS_OK;
}

static Status item_commands(Arena *arena, const RuleContext *context, const AccessItem *item,
                            StringList *ret_commands, Error *reterr) {
    StringList commands = {0};
    string_list_add(arena, &commands, "-@all");
    if (item->preset != PRESET_NONE)
        preset_commands(arena, context->version, item, &commands);
    else
        TRY(named_commands(arena, context, item, &commands, reterr));
    if (strcmp(context->database, "0") != 0)
        string_list_add(arena, &commands, "+select");
    // Last, for subcommands of a command that was named whole.
    string_list_add(arena, &commands, "-@admin");
    *ret_commands = commands;
    return STATUS_OK;
}

// ---- Groups -------------------------------------------------------------------------------------

static void add_patterns(Arena *arena, StringList *list, const StringList *patterns) {
    for (size_t i = 0; i < patterns->count; i++)
        if (!string_list_has(list, patterns->items[i]))
            string_list_add(arena, list, patterns->items[i]);
}

static Status collect_groups(Arena *arena, const RuleContext *context, const AccessItems *items,
                             Group *groups, size_t *ret_count, Error *reterr) {
    size_t count = 0;
    for (size_t i = 0; i < items->count; i++) {
        StringList commands;
        TRY(item_commands(arena, context, &items->items[i], &commands, reterr));
        const char *text = string_list_join(arena, &commands, " ");
        size_t at = 0;
        while (at < count && strcmp(string_list_join(arena, &groups[at].commands, " "), text) != 0)
            at++;
        if (at == count)
            groups[count++] = (Group){.commands = commands};
        add_patterns(arena, &groups[at].keys, &items->items[i].keys);
        add_patterns(arena, &groups[at].channels, &items->items[i].channels);
    }
    *ret_count = count;
    return STATUS_OK;
}

// The server refuses what comes after a pattern that is everything. Beside the mark, "**" is what
// can stand for every channel.
static void add_group(Arena *arena, const Group *group, bool beside_mark, StringList *rules) {
    const StringList *keys = &group->keys;
    const StringList *channels = &group->channels;
    if (is_whole(channels))
        string_list_add(arena, rules, beside_mark ? "&**" : "&*");
    for (size_t i = 0; i < channels->count && !is_whole(channels); i++)
        string_list_add(arena, rules, arena_printf(arena, "&%s", channels->items[i]));
    if (is_whole(keys))
        string_list_add(arena, rules, "~*");
    for (size_t i = 0; i < keys->count && !is_whole(keys); i++)
        string_list_add(arena, rules, arena_printf(arena, "~%s", keys->items[i]));
    add_all(arena, rules, group->commands.items, group->commands.count); // their order matters
}

// The server splits a selector as a shell would.
static Status check_selector(const StringList *rules, Error *reterr) {
    for (size_t i = 0; i < rules->count; i++)
        if (strpbrk(rules->items[i], "\"'\\()") != NULL)
            return error_set(reterr, STATUS_UNSUPPORTED, "target_unsupported",
                             "pattern %.60s cannot be kept apart from the other entries; expected "
                             "one without quotes, backslashes and parentheses, or a flow of its "
                             "own for that entry",
                             rules->items[i] + 1);
    return STATUS_OK;
}

static Status add_selector(Arena *arena, const Group *group, StringList *rules, Error *reterr) {
    StringList own = {0};
    string_list_add(arena, &own, "resetchannels");
    add_group(arena, group, false, &own);
    TRY(check_selector(&own, reterr));
    string_list_add(arena, rules, arena_printf(arena, "(%s)", string_list_join(arena, &own, " ")));
    return STATUS_OK;
}

static Status check_groups(const RuleContext *context, size_t count, Error *reterr) {
    if (count <= 1 || context->version >= REDIS_SELECTORS_VERSION)
        return STATUS_OK;
    return error_set(reterr, STATUS_UNSUPPORTED, "target_unsupported",
                     "before Redis 7 an account has one set of commands for all its keys; expected "
                     "the same commands in each entry of the flow, or a flow for each");
}

Status redis_rules_of(Arena *arena, const RuleContext *context, const AccessItems *items,
                      StringList *ret_rules, Error *reterr) {
    Group *groups = arena_alloc(arena, (items->count + 1) * sizeof *groups);
    size_t count;
    TRY(collect_groups(arena, context, items, groups, &count, reterr));
    TRY(check_groups(context, count, reterr));
    StringList rules = {0};
    // One of them is the account's own; the others have selectors. Every channel is best had in a
    // selector, apart from the mark.
    bool has_own = false;
    for (size_t i = 0; i < count; i++) {
        bool apart = context->version >= REDIS_SELECTORS_VERSION && is_whole(&groups[i].channels);
        if (!has_own && !apart) {
            add_group(arena, &groups[i], true, &rules);
            has_own = true;
        }
    }
    if (!has_own)
        string_list_add(arena, &rules, "-@all");
    bool is_own = has_own;
    for (size_t i = 0; i < count; i++) {
        bool apart = context->version >= REDIS_SELECTORS_VERSION && is_whole(&groups[i].channels);
        if (is_own && !apart) {
            is_own = false;
            continue;
        }
        TRY(add_selector(arena, &groups[i], &rules, reterr));
    }
    *ret_rules = rules;
    return STATUS_OK;
}
