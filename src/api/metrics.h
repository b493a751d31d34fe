// Numbers about the API itself, kept in memory, and the text of /metrics (Prometheus exposition
// format 0.0.4).
#pragma once

#include "api/route.h"
#include "base/memory.h"
#include "store/store.h"

#include <stdint.h>

typedef struct Metrics Metrics;

Metrics *metrics_new(const RouteTable *table);
Metrics *metrics_free(Metrics *metrics);
DEFINE_CLEANUP(Metrics, metrics_free)

// A request of a route (NULL: of none) was answered. Thread-safe. `worked_us`: time in handlers,
// without the waiting of long polls.
void metrics_count_request(Metrics *metrics, const Route *route, int status, int64_t worked_us);
// A connector's poll was held this long before it was answered.
void metrics_count_poll(Metrics *metrics, int64_t held_ms);
void metrics_count_sign_in(Metrics *metrics, bool succeeded);
void metrics_count_clock_step(Metrics *metrics);
// When the listener's certificate ends; never told: there is none.
void metrics_set_certificate(Metrics *metrics, int64_t ends_at);

typedef struct MetricsSnapshot {
    int64_t now_ms;
    StoreNumbers numbers;
    int64_t connectors_ok, connectors_late, connectors_lost, connectors_never;
    int64_t parked;
} MetricsSnapshot;
const char *metrics_format(const Metrics *metrics, Arena *arena, const MetricsSnapshot *snapshot);
