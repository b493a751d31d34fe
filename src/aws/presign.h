// Requests signed in their query (SigV4), for others to make: no call goes out from here. With it,
// the passwords that RDS takes from users with IAM authentication.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
#pragma once

#include "aws/credentials.h"
#include "base/error.h"
#include "base/secret.h"

#include <stddef.h>
#include <stdint.h>

typedef struct PresignParameter {
    const char *name;
    const char *value;
} PresignParameter;

// A GET without body. Everything is given unencoded.
typedef struct PresignRequest {
    const char *host; // with ":PORT" where it is not 443
    const char *path; // "/"
    const PresignParameter *parameters;
    size_t parameter_count;
    const char *service; // "rds-db"
    const char *region;
    int64_t signed_at; // ms since 1970 UTC; whole seconds count
    int expires_s;
} PresignRequest;

// "host/path?query", parameters in the order given and the signature's after them. "too_large"
// above SECRET_MAX_BYTES.
MUST_USE Status presign_query(const AwsCredentials *credentials, const PresignRequest *request,
                              Secret **ret_url, Error *reterr);

enum { RDS_TOKEN_LIFE_S = 15 * 60 };
typedef struct RdsTokenRequest {
    const char *host; // the endpoint, as it is connected to: no alias of it is good
    int port;
    const char *user; // of the database
    const char *region;
    int64_t signed_at; // now, ms since 1970 UTC
} RdsTokenRequest;
// The password, "HOST:PORT/?Action=connect&DBUser=…". `ret_ends_at` (may be NULL): when it, or the
// credentials under it, end. "bad_rds_endpoint", "bad_region".
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Connecting.html
MUST_USE Status rds_token_new(const AwsCredentials *credentials, const RdsTokenRequest *request,
                              Secret **ret_token, int64_t *ret_ends_at, Error *reterr);
