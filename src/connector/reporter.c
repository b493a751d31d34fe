#include "connector/reporter.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "base/log.h"
#include "base/monitor.h"

enum { QUEUE_CEILING = 10000 };

typedef struct Entry {
    Arena *arena;
    const char *target;
    const char *body;
    const char *smaller; // without what may be large; NULL: there is none
    const char *what;    // for the log
    struct Entry *next;
} Entry;

struct Reporter {
    ControlPlane *plane;
    const Clock *clock;
    pthread_t thread;
    Monitor monitor;
    Entry *first;
    size_t count;
    bool stopping;
    int64_t give_up_ms; // monotonic; when stopping
};

static void entry_free(Entry *entry) {
    arena_free(entry->arena);
    mem_free(entry);
}

// A pause between tries; shorter when the end has come. Locked.
static void pause_between_tries(Reporter *reporter, int failures) {
    enum { LAST_TRIES_MS = 200 };
    int64_t start_ms = clock_monotonic_ms(reporter->clock);
    int64_t until_ms = start_ms + backoff_ms(failures);
    for (;;) {
        if (reporter->stopping && until_ms > start_ms + LAST_TRIES_MS)
            until_ms = start_ms + LAST_TRIES_MS;
        if (clock_monotonic_ms(reporter->clock) >= until_ms)
            return;
        monitor_wait_until(&reporter->monitor, until_ms);
    }
}

static bool is_over(const Reporter *reporter) {
    return reporter->stopping &&
           (!reporter->first || clock_monotonic_ms(reporter->clock) >= reporter->give_up_ms);
}

typedef enum Sent {
    SENT_SETTLED, // taken, or refused for good
    SENT_WAITS,   // nothing can be sent now
    SENT_FAILS,   // the control plane fails on this one
} Sent;

static Sent entry_send(Reporter *reporter, Entry *entry, int failures) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Error error = {0};
    Status status = control_plane_send(reporter->plane, arena, entry->target, entry->body, &error);
    if (status == STATUS_TOO_LARGE && entry->smaller) {
        log_event(LOG_WARNING, "report.cut", "report", entry->what, "code", error.code, "message",
                  error.message, NULL);
        entry->body = entry->smaller;
        entry->smaller = NULL;
        status = control_plane_send(reporter->plane, arena, entry->target, entry->body, &error);
    }
    if (status == STATUS_OK)
        return SENT_SETTLED;
    if (control_plane_may_retry(status)) {
        if (failures == 0)
            log_event(LOG_WARNING, "report.waits", "report", entry->what, "code", error.code,
                      "message", error.message, NULL);
        return status == STATUS_INTERNAL ? SENT_FAILS : SENT_WAITS;
    }
    log_event(LOG_ERROR, "report.refused", "report", entry->what, "code", error.code, "message",
              error.message, NULL);
    return SENT_SETTLED;
}

// Takes the first entry off the queue. Locked.
static Entry *queue_pop(Reporter *reporter) {
    Entry *entry = reporter->first;
    reporter->first = entry->next;
    entry->next = NULL;
    reporter->count--;
    return entry;
}

// Locked.
static void queue_append(Reporter *reporter, Entry *entry) {
    Entry **last = &reporter->first;
    while (*last)
        last = &(*last)->next;
    *last = entry;
    reporter->count++;
}

static void *reporter_main(void *argument) {
    Reporter *reporter = argument;
    int failures = 0;
    monitor_lock(&reporter->monitor);
    while (!is_over(reporter)) {
        Entry *entry = reporter->first;
        if (!entry) {
            monitor_wait(&reporter->monitor);
            continue;
        }
        monitor_unlock(&reporter->monitor);
        Sent sent = entry_send(reporter, entry, failures);
        monitor_lock(&reporter->monitor);
        if (sent == SENT_SETTLED) {
            failures = 0;
            entry_free(queue_pop(reporter));
            continue;
        }
        if (sent == SENT_FAILS)
            queue_append(reporter, queue_pop(reporter));
        pause_between_tries(reporter, ++failures);
    }
    monitor_unlock(&reporter->monitor);
    return NULL;
}

