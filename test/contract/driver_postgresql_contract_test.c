// Runs the driver contract on one PostgreSQL server: NAME [PATTERN].
#include "driver_contract_run.h"
#include "driver_postgresql_tests.h"
#include "driver_world_postgresql.h"

#include <stdio.h>

static const ContractSuite *const OWN[] = {
    &POSTGRESQL_SUITE,
    &POSTGRESQL_PRIVILEGE_SUITE,
    &POSTGRESQL_OBJECTS_SUITE,
    &POSTGRESQL_OBSTACLES_SUITE,
};

int main(int argument_count, char **arguments) {
    PostgresqlServer server;
    int number = argument_count > 1 ? postgresql_server(arguments[1], &server) : -1;
    if (number < 0) {
        printf("Bail out! which server? usage: %s postgresql-15|postgresql-18 [PATTERN]\n",
               arguments[0]);
        return 1;
    }
    return contract_run(&(ContractRun){
        .engine = &POSTGRESQL_ENGINE,
        .own = OWN,
        .own_count = COUNT_OF(OWN),
        .server_name = server.name,
        .server = &server,
        .server_number = number,
        .server_count = POSTGRESQL_SERVER_COUNT,
        .pattern = argument_count > 2 ? arguments[2] : NULL,
    });
}
