#include "driver/postgresql/driver.h"

#include "driver/postgresql/account_sessions.h"
#include "driver/postgresql/accounts.h"
#include "driver/postgresql/check.h"
#include "driver/postgresql/discover.h"
#include "driver/postgresql/grant.h"
#include "driver/postgresql/inspect.h"
#include "driver/postgresql/operation.h"
#include "driver/postgresql/revoke.h"

static const char *server_version(const DriverSession *session) {
    return session->version_text;
}

const Driver POSTGRESQL_DRIVER = {
    .kind = TARGET_POSTGRESQL,
    .name = "PostgreSQL",
    .features = {.verifier_only = true, .expiry_on_target = true, .transactional = true},
    .session_open = pg_session_open,
    .session_close = pg_session_close,
    .server_version = server_version,
    .settle = pg_operation_rollback,
    .grant = pg_account_grant,
    .revoke = pg_account_revoke,
    .extend = pg_account_extend,
    .reset = pg_account_reset,
    .restrain = pg_account_restrain,
    .list_accounts = pg_accounts_list,
    .inspect = pg_account_inspect,
    .discover = pg_discover,
    .end_sessions = pg_sessions_of_users_end,
    .check = pg_check,
};
