#include "store/store_internal.h"

#include "base/fault_point.h"
#include "base/id.h"

#include <string.h>

enum {
    RACES_MAX = 16, // how often an operation begins again when others were first
};

const Actor ACTOR_SYSTEM = {.name = "daypass", .kind = "system"};

// ---- Operations ---------------------------------------------------------------------------------

Status operation_raced(Error *reterr) {
    return error_set(reterr, STATUS_CONFLICT, "store_raced",
                     "somebody else changed this at the same moment; try again");
}

Status operation_run(Operation *operation, const char *sql, const Parameter *parameters,
                     size_t parameter_count, Rows *ret_rows, Error *reterr) {
    return operation->store->driver->run(operation->transaction, operation->arena, sql, parameters,
                                         parameter_count, ret_rows, reterr);
}

void operation_wake(Operation *operation, const char *connector) {
    if (!string_list_has(&operation->woken_connectors, connector))
        string_list_add(operation->arena, &operation->woken_connectors, connector);
}

static void operation_announce(const Operation *operation) {
    const StoreWatch *watch = &operation->store->watch;
    for (size_t i = 0; watch->grant_changed != NULL && i < operation->changed_grants.count; i++)
        watch->grant_changed(watch->context, operation->changed_grants.items[i]);
    for (size_t i = 0; watch->work_queued != NULL && i < operation->woken_connectors.count; i++)
        watch->work_queued(watch->context, operation->woken_connectors.items[i]);
    if (watch->due_changed != NULL && operation->due_changed)
        watch->due_changed(watch->context);
}

static Status operation_try(Operation *operation, bool write, OperationBody *body, void *work,
                            Error *reterr) {
    const BackendDriver *driver = operation->store->driver;
    TRY(driver->begin(operation->store->backend, write, &operation->transaction, reterr));
    Status status = body(operation, work, reterr);
    if (status != STATUS_OK) {
        driver->rollback(operation->transaction);
        return status;
    }
    if (write)
        FAULT_POINT("store.before_commit");
    return driver->commit(operation->transaction, reterr);
}

static Status operation_do(Store *store, Arena *arena, const Actor *actor, bool write,
                           OperationBody *body, void *work, Error *reterr) {
    CLEANUP(arena_freep) Arena *own = arena == NULL ? arena_new() : NULL;
    Error error = {0};
    for (int i = 0; i < RACES_MAX; i++) {
        Operation operation = {
            .store = store,
            .arena = arena != NULL ? arena : own,
            .actor = actor != NULL ? actor : &ACTOR_SYSTEM,
            .now_ms = clock_now_ms(store->clock),
        };
        error = (Error){0};
        Status status = operation_try(&operation, write, body, work, &error);
        if (status == STATUS_OK) {
            if (write)
                FAULT_POINT("store.committed");
            operation_announce(&operation);
            return STATUS_OK;
        }
        if (!text_equal(error.code, "store_raced"))
            break;
    }
    if (reterr != NULL)
        *reterr = error;
    return error.status;
}

Status store_write(Store *store, Arena *arena, const Actor *actor, OperationBody *body, void *work,
                   Error *reterr) {
    return operation_do(store, arena, actor, true, body, work, reterr);
}

Status store_read(Store *store, Arena *arena, OperationBody *body, void *work, Error *reterr) {
    return operation_do(store, arena, NULL, false, body, work, reterr);
}

// ---- Documents ----------------------------------------------------------------------------------

static Status damaged(Error *reterr, const Error *cause) {
    Status status = error_set(reterr, STATUS_INTERNAL, "store_damaged",
                              "a record of the store cannot be read; restore it from a backup");
    error_set_detail(reterr, "%s at %s", cause->code, cause->pointer);
    return status;
}

Status stored_json(Operation *operation, const char *text, json_t **ret_value, Error *reterr) {
    if (text == NULL) {
        *ret_value = NULL;
        return STATUS_OK;
    }
    Error cause = {0};
    if (json_read(operation->arena, text, strlen(text), ret_value, &cause) != STATUS_OK)
        return damaged(reterr, &cause);
    return STATUS_OK;
}

