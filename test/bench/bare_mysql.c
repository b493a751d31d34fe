// libmariadb alone: the floor under Daypass on MySQL and MariaDB.
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bare.h"
#include "base/memory.h"
#include "samples.h"

typedef struct Connection {
    MYSQL *mysql;
    char *sql;
    size_t sql_capacity;
} Connection;

static void *connect_target(const BareTarget *target) {
    const unsigned int protocol = MYSQL_PROTOCOL_TCP;
    const my_bool enforced = 1;
    Connection *connection = mem_alloc(sizeof *connection);
    connection->mysql = mysql_init(NULL);
    mysql_optionsv(connection->mysql, MYSQL_OPT_PROTOCOL, &protocol);
    mysql_optionsv(connection->mysql, MYSQL_OPT_SSL_ENFORCE, &enforced);
    mysql_optionsv(connection->mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &enforced);
    mysql_optionsv(connection->mysql, MYSQL_OPT_SSL_CA, target->ca_file);
    mysql_optionsv(connection->mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    if (mysql_real_connect(connection->mysql, target->host, target->user, target->password, NULL,
                           (unsigned)strtoul(target->port, NULL, 10), NULL,
                           CLIENT_MULTI_STATEMENTS) == NULL)
        give_up("no connection: %s", mysql_error(connection->mysql));
    return connection;
}

static void disconnect(void *connection_pointer) {
    Connection *connection = connection_pointer;
    mysql_close(connection->mysql);
    mem_free(connection->sql);
    mem_free(connection);
}

static void run(void *connection_pointer, const Statement *statement, Account *account) {
    Connection *connection = connection_pointer;
    MYSQL *mysql = connection->mysql;
    const char *sql =
        script_fill(statement->sql, account, &connection->sql, &connection->sql_capacity);
    if (mysql_real_query(mysql, sql, strlen(sql)) != 0)
        give_up("%s: %s", statement->sql, mysql_error(mysql));
    int more;
    do {
        MYSQL_RES *result = mysql_store_result(mysql);
        if (result == NULL && mysql_errno(mysql) != 0)
            give_up("%s: %s", statement->sql, mysql_error(mysql));
        mysql_free_result(result);
        more = mysql_next_result(mysql);
    } while (more == 0);
    if (more > 0)
        give_up("%s: %s", statement->sql, mysql_error(mysql));
}

int main(int argc, char **argv) {
    static const BareEngine ENGINE = {
        .connect = connect_target, .disconnect = disconnect, .run = run};
    return bare_main(argc, argv, &ENGINE);
}
