#include "connector/runner.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/fault_point.h"
#include "base/id.h"
#include "base/log.h"
#include "base/monitor.h"
#include "connector/control_plane.h"
#include "connector/executor.h"
#include "connector/health.h"
#include "connector/reporter.h"
#include "connector/sweeper.h"
#include "connector/work_pool.h"
#include "sandbox/sandbox.h"
#include "wire/messages.h"

enum {
    POLL_WAIT_S = 25,
    QUEUE_CEILING = 64,
    // A sweep, and the most that any control plane hands out of one integration: what waits for
    // slow targets leaves room for the others.
    QUEUED_PER_SECRET = 1 + ACTIONS_PER_INTEGRATION_MAX,
    ROOM_WAIT_MS = 5000,
    REPORT_GRACE_MS = 5000,
    MAX_ACTIONS_AT_ONCE = 32,
};

typedef struct Runner {
    Executor executor;
    Health *health;
    WorkPool *pool;
    Reporter *reporter;
    Sweeper *sweeper;
    Monitor monitor;
    atomic_bool stop;
} Runner;

// ---- Signals: one thread takes them, so that no handler has to be careful -----------------------

static void *signal_main(void *argument) {
    Runner *runner = argument;
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGINT);
    int received = 0;
    sigwait(&wanted, &received);
    monitor_lock(&runner->monitor);
    atomic_store(&runner->stop, true);
    monitor_wake(&runner->monitor);
    monitor_unlock(&runner->monitor);
    return NULL;
}

static void signals_block(void) {
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &blocked, NULL);
}

// ---- Work ---------------------------------------------------------------------------------------

static void action_log(const ReceivedAction *received, const ActionReport *report) {
    const Action *action = &received->action;
    log_event(report->done ? LOG_INFO : LOG_WARNING, report->done ? "action.done" : "action.failed",
              "kind", enum_name(&ACTION_KINDS, action->kind), "action", action->id, "grant",
              action->grant_id, "integration", action->integration, "account",
              received->plan.account, "failure", report->failure, "code", report->code, "message",
              report->message, NULL);
}

// A WorkFunction.
static void action_run(void *context, Arena *arena, void *what) {
    Runner *runner = context;
    const ReceivedAction *received = what;
    ActionReport report;
    FAULT_POINT("action.begins");
    executor_run(&runner->executor, arena, received, &report);
    FAULT_POINT("action.ended");
    action_log(received, &report);
    // A failure that is the plan's own fault says nothing bad about the integration.
    bool ok =
        report.done || !(text_equal(report.failure, enum_name(&FAILURE_CLASSES, FAILURE_RETRY)) ||
                         text_equal(report.failure, enum_name(&FAILURE_CLASSES, FAILURE_DENIED)));
    health_note(runner->health, received->action.integration, ok, ok ? NULL : report.message,
                clock_now_ms(runner->executor.clock));
    if (report.done && report.expires_in_ms)
        sweeper_expect(runner->sweeper, report.expires_in_ms);
    reporter_add_report(runner->reporter, &report);
    FAULT_POINT("report.kept");
}

// Each action has an arena of its own, since it outlives the poll.
static void action_take(Runner *runner, const SignedAction *signed_action, const PollMade *poll) {
    Arena *arena = arena_new();
    ReceivedAction *received = arena_alloc(arena, sizeof(*received));
    Error error = {0};
    if (executor_accept(&runner->executor, arena, signed_action, poll, received, &error) !=
        STATUS_OK) {
        log_event(LOG_ERROR, "action.refused", "code", error.code, "message", error.message, NULL);
        arena_free(arena);
        return;
    }
    FAULT_POINT("action.received");
    WorkItem item = {
        .lane = work_lane(arena, received->plan.target),
        .grant = received->action.grant_id,
        .run = action_run,
        .context = runner,
        .what = received,
        .arena = arena,
    };
    // When there is no room after all, the lease ends and the action comes again.
    if (!work_pool_submit(runner->pool, &item))
        log_event(LOG_WARNING, "action.no_room", NULL);
}

// ---- Polling ------------------------------------------------------------------------------------

// Without a connection it does not wait for work: the answer tells at once that there is one.
static Status poll_once(Runner *runner, ControlPlane *plane, bool connected, Error *reterr) {
    size_t room = work_pool_await_room(runner->pool, ROOM_WAIT_MS);
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Clock *clock = runner->executor.clock;
    PollMade poll = {.nonce = id_new(arena, "poll"), .sent_ms = clock_monotonic_ms(clock)};
    PollRequest request = {
        .capacity = (int64_t)(room < MAX_ACTIONS_AT_ONCE ? room : MAX_ACTIONS_AT_ONCE),
        .wait_s = connected && room > 0 ? POLL_WAIT_S : 0,
        .nonce = poll.nonce,
        .version = DAYPASS_VERSION,
        .clock_at = clock_now_ms(clock),
        .health = health_list(runner->health, arena),
    };
    PollReply reply;
    TRY(control_plane_poll(plane, arena, &request, &reply, reterr));
    poll.answered_ms = clock_monotonic_ms(clock);
    for (size_t i = 0; i < reply.actions.count; i++)
        action_take(runner, &reply.actions.items[i], &poll);
    return STATUS_OK;
}

static void pause_after_failure(Runner *runner, int failures) {
    int64_t until_ms = clock_monotonic_ms(runner->executor.clock) + backoff_ms(failures);
    monitor_lock(&runner->monitor);
    while (!atomic_load(&runner->stop) && monitor_wait_until(&runner->monitor, until_ms))
        ;
    monitor_unlock(&runner->monitor);
}