Status reporter_start(const ControlPlaneOptions *options, Reporter **ret_reporter, Error *reterr) {
    ControlPlaneOptions without_stop = *options;
    without_stop.stop = NULL; // reports still leave while the rest ends
    ControlPlane *plane = NULL;
    TRY(control_plane_open(&without_stop, &plane, reterr));
    Reporter *reporter = mem_alloc(sizeof(*reporter));
    reporter->plane = plane;
    reporter->clock = options->clock;
    monitor_init(&reporter->monitor);
    int failure = pthread_create(&reporter->thread, NULL, reporter_main, reporter);
    if (failure) {
        control_plane_close(plane);
        mem_free(reporter);
        return error_set(reterr, STATUS_UNAVAILABLE, "no_thread", "cannot start a thread: %s",
                         strerror(failure));
    }
    *ret_reporter = reporter;
    return STATUS_OK;
}

Reporter *reporter_stop(Reporter *reporter, int grace_ms) {
    if (!reporter)
        return NULL;
    monitor_lock(&reporter->monitor);
    reporter->stopping = true;
    reporter->give_up_ms = clock_monotonic_ms(reporter->clock) + grace_ms;
    monitor_wake(&reporter->monitor);
    monitor_unlock(&reporter->monitor);
    pthread_join(reporter->thread, NULL);
    while (reporter->first) {
        Entry *entry = reporter->first;
        reporter->first = entry->next;
        entry_free(entry);
    }
    control_plane_close(reporter->plane);
    monitor_done(&reporter->monitor);
    return mem_free(reporter);
}

// Takes the arena. An unimportant one is left out while others wait: a newer one will follow.
static void entry_add(Reporter *reporter, Entry take_entry, bool important) {
    Entry *entry = mem_alloc(sizeof(*entry));
    *entry = take_entry;
    monitor_lock(&reporter->monitor);
    bool room = reporter->count < QUEUE_CEILING && (important || reporter->count == 0);
    if (room) {
        queue_append(reporter, entry);
        monitor_wake(&reporter->monitor);
    }
    monitor_unlock(&reporter->monitor);
    if (room)
        return;
    if (important)
        log_event(LOG_ERROR, "report.dropped", "report", entry->what, "message",
                  "too many reports wait for the control plane", NULL);
    entry_free(entry);
}

// What counts for the control plane's state, without the evidence. That an outcome was there it
// learns all the same.
static const char *report_without_findings(Arena *arena, const ActionReport *report) {
    if (!report->outcome && !report->discovery && !report->checks)
        return NULL;
    ActionReport smaller = *report;
    smaller.discovery = NULL;
    smaller.checks = NULL;
    if (report->outcome) {
        json_t *outcome = json_keep(arena, json_copy((json_t *)(uintptr_t)report->outcome));
        json_object_del(outcome, "statements");
        json_object_del(outcome, "handed_over");
        json_object_del(outcome, "obstacles");
        smaller.outcome = outcome;
    }
    return shape_format(arena, &ACTION_REPORT_SHAPE, &smaller);
}

void reporter_add_report(Reporter *reporter, const ActionReport *report) {
    Arena *arena = arena_new();
    entry_add(reporter,
              (Entry){.arena = arena,
                      .target = CONTROL_PLANE_REPORT,
                      .body = shape_format(arena, &ACTION_REPORT_SHAPE, report),
                      .smaller = report_without_findings(arena, report),
                      .what = arena_strdup(arena, report->action_id)},
              true);
}

void reporter_add_sweep(Reporter *reporter, const SweepReport *report) {
    bool removed = false;
    for (size_t i = 0; i < report->accounts.count; i++)
        removed = removed || report->accounts.items[i].removed;
    Arena *arena = arena_new();
    entry_add(reporter,
              (Entry){.arena = arena,
                      .target = CONTROL_PLANE_SWEEP,
                      .body = shape_format(arena, &SWEEP_REPORT_SHAPE, report),
                      .what = arena_printf(arena, "sweep of %s", report->admin_secret)},
              removed);
}
