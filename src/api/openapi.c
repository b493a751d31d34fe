#include "api/api.h"

#include "api/openapi.h"

#include "http/problem.h"
#include "wire/api_messages.h"

#include "domain/grant.h"
#include "domain/outcome.h"
#include "domain/target_report.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SHAPES = 128 };

// The document while it is written, and the shapes it names.
typedef struct Document {
    Arena *arena;
    const Shape *shapes[MAX_SHAPES];
    size_t shape_count;
} Document;

// What is inside a field that carries JSON on: the shapes do not know, because they are of a floor
// below or would be large.
static const struct {
    const Shape *shape;
    const char *field;
    const Shape *inside;
    bool list;
} CARRIED[] = {
    {&GRANT_VIEW_SHAPE, "decisions", &DECISION_SHAPE, true},
    {&GRANT_VIEW_SHAPE, "evidence", &EVIDENCE_SHAPE, true},
    {&EVIDENCE_SHAPE, "outcome", &OUTCOME_SHAPE, false},
    {&APPLY_REQUEST_SHAPE, "configuration", &CONFIGURATION_SHAPE, false},
    {&APPLY_REPLY_SHAPE, "changes", &CHANGE_SHAPE, true},
    {&INTEGRATION_VIEW_SHAPE, "checks", &CHECK_ITEM_SHAPE, true},
};

static void set(json_t *object, const char *key, json_t *take_value) {
    json_object_set_new(object, key, take_value);
}

static json_t *text(const char *value) {
    return json_string(value);
}

// A new reference to {"$ref": …}; the shape will be among the components.
static json_t *reference(Document *document, const Shape *shape) {
    bool known = false;
    for (size_t i = 0; i < document->shape_count; i++) {
        known = known || document->shapes[i] == shape;
        // Two shapes of one name would hide one another.
        assert(document->shapes[i] == shape || !text_equal(document->shapes[i]->name, shape->name));
    }
    if (!known) {
        assert(document->shape_count < MAX_SHAPES);
        document->shapes[document->shape_count++] = shape;
    }
    json_t *value = json_object();
    set(value, "$ref", text(arena_printf(document->arena, "#/components/schemas/%s", shape->name)));
    return value;
}

static json_t *list_of(json_t *take_item) {
    json_t *list = json_object();
    set(list, "type", text("array"));
    set(list, "items", take_item);
    return list;
}

// ---- Components -------------------------------------------------------------------------------

const Shape *openapi_carried(const Shape *shape, const char *field, bool *ret_list) {
    for (size_t i = 0; i < COUNT_OF(CARRIED); i++) {
        if (CARRIED[i].shape != shape || !text_equal(CARRIED[i].field, field))
            continue;
        *ret_list = CARRIED[i].list;
        return CARRIED[i].inside;
    }
    return NULL;
}

static void add_carried(Document *document, const Shape *shape, json_t *schema) {
    json_t *properties = json_object_get(schema, "properties");
    for (size_t i = 0; i < shape->field_count; i++) {
        bool list = false;
        const Shape *inside = openapi_carried(shape, shape->fields[i].name, &list);
        if (inside == NULL)
            continue;
        json_t *value = reference(document, inside);
        value = list ? list_of(value) : value;
        json_object_update(json_object_get(properties, shape->fields[i].name), value);
        json_decref(value);
    }
}

// References of a shape are followed while the list grows.
static json_t *schemas_of(Document *document) {
    json_t *schemas = json_object();
    for (size_t i = 0; i < document->shape_count; i++) {
        const Shape *shape = document->shapes[i];
        for (size_t j = 0; j < shape->field_count; j++) {
            if (shape->fields[j].shape != NULL)
                json_decref(reference(document, shape->fields[j].shape));
        }
        json_t *schema = shape_schema(document->arena, shape);
        add_carried(document, shape, schema);
        json_object_set(schemas, shape->name, schema);
    }
    return schemas;
}

static json_t *security_schemes(void) {
    return json_pack("{s:{s:s, s:s, s:s}, s:{s:s, s:s, s:s}, s:{s:s, s:s, s:s, s:s}}", //
                     "token", "type", "http", "scheme", "bearer", "description",
                     "A session's token or a personal token", //
                     "joinToken", "type", "http", "scheme", "bearer", "description",
                     "A connector's join token", //
                     "signature", "type", "apiKey", "in", "header", "name", "Signature",
                     "description",
                     "HTTP Message Signatures (RFC 9421) with Ed25519 and Content-Digest (RFC "
                     "9530), by the key the instance enrolled with");
}

