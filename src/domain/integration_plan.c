#include "domain/integration_plan.h"

static int concrete_mode(const Integration *integration) {
    if (integration->privilege_mode != PRIVILEGE_AUTO)
        return integration->privilege_mode;
    return target_facts((TargetKind)integration->kind)->shared_roles ? PRIVILEGE_SHARED_ROLE
                                                                     : PRIVILEGE_DIRECT;
}

Plan integration_plan(Arena *arena, const Integration *integration) {
    TargetAddress *target = arena_alloc(arena, sizeof(*target));
    *target = integration_target(integration);
    if (target->port == 0)
        target->port = target_default_port((TargetKind)target->kind);
    return (Plan){
        .connector = integration->connector,
        .integration = integration->name,
        .target = target,
        .admin_secret = integration->admin_secret,
        .custodian = integration->custodian,
        .privilege_mode = concrete_mode(integration),
        .require_tls = integration->require_tls,
        .connection_limit = integration->connection_limit,
    };
}

static bool has_item(Arena *arena, const AccessItems *items, const AccessItem *item) {
    const json_t *wanted = shape_write(arena, &ACCESS_ITEM_SHAPE, item);
    for (size_t i = 0; i < items->count; i++)
        if (json_equal(wanted, shape_write(arena, &ACCESS_ITEM_SHAPE, &items->items[i])))
            return true;
    return false;
}

Plan integration_plan_of_flows(Arena *arena, const Configuration *configuration,
                               const Integration *integration, const char *deployment) {
    Plan plan = integration_plan(arena, integration);
    plan.deployment = deployment;
    plan.access.items = arena_alloc(arena, ACCESS_ITEMS_MAX * sizeof(AccessItem));
    for (size_t f = 0; f < configuration->flows.count; f++) {
        const Flow *flow = &configuration->flows.items[f];
        if (!text_equal(flow->integration, integration->name))
            continue;
        for (size_t i = 0; i < flow->access.count && plan.access.count < ACCESS_ITEMS_MAX; i++)
            if (!has_item(arena, &plan.access, &flow->access.items[i]))
                plan.access.items[plan.access.count++] = flow->access.items[i];
    }
    return plan;
}
