#include "store/store_internal.h"

#include "base/id.h"

#include <string.h>

enum {
    SEEN_FLUSH_MS = 2 * SECOND_MS, // how often who was seen is written, whoever many they are
    SEEN_WAITING_MAX = 4096,
    INSTANCES_LIST_MAX = 100000,
};

static const Field INSTANCE_FIELDS[] = {
    {FIELD(ConnectorInstance, id, STRING), .required = true, .help = "Id of the instance"},
    {FIELD(ConnectorInstance, connector, STRING), .help = "Connector it is an instance of"},
    {FIELD(ConnectorInstance, public_key, STRING), .help = "Public key of its signatures"},
    {FIELD(ConnectorInstance, host, STRING), .help = "Name of the host it runs on"},
    {FIELD(ConnectorInstance, version, STRING), .help = "Version it runs"},
    {FIELD(ConnectorInstance, enrolled_at, TIME), .help = "When it was enrolled"},
    {FIELD(ConnectorInstance, last_seen_at, TIME), .help = "When it asked for work last"},
    {FIELD(ConnectorInstance, clock_difference_ms, INT),
     .help = "Its clock minus ours, in milliseconds"},
};
const Shape CONNECTOR_INSTANCE_SHAPE = SHAPE("ConnectorInstance", ConnectorInstance,
                                             INSTANCE_FIELDS, "One running copy of a connector");

static const Field CONNECTOR_FIELDS[] = {
    {FIELD(Connector, name, STRING), .required = true, .help = "Name of the connector"},
    {FIELD(Connector, created_at, TIME), .help = "When it was made"},
    {FIELD(Connector, instances, OBJECTS), .shape = &CONNECTOR_INSTANCE_SHAPE,
     .help = "Its enrolled instances"},
};
const Shape CONNECTOR_SHAPE =
    SHAPE("Connector", Connector, CONNECTOR_FIELDS, "A connector and its instances");

// ---- Making and enrolling -----------------------------------------------------------------------

static Status note_connector(Operation *operation, const char *event, const char *connector,
                             const ConnectorInstance *instance, Error *reterr) {
    json_t *detail = json_keep(operation->arena, json_object());
    json_object_set_new(detail, "connector", json_string(connector));
    if (instance != NULL)
        json_object_set(detail, "instance",
                        shape_write(operation->arena, &CONNECTOR_INSTANCE_SHAPE, instance));
    AuditNote note = {.event = event, .detail = detail};
    return audit_append(operation, &note, reterr);
}

typedef struct AddWork {
    const char *name;
    const Token *join_token;
} AddWork;

static Status add_connector(Operation *operation, void *work_, Error *reterr) {
    AddWork *work = work_;
    TRY(object_name_check(work->name, reterr));
    Parameter parameters[] = {parameter_text(work->name), parameter_int(operation->now_ms)};
    Rows rows;
    TRY(operation_run(operation,
                      "INSERT INTO connectors (name, created_at) VALUES ($1, $2)"
                      " ON CONFLICT (name) DO NOTHING",
                      parameters, COUNT_OF(parameters), &rows, reterr));
    if (rows.changed > 0)
        TRY(note_connector(operation, "connector.created", work->name, NULL, reterr));
    Token token = *work->join_token;
    token.kind = TOKEN_JOIN;
    token.subject = work->name;
    TRY(limit_tokens(operation, &token, reterr));
    TRY(token_insert(operation, &token, reterr));
    AuditNote note = {.event = "token.created",
                      .detail = shape_write(operation->arena, &TOKEN_SHAPE, &token)};
    return audit_append(operation, &note, reterr);
}

Status store_add_connector(Store *store, const Actor *actor, const char *name,
                           const Token *join_token, Error *reterr) {
    AddWork work = {name, join_token};
    return store_write(store, NULL, actor, add_connector, &work, reterr);
}

typedef struct EnrollWork {
    const char *token_hash;
    ConnectorInstance instance;
} EnrollWork;

static Status check_key_is_new(Operation *operation, const char *public_key, Error *reterr) {
    Parameter parameters[] = {parameter_text(public_key)};
    Rows rows;
    TRY(operation_run(operation, "SELECT id FROM connector_instances WHERE public_key = $1",
                      parameters, COUNT_OF(parameters), &rows, reterr));
    if (rows.count > 0)
        return error_set(reterr, STATUS_CONFLICT, "key_in_use",
                         "an instance with this key is enrolled already; every instance has a key "
                         "of its own");
    return STATUS_OK;
}

