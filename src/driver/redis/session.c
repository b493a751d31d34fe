#include "driver/redis/session.h"

#include <ctype.h>
#include <sodium.h>
#include <string.h>

#include "base/buffer.h"
#include "base/text.h"
#include "driver/login.h"
#include "driver/redis/failure.h"
#include "driver/sqlstate.h"

enum {
    CHUNK_BYTES = 16384,
    REPLY_MAX_BYTES = 64 * 1024 * 1024,
    RULE_SIZE = 300,
};

static Status fail(FailureClass failure, FailureClass *ret_failure) {
    *ret_failure = failure;
    return failure_status(failure);
}

// ---- Commands -----------------------------------------------------------------------------------

static bool has_subcommand(const char *word) {
    static const char *const CONTAINERS[] = {"ACL", "CLIENT", "CONFIG", "COMMAND"};
    for (size_t i = 0; i < COUNT_OF(CONTAINERS); i++)
        if (strcmp(word, CONTAINERS[i]) == 0)
            return true;
    return false;
}

const char *redis_command_name(Arena *arena, const Command *command) {
    if (command->words[1] == NULL || !has_subcommand(command->words[0]))
        return arena_strdup(arena, command->words[0]);
    return arena_printf(arena, "%s %s", command->words[0], command->words[1]);
}

// "+acl|setuser", of ACL SETUSER.
static const char *rule_of(Arena *arena, const Command *command) {
    char *rule = arena_printf(arena, "+%s", redis_command_name(arena, command));
    for (char *at = rule; *at != '\0'; at++)
        *at = *at == ' ' ? '|' : (char)tolower((unsigned char)*at);
    return rule;
}

static Status denied(const DriverSession *session, const Command *command,
                     FailureClass *ret_failure, Error *reterr) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    return error_set(reterr, fail(FAILURE_DENIED, ret_failure), "target_denied",
                     "admin account \"%s\" may not use %s, or not on that key, for %s; "
                     "daypass-connector check says what it lacks: ACL SETUSER %s %s",
                     session->admin, redis_command_name(arena, command), command->doing,
                     session->admin, rule_of(arena, command));
}

Status redis_session_refused(const DriverSession *session, const Command *command,
                             const char *error, FailureClass *ret_failure, Error *reterr) {
    char code[REDIS_CODE_SIZE];
    char rule[RULE_SIZE];
    const RedisFailure *meaning = redis_failure_of(error, code);
    if (strcmp(code, "NOPERM") == 0)
        return denied(session, command, ret_failure, reterr);
    Status status = fail(meaning->failure, ret_failure);
    if (redis_failure_rule(error, rule, sizeof rule))
        error_set(reterr, status, meaning->code,
                  "Redis does not take the rule %s, so nothing was changed; check the commands, "
                  "categories and patterns of the flow against COMMAND LIST and ACL CAT of this "
                  "server",
                  rule);
    else
        error_set(reterr, status, meaning->code, "Redis refused %s: %s", command->doing,
                  meaning->reason);
    error_set_detail(reterr, "Redis: %s", code);
    return status;
}

static Status lost(DriverSession *session, const char *doing, FailureClass *ret_failure,
                   Error *reterr) {
    session->lost = true;
    return error_set(reterr, fail(FAILURE_RETRY, ret_failure), "connection_lost",
                     "the connection to Redis was lost, or not answered in time, while %s", doing);
}

// hiredis builds it with the password in it, so that it is wiped.
static bool send_command(DriverSession *session, const Command *command, int64_t until_ms) {
    size_t count = 0;
    while (command->words[count] != NULL)
        count++;
    // A plan has so many patterns and commands as its own ceilings allow.
    CLEANUP(mem_freep) const char **words = mem_alloc((count + 1) * sizeof words[0]);
    memcpy(words, command->words, count * sizeof words[0]);
    char *bytes = NULL;
    int length = redisFormatCommandArgv(&bytes, (int)count, words, NULL);
    if (length < 0)
        return false;
    bool sent = redis_link_send(session->link, bytes, (size_t)length, until_ms);
    sodium_memzero(bytes, (size_t)length);
    redisFreeCommand(bytes);
    return sent;
}

static bool receive_reply(DriverSession *session, redisReply **ret_reply, int64_t until_ms) {
    size_t total = 0;
    char chunk[CHUNK_BYTES];
    for (;;) {
        void *reply = NULL;
        if (redisReaderGetReply(session->reader, &reply) != REDIS_OK)
            return false;
        if (reply != NULL) {
            *ret_reply = reply;
            return true;
        }
        size_t length = redis_link_receive(session->link, chunk, sizeof chunk, until_ms);
        total += length;
        if (length == 0 || total > REPLY_MAX_BYTES ||
            redisReaderFeed(session->reader, chunk, length) != REDIS_OK)
            return false;
    }
}

