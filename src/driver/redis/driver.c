#include "driver/redis/driver.h"

#include "driver/redis/accounts.h"
#include "driver/redis/check.h"
#include "driver/redis/discover.h"
#include "driver/redis/grant.h"
#include "driver/redis/operation.h"
#include "driver/redis/revoke.h"

static const char *server_version(const DriverSession *session) {
    return session->version_text;
}

const Driver REDIS_DRIVER = {
    .kind = TARGET_REDIS,
    .name = "Redis",
    .features = {.verifier_only = true, .transactional = true},
    .session_open = redis_session_open,
    .session_close = redis_session_close,
    .server_version = server_version,
    .settle = redis_operation_settle,
    .grant = redis_account_grant,
    .revoke = redis_account_revoke,
    .extend = redis_account_extend,
    .reset = redis_account_reset,
    .restrain = redis_account_restrain,
    .list_accounts = redis_accounts_list,
    .inspect = redis_account_inspect,
    .discover = redis_discover,
    .check = redis_check,
};
