#include "driver/mysql/grant.h"

#include <string.h>

#include "base/fault_point.h"
#include "driver/mysql/access.h"
#include "driver/mysql/accounts.h"
#include "driver/mysql/revoke.h"
#include "driver/mysql/verifier.h"

enum { ATTEMPTS = 3, NAME_TAKEN = 1396 };

Status my_plan_check(Operation *operation, const Plan *plan, Error *reterr) {
    operation->evidence.failure = FAILURE_FATAL;
    TRY(my_sql_account_check("account", plan->account, reterr));
    if (plan->custodian != NULL)
        TRY(my_sql_account_check("custodian", plan->custodian, reterr));
    if (plan->account_host != NULL && strlen(plan->account_host) > MY_HOST_MAX)
        return error_set(reterr, STATUS_INVALID, "bad_name",
                         "the host of the account is longer than %d characters", MY_HOST_MAX);
    if (plan->grant_id == NULL || plan->deployment == NULL || plan->connector == NULL)
        return error_set(reterr, STATUS_INVALID, "bad_plan",
                         "the plan names no grant, deployment or connector");
    operation->evidence.failure = FAILURE_NONE;
    operation->evidence.outcome->account = plan->account;
    return STATUS_OK;
}

// What remains is counted after the server has told its time, so that the end it is given is never
// later than the one that was decided, however long we were held up before or since. Whole seconds,
// as events have them.
static Status read_now(Operation *operation, const GrantOrder *order, int64_t *ret_expires_at,
                       Error *reterr) {
    Rows rows;
    TRY(my_operation_read(operation, "reading the server's clock",
                          "SELECT CAST(FLOOR(UNIX_TIMESTAMP(NOW(3)) * 1000) AS SIGNED)", &rows,
                          reterr));
    int64_t remaining_ms = order->ends_ms - clock_monotonic_ms(operation->session->clock);
    int64_t now_at = my_rows_int(&rows, 0, 0);
    int64_t expires_at = (now_at + remaining_ms) / SECOND_MS * SECOND_MS;
    if (remaining_ms <= 0 || expires_at <= now_at)
        return evidence_fail(&operation->evidence, FAILURE_FATAL, reterr, "no_time_left",
                             "the access is over before it could be given");
    operation->evidence.outcome->target_now_at = now_at;
    *ret_expires_at = expires_at;
    return STATUS_OK;
}

static const char *lower_case(Arena *arena, const char *text) {
    char *copy = arena_strdup(arena, text);
    for (char *at = copy; *at != '\0'; at++)
        if (*at >= 'A' && *at <= 'Z')
            *at = (char)(*at - 'A' + 'a');
    return copy;
}

// The server keeps hosts in lower case.
static MyName name_of(Operation *operation, const Plan *plan) {
    const char *host = plan->account_host != NULL ? plan->account_host : "%";
    return (MyName){plan->account, lower_case(operation->arena, host)};
}

static const char *plugin_of(const DriverSession *session) {
    if (!session->mariadb)
        return "caching_sha2_password";
    return session->ed25519 ? "ed25519" : "mysql_native_password";
}

static Status make_verifier(Operation *operation, const Secret *password, Secret **ret_verifier,
                            Error *reterr) {
    const DriverSession *session = operation->session;
    Secret *verifier = !session->mariadb  ? my_verifier_sha2(password)
                       : session->ed25519 ? my_verifier_ed25519(password)
                                          : my_verifier_native(password);
    if (verifier == NULL)
        return evidence_fail(&operation->evidence, FAILURE_FATAL, reterr, "verifier_failed",
                             "no verifier could be made of the new password");
    *ret_verifier = verifier;
    return STATUS_OK;
}

// What is there afterwards, as the server says.
static Status read_back(Operation *operation, const Plan *plan, Error *reterr) {
    Accounts accounts;
    size_t strangers;
    TRY(my_accounts_read(operation, plan->account, &accounts, reterr));
    const Account *own = my_accounts_own(&accounts, plan, &strangers);
    Outcome *outcome = operation->evidence.outcome;
    outcome->account_present = own != NULL;
    outcome->login_refused = own == NULL || !own->can_login;
    if (own == NULL)
        return evidence_fail(&operation->evidence, FAILURE_RETRY, reterr, "account_vanished",
                             "account \"%s\" was made, and removed again by somebody else",
                             plan->account);
    outcome->target_now_at = accounts.now_at;
    outcome->target_expires_at = own->mark.expires;
    outcome->end_enforced =
        operation->session->events_run && own->event_at != 0 && own->event_at <= own->mark.expires;
    outcome->account_key = my_account_describe(operation->arena, own->name);
    return my_account_state_read(operation, plan->account, &outcome->state, reterr);
}

