#include "connector/sweeper.h"

#include <pthread.h>
#include <string.h>

#include "base/fault_point.h"
#include "base/log.h"
#include "base/monitor.h"
#include "connector/ceiling.h"

// The control plane revokes at the expiry; a sweep comes after it, so that the two rarely meet.
enum { AFTER_EXPIRY_MS = 2000 };

// An account that is past its end, and what came of removing it.
typedef struct ExpiredAccount {
    const FoundAccount *found;
    SweptAccount *swept;
    Arena *arena; // of what its removal gives: several are removed at the same time
} ExpiredAccount;

// The sweep of one target, from its list to its report. What is found expired is removed by
// helpers: items in the target's lane, as many as may run there at once, each of which removes one
// account and queues up again, so that other work for the target gets its turn.
typedef struct Sweep {
    Sweeper *sweeper;
    const SecretSource *secret;
    bool pending; // queued or under way
    bool failing; // the last one failed; logged when it changes
    Arena *arena; // of the list and all that was made of it
    int64_t read_at;
    SweptAccounts swept;
    ExpiredAccount *expired;
    size_t expired_count;
    size_t taken;   // of these
    size_t helpers; // queued or running
    size_t running;
    bool reported;
} Sweep;

struct Sweeper {
    SweeperOptions options;
    pthread_t thread;
    bool started;
    Monitor monitor;
    int64_t next_ms; // monotonic
    bool stopping;
    Sweep *sweeps; // one a secret
};

static const Clock *sweeper_clock(const Sweeper *sweeper) {
    return sweeper->options.executor->clock;
}

static const FoundAccount *account_find(const FoundAccounts *accounts, const FoundAccount *like) {
    for (size_t i = 0; i < accounts->count; i++)
        if (text_equal(accounts->items[i].account, like->account) &&
            text_equal(accounts->items[i].grant_id, like->grant_id))
            return &accounts->items[i];
    return NULL;
}

// One account to be removed: what its mark says is plan enough to take it back.
typedef struct Removal {
    const Driver *driver;
    DriverSession *session;
    DriverResult result;
    bool over; // still, when it was read again
} Removal;

// Since the list was read, its access may have been extended, or taken back.
static Status read_again(Removal *removal, Arena *arena, const FoundAccount *listed, Plan *plan,
                         Error *reterr) {
    FoundAccounts accounts = {0};
    const AccountQuery query = {.account = listed->account};
    TRY(driver_list_accounts(removal->driver, removal->session, arena, &query, &accounts,
                             &removal->result.failure, reterr));
    const FoundAccount *found = account_find(&accounts, listed);
    removal->over = found && found->expired;
    plan->custodian = found ? found->custodian : NULL;
    return STATUS_OK;
}

static Status account_remove(Sweeper *sweeper, Arena *arena, const SecretSource *secret,
                             const FoundAccount *listed, Removal *removal, Error *reterr) {
    const Executor *executor = sweeper->options.executor;
    Plan plan = {
        .grant_id = listed->grant_id,
        .deployment = executor->identity->deployment,
        .connector = executor->identity->connector,
        .integration = secret->name,
        .target = secret->target,
        .admin_secret = secret->name,
        .account = listed->account,
    };
    TRY(executor_session_open(executor, secret, secret->target, "sweep", &removal->driver,
                              &removal->session, &removal->result.failure, reterr));
    Status status = read_again(removal, arena, listed, &plan, reterr);
    if (!ceiling_allows_custodian(executor->options, secret, plan.custodian))
        plan.custodian = NULL;
    if (status == STATUS_OK && removal->over)
        status = driver_revoke(removal->driver, removal->session, arena, &plan, &removal->result,
                               reterr);
    removal->driver->session_close(removal->session);
    FAULT_POINT("sweep.removed");
    return status;
}

static void account_end(Sweep *sweep, ExpiredAccount *expired) {
    const FoundAccount *listed = expired->found;
    SweptAccount *swept = expired->swept;
    Arena *arena = expired->arena = arena_new();
    Removal removal = {.over = true};
    Error error = {0};
    FAULT_POINT("sweep.removing");
    Status status = account_remove(sweep->sweeper, arena, sweep->secret, listed, &removal, &error);
    if (!removal.over)
        return;
    if (removal.result.outcome.account) {
        swept->outcome = shape_write(arena, &OUTCOME_SHAPE, &removal.result.outcome);
        swept->can_login = !removal.result.outcome.login_refused;
    }
    swept->removed = status == STATUS_OK;
    swept->message = status == STATUS_OK ? NULL : arena_strdup(arena, error.message);
    log_event(status == STATUS_OK ? LOG_INFO : LOG_WARNING, "sweep.expired", "account",
              listed->account, "grant", listed->grant_id, "code",
              status == STATUS_OK ? NULL : error.code, "message", swept->message, NULL);
}

