#include "connector/sweeper.h"

#include <pthread.h>
#include <string.h>

#include "base/log.h"
#include "base/monitor.h"
#include "connector/ceiling.h"

// The control plane revokes at the expiry; a sweep comes after it, so that the two rarely meet.
enum { AFTER_EXPIRY_MS = 2000 };

struct Sweeper {
    SweeperOptions options;
    pthread_t thread;
    bool started;
    Monitor monitor;
    int64_t next_ms; // monotonic
    bool stopping;
    bool *pending; // one a secret: its sweep is queued or runs
    bool *failing; // one a secret: its last sweep failed; logged when it changes
};

// One sweep of one target.
typedef struct Sweep {
    Sweeper *sweeper;
    size_t secret; // index
} Sweep;

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
    TRY(removal->driver->list_accounts(removal->session, arena, &accounts, &removal->result.failure,
                                       reterr));
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
    TRY(executor_session_open(executor, secret, secret->target, &removal->driver, &removal->session,
                              &removal->result.failure, reterr));
    Status status = read_again(removal, arena, listed, &plan, reterr);
    if (!ceiling_allows_custodian(executor->options, secret, plan.custodian))
        plan.custodian = NULL;
    if (status == STATUS_OK && removal->over)
        status = removal->driver->revoke(removal->session, arena, &plan, &removal->result, reterr);
    removal->driver->session_close(removal->session);
    return status;
}

static void account_end(Sweeper *sweeper, Arena *arena, const SecretSource *secret,
                        const FoundAccount *listed, SweptAccount *swept) {
    Removal removal = {.over = true};
    Error error = {0};
    Status status = account_remove(sweeper, arena, secret, listed, &removal, &error);
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

static SweptAccount account_sweep(Sweeper *sweeper, Arena *arena, const SecretSource *secret,
                                  const FoundAccount *found) {
    SweptAccount swept = {
        .account = found->account,
        .grant_id = found->grant_id,
        .expires_at = found->expires_at,
        .can_login = found->can_login,
    };
    if (!found->expired) {
        sweeper_expect(sweeper, found->expires_at - clock_now_ms(sweeper_clock(sweeper)));
        return swept;
    }
    // Somebody works on it: its revocation is under way.
    if (!work_pool_claim(sweeper->options.pool, found->grant_id))
        return swept;
    account_end(sweeper, arena, secret, found, &swept);
    work_pool_release(sweeper->options.pool, found->grant_id);
    return swept;
}

static Status accounts_list(Sweeper *sweeper, Arena *arena, const SecretSource *secret,
                            FoundAccounts *ret_accounts, Error *reterr) {
    const Driver *driver = NULL;
    DriverSession *session = NULL;
    FailureClass failure = FAILURE_NONE;
    TRY(executor_session_open(sweeper->options.executor, secret, secret->target, &driver, &session,
                              &failure, reterr));
    Status status = driver->list_accounts(session, arena, ret_accounts, &failure, reterr);
    driver->session_close(session);
    return status;
}

static bool is_ours(const Identity *identity, const FoundAccount *found) {
    return text_equal(found->deployment, identity->deployment) &&
           text_equal(found->connector, identity->connector);
}

static void target_sweep(Sweeper *sweeper, Arena *arena, const SecretSource *secret,
                         const FoundAccounts *found, int64_t read_at) {
    SweptAccount *swept = arena_alloc(arena, (found->count + 1) * sizeof(*swept));
    size_t count = 0;
    for (size_t i = 0; i < found->count; i++)
        if (is_ours(sweeper->options.executor->identity, &found->items[i]))
            swept[count++] = account_sweep(sweeper, arena, secret, &found->items[i]);
    SweepReport report = {
        .admin_secret = secret->name,
        .host = secret->target->host,
        .port = secret->target->port,
        .swept_at = read_at,
        .accounts = {swept, count},
    };
    reporter_add_sweep(sweeper->options.reporter, &report);
}

// A WorkFunction.
static void sweep_run(void *context, Arena *arena, void *what) {
    Sweeper *sweeper = context;
    const Sweep *sweep = what;
    const SecretSource *secret = &sweeper->options.executor->options->secrets.items[sweep->secret];
    FoundAccounts found = {0};
    Error error = {0};
    // Before the list is read: what is made later is not missing from it.
    int64_t read_at = clock_now_ms(sweeper_clock(sweeper));
    Status status = accounts_list(sweeper, arena, secret, &found, &error);
    if (status == STATUS_OK)
        target_sweep(sweeper, arena, secret, &found, read_at);
    monitor_lock(&sweeper->monitor);
    bool changed = sweeper->failing[sweep->secret] != (status != STATUS_OK);
    sweeper->failing[sweep->secret] = status != STATUS_OK;
    sweeper->pending[sweep->secret] = false;
    monitor_unlock(&sweeper->monitor);
    if (changed && status != STATUS_OK)
        log_event(LOG_WARNING, "sweep.failed", "secret", secret->name, "code", error.code,
                  "message", error.message, NULL);
    else if (changed)
        log_event(LOG_INFO, "sweep.works_again", "secret", secret->name, NULL);
}

static void sweep_submit(Sweeper *sweeper, size_t index) {
    const SecretSource *secret = &sweeper->options.executor->options->secrets.items[index];
    monitor_lock(&sweeper->monitor);
    bool pending = sweeper->pending[index];
    sweeper->pending[index] = true;
    monitor_unlock(&sweeper->monitor);
    if (pending)
        return;
    Arena *arena = arena_new();
    Sweep *sweep = arena_alloc(arena, sizeof(*sweep));
    *sweep = (Sweep){.sweeper = sweeper, .secret = index};
    WorkItem item = {
        .lane = work_lane(arena, secret->target),
        .run = sweep_run,
        .context = sweeper,
        .what = sweep,
        .arena = arena,
    };
    if (work_pool_submit(sweeper->options.pool, &item))
        return;
    monitor_lock(&sweeper->monitor);
    sweeper->pending[index] = false;
    monitor_unlock(&sweeper->monitor);
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
            sweep_submit(sweeper, i);
        monitor_lock(&sweeper->monitor);
    }
    monitor_unlock(&sweeper->monitor);
    return NULL;
}

Sweeper *sweeper_new(const SweeperOptions *options) {
    Sweeper *sweeper = mem_alloc(sizeof(*sweeper));
    size_t secrets = options->executor->options->secrets.count;
    sweeper->options = *options;
    sweeper->pending = mem_alloc((secrets + 1) * sizeof(bool));
    sweeper->failing = mem_alloc((secrets + 1) * sizeof(bool));
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
    monitor_done(&sweeper->monitor);
    mem_free(sweeper->pending);
    mem_free(sweeper->failing);
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
