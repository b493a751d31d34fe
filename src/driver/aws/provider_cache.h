// Where the connector's own AWS credentials come from, once for the whole process: sessions come
// and go with each action, and metadata services and STS are not asked anew for each of them.
#pragma once

#include "aws/provider.h"

// Of profile, region, sts_endpoint, ca_file, programs and withheld, which are copied; the rest of
// the options is not looked at. Lives as long as the process. Any thread may ask.
AwsProvider *aws_provider_shared(const AwsProviderOptions *options);