// ---- A sweep's list and its report --------------------------------------------------------------

static bool is_ours(const Identity *identity, const FoundAccount *found) {
    return text_equal(found->deployment, identity->deployment) &&
           text_equal(found->connector, identity->connector);
}

// Somebody put its end off on the target: then the engine would let it in after Daypass is dead.
static bool outlives_mark(const FoundAccount *found) {
    const AccountState *state = found->state;
    return state != NULL && !found->expired &&
           (state->expires_at == 0 || state->expires_at > state->mark_expires_at);
}

// What a session on the target is needed for besides the list.
static void account_restrain(Sweep *sweep, const Driver *driver, DriverSession *session,
                             const FoundAccount *found, SweptAccount *swept) {
    Arena *arena = sweep->arena;
    const Identity *identity = sweep->sweeper->options.executor->identity;
    const Plan plan = {
        .grant_id = found->grant_id,
        .deployment = identity->deployment,
        .connector = identity->connector,
        .target = sweep->secret->target,
        .account = found->account,
    };
    DriverResult result = {0};
    Error error = {0};
    Status status = driver_restrain(driver, session, arena, &plan, &result, &error);
    char until[TIMESTAMP_SIZE];
    timestamp_format(found->state->mark_expires_at, until);
    swept->outcome = shape_write(arena, &OUTCOME_SHAPE, &result.outcome);
    swept->message =
        status == STATUS_OK
            ? arena_printf(arena, "its end was put off on the target; set back to %s", until)
            : arena_printf(arena,
                           "its end was put off on the target, and cannot be "
                           "set back: %s",
                           error.message);
    log_event(LOG_WARNING, "sweep.restrained", "account", found->account, "grant", found->grant_id,
              "code", status == STATUS_OK ? NULL : error.code, "message", swept->message, NULL);
}

static void sweep_forget(Sweep *sweep) {
    for (size_t i = 0; i < sweep->expired_count; i++)
        arena_free(sweep->expired[i].arena);
    arena_free(sweep->arena);
    *sweep = (Sweep){
        .sweeper = sweep->sweeper,
        .secret = sweep->secret,
        .pending = sweep->pending,
        .failing = sweep->failing,
    };
}

// The next one may begin.
static void sweep_release(Sweep *sweep) {
    monitor_lock(&sweep->sweeper->monitor);
    sweep->pending = false;
    monitor_unlock(&sweep->sweeper->monitor);
}

static SweptAccount swept_of(Arena *arena, const Identity *identity, const FoundAccount *found) {
    bool marked = found->leftover == NULL;
    bool theirs = marked && !text_equal(found->deployment, identity->deployment);
    bool beside = marked && !text_equal(found->connector, identity->connector);
    return (SweptAccount){
        .account = found->account,
        .grant_id = found->grant_id,
        .deployment = theirs ? found->deployment : NULL,
        .connector = beside ? found->connector : NULL,
        .custodian = found->custodian,
        .database = found->database,
        .leftover = found->leftover,
        .sessions = found->sessions,
        .expires_at = found->expires_at,
        .can_login = found->can_login,
        .state = found->state != NULL && !theirs && !beside
                     ? shape_write(arena, &ACCOUNT_STATE_SHAPE, found->state)
                     : NULL,
    };
}

// All are told about; only those of this installation and connector are anything to us.
static void sweep_sort(Sweep *sweep, const Driver *driver, DriverSession *session,
                       const FoundAccounts *found) {
    Sweeper *sweeper = sweep->sweeper;
    Arena *arena = sweep->arena;
    const Identity *identity = sweeper->options.executor->identity;
    sweep->swept.items = arena_alloc(arena, (found->count + 1) * sizeof(SweptAccount));
    sweep->expired = arena_alloc(arena, (found->count + 1) * sizeof(ExpiredAccount));
    for (size_t i = 0; i < found->count; i++) {
        const FoundAccount *account = &found->items[i];
        SweptAccount *swept = &sweep->swept.items[sweep->swept.count++];
        *swept = swept_of(arena, identity, account);
        if (!is_ours(identity, account))
            continue;
        if (account->expired)
            sweep->expired[sweep->expired_count++] =
                (ExpiredAccount){.found = account, .swept = swept};
        else
            sweeper_expect(sweeper, account->expires_at - clock_now_ms(sweeper_clock(sweeper)));
        if (outlives_mark(account))
            account_restrain(sweep, driver, session, account, swept);
    }
}

