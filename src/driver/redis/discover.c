#include "driver/redis/discover.h"

#include <ctype.h>
#include <string.h>

enum { SCANS = 20, KEYS_A_SCAN = 500, PREFIXES_MAX = 500, PREFIX_MAX_BYTES = 64 };

const char *redis_key_prefix(Arena *arena, const char *key, size_t length) {
    const char *colon = memchr(key, ':', length);
    if (colon == NULL || colon == key || colon - key > PREFIX_MAX_BYTES ||
        memchr(key, '\0', (size_t)(colon - key)) != NULL)
        return NULL;
    const char *prefix = arena_printf(arena, "%.*s:*", (int)(colon - key), key);
    bool usable = text_is_utf8(prefix, strlen(prefix)) && text_is_printable(prefix) &&
                  prefix[strcspn(prefix, " *?[]\\")] == '*' &&
                  strcspn(prefix, " *?[]\\") == strlen(prefix) - 1;
    return usable ? prefix : NULL;
}

// "db0:keys=5,expires=0,…"
static void read_databases(Arena *arena, const char *info, Discovery *discovery) {
    for (const char *line = info; *line != '\0';) {
        size_t length = strcspn(line, "\r\n");
        if (strncmp(line, "db", 2) == 0 && isdigit((unsigned char)line[2]))
            string_list_add(arena, &discovery->schemas,
                            arena_copy(arena, line + 2, strspn(line + 2, "0123456789")));
        line += length;
        line += strspn(line, "\r\n");
    }
}

static void add_prefix(Operation *operation, const char *prefix, StringList *prefixes) {
    if (prefix != NULL && prefixes->count < PREFIXES_MAX && !string_list_has(prefixes, prefix))
        string_list_add(operation->arena, prefixes, prefix);
}

// A sample: some thousand keys, however many there are.
static Status sample(Operation *operation, StringList *prefixes, bool *ret_cut, Error *reterr) {
    const char *cursor = "0";
    const char *count = arena_printf(operation->arena, "%d", KEYS_A_SCAN);
    *ret_cut = true;
    for (int i = 0; i < SCANS; i++) {
        Reply *reply;
        TRY(redis_operation_read(
            operation, "sampling keys",
            redis_words(operation->arena, "SCAN", cursor, "COUNT", count, NULL), &reply, reterr));
        if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
            reply->element[0]->type != REDIS_REPLY_STRING ||
            reply->element[1]->type != REDIS_REPLY_ARRAY)
            return STATUS_OK;
        const redisReply *keys = reply->element[1];
        for (size_t k = 0; k < keys->elements; k++)
            if (keys->element[k]->type == REDIS_REPLY_STRING)
                add_prefix(operation,
                           redis_key_prefix(operation->arena, keys->element[k]->str,
                                            (size_t)keys->element[k]->len),
                           prefixes);
        cursor = reply->element[0]->str;
        if (strcmp(cursor, "0") == 0) {
            *ret_cut = false;
            return STATUS_OK;
        }
    }
    return STATUS_OK;
}

static int compare_words(const void *one, const void *other) {
    return strcmp(*(const char *const *)one, *(const char *const *)other);
}

static void name_prefixes(Operation *operation, StringList *prefixes, Discovery *discovery) {
    if (prefixes->count == 0)
        return;
    qsort((void *)prefixes->items, prefixes->count, sizeof prefixes->items[0], compare_words);
    discovery->tables.items =
        arena_alloc(operation->arena, prefixes->count * sizeof discovery->tables.items[0]);
    const char *database = arena_strdup(operation->arena, operation->session->target.database);
    for (size_t i = 0; i < prefixes->count; i++)
        discovery->tables.items[discovery->tables.count++] =
            (FoundTable){.schema = database, .name = prefixes->items[i], .kind = "keys"};
}

Status redis_discover(Operation *operation, Discovery *ret_discovery, Error *reterr) {
    Discovery found = {.server_version =
                           arena_strdup(operation->arena, operation->session->version_text)};
    StringList prefixes = {0};
    Reply *reply;
    Error error = {0};
    TRY(redis_operation_read(operation, "listing databases",
                             redis_words(operation->arena, "INFO", "keyspace", NULL), &reply,
                             reterr));
    if (reply->type == REDIS_REPLY_STRING)
        read_databases(operation->arena, reply->str, &found);
    Status status = sample(operation, &prefixes, &found.cut, &error);
    // An admin account without SCAN is one that was not meant to see the names of keys.
    if (status != STATUS_OK && operation->evidence.failure != FAILURE_DENIED) {
        if (reterr != NULL)
            *reterr = error;
        return status;
    }
    operation->evidence.failure = FAILURE_NONE;
    found.cut |= prefixes.count == PREFIXES_MAX;
    name_prefixes(operation, &prefixes, &found);
    *ret_discovery = found;
    return STATUS_OK;
}
