#include "domain/aws_resource.h"

static const Field FIELDS[] = {
    {FIELD(AwsResource, kind, STRING), .required = true, .max = 64,
     .help = "rds instance, rds cluster, rds proxy or instance"},
    {FIELD(AwsResource, id, STRING), .required = true, .max = 255,
     .help = "Resource id of a database, id of an instance"},
    {FIELD(AwsResource, identifier, STRING), .max = 255, .help = "As people call it"},
    {FIELD(AwsResource, host, STRING), .max = 255, .help = "Host of a database's endpoint"},
    {FIELD(AwsResource, port, INT), .min = 0, .max = 65535, .help = "Port of it"},
    {FIELD(AwsResource, engine, STRING), .max = 64, .help = "Engine of a database"},
    {FIELD(AwsResource, database, STRING), .max = 255, .help = "Database that was made with it"},
    {FIELD(AwsResource, region, STRING), .max = 64, .help = "Where it is"},
    {FIELD(AwsResource, iam_authentication, BOOL),
     .help = "Whether a database lets people in by IAM authentication"},
    {FIELD(AwsResource, tags, STRINGS), .max = 100, .help = "Its tags, as key=value"},
    {FIELD(AwsResource, users, STRINGS), .max = 100, .help = "Database users that were granted"},
    {FIELD(AwsResource, documents, STRINGS), .max = 100,
     .help = "Session documents that were granted"},
};
const Shape AWS_RESOURCE_SHAPE =
    SHAPE("AwsResource", AwsResource, FIELDS, "A database or an instance on AWS");