static Status sweep_read(Sweep *sweep, Error *reterr) {
    Sweeper *sweeper = sweep->sweeper;
    Arena *arena = sweep->arena = arena_new();
    const AccountQuery query = {.leftovers = connector_options_leftovers(sweep->secret)};
    FoundAccounts *found = arena_alloc(arena, sizeof(*found));
    const Driver *driver = NULL;
    DriverSession *session = NULL;
    FailureClass failure = FAILURE_NONE;
    // Before the list is read: what is made later is not missing from it.
    sweep->read_at = clock_now_ms(sweeper_clock(sweeper));
    TRY(executor_session_open(sweeper->options.executor, sweep->secret, sweep->secret->target,
                              "sweep", &driver, &session, &failure, reterr));
    Status status = driver_list_accounts(driver, session, arena, &query, found, &failure, reterr);
    FAULT_POINT("sweep.listed");
    if (status == STATUS_OK)
        sweep_sort(sweep, driver, session, found);
    driver->session_close(session);
    return status;
}

// Tells what was found and done.
static void sweep_finish(Sweep *sweep) {
    Sweeper *sweeper = sweep->sweeper;
    SweepReport report = {
        .admin_secret = sweep->secret->name,
        .target_kind = enum_name(&TARGET_KINDS, sweep->secret->target->kind),
        .host = sweep->secret->target->host,
        .port = sweep->secret->target->port,
        .swept_at = sweep->read_at,
        .accounts = sweep->swept,
    };
    FAULT_POINT("sweep.reporting");
    reporter_add_sweep(sweeper->options.reporter, &report);
    sweep_release(sweep);
}

// ---- Helpers ------------------------------------------------------------------------------------

// NULL: all are taken, or the end has come.
static ExpiredAccount *expired_take(Sweep *sweep) {
    Sweeper *sweeper = sweep->sweeper;
    monitor_lock(&sweeper->monitor);
    bool any = !sweeper->stopping && sweep->taken < sweep->expired_count;
    ExpiredAccount *taken = any ? &sweep->expired[sweep->taken++] : NULL;
    monitor_unlock(&sweeper->monitor);
    return taken;
}

static void helper_run(void *context, Arena *arena, void *what);

// False when all are taken, or the queue is full.
static bool helper_submit(Sweep *sweep) {
    Sweeper *sweeper = sweep->sweeper;
    monitor_lock(&sweeper->monitor);
    bool wanted = sweep->taken < sweep->expired_count;
    sweep->helpers += wanted;
    monitor_unlock(&sweeper->monitor);
    if (!wanted)
        return false;
    Arena *arena = arena_new();
    WorkItem item = {
        .lane = work_lane(arena, sweep->secret->target),
        .run = helper_run,
        .context = sweeper,
        .what = sweep,
        .arena = arena,
    };
    if (work_pool_submit(sweeper->options.pool, &item))
        return true;
    monitor_lock(&sweeper->monitor);
    sweep->helpers--;
    monitor_unlock(&sweeper->monitor);
    return false;
}

// The last one out tells. At the end of all, those that still wait in the queue will not come.
static void helper_leave(Sweep *sweep) {
    Sweeper *sweeper = sweep->sweeper;
    monitor_lock(&sweeper->monitor);
    sweep->helpers--;
    sweep->running--;
    bool last = sweep->helpers == 0 || (sweeper->stopping && sweep->running == 0);
    bool reports = last && !sweep->reported;
    sweep->reported = sweep->reported || last;
    monitor_unlock(&sweeper->monitor);
    if (reports)
        sweep_finish(sweep);
}

// A WorkFunction.
static void helper_run(void *context, Arena *arena, void *what) {
    Sweep *sweep = what;
    WorkPool *pool = sweep->sweeper->options.pool;
    monitor_lock(&sweep->sweeper->monitor);
    sweep->running++;
    monitor_unlock(&sweep->sweeper->monitor);
    for (ExpiredAccount *expired; (expired = expired_take(sweep)) != NULL;) {
        // Where somebody works on it, its revocation is under way.
        if (work_pool_claim(pool, expired->found->grant_id)) {
            account_end(sweep, expired);
            work_pool_release(pool, expired->found->grant_id);
        }
        if (helper_submit(sweep))
            break;
    }
    helper_leave(sweep);
}

