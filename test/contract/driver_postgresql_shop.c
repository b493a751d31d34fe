#include "driver_postgresql_shop.h"

#include <libpq-fe.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

enum { ROUNDS_MAX = 4 };

void run_in(Work *work, const char *database, const char *sql) {
    pg_run(work->world, database, sql);
}

int64_t number_in(Work *work, const char *database, const char *sql) {
    return pg_number(work->world, database, sql);
}

// As a DBA does it: each statement as it stands there, in the database it names.
void run_repairs(Work *work) {
    const Obstacles *obstacles = &work->result.outcome.obstacles;
    const char *beside = text_of(work, "in database \"%s\"", work->world->other_database);
    for (size_t i = 0; i < obstacles->count; i++) {
        bool there = strstr(obstacles->items[i].repair, beside) != NULL;
        run_in(work, there ? work->world->other_database : NULL, obstacles->items[i].repair);
    }
}

// Until it is done, a few rounds at most. Meanwhile nobody can log in, and nothing runs.
int revoke_with_repairs(Work *work) {
    int rounds = 0;
    Status status = do_revoke(work);
    while (status == STATUS_CONFLICT && rounds < ROUNDS_MAX) {
        const Outcome *outcome = &work->result.outcome;
        assert_int_equal(work->result.failure, FAILURE_CONFLICT);
        assert_true(outcome->obstacles.count > 0);
        assert_true(outcome->account_present && outcome->login_refused);
        assert_int_equal(outcome->sessions_left, 0);
        assert_int_equal(user_answer(work, "SELECT 1"), ANSWER_NO_LOGIN);
        run_repairs(work);
        rounds++;
        status = do_revoke(work);
    }
    for (size_t i = 0; status != STATUS_OK && i < work->result.outcome.obstacles.count; i++)
        print_message("obstacle: %s\n  repair: %s\n", work->result.outcome.obstacles.items[i].what,
                      work->result.outcome.obstacles.items[i].repair);
    must(work, status);
    assert_int_equal(number_in(work, NULL,
                               text_of(work, "SELECT count(*) FROM pg_roles WHERE rolname = '%s'",
                                       work->plan->account)),
                     0);
    return rounds;
}

bool is_limited(const Work *work) {
    return work->world->limited_admin;
}

Answer user_answer(Work *work, const char *sql) {
    return pg_answer(work->world, work->plan->account, work_password(work), sql);
}

AccessItem select_on(Arena *arena, const World *world, const char *table) {
    return world->engine->access(world, arena, ACCESS_READ, table);
}

void user_run_in(Work *work, const char *database, const char *sql) {
    char port[16];
    snprintf(port, sizeof port, "%lld", (long long)work->world->target.port);
    const char *keywords[] = {"host", "port", "dbname", "user", "password", "sslmode", NULL};
    const char *values[] = {work->world->target.host,
                            port,
                            database != NULL ? database : work->world->target.database,
                            work->plan->account,
                            work_password(work),
                            "disable",
                            NULL};
    PGconn *connection = PQconnectdbParams(keywords, values, 0);
    PGresult *result =
        PQexec(connection, text_of(work, "SET client_min_messages = error; %s", sql));
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        fail_msg("%s", PQerrorMessage(connection));
    PQclear(result);
    PQfinish(connection);
}

const char *with_word(Work *work, const char *sql, const char *word, const char *name) {
    char *filled = arena_printf(work->arena, "%s", "");
    for (const char *rest = sql; *rest != '\0';) {
        const char *gap = strstr(rest, word);
        size_t length = gap == NULL ? strlen(rest) : (size_t)(gap - rest);
        filled = arena_printf(work->arena, "%s%.*s%s", filled, (int)length, rest,
                              gap == NULL ? "" : name);
        rest += length + (gap == NULL ? 0 : strlen(word));
    }
    return filled;
}
