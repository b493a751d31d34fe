#include "driver/driver.h"

#include "driver/postgresql/driver.h"
#ifdef DAYPASS_WITH_MYSQL
#include "driver/mysql/driver.h"
#endif
#ifdef DAYPASS_WITH_ORACLE
#include "driver/oracle/driver.h"
#endif
#ifdef DAYPASS_WITH_REDIS
#include "driver/redis/driver.h"
#endif
#ifdef DAYPASS_WITH_SQLSERVER
#include "driver/sqlserver/driver.h"
#endif

// One a line, however many.
// clang-format off
static const Driver *const DRIVERS[] = {
    &POSTGRESQL_DRIVER,
#ifdef DAYPASS_WITH_MYSQL
    &MYSQL_DRIVER,
    &MARIADB_DRIVER,
#endif
#ifdef DAYPASS_WITH_ORACLE
    &ORACLE_DRIVER,
#endif
#ifdef DAYPASS_WITH_REDIS
    &REDIS_DRIVER,
#endif
#ifdef DAYPASS_WITH_SQLSERVER
    &SQLSERVER_DRIVER,
#endif
};
// clang-format on

const Driver *driver_find(TargetKind kind) {
    for (size_t i = 0; i < COUNT_OF(DRIVERS); i++)
        if (DRIVERS[i]->kind == kind)
            return DRIVERS[i];
    return NULL;
}

size_t driver_count(void) {
    return COUNT_OF(DRIVERS);
}

const Driver *driver_at(size_t index) {
    return index < COUNT_OF(DRIVERS) ? DRIVERS[index] : NULL;
}