static void poll_loop(Runner *runner, ControlPlane *plane) {
    int failures = 0;
    bool connected = false;
    char said[sizeof(((Error *)NULL)->code)] = ""; // of the failure that was logged last
    while (!atomic_load(&runner->stop)) {
        Error error = {0};
        Status status = poll_once(runner, plane, connected, &error);
        if (status == STATUS_OK) {
            if (!connected)
                log_event(LOG_INFO, "poll.connected", "control_plane",
                          runner->executor.options->control_plane, NULL);
            connected = true;
            failures = 0;
            said[0] = '\0';
            continue;
        }
        if (atomic_load(&runner->stop))
            return;
        failures++;
        if (!text_equal(said, error.code))
            log_event(LOG_WARNING, "poll.failed", "code", error.code, "message", error.message,
                      "next", "tries again with growing pauses", NULL);
        connected = false;
        memcpy(said, error.code, sizeof(said));
        pause_after_failure(runner, failures);
    }
}

// ---- Composition --------------------------------------------------------------------------------

// One thread is left to the others, whatever the file says, unless there is only one.
static size_t threads_per_lane(const ConnectorOptions *options) {
    int64_t most = options->workers > 1 ? options->workers - 1 : 1;
    return (size_t)(options->workers_per_target < most ? options->workers_per_target : most);
}

static Status runner_start(Runner *runner, const ControlPlaneOptions *plane_options,
                           Error *reterr) {
    const ConnectorOptions *options = plane_options->options;
    WorkPoolOptions pool = {
        .threads = (size_t)options->workers,
        .threads_per_lane = threads_per_lane(options),
        .queue_ceiling = QUEUE_CEILING + QUEUED_PER_SECRET * options->secrets.count,
    };
    runner->health = health_new();
    runner->executor.reachability = reachability_new(options);
    TRY(reporter_start(plane_options, &runner->reporter, reterr));
    TRY(work_pool_new(pool, &runner->pool, reterr));
    SweeperOptions sweeper = {
        .executor = &runner->executor, .pool = runner->pool, .reporter = runner->reporter};
    runner->sweeper = sweeper_new(&sweeper);
    return sweeper_start(runner->sweeper, reterr);
}

static bool has_commands(const ConnectorOptions *options) {
    for (size_t i = 0; i < options->secrets.count; i++)
        if (options->secrets.items[i].command.count > 0 || options->secrets.items[i].programs)
            return true;
    return false;
}

// When everything is set up; what is started later inherits it.
static Status confine(const ConnectorOptions *options, Error *reterr) {
    if (geteuid() == 0)
        log_event(LOG_WARNING, "process.root", "hint",
                  "run it as a user of its own: root is not needed, and a fault would cost more",
                  NULL);
    if (!sandbox_can_lock_memory())
        log_event(LOG_WARNING, "memory.not_locked", "hint",
                  "secrets may reach swap; raise LimitMEMLOCK (ulimit -l)", NULL);
    if (options->sandbox->seccomp == SECCOMP_OFF) {
        log_event(LOG_WARNING, "sandbox.off", "hint", "sandbox.seccomp is off", NULL);
        return STATUS_OK;
    }
    const SandboxNeeds needs = {
        .connects = true,
        .executes = has_commands(options),
        .for_sanitizers = SANITIZED,
    };
    TRY(sandbox_enter(&needs, reterr));
    log_event(LOG_INFO, "sandbox.entered", "listens", "no", "executes",
              needs.executes ? "yes" : "no", NULL);
    return STATUS_OK;
}

// In this order: nothing new begins, what runs comes to its end, its reports leave.
static void runner_done(Runner *runner) {
    if (runner->sweeper)
        sweeper_stop(runner->sweeper);
    runner->pool = work_pool_free(runner->pool);
    runner->reporter = reporter_stop(runner->reporter, REPORT_GRACE_MS);
    runner->sweeper = sweeper_free(runner->sweeper);
    runner->health = health_free(runner->health);
    runner->executor.reachability = reachability_free(runner->executor.reachability);
    monitor_done(&runner->monitor);
}

static void lock_release(int *lock) {
    if (*lock >= 0)
        close(*lock);
}

Status runner_run(const ConnectorOptions *options, Error *reterr) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    CLEANUP(signing_key_freep) SigningKey *key = NULL;
    Identity identity;
    CLEANUP(lock_release) int lock = -1;
    TRY(identity_load(arena, options->state_folder, &identity, &key, reterr));
    TRY(identity_lock(options->state_folder, &lock, reterr));
    signals_block();
    Runner runner = {.executor = {options, &identity, &SYSTEM_CLOCK, NULL}};
    monitor_init(&runner.monitor);
    ControlPlaneOptions plane_options = {.options = options,
                                         .identity = &identity,
                                         .key = key,
                                         .clock = &SYSTEM_CLOCK,
                                         .stop = &runner.stop};
    CLEANUP(control_plane_closep) ControlPlane *plane = NULL;
    Status status = control_plane_open(&plane_options, &plane, reterr);
    if (status == STATUS_OK)
        status = runner_start(&runner, &plane_options, reterr);
    if (status == STATUS_OK)
        status = confine(options, reterr);
    pthread_t signals;
    if (status == STATUS_OK && pthread_create(&signals, NULL, signal_main, &runner) != 0)
        status = error_set(reterr, STATUS_UNAVAILABLE, "no_thread", "cannot start a thread");
    if (status == STATUS_OK) {
        log_event(LOG_INFO, "connector.started", "version", DAYPASS_VERSION, "connector",
                  identity.connector, "instance", identity.instance, NULL);
        poll_loop(&runner, plane);
        pthread_join(signals, NULL);
        log_event(LOG_INFO, "connector.stops", NULL);
    }
    runner_done(&runner);
    return status;
}
