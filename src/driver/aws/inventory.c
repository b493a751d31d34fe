#include "driver/aws/inventory.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 16, PROXIES_WITH_TAGS_MAX = 200 };

typedef struct Collecting {
    Operation *operation;
    AwsResources found;
    const char **cluster_of;
    StringList proxy_arns;
    size_t capacity;
} Collecting;

static void add(Collecting *collecting, AwsResource resource, const char *cluster) {
    Arena *arena = collecting->operation->arena;
    AwsResources *found = &collecting->found;
    if (found->count == AWS_RESOURCES_MAX || resource.id == NULL)
        return;
    if (found->count == collecting->capacity) {
        size_t capacity = collecting->capacity == 0 ? FIRST_CAPACITY : collecting->capacity * 2;
        AwsResource *items = arena_alloc(arena, capacity * sizeof *items);
        const char **clusters = arena_alloc(arena, capacity * sizeof *clusters);
        if (found->count > 0) {
            memcpy(items, found->items, found->count * sizeof *items);
            memcpy((void *)clusters, (void *)collecting->cluster_of,
                   found->count * sizeof *clusters);
        }
        found->items = items;
        collecting->cluster_of = clusters;
        collecting->capacity = capacity;
    }
    // What is given back outlives the session.
    resource.region = arena_strdup(arena, collecting->operation->session->address.region);
    collecting->cluster_of[found->count] = cluster;
    found->items[found->count++] = resource;
}

static const char *copy_of(Collecting *collecting, const XmlNode *node, const char *path) {
    const char *text = xml_text(node, path);
    return text != NULL && text[0] != '\0' && text_is_printable(text)
               ? arena_strdup(collecting->operation->arena, text)
               : NULL;
}

static StringList tags_of(Arena *arena, const XmlNode *first, const char *key, const char *value) {
    StringList tags = {0};
    for (const XmlNode *tag = first; tag != NULL; tag = xml_next(tag)) {
        const char *name = xml_text(tag, key);
        const char *text = xml_text(tag, value);
        if (name != NULL && text_is_printable(name) && (text == NULL || text_is_printable(text)))
            string_list_add(arena, &tags,
                            arena_printf(arena, "%s=%s", name, text != NULL ? text : ""));
    }
    return tags;
}

const char *aws_engine_name(const char *engine) {
    static const struct {
        const char *begins, *name;
    } NAMES[] = {
        {"postgres", "postgresql"},   {"aurora-postgresql", "postgresql"},
        {"POSTGRESQL", "postgresql"}, {"mysql", "mysql"},
        {"aurora", "mysql"},          {"MYSQL", "mysql"},
        {"mariadb", "mariadb"},       {"sqlserver", "sqlserver"},
        {"SQLSERVER", "sqlserver"},
    };
    for (size_t i = 0; engine != NULL && i < COUNT_OF(NAMES); i++)
        if (text_starts_with(engine, NAMES[i].begins))
            return NAMES[i].name;
    return engine;
}

static int64_t usual_port(const char *engine) {
    return text_equal(engine, "postgresql")  ? target_default_port(TARGET_POSTGRESQL)
           : text_equal(engine, "sqlserver") ? target_default_port(TARGET_SQLSERVER)
                                             : target_default_port(TARGET_MYSQL);
}

// ---- Databases ----------------------------------------------------------------------------------

static Status take_instances(void *context, const AwsAnswer *answer, Error *reterr) {
    (void)reterr;
    Collecting *collecting = context;
    for (const XmlNode *node = xml_find(answer->result, "DBInstances/DBInstance"); node != NULL;
         node = xml_next(node))
        add(collecting,
            (AwsResource){
                .kind = "rds instance",
                .id = copy_of(collecting, node, "DbiResourceId"),
                .identifier = copy_of(collecting, node, "DBInstanceIdentifier"),
                .host = copy_of(collecting, node, "Endpoint/Address"),
                .port = xml_int(node, "Endpoint/Port", 0),
                .engine = aws_engine_name(copy_of(collecting, node, "Engine")),
                .database = copy_of(collecting, node, "DBName"),
                .iam_authentication = xml_bool(node, "IAMDatabaseAuthenticationEnabled"),
                .tags = tags_of(collecting->operation->arena, xml_find(node, "TagList/Tag"), "Key",
                                "Value"),
            },
            copy_of(collecting, node, "DBClusterIdentifier"));
    return STATUS_OK;
}

