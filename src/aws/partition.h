// AWS's partitions, and where in a region of them a service answers and as what its calls are
// signed. https://docs.aws.amazon.com/general/latest/gr/rande.html
#pragma once

#include "base/enum_table.h"
#include "base/error.h"

#include <stddef.h>

typedef enum AwsService {
    AWS_SERVICE_IAM,
    AWS_SERVICE_STS,
    AWS_SERVICE_RDS,
    AWS_SERVICE_EC2,
    AWS_SERVICE_SSM,
    AWS_SERVICE_COUNT_,
} AwsService;
extern const EnumTable AWS_SERVICE_NAMES; // "iam": in host names and signatures

typedef struct AwsPartition {
    const char *name;          // "aws-cn"
    const char *region_prefix; // "cn-"; NULL: every region no other partition has
    const char *dns_suffix;    // "amazonaws.com.cn"
    const char *iam_host;      // IAM is one for a whole partition
    const char *iam_region;    // as which its calls are signed
} AwsPartition;

// Never NULL: a region of a form nobody knows is taken to be one of "aws".
const AwsPartition *aws_partition_of_region(const char *region);
const AwsPartition *aws_partition_find(const char *name); // NULL: there is none of that name
size_t aws_partition_count(void);
const AwsPartition *aws_partition_at(size_t index);

typedef struct ServiceEndpoint {
    char url[256];           // "https://rds.eu-central-1.amazonaws.com"
    char signing_region[64]; // "eu-central-1"
} ServiceEndpoint;

// Regional for every service but IAM. "bad_region" where the region has not the form of one: it
// becomes part of a host's name.
MUST_USE Status service_endpoint_find(AwsService service, const char *region,
                                      ServiceEndpoint *ret_endpoint, Error *reterr);
