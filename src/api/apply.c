// Declarations: what `daypass apply` sends, and what is configured now.
#include "api/call.h"
#include "api/change.h"
#include "api/handlers.h"

#include "wire/api_messages.h"

#include <stdio.h>

// A pointer into the declaration becomes one into the body.
static Status inside_configuration(Error *reterr, const Error *error) {
    *reterr = *error;
    snprintf(reterr->pointer, sizeof(reterr->pointer), "/configuration%.*s",
             (int)(sizeof(reterr->pointer) - sizeof("/configuration")), error->pointer);
    return error->status;
}

Status configuration_apply(Call *call, Error *reterr) {
    const ApplyRequest *body = call->body;
    Configuration declared = {0};
    Error error = {0};
    if (shape_read(call->arena, &CONFIGURATION_SHAPE, body->configuration, &declared, &error) !=
        STATUS_OK)
        return inside_configuration(reterr, &error);
    const ChangeOptions options = {.dry_run = body->dry_run, .prune = body->prune};
    AppliedChange applied = {0};
    Status status = change_apply(call, &declared, options, &applied, &error);
    if (status != STATUS_OK)
        return error.pointer[0] != '\0' ? inside_configuration(reterr, &error)
                                        : (*reterr = error, status);
    ApplyReply reply = {.applied = applied.applied, .version = applied.version};
    // Asked after it was applied, so that failing to warn does not look like failing to apply.
    if (change_warnings(call, &declared, &applied, &reply.warnings, &error) != STATUS_OK)
        string_list_add(call->arena, &reply.warnings,
                        arena_printf(call->arena, "nothing could be checked: %s", error.message));
    json_t *changes = json_keep(call->arena, json_array());
    for (size_t i = 0; i < applied.changes.count; i++)
        json_array_append(changes,
                          shape_write(call->arena, &CHANGE_SHAPE, &applied.changes.items[i]));
    reply.changes = changes;
    return call_reply(call, &reply);
}

Status configuration_show(Call *call, Error *reterr) {
    const Configuration *configuration = NULL;
    TRY(call_configuration(call, &configuration, reterr));
    call_add_header(call, "ETag",
                    arena_printf(call->arena, "\"%lld\"", (long long)configuration->version));
    return call_reply(call, configuration);
}
