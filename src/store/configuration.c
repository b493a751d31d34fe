#include "store/store_internal.h"

#include <stdatomic.h>
#include <string.h>

// ---- The configuration as last read -------------------------------------------------------------

// Every request needs the configuration, which seldom changes: it is read once per version and
// shared by the arenas of all who use it. Nobody writes to it.
struct ConfigurationCache {
    atomic_int users;
    Arena *arena;
    Configuration configuration;
};

ConfigurationCache *configuration_cache_free(ConfigurationCache *cache) {
    if (cache == NULL || atomic_fetch_sub(&cache->users, 1) > 1)
        return NULL;
    arena_free(cache->arena);
    return mem_free(cache);
}

static void cache_release(void *cache) {
    configuration_cache_free(cache);
}

// The caller holds the lock.
static Configuration cache_share(ConfigurationCache *cache, Arena *arena) {
    atomic_fetch_add(&cache->users, 1);
    arena_on_free(arena, cache_release, cache);
    return cache->configuration;
}

typedef struct StoredType {
    const char *type;
    const Shape *shape;
    size_t offset; // of the list in Configuration
} StoredType;

static const StoredType STORED_TYPES[] = {
    {"principal", &PRINCIPAL_SHAPE, offsetof(Configuration, principals)},
    {"group", &GROUP_SHAPE, offsetof(Configuration, groups)},
    {"integration", &INTEGRATION_SHAPE, offsetof(Configuration, integrations)},
    {"flow", &FLOW_SHAPE, offsetof(Configuration, flows)},
};

// All lists of Configuration look like this.
typedef struct StoredList {
    void *items;
    size_t count;
} StoredList;

static Status read_type(Operation *operation, const StoredType *type, Configuration *configuration,
                        Error *reterr) {
    Parameter parameters[] = {parameter_text(type->type)};
    Rows rows;
    TRY(operation_run(operation, "SELECT document FROM configuration WHERE type = $1 ORDER BY name",
                      parameters, COUNT_OF(parameters), &rows, reterr));
    size_t size = type->shape->size;
    char *items = arena_alloc(operation->arena, (rows.count + 1) * size);
    for (size_t i = 0; i < rows.count; i++)
        TRY(stored_document(operation, type->shape, rows.items[i].text[0], items + i * size,
                            reterr));
    StoredList list = {items, rows.count};
    memcpy((char *)configuration + type->offset, &list, sizeof(list));
    return STATUS_OK;
}

static Status read_version(Operation *operation, int64_t *ret_version, Error *reterr) {
    Rows rows;
    TRY(operation_run(operation, "SELECT version FROM configuration_version WHERE id = 1", NULL, 0,
                      &rows, reterr));
    *ret_version = rows.count > 0 ? rows.items[0].integer[0] : 0;
    return STATUS_OK;
}

static Status cache_fill(Operation *operation, int64_t version, ConfigurationCache **ret_cache,
                         Error *reterr) {
    ConfigurationCache *cache = mem_alloc(sizeof(*cache));
    atomic_init(&cache->users, 1);
    cache->arena = arena_new();
    cache->configuration.version = version;
    Operation reading = *operation;
    reading.arena = cache->arena;
    for (size_t i = 0; i < COUNT_OF(STORED_TYPES); i++) {
        Status status = read_type(&reading, &STORED_TYPES[i], &cache->configuration, reterr);
        if (status != STATUS_OK) {
            configuration_cache_free(cache);
            return status;
        }
    }
    *ret_cache = cache;
    return STATUS_OK;
}

Status configuration_load(Operation *operation, Configuration *ret_configuration, Error *reterr) {
    Store *store = operation->store;
    int64_t version = 0;
    TRY(read_version(operation, &version, reterr));
    pthread_mutex_lock(&store->lock);
    bool fresh =
        store->configuration != NULL && store->configuration->configuration.version == version;
    if (fresh)
        *ret_configuration = cache_share(store->configuration, operation->arena);
    pthread_mutex_unlock(&store->lock);
    if (fresh)
        return STATUS_OK;
    ConfigurationCache *cache = NULL;
    TRY(cache_fill(operation, version, &cache, reterr));
    pthread_mutex_lock(&store->lock);
    *ret_configuration = cache_share(cache, operation->arena);
    ConfigurationCache *old = store->configuration;
    store->configuration = cache;
    pthread_mutex_unlock(&store->lock);
    configuration_cache_free(old);
    return STATUS_OK;
}

static Status load(Operation *operation, void *work, Error *reterr) {
    return configuration_load(operation, work, reterr);
}

Status store_configuration(Store *store, Arena *arena, Configuration *ret_configuration,
                           Error *reterr) {
    Configuration configuration;
    TRY(store_read(store, arena, load, &configuration, reterr));
    *ret_configuration = configuration;
    return STATUS_OK;
}

// ---- Changing it --------------------------------------------------------------------------------

