#include "connector/reporter.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault_point.h"
#include "base/log.h"
#include "base/monitor.h"

enum {
    QUEUE_CEILING = 10000,
    // The least that max_body of the control plane can be is 64 KiB.
    PAGE_BYTES = 48 * 1024,
};

typedef struct Entry {
    Arena *arena;
    const char *target;
    const char *body;
    const char *smaller; // without what may be large; NULL: there is none
    const char *what;    // for the log
    bool important;
    bool of_action; // somebody waits for it
    // Of a page of a sweep that tells of nothing but attempts that failed, or of what will be tried
    // again as often as it is found: what was tried, in words, a line for each account. What is
    // said again by a newer sweep need not be said twice. Empty: it tells of something that happens
    // once.
    StringList attempts;
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
    FAULT_POINT("report.before_sent");
    Status status = control_plane_send(reporter->plane, arena, entry->target, entry->body, &error);
    if (status == STATUS_TOO_LARGE && entry->smaller) {
        log_event(LOG_WARNING, "report.cut", "report", entry->what, "code", error.code, "message",
                  error.message, NULL);
        entry->body = entry->smaller;
        entry->smaller = NULL;
        status = control_plane_send(reporter->plane, arena, entry->target, entry->body, &error);
    }
    FAULT_POINT("report.sent");
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

// Locked. What came of actions goes ahead of sweeps, which may be long where many accounts end
// together; but not ahead of the first entry, which may be on its way.
static void queue_add(Reporter *reporter, Entry *entry) {
    Entry **at = &reporter->first;
    if (*at)
        at = &(*at)->next;
    while (*at && ((*at)->of_action || !entry->of_action))
        at = &(*at)->next;
    entry->next = *at;
    *at = entry;
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
            queue_add(reporter, queue_pop(reporter));
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

static bool has_all(const StringList *lines, const StringList *wanted) {
    for (size_t i = 0; i < wanted->count; i++)
        if (!string_list_has(lines, wanted->items[i]))
            return false;
    return true;
}

// Takes out pages of earlier sweeps that say nothing that these do not; not the first entry, which
// may be on its way. While the control plane is away a sweep a minute would fill the queue. Locked.
static Entry *queue_supersede(Reporter *reporter, const char *what, const StringList *attempts) {
    Entry *superseded = NULL;
    Entry **at = reporter->first ? &reporter->first->next : &reporter->first;
    while (*at) {
        Entry *entry = *at;
        if (!entry->attempts.count || !text_equal(entry->what, what) ||
            !has_all(attempts, &entry->attempts)) {
            at = &entry->next;
            continue;
        }
        *at = entry->next;
        entry->next = superseded;
        superseded = entry;
        reporter->count--;
    }
    return superseded;
}

// Takes entries that belong together. The unimportant ones are left out while others wait: newer
// ones will follow.
static void entries_add(Reporter *reporter, Entry *take_first) {
    monitor_lock(&reporter->monitor);
    bool idle = reporter->count == 0;
    Entry *left_out = NULL;
    while (take_first) {
        Entry *entry = take_first;
        take_first = entry->next;
        bool room = reporter->count < QUEUE_CEILING && (entry->important || idle);
        entry->next = room ? NULL : left_out;
        if (room)
            queue_add(reporter, entry);
        else
            left_out = entry;
    }
    monitor_wake(&reporter->monitor);
    monitor_unlock(&reporter->monitor);
    while (left_out) {
        Entry *entry = left_out;
        left_out = entry->next;
        if (entry->important)
            log_event(LOG_ERROR, "report.dropped", "report", entry->what, "message",
                      "too many reports wait for the control plane", NULL);
        entry_free(entry);
    }
}

// Keeps text alone: the JSON it was made of has parts that belong to the report's thread, and two
// threads must not let go of one value.
static Entry *entry_new(Entry from) {
    Entry *entry = mem_alloc(sizeof(*entry));
    *entry = from;
    entry->arena = arena_new();
    entry->body = arena_strdup(entry->arena, from.body);
    entry->smaller = arena_strdup(entry->arena, from.smaller);
    entry->what = arena_strdup(entry->arena, from.what);
    return entry;
}

// What counts for the control plane's state, without what may be large. That an outcome was there
// it learns all the same.
static const json_t *outcome_without_findings(Arena *arena, const json_t *outcome) {
    json_t *smaller = json_keep(arena, json_copy((json_t *)(uintptr_t)outcome));
    json_object_del(smaller, "statements");
    json_object_del(smaller, "handed_over");
    json_object_del(smaller, "obstacles");
    return smaller;
}

static const char *report_without_findings(Arena *arena, const ActionReport *report) {
    if (!report->outcome && !report->discovery && !report->checks)
        return NULL;
    ActionReport smaller = *report;
    smaller.discovery = NULL;
    smaller.checks = NULL;
    if (report->outcome)
        smaller.outcome = outcome_without_findings(arena, report->outcome);
    return shape_format(arena, &ACTION_REPORT_SHAPE, &smaller);
}

void reporter_add_report(Reporter *reporter, const ActionReport *report) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    entries_add(reporter, entry_new((Entry){
                              .target = CONTROL_PLANE_REPORT,
                              .body = shape_format(arena, &ACTION_REPORT_SHAPE, report),
                              .smaller = report_without_findings(arena, report),
                              .what = report->action_id,
                              .important = true,
                              .of_action = true,
                          }));
}

static const char *sweep_without_findings(Arena *arena, const SweepReport *page) {
    SweepReport smaller = *page;
    smaller.accounts.items = arena_alloc(arena, (page->accounts.count + 1) * sizeof(SweptAccount));
    bool any = false;
    for (size_t i = 0; i < page->accounts.count; i++) {
        smaller.accounts.items[i] = page->accounts.items[i];
        if (!page->accounts.items[i].outcome)
            continue;
        any = true;
        smaller.accounts.items[i].outcome =
            outcome_without_findings(arena, page->accounts.items[i].outcome);
    }
    return any ? shape_format(arena, &SWEEP_REPORT_SHAPE, &smaller) : NULL;
}

// What was tried on this account; NULL: nothing.
static const char *attempt_line(Arena *arena, const SweptAccount *account) {
    return account->outcome ? arena_printf(arena, "%s: %s", account->account,
                                           account->message ? account->message : "")
                            : NULL;
}

// That an account is gone, or what it owned is another's, is told of once.
static bool happens_once(const SweptAccount *account) {
    return account->removed ||
           json_array_size(json_object_get(account->outcome, "handed_over")) > 0;
}

static const char *sweep_name(Arena *arena, const SweepReport *page) {
    return arena_printf(arena, "sweep of %s", page->admin_secret);
}

static Entry *page_entry(const SweepReport *page) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Entry *entry = entry_new((Entry){
        .target = CONTROL_PLANE_SWEEP,
        .body = shape_format(arena, &SWEEP_REPORT_SHAPE, page),
        .smaller = sweep_without_findings(arena, page),
        .what = sweep_name(arena, page),
    });
    bool once = false;
    for (size_t i = 0; i < page->accounts.count; i++) {
        const char *attempt = attempt_line(entry->arena, &page->accounts.items[i]);
        once = once || happens_once(&page->accounts.items[i]);
        if (attempt)
            string_list_add(entry->arena, &entry->attempts, attempt);
    }
    entry->important = once || entry->attempts.count > 0;
    if (once)
        entry->attempts = (StringList){0};
    return entry;
}

