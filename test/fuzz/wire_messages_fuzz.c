// Messages between daypassd and connectors, and the documents inside them. The first byte chooses
// the shape, the rest is JSON: refused with a pointer, or read, written and read again the same.
#include "fuzz/target.h"

#include "domain/outcome.h"
#include "domain/plan.h"
#include "domain/target_report.h"
#include "wire/messages.h"

#include <stdlib.h>
#include <string.h>

static const Shape *const SHAPES[] = {
    &ENROLL_REQUEST_SHAPE, &ENROLL_REPLY_SHAPE,  &POLL_REQUEST_SHAPE,   &POLL_REPLY_SHAPE,
    &ACTION_REPORT_SHAPE,  &SWEEP_REPORT_SHAPE,  &ACTION_SHAPE,         &SIGNED_ACTION_SHAPE,
    &CREDENTIAL_SHAPE,     &PLAN_SHAPE,          &OUTCOME_SHAPE,        &DISCOVERY_SHAPE,
    &CHECK_ITEM_SHAPE,     &FOUND_ACCOUNT_SHAPE, &TARGET_ADDRESS_SHAPE,
};

static void require(bool condition) {
    if (!condition)
        abort(); // also where assert is compiled out
}

static void check_refusal(const Error *error) {
    require(error->status == STATUS_INVALID && text_is_printable(error->message));
    require(error->pointer[0] == '\0' || error->pointer[0] == '/');
}

static void check_plan(Arena *arena, const Plan *plan) {
    TargetKind kind = (TargetKind)plan->target->kind;
    for (size_t i = 0; i < plan->access.count; i++) {
        const AccessItem *item = &plan->access.items[i];
        Error error = {0};
        if (access_item_check(kind, item, &error) != STATUS_OK) {
            require(text_starts_with(error.code, "bad_") && text_is_printable(error.message));
            continue;
        }
        const char *described = access_item_describe(arena, item);
        require(described[0] != '\0' && text_is_printable(described));
        // What is accepted means something for at least one kind of object, or is a role, or is in
        // other words than privileges.
        size_t privileges = item->role != NULL || target_facts(kind)->access != ACCESS_TO_OBJECTS;
        for (int object = 0; object < OBJECT_KIND_COUNT_; object++)
            privileges += access_item_privileges(arena, kind, item, (ObjectKind)object).count;
        require(privileges > 0);
    }
}

// An action that nobody signed is refused, whatever it says.
static void check_unsigned(Arena *arena, const SignedAction *signed_action) {
    static const char STRANGER[] = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    Action action;
    Error error = {0};
    require(action_verify(arena, STRANGER, signed_action, &action, &error) == STATUS_INVALID);
    require(strcmp(error.code, "bad_signature") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const Shape *shape = SHAPES[data[0] % COUNT_OF(SHAPES)];
    void *message = arena_alloc(arena, shape->size);
    Error error = {0};
    if (shape_parse(arena, shape, (const char *)data + 1, size - 1, message, &error) != STATUS_OK) {
        check_refusal(&error);
        return 0;
    }
    const char *text = shape_format(arena, shape, message);
    void *again = arena_alloc(arena, shape->size);
    if (shape_parse(arena, shape, text, strlen(text), again, &error) == STATUS_OK)
        require(strcmp(shape_format(arena, shape, again), text) == 0);
    else // a required time that is 1970-01-01T00:00:00Z is left out
        require(strcmp(error.code, "missing_field") == 0);
    if (shape == &PLAN_SHAPE)
        check_plan(arena, message);
    if (shape == &SIGNED_ACTION_SHAPE)
        check_unsigned(arena, message);
    return 0;
}
