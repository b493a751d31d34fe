#include "domain/aws_address.h"

#include "base/text.h"
#include "domain/aws_identity.h"

#include <string.h>

enum { URL_MAX_BYTES = 512, ACCOUNT_DIGITS = 12, REGION_MAX_BYTES = 32, EXTERNAL_ID_MIN_BYTES = 2 };

static const char DIGITS[] = "0123456789";

Status aws_account_check(const char *account, Error *reterr) {
    if (strlen(account) != ACCOUNT_DIGITS || account[strspn(account, DIGITS)] != '\0')
        return error_set(reterr, STATUS_INVALID, "bad_value",
                         "expected the 12 digits of an AWS account, in quotes");
    return STATUS_OK;
}

static Status region_check(const char *region, Error *reterr) {
    static const char ALLOWED[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    size_t length = strlen(region);
    if (length == 0 || length > REGION_MAX_BYTES || region[strspn(region, ALLOWED)] != '\0' ||
        strchr("-0123456789", region[0]) != NULL || strchr(DIGITS, region[length - 1]) == NULL ||
        strchr(region, '-') == NULL)
        return error_set(reterr, STATUS_INVALID, "bad_value",
                         "expected an AWS region, such as eu-central-1");
    return STATUS_OK;
}

static Status role_check(const char *role, Error *reterr) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    AwsIdentity identity;
    if (aws_identity_parse(arena, role, &identity, NULL) != STATUS_OK || identity.kind != AWS_ROLE)
        return error_set(reterr, STATUS_INVALID, "bad_value",
                         "expected the ARN of an IAM role, arn:aws:iam::ACCOUNT:role/NAME");
    return STATUS_OK;
}

// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
static Status external_id_check(const char *id, Error *reterr) {
    static const char ALLOWED[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789_+=,.@:/-";
    if (strlen(id) < EXTERNAL_ID_MIN_BYTES || id[strspn(id, ALLOWED)] != '\0')
        return error_set(reterr, STATUS_INVALID, "bad_value",
                         "expected an external id of at least two letters, digits and "
                         "_ + = , . @ : / -");
    return STATUS_OK;
}

static Status url_check(const char *url, Error *reterr) {
    const char *host = strstr(url, "://");
    if ((!text_starts_with(url, "https://") && !text_starts_with(url, "http://")) ||
        host[strlen("://")] == '\0' || !text_is_printable(url) || strchr(url, ' ') != NULL)
        return error_set(reterr, STATUS_INVALID, "bad_value", "expected a URL, https://HOST");
    return STATUS_OK;
}

static const Field ENDPOINT_FIELDS[] = {
    {FIELD(AwsEndpoints, iam, STRING), .max = URL_MAX_BYTES, .check = url_check,
     .help = "Of Identity and Access Management"},
    {FIELD(AwsEndpoints, sts, STRING), .max = URL_MAX_BYTES, .check = url_check,
     .help = "Of the Security Token Service; absent: the region's"},
    {FIELD(AwsEndpoints, rds, STRING), .max = URL_MAX_BYTES, .check = url_check,
     .help = "Of the Relational Database Service"},
    {FIELD(AwsEndpoints, ec2, STRING), .max = URL_MAX_BYTES, .check = url_check,
     .help = "Of the Elastic Compute Cloud"},
    {FIELD(AwsEndpoints, ssm, STRING), .max = URL_MAX_BYTES, .check = url_check,
     .help = "Of Systems Manager"},
};
static const Shape ENDPOINTS_SHAPE =
    SHAPE("AwsEndpoints", AwsEndpoints, ENDPOINT_FIELDS, "URLs of AWS's API, instead of its own");

static const Field ADDRESS_FIELDS[] = {
    {FIELD(AwsAddress, account, STRING), .required = true, .check = aws_account_check,
     .help = "The account, 12 digits in quotes"},
    {FIELD(AwsAddress, region, STRING), .required = true, .check = region_check,
     .help = "Region of its databases and instances"},
    {FIELD(AwsAddress, role, STRING), .max = 256, .check = role_check,
     .help = "ARN of the role the connector assumes there; absent: as its own file says"},
    {FIELD(AwsAddress, external_id, STRING), .max = 1224, .check = external_id_check,
     .help = "External id that the role's trust policy asks for"},
    {FIELD(AwsAddress, endpoints, OBJECT), .shape = &ENDPOINTS_SHAPE,
     .help = "Private endpoints; absent: AWS's"},
};
const Shape AWS_ADDRESS_SHAPE =
    SHAPE("AwsAddress", AwsAddress, ADDRESS_FIELDS, "An AWS account, and how its API is reached");

static bool within(const char *wanted, const char *allowed) {
    return wanted == NULL || text_equal(wanted, allowed);
}

bool aws_address_within(const AwsAddress *wanted, const AwsAddress *allowed) {
    static const AwsEndpoints NONE = {0};
    const AwsEndpoints *asked = wanted->endpoints != NULL ? wanted->endpoints : &NONE;
    const AwsEndpoints *had = allowed->endpoints != NULL ? allowed->endpoints : &NONE;
    return text_equal(wanted->account, allowed->account) &&
           text_equal(wanted->region, allowed->region) && within(wanted->role, allowed->role) &&
           within(wanted->external_id, allowed->external_id) && within(asked->iam, had->iam) &&
           within(asked->sts, had->sts) && within(asked->rds, had->rds) &&
           within(asked->ec2, had->ec2) && within(asked->ssm, had->ssm);
}