// ---- Operations -------------------------------------------------------------------------------

static json_t *parameter(const char *where, const char *name, bool required, const char *help,
                         json_t *schema) {
    json_t *value = json_object();
    set(value, "name", text(name));
    set(value, "in", text(where));
    set(value, "required", json_boolean(required));
    if (help != NULL)
        set(value, "description", text(help));
    set(value, "schema", schema);
    return value;
}

static void add_path_parameters(Document *document, const Route *route, json_t *parameters) {
    for (const char *at = strchr(route->path, '{'); at != NULL; at = strchr(at, '{')) {
        at++;
        size_t length = strcspn(at, "}");
        const char *name = arena_copy(document->arena, at, length);
        json_array_append_new(
            parameters, parameter("path", name, true, route_parameter_help(route, name),
                                  json_pack("{s:s, s:i}", "type", "string", "maxLength", 128)));
    }
}

static void add_query_parameters(Document *document, const Route *route, json_t *parameters) {
    if (route->query == NULL)
        return;
    json_t *properties = json_object_get(shape_schema(document->arena, route->query), "properties");
    for (size_t i = 0; i < route->query->field_count; i++) {
        const Field *field = &route->query->fields[i];
        json_t *value = parameter("query", field->name, field->required, field->help,
                                  json_incref(json_object_get(properties, field->name)));
        if (field->kind == FIELD_KIND_STRINGS) { // one parameter, its values separated by commas
            set(value, "style", text("form"));
            set(value, "explode", json_false());
        }
        json_array_append_new(parameters, value);
    }
}

static json_t *parameters_of(Document *document, const Route *route) {
    json_t *parameters = json_array();
    add_path_parameters(document, route, parameters);
    add_query_parameters(document, route, parameters);
    if (route->idempotent_by_key)
        json_array_append_new(
            parameters,
            parameter(
                "header", "Idempotency-Key", false,
                "Chosen by the client for this request: sent again it asks only once",
                json_pack("{s:s, s:i, s:i}", "type", "string", "minLength", 1, "maxLength", 128)));
    return parameters;
}

static json_t *content(const char *type, json_t *take_schema) {
    json_t *media = json_object();
    set(media, "schema", take_schema);
    json_t *value = json_object();
    set(value, type, media);
    return value;
}

static json_t *reply_schema(Document *document, const Route *route) {
    json_t *item = reference(document, route->reply);
    if (!route->list)
        return item;
    return json_pack("{s:s, s:{s:o, s:{s:s, s:s}}, s:[s]}", "type", "object", "properties", "items",
                     list_of(item), "next", "type", "string", "description",
                     "Cursor of the next page; absent on the last", "required", "items");
}

static json_t *responses_of(Document *document, const Route *route) {
    json_t *success = json_object();
    set(success, "description",
        text(route->reply != NULL || route->content_type != NULL
                 ? "Done"
                 : "Done; there is nothing to say"));
    if (route->reply != NULL)
        set(success, "content", content("application/json", reply_schema(document, route)));
    else if (route->content_type != NULL)
        set(success, "content",
            content(route->content_type, strcmp(route->content_type, "text/plain") == 0
                                             ? json_pack("{s:s}", "type", "string")
                                             : json_object()));
    json_t *failure = json_object();
    set(failure, "description", text("Why it failed"));
    set(failure, "content",
        content("application/problem+json", reference(document, &PROBLEM_SHAPE)));
    json_t *responses = json_object();
    set(responses, arena_printf(document->arena, "%d", route->success), success);
    set(responses, "default", failure);
    return responses;
}

static json_t *security_of(const Route *route) {
    switch (route->permission) {
    case PERMISSION_PUBLIC:
        return json_array();
    case PERMISSION_METRICS:
        return json_pack("[{}, {s:[]}]", "token");
    case PERMISSION_JOIN:
        return json_pack("[{s:[]}]", "joinToken");
    case PERMISSION_CONNECTOR:
        return json_pack("[{s:[]}]", "signature");
    case PERMISSION_MISSING:
    case PERMISSION_SIGNED_IN:
    case PERMISSION_TAKE_PART:
    case PERMISSION_REVIEW:
    case PERMISSION_ADMINISTER:
    case PERMISSION_COUNT_:
        break;
    }
    return json_pack("[{s:[]}]", "token");
}

