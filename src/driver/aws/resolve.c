#include "driver/aws/resolve.h"

#include <string.h>

#include "driver/aws/inventory.h"

enum { SHOWN_DATABASES_MAX = 200, ITEM_RESOURCES_MAX = 200 };

// ---- ARNs ---------------------------------------------------------------------------------------

// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.IAMPolicy.html
const char *aws_database_user_arn(Arena *arena, const char *partition, const AwsAddress *address,
                                  const char *resource, const char *user) {
    return arena_printf(arena, "arn:%s:rds-db:%s:%s:dbuser:%s/%s", partition, address->region,
                        address->account, resource, user);
}

// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html
const char *aws_instance_arn(Arena *arena, const char *partition, const AwsAddress *address,
                             const char *instance) {
    bool managed = text_starts_with(instance, "mi-");
    return arena_printf(arena, "arn:%s:%s:%s:%s:%s/%s", partition, managed ? "ssm" : "ec2",
                        address->region, address->account,
                        managed ? "managed-instance" : "instance", instance);
}

const char *aws_document_arn(Arena *arena, const char *partition, const AwsAddress *address,
                             const char *document) {
    bool theirs = text_starts_with(document, "AWS-") || text_starts_with(document, "Amazon");
    return arena_printf(arena, "arn:%s:ssm:%s:%s:document/%s", partition, address->region,
                        theirs ? "" : address->account, document);
}

// ---- Collecting ---------------------------------------------------------------------------------

typedef struct Resolving {
    Operation *operation;
    Inventory inventory;
    bool inventory_read;
    bool with_tags; // of proxies: some item goes by tag
    StringList notes;
    Resolved resolved;
    size_t resource_capacity;
} Resolving;

static void add_resource(Resolving *resolving, AwsResource resource, const char *tagged_id) {
    AwsResources *all = &resolving->resolved.resources;
    if (all->count == resolving->resource_capacity) {
        size_t capacity = resolving->resource_capacity == 0 ? 8 : resolving->resource_capacity * 2;
        AwsResource *items = arena_alloc(resolving->operation->arena, capacity * sizeof *items);
        if (all->count > 0)
            memcpy(items, all->items, all->count * sizeof *items);
        all->items = items;
        resolving->resource_capacity = capacity;
    }
    // What is given back outlives the session.
    const DriverSession *session = resolving->operation->session;
    resource.region = arena_strdup(resolving->operation->arena, session->address.region);
    all->items[all->count++] = resource;
    string_list_add(resolving->operation->arena, &resolving->resolved.tagged_ids, tagged_id);
}

static Status too_many(Resolving *resolving, const char *what, Error *reterr) {
    return evidence_fail(
        &resolving->operation->evidence, FAILURE_CONFLICT, reterr, "policy_too_large",
        "%s stands for more than %d resources, which no inline policy has room for", what,
        ITEM_RESOURCES_MAX);
}

// ---- Databases ----------------------------------------------------------------------------------

static Status read_inventory(Resolving *resolving, Error *reterr) {
    if (resolving->inventory_read)
        return STATUS_OK;
    TRY(aws_databases_read(resolving->operation, resolving->with_tags, &resolving->inventory,
                           &resolving->notes, reterr));
    resolving->inventory_read = true;
    return STATUS_OK;
}

// Access to a member of a cluster is access to the cluster: that is what AWS knows it by.
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/UsingWithRDS.IAMDBAuth.IAMPolicy.html
static const char *policy_id(const Resolving *resolving, size_t place) {
    const AwsResources *databases = &resolving->inventory.databases;
    const char *cluster = resolving->inventory.cluster_of[place];
    for (size_t i = 0; cluster != NULL && i < databases->count; i++)
        if (text_equal(databases->items[i].kind, "rds cluster") &&
            text_equal(databases->items[i].identifier, cluster))
            return databases->items[i].id;
    return databases->items[place].id;
}

static bool is_wanted(const RdsConnect *connect, const AwsResource *database) {
    if (connect->tag != NULL)
        return string_list_has(&database->tags, connect->tag);
    return connect->identifier != NULL ? text_equal(connect->identifier, database->identifier)
                                       : text_equal(connect->resource, database->id);
}