// ---- Making one ---------------------------------------------------------------------------------

typedef struct Making {
    const GrantOrder *order;
    MyName name;
    Access access;
    AccountMark mark;
    Secret *verifier; // borrowed
    bool created;     // by us, and not somebody else's of that name
} Making;

// Nobody can log in to it yet. The mark is there before it on MariaDB, and with it on MySQL.
static Status create_account(Operation *operation, Making *making, Error *reterr) {
    const Plan *plan = making->order->plan;
    const char *text = secret_text(making->verifier);
    const MyAccount account = {.name = making->name,
                               .plugin = plugin_of(operation->session),
                               .mariadb = operation->session->mariadb,
                               .require_tls = plan->require_tls,
                               .connection_limit = plan->connection_limit,
                               .mark = my_mark_attribute(operation, &making->mark)};
    TRY(my_mark_announce(operation, making->name, &making->mark, making->verifier, reterr));
    FAULT_POINT("grant.account_announced");
    Status status = my_operation_change_secret(
        operation, "creating the account", my_sql_create_account(operation->arena, &account, text),
        my_sql_create_account(operation->arena, &account, NULL), reterr);
    if (status != STATUS_OK && operation->session->number == NAME_TAKEN)
        return evidence_fail(&operation->evidence, FAILURE_RETRY, reterr, "target_busy",
                             "account \"%s\" appeared while it was being made", plan->account);
    TRY(status);
    making->created = true;
    FAULT_POINT("grant.account_created");
    return my_mark_confirm(operation, making->name, reterr);
}

// The end comes before anything else is given.
static Status create_event(Operation *operation, const Making *making, Error *reterr) {
    Arena *arena = operation->arena;
    TRY(my_operation_change(operation, "removing an old end",
                            my_sql_drop_event(arena, making->name.user), reterr));
    return my_operation_change(operation, "setting the account's end",
                               my_sql_create_event(arena, making->name, making->mark.expires),
                               reterr);
}

static Status denied(Operation *operation, const char *what, Error *reterr) {
    return evidence_fail(&operation->evidence, FAILURE_DENIED, reterr, "grant_option_missing",
                         "admin account \"%s\" may not give %s; it needs the grant option, and "
                         "daypass-connector check prints the SQL",
                         operation->session->admin, what);
}

static Status give_one(Operation *operation, const char *sql, const char *what, Error *reterr) {
    Error error = {0};
    Status status =
        my_operation_change(operation, "giving the account its privileges", sql, &error);
    if (status == STATUS_OK)
        return STATUS_OK;
    if (operation->evidence.failure == FAILURE_DENIED)
        return denied(operation, what, reterr);
    if (operation->evidence.failure == FAILURE_NOT_FOUND)
        return evidence_fail(&operation->evidence, FAILURE_NOT_FOUND, reterr, "object_not_found",
                             "what is to be given is not there any more: %s", what);
    if (reterr != NULL)
        *reterr = error;
    return status;
}

static Status give_roles(Operation *operation, const Making *making, Error *reterr) {
    Arena *arena = operation->arena;
    const StringList *roles = &making->access.roles;
    const char *grantee = my_sql_account(arena, making->name);
    for (size_t i = 0; i < roles->count; i++)
        TRY(give_one(operation, my_sql_grant_role(arena, roles->items[i], grantee),
                     arena_printf(arena, "role %s", roles->items[i]), reterr));
    if (roles->count == 0)
        return STATUS_OK;
    if (!operation->session->mariadb)
        return my_operation_change(operation, "making the roles active at login",
                                   arena_printf(arena, "ALTER USER %s DEFAULT ROLE ALL", grantee),
                                   reterr);
    // One alone can be active there, and setting it is an UPDATE on mysql to the server.
    const char *sql = arena_printf(arena, "SET DEFAULT ROLE %s FOR %s", roles->items[0], grantee);
    Error error = {0};
    Status status = my_operation_change(operation, "making the role active at login", sql, &error);
    if (status != STATUS_OK && operation->session->lost) {
        if (reterr != NULL)
            *reterr = error;
        return status;
    }
    if (status != STATUS_OK || roles->count > 1)
        evidence_warn(&operation->evidence,
                      "not every role is active when the account logs in; say SET ROLE %s first",
                      roles->items[status == STATUS_OK ? 1 : 0]);
    operation->evidence.failure = FAILURE_NONE;
    return STATUS_OK;
}

