#include "driver/redis/clients.h"

#include <poll.h>
#include <string.h>

enum { WAIT_ROUNDS = 40, FIRST_WAIT_MS = 5, LONGEST_WAIT_MS = 250 };

Status redis_clients_read(Operation *operation, const char **ret_list, Error *reterr) {
    Reply *reply;
    TRY(redis_operation_read(operation, "reading connections",
                             redis_words(operation->arena, "CLIENT", "LIST", NULL), &reply,
                             reterr));
    *ret_list = reply->type == REDIS_REPLY_STRING ? reply->str : "";
    return STATUS_OK;
}

// A field of a line: "user=x". The fields have a space between them, and no value has one.
static const char *field_of(Arena *arena, const char *line, size_t length, const char *name) {
    size_t name_length = strlen(name);
    for (size_t at = 0; at < length;) {
        size_t end = at;
        while (end < length && line[end] != ' ')
            end++;
        if (end - at > name_length && strncmp(line + at, name, name_length) == 0 &&
            line[at + name_length] == '=')
            return arena_copy(arena, line + at + name_length + 1, end - at - name_length - 1);
        at = end + 1;
    }
    return "";
}

// The next line of that user; NULL: there is none.
static const char *next_of(Arena *arena, const char **list, const char *user, size_t *ret_length) {
    while (**list != '\0') {
        const char *line = *list;
        size_t length = strcspn(line, "\r\n");
        *list = line + length + strspn(line + length, "\r\n");
        if (strcmp(field_of(arena, line, length, "user"), user) == 0) {
            *ret_length = length;
            return line;
        }
    }
    return NULL;
}

int64_t redis_clients_count(const char *list, const char *user) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    int64_t count = 0;
    size_t length;
    while (next_of(arena, &list, user, &length) != NULL)
        count++;
    return count;
}

StringList redis_clients_describe(Arena *arena, const char *list, const char *user, size_t most) {
    StringList lines = {0};
    size_t length;
    const char *line;
    while (lines.count < most && (line = next_of(arena, &list, user, &length)) != NULL) {
        const char *name = field_of(arena, line, length, "name");
        const char *text =
            arena_printf(arena, "%s from %s in database %s, since %s s",
                         name[0] != '\0' ? name : "a program without a name",
                         field_of(arena, line, length, "addr"), field_of(arena, line, length, "db"),
                         field_of(arena, line, length, "age"));
        string_list_add(arena, &lines, text_printable(arena, text));
    }
    return lines;
}

int64_t redis_clients_present(Operation *operation, const char *user) {
    const char *list;
    if (redis_clients_read(operation, &list, NULL) == STATUS_OK)
        return redis_clients_count(list, user);
    operation->evidence.failure = FAILURE_NONE;
    return 0;
}

static bool is_no_such_user(const char *error) {
    return text_starts_with(error, "ERR No such user");
}

static Status kill_all(Operation *operation, const char *user, Error *reterr) {
    const char *const *words = redis_words(operation->arena, "CLIENT", "KILL", "USER", user, NULL);
    Reply *reply;
    bool gone;
    TRY(redis_session_run_or(operation->session, operation->arena,
                             &(Command){.doing = "ending connections", .words = words},
                             is_no_such_user, &gone, &reply, &operation->evidence.failure, reterr));
    if (!gone)
        redis_operation_record(operation, words,
                               reply->type == REDIS_REPLY_INTEGER ? reply->integer : 0);
    return STATUS_OK;
}

// One that has a reply to get first is closed a little later.
Status redis_clients_end(Operation *operation, const char *user, int64_t before, Error *reterr) {
    Outcome *outcome = operation->evidence.outcome;
    int wait_ms = FIRST_WAIT_MS;
    for (int round = 0; round < WAIT_ROUNDS; round++) {
        const char *list;
        TRY(redis_clients_read(operation, &list, reterr));
        int64_t count = redis_clients_count(list, user);
        if (count < before)
            outcome->sessions_ended += before - count;
        outcome->sessions_left = count;
        if (count == 0)
            return STATUS_OK;
        before = count;
        if (round > 0) {
            (void)poll(NULL, 0, wait_ms);
            wait_ms = wait_ms * 2 < LONGEST_WAIT_MS ? wait_ms * 2 : LONGEST_WAIT_MS;
        }
        TRY(kill_all(operation, user, reterr));
    }
    return evidence_fail(&operation->evidence, FAILURE_RETRY, reterr, "sessions_left",
                         "%lld connections of the account were told to end and are still there",
                         (long long)outcome->sessions_left);
}