Status configuration_bump(Operation *operation, int64_t version, int64_t *ret_version,
                          Error *reterr) {
    Parameter parameters[] = {parameter_int(version)};
    Rows rows;
    TRY(operation_run(operation,
                      "UPDATE configuration_version SET version = version + 1"
                      " WHERE id = 1 AND version = $1 RETURNING version",
                      parameters, COUNT_OF(parameters), &rows, reterr));
    if (rows.count == 0)
        return error_set(reterr, STATUS_CONFLICT, "configuration_changed",
                         "the configuration was changed meanwhile; look at the difference again "
                         "and apply once more");
    *ret_version = rows.items[0].integer[0];
    return STATUS_OK;
}

static Status write_thing(Operation *operation, const Change *change, Error *reterr) {
    if (change->kind == CHANGE_DELETE) {
        Parameter which[] = {parameter_text(change->type), parameter_text(change->name)};
        return operation_run(operation, "DELETE FROM configuration WHERE type = $1 AND name = $2",
                             which, COUNT_OF(which), NULL, reterr);
    }
    Parameter parameters[] = {
        parameter_text(change->type),
        parameter_text(change->name),
        parameter_text(json_text(operation->arena, change->after)),
    };
    return operation_run(operation,
                         "INSERT INTO configuration (type, name, document) VALUES ($1, $2, $3)"
                         " ON CONFLICT (type, name) DO UPDATE SET document = excluded.document",
                         parameters, COUNT_OF(parameters), NULL, reterr);
}

static void detail_add(json_t *detail, const char *key, const json_t *value) {
    if (value != NULL)
        json_object_set_new(detail, key, json_deep_copy(value));
}

Status configuration_change(Operation *operation, const Change *change, Error *reterr) {
    TRY(write_thing(operation, change, reterr));
    json_t *detail = json_keep(operation->arena, json_object());
    json_object_set_new(detail, "change", json_string(enum_name(&CHANGE_KINDS, change->kind)));
    json_object_set_new(detail, "type", json_string(change->type));
    json_object_set_new(detail, "name", json_string(change->name));
    detail_add(detail, "before", change->before);
    detail_add(detail, "after", change->after);
    AuditNote note = {.event = "configuration.changed", .detail = detail};
    if (text_equal(change->type, "flow"))
        note.flow = change->name;
    if (text_equal(change->type, "integration"))
        note.integration = change->name;
    if (text_equal(change->type, "principal"))
        note.person = change->name;
    return audit_append(operation, &note, reterr);
}

// What a change takes with it.
static Status follow_change(Operation *operation, const Change *change, Error *reterr) {
    if (text_equal(change->type, "integration") && change->kind == CHANGE_DELETE) {
        Parameter parameters[] = {parameter_text(change->name)};
        return operation_run(operation, "DELETE FROM integration_reports WHERE integration = $1",
                             parameters, COUNT_OF(parameters), NULL, reterr);
    }
    if (!text_equal(change->type, "principal"))
        return STATUS_OK;
    if (change->kind == CHANGE_DELETE)
        return person_forget(operation, change->name, reterr);
    Principal principal;
    TRY(shape_read(operation->arena, &PRINCIPAL_SHAPE, change->after, &principal, reterr));
    return principal.disabled ? tokens_remove(operation, change->name, TOKEN_SESSION, reterr)
                              : STATUS_OK;
}

// What is stored is what can be read again, whoever computed the change.
static Status check_change(Operation *operation, const Change *change, Error *reterr) {
    for (size_t i = 0; i < COUNT_OF(STORED_TYPES); i++) {
        const StoredType *type = &STORED_TYPES[i];
        if (!text_equal(type->type, change->type))
            continue;
        if (change->kind == CHANGE_DELETE)
            return STATUS_OK;
        void *thing = arena_alloc(operation->arena, type->shape->size);
        return shape_read(operation->arena, type->shape, change->after, thing, reterr);
    }
    return error_set(reterr, STATUS_INVALID, "bad_value", "a change is of a type not known here");
}

typedef struct ApplyWork {
    int64_t version;
    const Changes *changes;
} ApplyWork;

static Status apply(Operation *operation, void *work_, Error *reterr) {
    ApplyWork *work = work_;
    int64_t version = work->version;
    TRY(configuration_bump(operation, version, &version, reterr));
    for (size_t i = 0; i < work->changes->count; i++) {
        const Change *change = &work->changes->items[i];
        TRY(check_change(operation, change, reterr));
        TRY(configuration_change(operation, change, reterr));
        TRY(follow_change(operation, change, reterr));
    }
    return limit_configuration(operation, reterr);
}

Status store_apply(Store *store, const Actor *actor, int64_t version, const Changes *changes,
                   int64_t *ret_version, Error *reterr) {
    if (changes->count == 0) {
        *ret_version = version;
        return STATUS_OK;
    }
    ApplyWork work = {.version = version, .changes = changes};
    TRY(store_write(store, NULL, actor, apply, &work, reterr));
    *ret_version = version + 1;
    return STATUS_OK;
}
