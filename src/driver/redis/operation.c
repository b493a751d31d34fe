#include "driver/redis/operation.h"

#include <stdarg.h>
#include <string.h>

#include "base/buffer.h"
#include "driver/redis/failure.h"

enum { WORDS_MAX = 16 };

const char *const *redis_words(Arena *arena, ...) {
    const char *words[WORDS_MAX + 1];
    size_t count = 0;
    va_list arguments;
    va_start(arguments, arena);
    do
        words[count] = va_arg(arguments, const char *);
    while (words[count] != NULL && ++count < WORDS_MAX);
    va_end(arguments);
    words[count] = NULL;
    return arena_copy(arena, words, (count + 1) * sizeof words[0]);
}

Status redis_operation_read(Operation *operation, const char *doing, const char *const *words,
                            Reply **ret_reply, Error *reterr) {
    return redis_session_run(operation->session, operation->arena,
                             &(Command){.doing = doing, .words = words}, ret_reply,
                             &operation->evidence.failure, reterr);
}

const char *redis_command_shown(Arena *arena, const char *const *words) {
    CLEANUP(buffer_done) Buffer text = {0};
    for (size_t i = 0; words[i] != NULL; i++) {
        const char *word = words[i];
        // #…: the hash of a password, in a rule.
        buffer_addf(&text, "%s%s", i > 0 ? " " : "", i > 2 && word[0] == '#' ? "#(elided)" : word);
    }
    return arena_strdup(arena, buffer_text(&text));
}

void redis_operation_record(Operation *operation, const char *const *words, int64_t rows) {
    evidence_statement(
        &operation->evidence,
        evidence_one_line(operation->arena, redis_command_shown(operation->arena, words)),
        operation->session->target.database, rows);
}

Status redis_operation_change(Operation *operation, const char *doing, const char *const *words,
                              Reply **ret_reply, Error *reterr) {
    TRY(redis_operation_read(operation, doing, words, ret_reply, reterr));
    redis_operation_record(operation, words,
                           (*ret_reply)->type == REDIS_REPLY_INTEGER ? (*ret_reply)->integer : 0);
    return STATUS_OK;
}

const char *const *redis_words_of(Arena *arena, const StringList *list) {
    const char **words = arena_alloc(arena, (list->count + 1) * sizeof(char *));
    for (size_t i = 0; i < list->count; i++)
        words[i] = list->items[i];
    return words;
}

void redis_operation_settle(Operation *operation) {
    FailureClass failure = operation->evidence.failure;
    Reply *reply;
    if (operation->session->watching && !operation->session->lost) {
        Status status =
            redis_operation_read(operation, "lifting the deadline",
                                 redis_words(operation->arena, "UNWATCH", NULL), &reply, NULL);
        (void)status;
    }
    operation->session->watching = false;
    operation->evidence.failure = failure;
}

Status redis_operation_check_deadline(Operation *operation, int64_t deadline_ms, Error *reterr) {
    if (clock_monotonic_ms(operation->session->clock) >= deadline_ms)
        return evidence_deadline_passed(&operation->evidence, reterr);
    return STATUS_OK;
}

bool redis_time_of(Reply *reply, int64_t *ret_now_at) {
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        reply->element[0]->type != REDIS_REPLY_STRING ||
        reply->element[1]->type != REDIS_REPLY_STRING)
        return false;
    *ret_now_at = strtoll(reply->element[0]->str, NULL, 10) * SECOND_MS +
                  strtoll(reply->element[1]->str, NULL, 10) / 1000;
    return true;
}

Status redis_operation_now(Operation *operation, int64_t *ret_now_at, Error *reterr) {
    Reply *reply;
    TRY(redis_operation_read(operation, "reading the server's clock",
                             redis_words(operation->arena, "TIME", NULL), &reply, reterr));
    if (redis_time_of(reply, ret_now_at))
        return STATUS_OK;
    return evidence_fail(&operation->evidence, FAILURE_FATAL, reterr, "target_failed",
                         "Redis answered TIME with something that is no time");
}

Status redis_operation_save(Operation *operation, bool *ret_saved, Error *reterr) {
    static const char *const SAVE[] = {"ACL", "SAVE", NULL};
    const Command command = {.doing = "saving the server's file of accounts", .words = SAVE};
    Reply *reply;
    bool no_file;
    TRY(redis_session_run_or(operation->session, operation->arena, &command,
                             redis_failure_is_no_acl_file, &no_file, &reply,
                             &operation->evidence.failure, reterr));
    if (!no_file)
        redis_operation_record(operation, SAVE, 0);
    *ret_saved = !no_file;
    return STATUS_OK;
}
