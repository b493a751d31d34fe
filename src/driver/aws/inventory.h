// Databases and instances that are in an account's region.
#pragma once

#include "driver/aws/operation.h"

typedef struct Inventory {
    AwsResources databases; // instances, clusters, then proxies
    // For each of them the identifier of the cluster that it is a member of; NULL: of none.
    const char **cluster_of;
} Inventory;

// Proxies' tags are asked for one by one: only `with_tags`. A kind that the connector may not read
// is left out, with a note.
MUST_USE Status aws_databases_read(Operation *operation, bool with_tags, Inventory *ret_inventory,
                                   StringList *notes, Error *reterr);
// Those of `ids`; where NULL, those with `tag` ("key=value"); where that is NULL too, all.
// Terminated ones never, and at most AWS_RESOURCES_MAX.
MUST_USE Status aws_instances_read(Operation *operation, const StringList *ids, const char *tag,
                                   AwsResources *ret_instances, Error *reterr);
// "postgres" and "aurora-postgresql" are "postgresql": as we call engines, where we do.
const char *aws_engine_name(const char *engine);