static Status take_clusters(void *context, const AwsAnswer *answer, Error *reterr) {
    (void)reterr;
    Collecting *collecting = context;
    for (const XmlNode *node = xml_find(answer->result, "DBClusters/DBCluster"); node != NULL;
         node = xml_next(node))
        add(collecting,
            (AwsResource){
                .kind = "rds cluster",
                .id = copy_of(collecting, node, "DbClusterResourceId"),
                .identifier = copy_of(collecting, node, "DBClusterIdentifier"),
                .host = copy_of(collecting, node, "Endpoint"),
                .port = xml_int(node, "Port", 0),
                .engine = aws_engine_name(copy_of(collecting, node, "Engine")),
                .database = copy_of(collecting, node, "DatabaseName"),
                .iam_authentication = xml_bool(node, "IAMDatabaseAuthenticationEnabled"),
                .tags = tags_of(collecting->operation->arena, xml_find(node, "TagList/Tag"), "Key",
                                "Value"),
            },
            NULL);
    return STATUS_OK;
}

// "arn:aws:rds:REGION:ACCOUNT:db-proxy:prx-…"
static const char *proxy_id(const char *arn) {
    const char *id = arn != NULL ? strrchr(arn, ':') : NULL;
    return id != NULL ? id + 1 : NULL;
}

static bool proxy_lets_iam_in(const XmlNode *node) {
    for (const XmlNode *auth = xml_find(node, "Auth/member"); auth != NULL; auth = xml_next(auth)) {
        const char *iam = xml_text(auth, "IAMAuth");
        if (iam != NULL && !text_equal(iam, "DISABLED"))
            return true;
    }
    return false;
}

static Status take_proxies(void *context, const AwsAnswer *answer, Error *reterr) {
    (void)reterr;
    Collecting *collecting = context;
    for (const XmlNode *node = xml_find(answer->result, "DBProxies/member"); node != NULL;
         node = xml_next(node)) {
        const char *arn = copy_of(collecting, node, "DBProxyArn");
        const char *engine = aws_engine_name(copy_of(collecting, node, "EngineFamily"));
        add(collecting,
            (AwsResource){
                .kind = "rds proxy",
                .id = proxy_id(arn),
                .identifier = copy_of(collecting, node, "DBProxyName"),
                .host = copy_of(collecting, node, "Endpoint"),
                .port = usual_port(engine),
                .engine = engine,
                .iam_authentication = proxy_lets_iam_in(node),
            },
            NULL);
        if (proxy_id(arn) != NULL)
            string_list_add(collecting->operation->arena, &collecting->proxy_arns, arn);
    }
    return STATUS_OK;
}

static Status read_proxy_tags(Collecting *collecting, Error *reterr) {
    Operation *operation = collecting->operation;
    const StringList *arns = &collecting->proxy_arns;
    size_t first = collecting->found.count - arns->count;
    for (size_t i = 0; i < arns->count && i < PROXIES_WITH_TAGS_MAX; i++) {
        AwsRequest request = {.service = AWS_SERVICE_RDS, .action = "ListTagsForResource"};
        AwsAnswer answer;
        aws_parameters_add(operation->arena, &request.parameters, "ResourceName", arns->items[i]);
        TRY(aws_operation_query(operation, &request, &answer, NULL, reterr));
        collecting->found.items[first + i].tags =
            tags_of(operation->arena, xml_find(answer.result, "TagList/Tag"), "Key", "Value");
    }
    return STATUS_OK;
}