Status stored_document(Operation *operation, const Shape *shape, const char *text, void *into,
                       Error *reterr) {
    Error cause = {0};
    if (shape_parse(operation->arena, shape, text, strlen(text), into, &cause) != STATUS_OK)
        return damaged(reterr, &cause);
    return STATUS_OK;
}

Status document_text(Operation *operation, const Shape *shape, const void *from,
                     const char **ret_text, Error *reterr) {
    const char *text = shape_format(operation->arena, shape, from);
    void *again = arena_alloc(operation->arena, shape->size);
    TRY(shape_parse(operation->arena, shape, text, strlen(text), again, reterr));
    *ret_text = text;
    return STATUS_OK;
}

const char *text_bounded(Arena *arena, const char *text, size_t max_length) {
    if (text == NULL)
        return NULL;
    size_t length = strlen(text);
    return length <= max_length ? text
                                : arena_copy(arena, text, text_cut(text, length, max_length));
}

// ---- Queries ------------------------------------------------------------------------------------

void query_add(Query *query, const char *piece) {
    query->sql = arena_printf(query->arena, "%s%s", query->sql != NULL ? query->sql : "", piece);
}

void query_add_with(Query *query, const char *piece, Parameter parameter) {
    if (query->parameter_count == QUERY_PARAMETERS_MAX)
        abort(); // the callers' filters are fewer
    query->parameters[query->parameter_count++] = parameter;
    const char *mark = strchr(piece, '?');
    query->sql = arena_printf(query->arena, "%s%.*s$%zu%s", query->sql != NULL ? query->sql : "",
                              (int)(mark - piece), piece, query->parameter_count, mark + 1);
}

Status query_run(Operation *operation, const Query *query, Rows *ret_rows, Error *reterr) {
    return operation_run(operation, query->sql, query->parameters, query->parameter_count, ret_rows,
                         reterr);
}

// ---- The store ----------------------------------------------------------------------------------

Store *store_close(Store *store) {
    if (store == NULL)
        return NULL;
    seen_instances_free(store->seen);
    configuration_cache_free(store->configuration);
    if (store->backend != NULL)
        store->driver->close(store->backend);
    mem_free(store->deployment);
    pthread_mutex_destroy(&store->lock);
    return mem_free(store);
}

Status store_url_check(const char *url, Error *reterr) {
    if (backend_find(url) != NULL)
        return STATUS_OK;
    return error_set(reterr, STATUS_INVALID, "bad_store_url",
                     "the store's URL is not understood; expected sqlite:/path/to/file.db");
}

Status store_open(const StoreOptions *options, Store **ret_store, Error *reterr) {
    TRY(store_url_check(options->url, reterr));
    const BackendDriver *driver = backend_find(options->url);
    CLEANUP(store_closep) Store *store = mem_alloc(sizeof(*store));
    pthread_mutex_init(&store->lock, NULL);
    store->driver = driver;
    store->clock = options->clock;
    store->audit_key = options->audit_key;
    store->limits = store_limits_complete(&options->limits);
    store->woken_until = clock_now_ms(store->clock);
    TRY(driver->open(options->url, &store->backend, reterr));
    TRY(schema_migrate(store, reterr));
    TRY(schema_fill(store, &store->deployment, reterr));
    TRY(store_read(store, NULL, audit_check_head, NULL, reterr));
    *ret_store = store;
    store = NULL;
    return STATUS_OK;
}

const char *store_deployment(const Store *store) {
    return store->deployment;
}

static Status ping(Operation *operation, void *work, Error *reterr) {
    // Another value each time: what is the same already need not be written.
    Parameter parameters[] = {parameter_text(id_new(operation->arena, "png"))};
    return operation_run(operation, "UPDATE meta SET value = $1 WHERE name = 'ping'", parameters,
                         COUNT_OF(parameters), NULL, reterr);
}

Status store_ping(Store *store, Error *reterr) {
    return store_write(store, NULL, NULL, ping, NULL, reterr);
}

void store_watch(Store *store, const StoreWatch *watch) {
    store->watch = *watch;
}
