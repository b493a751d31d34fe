#include "base/buffer.h"
#include "base/text.h"
#include "cli/handlers.h"
#include "cli/output.h"
#include "cli/remote.h"
#include "domain/audit.h"
#include "wire/api_messages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { EVENT_MAX_BYTES = 4 * 1024 * 1024, PAGE_LIMIT = 200, KEY_BYTES = 32 };

// ---- audit ------------------------------------------------------------------------------------

// A time, or how long ago: "2026-05-04T10:00:00Z", "24h".
static Status read_time(Cli *cli, const Invocation *invocation, const char *name,
                        const char **ret_text, Error *reterr) {
    const char *text = invocation_option(invocation, name);
    *ret_text = NULL;
    if (text == NULL)
        return STATUS_OK;
    int64_t at_ms, ago_s;
    if (duration_parse(text, &ago_s, NULL) == STATUS_OK)
        at_ms = clock_now_ms(cli->clock) - ago_s * SECOND_MS;
    else if (timestamp_parse(text, &at_ms, NULL) != STATUS_OK)
        return error_set(reterr, STATUS_INVALID, "bad_time",
                         "--%s: expected a time such as 2026-05-04T10:00:00Z, or how long ago, "
                         "such as 24h",
                         name);
    char time[TIMESTAMP_SIZE];
    *ret_text = arena_strdup(cli->arena, timestamp_format(at_ms, time));
    return STATUS_OK;
}

static Status audit_target(Cli *cli, const Invocation *invocation, const char **ret_target,
                           Error *reterr) {
    const char *since, *until;
    TRY(read_time(cli, invocation, "since", &since, reterr));
    TRY(read_time(cli, invocation, "until", &until, reterr));
    const Parameter parameters[] = {
        {"since", since},
        {"until", until},
        {"person", invocation_option(invocation, "person")},
        {"grant", invocation_option(invocation, "grant")},
        {"integration", invocation_option(invocation, "integration")},
        {"flow", invocation_option(invocation, "flow")},
        {"event", invocation_option(invocation, "event")},
        {"limit", arena_printf(cli->arena, "%d", PAGE_LIMIT)},
        {0},
    };
    *ret_target = remote_target(cli->arena, "/v1/audit", parameters);
    return STATUS_OK;
}

typedef struct AuditPrinter {
    const char *format;
    Table *table;
    size_t count;
    size_t limit; // 0: none
} AuditPrinter;

// What a person looks for in an event, in a line; the whole of it is in --format jsonl.
static const char *detail_text(Cli *cli, const json_t *detail) {
    static const char *const SHOWN[] = {"account",  "cause",     "reason",     "note", "message",
                                        "approved", "approvers", "privileges", "role", "version",
                                        "code",     "late_ms",   "orphan",     "drift"};
    CLEANUP(buffer_done) Buffer text = {0};
    for (size_t i = 0; i < COUNT_OF(SHOWN); i++) {
        const json_t *value = json_object_get(detail, SHOWN[i]);
        if (value == NULL || json_is_null(value))
            continue;
        if (text.length > 0)
            buffer_add(&text, "; ");
        buffer_addf(&text, "%s: ", SHOWN[i]);
        if (json_is_string(value))
            buffer_add(&text, json_string_value(value));
        else if (json_is_array(value) && json_is_string(json_array_get(value, 0)))
            for (size_t k = 0; k < json_array_size(value); k++)
                buffer_addf(&text, "%s%s", k > 0 ? ", " : "",
                            json_string_value(json_array_get(value, k)));
        else if (text_equal(SHOWN[i], "drift"))
            for (size_t k = 0; k < json_array_size(value); k++)
                buffer_addf(
                    &text, "%s%s", k > 0 ? ", " : "",
                    or_dash(json_string_value(json_object_get(json_array_get(value, k), "field"))));
        else
            buffer_add(&text, json_text(cli->arena, value));
    }
    return text.length > 0 ? arena_strdup(cli->arena, buffer_text(&text)) : NULL;
}

static void add_audit_row(Cli *cli, AuditPrinter *printer, const AuditEvent *event) {
    const char *about = event->grant != NULL         ? event->grant
                        : event->integration != NULL ? event->integration
                        : event->flow != NULL        ? event->flow
                                                     : event->person;
    const char *cells[] = {
        arena_printf(cli->arena, "%lld", (long long)event->sequence),
        time_text(cli, event->at),
        event->event,
        event->actor,
        about,
        detail_text(cli, event->detail),
    };
    table_row(printer->table, cells);
}