// What may not be read is noted; anything else that goes wrong would make the list a wrong one.
static Status note_denied(Operation *operation, Status status, const char *what, const Error *error,
                          StringList *notes, Error *reterr) {
    if (status == STATUS_OK)
        return STATUS_OK;
    if (operation->evidence.failure != FAILURE_DENIED) {
        if (reterr != NULL)
            *reterr = *error;
        return status;
    }
    operation->evidence.failure = FAILURE_NONE;
    string_list_add(operation->arena, notes,
                    arena_printf(operation->arena, "%s are not listed: %s", what, error->message));
    return STATUS_OK;
}

Status aws_databases_read(Operation *operation, bool with_tags, Inventory *ret_inventory,
                          StringList *notes, Error *reterr) {
    static const struct {
        const char *action, *what;
        AwsPage *page;
    } KINDS[] = {
        {"DescribeDBInstances", "RDS instances", take_instances},
        {"DescribeDBClusters", "RDS clusters", take_clusters},
        {"DescribeDBProxies", "RDS proxies", take_proxies},
    };
    Collecting collecting = {.operation = operation};
    for (size_t i = 0; i < COUNT_OF(KINDS); i++) {
        const AwsRequest request = {.service = AWS_SERVICE_RDS, .action = KINDS[i].action};
        Error error = {0};
        Status status =
            aws_operation_pages(operation, &request, KINDS[i].page, &collecting, &error);
        TRY(note_denied(operation, status, KINDS[i].what, &error, notes, reterr));
    }
    if (with_tags) {
        Error error = {0};
        Status status = read_proxy_tags(&collecting, &error);
        TRY(note_denied(operation, status, "tags of RDS proxies", &error, notes, reterr));
    }
    *ret_inventory = (Inventory){collecting.found, collecting.cluster_of};
    return STATUS_OK;
}

// ---- Instances ----------------------------------------------------------------------------------

static const char *tag_value(const StringList *tags, const char *key) {
    size_t length = strlen(key);
    for (size_t i = 0; i < tags->count; i++)
        if (text_starts_with(tags->items[i], key) && tags->items[i][length] == '=' &&
            tags->items[i][length + 1] != '\0')
            return tags->items[i] + length + 1;
    return NULL;
}

static void take_instance(Collecting *collecting, const XmlNode *node) {
    StringList tags =
        tags_of(collecting->operation->arena, xml_find(node, "tagSet/item"), "key", "value");
    if (text_equal(xml_text(node, "instanceState/name"), "terminated"))
        return;
    add(collecting,
        (AwsResource){
            .kind = "instance",
            .id = copy_of(collecting, node, "instanceId"),
            .identifier = tag_value(&tags, "Name"),
            .tags = tags,
        },
        NULL);
}

static Status take_reservations(void *context, const AwsAnswer *answer, Error *reterr) {
    (void)reterr;
    for (const XmlNode *reservation = xml_find(answer->result, "reservationSet/item");
         reservation != NULL; reservation = xml_next(reservation))
        for (const XmlNode *node = xml_find(reservation, "instancesSet/item"); node != NULL;
             node = xml_next(node))
            take_instance(context, node);
    return STATUS_OK;
}

Status aws_instances_read(Operation *operation, const StringList *ids, const char *tag,
                          AwsResources *ret_instances, Error *reterr) {
    Arena *arena = operation->arena;
    Collecting collecting = {.operation = operation};
    AwsRequest request = {.service = AWS_SERVICE_EC2, .action = "DescribeInstances"};
    if (ids != NULL) {
        // As a filter: one that is not there is left out, and not an error that names it.
        aws_parameters_add(arena, &request.parameters, "Filter.1.Name", "instance-id");
        aws_parameters_add_list(arena, &request.parameters, "Filter.1.Value", ids->items,
                                ids->count);
    } else if (tag != NULL) {
        const char *value = strchr(tag, '=');
        aws_parameters_add(arena, &request.parameters, "Filter.1.Name",
                           arena_printf(arena, "tag:%.*s", (int)(value - tag), tag));
        aws_parameters_add(arena, &request.parameters, "Filter.1.Value.1", value + 1);
    }
    TRY(aws_operation_pages(operation, &request, take_reservations, &collecting, reterr));
    *ret_instances = collecting.found;
    return STATUS_OK;
}