static void add_users(Resolving *resolving, const RdsConnect *connect, const char *id,
                      PolicyItem *item) {
    Arena *arena = resolving->operation->arena;
    const DriverSession *session = resolving->operation->session;
    for (size_t i = 0; i < connect->users.count; i++) {
        const char *arn = aws_database_user_arn(arena, session->partition, &session->address, id,
                                                connect->users.items[i]);
        if (!string_list_has(&item->resources, arn))
            string_list_add(arena, &item->resources, arn);
    }
}

static void add_database(Resolving *resolving, const RdsConnect *connect, AwsResource database,
                         const char *id) {
    database.users = connect->users;
    if (!database.iam_authentication && database.host != NULL)
        evidence_warn(&resolving->operation->evidence,
                      "IAM authentication is off on %s %s: nobody can connect this way until it is "
                      "on",
                      database.kind,
                      database.identifier != NULL ? database.identifier : database.id);
    add_resource(resolving, database, connect->tag != NULL ? id : "");
}

static const char *database_words(Arena *arena, const RdsConnect *connect) {
    if (connect->tag != NULL)
        return arena_printf(arena, "database with tag %s", connect->tag);
    return arena_printf(arena, "database %s",
                        connect->identifier != NULL ? connect->identifier : connect->resource);
}

// Its id is enough for a policy; how to reach it is not known.
static void add_unseen(Resolving *resolving, const RdsConnect *connect, PolicyItem *item) {
    const char *id = connect->resource;
    const DriverSession *session = resolving->operation->session;
    add_users(resolving, connect, id, item);
    if (resolving->notes.count > 0)
        evidence_warn(&resolving->operation->evidence,
                      "the endpoint of database %s is not known: %s", id,
                      string_list_join(resolving->operation->arena, &resolving->notes, "; "));
    else
        evidence_warn(&resolving->operation->evidence,
                      "there is no database %s in account %s, region %s: the access is to nothing "
                      "until there is",
                      id, session->address.account, session->address.region);
    add_resource(resolving,
                 (AwsResource){
                     .kind = text_starts_with(id, "cluster-") ? "rds cluster"
                             : text_starts_with(id, "prx-")   ? "rds proxy"
                                                              : "rds instance",
                     .id = id,
                     .users = connect->users,
                 },
                 "");
}

static Status not_there(Resolving *resolving, const RdsConnect *connect, PolicyItem *item,
                        Error *reterr) {
    Evidence *evidence = &resolving->operation->evidence;
    const char *what = database_words(resolving->operation->arena, connect);
    if (connect->resource != NULL) {
        add_unseen(resolving, connect, item);
        return STATUS_OK;
    }
    if (resolving->notes.count > 0)
        return evidence_fail(
            evidence, FAILURE_DENIED, reterr, "target_denied", "%s cannot be looked up: %s", what,
            string_list_join(resolving->operation->arena, &resolving->notes, "; "));
    return evidence_fail(evidence, FAILURE_NOT_FOUND, reterr, "resource_not_found",
                         "there is no %s in account %s, region %s", what,
                         resolving->operation->session->address.account,
                         resolving->operation->session->address.region);
}

// Every one that people can be let into this way, as far as it can be listed.
static void add_any(Resolving *resolving, const RdsConnect *connect, PolicyItem *item) {
    Error ignored = {0};
    add_users(resolving, connect, "*", item);
    if (read_inventory(resolving, &ignored) != STATUS_OK) {
        resolving->operation->evidence.failure = FAILURE_NONE;
        return;
    }
    const AwsResources *databases = &resolving->inventory.databases;
    size_t shown = 0;
    for (size_t i = 0; i < databases->count && shown < SHOWN_DATABASES_MAX; i++)
        if (databases->items[i].iam_authentication) {
            add_database(resolving, connect, databases->items[i], "*");
            shown++;
        }
}

static Status resolve_connect(Resolving *resolving, const RdsConnect *connect, PolicyItem *item,
                              Error *reterr) {
    item->kind = POLICY_RDS_CONNECT;
    item->by_tag = connect->tag != NULL;
    if (text_equal(connect->resource, "*")) {
        add_any(resolving, connect, item);
        return STATUS_OK;
    }
    TRY(read_inventory(resolving, reterr));
    const AwsResources *databases = &resolving->inventory.databases;
    size_t found = 0;
    for (size_t i = 0; i < databases->count; i++) {
        if (!is_wanted(connect, &databases->items[i]))
            continue;
        found++;
        add_users(resolving, connect, policy_id(resolving, i), item);
        add_database(resolving, connect, databases->items[i], policy_id(resolving, i));
    }
    const char *what = database_words(resolving->operation->arena, connect);
    if (found == 0)
        return not_there(resolving, connect, item, reterr);
    if (found > ITEM_RESOURCES_MAX)
        return too_many(resolving, what, reterr);
    if (found > 1 && connect->tag == NULL)
        return evidence_fail(&resolving->operation->evidence, FAILURE_CONFLICT, reterr,
                             "resource_ambiguous",
                             "%s is the name of %zu: an instance, a cluster or a proxy; name the "
                             "one that is meant by its resource id",
                             what, found);
    return STATUS_OK;
}