// A WorkFunction. The first helper of its sweep.
static void sweep_run(void *context, Arena *arena, void *what) {
    Sweeper *sweeper = context;
    Sweep *sweep = what;
    Error error = {0};
    monitor_lock(&sweeper->monitor);
    sweep_forget(sweep);
    monitor_unlock(&sweeper->monitor);
    Status status = sweep_read(sweep, &error);
    bool changed = sweep->failing != (status != STATUS_OK);
    sweep->failing = status != STATUS_OK;
    if (changed && sweep->failing)
        log_event(LOG_WARNING, "sweep.failed", "secret", sweep->secret->name, "code", error.code,
                  "message", error.message, NULL);
    else if (changed)
        log_event(LOG_INFO, "sweep.works_again", "secret", sweep->secret->name, NULL);
    if (status != STATUS_OK) {
        sweep_release(sweep);
        return;
    }
    monitor_lock(&sweeper->monitor);
    sweep->helpers = 1;
    monitor_unlock(&sweeper->monitor);
    int64_t lane = sweeper->options.executor->options->workers_per_target;
    for (int64_t i = 1; i < lane && (size_t)i < sweep->expired_count && helper_submit(sweep); i++)
        ;
    helper_run(context, arena, what);
}

static void sweep_submit(Sweep *sweep) {
    Sweeper *sweeper = sweep->sweeper;
    monitor_lock(&sweeper->monitor);
    bool wanted = !sweep->pending && !sweeper->stopping;
    sweep->pending = sweep->pending || wanted;
    monitor_unlock(&sweeper->monitor);
    if (!wanted)
        return;
    Arena *arena = arena_new();
    WorkItem item = {
        .lane = work_lane(arena, sweep->secret->target),
        .run = sweep_run,
        .context = sweeper,
        .what = sweep,
        .arena = arena,
    };
    if (!work_pool_submit(sweeper->options.pool, &item))
        sweep_release(sweep);
}

static void *sweeper_main(void *argument) {
    Sweeper *sweeper = argument;
    const ConnectorOptions *options = sweeper->options.executor->options;
    monitor_lock(&sweeper->monitor);
    while (!sweeper->stopping) {
        int64_t now_ms = clock_monotonic_ms(sweeper_clock(sweeper));
        if (now_ms < sweeper->next_ms) {
            monitor_wait_until(&sweeper->monitor, sweeper->next_ms);
            continue;
        }
        sweeper->next_ms = now_ms + options->sweep_every_s * SECOND_MS;
        monitor_unlock(&sweeper->monitor);
        for (size_t i = 0; i < options->secrets.count; i++)
            sweep_submit(&sweeper->sweeps[i]);
        monitor_lock(&sweeper->monitor);
    }
    monitor_unlock(&sweeper->monitor);
    return NULL;
}

Sweeper *sweeper_new(const SweeperOptions *options) {
    Sweeper *sweeper = mem_alloc(sizeof(*sweeper));
    const SecretSources *secrets = &options->executor->options->secrets;
    sweeper->options = *options;
    sweeper->sweeps = mem_alloc((secrets->count + 1) * sizeof(Sweep));
    for (size_t i = 0; i < secrets->count; i++)
        sweeper->sweeps[i] = (Sweep){.sweeper = sweeper, .secret = &secrets->items[i]};
    monitor_init(&sweeper->monitor);
    return sweeper;
}

Status sweeper_start(Sweeper *sweeper, Error *reterr) {
    int failure = pthread_create(&sweeper->thread, NULL, sweeper_main, sweeper);
    if (failure)
        return error_set(reterr, STATUS_UNAVAILABLE, "no_thread", "cannot start a thread: %s",
                         strerror(failure));
    sweeper->started = true;
    return STATUS_OK;
}

void sweeper_stop(Sweeper *sweeper) {
    if (!sweeper->started)
        return;
    monitor_lock(&sweeper->monitor);
    sweeper->stopping = true;
    monitor_wake(&sweeper->monitor);
    monitor_unlock(&sweeper->monitor);
    pthread_join(sweeper->thread, NULL);
    sweeper->started = false;
}

Sweeper *sweeper_free(Sweeper *sweeper) {
    if (!sweeper)
        return NULL;
    sweeper_stop(sweeper);
    for (size_t i = 0; i < sweeper->options.executor->options->secrets.count; i++)
        sweep_forget(&sweeper->sweeps[i]);
    monitor_done(&sweeper->monitor);
    mem_free(sweeper->sweeps);
    return mem_free(sweeper);
}

void sweeper_expect(Sweeper *sweeper, int64_t due_in_ms) {
    int64_t now_ms = clock_monotonic_ms(sweeper_clock(sweeper));
    int64_t at_ms = now_ms + (due_in_ms > 0 ? due_in_ms : 0) + AFTER_EXPIRY_MS;
    monitor_lock(&sweeper->monitor);
    // Only the nearest is kept: each sweep finds the next one by itself.
    if (at_ms < sweeper->next_ms) {
        sweeper->next_ms = at_ms;
        monitor_wake(&sweeper->monitor);
    }
    monitor_unlock(&sweeper->monitor);
}
