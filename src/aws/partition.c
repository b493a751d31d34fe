#include "aws/partition.h"

#include "aws/arn.h"
#include "base/text.h"

static const char *const SERVICE_NAMES[] = {
    [AWS_SERVICE_IAM] = "iam", [AWS_SERVICE_STS] = "sts", [AWS_SERVICE_RDS] = "rds",
    [AWS_SERVICE_EC2] = "ec2", [AWS_SERVICE_SSM] = "ssm",
};
const EnumTable AWS_SERVICE_NAMES = {"AWS service", SERVICE_NAMES, COUNT_OF(SERVICE_NAMES)};

// Prefixes that begin alike end with a hyphen, so the order does not matter. The first is every
// other region's.
static const AwsPartition PARTITIONS[] = {
    {"aws", NULL, "amazonaws.com", "iam.amazonaws.com", "us-east-1"},
    {"aws-cn", "cn-", "amazonaws.com.cn", "iam.cn-north-1.amazonaws.com.cn", "cn-north-1"},
    {"aws-us-gov", "us-gov-", "amazonaws.com", "iam.us-gov.amazonaws.com", "us-gov-west-1"},
    {"aws-iso", "us-iso-", "c2s.ic.gov", "iam.us-iso-east-1.c2s.ic.gov", "us-iso-east-1"},
    {"aws-iso-b", "us-isob-", "sc2s.sgov.gov", "iam.us-isob-east-1.sc2s.sgov.gov",
     "us-isob-east-1"},
    {"aws-iso-e", "eu-isoe-", "cloud.adc-e.uk", "iam.eu-isoe-west-1.cloud.adc-e.uk",
     "eu-isoe-west-1"},
    {"aws-iso-f", "us-isof-", "csp.hci.ic.gov", "iam.us-isof-south-1.csp.hci.ic.gov",
     "us-isof-south-1"},
    {"aws-eusc", "eusc-", "amazonaws.eu", "iam.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1"},
};

const AwsPartition *aws_partition_of_region(const char *region) {
    for (size_t i = 1; i < COUNT_OF(PARTITIONS); i++)
        if (text_starts_with(region, PARTITIONS[i].region_prefix))
            return &PARTITIONS[i];
    return &PARTITIONS[0];
}

const AwsPartition *aws_partition_find(const char *name) {
    for (size_t i = 0; i < COUNT_OF(PARTITIONS); i++)
        if (text_equal(name, PARTITIONS[i].name))
            return &PARTITIONS[i];
    return NULL;
}

size_t aws_partition_count(void) {
    return COUNT_OF(PARTITIONS);
}

const AwsPartition *aws_partition_at(size_t index) {
    return &PARTITIONS[index];
}

Status service_endpoint_find(AwsService service, const char *region, ServiceEndpoint *ret_endpoint,
                             Error *reterr) {
    if (!arn_is_region(region))
        return error_set(reterr, STATUS_INVALID, "bad_region",
                         "this is no AWS region; expected one such as eu-central-1");
    const AwsPartition *partition = aws_partition_of_region(region);
    ServiceEndpoint endpoint = {0};
    bool global = service == AWS_SERVICE_IAM;
    if (global)
        snprintf(endpoint.url, sizeof(endpoint.url), "https://%s", partition->iam_host);
    else
        snprintf(endpoint.url, sizeof(endpoint.url), "https://%s.%s.%s", SERVICE_NAMES[service],
                 region, partition->dns_suffix);
    snprintf(endpoint.signing_region, sizeof(endpoint.signing_region), "%s",
             global ? partition->iam_region : region);
    *ret_endpoint = endpoint;
    return STATUS_OK;
}