static Status enroll(Operation *operation, void *work_, Error *reterr) {
    EnrollWork *work = work_;
    Token token;
    TRY(token_consume(operation, work->token_hash, TOKEN_JOIN, &token, reterr));
    ConnectorInstance instance = work->instance;
    instance.connector = token.subject;
    TRY(limit_instances(operation, instance.connector, reterr));
    if (instance.id == NULL)
        instance.id = id_new(operation->arena, "con");
    instance.enrolled_at = operation->now_ms;
    instance.last_seen_at = operation->now_ms;
    TRY(check_key_is_new(operation, instance.public_key, reterr));
    Parameter parameters[] = {
        parameter_text(instance.id),         parameter_text(instance.connector),
        parameter_text(instance.public_key), parameter_text(instance.host),
        parameter_text(instance.version),    parameter_int(instance.enrolled_at),
    };
    TRY(operation_run(operation,
                      "INSERT INTO connector_instances (id, connector, public_key, host, version,"
                      " enrolled_at, last_seen_at, clock_difference_ms)"
                      " VALUES ($1, $2, $3, $4, $5, $6, $6, 0)",
                      parameters, COUNT_OF(parameters), NULL, reterr));
    TRY(note_connector(operation, "connector.enrolled", instance.connector, &instance, reterr));
    work->instance = instance;
    return STATUS_OK;
}

Status store_enroll(Store *store, Arena *arena, const Actor *actor, const char *join_token_hash,
                    ConnectorInstance *instance, Error *reterr) {
    EnrollWork work = {join_token_hash, *instance};
    TRY(store_write(store, arena, actor, enroll, &work, reterr));
    *instance = work.instance;
    return STATUS_OK;
}

// ---- Reading ------------------------------------------------------------------------------------

#define INSTANCE_COLUMNS                                                                           \
    "id, connector, public_key, host, version, enrolled_at, last_seen_at, clock_difference_ms"

static ConnectorInstance instance_read(const Row *row) {
    return (ConnectorInstance){
        .id = row->text[0],
        .connector = row->text[1],
        .public_key = row->text[2],
        .host = row->text[3],
        .version = row->text[4],
        .enrolled_at = row->integer[5],
        .last_seen_at = row->integer[6],
        .clock_difference_ms = row->integer[7],
    };
}

static Status instance_load(Operation *operation, const char *id, ConnectorInstance *ret_instance,
                            Error *reterr) {
    Parameter parameters[] = {parameter_text(id)};
    Rows rows;
    TRY(operation_run(operation,
                      "SELECT " INSTANCE_COLUMNS " FROM connector_instances WHERE id = $1",
                      parameters, COUNT_OF(parameters), &rows, reterr));
    if (rows.count == 0)
        return error_set(reterr, STATUS_NOT_FOUND, "unknown_instance",
                         "this connector instance is not enrolled, or was removed");
    *ret_instance = instance_read(&rows.items[0]);
    return STATUS_OK;
}

typedef struct FindInstanceWork {
    const char *id;
    ConnectorInstance instance;
} FindInstanceWork;

static Status find_instance(Operation *operation, void *work_, Error *reterr) {
    FindInstanceWork *work = work_;
    return instance_load(operation, work->id, &work->instance, reterr);
}

Status store_find_instance(Store *store, Arena *arena, const char *id,
                           ConnectorInstance *ret_instance, Error *reterr) {
    FindInstanceWork work = {.id = id};
    TRY(store_read(store, arena, find_instance, &work, reterr));
    *ret_instance = work.instance;
    return STATUS_OK;
}