static void release_reply(void *reply) {
    freeReplyObject(reply);
}

// Also an error reply.
static Status ask(DriverSession *session, Arena *arena, const Command *command, int64_t until_ms,
                  Reply **ret_reply, FailureClass *ret_failure, Error *reterr) {
    redisReply *reply = NULL;
    if (session->lost || !send_command(session, command, until_ms) ||
        !receive_reply(session, &reply, until_ms))
        return lost(session, command->doing, ret_failure, reterr);
    arena_on_free(arena, release_reply, reply);
    *ret_reply = reply;
    return STATUS_OK;
}

static Status run_until(DriverSession *session, Arena *arena, const Command *command,
                        int64_t until_ms, Reply **ret_reply, FailureClass *ret_failure,
                        Error *reterr) {
    Reply *reply;
    TRY(ask(session, arena, command, until_ms, &reply, ret_failure, reterr));
    if (reply->type == REDIS_REPLY_ERROR)
        return redis_session_refused(session, command, reply->str, ret_failure, reterr);
    *ret_reply = reply;
    return STATUS_OK;
}

Status redis_session_run(DriverSession *session, Arena *arena, const Command *command,
                         Reply **ret_reply, FailureClass *ret_failure, Error *reterr) {
    int64_t until_ms = clock_monotonic_ms(session->clock) + session->login.statement_timeout_ms;
    return run_until(session, arena, command, until_ms, ret_reply, ret_failure, reterr);
}

Status redis_session_run_or(DriverSession *session, Arena *arena, const Command *command,
                            bool (*expects)(const char *error), bool *ret_expected,
                            Reply **ret_reply, FailureClass *ret_failure, Error *reterr) {
    int64_t until_ms = clock_monotonic_ms(session->clock) + session->login.statement_timeout_ms;
    Reply *reply;
    TRY(ask(session, arena, command, until_ms, &reply, ret_failure, reterr));
    *ret_expected = reply->type == REDIS_REPLY_ERROR && expects(reply->str);
    if (*ret_expected)
        return STATUS_OK;
    if (reply->type == REDIS_REPLY_ERROR)
        return redis_session_refused(session, command, reply->str, ret_failure, reterr);
    *ret_reply = reply;
    return STATUS_OK;
}

// ---- What INFO says -----------------------------------------------------------------------------

const char *redis_info_field(Arena *arena, const char *info, const char *field) {
    size_t length = strlen(field);
    for (const char *line = info; line != NULL && *line != '\0';) {
        size_t end = strcspn(line, "\r\n");
        if (end > length && strncmp(line, field, length) == 0 && line[length] == ':')
            return arena_copy(arena, line + length + 1, end - length - 1);
        line += end;
        line += strspn(line, "\r\n");
    }
    return NULL;
}

int redis_version_parse(const char *text) {
    int parts[3] = {0};
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        char *end;
        if (!isdigit((unsigned char)*text))
            break;
        long number = strtol(text, &end, 10);
        if (number > 99)
            return 0;
        parts[i] = (int)number;
        if (*end != '.')
            break;
        text = end + 1;
    }
    return parts[0] * 10000 + parts[1] * 100 + parts[2];
}

static Status refuse_mode(const char *mode, FailureClass *ret_failure, Error *reterr) {
    if (text_equal(mode, "sentinel"))
        return error_set(reterr, fail(FAILURE_UNSUPPORTED, ret_failure), "target_unsupported",
                         "this is a Redis Sentinel, which has no data; expected the primary that "
                         "it names");
    return error_set(reterr, fail(FAILURE_UNSUPPORTED, ret_failure), "target_unsupported",
                     "this server is a node of a Redis cluster, each of which has accounts of its "
                     "own; expected a server that stands alone, with or without replicas");
}