static Status give_privileges(Operation *operation, const Making *making, Error *reterr) {
    Arena *arena = operation->arena;
    const char *grantee = my_sql_account(arena, making->name);
    for (size_t i = 0; i < making->access.count; i++) {
        const MyGrant *grant = &making->access.grants[i];
        TRY(my_operation_check_deadline(operation, making->order->deadline_ms, reterr));
        TRY(give_one(
            operation,
            my_sql_grant(arena, grant, grantee, operation->session->own.patterns_are_names, false),
            my_grant_describe(arena, grant), reterr));
    }
    return give_roles(operation, making, reterr);
}

static Status warn_of_surroundings(Operation *operation, Error *reterr) {
    const char *everybody;
    TRY(my_everybody_has(operation, &everybody, reterr));
    if (everybody != NULL)
        evidence_warn(&operation->evidence, "every account of the server has %s, this one too",
                      everybody);
    if (!operation->session->events_run)
        evidence_warn(&operation->evidence,
                      "the event scheduler of the server is off: it does not refuse logins at the "
                      "end by itself, a connector has to do it (SET GLOBAL event_scheduler = ON)");
    return STATUS_OK;
}

static Status make(Operation *operation, Making *making, Error *reterr) {
    Arena *arena = operation->arena;
    TRY(create_account(operation, making, reterr));
    FAULT_POINT("grant.account_marked");
    TRY(create_event(operation, making, reterr));
    FAULT_POINT("grant.end_set");
    TRY(give_privileges(operation, making, reterr));
    TRY(warn_of_surroundings(operation, reterr));
    FAULT_POINT("grant.before_commit");
    const char *unlock = my_sql_unlock_account(arena, making->name);
    TRY(my_operation_commit_before(operation, "letting the account log in",
                                   arena_strdup(arena, unlock), unlock, making->order->deadline_ms,
                                   reterr));
    FAULT_POINT("grant.committed");
    return STATUS_OK;
}

static bool unmake_step(Operation *operation, const char *sql) {
    return my_operation_change(operation, "taking away what was begun", sql, NULL) == STATUS_OK;
}

// What was begun is taken away again where that is possible. Otherwise it stays locked, with its
// mark, for the repeat or the revocation that follows.
static void unmake(Operation *operation, const Making *making) {
    Arena *arena = operation->arena;
    FailureClass failure = operation->evidence.failure;
    bool gone = !operation->session->lost;
    if (gone && making->created)
        gone = unmake_step(operation, my_sql_drop_account(arena, making->name)) &&
               unmake_step(operation, my_sql_drop_event(arena, making->name.user));
    if (gone && my_mark_remove(operation, making->name.user, NULL) == STATUS_OK)
        operation->evidence.outcome->account_present = false;
    operation->evidence.failure = failure;
}

typedef enum Turn { TURN_DONE, TURN_ACCOUNT_THERE } Turn;

static Status try_grant(Operation *operation, const GrantOrder *order, Turn *ret_turn,
                        Error *reterr) {
    const Plan *plan = order->plan;
    Accounts accounts;
    TRY(my_operation_lock_account(operation, plan->account, reterr));
    TRY(my_operation_check_deadline(operation, order->deadline_ms, reterr));
    TRY(my_accounts_read(operation, plan->account, &accounts, reterr));
    if (accounts.count > 0) {
        *ret_turn = TURN_ACCOUNT_THERE;
        return STATUS_OK;
    }
    CLEANUP(secret_freep) Secret *verifier = NULL;
    TRY(make_verifier(operation, order->password, &verifier, reterr));
    Making making = {.order = order, .name = name_of(operation, plan), .verifier = verifier};
    int64_t expires_at;
    TRY(read_now(operation, order, &expires_at, reterr));
    TRY(my_access_read(operation, &plan->access, &making.access, reterr));
    TRY(my_access_require(operation, &making.access, reterr));
    making.mark = account_mark_of(plan, expires_at);
    Status status = make(operation, &making, reterr);
    if (status != STATUS_OK)
        unmake(operation, &making);
    *ret_turn = TURN_DONE;
    return status;
}