static Status list_connectors(Operation *operation, void *work, Error *reterr) {
    Connectors *connectors = work;
    Rows names;
    TRY(operation_run(operation, "SELECT name, created_at FROM connectors ORDER BY name", NULL, 0,
                      &names, reterr));
    Rows rows;
    Parameter limit[] = {parameter_int(INSTANCES_LIST_MAX)};
    TRY(operation_run(operation,
                      "SELECT " INSTANCE_COLUMNS " FROM connector_instances"
                      " ORDER BY connector, enrolled_at, id LIMIT $1",
                      limit, COUNT_OF(limit), &rows, reterr));
    ConnectorInstance *instances =
        arena_alloc(operation->arena, (rows.count + 1) * sizeof(*instances));
    for (size_t i = 0; i < rows.count; i++)
        instances[i] = instance_read(&rows.items[i]);
    connectors->items = arena_alloc(operation->arena, (names.count + 1) * sizeof(Connector));
    connectors->count = names.count;
    size_t next = 0; // both are in the order of the connector's name
    for (size_t i = 0; i < names.count; i++) {
        Connector *connector = &connectors->items[i];
        *connector = (Connector){.name = names.items[i].text[0],
                                 .created_at = names.items[i].integer[1],
                                 .instances = {.items = &instances[next]}};
        for (; next < rows.count && text_equal(instances[next].connector, connector->name); next++)
            connector->instances.count++;
    }
    return STATUS_OK;
}

Status store_list_connectors(Store *store, Arena *arena, Connectors *ret_connectors,
                             Error *reterr) {
    Connectors connectors = {0};
    TRY(store_read(store, arena, list_connectors, &connectors, reterr));
    *ret_connectors = connectors;
    return STATUS_OK;
}

// ---- Who was seen -------------------------------------------------------------------------------

// Ten thousand connectors that poll would be hundreds of commits a second: they are gathered and
// written together. The first one after a pause is written at once.
typedef struct SeenInstance {
    char *id;
    char *version;
    int64_t last_seen_at;
    int64_t clock_difference_ms;
} SeenInstance;

struct SeenInstances {
    SeenInstance waiting[SEEN_WAITING_MAX];
    size_t count;
    int64_t flushed_at; // monotonic
};

SeenInstances *seen_instances_free(SeenInstances *seen) {
    if (seen == NULL)
        return NULL;
    for (size_t i = 0; i < seen->count; i++) {
        mem_free(seen->waiting[i].id);
        mem_free(seen->waiting[i].version);
    }
    return mem_free(seen);
}
DEFINE_CLEANUP(SeenInstances, seen_instances_free)

static void seen_add(SeenInstances *seen, const ConnectorInstance *instance) {
    size_t slot = 0;
    while (slot < seen->count && !text_equal(seen->waiting[slot].id, instance->id))
        slot++;
    if (slot == SEEN_WAITING_MAX)
        return; // it is seen again soon
    SeenInstance *entry = &seen->waiting[slot];
    if (slot == seen->count) {
        seen->count++;
        entry->id = mem_strdup(instance->id);
    }
    mem_free(entry->version);
    entry->version = mem_strdup(instance->version);
    entry->last_seen_at = instance->last_seen_at;
    entry->clock_difference_ms = instance->clock_difference_ms;
}

static Status write_seen(Operation *operation, void *work, Error *reterr) {
    const SeenInstances *seen = work;
    for (size_t i = 0; i < seen->count; i++) {
        const SeenInstance *instance = &seen->waiting[i];
        Parameter parameters[] = {
            parameter_text(instance->id),
            parameter_text(text_bounded(operation->arena, instance->version, 64)),
            parameter_int(instance->last_seen_at != 0 ? instance->last_seen_at : operation->now_ms),
            parameter_int(instance->clock_difference_ms),
        };
        TRY(operation_run(operation,
                          "UPDATE connector_instances SET version = COALESCE($2, version),"
                          " last_seen_at = $3, clock_difference_ms = $4 WHERE id = $1",
                          parameters, COUNT_OF(parameters), NULL, reterr));
    }
    return STATUS_OK;
}

Status store_seen_instance(Store *store, const ConnectorInstance *instance, Error *reterr) {
    CLEANUP(seen_instances_freep) SeenInstances *due = NULL;
    int64_t now_ms = clock_monotonic_ms(store->clock);
    pthread_mutex_lock(&store->lock);
    if (store->seen == NULL) {
        store->seen = mem_alloc(sizeof(*store->seen));
        store->seen->flushed_at = now_ms - SEEN_FLUSH_MS;
    }
    seen_add(store->seen, instance);
    if (now_ms - store->seen->flushed_at >= SEEN_FLUSH_MS) {
        due = store->seen;
        store->seen = mem_alloc(sizeof(*store->seen));
        store->seen->flushed_at = now_ms;
    }
    pthread_mutex_unlock(&store->lock);
    return due != NULL ? store_write(store, NULL, NULL, write_seen, due, reterr) : STATUS_OK;
}

