// Runs the driver contract on one MySQL or MariaDB server: NAME [PATTERN].
#include "driver_contract_run.h"
#include "driver_mysql_tests.h"
#include "driver_world_mysql.h"

#include <stdio.h>

// MariaDB is without the last.
static const ContractSuite *const OWN[] = {
    &MYSQL_SUITE,        &MYSQL_ACCESS_SUITE,   &MYSQL_RIGHTS_SUITE,
    &MYSQL_SERVER_SUITE, &MYSQL_DEFINERS_SUITE, &MYSQL_ALONE_SUITE,
};

int main(int argument_count, char **arguments) {
    MysqlServer server;
    if (argument_count < 2 || !mysql_server(arguments[1], &server)) {
        printf("Bail out! which server? usage: %s mysql-9.7|mariadb-10.11|mariadb-11.8 [PATTERN]\n",
               arguments[0]);
        return 1;
    }
    mysql_library_init(0, NULL, NULL);
    int failed = contract_run(&(ContractRun){
        .engine = server.engine,
        .own = OWN,
        .own_count = COUNT_OF(OWN) - (server.engine == &MYSQL_ENGINE ? 0 : 1),
        .server_name = server.name,
        .server = &server,
        .server_number = server.number,
        .server_count = server.count,
        .pattern = argument_count > 2 ? arguments[2] : NULL,
    });
    mysql_library_end();
    return failed;
}
