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
#ifdef DAYPASS_WITH_AWS
#include "driver/aws/driver.h"
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
#ifdef DAYPASS_WITH_AWS
    &AWS_DRIVER,
#endif
};
// clang-format on

const Driver *driver_find(TargetKind kind) {
    for (size_t i = 0; i < COUNT_OF(DRIVERS); i++)
        if (DRIVERS[i]->kind == kind)
            return DRIVERS[i];
    return NULL;
}

// What a build has to be made with (meson_options.txt).
static const char *const OPTIONS[TARGET_KIND_COUNT_] = {
    [TARGET_MYSQL] = "mysql", [TARGET_MARIADB] = "mysql", [TARGET_SQLSERVER] = "odbc",
    [TARGET_ORACLE] = "odbc", [TARGET_REDIS] = "redis",   [TARGET_AWS] = "aws",
};

Status driver_require(TargetKind kind, const Driver **ret_driver, Error *reterr) {
    *ret_driver = driver_find(kind);
    if (*ret_driver != NULL)
        return STATUS_OK;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    return error_set(reterr, STATUS_UNSUPPORTED, "no_driver",
                     "this connector was built without %s; it has %s. Use one that was built with "
                     "-D%s=enabled",
                     target_facts(kind)->title, driver_names(arena), OPTIONS[kind]);
}

const char *driver_names(Arena *arena) {
    StringList names = {0};
    for (size_t i = 0; i < COUNT_OF(DRIVERS); i++)
        string_list_add(arena, &names, DRIVERS[i]->name);
    return string_list_join(arena, &names, ", ");
}

size_t driver_count(void) {
    return COUNT_OF(DRIVERS);
}

const Driver *driver_at(size_t index) {
    return index < COUNT_OF(DRIVERS) ? DRIVERS[index] : NULL;
}
