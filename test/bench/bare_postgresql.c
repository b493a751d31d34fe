// libpq alone: the floor under Daypass on PostgreSQL.
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#include "bare.h"
#include "base/memory.h"
#include "samples.h"

enum { PARAMETERS_MAX = 16 };

typedef struct Connection {
    PGconn *libpq;
    char *sql;
    size_t sql_capacity;
    char *values[PARAMETERS_MAX];
    size_t capacities[PARAMETERS_MAX];
} Connection;

static void *connect_target(const BareTarget *target) {
    const char *keywords[] = {"host",    "port",        "dbname",   "user",
                              "sslmode", "sslrootcert", "password", NULL};
    const char *values[] = {target->host,  target->port,    target->database, target->user,
                            "verify-full", target->ca_file, target->password, NULL};
    Connection *connection = mem_alloc(sizeof *connection);
    connection->libpq = PQconnectdbParams(keywords, values, 0);
    if (PQstatus(connection->libpq) != CONNECTION_OK)
        give_up("no connection: %s", PQerrorMessage(connection->libpq));
    return connection;
}

static void disconnect(void *connection_pointer) {
    Connection *connection = connection_pointer;
    PQfinish(connection->libpq);
    mem_free(connection->sql);
    for (size_t i = 0; i < PARAMETERS_MAX; i++)
        mem_free(connection->values[i]);
    mem_free(connection);
}

// The account's oid is in the answer to whoever asks for the role by its name.
static void learn(const Statement *statement, const PGresult *result, Account *account) {
    int column = PQfnumber(result, "oid");
    if (column >= 0 && PQntuples(result) == 1 && statement->parameter_count > 0 &&
        statement->parameters[0] != NULL && strcmp(statement->parameters[0], "{account}") == 0)
        snprintf(account->oid, sizeof account->oid, "%s", PQgetvalue(result, 0, column));
}

static void run(void *connection_pointer, const Statement *statement, Account *account) {
    Connection *connection = connection_pointer;
    size_t count = statement->parameter_count;
    const char *values[PARAMETERS_MAX];
    if (count > PARAMETERS_MAX)
        give_up("a statement has %zu parameters; expected %d at most", count, PARAMETERS_MAX);
    for (size_t i = 0; i < count; i++)
        values[i] = statement->parameters[i] == NULL
                        ? NULL
                        : script_fill(statement->parameters[i], account, &connection->values[i],
                                      &connection->capacities[i]);
    const char *sql =
        script_fill(statement->sql, account, &connection->sql, &connection->sql_capacity);
    PGresult *result =
        count == 0 ? PQexec(connection->libpq, sql)
                   : PQexecParams(connection->libpq, sql, (int)count, NULL, values, NULL, NULL, 0);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        give_up("%s: %s", statement->sql, PQresultErrorMessage(result));
    learn(statement, result, account);
    PQclear(result);
}

int main(int argc, char **argv) {
    static const BareEngine ENGINE = {
        .connect = connect_target, .disconnect = disconnect, .run = run};
    return bare_main(argc, argv, &ENGINE);
}
