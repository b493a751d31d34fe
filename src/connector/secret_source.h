// Fetches an admin secret from where the configuration says it is, each time it is needed, so that
// a rotated secret is used at once and none is kept.
#pragma once

#include "connector/connector_options.h"

#include "base/secret.h"

// NULL without any source: that of an AWS account, whose driver looks for credentials itself.
// STATUS_UNAVAILABLE "no_secret" with the reason; never any of the secret. `withheld`: names
// of variables that a command does not inherit, because secrets are in them.
MUST_USE Status secret_source_read(const SecretSource *source, const StringList *withheld,
                                   Secret **ret_secret, Error *reterr);
