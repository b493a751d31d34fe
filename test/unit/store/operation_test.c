// What operations are made of: repeating after a lost race, announcing after the commit, pauses.
#include "unit/base/cases.h"

#include "store/store_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct Bench {
    char folder[64];
    char *path;
    SigningKey *key;
    Store *store;
    int announced;
} Bench;

static void announced(void *context, const char *connector) {
    ((Bench *)context)->announced++;
}

static int bench_setup(void **state) {
    Bench *bench = mem_alloc(sizeof(*bench));
    *state = bench;
    snprintf(bench->folder, sizeof(bench->folder), "/tmp/daypass-store-XXXXXX");
    assert_non_null(mkdtemp(bench->folder));
    bench->path = mem_printf("%s/daypass.db", bench->folder);
    bench->key = signing_key_new();
    CLEANUP(mem_freep) char *url = mem_printf("sqlite:%s", bench->path);
    StoreOptions options = {.url = url, .clock = &SYSTEM_CLOCK, .audit_key = bench->key};
    Error error = {0};
    assert_int_equal(store_open(&options, &bench->store, &error), STATUS_OK);
    StoreWatch watch = {.context = bench, .work_queued = announced};
    store_watch(bench->store, &watch);
    return 0;
}

static int bench_teardown(void **state) {
    Bench *bench = *state;
    store_close(bench->store);
    signing_key_free(bench->key);
    unlink(bench->path);
    assert_int_equal(rmdir(bench->folder), 0); // and nothing else is left beside the file
    mem_free(bench->path);
    mem_free(bench);
    return 0;
}

#define BENCH_CASE(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

typedef struct RaceWork {
    int runs;
    int lost; // how often another was first
} RaceWork;

static Status write_and_lose(Operation *operation, void *work_, Error *reterr) {
    RaceWork *work = work_;
    work->runs++;
    operation_wake(operation, "main");
    AuditNote note = {.event = "test.happened"};
    TRY(audit_append(operation, &note, reterr));
    return work->runs <= work->lost ? operation_raced(reterr) : STATUS_OK;
}

static int64_t trail_length(Bench *bench) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    AuditEvent head = {0};
    assert_int_equal(store_audit_head(bench->store, arena, &head, NULL), STATUS_OK);
    return head.sequence;
}

static void a_lost_race_runs_again_from_its_start(void **state) {
    Bench *bench = *state;
    RaceWork work = {.lost = 3};
    Error error = {0};
    assert_int_equal(store_write(bench->store, NULL, NULL, write_and_lose, &work, &error),
                     STATUS_OK);
    assert_int_equal(work.runs, 4);
    assert_int_equal(trail_length(bench), 1);
    assert_int_equal(bench->announced, 1);
    assert_int_equal(error.status, STATUS_OK);
}

static void a_race_lost_for_ever_is_said(void **state) {
    Bench *bench = *state;
    RaceWork work = {.lost = 1000};
    Error error = {0};
    assert_int_equal(store_write(bench->store, NULL, NULL, write_and_lose, &work, &error),
                     STATUS_CONFLICT);
    assert_string_equal(error.code, "store_raced");
    assert_int_equal(trail_length(bench), 0);
    assert_int_equal(bench->announced, 0);
}

static Status write_and_fail(Operation *operation, void *work, Error *reterr) {
    operation_wake(operation, "main");
    AuditNote note = {.event = "test.happened"};
    TRY(audit_append(operation, &note, reterr));
    return error_set(reterr, STATUS_INVALID, "no_good", "it is no good");
}

static void a_failure_leaves_and_announces_nothing(void **state) {
    Bench *bench = *state;
    Error error = {0};
    assert_int_equal(store_write(bench->store, NULL, NULL, write_and_fail, NULL, &error),
                     STATUS_INVALID);
    assert_string_equal(error.code, "no_good");
    assert_int_equal(trail_length(bench), 0);
    assert_int_equal(bench->announced, 0);
    assert_int_equal(store_write(bench->store, NULL, NULL, write_and_fail, NULL, NULL),
                     STATUS_INVALID);
}