static Status judge_server(DriverSession *session, const char *info, FailureClass *ret_failure,
                           Error *reterr) {
    Arena *arena = session->arena;
    const char *redis = redis_info_field(arena, info, "redis_version");
    const char *valkey = redis_info_field(arena, info, "valkey_version");
    const char *mode = redis_info_field(arena, info, "redis_mode");
    const char *replicas = redis_info_field(arena, info, "connected_slaves");
    session->version = redis != NULL ? redis_version_parse(redis) : 0;
    session->version_text = valkey != NULL  ? arena_printf(arena, "Valkey %.60s", valkey)
                            : redis != NULL ? arena_printf(arena, "%.60s", redis)
                                            : "?";
    session->replicas = replicas != NULL ? strtoll(replicas, NULL, 10) : 0;
    if (session->version < REDIS_OLDEST_VERSION)
        return error_set(reterr, fail(FAILURE_UNSUPPORTED, ret_failure), "target_unsupported",
                         "Redis %s is too old; expected 6.2 or newer, or Valkey",
                         session->version_text);
    if (mode != NULL && !text_equal(mode, "standalone"))
        return refuse_mode(mode, ret_failure, reterr);
    if (text_equal(redis_info_field(arena, info, "loading"), "1"))
        return error_set(reterr, fail(FAILURE_RETRY, ret_failure), "target_not_ready",
                         "this Redis server is loading its data and takes no commands yet");
    if (text_equal(redis_info_field(arena, info, "role"), "slave"))
        return error_set(reterr, fail(FAILURE_RETRY, ret_failure), "target_read_only",
                         "this Redis server is a replica and takes no changes; expected the "
                         "primary");
    return STATUS_OK;
}

// ---- Opening ------------------------------------------------------------------------------------

static void copy_login(DriverSession *session, const DriverLogin *login) {
    session->arena = arena_new();
    login_copy(session->arena, login, &session->target, &session->password, &session->login);
    session->clock = login->clock;
    if (session->target.database == NULL)
        session->target.database = "0";
    session->admin = session->login.user;
}

static Status log_in(DriverSession *session, int64_t until_ms, FailureClass *ret_failure,
                     Error *reterr) {
    if (session->password == NULL)
        return STATUS_OK;
    const char *const words[] = {"AUTH", session->login.user, secret_text(session->password), NULL};
    const Command command = {.doing = "the login of the admin account", .words = words};
    Reply *reply;
    Error error = {0};
    Status status =
        run_until(session, session->arena, &command, until_ms, &reply, ret_failure, &error);
    if (status == STATUS_OK)
        return STATUS_OK;
    if (*ret_failure == FAILURE_DENIED)
        return error_set(reterr, status, "login_denied",
                         "Redis refused the login of admin account \"%s\"; check the user and "
                         "password of the admin secret, that the user is on (ACL GETUSER), and "
                         "protected-mode",
                         session->login.user);
    if (reterr != NULL)
        *reterr = error;
    return status;
}

static Status choose_database(DriverSession *session, int64_t until_ms, FailureClass *ret_failure,
                              Error *reterr) {
    const char *database = session->target.database;
    if (database[0] == '\0' || strlen(database) > 9 ||
        database[strspn(database, "0123456789")] != '\0')
        return error_set(reterr, fail(FAILURE_FATAL, ret_failure), "target_database_missing",
                         "\"%.60s\" is no database of Redis; expected a number such as 0",
                         database);
    if (strtol(database, NULL, 10) == 0)
        return STATUS_OK;
    const char *const words[] = {"SELECT", database, NULL};
    Reply *reply;
    return run_until(session, session->arena,
                     &(Command){.doing = "choosing the database", .words = words}, until_ms, &reply,
                     ret_failure, reterr);
}

static Status learn_server(DriverSession *session, int64_t until_ms, FailureClass *ret_failure,
                           Error *reterr) {
    const char *const words[] = {"INFO", NULL};
    Reply *reply = NULL;
    TRY(run_until(session, session->arena,
                  &(Command){.doing = "reading the server's version", .words = words}, until_ms,
                  &reply, ret_failure, reterr));
    return judge_server(session, reply->type == REDIS_REPLY_STRING ? reply->str : "", ret_failure,
                        reterr);
}

Status redis_session_open(const DriverLogin *login, DriverSession **ret_session,
                          FailureClass *ret_failure, Error *reterr) {
    CLEANUP(redis_session_closep) DriverSession *session = mem_alloc(sizeof *session);
    copy_login(session, login);
    int64_t until_ms = clock_monotonic_ms(session->clock) + session->login.connect_timeout_ms;
    TRY(redis_link_open(&session->login, until_ms, &session->link, ret_failure, reterr));
    session->reader = redisReaderCreate();
    if (session->reader == NULL)
        return lost(session, "it was opened", ret_failure, reterr);
    TRY(log_in(session, until_ms, ret_failure, reterr));
    TRY(learn_server(session, until_ms, ret_failure, reterr));
    TRY(choose_database(session, until_ms, ret_failure, reterr));
    *ret_session = session;
    session = NULL;
    *ret_failure = FAILURE_NONE;
    return STATUS_OK;
}

DriverSession *redis_session_close(DriverSession *session) {
    if (session == NULL)
        return NULL;
    redis_link_close(session->link);
    if (session->reader != NULL)
        redisReaderFree(session->reader);
    secret_free(session->password);
    arena_free(session->arena);
    return mem_free(session);
}