// ---- Removing -----------------------------------------------------------------------------------

// What can be repeated beside the removed instance goes to another at once. What creates access
// stays out until its deadline: the instance may be at it, and cannot report any more.
static Status release_leases(Operation *operation, const ConnectorInstance *instance,
                             Error *reterr) {
    Parameter parameters[] = {parameter_text(instance->id)};
    Rows rows;
    TRY(operation_run(
        operation,
        "UPDATE actions SET state = 'queued' WHERE leased_by = $1"
        " AND state = 'leased' AND kind IN ('revoke', 'remove', 'discover', 'check', 'inspect')",
        parameters, COUNT_OF(parameters), &rows, reterr));
    if (rows.changed > 0)
        operation_wake(operation, instance->connector);
    return STATUS_OK;
}

static Status remove_instance(Operation *operation, void *work, Error *reterr) {
    const char *id = work;
    ConnectorInstance instance;
    TRY(instance_load(operation, id, &instance, reterr));
    Parameter parameters[] = {parameter_text(id)};
    TRY(operation_run(operation, "DELETE FROM connector_instances WHERE id = $1", parameters,
                      COUNT_OF(parameters), NULL, reterr));
    TRY(release_leases(operation, &instance, reterr));
    return note_connector(operation, "connector.instance_removed", instance.connector, &instance,
                          reterr);
}

Status store_remove_instance(Store *store, const Actor *actor, const char *id, Error *reterr) {
    CLEANUP(mem_freep) char *copy = mem_strdup(id);
    return store_write(store, NULL, actor, remove_instance, copy, reterr);
}

static Status check_connector_unused(Operation *operation, const char *name, Error *reterr) {
    Configuration configuration;
    TRY(configuration_load(operation, &configuration, reterr));
    for (size_t i = 0; i < configuration.integrations.count; i++) {
        const Integration *integration = &configuration.integrations.items[i];
        if (text_equal(integration->connector, name))
            return error_set(reterr, STATUS_CONFLICT, "in_use",
                             "integration %s names this connector; change or delete it first",
                             integration->name);
    }
    // A request that is undecided needs none: without its integration it cannot be approved.
    Parameter parameters[] = {parameter_text(name)};
    Rows rows;
    TRY(operation_run(operation,
                      "SELECT id FROM grants WHERE connector = $1 AND is_over = 0"
                      " AND state <> 'pending' LIMIT 1",
                      parameters, COUNT_OF(parameters), &rows, reterr));
    if (rows.count > 0)
        return error_set(reterr, STATUS_CONFLICT, "in_use",
                         "grant %s is not over and only this connector can end it; revoke it and "
                         "wait; where the connector's host is gone, enrol another instance under "
                         "its name",
                         rows.items[0].text[0]);
    return STATUS_OK;
}

static Status remove_connector(Operation *operation, void *work, Error *reterr) {
    const char *name = work;
    TRY(check_connector_unused(operation, name, reterr));
    Parameter parameters[] = {parameter_text(name)};
    TRY(operation_run(operation, "DELETE FROM connector_instances WHERE connector = $1", parameters,
                      COUNT_OF(parameters), NULL, reterr));
    TRY(operation_run(operation,
                      "UPDATE actions SET state = 'dropped' WHERE connector = $1"
                      " AND state IN ('queued', 'leased')",
                      parameters, COUNT_OF(parameters), NULL, reterr));
    TRY(operation_run(operation, "DELETE FROM orphans WHERE connector = $1", parameters,
                      COUNT_OF(parameters), NULL, reterr));
    TRY(tokens_remove(operation, name, TOKEN_JOIN, reterr));
    Rows rows;
    TRY(operation_run(operation, "DELETE FROM connectors WHERE name = $1", parameters,
                      COUNT_OF(parameters), &rows, reterr));
    if (rows.changed == 0)
        return error_set(reterr, STATUS_NOT_FOUND, "unknown_connector",
                         "there is no connector of that name");
    return note_connector(operation, "connector.removed", name, NULL, reterr);
}

Status store_remove_connector(Store *store, const Actor *actor, const char *name, Error *reterr) {
    CLEANUP(mem_freep) char *copy = mem_strdup(name);
    return store_write(store, NULL, actor, remove_connector, copy, reterr);
}