// ---- Sessions -----------------------------------------------------------------------------------

static void add_instance(Resolving *resolving, AwsResource instance, const StringList *documents,
                         PolicyItem *item) {
    const DriverSession *session = resolving->operation->session;
    Arena *arena = resolving->operation->arena;
    string_list_add(arena, &item->resources,
                    aws_instance_arn(arena, session->partition, &session->address, instance.id));
    instance.documents = *documents;
    add_resource(resolving, instance, item->by_tag ? instance.id : "");
}

static const AwsResource *find_by_id(const AwsResources *found, const char *id) {
    for (size_t i = 0; i < found->count; i++)
        if (text_equal(found->items[i].id, id))
            return &found->items[i];
    return NULL;
}

// Of those in EC2, whether they are there; a connector that may not ask gives access all the same.
static Status read_named(Resolving *resolving, const SsmSession *ssm, AwsResources *ret_found,
                         Error *reterr) {
    Operation *operation = resolving->operation;
    StringList ids = {0};
    for (size_t i = 0; i < ssm->instances.count; i++)
        if (text_starts_with(ssm->instances.items[i], "i-"))
            string_list_add(operation->arena, &ids, ssm->instances.items[i]);
    Error error = {0};
    *ret_found = (AwsResources){0};
    if (ids.count == 0)
        return STATUS_OK;
    Status status = aws_instances_read(operation, &ids, NULL, ret_found, &error);
    if (status != STATUS_OK && operation->evidence.failure == FAILURE_DENIED) {
        operation->evidence.failure = FAILURE_NONE;
        evidence_warn(&operation->evidence, "whether the instances are there is not known: %s",
                      error.message);
        return STATUS_OK;
    }
    if (status != STATUS_OK) {
        if (reterr != NULL)
            *reterr = error;
        return status;
    }
    StringList missing = {0};
    for (size_t i = 0; i < ids.count; i++)
        if (find_by_id(ret_found, ids.items[i]) == NULL)
            string_list_add(operation->arena, &missing, ids.items[i]);
    if (missing.count == 0)
        return STATUS_OK;
    return evidence_fail(&operation->evidence, FAILURE_NOT_FOUND, reterr, "resource_not_found",
                         "there is no instance %s in account %s, region %s",
                         string_list_join(operation->arena, &missing, ", "),
                         operation->session->address.account, operation->session->address.region);
}

static void add_named(Resolving *resolving, const SsmSession *ssm, const AwsResources *found,
                      const StringList *documents, PolicyItem *item) {
    for (size_t i = 0; i < ssm->instances.count; i++) {
        const AwsResource *known = find_by_id(found, ssm->instances.items[i]);
        AwsResource unseen = {.kind = "instance", .id = ssm->instances.items[i]};
        add_instance(resolving, known != NULL ? *known : unseen, documents, item);
    }
}

static Status resolve_session(Resolving *resolving, const SsmSession *ssm, PolicyItem *item,
                              Error *reterr) {
    Arena *arena = resolving->operation->arena;
    const DriverSession *session = resolving->operation->session;
    StringList documents = ssm->documents;
    AwsResources found = {0};
    item->kind = POLICY_SSM_SESSION;
    item->by_tag = ssm->tag != NULL;
    if (documents.count == 0) {
        documents = (StringList){0};
        string_list_add(arena, &documents, SSM_SHELL_DOCUMENT);
    }
    if (ssm->tag == NULL) {
        TRY(read_named(resolving, ssm, &found, reterr));
        add_named(resolving, ssm, &found, &documents, item);
    } else {
        TRY(aws_instances_read(resolving->operation, NULL, ssm->tag, &found, reterr));
        if (found.count == 0)
            return evidence_fail(&resolving->operation->evidence, FAILURE_NOT_FOUND, reterr,
                                 "resource_not_found",
                                 "there is no instance with tag %s in account %s, region %s",
                                 ssm->tag, session->address.account, session->address.region);
        if (found.count > ITEM_RESOURCES_MAX)
            return too_many(resolving, arena_printf(arena, "tag %s", ssm->tag), reterr);
        for (size_t i = 0; i < found.count; i++)
            add_instance(resolving, found.items[i], &documents, item);
    }
    for (size_t i = 0; i < documents.count; i++)
        string_list_add(
            arena, &item->resources,
            aws_document_arn(arena, session->partition, &session->address, documents.items[i]));
    return STATUS_OK;
}

