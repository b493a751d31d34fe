#include "driver/odbc/connection.h"

#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "base/monitor.h"
#include "driver/odbc/call.h"
#include "driver/odbc/wide_text.h"

enum {
    DEFAULT_CONNECT_MS = 10000,
    DEFAULT_STATEMENT_MS = 30000,
    DEFAULT_GRACE_MS = 3000,
    // Couriers whose driver never came back. Each is a thread and a connection for as long as that
    // lasts.
    LEFT_BEHIND_MAX = 32,
};

typedef enum Task {
    TASK_NONE,
    TASK_OPEN,
    TASK_RUN,
    TASK_AUTOCOMMIT_ON,
    TASK_AUTOCOMMIT_OFF,
    TASK_COMMIT,
    TASK_ROLLBACK,
    TASK_CLOSE,
} Task;

struct OdbcConnection {
    Monitor monitor; // of task, left_behind, users
    OdbcCalls calls;
    OdbcWork work; // the courier's while it has a task, otherwise the caller's; and so the answer
    OdbcAnswer answer;
    Task task;
    bool cancels;     // somebody does; what comes next must not be hit by that
    bool left_behind; // by the caller: the courier tidies up when, if ever, it is through
    int users;        // the caller, the courier, and whoever cancels
    bool lost;        // the caller's
    int connect_timeout_ms;
    int statement_timeout_ms;
    int grace_ms;
};

static atomic_int left_behind;

static void release(OdbcConnection *connection) {
    monitor_lock(&connection->monitor);
    bool is_last = --connection->users == 0;
    monitor_unlock(&connection->monitor);
    if (!is_last)
        return;
    monitor_done(&connection->monitor);
    odbc_calls_done(&connection->calls);
    mem_free(connection);
}

static void clear_work(OdbcWork *work) {
    buffer_done(&work->text);
    for (size_t i = 0; i < work->parameter_count; i++)
        buffer_done(&work->parameters[i]);
    mem_free(work->parameters);
    arena_free(work->arena);
    *work = (OdbcWork){0};
}

// ---- The courier --------------------------------------------------------------------------------

static void perform(OdbcConnection *connection, Task task) {
    OdbcCalls *calls = &connection->calls;
    const OdbcWork *work = &connection->work;
    OdbcAnswer *answer = &connection->answer;
    switch (task) {
    case TASK_OPEN:
        odbc_call_open(calls, work, answer);
        break;
    case TASK_RUN:
        odbc_call_run(calls, work, answer);
        break;
    case TASK_AUTOCOMMIT_ON:
    case TASK_AUTOCOMMIT_OFF:
        odbc_call_autocommit(calls, task == TASK_AUTOCOMMIT_ON, work, answer);
        break;
    case TASK_COMMIT:
    case TASK_ROLLBACK:
        odbc_call_end(calls, task == TASK_COMMIT, work, answer);
        break;
    case TASK_NONE:
    case TASK_CLOSE:
        odbc_call_close(calls);
        break;
    }
}

static Task await_task(OdbcConnection *connection) {
    monitor_lock(&connection->monitor);
    while (connection->task == TASK_NONE && !connection->left_behind)
        monitor_wait(&connection->monitor);
    Task task = connection->task;
    monitor_unlock(&connection->monitor);
    return task;
}

static void *carry_tasks(void *connection_pointer) {
    OdbcConnection *connection = connection_pointer;
    bool is_alone = false;
    for (Task task = TASK_NONE; task != TASK_CLOSE && !is_alone;) {
        task = await_task(connection);
        perform(connection, task);
        monitor_lock(&connection->monitor);
        connection->task = TASK_NONE;
        is_alone = connection->left_behind;
        monitor_wake(&connection->monitor);
        monitor_unlock(&connection->monitor);
    }
    if (is_alone) {
        odbc_call_close(&connection->calls);
        clear_work(&connection->work);
        atomic_fetch_sub(&left_behind, 1);
    }
    release(connection);
    return NULL;
}

static void *cancel(void *connection_pointer) {
    OdbcConnection *connection = connection_pointer;
    odbc_call_cancel(&connection->calls);
    monitor_lock(&connection->monitor);
    connection->cancels = false;
    monitor_wake(&connection->monitor);
    monitor_unlock(&connection->monitor);
    release(connection);
    return NULL;
}

static bool start_thread(OdbcConnection *connection, void *(*run)(void *)) {
    monitor_lock(&connection->monitor);
    connection->users++;
    monitor_unlock(&connection->monitor);
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, connection) == 0) {
        pthread_detach(thread);
        return true;
    }
    release(connection);
    return false;
}

// ---- The caller ---------------------------------------------------------------------------------

static bool is_busy(const OdbcConnection *connection) {
    return connection->task != TASK_NONE || connection->cancels;
}

// False: the courier is still about it.
static bool await_courier(OdbcConnection *connection, int64_t until_ms) {
    bool in_time = true;
    while (is_busy(connection) && in_time)
        in_time = monitor_wait_until(&connection->monitor, until_ms);
    return !is_busy(connection);
}

static void start_cancelling(OdbcConnection *connection) {
    connection->cancels = true;
    monitor_unlock(&connection->monitor);
    bool started = start_thread(connection, cancel);
    monitor_lock(&connection->monitor);
    if (!started)
        connection->cancels = false;
}

// False: the courier was left behind with it.
static bool carry(OdbcConnection *connection, Task task, int limit_ms) {
    int64_t until_ms = clock_monotonic_ms(&SYSTEM_CLOCK) + limit_ms + connection->grace_ms;
    connection->answer = (OdbcAnswer){.affected = -1};
    monitor_lock(&connection->monitor);
    connection->task = task;
    monitor_wake(&connection->monitor);
    bool is_done = await_courier(connection, until_ms);
    if (!is_done && task == TASK_RUN) {
        start_cancelling(connection);
        is_done = await_courier(connection, until_ms + connection->grace_ms);
    }
    if (!is_done) {
        connection->left_behind = true;
        connection->lost = true;
        atomic_fetch_add(&left_behind, 1);
        monitor_wake(&connection->monitor);
    }
    monitor_unlock(&connection->monitor);
    return is_done;
}

