#include "driver/sqlserver/driver.h"

#include "driver/sqlserver/accounts.h"
#include "driver/sqlserver/check.h"
#include "driver/sqlserver/discover.h"
#include "driver/sqlserver/grant.h"
#include "driver/sqlserver/inspect.h"
#include "driver/sqlserver/revoke.h"

static const char *server_version(const DriverSession *session) {
    return session->version_text;
}

const Driver SQLSERVER_DRIVER = {
    .kind = TARGET_SQLSERVER,
    .name = "SQL Server",
    // A Managed Instance takes no hash, and nothing in the server ends a login at a time.
    .features = {.verifier_only = false,
                 .expiry_on_target = false,
                 .transactional = true,
                 .password_rules = true},
    .session_open = mssql_session_open,
    .session_close = mssql_session_close,
    .server_version = server_version,
    .settle = mssql_rollback,
    .grant = mssql_account_grant,
    .revoke = mssql_account_revoke,
    .extend = mssql_account_extend,
    .reset = mssql_account_reset,
    .restrain = mssql_account_restrain,
    .list_accounts = mssql_accounts_list,
    .inspect = mssql_account_inspect,
    .discover = mssql_discover,
    .check = mssql_check,
};
