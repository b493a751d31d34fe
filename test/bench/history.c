// A long past, written straight into the store of a daypassd that is stopped: many grants like one
// that has ended, with what it left behind, and audit events whose chain is whole. And the floor
// under its verification: each event read from the file, hashed and its signature checked.
#include <jansson.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/signing_key.h"
#include "domain/audit.h"
#include "samples.h"

enum { TEMPLATES_MAX = 64, EVENTS_A_TRANSACTION = 100000 };

// Ids have a fixed length, and a place of their own in each document: replace() is enough.
static const char COPY_GRANTS[] =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)"
    " INSERT INTO grants (id, version, state, is_over, requester, flow, integration, connector,"
    "  requested_at, expires_at, due_at, document)"
    " SELECT printf('grt_h%015d', i), version, state, is_over, requester, flow, integration,"
    "  connector, requested_at - 1000 * (?2 - i + 1), expires_at, due_at,"
    "  replace(document, id, printf('grt_h%015d', i)) FROM n, grants WHERE id = ?1";
static const char COPY_ACTIONS[] =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)"
    " INSERT INTO actions (id, kind, grant_id, integration, connector, state, lane, rank_at,"
    "  attempt, failures, queued_at, not_before, issued_at, deadline_at, leased_by, expires_at,"
    "  seal_to)"
    " SELECT printf('act_%s%015d', substr(kind, 1, 1), i), kind, printf('grt_h%015d', i),"
    "  integration, connector, state, lane, rank_at, attempt, failures, queued_at, not_before,"
    "  issued_at, deadline_at, leased_by, expires_at, seal_to"
    " FROM n, actions WHERE grant_id = ?1";
static const char COPY_EVIDENCE[] =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)"
    " INSERT INTO evidence (grant_id, position, action_id, attempt, kept, document)"
    " SELECT printf('grt_h%015d', i), e.position, printf('act_%s%015d', substr(a.kind, 1, 1), i),"
    "  e.attempt, e.kept,"
    "  replace(e.document, e.action_id, printf('act_%s%015d', substr(a.kind, 1, 1), i))"
    " FROM n, evidence e JOIN actions a ON a.id = e.action_id WHERE e.grant_id = ?1";

static const char EVENT_COLUMNS[] =
    "sequence, at, event, actor, actor_kind, peer, token, grant_id, flow, integration, person,"
    " detail, previous, hash, signature, public_key";