static Status write_while_reading(Operation *operation, void *work, Error *reterr) {
    AuditNote note = {.event = "test.happened"};
    return audit_append(operation, &note, reterr);
}

static void reading_cannot_write(void **state) {
    Bench *bench = *state;
    Error error = {0};
    assert_int_equal(store_read(bench->store, NULL, write_while_reading, NULL, &error),
                     STATUS_UNAVAILABLE);
    assert_string_equal(error.code, "store_denied");
    assert_int_equal(trail_length(bench), 0);
}

// ---- Statements ---------------------------------------------------------------------------------

static Status use_parameters(Operation *operation, void *work, Error *reterr) {
    Parameter parameters[] = {parameter_int(-9), parameter_text("zw\xc3\xb6lf"),
                              parameter_text(NULL)};
    Rows rows;
    // SQLite would number them by where they stand first.
    TRY(operation_run(operation, "SELECT $3, $2, $1, $1 + 1, '12', 'x'", parameters,
                      COUNT_OF(parameters), &rows, reterr));
    assert_int_equal(rows.count, 1);
    assert_null(rows.items[0].text[0]);
    assert_int_equal(rows.items[0].integer[0], 0);
    assert_string_equal(rows.items[0].text[1], "zw\xc3\xb6lf");
    assert_int_equal(rows.items[0].integer[2], -9);
    assert_string_equal(rows.items[0].text[2], "-9");
    assert_int_equal(rows.items[0].integer[3], -8);
    assert_string_equal(rows.items[0].text[4], "12");
    assert_int_equal(rows.items[0].integer[5], 0);
    return STATUS_OK;
}

static void parameters_are_numbered_not_counted(void **state) {
    Bench *bench = *state;
    assert_int_equal(store_read(bench->store, NULL, use_parameters, NULL, NULL), STATUS_OK);
}

static Status use_many_statements(Operation *operation, void *work, Error *reterr) {
    for (int i = 0; i < 1000; i++) {
        Rows rows;
        const char *sql = arena_printf(operation->arena, "SELECT %d", i % 300);
        TRY(operation_run(operation, sql, NULL, 0, &rows, reterr));
        assert_int_equal(rows.items[0].integer[0], i % 300);
    }
    return STATUS_OK;
}

static void statements_beyond_the_cache_work(void **state) {
    Bench *bench = *state;
    assert_int_equal(store_read(bench->store, NULL, use_many_statements, NULL, NULL), STATUS_OK);
}

static Status use_bad_statement(Operation *operation, void *work, Error *reterr) {
    return operation_run(operation, "SELECT secret_word FROM nowhere", NULL, 0, NULL, reterr);
}

static void errors_hold_no_statement(void **state) {
    Bench *bench = *state;
    Error error = {0};
    assert_int_not_equal(store_read(bench->store, NULL, use_bad_statement, NULL, &error),
                         STATUS_OK);
    assert_string_equal(error.code, "store_failed");
    assert_null(strstr(error.message, "nowhere"));
    assert_null(strstr(error.detail, "nowhere"));
    assert_true(error.detail[0] != '\0');
}

static Status count_changes(Operation *operation, void *work, Error *reterr) {
    Rows rows;
    TRY(operation_run(operation, "UPDATE meta SET value = value", NULL, 0, &rows, reterr));
    assert_int_equal(rows.changed, 2);
    TRY(operation_run(operation, "SELECT * FROM meta", NULL, 0, &rows, reterr));
    assert_int_equal(rows.changed, 0);
    TRY(operation_run(operation, "UPDATE meta SET value = '' WHERE name = 'none' RETURNING name",
                      NULL, 0, &rows, reterr));
    assert_int_equal(rows.changed, 0);
    assert_int_equal(rows.count, 0);
    return STATUS_OK;
}

