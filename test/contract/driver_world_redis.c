#include "driver_world_redis.h"

#include <sodium.h>
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "driver/redis/account.h"
#include "driver/redis/driver.h"
#include "driver/redis/failure.h"

enum { WORDS_MAX = 64 };

// The tables are keys: "app:customers".
typedef struct RedisWorld {
    World world;
    const RedisServer *server;
    redisContext *root;
    const char *before; // the altered account as it was
} RedisWorld;

struct UserSession {
    redisContext *connection;
};

RedisServer redis_server(void) {
    return (RedisServer){
        .host = world_fact("DAYPASS_TEST_HOST"),
        .port = world_port_fact("DAYPASS_TEST_REDIS_PORT"),
        .tls_port = world_port_fact("DAYPASS_TEST_REDIS_TLS_PORT"),
        .socket = world_fact("DAYPASS_TEST_REDIS_SOCKET"),
        .acl_file = world_fact("DAYPASS_TEST_REDIS_ACL_FILE"),
    };
}

const RedisServer *redis_server_of(World *world) {
    return ((RedisWorld *)world)->server;
}

const char *redis_superuser_password(World *world) {
    return secret_text(world->root_password);
}

// NULL where the login is refused.
static redisContext *connect_as(const RedisServer *server, const char *user, const char *password) {
    redisContext *connection = redisConnect(server->host, server->port);
    if (connection == NULL || connection->err != 0)
        fail_msg("no connection to Redis");
    redisReply *reply = redisCommand(connection, "AUTH %s %s", user, password);
    bool refused = reply == NULL || reply->type == REDIS_REPLY_ERROR;
    if (reply != NULL)
        freeReplyObject(reply);
    if (!refused)
        return connection;
    redisFree(connection);
    return NULL;
}

// ---- Commands -----------------------------------------------------------------------------------

// Words have one space between them; a word of a test has none in it.
static redisReply *run_words(redisContext *connection, const char *text) {
    CLEANUP(mem_freep) char *copy = mem_strdup(text);
    const char *words[WORDS_MAX];
    int count = 0;
    char *rest = NULL;
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        assert_true(count < WORDS_MAX);
        words[count++] = word;
    }
    return redisCommandArgv(connection, count, words, NULL);
}

static void release_reply(void *reply) {
    freeReplyObject(reply);
}

redisReply *redis_run(World *world, const char *format, ...) {
    RedisWorld *here = (RedisWorld *)world;
    va_list arguments;
    va_start(arguments, format);
    const char *text = arena_vprintf(world->arena, format, arguments);
    va_end(arguments);
    redisReply *reply = run_words(here->root, text);
    if (reply == NULL || reply->type == REDIS_REPLY_ERROR)
        fail_msg("%s: %s", text, reply == NULL ? "no answer" : reply->str);
    arena_on_free(world->arena, release_reply, reply);
    return reply;
}

bool redis_user_run(UserSession *user, const char *format, ...) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    va_list arguments;
    va_start(arguments, format);
    const char *text = arena_vprintf(arena, format, arguments);
    va_end(arguments);
    redisReply *reply = run_words(user->connection, text);
    bool done = reply != NULL && reply->type != REDIS_REPLY_ERROR;
    if (reply != NULL)
        freeReplyObject(reply);
    return done;
}

// ---- Users --------------------------------------------------------------------------------------

static UserSession *user_open(World *world, const char *account, const char *password) {
    redisContext *connection = connect_as(((RedisWorld *)world)->server, account, password);
    if (connection == NULL)
        return NULL;
    UserSession *user = mem_alloc(sizeof *user);
    user->connection = connection;
    return user;
}

static bool user_does(UserSession *user, Deed deed, const char *name) {
    switch (deed) {
    case DEED_LOGIN:
        return redis_user_run(user, "HELLO 2");
    case DEED_READ:
        return redis_user_run(user, "GET app:%s", name);
    case DEED_WRITE:
        return redis_user_run(user, "APPEND app:%s more", name);
    case DEED_BEGIN:
        return redis_user_run(user, "MULTI");
    }
    return false;
}

static void user_close(UserSession *user) {
    redisFree(user->connection);
    mem_free(user);
}

// ---- The world ----------------------------------------------------------------------------------

static const char *const STRANGE_NAMES[] = {
    "qu\"ote's", "back\\slash\\", "star*", "[a-z]?", "(round)", "t\xc3\xa4glich\xf0\x9f\x90\x98",
    NULL,
};

