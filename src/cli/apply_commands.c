#include "cli/handlers.h"
#include "cli/output.h"
#include "cli/remote.h"
#include "cli/declaration.h"
#include "config/yaml.h"
#include "domain/configuration.h"
#include "wire/api_messages.h"

#include <string.h>

// ---- The plan ---------------------------------------------------------------------------------

static const char *value_text(Cli *cli, const json_t *value) {
    if (value == NULL)
        return "(none)";
    return json_is_string(value) ? json_string_value(value) : json_text(cli->arena, value);
}

static void print_field_change(Cli *cli, const char *key, const json_t *before,
                               const json_t *after) {
    if (before == NULL)
        say_coloured(cli, COLOUR_GOOD, "    + %s: %s", key, value_text(cli, after));
    else if (after == NULL)
        say_coloured(cli, COLOUR_BAD, "    - %s: %s", key, value_text(cli, before));
    else
        say_coloured(cli, COLOUR_ATTENTION, "    ~ %s: %s -> %s", key, value_text(cli, before),
                     value_text(cli, after));
}

// As people would have written it. A server may know types that this program does not.
static const json_t *brief_of(Cli *cli, const char *type, const json_t *value) {
    static const struct {
        const char *type;
        const Shape *shape;
    } SHAPES[] = {{"principal", &PRINCIPAL_SHAPE},
                  {"group", &GROUP_SHAPE},
                  {"integration", &INTEGRATION_SHAPE},
                  {"flow", &FLOW_SHAPE}};
    for (size_t i = 0; i < COUNT_OF(SHAPES); i++) {
        if (text_equal(type, SHAPES[i].type) && json_is_object(value))
            return shape_brief(cli->arena, SHAPES[i].shape, value);
    }
    return value;
}

// Members that differ, those that are gone last.
static void print_update(Cli *cli, const Change *change) {
    const json_t *old = brief_of(cli, change->type, change->before);
    const json_t *new = brief_of(cli, change->type, change->after);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t) new, key, value) {
        const json_t *before = json_object_get(old, key);
        if (before == NULL || !json_equal(before, value))
            print_field_change(cli, key, before, value);
    }
    json_object_foreach((json_t *)(uintptr_t)old, key, value) {
        if (json_object_get(new, key) == NULL)
            print_field_change(cli, key, value, NULL);
    }
}

static void print_change(Cli *cli, const Change *change) {
    static const struct {
        char sign;
        Colour colour;
    } KINDS[] = {[CHANGE_CREATE] = {'+', COLOUR_GOOD},
                 [CHANGE_UPDATE] = {'~', COLOUR_ATTENTION},
                 [CHANGE_DELETE] = {'-', COLOUR_BAD}};
    say_coloured(cli, KINDS[change->kind].colour, "%c %s %s", KINDS[change->kind].sign,
                 or_dash(change->type), or_dash(change->name));
    if (change->kind == CHANGE_UPDATE)
        print_update(cli, change);
}

static Status print_plan(Cli *cli, const ApplyReply *reply, Error *reterr) {
    size_t counts[] = {[CHANGE_CREATE] = 0, [CHANGE_UPDATE] = 0, [CHANGE_DELETE] = 0};
    for (size_t i = 0; i < json_array_size(reply->changes); i++) {
        Change change;
        TRY(remote_parse(cli->arena, &CHANGE_SHAPE, json_array_get(reply->changes, i), &change,
                         reterr));
        print_change(cli, &change);
        counts[change.kind]++;
    }
    for (size_t i = 0; i < reply->warnings.count; i++)
        say_coloured(cli, COLOUR_ATTENTION, "warning: %s", reply->warnings.items[i]);
    size_t all = counts[CHANGE_CREATE] + counts[CHANGE_UPDATE] + counts[CHANGE_DELETE];
    if (all == 0)
        say(cli, "Nothing to change.");
    else
        say(cli, "%zu to create, %zu to change, %zu to delete: %s", counts[CHANGE_CREATE],
            counts[CHANGE_UPDATE], counts[CHANGE_DELETE],
            reply->applied ? "done" : "nothing was changed (dry run)");
    return STATUS_OK;
}

// ---- apply ------------------------------------------------------------------------------------

Status command_apply(Cli *cli, const Invocation *invocation, Error *reterr) {
    const char *path = invocation_option(invocation, "file");
    if (path == NULL)
        return error_set(reterr, STATUS_INVALID, USAGE_CODE,
                         "which declaration? daypass apply -f FILE (or a folder, or -)");
    Declaration declaration;
    TRY(declaration_read(cli->arena, path, &declaration, reterr));
    ApplyRequest body = {.configuration = declaration.value,
                         .dry_run = invocation_switch(invocation, "dry-run"),
                         .prune = invocation_switch(invocation, "prune")};
    RemoteCall call = {
        .method = "POST", .target = "/v1/apply", .body_shape = &APPLY_REQUEST_SHAPE, .body = &body};
    ApplyReply reply;
    json_t *value;
    Error error = {0};
    if (remote_read(cli, &call, &APPLY_REPLY_SHAPE, &reply, &value, &error) != STATUS_OK) {
        declaration_locate(cli->arena, &declaration, &error);
        *reterr = error;
        return error.status;
    }
    if (!cli->json)
        return print_plan(cli, &reply, reterr);
    say_json(cli, value);
    return STATUS_OK;
}

// ---- export -----------------------------------------------------------------------------------

Status command_export(Cli *cli, const Invocation *invocation, Error *reterr) {
    Configuration configuration;
    json_t *value;
    RemoteCall call = {.target = "/v1/configuration"};
    TRY(remote_read(cli, &call, &CONFIGURATION_SHAPE, &configuration, &value, reterr));
    if (cli->json) {
        say_json(cli, value);
        return STATUS_OK;
    }
    // Written by the shape again, for the order of its fields: names first.
    const json_t *ordered = shape_write(cli->arena, &CONFIGURATION_SHAPE, &configuration);
    fputs(yaml_format(cli->arena, ordered), cli->out);
    return STATUS_OK;
}
