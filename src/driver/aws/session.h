// A session in an AWS account: the connector's credentials, or those of the role it assumes there,
// and one client for each service it asks. Its name with AWS is whose work it does.
#pragma once

#include "aws/call.h"
#include "aws/provider.h"
#include "driver/driver.h"

struct DriverSession {
    Arena *arena;
    AwsAddress address; // its own copies, likewise below
    AwsEndpoints endpoints;
    TargetAddress target;
    DriverLogin login;
    const ResourceCeiling *ceiling; // never NULL
    const char *partition;
    const char *session_name; // "daypass-grt_…"
    AwsProvider *assumed;     // NULL: no role is assumed
    AwsProvider *provider;
    AwsClient *clients[AWS_SERVICE_COUNT_]; // NULL: not asked so far
    const char *own_arn;                    // who the connector is there
    const Clock *clock;
    int64_t ahead_ms; // AWS's clock less our monotonic one, and never more
    bool dated;       // it is known
    bool checks;      // of a check, which says itself what to do
};

// "login_denied", "wrong_account", "target_unreachable", "no_aws_credentials", …
MUST_USE Status aws_session_open(const DriverLogin *login, DriverSession **ret_session,
                                 FailureClass *ret_failure, Error *reterr);
DriverSession *aws_session_close(DriverSession *session);
DEFINE_CLEANUP(DriverSession, aws_session_close)

MUST_USE Status aws_session_client(DriverSession *session, AwsService service,
                                   AwsClient **ret_client, Error *reterr);
// AWS's clock as an answer tells it; 0 is ignored.
void aws_session_note_date(DriverSession *session, int64_t date_ms);
// Its now; not later than the truth.
int64_t aws_session_now(const DriverSession *session);
// 1 to 64 of the characters that STS takes. `purpose` may be NULL.
const char *aws_session_name(Arena *arena, const char *purpose);
