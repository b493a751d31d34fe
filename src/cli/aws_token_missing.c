// In place of aws_token.c where there is nothing to read AWS's answers with.
#include "cli/aws_token.h"

Status aws_token_make(Cli *cli, const GrantView *grant, const AwsLogin *login, const char *profile,
                      Credential *ret_credential, Error *reterr) {
    const StringList words = aws_token_words(cli->arena, login, profile);
    return error_set(reterr, STATUS_UNSUPPORTED, "no_aws",
                     "this build of daypass makes no tokens for %s; the AWS CLI does: %s",
                     grant->id, aws_words_line(cli->arena, &words));
}