static int by_account(const void *one, const void *other) {
    return strcmp(((const SweptAccount *)one)->account, ((const SweptAccount *)other)->account);
}

// As many of the first accounts as make a page.
static size_t page_count(const SweepReport *report, const SweptAccounts *left) {
    size_t bytes = 0;
    for (size_t i = 0; i < left->count; i++) {
        CLEANUP(arena_freep) Arena *arena = arena_new();
        SweepReport alone = *report;
        alone.accounts = (SweptAccounts){&left->items[i], 1};
        bytes += strlen(shape_format(arena, &SWEEP_REPORT_SHAPE, &alone));
        if (bytes > PAGE_BYTES && i > 0)
            return i;
    }
    return left->count;
}

static void forget_earlier(Reporter *reporter, const SweepReport *report) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    StringList attempts = {0};
    for (size_t i = 0; i < report->accounts.count; i++) {
        const char *attempt = attempt_line(arena, &report->accounts.items[i]);
        if (attempt)
            string_list_add(arena, &attempts, attempt);
    }
    if (!attempts.count)
        return;
    monitor_lock(&reporter->monitor);
    Entry *superseded = queue_supersede(reporter, sweep_name(arena, report), &attempts);
    monitor_unlock(&reporter->monitor);
    while (superseded) {
        Entry *entry = superseded;
        superseded = entry->next;
        entry_free(entry);
    }
}

void reporter_add_sweep(Reporter *reporter, const SweepReport *report) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    SweptAccounts left = {
        .items = arena_alloc(arena, (report->accounts.count + 1) * sizeof(SweptAccount))};
    while (left.count < report->accounts.count) {
        left.items[left.count] = report->accounts.items[left.count];
        left.count++;
    }
    qsort(left.items, left.count, sizeof(SweptAccount), by_account);
    SweepReport page = *report;
    Entry *first = NULL;
    Entry **last = &first;
    do {
        page.accounts = left;
        page.accounts.count = page_count(report, &left);
        left.items += page.accounts.count;
        left.count -= page.accounts.count;
        page.until = left.count ? page.accounts.items[page.accounts.count - 1].account : NULL;
        *last = page_entry(&page);
        last = &(*last)->next;
        page.after = page.until;
    } while (left.count > 0);
    forget_earlier(reporter, report);
    entries_add(reporter, first);
}
