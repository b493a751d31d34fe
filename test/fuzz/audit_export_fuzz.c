// An export of the audit trail, as daypass audit verify reads it: a line an event. Nothing that was
// not signed by the key verifies, and what is said of it can be printed.
#include "fuzz/target.h"

#include "base/text.h"
#include "domain/audit.h"

#include <stdlib.h>
#include <string.h>

// RFC 8032, section 7.1, test 1: its secret half is not used here.
static const char PUBLIC_KEY[] = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

static void require(bool condition) {
    if (!condition)
        abort(); // also where assert is compiled out
}

static void check_line(const char *line, size_t length) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    AuditEvent event;
    Error error = {0};
    if (shape_parse(arena, &AUDIT_EVENT_SHAPE, line, length, &event, &error) != STATUS_OK) {
        require(text_is_printable(error.message));
        return;
    }
    AuditVerifier verifier = {.public_key = PUBLIC_KEY};
    require(audit_verify_next(arena, &verifier, &event, &error) != STATUS_OK);
    require(strcmp(error.code, "chain_broken") == 0 && text_is_printable(error.message));
    require(verifier.verified == 0);
    // A cell that a spreadsheet would take for a formula is told apart from one.
    const char *csv = audit_event_csv(arena, &event);
    require(csv[0] != '=' && strstr(csv, ",=") == NULL && strstr(csv, ",\"=") == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *at = (const char *)data;
    for (size_t left = size; left > 0;) {
        const char *end = memchr(at, '\n', left);
        size_t length = end != NULL ? (size_t)(end - at) : left;
        check_line(at, length);
        size_t taken = length + (end != NULL);
        at += taken;
        left -= taken;
    }
    return 0;
}
