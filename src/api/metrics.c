#include "api/metrics.h"

#include "base/buffer.h"
#include "base/clock.h"

#include <assert.h>
#include <stdatomic.h>

static const int64_t REQUEST_BOUNDS_US[] = {1000,   5000,   10000,   50000,
                                            100000, 500000, 1000000, 5000000};
static const int64_t POLL_BOUNDS_MS[] = {10, 100, 1000, 5000, 10000, 20000, 30000, 60000};
enum { BOUNDS = 8, CLASSES = 6 };
static_assert(COUNT_OF(REQUEST_BOUNDS_US) == BOUNDS && COUNT_OF(POLL_BOUNDS_MS) == BOUNDS,
              "bounds");

typedef struct Histogram {
    atomic_llong count, sum;
    atomic_llong at_most[BOUNDS]; // not cumulative; what is above the last is only in count
} Histogram;

typedef struct RouteNumbers {
    Histogram duration_us;
    atomic_llong answers[CLASSES]; // by the first digit of the HTTP status
} RouteNumbers;

struct Metrics {
    const RouteTable *table;
    Histogram poll_ms;
    atomic_llong sign_ins[2]; // failed, succeeded
    atomic_llong clock_steps;
    atomic_llong certificate_ends_at; // 0: there is none
    RouteNumbers routes[];            // one more than the table: requests of no route
};

Metrics *metrics_new(const RouteTable *table) {
    Metrics *metrics =
        mem_alloc(sizeof(*metrics) + (table->count + 1) * sizeof(metrics->routes[0]));
    metrics->table = table;
    return metrics;
}

Metrics *metrics_free(Metrics *metrics) {
    return mem_free(metrics);
}

static void histogram_add(Histogram *histogram, const int64_t bounds[BOUNDS], int64_t value) {
    atomic_fetch_add(&histogram->count, 1);
    atomic_fetch_add(&histogram->sum, value);
    for (size_t i = 0; i < BOUNDS; i++) {
        if (value <= bounds[i]) {
            atomic_fetch_add(&histogram->at_most[i], 1);
            return;
        }
    }
}

void metrics_count_request(Metrics *metrics, const Route *route, int status, int64_t worked_us) {
    size_t index = route != NULL ? (size_t)(route - metrics->table->routes) : metrics->table->count;
    RouteNumbers *numbers = &metrics->routes[index];
    histogram_add(&numbers->duration_us, REQUEST_BOUNDS_US, worked_us);
    if (status >= 100 && status < 600)
        atomic_fetch_add(&numbers->answers[status / 100], 1);
}

void metrics_count_poll(Metrics *metrics, int64_t held_ms) {
    histogram_add(&metrics->poll_ms, POLL_BOUNDS_MS, held_ms);
}

void metrics_count_sign_in(Metrics *metrics, bool succeeded) {
    atomic_fetch_add(&metrics->sign_ins[succeeded], 1);
}

void metrics_count_clock_step(Metrics *metrics) {
    atomic_fetch_add(&metrics->clock_steps, 1);
}

void metrics_set_certificate(Metrics *metrics, int64_t ends_at) {
    atomic_store(&metrics->certificate_ends_at, ends_at);
}

// ---- Text -------------------------------------------------------------------------------------

