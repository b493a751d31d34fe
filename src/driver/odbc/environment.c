#include "driver/odbc/environment.h"

#include <pthread.h>
#include <sql.h>
#include <sqlext.h>
#include <stdint.h>
#include <strings.h>

enum { NAME_SIZE = 256, ATTRIBUTES_SIZE = 1024, DRIVERS_MAX = 1000 };

static pthread_once_t made = PTHREAD_ONCE_INIT;
static SQLHENV environment;
// SQLDrivers goes on from where the last call in this environment was.
static pthread_mutex_t listing = PTHREAD_MUTEX_INITIALIZER;

static void *attribute_value(uintptr_t number) {
    return (void *)number; // ODBC passes small numbers as pointers
}

static void forbid_tracing(void) {
    // Needs no connection: the driver manager has one switch for all.
    (void)SQLSetConnectAttr(SQL_NULL_HDBC, SQL_ATTR_TRACE, attribute_value(SQL_OPT_TRACE_OFF), 0);
}

static void make_environment(void) {
    if (!SQL_SUCCEEDED(SQLAllocHandle(SQL_HANDLE_ENV, SQL_NULL_HANDLE, &environment))) {
        environment = NULL;
        return;
    }
    forbid_tracing();
    (void)SQLSetEnvAttr(environment, SQL_ATTR_ODBC_VERSION, attribute_value(SQL_OV_ODBC3), 0);
}

void *odbc_environment(void) {
    pthread_once(&made, make_environment);
    return environment;
}

StringList odbc_drivers(Arena *arena) {
    StringList drivers = {0};
    SQLHENV manager = odbc_environment();
    if (manager == NULL)
        return drivers;
    pthread_mutex_lock(&listing);
    SQLUSMALLINT direction = SQL_FETCH_FIRST;
    for (int i = 0; i < DRIVERS_MAX; i++) {
        SQLCHAR name[NAME_SIZE] = "", attributes[ATTRIBUTES_SIZE] = "";
        SQLSMALLINT name_length = 0, attributes_length = 0;
        SQLRETURN result = SQLDrivers(manager, direction, name, sizeof name, &name_length,
                                      attributes, sizeof attributes, &attributes_length);
        if (!SQL_SUCCEEDED(result))
            break;
        string_list_add(arena, &drivers, (const char *)name);
        direction = SQL_FETCH_NEXT;
    }
    pthread_mutex_unlock(&listing);
    return drivers;
}

Status odbc_driver_choose(Arena *arena, const char *engine, const char *const *candidates,
                          size_t count, const char *install, const char **ret_driver,
                          Error *reterr) {
    StringList installed = odbc_drivers(arena);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < installed.count; j++)
            if (strcasecmp(candidates[i], installed.items[j]) == 0) {
                *ret_driver = installed.items[j];
                return STATUS_OK;
            }
    StringList wanted = {.items = arena_copy(arena, candidates, count * sizeof candidates[0]),
                         .count = count};
    return error_set(reterr, STATUS_UNSUPPORTED, "odbc_driver_missing",
                     "the connector's machine has no ODBC driver for %s: odbcinst.ini lists none "
                     "of %s; %s",
                     engine, string_list_join(arena, &wanted, ", "), install);
}