static Status resolve_item(Resolving *resolving, const AccessItem *wanted, PolicyItem *item,
                           Error *reterr) {
    if (wanted->rds_connect != NULL)
        return resolve_connect(resolving, wanted->rds_connect, item, reterr);
    if (wanted->ssm_session != NULL)
        return resolve_session(resolving, wanted->ssm_session, item, reterr);
    if (wanted->allow == NULL)
        return evidence_fail(&resolving->operation->evidence, FAILURE_FATAL, reterr, "bad_plan",
                             "the plan has an entry that is none of AWS");
    item->kind = POLICY_ALLOW;
    item->actions = wanted->allow->actions;
    item->resources = wanted->allow->resources;
    return STATUS_OK;
}

static Resolving resolving_of(Operation *operation, const AccessItems *access) {
    Resolving resolving = {.operation = operation};
    for (size_t i = 0; i < access->count; i++)
        resolving.with_tags |=
            access->items[i].rds_connect != NULL && access->items[i].rds_connect->tag != NULL;
    return resolving;
}

Status aws_resolve(Operation *operation, const AccessItems *access, Resolved *ret_resolved,
                   Error *reterr) {
    Resolving resolving = resolving_of(operation, access);
    PolicyItems *items = &resolving.resolved.items;
    items->items = arena_alloc(operation->arena, (access->count + 1) * sizeof(PolicyItem));
    for (size_t i = 0; i < access->count; i++)
        TRY(resolve_item(&resolving, &access->items[i], &items->items[items->count++], reterr));
    *ret_resolved = resolving.resolved;
    return STATUS_OK;
}

void aws_resolve_each(Operation *operation, const AccessItems *access, AwsResolveTold *told,
                      void *context) {
    Resolving resolving = resolving_of(operation, access);
    for (size_t i = 0; i < access->count; i++) {
        PolicyItem item = {0};
        Error error = {0};
        Status status = resolve_item(&resolving, &access->items[i], &item, &error);
        told(context, &access->items[i], status == STATUS_OK ? &item : NULL, &error);
    }
}

// ---- Extending ----------------------------------------------------------------------------------

static bool names_it(const StringList *arns, const char *id) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *database = arena_printf(arena, ":dbuser:%s/", id);
    const char *instance = arena_printf(arena, "instance/%s", id);
    for (size_t i = 0; i < arns->count; i++) {
        const char *found = strstr(arns->items[i], instance);
        if (strstr(arns->items[i], database) != NULL ||
            (found != NULL && found[strlen(instance)] == '\0'))
            return true;
    }
    return false;
}

// False: nothing is left but documents, which are on no instance.
static bool keep_resources(Arena *arena, PolicyItem *item, const StringList *had) {
    StringList kept = {0};
    bool any = false;
    for (size_t i = 0; i < item->resources.count; i++) {
        const char *arn = item->resources.items[i];
        if (!string_list_has(had, arn))
            continue;
        string_list_add(arena, &kept, arn);
        any |= strstr(arn, ":document/") == NULL;
    }
    item->resources = kept;
    return any;
}

void aws_resolved_keep(Arena *arena, Resolved *resolved, const StringList *had) {
    size_t items = 0, resources = 0;
    for (size_t i = 0; i < resolved->items.count; i++) {
        PolicyItem item = resolved->items.items[i];
        if (!item.by_tag || keep_resources(arena, &item, had))
            resolved->items.items[items++] = item;
    }
    resolved->items.count = items;
    for (size_t i = 0; i < resolved->resources.count; i++) {
        const char *id = resolved->tagged_ids.items[i];
        if (id[0] == '\0' || names_it(had, id))
            resolved->resources.items[resources++] = resolved->resources.items[i];
    }
    resolved->resources.count = resources;
}
