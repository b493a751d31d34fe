// Runs the driver contract on the Redis server: [PATTERN].
#include "driver_contract_run.h"
#include "driver_redis_tests.h"
#include "driver_world_redis.h"

static const ContractSuite *const OWN[] = {&REDIS_SUITE};

int main(int argument_count, char **arguments) {
    RedisServer server = redis_server();
    return contract_run(&(ContractRun){
        .engine = &REDIS_ENGINE,
        .own = OWN,
        .own_count = COUNT_OF(OWN),
        .server_name = "redis",
        .server = &server,
        .server_count = 1,
        .pattern = argument_count > 1 ? arguments[1] : NULL,
    });
}