static void make_shop(RedisWorld *here) {
    static const char *const TABLES[] = {"customers", "orders", "secrets", "x"};
    World *world = &here->world;
    for (size_t i = 0; i < COUNT_OF(TABLES); i++)
        redis_run(world, "SET app:%s rows", TABLES[i]);
    for (size_t i = 0; STRANGE_NAMES[i] != NULL; i++)
        redis_run(world, "SET app:%s rows", STRANGE_NAMES[i]);
    redis_run(world, "SET nothing-of-ours rows");
}

// docs/redis.md names these, and nothing else.
static const char LIMITED[] =
    "+acl|setuser +acl|deluser +acl|list +acl|cat +acl|save +client|list +client|kill +info +time "
    "+select +set +pttl +del +watch +unwatch +multi +exec +discard +scan ~daypass:fence:*";

static World *world_new(const void *server_, bool limited_admin, int privilege_mode) {
    const RedisServer *server = server_;
    RedisWorld *here = mem_alloc(sizeof *here);
    World *world = &here->world;
    here->server = server;
    world_begin(world, &(WorldStart){.engine = &REDIS_ENGINE,
                                     .host = server->host,
                                     .port = server->port,
                                     .database = "0",
                                     .admin = "admin_shop", // goes with what has name_part
                                     .limited_admin = limited_admin,
                                     .privilege_mode = privilege_mode});
    world->custodian = "nobody"; // nothing is owned there
    here->root = connect_as(server, world_fact("DAYPASS_TEST_REDIS_SUPERUSER"),
                            redis_superuser_password(world));
    if (here->root == NULL)
        fail_msg("Redis refused its superuser");
    redis_run(world, "ACL SETUSER %s reset resetchannels on >%s %s", world->admin,
              secret_text(world->admin_password), limited_admin ? LIMITED : "~* &* +@all");
    make_shop(here);
    return world;
}

static void world_free(World *world) {
    RedisWorld *here = (RedisWorld *)world;
    const redisReply *users = redis_run(world, "ACL USERS");
    for (size_t i = 0; i < users->elements; i++)
        if (strstr(users->element[i]->str, world->name_part) != NULL)
            redis_run(world, "ACL DELUSER %s", users->element[i]->str);
    redis_run(world, "ACL SAVE");
    redisFree(here->root);
    world_end(world);
}

// A pattern that means this key alone.
static const char *pattern_of(Arena *arena, const char *table) {
    CLEANUP(buffer_done) Buffer text = {0};
    buffer_add(&text, "app:");
    for (; *table != '\0'; table++)
        buffer_addf(&text, strchr("*?[]\\", *table) != NULL ? "\\%c" : "%c", *table);
    return arena_strdup(arena, buffer_text(&text));
}

static AccessItem access_item(const World *world, Arena *arena, Access access, const char *table) {
    AccessItem item = {0};
    (void)world;
    string_list_add(arena, &item.keys, table != NULL ? pattern_of(arena, table) : "app:*");
    if (access == ACCESS_READ)
        string_list_add(arena, &item.commands, "get");
    else
        item.preset = access == ACCESS_READ_ALL ? PRESET_READ_ONLY : PRESET_READ_WRITE;
    return item;
}

// ---- By hand ------------------------------------------------------------------------------------

// The line of ACL LIST; NULL: there is no such account.
static const char *line_of(World *world, const char *account) {
    const redisReply *list = redis_run(world, "ACL LIST");
    const char *begin = arena_printf(world->arena, "user %s ", account);
    for (size_t i = 0; i < list->elements; i++)
        if (text_starts_with(list->element[i]->str, begin))
            return list->element[i]->str + strlen(begin);
    return NULL;
}

static bool has_table(World *world, const char *name) {
    return redis_run(world, "EXISTS app:%s", name)->integer == 1;
}

static bool has_account(World *world, const char *account) {
    return line_of(world, account) != NULL;
}

static bool has_no_end(World *world, const char *account) {
    return strstr(line_of(world, account), "&daypass:") == NULL;
}

static bool holds_verifier(World *world, const char *account) {
    const char *hash = strstr(line_of(world, account), " #");
    return hash != NULL && strspn(hash + 2, "0123456789abcdef") == 64;
}

static void stranger_make(World *world, const char *account, const char *password) {
    redis_run(world, "ACL SETUSER %s reset on %s%s", account, password != NULL ? ">" : "",
              password != NULL ? password : "nopass");
}

static void stranger_remove(World *world, const char *account) {
    redis_run(world, "ACL DELUSER %s", account);
}

