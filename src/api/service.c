// What machines ask of the service itself.
#include "api/call.h"
#include "api/handlers.h"
#include "api/view.h"

#include "base/log.h"

Status service_health(Call *call, Error *reterr) {
    return call_reply_text(call, "text/plain; charset=utf-8", "ok\n");
}

// The proof writes to the store, and anybody may ask: once a second is often enough.
Status service_ready(Call *call, Error *reterr) {
    int64_t now_ms = clock_monotonic_ms(call->api->options.clock);
    int64_t proved_at = atomic_load(&call->api->proved_at);
    if (proved_at != 0 && now_ms - proved_at < SECOND_MS)
        return call_reply_text(call, "text/plain; charset=utf-8", "ready\n");
    Error error = {0};
    if (store_ping(call->api->options.store, &error) != STATUS_OK) {
        log_event(LOG_ERROR, "store.unavailable", "code", error.code, "message", error.message,
                  "detail", error.detail, NULL);
        return error_set(reterr, STATUS_UNAVAILABLE, "not_ready", "the store does not answer");
    }
    atomic_store(&call->api->proved_at, now_ms);
    return call_reply_text(call, "text/plain; charset=utf-8", "ready\n");
}

Status service_openapi(Call *call, Error *reterr) {
    return call_reply_text(call, "application/json", call->api->openapi);
}

Status service_metrics(Call *call, Error *reterr) {
    Store *store = call->api->options.store;
    MetricsSnapshot snapshot = {.now_ms = call_now_ms(call)};
    TRY(store_numbers(store, &snapshot.numbers, reterr));
    HttpServer *server = api_hold_server(call->api);
    if (server != NULL) {
        snapshot.parked = (int64_t)http_server_parked(server);
        api_release_server(call->api);
    }
    Connectors connectors = {0};
    TRY(store_list_connectors(store, call->arena, &connectors, reterr));
    int64_t *const counts[] = {
        [HEALTH_OK] = &snapshot.connectors_ok,
        [HEALTH_LATE] = &snapshot.connectors_late,
        [HEALTH_LOST] = &snapshot.connectors_lost,
        [HEALTH_NEVER] = &snapshot.connectors_never,
    };
    for (size_t i = 0; i < connectors.count; i++)
        ++*counts[connector_health(&connectors.items[i], call_now_ms(call))];
    return call_reply_text(call, "text/plain; version=0.0.4; charset=utf-8",
                           metrics_format(call->api->metrics, call->arena, &snapshot));
}
