#include "api/change.h"

#include "api/aws_warnings.h"
#include "domain/target_report.h"

#include <string.h>

// One flow looked at beside what was found on its integration's target.
typedef struct Look {
    Arena *arena;
    const Flow *flow;
    const Discovery *found;
    StringList *warnings;
} Look;

static void warn_missing(const Look *look, const char *kind, const char *name) {
    string_list_add(
        look->arena, look->warnings,
        text_printable(look->arena,
                       arena_printf(look->arena, "flow %s: %s %s does not exist on %s",
                                    look->flow->name, kind, name, look->flow->integration)));
}

static bool has_table(const Discovery *found, const char *schema, const char *name) {
    for (size_t i = 0; i < found->tables.count; i++) {
        if (text_equal(found->tables.items[i].schema, schema) &&
            text_equal(found->tables.items[i].name, name))
            return true;
    }
    return false;
}

// "name" means every overload; found are "schema.name(argument types)".
static bool has_function(Arena *arena, const Discovery *found, const char *schema,
                         const char *name) {
    const char *whole = arena_printf(arena, "%s.%s", schema, name);
    size_t length = strlen(whole);
    for (size_t i = 0; i < found->functions.count; i++) {
        const char *item = found->functions.items[i];
        if (strncmp(item, whole, length) == 0 && (item[length] == '\0' || item[length] == '('))
            return true;
    }
    return false;
}

static void look_at_item(const Look *look, const AccessItem *item) {
    const Discovery *found = look->found;
    Arena *arena = look->arena;
    if (item->role != NULL) {
        if (!string_list_has(&found->roles, item->role))
            warn_missing(look, "role", item->role);
        return;
    }
    if (item->schema == NULL)
        return;
    if (!string_list_has(&found->schemas, item->schema)) {
        warn_missing(look, "schema", item->schema);
        return;
    }
    for (size_t i = 0; i < item->tables.count; i++) {
        const char *name = item->tables.items[i];
        if (!has_table(found, item->schema, name) && !found->cut)
            warn_missing(look, "table", arena_printf(arena, "%s.%s", item->schema, name));
    }
    for (size_t i = 0; i < item->sequences.count; i++) {
        const char *name = arena_printf(arena, "%s.%s", item->schema, item->sequences.items[i]);
        if (!string_list_has(&found->sequences, name))
            warn_missing(look, "sequence", name);
    }
    for (size_t i = 0; i < item->functions.count; i++) {
        if (!has_function(arena, found, item->schema, item->functions.items[i]))
            warn_missing(look, "function",
                         arena_printf(arena, "%s.%s", item->schema, item->functions.items[i]));
    }
}

static Status look_at_flow(Call *call, const AwsLook *aws, Error *reterr) {
    const Flow *flow = aws->flow;
    StringList *warnings = aws->warnings;
    IntegrationReport report = {0};
    Error error = {0};
    Status status = store_integration_report(call->api->options.store, call->arena,
                                             flow->integration, &report, &error);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND) {
        *reterr = error;
        return status;
    }
    Discovery found = {0};
    if (status == STATUS_NOT_FOUND || report.discovery == NULL ||
        shape_read(call->arena, &DISCOVERY_SHAPE, report.discovery, &found, &error) != STATUS_OK) {
        string_list_add(call->arena, warnings,
                        arena_printf(call->arena,
                                     "flow %s: what %s has to grant was not discovered yet, so "
                                     "nobody knows whether what the flow names exists",
                                     flow->name, flow->integration));
        return STATUS_OK;
    }
    const Look look = {call->arena, flow, &found, warnings};
    for (size_t i = 0; i < flow->access.count; i++)
        look_at_item(&look, &flow->access.items[i]);
    aws_warn_of_resources(aws, &found);
    return STATUS_OK;
}

static bool is_changed(const Changes *changes, const char *type, const char *name) {
    for (size_t i = 0; i < changes->count; i++) {
        if (text_equal(changes->items[i].type, type) && text_equal(changes->items[i].name, name))
            return true;
    }
    return false;
}

static Status look_at_connectors(Call *call, const Configuration *declared, StringList *warnings,
                                 Error *reterr) {
    Connectors connectors = {0};
    TRY(store_list_connectors(call->api->options.store, call->arena, &connectors, reterr));
    for (size_t i = 0; i < declared->integrations.count; i++) {
        const Integration *integration = &declared->integrations.items[i];
        bool found = false;
        for (size_t j = 0; j < connectors.count; j++)
            found = found || text_equal(connectors.items[j].name, integration->connector);
        if (!found)
            string_list_add(call->arena, warnings,
                            arena_printf(call->arena,
                                         "integration %s: there is no connector %s; make it with "
                                         "\"daypass connector create %s\"",
                                         integration->name, integration->connector,
                                         integration->connector));
    }
    return STATUS_OK;
}

Status change_warnings(Call *call, const Configuration *declared, const AppliedChange *applied,
                       StringList *ret_warnings, Error *reterr) {
    StringList warnings = {0};
    if (declared->integrations.count > 0)
        TRY(look_at_connectors(call, declared, &warnings, reterr));
    aws_warn_of_identities(call->arena, declared, &warnings);
    for (size_t i = 0; i < declared->flows.count; i++) {
        const Flow *flow = &declared->flows.items[i];
        const Configuration *before = applied->before;
        const AwsLook look = {call->arena, declared, before, flow, &warnings};
        aws_warn_of_requesters(&look);
        // What is stored of an integration says nothing about the one that is to be.
        bool moved = is_changed(&applied->changes, "integration", flow->integration) &&
                     configuration_integration(before, flow->integration) != NULL;
        if (moved)
            string_list_add(call->arena, &warnings,
                            arena_printf(call->arena,
                                         "flow %s: integration %s changes, so nobody knows yet "
                                         "whether what the flow names exists there",
                                         flow->name, flow->integration));
        else
            TRY(look_at_flow(call, &look, reterr));
    }
    *ret_warnings = warnings;
    return STATUS_OK;
}