static Status check_order(Operation *operation, const GrantOrder *order, bool needs_password,
                          bool needs_time, Error *reterr) {
    TRY(my_plan_check(operation, order->plan, reterr));
    bool has_time = order->ends_ms > clock_monotonic_ms(operation->session->clock);
    if ((needs_password && order->password == NULL) || (needs_time && !has_time))
        return evidence_fail(&operation->evidence, FAILURE_FATAL, reterr, "bad_order",
                             "the order has no password or no time left");
    return my_operation_check_deadline(operation, order->deadline_ms, reterr);
}

Status my_account_grant(Operation *operation, const GrantOrder *order, Error *reterr) {
    TRY(check_order(operation, order, true, true, reterr));
    TRY(my_own_schema_ensure(operation, reterr));
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        Turn turn = TURN_DONE;
        TRY(try_grant(operation, order, &turn, reterr));
        if (turn == TURN_DONE)
            return read_back(operation, order->plan, reterr);
        TRY(my_account_remove(operation, order->plan, reterr));
        FAULT_POINT("grant.again");
        TRY(my_operation_check_deadline(operation, order->deadline_ms, reterr));
    }
    return evidence_fail(&operation->evidence, FAILURE_RETRY, reterr, "target_busy",
                         "account \"%s\" appears again and again; somebody else is making it",
                         order->plan->account);
}

// ---- Changing one -------------------------------------------------------------------------------

// An account that is this plan's and not locked.
static Status find_account(Operation *operation, const Plan *plan, const Account **ret_account,
                           Error *reterr) {
    Accounts accounts;
    TRY(my_operation_lock_account(operation, plan->account, reterr));
    TRY(my_accounts_read(operation, plan->account, &accounts, reterr));
    if (accounts.count == 0)
        return evidence_fail(&operation->evidence, FAILURE_NOT_FOUND, reterr, "account_not_found",
                             "account \"%s\" is gone from the server", plan->account);
    operation->evidence.outcome->account_present = true;
    TRY(my_account_check_mark(operation, plan, &accounts, ret_account, reterr));
    if (!(*ret_account)->can_login)
        return evidence_fail(&operation->evidence, FAILURE_CONFLICT, reterr, "account_locked",
                             "account \"%s\" is locked: its access is being taken back",
                             plan->account);
    return STATUS_OK;
}

Status my_account_extend(Operation *operation, const GrantOrder *order, Error *reterr) {
    TRY(check_order(operation, order, false, true, reterr));
    const Account *account;
    TRY(find_account(operation, order->plan, &account, reterr));
    AccountMark mark = account->mark;
    TRY(read_now(operation, order, &mark.expires, reterr));
    TRY(my_account_set_end(operation, account->name, mark.expires, reterr));
    FAULT_POINT("extend.time_set");
    FAULT_POINT("extend.before_commit");
    const char *sql = my_mark_change_sql(operation, account->name, &mark);
    TRY(my_operation_commit_before(operation, "marking the account",
                                   arena_strdup(operation->arena, sql), sql, order->deadline_ms,
                                   reterr));
    FAULT_POINT("extend.committed");
    return read_back(operation, order->plan, reterr);
}

Status my_account_reset(Operation *operation, const GrantOrder *order, Error *reterr) {
    TRY(check_order(operation, order, true, false, reterr));
    const Account *found;
    CLEANUP(secret_freep) Secret *verifier = NULL;
    TRY(make_verifier(operation, order->password, &verifier, reterr));
    TRY(find_account(operation, order->plan, &found, reterr));
    const MyAccount account = {.name = found->name,
                               .plugin = plugin_of(operation->session),
                               .mariadb = operation->session->mariadb};
    FAULT_POINT("reset.before_commit");
    TRY(my_operation_commit_before(
        operation, "setting the account's password",
        my_sql_set_password(operation->arena, &account, secret_text(verifier)),
        my_sql_set_password(operation->arena, &account, NULL), order->deadline_ms, reterr));
    FAULT_POINT("reset.committed");
    return read_back(operation, order->plan, reterr);
}