static bool is_for_people(const Route *route) {
    return route->permission == PERMISSION_SIGNED_IN || route->permission == PERMISSION_TAKE_PART ||
           route->permission == PERMISSION_REVIEW || route->permission == PERMISSION_ADMINISTER;
}

const char *openapi_permission(Arena *arena, const Route *route) {
    const char *who = enum_name(&PERMISSIONS, (int)route->permission);
    if (!is_for_people(route))
        return arena_printf(arena, "For: %s", who);
    if (route->session_only)
        return arena_printf(arena, "For: %s, in a session (not with a personal token)", who);
    if (route->any_scope)
        return arena_printf(arena, "For: %s, with any token", who);
    return arena_printf(arena, "For: %s, with a token of scope %s", who,
                        enum_name(&TOKEN_SCOPES, (int)route->scope));
}

static json_t *operation_of(Document *document, const Route *route) {
    json_t *operation = json_object();
    size_t tag_length = strcspn(route->operation, ".");
    set(operation, "operationId", text(route->operation));
    set(operation, "tags",
        json_pack("[s]", arena_copy(document->arena, route->operation, tag_length)));
    set(operation, "summary", text(route->summary));
    set(operation, "description", text(openapi_permission(document->arena, route)));
    json_t *parameters = parameters_of(document, route);
    if (json_array_size(parameters) > 0)
        set(operation, "parameters", parameters);
    else
        json_decref(parameters);
    if (route->body != NULL)
        set(operation, "requestBody",
            json_pack("{s:b, s:o}", "required", 1, "content",
                      content("application/json", reference(document, route->body))));
    set(operation, "responses", responses_of(document, route));
    set(operation, "security", security_of(route));
    return operation;
}

static const char *lower(Arena *arena, const char *method) {
    char *copy = arena_strdup(arena, method);
    for (char *at = copy; *at != '\0'; at++)
        *at = (char)(*at >= 'A' && *at <= 'Z' ? *at + ('a' - 'A') : *at);
    return copy;
}

// Every operation, by path and method; and in the document the shapes they name.
static json_t *paths_of(Document *document, const RouteTable *table) {
    json_t *paths = json_object();
    for (size_t i = 0; i < table->count; i++) {
        const Route *route = &table->routes[i];
        json_t *path = json_object_get(paths, route->path);
        if (path == NULL) {
            path = json_object();
            set(paths, route->path, path);
        }
        set(path, lower(document->arena, route->method), operation_of(document, route));
    }
    return paths;
}

json_t *openapi_document(Arena *arena, const RouteTable *table) {
    Document document = {.arena = arena};
    json_t *paths = paths_of(&document, table);
    json_t *info = json_pack("{s:s, s:s, s:s, s:{s:s, s:s}}", "title", "Daypass", "version",
                             DAYPASS_VERSION, "description",
                             "Temporary database credentials: requested, approved, granular, "
                             "expiring, audited.",
                             "license", "name", "Apache-2.0", "identifier", "Apache-2.0");
    json_t *whole = json_object();
    set(whole, "openapi", text("3.1.0"));
    set(whole, "info", info);
    set(whole, "paths", paths);
    json_t *components = json_object();
    set(components, "schemas", schemas_of(&document));
    set(components, "securitySchemes", security_schemes());
    set(whole, "components", components);
    return json_keep(arena, whole);
}

static int compare_shapes(const void *a, const void *b) {
    const Shape *const *first = a, *const *second = b;
    return strcmp((*first)->name, (*second)->name);
}

ShapeList openapi_shapes(Arena *arena, const RouteTable *table) {
    Document document = {.arena = arena};
    json_decref(paths_of(&document, table));
    json_decref(schemas_of(&document)); // adds those that are inside others
    ShapeList list = {
        .items = arena_copy(arena, document.shapes, document.shape_count * sizeof(const Shape *)),
        .count = document.shape_count,
    };
    qsort(list.items, list.count, sizeof(list.items[0]), compare_shapes);
    return list;
}
