#include "driver/redis/failure.h"

#include <ctype.h>
#include <string.h>

#include "base/text.h"

typedef struct Row {
    const char *begins; // the error
    RedisFailure meaning;
} Row;

// The first that fits. https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors,
// and the errors of redis/src/server.c.
static const Row ROWS[] = {
    {"WRONGPASS", {FAILURE_DENIED, "login_denied", "the user or its password is wrong"}},
    {"NOAUTH", {FAILURE_DENIED, "login_denied", "a password is needed"}},
    {"DENIED", {FAILURE_DENIED, "login_denied", "its protected mode lets nobody in from outside"}},
    {"NOPERM", {FAILURE_DENIED, "target_denied", "the admin account may not"}},
    {"LOADING", {FAILURE_RETRY, "target_not_ready", "it is loading its data"}},
    {"BUSY", {FAILURE_RETRY, "target_not_ready", "a script keeps it busy"}},
    {"MASTERDOWN", {FAILURE_RETRY, "target_not_ready", "it has lost its primary"}},
    {"READONLY", {FAILURE_RETRY, "target_read_only", "it is a replica and takes no changes"}},
    {"MISCONF", {FAILURE_RETRY, "target_not_ready", "it cannot write its data to disk"}},
    {"OOM", {FAILURE_RETRY, "target_not_ready", "its memory is full (maxmemory)"}},
    {"NOREPLICAS", {FAILURE_RETRY, "target_not_ready", "it has too few replicas to write"}},
    {"TRYAGAIN", {FAILURE_RETRY, "target_not_ready", "it is moving keys"}},
    {"CLUSTERDOWN", {FAILURE_UNSUPPORTED, "target_unsupported", "it is a node of a cluster"}},
    {"MOVED", {FAILURE_UNSUPPORTED, "target_unsupported", "it is a node of a cluster"}},
    {"ASK", {FAILURE_UNSUPPORTED, "target_unsupported", "it is a node of a cluster"}},
    {"ERR max number of clients", {FAILURE_RETRY, "target_not_ready", "it has too many clients"}},
    {"ERR DB index is out of range",
     {FAILURE_NOT_FOUND, "target_database_missing", "it has no database of that number"}},
    {"ERR invalid DB index",
     {FAILURE_NOT_FOUND, "target_database_missing", "it has no database of that number"}},
    {"ERR There was an error trying to save",
     {FAILURE_RETRY, "target_not_ready", "it could not write its file of accounts; see its log"}},
    {"ERR Error in ACL SETUSER modifier",
     {FAILURE_NOT_FOUND, "target_object_missing", "it does not know one of the rules"}},
    {"ERR unknown", {FAILURE_UNSUPPORTED, "target_unsupported", "it does not know the command"}},
    {"ERR Unknown", {FAILURE_UNSUPPORTED, "target_unsupported", "it does not know the command"}},
};
static const RedisFailure OTHER = {FAILURE_FATAL, "target_failed", "it gave an error"};

// What EXEC says when the server refuses it for a reason of its own.
static const char *without_abort(const char *error) {
    static const char ABORT[] = "EXECABORT Transaction discarded because of: ";
    return text_starts_with(error, ABORT) ? error + strlen(ABORT) : error;
}

const RedisFailure *redis_failure_of(const char *error, char code[REDIS_CODE_SIZE]) {
    error = without_abort(error);
    size_t length = 0;
    while (length < REDIS_CODE_SIZE - 1 && (isupper((unsigned char)error[length]) != 0))
        length++;
    memcpy(code, error, length);
    code[length] = '\0';
    for (size_t i = 0; i < COUNT_OF(ROWS); i++)
        if (text_starts_with(error, ROWS[i].begins))
            return &ROWS[i].meaning;
    return &OTHER;
}

bool redis_failure_rule(const char *error, char *rule, size_t size) {
    static const char BEGIN[] = "ERR Error in ACL SETUSER modifier '";
    if (!text_starts_with(error, BEGIN))
        return false;
    const char *begin = error + strlen(BEGIN);
    // The text after the rule has the form "': why", and a pattern may have a quote in it.
    const char *end = strstr(begin, "': ");
    bool shown = begin[0] != '\0' && strchr("+-~&%(", begin[0]) != NULL;
    if (end == NULL || !shown || (size_t)(end - begin) >= size)
        return false;
    memcpy(rule, begin, (size_t)(end - begin));
    rule[end - begin] = '\0';
    return text_is_printable(rule);
}

bool redis_failure_is_no_acl_file(const char *error) {
    return strstr(error, "not configured to use an ACL file") != NULL;
}
