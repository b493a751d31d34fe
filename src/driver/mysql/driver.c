#include "driver/mysql/driver.h"

#include "driver/mysql/account_sessions.h"
#include "driver/mysql/accounts.h"
#include "driver/mysql/check.h"
#include "driver/mysql/discover.h"
#include "driver/mysql/grant.h"
#include "driver/mysql/inspect.h"
#include "driver/mysql/revoke.h"

static const char *server_version(const DriverSession *session) {
    return session->version_text;
}

// The end: of a server whose event scheduler is on; each outcome says whether it was.
#define SHARED                                                                                     \
    .features = {.verifier_only = true, .expiry_on_target = true},                                 \
    .session_close = my_session_close, .server_version = server_version,                           \
    .release = my_operation_unlock, .grant = my_account_grant, .revoke = my_account_revoke,        \
    .extend = my_account_extend, .reset = my_account_reset, .restrain = my_account_restrain,       \
    .list_accounts = my_accounts_list, .inspect = my_account_inspect, .discover = my_discover,     \
    .end_sessions = my_sessions_of_users_end

const Driver MYSQL_DRIVER = {
    .kind = TARGET_MYSQL,
    .name = "MySQL",
    .session_open = my_session_open_mysql,
    .check = my_check_mysql,
    SHARED,
};

const Driver MARIADB_DRIVER = {
    .kind = TARGET_MARIADB,
    .name = "MariaDB",
    .session_open = my_session_open_mariadb,
    .check = my_check_mariadb,
    SHARED,
};