static void changes_are_counted_per_statement(void **state) {
    Bench *bench = *state;
    assert_int_equal(store_write(bench->store, NULL, NULL, count_changes, NULL, NULL), STATUS_OK);
}

static void queries_number_their_parameters(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Query query = {.arena = arena};
    query_add(&query, "SELECT 1");
    query_add_with(&query, " WHERE a = ?", parameter_int(5));
    query_add_with(&query, " AND b IN (?", parameter_text("x"));
    query_add(&query, ")");
    assert_string_equal(query.sql, "SELECT 1 WHERE a = $1 AND b IN ($2)");
    assert_int_equal(query.parameter_count, 2);
    assert_int_equal(query.parameters[0].integer, 5);
}

// ---- Pauses -------------------------------------------------------------------------------------

static void pauses_grow_to_five_minutes(void **state) {
    static const int64_t MIDDLE_S[] = {1, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300};
    for (size_t failures = 0; failures < COUNT_OF(MIDDLE_S); failures++) {
        int64_t least = INT64_MAX, most = 0;
        for (int i = 0; i < 500; i++) {
            int64_t pause_ms = backoff_ms((int64_t)failures);
            least = pause_ms < least ? pause_ms : least;
            most = pause_ms > most ? pause_ms : most;
        }
        int64_t middle_ms = MIDDLE_S[failures] * SECOND_MS;
        assert_in_range(least, middle_ms * 8 / 10, middle_ms);
        assert_in_range(most, middle_ms, middle_ms * 12 / 10);
        assert_true(least < most); // they do not come back in step
    }
    assert_in_range(backoff_ms(INT64_MAX), 240 * SECOND_MS, 360 * SECOND_MS);
}

static void milestones_are_powers_of_two(void **state) {
    static const int64_t MILESTONES[] = {1, 2, 4, 8, 1024};
    static const int64_t OTHERS[] = {-4, 0, 3, 6, 1023};
    for (size_t i = 0; i < COUNT_OF(MILESTONES); i++) {
        assert_true(is_milestone(MILESTONES[i]));
        assert_false(is_milestone(OTHERS[i]));
    }
}

static void text_is_bounded_between_characters(void **state) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    assert_null(text_bounded(arena, NULL, 3));
    assert_string_equal(text_bounded(arena, "abc", 3), "abc");
    assert_string_equal(text_bounded(arena, "abcd", 3), "abc");
    assert_string_equal(text_bounded(arena, "ab\xc3\xb6", 3), "ab");
}

static void finds_a_backend_by_its_scheme(void **state) {
    assert_ptr_equal(backend_find("sqlite:/x"), &SQLITE_BACKEND);
    assert_null(backend_find("sqlit:/x"));
    assert_null(backend_find("sqlite3:/x"));
    assert_null(backend_find("sqlite"));
    assert_null(backend_find(""));
}

int main(void) {
    const struct CMUnitTest cases[] = {
        BENCH_CASE(a_lost_race_runs_again_from_its_start),
        BENCH_CASE(a_race_lost_for_ever_is_said),
        BENCH_CASE(a_failure_leaves_and_announces_nothing),
        BENCH_CASE(reading_cannot_write),
        BENCH_CASE(parameters_are_numbered_not_counted),
        BENCH_CASE(statements_beyond_the_cache_work),
        BENCH_CASE(errors_hold_no_statement),
        BENCH_CASE(changes_are_counted_per_statement),
        cmocka_unit_test(queries_number_their_parameters),
        cmocka_unit_test(pauses_grow_to_five_minutes),
        cmocka_unit_test(milestones_are_powers_of_two),
        cmocka_unit_test(text_is_bounded_between_characters),
        cmocka_unit_test(finds_a_backend_by_its_scheme),
    };
    return RUN_CASES(cases);
}