// Several changes may be there at once; what undoes one undoes it alone.
static void alter(World *world, const char *account, Alteration alteration, bool undo) {
    RedisWorld *here = (RedisWorld *)world;
    switch (alteration) {
    case ALTERATION_PRIVILEGE:
        if (undo)
            redis_run(world, "ACL SETUSER %s resetkeys ~app:customers", account);
        else
            redis_run(world, "ACL SETUSER %s ~app:secrets", account);
        break;
    case ALTERATION_POWER:
        if (!undo)
            here->before = arena_strdup(world->arena, strstr(line_of(world, account), " #") + 1);
        redis_run(world, "ACL SETUSER %s %s", account,
                  undo ? arena_printf(world->arena, "resetpass %.65s", here->before) : "nopass");
        break;
    case ALTERATION_LOCK:
        redis_run(world, "ACL SETUSER %s %s", account, undo ? "on" : "off");
        break;
    case ALTERATION_ROLE:
    case ALTERATION_COUNT:
        break;
    }
}

static void set_mark(World *world, const char *account, const char *mark) {
    char encoded[1024];
    assert_true(sodium_base64_ENCODED_LEN(strlen(mark), sodium_base64_VARIANT_URLSAFE_NO_PADDING) <=
                sizeof encoded);
    sodium_bin2base64(encoded, sizeof encoded, (const unsigned char *)mark, strlen(mark),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    redis_run(world, "ACL SETUSER %s resetchannels &daypass:0123456789abcdef:%s", account, encoded);
}

static void table_make(World *world, const char *name) {
    redis_run(world, "SET app:%s rows", name);
}

static void table_remove(World *world, const char *name) {
    redis_run(world, "DEL app:%s", name);
}

// The server wakes us: a list that nobody fills.
static void await_end(World *world, const char *account) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Account found;
    assert_true(redis_account_parse(
        arena, arena_printf(arena, "user %s %s", account, line_of(world, account)), &found));
    assert_true(found.marked);
    for (;;) {
        const redisReply *now = redis_run(world, "TIME");
        int64_t left_ms = found.mark.expires - strtoll(now->element[0]->str, NULL, 10) * SECOND_MS -
                          strtoll(now->element[1]->str, NULL, 10) / 1000;
        if (left_ms <= 0)
            return;
        redis_run(world, "BLPOP nothing-is-here %lld.%03lld", (long long)left_ms / 1000,
                  (long long)left_ms % 1000);
    }
}

// Every command is in SLOWLOG, but for what the server itself leaves out.
static void log_begin(World *world) {
    redis_run(world, "SLOWLOG RESET");
}

static bool log_has(World *world, const char *text) {
    const redisReply *entries = redis_run(world, "SLOWLOG GET -1");
    for (size_t i = 0; i < entries->elements; i++) {
        CLEANUP(buffer_done) Buffer line = {0};
        const redisReply *words = entries->element[i]->element[3];
        for (size_t w = 0; w < words->elements; w++)
            buffer_addf(&line, "%s%s", w > 0 ? " " : "", words->element[w]->str);
        if (strstr(buffer_text(&line), text) != NULL)
            return true;
    }
    return false;
}

static const char *making_statement(World *world, const char *account) {
    return arena_printf(world->arena, "SET daypass:fence:%s", account);
}

// ---- What Redis is ------------------------------------------------------------------------------

static const char *const ERRORS[] = {"LOADING", "BUSY", "OOM", "NOPERM", "READONLY", "ERR", NULL};

static FailureClass error_class(const char *error) {
    char code[REDIS_CODE_SIZE];
    return redis_failure_of(error, code)->failure;
}

const Engine REDIS_ENGINE = {
    .driver = &REDIS_DRIVER,
    .traits = TRAIT_STATEMENT_LOG,
    .longest_name = 200,
    .strange_names = STRANGE_NAMES,
    .errors = ERRORS,
    .fewest_statements = 3,
    .error_class = error_class,
    .alterations = {[ALTERATION_PRIVILEGE] = {"privileges", "keys ~app:secrets", true},
                    [ALTERATION_POWER] = {"attributes", "nopass", true},
                    [ALTERATION_LOCK] = {"login", NULL, false}},
    .broken_marks = WORLD_BROKEN_MARKS,
    .elided = "#(elided)",
    .verifier_prefix = " #0",
    .wire = &REDIS_WIRE,
    .world_new = world_new,
    .world_free = world_free,
    .access = access_item,
    .user_open = user_open,
    .user_does = user_does,
    .user_close = user_close,
    .has_table = has_table,
    .has_account = has_account,
    .stranger_make = stranger_make,
    .stranger_remove = stranger_remove,
    .alter = alter,
    .has_no_end = has_no_end,
    .set_mark = set_mark,
    .table_make = table_make,
    .table_remove = table_remove,
    .await_end = await_end,
    .holds_verifier = holds_verifier,
    .log_begin = log_begin,
    .log_has = log_has,
    .making_statement = making_statement,
};