static Status print_event(Cli *cli, json_t *item, void *context, Error *reterr) {
    AuditPrinter *printer = context;
    // STATUS_LIMITED only ends the walk; whoever started it knows.
    if (printer->limit > 0 && printer->count == printer->limit)
        return error_set(reterr, STATUS_LIMITED, "limit_reached", "there are more events");
    printer->count++;
    if (text_equal(printer->format, "jsonl")) {
        // As the server wrote it, so that the export can be verified.
        fprintf(cli->out, "%s\n", json_text(cli->arena, item));
        return STATUS_OK;
    }
    AuditEvent event;
    TRY(remote_parse(cli->arena, &AUDIT_EVENT_SHAPE, item, &event, reterr));
    if (text_equal(printer->format, "csv"))
        fputs(audit_event_csv(cli->arena, &event), cli->out);
    else
        add_audit_row(cli, printer, &event);
    return STATUS_OK;
}

Status command_audit(Cli *cli, const Invocation *invocation, Error *reterr) {
    static const char *const TITLES[] = {"EVENT", "TIME", "WHAT", "WHO", "ABOUT", "DETAIL", NULL};
    const char *target;
    TRY(audit_target(cli, invocation, &target, reterr));
    const char *format = invocation_option(invocation, "format");
    AuditPrinter printer = {.format = format != NULL ? format : cli->json ? "jsonl" : "table"};
    int64_t limit;
    TRY(invocation_number(invocation, "limit", 1, INT32_MAX, 0, &limit, reterr));
    printer.limit = (size_t)limit;
    CLEANUP(table_freep) Table *table = NULL;
    if (text_equal(printer.format, "table"))
        printer.table = table = table_new(cli, TITLES);
    if (text_equal(printer.format, "csv"))
        fputs(audit_event_csv(cli->arena, NULL), cli->out);
    Error error = {0};
    Status status = remote_each(cli, target, print_event, &printer, &error);
    bool more = text_equal(error.code, "limit_reached");
    if (status != STATUS_OK && !more) {
        *reterr = error;
        return status;
    }
    if (table != NULL)
        table_print(table, "No events.");
    if (more)
        note(cli, "There are more: raise --limit, or narrow the time with --since and --until");
    return STATUS_OK;
}

// ---- audit verify -----------------------------------------------------------------------------

typedef struct Verification {
    Arena *arena; // outlives the events
    AuditVerifier verifier;
    int64_t head_sequence; // to compare with; 0: none
    const char *head_hash;
    bool head_seen;
} Verification;

// Each event's own memory goes with its page or line; what the verifier keeps is copied out.
static Status verify_event(Arena *event_arena, Verification *verification, const AuditEvent *event,
                           Error *reterr) {
    AuditVerifier *verifier = &verification->verifier;
    bool is_first = verifier->public_key == NULL;
    TRY(audit_verify_next(event_arena, verifier, event, reterr));
    if (is_first)
        verifier->public_key = arena_strdup(verification->arena, verifier->public_key);
    if (event->sequence == verification->head_sequence) {
        verification->head_seen = true;
        if (!text_equal(event->hash, verification->head_hash))
            return error_set(reterr, STATUS_INVALID, "chain_broken",
                             "the audit chain is broken at event %lld: its hash is not the one of "
                             "the server's head",
                             (long long)event->sequence);
    }
    return STATUS_OK;
}

static Status verify_item(Cli *cli, json_t *item, void *context, Error *reterr) {
    AuditEvent event;
    TRY(remote_parse(cli->arena, &AUDIT_EVENT_SHAPE, item, &event, reterr));
    return verify_event(cli->arena, context, &event, reterr);
}

static Status verify_online(Cli *cli, Verification *verification, Error *reterr) {
    // The head first: whatever is written meanwhile comes after it.
    AuditHeadReply head;
    RemoteCall call = {.target = "/v1/audit/head"};
    TRY(remote_read(cli, &call, &AUDIT_HEAD_REPLY_SHAPE, &head, NULL, reterr));
    verification->head_sequence = head.sequence;
    verification->head_hash = head.hash;
    if (verification->verifier.public_key == NULL)
        verification->verifier.public_key = head.public_key;
    const char *target = arena_printf(cli->arena, "/v1/audit?limit=%d", PAGE_LIMIT);
    TRY(remote_each(cli, target, verify_item, verification, reterr));
    if (head.sequence > 0 && !verification->head_seen)
        return error_set(reterr, STATUS_INVALID, "chain_broken",
                         "the audit chain is broken: it ends at event %lld, before the server's "
                         "head, %lld",
                         (long long)verification->verifier.sequence, (long long)head.sequence);
    return STATUS_OK;
}

