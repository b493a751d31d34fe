// Where the connector's own AWS credentials come from, once for the whole process: sessions come
// and go with each action, and metadata services and STS are not asked anew for each of them.
#pragma once

#include "aws/provider.h"

// Lives as long as the process. Any thread may ask.
AwsProvider *aws_provider_shared(const char *profile, const char *region, const char *sts_endpoint,
                                 const char *ca_file);
