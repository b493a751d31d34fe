#include "driver/mysql/failure.h"

#include <stdbool.h>
#include <stddef.h>

#include "base/macros.h"

typedef struct FailureRow {
    unsigned number;
    FailureClass failure;
    const char *reason; // NULL: the class says it
} FailureRow;

// https://dev.mysql.com/doc/mysql-errors/9.4/en/server-error-reference.html and
// https://mariadb.com/kb/en/mariadb-error-code-reference/. Several numbers mean different things in
// different statements (1396: there already, or not there); the statement's own code looks at those
// first. 1698 is a refused login, and on MariaDB a role without ADMIN OPTION too.
static const FailureRow FAILURES[] = {
    {1005, FAILURE_RETRY, "it cannot create a table now; its administrator finds why in its log"},
    {1021, FAILURE_RETRY,
     "its disk is full; its administrator has to make room, and it is tried "
     "again"},
    {1028, FAILURE_RETRY, NULL}, // sort aborted
    {1036, FAILURE_RETRY, "it takes only reads now; it is tried again"},
    {1037, FAILURE_RETRY, "it lacks memory; it is tried again"},
    {1038, FAILURE_RETRY, "it lacks memory; it is tried again"},
    {1040, FAILURE_RETRY,
     "all its connections are in use; it is tried again (its administrator can "
     "end sessions or raise max_connections)"},
    {1041, FAILURE_RETRY, "it lacks memory; it is tried again"},
    {1044, FAILURE_DENIED, NULL},
    {1045, FAILURE_DENIED, NULL},
    {1046, FAILURE_NOT_FOUND, NULL},
    {1049, FAILURE_NOT_FOUND, NULL},
    {1050, FAILURE_RETRY, NULL}, // made meanwhile
    {1053, FAILURE_RETRY, "the server is shutting down; it is tried again"},
    {1054, FAILURE_NOT_FOUND, NULL},
    {1062, FAILURE_RETRY, NULL}, // made meanwhile
    {1064, FAILURE_UNSUPPORTED, "this server does not know the statement"},
    {1109, FAILURE_NOT_FOUND, NULL},
    {1114, FAILURE_RETRY, "a table is full; its administrator has to make room"},
    {1129, FAILURE_DENIED,
     "it has blocked the connector's host for too many failed connections; as "
     "its administrator: mysqladmin flush-hosts, or TRUNCATE TABLE "
     "performance_schema.host_cache"},
    {1130, FAILURE_DENIED, "no account may log in from the connector's host"},
    {1133, FAILURE_NOT_FOUND, NULL},
    {1135, FAILURE_RETRY, "it cannot start a thread now; it is tried again"},
    {1142, FAILURE_DENIED, NULL},
    {1143, FAILURE_DENIED, NULL},
    {1146, FAILURE_NOT_FOUND, NULL},
    {1152, FAILURE_RETRY, NULL},
    {1158, FAILURE_RETRY, NULL},
    {1159, FAILURE_RETRY, NULL},
    {1160, FAILURE_RETRY, NULL},
    {1161, FAILURE_RETRY, NULL},
    {1184, FAILURE_RETRY, NULL},
    {1203, FAILURE_RETRY, "the admin account has as many sessions as it may"},
    {1205, FAILURE_RETRY, "somebody holds a lock on it; it is tried again"},
    {1206, FAILURE_RETRY, "it has no room for more locks; it is tried again"},
    {1213, FAILURE_RETRY, NULL}, // deadlock
    {1220, FAILURE_RETRY, NULL},
    {1223, FAILURE_RETRY, "somebody holds its global read lock; it is tried again"},
    {1226, FAILURE_RETRY, "the admin account has reached a limit of its own; it is tried again"},
    {1227, FAILURE_DENIED, NULL},
    {1251, FAILURE_UNSUPPORTED, "it asks for a way to log in that this connector does not offer"},
    {1275, FAILURE_UNSUPPORTED, "it asks for a way to log in that this connector does not offer"},
    {1290, FAILURE_RETRY,
     "it takes only reads now (a replica, or set read-only); it is tried again"},
    {1305, FAILURE_NOT_FOUND, NULL},
    {1317, FAILURE_RETRY, "somebody cancelled it; it is tried again"},
    {1370, FAILURE_DENIED, NULL},
    {1396, FAILURE_CONFLICT, NULL},
    {1410, FAILURE_NOT_FOUND, NULL},
    {1419, FAILURE_DENIED, NULL},
    {1449, FAILURE_NOT_FOUND, NULL},
    {1470, FAILURE_FATAL, "a name is longer than the server takes"},
    {1524, FAILURE_UNSUPPORTED, "it has no such way to log in (a plugin that is not loaded)"},
    {1577, FAILURE_UNSUPPORTED,
     "its event scheduler cannot work; its administrator finds why in "
     "its log"},
    {1613, FAILURE_RETRY, NULL},
    {1614, FAILURE_RETRY, NULL},
    {1637, FAILURE_RETRY, NULL}, // too many transactions
    {1689, FAILURE_RETRY, NULL},
    {1698, FAILURE_DENIED, NULL},
    {1792, FAILURE_RETRY, "it takes only reads now; it is tried again"},
    {1819, FAILURE_CONFLICT,
     "its rules for passwords refuse the password; its administrator has to "
     "let passwords of 24 letters and digits pass"},
    {1820, FAILURE_DENIED, "the password of the admin account has expired"},
    {1827, FAILURE_UNSUPPORTED, "it does not take the form of the password's hash"},
    {1836, FAILURE_RETRY, "it takes only reads now; it is tried again"},
    {1862, FAILURE_DENIED, "the password of the admin account has expired"},
    {1873, FAILURE_DENIED, NULL},
    {1907, FAILURE_RETRY, "it takes only reads now; it is tried again"},
    {1927, FAILURE_RETRY, "somebody ended the session; it is tried again"},
    {1959, FAILURE_NOT_FOUND, NULL}, // MariaDB: no such role
    {1961, FAILURE_DENIED, NULL},
    {1969, FAILURE_RETRY, "it took longer than it may (max_statement_time); it is tried again"},
    {2061, FAILURE_DENIED, NULL},
    {3024, FAILURE_RETRY, "it took longer than it may (max_execution_time); it is tried again"},
    {3100, FAILURE_RETRY, NULL}, // observer of replication
    {3101, FAILURE_RETRY, NULL}, // group replication rolled it back
    {3118, FAILURE_DENIED, "the admin account is locked"},
    {3159, FAILURE_DENIED,
     "it takes no connection without TLS; set tls: verify-full in the "
     "integration"},
    {3168, FAILURE_RETRY, "the server is not ready yet; it is tried again"},
    {3169, FAILURE_RETRY, "somebody ended the session; it is tried again"},
    {3530, FAILURE_NOT_FOUND, NULL}, // MySQL: the role is not granted
    {3572, FAILURE_RETRY, "somebody holds a lock on it; it is tried again"},
    {3619, FAILURE_NOT_FOUND, NULL},
    {4006, FAILURE_CONFLICT, NULL}, // it is the definer of something
    {4031, FAILURE_RETRY, "the session was idle for too long; it is tried again"},
    {4151, FAILURE_DENIED, "the admin account is locked"},
};

static const FailureRow *row_of(unsigned number) {
    for (size_t i = 0; i < COUNT_OF(FAILURES); i++)
        if (FAILURES[i].number == number)
            return &FAILURES[i];
    return NULL;
}

FailureClass my_failure_class(unsigned number) {
    const FailureRow *row = row_of(number);
    if (row != NULL)
        return row->failure;
    bool of_client = number == 0 || (number >= 2000 && number < 3000);
    return of_client ? FAILURE_RETRY : FAILURE_FATAL;
}

const char *my_failure_reason(unsigned number) {
    const FailureRow *row = row_of(number);
    return row != NULL ? row->reason : NULL;
}
