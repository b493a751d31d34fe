#include "driver/redis/check.h"

#include <string.h>

#include "driver/check_list.h"
#include "driver/redis/account.h"
#include "driver/redis/operation.h"
#include "driver/redis/rule.h"

enum { NEWEST_TRIED = 70200, WORDS_MOST = 6 };

// What the driver says, and the rule that lets an admin say it. Asked for in a transaction that is
// thrown away: the server looks at rights when a command is queued.
typedef struct Right {
    const char *rule;
    const char *words[WORDS_MOST];
    const char *what_for;
    bool optional;
} Right;

static const Right RIGHTS[] = {
    {"+acl|setuser", {"ACL", "SETUSER", "daypass-check", "off"}, "make and lock accounts"},
    {"+acl|deluser", {"ACL", "DELUSER", "daypass-check"}, "remove accounts"},
    {"+acl|list", {"ACL", "LIST"}, "find accounts"},
    {"+acl|cat", {"ACL", "CAT", "admin"}, "know the commands of administrators"},
    {"+acl|save", {"ACL", "SAVE"}, "keep the server's aclfile true"},
    {"+client|list", {"CLIENT", "LIST"}, "see connections"},
    {"+client|kill", {"CLIENT", "KILL", "USER", "daypass-check"}, "end connections"},
    {"+info", {"INFO"}, "know the server"},
    {"+time", {"TIME"}, "read the server's clock"},
    {"+set +pttl +del ~daypass:fence:*",
     {"SET", "daypass:fence:daypass-check", "1", "PX", "1"},
     "keep changes within their deadline"},
    {"+set +pttl +del ~daypass:fence:*",
     {"PTTL", "daypass:fence:daypass-check"},
     "keep changes within their deadline"},
    {"+set +pttl +del ~daypass:fence:*",
     {"DEL", "daypass:fence:daypass-check"},
     "keep changes within their deadline"},
    {"+unwatch", {"UNWATCH"}, "keep changes within their deadline"},
    {"+scan", {"SCAN", "0", "COUNT", "1"}, "sample the keys there are", .optional = true},
};

static void add_lacking(CheckList *list, const Operation *operation, const Right *right) {
    check_list_add(
        list, right->optional ? CHECK_WARNING : CHECK_FAILED,
        arena_printf(list->arena, "rights: %s", right->what_for),
        arena_printf(list->arena, "ACL SETUSER %s %s", operation->session->admin, right->rule),
        "admin account \"%s\" may not %s", operation->session->admin, right->what_for);
}

// False: it lacks the right, or the session is lost.
static bool may(Operation *operation, const char *const *words) {
    Reply *reply;
    return redis_operation_read(operation, "testing rights", words, &reply, NULL) == STATUS_OK;
}

static bool start_transaction(CheckList *list, Operation *operation) {
    static const Right TRANSACTIONS = {
        "+watch +multi +exec +discard ~daypass:fence:*", {0}, "keep changes within their deadline"};
    // EXEC and DISCARD end what MULTI began, so that they cannot be tried in it. One without
    // commands changes nothing.
    if (may(operation,
            redis_words(operation->arena, "WATCH", "daypass:fence:daypass-check", NULL)) &&
        may(operation, redis_words(operation->arena, "MULTI", NULL)) &&
        may(operation, redis_words(operation->arena, "EXEC", NULL)) &&
        may(operation, redis_words(operation->arena, "MULTI", NULL)) &&
        may(operation, redis_words(operation->arena, "DISCARD", NULL)) &&
        may(operation, redis_words(operation->arena, "MULTI", NULL)))
        return true;
    add_lacking(list, operation, &TRANSACTIONS);
    return false;
}

static void check_rights(CheckList *list, Operation *operation) {
    const Right *named = NULL;
    bool complained = false;
    if (!start_transaction(list, operation))
        return;
    for (size_t i = 0; i < COUNT_OF(RIGHTS); i++) {
        if (may(operation, RIGHTS[i].words) ||
            (named != NULL && strcmp(named->rule, RIGHTS[i].rule) == 0))
            continue;
        named = &RIGHTS[i];
        complained |= !named->optional;
        add_lacking(list, operation, named);
    }
    if (!may(operation, redis_words(operation->arena, "DISCARD", NULL)))
        check_list_add(list, CHECK_FAILED, "rights", "try again",
                       "the connection was lost while rights were tested");
    else if (!complained)
        check_list_add(list, CHECK_OK, "rights", NULL, "accounts can be made and removed");
}

// ---- What flows grant ---------------------------------------------------------------------------

// Whether the server knows the commands can be asked of a transaction no more than it tells what it
// knows: the rules are tried on an account that is not there and gets nothing, by a rule at their
// end that no server knows. It refuses them all, and says which it was that it did not know.
static void check_plan(CheckList *list, Operation *operation, const Plan *plan,
                       const StringList *dangerous) {
    static const char IMPOSSIBLE[] = "+daypass-check";
    const RuleContext context = {.version = operation->session->version,
                                 .dangerous = dangerous,
                                 .database = operation->session->target.database};
    StringList rules, words = {0};
    Error error = {0};
    const char *name = arena_printf(list->arena, "flows on %s", plan->integration);
    if (redis_rules_of(list->arena, &context, &plan->access, &rules, &error) != STATUS_OK) {
        check_list_add(list, CHECK_FAILED, name, "correct the flow", "%s", error.message);
        return;
    }
    string_list_add(list->arena, &words, "ACL");
    string_list_add(list->arena, &words, "SETUSER");
    string_list_add(list->arena, &words, "daypass-check");
    string_list_add(list->arena, &words, "resetchannels");
    for (size_t i = 0; i < rules.count; i++)
        string_list_add(list->arena, &words, rules.items[i]);
    string_list_add(list->arena, &words, IMPOSSIBLE);
    Reply *reply;
    Status status = redis_operation_read(operation, "trying the rules of a flow",
                                         redis_words_of(list->arena, &words), &reply, &error);
    if (status != STATUS_OK && strstr(error.message, IMPOSSIBLE) == NULL)
        check_list_add(list, CHECK_FAILED, name, "correct the flow", "%s", error.message);
}

