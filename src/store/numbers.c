#include "store/store_internal.h"

const int64_t STORE_LATENESS_BOUNDS_MS[8] = {
    1 * SECOND_MS,   5 * SECOND_MS,   15 * SECOND_MS,   60 * SECOND_MS,
    300 * SECOND_MS, 900 * SECOND_MS, 3600 * SECOND_MS, 86400LL * SECOND_MS,
};

int64_t lateness_since(const Operation *operation, int64_t since_at) {
    return operation->now_ms > since_at ? operation->now_ms - since_at : 0;
}

Status lateness_add(Operation *operation, int64_t late_ms, Error *reterr) {
    Parameter parameters[] = {parameter_int(late_ms)};
    return operation_run(operation,
                         "UPDATE lateness SET count = count + 1, sum_ms = sum_ms + $1"
                         " WHERE bound_ms = (SELECT MIN(bound_ms) FROM lateness"
                         "   WHERE bound_ms >= $1)",
                         parameters, COUNT_OF(parameters), NULL, reterr);
}

static Status count_grants(Operation *operation, StoreNumbers *numbers, Error *reterr) {
    Rows rows;
    TRY(operation_run(operation, "SELECT state, count(*) FROM grants GROUP BY state", NULL, 0,
                      &rows, reterr));
    for (size_t i = 0; i < rows.count; i++) {
        int state = 0;
        if (enum_find(&GRANT_STATES, rows.items[i].text[0], &state))
            numbers->grants_by_state[state] = rows.items[i].integer[1];
    }
    TRY(overdue_count(operation, &numbers->overdue_revocations, reterr));
    TRY(operation_run(operation, "SELECT count(*) FROM actions WHERE state = 'queued'", NULL, 0,
                      &rows, reterr));
    numbers->actions_queued = rows.items[0].integer[0];
    return STATUS_OK;
}

static Status count_findings(Operation *operation, StoreNumbers *numbers, Error *reterr) {
    Rows rows;
    TRY(operation_run(operation,
                      "SELECT drifted, count(*) FROM grants WHERE drifted > 0 GROUP BY drifted",
                      NULL, 0, &rows, reterr));
    for (size_t i = 0; i < rows.count; i++) {
        numbers->grants_drifted += rows.items[i].integer[1];
        if (rows.items[i].integer[0] == GRANT_WIDENED)
            numbers->grants_widened += rows.items[i].integer[1];
    }
    TRY(operation_run(operation, "SELECT kind, count(*) FROM orphans GROUP BY kind", NULL, 0, &rows,
                      reterr));
    for (size_t i = 0; i < rows.count; i++) {
        int kind = 0;
        if (enum_find(&ORPHAN_KINDS, rows.items[i].text[0], &kind))
            numbers->orphans_by_kind[kind] = rows.items[i].integer[1];
    }
    return STATUS_OK;
}

static Status read_lateness(Operation *operation, StoreNumbers *numbers, Error *reterr) {
    Rows rows;
    TRY(operation_run(operation, "SELECT bound_ms, count, sum_ms FROM lateness", NULL, 0, &rows,
                      reterr));
    for (size_t i = 0; i < rows.count; i++) {
        const int64_t *row = rows.items[i].integer;
        numbers->lateness_count += row[1];
        numbers->lateness_ms_sum += row[2];
        for (size_t j = 0; j < COUNT_OF(STORE_LATENESS_BOUNDS_MS); j++) {
            if (row[0] <= STORE_LATENESS_BOUNDS_MS[j])
                numbers->lateness_le[j] += row[1];
        }
    }
    return STATUS_OK;
}

static Status read_numbers(Operation *operation, void *work, Error *reterr) {
    StoreNumbers *numbers = work;
    *numbers = (StoreNumbers){0};
    TRY(count_grants(operation, numbers, reterr));
    TRY(count_findings(operation, numbers, reterr));
    return read_lateness(operation, numbers, reterr);
}

Status store_numbers(Store *store, StoreNumbers *ret_numbers, Error *reterr) {
    StoreNumbers numbers;
    TRY(store_read(store, NULL, read_numbers, &numbers, reterr));
    *ret_numbers = numbers;
    return STATUS_OK;
}