static sqlite3 *open_store(const char *path) {
    sqlite3 *store;
    if (sqlite3_open_v2(path, &store, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        give_up("%s: %s", path, sqlite3_errmsg(store));
    return store;
}

static void execute(sqlite3 *store, const char *sql) {
    if (sqlite3_exec(store, sql, NULL, NULL, NULL) != SQLITE_OK)
        give_up("%s: %s", sql, sqlite3_errmsg(store));
}

static sqlite3_stmt *prepare(sqlite3 *store, const char *sql) {
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(store, sql, -1, &statement, NULL) != SQLITE_OK)
        give_up("%s: %s", sql, sqlite3_errmsg(store));
    return statement;
}

static void copy_rows(sqlite3 *store, const char *sql, const char *grant, int64_t count) {
    sqlite3_stmt *statement = prepare(store, sql);
    sqlite3_bind_text(statement, 1, grant, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, count);
    execute(store, "BEGIN");
    if (sqlite3_step(statement) != SQLITE_DONE)
        give_up("%s: %s", sql, sqlite3_errmsg(store));
    int made = sqlite3_changes(store);
    if (made == 0 || made % count != 0)
        give_up("%d rows made of grant %s; expected a multiple of %lld", made, grant,
                (long long)count);
    execute(store, "COMMIT");
    sqlite3_finalize(statement);
}

// ---- Events
// --------------------------------------------------------------------------------------

static const char *text_of(Arena *arena, sqlite3_stmt *row, int column) {
    return arena_strdup(arena, (const char *)sqlite3_column_text(row, column));
}

static void release_json(void *value) {
    json_decref(value);
}

static AuditEvent read_event(Arena *arena, sqlite3_stmt *row) {
    const char *detail_text = (const char *)sqlite3_column_text(row, 11);
    json_t *detail = detail_text == NULL ? NULL : json_loads(detail_text, 0, NULL);
    if (detail != NULL)
        arena_on_free(arena, release_json, detail);
    return (AuditEvent){
        .sequence = sqlite3_column_int64(row, 0),
        .at = sqlite3_column_int64(row, 1),
        .event = text_of(arena, row, 2),
        .actor = text_of(arena, row, 3),
        .actor_kind = text_of(arena, row, 4),
        .peer = text_of(arena, row, 5),
        .token = text_of(arena, row, 6),
        .grant = text_of(arena, row, 7),
        .flow = text_of(arena, row, 8),
        .integration = text_of(arena, row, 9),
        .person = text_of(arena, row, 10),
        .detail = detail,
        .previous = text_of(arena, row, 12),
        .hash = text_of(arena, row, 13),
        .signature = text_of(arena, row, 14),
        .key = text_of(arena, row, 15),
    };
}

static size_t read_templates(sqlite3 *store, Arena *arena, const char *grant, AuditEvent *events) {
    char sql[512];
    snprintf(sql, sizeof sql, "SELECT %s FROM audit WHERE grant_id = ?1 ORDER BY sequence LIMIT %d",
             EVENT_COLUMNS, TEMPLATES_MAX);
    sqlite3_stmt *statement = prepare(store, sql);
    sqlite3_bind_text(statement, 1, grant, -1, SQLITE_STATIC);
    size_t count = 0;
    while (sqlite3_step(statement) == SQLITE_ROW)
        events[count++] = read_event(arena, statement);
    sqlite3_finalize(statement);
    if (count == 0)
        give_up("grant %s has no audit events", grant);
    return count;
}

static void insert_event(sqlite3_stmt *insert, const AuditEvent *event, const char *detail) {
    const char *texts[] = {event->event,     event->actor, event->actor_kind, event->peer,
                           event->token,     event->grant, event->flow,       event->integration,
                           event->person,    detail,       event->previous,   event->hash,
                           event->signature, event->key};
    sqlite3_bind_int64(insert, 1, event->sequence);
    sqlite3_bind_int64(insert, 2, event->at);
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        sqlite3_bind_text(insert, (int)i + 3, texts[i], -1, SQLITE_STATIC); // NULL: a null
    if (sqlite3_step(insert) != SQLITE_DONE)
        give_up("an event could not be written: %s", sqlite3_errmsg(sqlite3_db_handle(insert)));
    sqlite3_reset(insert);
}

typedef struct Head {
    int64_t sequence;
    int64_t at;
    char hash[65];
} Head;

static Head read_head(sqlite3 *store) {
    Head head = {0};
    sqlite3_stmt *statement =
        prepare(store, "SELECT sequence, hash, (SELECT max(at) FROM audit) FROM audit_head");
    if (sqlite3_step(statement) != SQLITE_ROW)
        give_up("the store has no head of its audit trail");
    head.sequence = sqlite3_column_int64(statement, 0);
    snprintf(head.hash, sizeof head.hash, "%s", sqlite3_column_text(statement, 1));
    head.at = sqlite3_column_int64(statement, 2);
    sqlite3_finalize(statement);
    return head;
}

static void write_head(sqlite3 *store, const Head *head) {
    sqlite3_stmt *statement = prepare(store, "UPDATE audit_head SET sequence = ?1, hash = ?2");
    sqlite3_bind_int64(statement, 1, head->sequence);
    sqlite3_bind_text(statement, 2, head->hash, -1, SQLITE_STATIC);
    if (sqlite3_step(statement) != SQLITE_DONE)
        give_up("the head of the audit trail could not be written");
    sqlite3_finalize(statement);
}

// All at the time of the newest: the order of a trail is that of its numbers.
static void append_events(sqlite3 *store, const char *key_file, const char *grant, int64_t grants,
                          int64_t count) {
    static AuditEvent templates[TEMPLATES_MAX];
    CLEANUP(signing_key_freep) SigningKey *key = NULL;
    Error error = {0};
    if (signing_key_load(key_file, &key, &error) != STATUS_OK)
        give_up("%s: %s", key_file, error.message);
    CLEANUP(arena_freep) Arena *kept = arena_new();
    size_t template_count = read_templates(store, kept, grant, templates);
    Head head = read_head(store);
    char sql[512];
    snprintf(sql, sizeof sql,
             "INSERT INTO audit (%s) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, "
             "?13, ?14, ?15, ?16)",
             EVENT_COLUMNS);
    sqlite3_stmt *insert = prepare(store, sql);
    execute(store, "BEGIN");
    for (int64_t i = 0; i < count; i++) {
        CLEANUP(arena_freep) Arena *arena = arena_new();
        AuditEvent event = templates[(size_t)i % template_count];
        event.sequence = head.sequence + 1;
        event.at = head.at;
        event.grant = arena_printf(arena, "grt_h%015lld", (long long)(i * grants / count + 1));
        audit_event_seal(arena, &event, head.hash, key);
        char *detail = event.detail == NULL ? NULL : json_dumps(event.detail, JSON_COMPACT);
        insert_event(insert, &event, detail);
        free(detail);
        head.sequence = event.sequence;
        snprintf(head.hash, sizeof head.hash, "%s", event.hash);
        if ((i + 1) % EVENTS_A_TRANSACTION == 0)
            execute(store, "COMMIT; BEGIN");
    }
    write_head(store, &head);
    execute(store, "COMMIT");
    sqlite3_finalize(insert);
}

static void verify(sqlite3 *store) {
    char sql[512];
    snprintf(sql, sizeof sql, "SELECT %s FROM audit ORDER BY sequence", EVENT_COLUMNS);
    sqlite3_stmt *statement = prepare(store, sql);
    AuditVerifier verifier = {0};
    int64_t began_us = now_us();
    while (sqlite3_step(statement) == SQLITE_ROW) {
        CLEANUP(arena_freep) Arena *arena = arena_new();
        AuditEvent event = read_event(arena, statement);
        if (verifier.public_key == NULL)
            verifier.public_key = mem_strdup(event.key);
        Error error = {0};
        if (audit_verify_next(arena, &verifier, &event, &error) != STATUS_OK)
            give_up("event %lld: %s", (long long)event.sequence, error.message);
    }
    sqlite3_finalize(statement);
    printf("{\"seconds\": %.6f, \"count\": %lld}\n", (double)(now_us() - began_us) / 1e6,
           (long long)verifier.verified);
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "verify") == 0) {
        sqlite3 *store = open_store(argv[2]);
        verify(store);
        sqlite3_close(store);
        return 0;
    }
    if (argc != 7 || strcmp(argv[1], "make") != 0)
        give_up("usage: history make STORE AUDIT-KEY GRANT GRANTS EVENTS | history verify STORE");
    int64_t grants = strtoll(argv[5], NULL, 10);
    int64_t events = strtoll(argv[6], NULL, 10);
    if (grants < 1 || events < 1)
        give_up("%s grants and %s events: expected one at least of both", argv[5], argv[6]);
    int64_t began_us = now_us();
    sqlite3 *store = open_store(argv[2]);
    // What is made is a copy: should this end half-way, it is thrown away.
    execute(store, "PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF");
    copy_rows(store, COPY_GRANTS, argv[4], grants);
    copy_rows(store, COPY_ACTIONS, argv[4], grants);
    copy_rows(store, COPY_EVIDENCE, argv[4], grants);
    append_events(store, argv[3], argv[4], grants, events);
    execute(store, "PRAGMA journal_mode = WAL; PRAGMA wal_checkpoint(TRUNCATE)");
    sqlite3_close(store);
    printf("{\"seconds\": %.6f, \"count\": %lld}\n", (double)(now_us() - began_us) / 1e6,
           (long long)events);
    return 0;
}