static void check_plans(CheckList *list, Operation *operation, const Plan *const *plans,
                        size_t plan_count) {
    Reply *reply;
    StringList dangerous = {0};
    if (plan_count == 0 ||
        redis_operation_read(operation, "reading categories",
                             redis_words(operation->arena, "ACL", "CAT", "admin", NULL), &reply,
                             NULL) != STATUS_OK)
        return;
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++)
        if (reply->element[i]->str != NULL)
            string_list_add(list->arena, &dangerous, reply->element[i]->str);
    size_t before = list->report.count;
    for (size_t i = 0; i < plan_count; i++)
        check_plan(list, operation, plans[i], &dangerous);
    if (list->report.count == before)
        check_list_add(list, CHECK_OK, "rights: what flows grant", NULL,
                       "everything can be granted");
}

// ---- The way there ------------------------------------------------------------------------------

static void report_no_session(CheckList *list, const DriverLogin *login, const Error *error) {
    const char *mode = enum_name(&TLS_MODES, login->target->tls);
    if (strcmp(error->code, "tls_failed") == 0) {
        check_list_add(list, CHECK_FAILED, "tls",
                       "give the server tls-port, tls-cert-file and tls-key-file for this host "
                       "name, tls-auth-clients no, and name in ca_file of the connector's "
                       "configuration what signed it",
                       "%s", error->message);
        return;
    }
    if (strcmp(error->code, "target_unsupported") == 0) {
        check_list_add(list, CHECK_FAILED, "version",
                       "name a server of Redis 6.2 or newer, or Valkey, that is no node of a "
                       "cluster",
                       "%s", error->message);
        return;
    }
    if (login->target->tls != TLS_DISABLE && login->target->host[0] != '/')
        check_list_add(list, CHECK_OK, "tls", NULL, "accepted in mode %s", mode);
    const char *repair = "try again when the server accepts commands";
    if (strcmp(error->code, "target_database_missing") == 0)
        repair = "correct the integration's database: a number below the server's databases";
    else if (strcmp(error->code, "target_read_only") == 0)
        repair = "name the primary as the integration's host";
    else if (strcmp(error->code, "target_denied") == 0)
        repair = arena_printf(list->arena, "ACL SETUSER %s +info +select", login->user);
    else if (strcmp(error->code, "login_denied") == 0)
        repair = "correct the user and password of the admin secret; the server says in ACL LOG "
                 "whom it refused";
    check_list_add(list, CHECK_FAILED, "login", repair, "%s", error->message);
}

static void report_session(CheckList *list, const DriverSession *session) {
    const char *protocol = redis_link_protocol(session->link);
    if (protocol != NULL)
        check_list_add(list, CHECK_OK, "tls", NULL, "%s, %s", protocol,
                       enum_name(&TLS_MODES, session->target.tls));
    else if (session->target.host[0] != '/')
        check_list_add(list, CHECK_WARNING, "tls",
                       "give the server a tls-port, and tls: verify-full in the integration",
                       "the connection is not encrypted");
    check_list_add(list, CHECK_OK, "login", NULL, "as %s in database %s", session->admin,
                   session->target.database);
    check_list_add(list, CHECK_OK, "version", NULL, "%s%s",
                   strncmp(session->version_text, "Valkey", 6) == 0 ? "" : "Redis ",
                   session->version_text);
    if (session->replicas > 0)
        check_list_add(list, CHECK_WARNING, "replicas",
                       "grant on the replicas by integrations of their own, and after a failover "
                       "let the sweep look at the old primary before it serves again",
                       "%lld replicas: accounts are not replicated, so that one that takes the "
                       "primary's place has none of them",
                       (long long)session->replicas);
}

static void check_file(CheckList *list, Operation *operation) {
    Reply *reply;
    if (redis_operation_read(operation, "reading the aclfile's name",
                             redis_words(operation->arena, "CONFIG", "GET", "aclfile", NULL),
                             &reply, NULL) != STATUS_OK)
        return;
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
        reply->element[1]->type == REDIS_REPLY_STRING && reply->element[1]->len > 0)
        check_list_add(list, CHECK_OK, "aclfile", NULL, "accounts outlive a restart");
    else
        check_list_add(list, CHECK_WARNING, "aclfile", "set aclfile in redis.conf",
                       "the server has no aclfile: accounts are gone when it restarts");
}

void redis_check(const DriverLogin *login, Arena *arena, const Plan *const *plans,
                 size_t plan_count, CheckReport *ret_report) {
    CheckList list = check_list_new(arena);
    if (check_list_add_route(&list, login)) {
        CLEANUP(redis_session_closep) DriverSession *session = NULL;
        FailureClass failure;
        Error error = {0};
        if (redis_session_open(login, &session, &failure, &error) != STATUS_OK) {
            report_no_session(&list, login, &error);
        } else {
            Operation operation = {
                .session = session, .arena = arena, .evidence = {.arena = arena}};
            report_session(&list, session);
            check_rights(&list, &operation);
            check_file(&list, &operation);
            check_plans(&list, &operation, plans, plan_count);
        }
    }
    *ret_report = list.report;
}
