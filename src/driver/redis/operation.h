// Running the commands of an operation. Those that change something go into the evidence.
#pragma once

#include "driver/operation.h"
#include "driver/redis/session.h"

// The words of a Command, up to NULL.
const char *const *redis_words(Arena *arena, ...) __attribute__((sentinel));

// A command that changes nothing.
MUST_USE Status redis_operation_read(Operation *operation, const char *doing,
                                     const char *const *words, Reply **ret_reply, Error *reterr);
// One that changes something. Hashes of passwords are left out of the evidence.
MUST_USE Status redis_operation_change(Operation *operation, const char *doing,
                                       const char *const *words, Reply **ret_reply, Error *reterr);
// As the evidence shows it.
const char *redis_command_shown(Arena *arena, const char *const *words);
void redis_operation_record(Operation *operation, const char *const *words, int64_t rows);
// A list as the words of a command.
const char *const *redis_words_of(Arena *arena, const StringList *list);

// Leaves what an operation that failed half way left the session in. Never fails: a session that
// cannot is lost, and the server forgets it. Leaves operation->evidence.failure alone.
void redis_operation_settle(Operation *operation);

MUST_USE Status redis_operation_check_deadline(Operation *operation, int64_t deadline_ms,
                                               Error *reterr);
// The server's clock, ms since 1970.
MUST_USE Status redis_operation_now(Operation *operation, int64_t *ret_now_at, Error *reterr);
// Of the answer to TIME; false: it is none.
bool redis_time_of(Reply *reply, int64_t *ret_now_at);
// ACL SAVE, where the server has a file for its accounts. *ret_saved is false where it has none.
MUST_USE Status redis_operation_save(Operation *operation, bool *ret_saved, Error *reterr);