static void head(Buffer *text, const char *name, const char *type, const char *help) {
    buffer_addf(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void gauge(Buffer *text, const char *name, const char *help, int64_t value) {
    head(text, name, "gauge", help);
    buffer_addf(text, "%s %lld\n", name, (long long)value);
}

// labels is "" or `route="…",`; unit: how many of the histogram's units make a second.
static void histogram_text(Buffer *text, const char *name, const char *labels,
                           const Histogram *histogram, const int64_t bounds[BOUNDS], double unit) {
    // Read first: what is counted meanwhile must not make a bucket exceed the total.
    long long below = 0;
    for (size_t i = 0; i < BOUNDS; i++) {
        below += atomic_load(&histogram->at_most[i]);
        buffer_addf(text, "%s_bucket{%sle=\"%g\"} %lld\n", name, labels, (double)bounds[i] / unit,
                    below);
    }
    long long count = atomic_load(&histogram->count);
    count = count < below ? below : count;
    buffer_addf(text, "%s_bucket{%sle=\"+Inf\"} %lld\n", name, labels, count);
    size_t length = strlen(labels); // without the last comma
    buffer_addf(text, "%s_sum%s%.*s%s %g\n", name, length > 0 ? "{" : "",
                length > 0 ? (int)length - 1 : 0, labels, length > 0 ? "}" : "",
                (double)atomic_load(&histogram->sum) / unit);
    buffer_addf(text, "%s_count%s%.*s%s %lld\n", name, length > 0 ? "{" : "",
                length > 0 ? (int)length - 1 : 0, labels, length > 0 ? "}" : "", count);
}

static const char *operation_of(const Metrics *metrics, size_t index) {
    return index < metrics->table->count ? metrics->table->routes[index].operation : "none";
}

static void requests_text(Buffer *text, const Metrics *metrics, Arena *arena) {
    static const char DURATION[] = "daypass_http_request_duration_seconds";
    head(text, DURATION, "histogram",
         "Time spent working on requests; the waiting of long polls is not counted");
    for (size_t i = 0; i <= metrics->table->count; i++) {
        const RouteNumbers *numbers = &metrics->routes[i];
        if (atomic_load(&numbers->duration_us.count) > 0)
            histogram_text(text, DURATION,
                           arena_printf(arena, "route=\"%s\",", operation_of(metrics, i)),
                           &numbers->duration_us, REQUEST_BOUNDS_US, 1e6);
    }
    head(text, "daypass_http_requests_total", "counter", "Requests answered, by route and status");
    for (size_t i = 0; i <= metrics->table->count; i++) {
        for (size_t class = 1; class < CLASSES; class ++) {
            long long count = atomic_load(&metrics->routes[i].answers[class]);
            if (count > 0)
                buffer_addf(text,
                            "daypass_http_requests_total{route=\"%s\",status=\"%zuxx\"} %lld\n",
                            operation_of(metrics, i), class, count);
        }
    }
}

static void grants_text(Buffer *text, const StoreNumbers *numbers) {
    head(text, "daypass_grants", "gauge", "Requests and grants by state");
    for (int state = 0; state < GRANT_STATE_COUNT_; state++)
        buffer_addf(text, "daypass_grants{state=\"%s\"} %lld\n", enum_name(&GRANT_STATES, state),
                    (long long)numbers->grants_by_state[state]);
    gauge(text, "daypass_revocations_overdue",
          "Revocations that take longer than a minute: access that had to be over",
          numbers->overdue_revocations);
    gauge(text, "daypass_actions_queued", "Work that waits for a connector",
          numbers->actions_queued);
    gauge(text, "daypass_grants_drifted", "Live grants whose account was altered on the target",
          numbers->grants_drifted);
    gauge(text, "daypass_grants_widened", "Of these, those with more access than was given",
          numbers->grants_widened);
    head(text, "daypass_orphans", "gauge", "Accounts on targets that no grant explains, by kind");
    for (int kind = 0; kind < ORPHAN_KIND_COUNT_; kind++)
        buffer_addf(text, "daypass_orphans{kind=\"%s\"} %lld\n", enum_name(&ORPHAN_KINDS, kind),
                    (long long)numbers->orphans_by_kind[kind]);
    static const char LATENESS[] = "daypass_revocation_lateness_seconds";
    head(text, LATENESS, "histogram",
         "From when an access had to be over to its account seen gone");
    for (size_t i = 0; i < COUNT_OF(STORE_LATENESS_BOUNDS_MS); i++)
        buffer_addf(text, "%s_bucket{le=\"%lld\"} %lld\n", LATENESS,
                    (long long)(STORE_LATENESS_BOUNDS_MS[i] / SECOND_MS),
                    (long long)numbers->lateness_le[i]);
    buffer_addf(text, "%s_bucket{le=\"+Inf\"} %lld\n%s_sum %g\n%s_count %lld\n", LATENESS,
                (long long)numbers->lateness_count, LATENESS,
                (double)numbers->lateness_ms_sum / SECOND_MS, LATENESS,
                (long long)numbers->lateness_count);
}

static void host_text(Buffer *text, const Metrics *metrics, int64_t now_ms) {
    head(text, "daypass_clock_steps_total", "counter",
         "Times that this host's clock was set by more than two seconds");
    buffer_addf(text, "daypass_clock_steps_total %lld\n",
                (long long)atomic_load(&metrics->clock_steps));
    long long ends_at = atomic_load(&metrics->certificate_ends_at);
    if (ends_at != 0)
        gauge(text, "daypass_certificate_expires_seconds",
              "Until the TLS certificate of daypassd is over; negative afterwards",
              (ends_at - now_ms) / SECOND_MS);
}

const char *metrics_format(const Metrics *metrics, Arena *arena, const MetricsSnapshot *snapshot) {
    Buffer text = {0};
    head(&text, "daypass_build_info", "gauge", "Version of daypassd");
    buffer_addf(&text, "daypass_build_info{version=\"%s\"} 1\n", DAYPASS_VERSION);
    grants_text(&text, &snapshot->numbers);
    head(&text, "daypass_connectors", "gauge", "Connectors by the health of their best instance");
    buffer_addf(&text,
                "daypass_connectors{health=\"ok\"} %lld\n"
                "daypass_connectors{health=\"late\"} %lld\n"
                "daypass_connectors{health=\"lost\"} %lld\n"
                "daypass_connectors{health=\"never\"} %lld\n",
                (long long)snapshot->connectors_ok, (long long)snapshot->connectors_late,
                (long long)snapshot->connectors_lost, (long long)snapshot->connectors_never);
    gauge(&text, "daypass_http_parked", "Requests that wait", snapshot->parked);
    host_text(&text, metrics, snapshot->now_ms);
    head(&text, "daypass_sign_ins_total", "counter", "Sign-ins by outcome");
    buffer_addf(&text,
                "daypass_sign_ins_total{outcome=\"failed\"} %lld\n"
                "daypass_sign_ins_total{outcome=\"succeeded\"} %lld\n",
                (long long)atomic_load(&metrics->sign_ins[0]),
                (long long)atomic_load(&metrics->sign_ins[1]));
    head(&text, "daypass_poll_latency_seconds", "histogram",
         "How long a connector's poll was held before it was answered");
    histogram_text(&text, "daypass_poll_latency_seconds", "", &metrics->poll_ms, POLL_BOUNDS_MS,
                   (double)SECOND_MS);
    requests_text(&text, metrics, arena);
    const char *kept = arena_strdup(arena, buffer_text(&text));
    buffer_done(&text);
    return kept;
}
