#include "aws/source.h"

Status source_environment(const SourceCall *call, AwsCredentials **ret_credentials, Error *reterr) {
    const char *key_id = source_variable("AWS_ACCESS_KEY_ID");
    if (key_id == NULL)
        return source_not_set_up(reterr, "AWS_ACCESS_KEY_ID is not set");
    const char *secret_key = source_variable("AWS_SECRET_ACCESS_KEY");
    if (secret_key == NULL)
        return error_set(reterr, STATUS_INVALID, "bad_credentials",
                         "environment: AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not");
    TRY(aws_credentials_new("environment", key_id, secret_key, source_variable("AWS_SESSION_TOKEN"),
                            0, ret_credentials, reterr));
    aws_credentials_note_account(*ret_credentials, source_variable("AWS_ACCOUNT_ID"));
    return STATUS_OK;
}