static void free_arena(void *arena) {
    arena_free(arena);
}

// Gives the courier a task, and its answer to the caller's arena.
static void exchange(OdbcConnection *connection, Task task, int limit_ms, Arena *arena,
                     OdbcAnswer *ret_answer) {
    connection->work.arena = arena_new();
    connection->work.timeout_s = (limit_ms + SECOND_MS - 1) / SECOND_MS;
    if (!carry(connection, task, limit_ms)) {
        *ret_answer = (OdbcAnswer){.kind = ODBC_TOO_LATE, .affected = -1};
        return;
    }
    *ret_answer = connection->answer;
    arena_on_free(arena, free_arena, connection->work.arena);
    connection->work.arena = NULL;
    clear_work(&connection->work);
    connection->lost |= ret_answer->kind == ODBC_LOST;
}

static int or_default(int value, int otherwise) {
    return value > 0 ? value : otherwise;
}

static OdbcConnection *connection_new(const OdbcLogin *login) {
    OdbcConnection *connection = mem_alloc(sizeof *connection);
    monitor_init(&connection->monitor);
    odbc_calls_init(&connection->calls);
    connection->users = 1;
    connection->connect_timeout_ms = or_default(login->connect_timeout_ms, DEFAULT_CONNECT_MS);
    connection->statement_timeout_ms =
        or_default(login->statement_timeout_ms, DEFAULT_STATEMENT_MS);
    connection->grace_ms = or_default(login->grace_ms, DEFAULT_GRACE_MS);
    return connection;
}

Status odbc_connection_open(const OdbcLogin *login, Arena *arena, OdbcAnswer *ret_answer,
                            OdbcConnection **ret_connection, Error *reterr) {
    CLEANUP(buffer_done) Buffer string = {.wipe = true};
    TRY(odbc_connection_string_add(&string, login->settings, login->setting_count, login->braces,
                                   reterr));
    if (atomic_load(&left_behind) >= LEFT_BEHIND_MAX)
        return error_set(reterr, STATUS_UNAVAILABLE, "odbc_exhausted",
                         "%d ODBC connections of this connector hang in their driver; it opens no "
                         "more until some of them come back",
                         LEFT_BEHIND_MAX);
    OdbcConnection *connection = connection_new(login);
    connection->work.text.wipe = true;
    bool is_text = wide_text_add(&connection->work.text, buffer_text(&string), true);
    if (!is_text || !start_thread(connection, carry_tasks)) {
        clear_work(&connection->work);
        release(connection);
        return error_set(reterr, STATUS_UNAVAILABLE, "odbc_exhausted",
                         "the connector cannot start another thread; raise its LimitNPROC");
    }
    exchange(connection, TASK_OPEN, connection->connect_timeout_ms, arena, ret_answer);
    *ret_connection =
        ret_answer->kind == ODBC_DONE ? connection : odbc_connection_close(connection);
    return STATUS_OK;
}

OdbcConnection *odbc_connection_close(OdbcConnection *connection) {
    if (connection == NULL)
        return NULL;
    if (!connection->left_behind)
        (void)carry(connection, TASK_CLOSE, connection->grace_ms);
    release(connection);
    return NULL;
}

static bool add_parameters(OdbcWork *work, const OdbcQuery *query) {
    if (query->parameter_count == 0)
        return true;
    work->parameters = mem_alloc(query->parameter_count * sizeof(Buffer));
    work->parameter_count = query->parameter_count;
    bool is_text = true;
    for (size_t i = 0; i < query->parameter_count; i++) {
        work->parameters[i].wipe = true;
        if (query->parameters[i] != NULL)
            is_text &= wide_text_add(&work->parameters[i], query->parameters[i], true);
    }
    return is_text;
}

static void give_lost(OdbcAnswer *ret_answer) {
    *ret_answer = (OdbcAnswer){.kind = ODBC_LOST, .affected = -1};
}

void odbc_connection_run(OdbcConnection *connection, Arena *arena, const OdbcQuery *query,
                         OdbcAnswer *ret_answer) {
    if (connection->lost) {
        give_lost(ret_answer);
        return;
    }
    connection->work.text.wipe = true;
    if (!wide_text_add(&connection->work.text, query->sql, true) ||
        !add_parameters(&connection->work, query)) {
        clear_work(&connection->work);
        *ret_answer = (OdbcAnswer){.kind = ODBC_REFUSED, .affected = -1};
        return;
    }
    exchange(connection, TASK_RUN, connection->statement_timeout_ms, arena, ret_answer);
}

void odbc_connection_autocommit(OdbcConnection *connection, Arena *arena, bool on,
                                OdbcAnswer *ret_answer) {
    if (connection->lost)
        give_lost(ret_answer);
    else
        exchange(connection, on ? TASK_AUTOCOMMIT_ON : TASK_AUTOCOMMIT_OFF,
                 connection->statement_timeout_ms, arena, ret_answer);
}

void odbc_connection_end(OdbcConnection *connection, Arena *arena, bool commits,
                         OdbcAnswer *ret_answer) {
    if (connection->lost)
        give_lost(ret_answer);
    else
        exchange(connection, commits ? TASK_COMMIT : TASK_ROLLBACK,
                 connection->statement_timeout_ms, arena, ret_answer);
}

bool odbc_connection_is_lost(const OdbcConnection *connection) {
    return connection->lost;
}
