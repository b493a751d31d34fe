// What is on AWS to be given access to: databases of RDS and Aurora, and instances.
#pragma once

#include "base/shape.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct AwsResource {
    const char *kind;       // "rds instance", "rds cluster", "rds proxy", "instance"
    const char *id;         // "db-…", "cluster-…", "prx-…", "i-…", "mi-…"
    const char *identifier; // as people call it; of an instance its tag Name; NULL: none
    const char *host;       // of a database's endpoint, with the port; NULL: has none
    int64_t port;
    const char *engine;   // "postgresql", "mysql", "mariadb", "sqlserver"; else as AWS says
    const char *database; // made with it; NULL: none
    const char *region;
    bool iam_authentication; // of a database: it lets people in this way
    StringList tags;         // "key=value"
    StringList users;        // in an outcome: the database users granted
    StringList documents;    // in an outcome: the session documents granted
} AwsResource;
typedef struct AwsResources {
    AwsResource *items;
    size_t count;
} AwsResources;
enum { AWS_RESOURCES_MAX = 5000 };
extern const Shape AWS_RESOURCE_SHAPE;
