// A session on a Redis server: one link, logged in, in its database. One command is in flight at a
// time, and each is answered within its time or the session is lost.
#pragma once

#include <hiredis/hiredis.h>

#include "driver/driver.h"
#include "driver/redis/link.h"

// Versions as one number: 70015 is 7.0.15.
enum { REDIS_OLDEST_VERSION = 60200, REDIS_SELECTORS_VERSION = 70000 };

struct DriverSession {
    Link *link;
    redisReader *reader;
    Arena *arena;
    TargetAddress target;
    DriverLogin login; // its own copies
    Secret *password;
    const Clock *clock;
    int version;              // of Redis, or the one that another server is compatible with
    const char *version_text; // "7.0.15", "Valkey 8.0.1"
    const char *admin;
    int64_t replicas; // connected to it
    bool watching;    // a key: see driver/redis/fence.h
    bool lost;        // nothing can be sent any more
};

// A command as a list of words; `doing` says in messages what it is for.
typedef struct Command {
    const char *doing;
    const char *const *words; // NULL after the last
} Command;

typedef const redisReply Reply;

// "login_denied", "target_unsupported", "target_read_only", "target_not_ready", …
MUST_USE Status redis_session_open(const DriverLogin *login, DriverSession **ret_session,
                                   FailureClass *ret_failure, Error *reterr);
DriverSession *redis_session_close(DriverSession *session);
DEFINE_CLEANUP(DriverSession, redis_session_close)

// The reply is freed with the arena. An error reply is a failure.
MUST_USE Status redis_session_run(DriverSession *session, Arena *arena, const Command *command,
                                  Reply **ret_reply, FailureClass *ret_failure, Error *reterr);
// The same where an error that `expects` knows is no failure: then *ret_expected is set, and there
// is no reply.
MUST_USE Status redis_session_run_or(DriverSession *session, Arena *arena, const Command *command,
                                     bool (*expects)(const char *error), bool *ret_expected,
                                     Reply **ret_reply, FailureClass *ret_failure, Error *reterr);
// Says what an error reply means that came inside another reply.
MUST_USE Status redis_session_refused(const DriverSession *session, const Command *command,
                                      const char *error, FailureClass *ret_failure, Error *reterr);

// "ACL SETUSER": the words that name a command.
const char *redis_command_name(Arena *arena, const Command *command);
// The value of a line "field:value" of INFO; NULL: there is none.
const char *redis_info_field(Arena *arena, const char *info, const char *field);
// 0 for what is none.
int redis_version_parse(const char *text);
