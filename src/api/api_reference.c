// The API reference in Markdown, from the route table and its shapes.
#include "api/api.h"

#include "api/openapi.h"
#include "base/buffer.h"
#include "http/problem.h"
#include "wire/api_messages.h"

#include <string.h>

static const char INTRODUCTION[] =
    "# API reference\n"
    "\n"
    "Made by `daypassd --print-api-doc` from the route table; `GET /openapi.json` has the same "
    "for\n"
    "programs (OpenAPI 3.1).\n"
    "\n"
    "Bodies are JSON. Keys that are not known are refused, in bodies and in queries. Times are "
    "UTC\n"
    "(RFC 3339), durations are written `90s`, `15m`, `8h`, `7d`, `1h30m`. People and programs "
    "send\n"
    "their token as `Authorization: Bearer …`; connectors sign each request (RFC 9421, RFC 9530).\n"
    "\n"
    "**Lists** are pages: `{\"items\": […], \"next\": \"…\"}`. Pass `next` as `?cursor=` for the "
    "next\n"
    "page; without it there is none.\n"
    "\n"
    "**Failures** are problem documents (RFC 9457, `application/problem+json`): `code` says what\n"
    "happened and stays the same between versions, `detail` is for people, `pointer` names the "
    "value\n"
    "of the body that is refused, `request_id` finds the request in the log of daypassd.\n"
    "\n"
    "| kind | HTTP status | exit code of `daypass` |\n"
    "|---|---|---|\n";

// A link to the shape's own heading, whose anchor is its name in lower case.
static const char *link_to(Arena *arena, const Shape *shape) {
    char *anchor = arena_strdup(arena, shape->name);
    for (char *at = anchor; *at != '\0'; at++)
        *at = (char)(*at >= 'A' && *at <= 'Z' ? *at + ('a' - 'A') : *at);
    return arena_printf(arena, "[%s](#%s)", shape->name, anchor);
}

static const char *type_text(Arena *arena, const Field *field) {
    switch (field->kind) {
    case FIELD_KIND_STRING:
        return "string";
    case FIELD_KIND_INT:
        return "integer";
    case FIELD_KIND_BOOL:
        return "boolean";
    case FIELD_KIND_ENUM: {
        char names[512];
        return arena_strdup(arena, enum_list(field->names, names, sizeof(names)));
    }
    case FIELD_KIND_DURATION:
        return "duration";
    case FIELD_KIND_TIME:
        return "time";
    case FIELD_KIND_STRINGS:
        return "list of strings";
    case FIELD_KIND_OBJECT:
        return link_to(arena, field->shape);
    case FIELD_KIND_OBJECTS:
        return arena_printf(arena, "list of %s", link_to(arena, field->shape));
    case FIELD_KIND_JSON:
        return "JSON";
    }
    return "";
}

static void add_fields(Buffer *page, Arena *arena, const Shape *shape) {
    for (size_t i = 0; i < shape->field_count; i++) {
        const Field *field = &shape->fields[i];
        bool list = false;
        const Shape *inside = openapi_carried(shape, field->name, &list);
        const char *type = type_text(arena, field);
        if (inside != NULL)
            type = arena_printf(arena, "%s%s", list ? "list of " : "", link_to(arena, inside));
        buffer_addf(page, "| `%s` | %s | %s%s%s%s%s%s |\n", field->name, type,
                    field->help != NULL ? field->help : "", field->required ? " (required)" : "",
                    field->default_text != NULL ? " (default `" : "",
                    field->default_text != NULL ? field->default_text : "",
                    field->default_text != NULL ? "`)" : "", field->secret ? " (secret)" : "");
    }
}

static void add_route(Buffer *page, Arena *arena, const Route *route) {
    buffer_addf(page, "\n### %s %s\n\n%s. %s.\n\n", route->method, route->path, route->summary,
                openapi_permission(arena, route));
    if (route->idempotent_by_key)
        buffer_add(page, "Takes the header `Idempotency-Key`: a request that is sent again under "
                         "the same key asks only once.\n\n");
    if (route->query != NULL) {
        buffer_add(page, "| query parameter | type | |\n|---|---|---|\n");
        add_fields(page, arena, route->query);
        buffer_add(page, "\n");
    }
    if (route->body != NULL)
        buffer_addf(page, "Body: %s. ", link_to(arena, route->body));
    if (route->reply != NULL)
        buffer_addf(page, "Answer: %d, %s%s.\n", route->success, route->list ? "a page of " : "",
                    link_to(arena, route->reply));
    else if (route->content_type != NULL)
        buffer_addf(page, "Answer: %d, `%s`.\n", route->success, route->content_type);
    else
        buffer_addf(page, "Answer: %d, no body.\n", route->success);
}

const char *api_reference(Arena *arena, const RouteTable *table) {
    Buffer page = {0};
    buffer_add(&page, INTRODUCTION);
    for (int status = STATUS_OK + 1; status < STATUS_COUNT_; status++)
        buffer_addf(&page, "| `%s` | %d | %d |\n", status_name((Status)status),
                    status_http((Status)status), status_exit_code((Status)status));
    buffer_add(&page, "\n## Routes\n");
    for (size_t i = 0; i < table->count; i++)
        add_route(&page, arena, &table->routes[i]);
    buffer_add(&page, "\n## Objects\n");
    ShapeList shapes = openapi_shapes(arena, table);
    for (size_t i = 0; i < shapes.count; i++) {
        buffer_addf(&page, "\n### %s\n\n%s.\n\n| key | type | |\n|---|---|---|\n",
                    shapes.items[i]->name, shapes.items[i]->help);
        add_fields(&page, arena, shapes.items[i]);
    }
    const char *kept = arena_strdup(arena, buffer_text(&page));
    buffer_done(&page);
    return kept;
}
