#include "driver/aws/discover.h"

#include <string.h>

#include "driver/aws/inventory.h"

static void note(Operation *operation, Discovery *discovery, const char *text) {
    string_list_add(operation->arena, &discovery->notes, evidence_one_line(operation->arena, text));
}

// Both lists in one, as far as there is room.
static void join(Operation *operation, const AwsResources *databases, const AwsResources *instances,
                 Discovery *discovery) {
    AwsResources *all = &discovery->resources;
    all->items = arena_alloc(operation->arena, AWS_RESOURCES_MAX * sizeof(AwsResource));
    const AwsResources *const lists[] = {databases, instances};
    for (size_t l = 0; l < COUNT_OF(lists); l++)
        for (size_t i = 0; i < lists[l]->count; i++) {
            if (all->count < AWS_RESOURCES_MAX)
                all->items[all->count++] = lists[l]->items[i];
            else
                discovery->cut = true;
        }
}

static void note_databases(Operation *operation, const AwsResources *databases,
                           Discovery *discovery) {
    for (size_t i = 0; i < databases->count && discovery->notes.count < 100; i++)
        if (!databases->items[i].iam_authentication)
            note(operation, discovery,
                 arena_printf(operation->arena,
                              "IAM authentication is off on %s %s: nobody can connect to it by "
                              "rds_connect",
                              databases->items[i].kind,
                              databases->items[i].identifier != NULL
                                  ? databases->items[i].identifier
                                  : databases->items[i].id));
}

Status aws_discover(Operation *operation, Discovery *ret_discovery, Error *reterr) {
    Discovery discovery = {.server_version = "AWS IAM"};
    Inventory inventory;
    AwsResources instances = {0};
    Error error = {0};
    TRY(aws_databases_read(operation, true, &inventory, &discovery.notes, reterr));
    Status status = aws_instances_read(operation, NULL, NULL, &instances, &error);
    if (status != STATUS_OK && operation->evidence.failure != FAILURE_DENIED) {
        if (reterr != NULL)
            *reterr = error;
        return status;
    }
    if (status != STATUS_OK) {
        operation->evidence.failure = FAILURE_NONE;
        note(operation, &discovery,
             arena_printf(operation->arena, "instances are not listed: %s", error.message));
    }
    note_databases(operation, &inventory.databases, &discovery);
    join(operation, &inventory.databases, &instances, &discovery);
    *ret_discovery = discovery;
    return STATUS_OK;
}