// One line of a JSON-lines export; an empty one is passed over.
static Status verify_line(Verification *verification, const char *line, size_t length,
                          int64_t number, const char *path, Error *reterr) {
    while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r'))
        length--;
    if (length == 0)
        return STATUS_OK;
    CLEANUP(arena_freep) Arena *arena = arena_new();
    AuditEvent event;
    Error error = {0};
    Status status = STATUS_OK;
    if (length > EVENT_MAX_BYTES)
        status = error_set(&error, STATUS_TOO_LARGE, "too_large", "the line is too long");
    if (status == STATUS_OK)
        status = shape_parse(arena, &AUDIT_EVENT_SHAPE, line, length, &event, &error);
    if (status == STATUS_OK)
        status = verify_event(arena, verification, &event, &error);
    if (status != STATUS_OK) {
        error_prefix(&error, "%s:%lld", path, (long long)number);
        *reterr = error;
    }
    return status;
}

static Status verify_file(Verification *verification, const char *path, Error *reterr) {
    bool is_input = strcmp(path, "-") == 0;
    FILE *file = is_input ? stdin : fopen(path, "r");
    if (file == NULL)
        return error_set(reterr, STATUS_NOT_FOUND, "file_missing", "%s: cannot open: %s", path,
                         strerror(errno));
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    Status status = STATUS_OK;
    for (int64_t number = 1; status == STATUS_OK && (length = getline(&line, &capacity, file)) >= 0;
         number++)
        status = verify_line(verification, line, (size_t)length, number, path, reterr);
    if (status == STATUS_OK && ferror(file))
        status = error_set(reterr, STATUS_UNAVAILABLE, "file_failed", "%s: cannot read: %s", path,
                           strerror(errno));
    free(line);
    if (!is_input)
        fclose(file);
    return status;
}

static void tell_verified(Cli *cli, const Verification *verification, bool key_was_given,
                          bool online) {
    const AuditVerifier *verifier = &verification->verifier;
    if (cli->json) {
        json_t *value = json_pack("{s:b,s:I,s:s,s:s?,s:b}", "verified", 1, "events",
                                  (json_int_t)verifier->verified, "hash", verifier->hash, "key",
                                  verifier->public_key, "key_given", key_was_given);
        say_json(cli, json_keep(cli->arena, value));
        return;
    }
    if (verifier->verified == 0) {
        say(cli, "No events.");
        return;
    }
    say(cli, "%lld events verified: complete, unchanged and in order",
        (long long)verifier->verified);
    say(cli, "last hash  %s", verifier->hash);
    say(cli, "key        %s%s", or_dash(verifier->public_key),
        key_was_given ? ""
        : online      ? " (as the server says; --key with a copy of your own proves "
                        "more)"
                      : " (as the export says; --key with a copy of your own proves "
                        "more)");
}

Status command_audit_verify(Cli *cli, const Invocation *invocation, Error *reterr) {
    const char *path = invocation_argument(invocation, "FILE");
    const char *key = invocation_option(invocation, "key");
    void *bytes;
    size_t length = 0;
    if (key != NULL &&
        (!base64_decode(cli->arena, key, KEY_BYTES, &bytes, &length) || length != KEY_BYTES))
        return error_set(reterr, STATUS_INVALID, USAGE_CODE,
                         "--key: expected %d bytes in base64, as daypass audit verify prints them",
                         KEY_BYTES);
    Verification verification = {.arena = cli->arena, .verifier = {.public_key = key}};
    if (path != NULL)
        TRY(verify_file(&verification, path, reterr));
    else
        TRY(verify_online(cli, &verification, reterr));
    // Nothing at all verifies nothing, whatever was cut away.
    if (verification.verifier.verified == 0 && path != NULL)
        return error_set(reterr, STATUS_INVALID, "no_events", "%s: there is no event in it", path);
    tell_verified(cli, &verification, key != NULL, path == NULL);
    return STATUS_OK;
}
