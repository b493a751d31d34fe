#include "driver/aws/driver.h"

#include "driver/aws/accounts.h"
#include "driver/aws/check.h"
#include "driver/aws/discover.h"
#include "driver/aws/grant.h"
#include "driver/aws/revoke.h"
#include "driver/aws/session.h"

static const char *server_version(const DriverSession *session) {
    (void)session;
    return "AWS IAM";
}

const Driver AWS_DRIVER = {
    .kind = TARGET_AWS,
    .name = "AWS",
    .features = {.verifier_only = true, .expiry_on_target = true, .transactional = true},
    .session_open = aws_session_open,
    .session_close = aws_session_close,
    .server_version = server_version,
    .grant = aws_grant,
    .revoke = aws_revoke,
    .extend = aws_extend,
    .reset = aws_reset,
    .restrain = aws_account_restrain,
    .list_accounts = aws_accounts_list,
    .inspect = aws_account_inspect,
    .discover = aws_discover,
    .check = aws_check,
};
