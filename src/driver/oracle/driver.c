#include "driver/oracle/driver.h"

#include "driver/oracle/accounts.h"
#include "driver/oracle/check.h"
#include "driver/oracle/discover.h"
#include "driver/oracle/grant.h"
#include "driver/oracle/inspect.h"
#include "driver/oracle/operation.h"
#include "driver/oracle/revoke.h"

static const char *server_version(const DriverSession *session) {
    return session->version_text;
}

const Driver ORACLE_DRIVER = {
    .kind = TARGET_ORACLE,
    .name = "Oracle",
    .features = {.expiry_on_target = true, .password_rules = true},
    .session_open = oracle_session_open,
    .session_close = oracle_session_close,
    .server_version = server_version,
    .release = oracle_operation_forget,
    .grant = oracle_account_grant,
    .revoke = oracle_account_revoke,
    .extend = oracle_account_extend,
    .reset = oracle_account_reset,
    .restrain = oracle_account_restrain,
    .list_accounts = oracle_accounts_list,
    .inspect = oracle_account_inspect,
    .discover = oracle_discover,
    .check = oracle_check,
};
