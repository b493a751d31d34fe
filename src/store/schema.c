#include "store/store_internal.h"

#include "base/buffer.h"
#include "base/fault_point.h"
#include "base/id.h"

#include <string.h>

// {int} is the engine's type of 64-bit integers, {options} what it wants after a table. A migration
// that has been released is never edited: what is to change goes into the next one.
static const char *const FIRST_SCHEMA[] = {
    "CREATE TABLE meta ("
    "  name TEXT NOT NULL PRIMARY KEY,"
    "  value TEXT NOT NULL"
    ") {options};",

    "CREATE TABLE audit_head ("
    "  id {int} NOT NULL PRIMARY KEY,"
    "  sequence {int} NOT NULL,"
    "  hash TEXT NOT NULL"
    ") {options};"
    "INSERT INTO audit_head (id, sequence, hash) VALUES (1, 0,"
    "  '0000000000000000000000000000000000000000000000000000000000000000');"
    "CREATE TABLE audit ("
    "  sequence {int} NOT NULL PRIMARY KEY,"
    "  at {int} NOT NULL,"
    "  event TEXT NOT NULL,"
    "  actor TEXT,"
    "  actor_kind TEXT,"
    "  peer TEXT,"
    "  token TEXT,"
    "  grant_id TEXT,"
    "  flow TEXT,"
    "  integration TEXT,"
    "  person TEXT,"
    "  detail TEXT,"
    "  previous TEXT NOT NULL,"
    "  hash TEXT NOT NULL,"
    "  signature TEXT NOT NULL,"
    "  public_key TEXT NOT NULL"
    ") {options};"
    "CREATE INDEX audit_at ON audit (at);"
    "CREATE INDEX audit_actor ON audit (actor, sequence);"
    "CREATE INDEX audit_person ON audit (person, sequence) WHERE person IS NOT NULL;"
    "CREATE INDEX audit_grant ON audit (grant_id, sequence) WHERE grant_id IS NOT NULL;"
    "CREATE INDEX audit_integration ON audit (integration, sequence)"
    "  WHERE integration IS NOT NULL;",

    "CREATE TABLE configuration_version ("
    "  id {int} NOT NULL PRIMARY KEY,"
    "  version {int} NOT NULL"
    ") {options};"
    "INSERT INTO configuration_version (id, version) VALUES (1, 1);"
    "CREATE TABLE configuration ("
    "  type TEXT NOT NULL,"
    "  name TEXT NOT NULL,"
    "  document TEXT NOT NULL,"
    "  PRIMARY KEY (type, name)"
    ") {options};",

    "CREATE TABLE tokens ("
    "  id TEXT NOT NULL PRIMARY KEY,"
    "  hash TEXT NOT NULL UNIQUE,"
    "  kind TEXT NOT NULL,"
    "  subject TEXT NOT NULL,"
    "  label TEXT,"
    "  scopes TEXT NOT NULL," // a JSON array
    "  created_at {int} NOT NULL,"
    "  expires_at {int} NOT NULL,"
    "  last_used_at {int} NOT NULL"
    ") {options};"
    "CREATE INDEX tokens_subject ON tokens (subject, kind, created_at);"
    "CREATE INDEX tokens_end ON tokens (expires_at);"
    "CREATE TABLE passwords ("
    "  principal TEXT NOT NULL PRIMARY KEY,"
    "  hash TEXT NOT NULL"
    ") {options};",

    "CREATE TABLE connectors ("
    "  name TEXT NOT NULL PRIMARY KEY,"
    "  created_at {int} NOT NULL"
    ") {options};"
    "CREATE TABLE connector_instances ("
    "  id TEXT NOT NULL PRIMARY KEY,"
    "  connector TEXT NOT NULL REFERENCES connectors (name),"
    "  public_key TEXT NOT NULL UNIQUE,"
    "  host TEXT,"
    "  version TEXT,"
    "  enrolled_at {int} NOT NULL,"
    "  last_seen_at {int} NOT NULL,"
    "  clock_difference_ms {int} NOT NULL"
    ") {options};"
    "CREATE INDEX connector_instances_connector ON connector_instances (connector, enrolled_at);"
    "CREATE TABLE integration_reports ("
    "  integration TEXT NOT NULL PRIMARY KEY,"
    "  ok {int} NOT NULL,"
    "  message TEXT,"
    "  checked_at {int} NOT NULL,"
    "  checks TEXT,"
    "  discovery TEXT,"
    "  discovered_at {int} NOT NULL"
    ") {options};",

    // The document is GRANT_SHAPE; the columns are those of its values that are searched by.
    "CREATE TABLE grants ("
    "  id TEXT NOT NULL PRIMARY KEY,"
    "  version {int} NOT NULL,"
    "  state TEXT NOT NULL,"
    "  is_over {int} NOT NULL,"
    "  requester TEXT NOT NULL,"
    "  flow TEXT NOT NULL,"
    "  integration TEXT NOT NULL,"
    "  connector TEXT NOT NULL,"
    "  requested_at {int} NOT NULL,"
    "  expires_at {int} NOT NULL,"
    "  due_at {int}," // when time alone changes it; NULL: never
    "  idempotency_key TEXT,"
    "  request_hash TEXT,"
    "  document TEXT NOT NULL,"
    "  UNIQUE (requester, idempotency_key)"
    ") {options};"
    "CREATE INDEX grants_requested ON grants (requested_at, id);"
    "CREATE INDEX grants_requester ON grants (requester, requested_at, id);"
    "CREATE INDEX grants_state ON grants (state, requested_at, id);"
    "CREATE INDEX grants_live ON grants (connector) WHERE is_over = 0;"
    "CREATE INDEX grants_due ON grants (due_at) WHERE due_at IS NOT NULL;"
    "CREATE TABLE evidence ("
    "  grant_id TEXT NOT NULL REFERENCES grants (id),"
    "  position {int} NOT NULL,"
    "  action_id TEXT NOT NULL,"
    "  attempt {int} NOT NULL,"
    "  kept {int} NOT NULL,"    // 0: replaced by the next attempt's
    "  document TEXT NOT NULL," // EVIDENCE_SHAPE
    "  PRIMARY KEY (grant_id, position)"
    ") {options};"
    "CREATE INDEX evidence_action ON evidence (action_id, attempt);",

    "CREATE TABLE actions ("
    "  id TEXT NOT NULL PRIMARY KEY,"
    "  kind TEXT NOT NULL,"
    "  grant_id TEXT REFERENCES grants (id),"
    "  integration TEXT NOT NULL,"
    "  connector TEXT NOT NULL,"
    "  state TEXT NOT NULL,"
    "  lane {int} NOT NULL,"    // 0: revocations, 1: of grants, 2: checks
    "  rank_at {int} NOT NULL," // within the lane, earliest first
    "  attempt {int} NOT NULL,"
    "  failures {int} NOT NULL,"
    "  queued_at {int} NOT NULL,"
    "  not_before {int} NOT NULL,"
    "  issued_at {int} NOT NULL,"
    "  deadline_at {int} NOT NULL,"
    "  leased_by TEXT,"
    "  expires_at {int} NOT NULL,"
    "  seal_to TEXT"
    ") {options};"
    "CREATE INDEX actions_open ON actions (connector, lane, rank_at)"
    "  WHERE state IN ('queued', 'leased');"
    "CREATE INDEX actions_leased ON actions (deadline_at) WHERE state = 'leased';"
    "CREATE INDEX actions_waiting ON actions (not_before) WHERE state = 'queued';"
    "CREATE INDEX actions_grant ON actions (grant_id) WHERE grant_id IS NOT NULL;"
    "CREATE INDEX actions_integration ON actions (integration, kind) WHERE grant_id IS NULL;",

    "CREATE TABLE orphans ("
    "  connector TEXT NOT NULL,"
    "  account TEXT NOT NULL,"
    "  noted_at {int} NOT NULL,"
    "  PRIMARY KEY (connector, account)"
    ") {options};",

    // How many revocations were at most bound_ms late; the last bound has no end.
    "CREATE TABLE lateness ("
    "  bound_ms {int} NOT NULL PRIMARY KEY,"
    "  count {int} NOT NULL,"
    "  sum_ms {int} NOT NULL"
    ") {options};",
    NULL,
};

// Revocations by the time when the access had to be over, and whether the trail says that they are
// overdue.
static const char *const OVERDUE_SCHEMA[] = {
    "ALTER TABLE actions ADD COLUMN overdue_noted_at {int} NOT NULL DEFAULT 0;"
    "CREATE INDEX actions_revocations ON actions (rank_at, id)"
    "  WHERE lane = 0 AND state IN ('queued', 'leased');"
    "CREATE INDEX actions_overdue_unnoted ON actions (rank_at)"
    "  WHERE lane = 0 AND state IN ('queued', 'leased') AND overdue_noted_at = 0;",
    NULL,
};

// Accounts that no grant explains, as records of their own with actions of their own; and which
// live grants were altered on the target. What was noted of orphans before is found again.
static const char *const ORPHAN_SCHEMA[] = {
    "DROP TABLE orphans;"
    "CREATE TABLE orphans ("
    "  id TEXT NOT NULL PRIMARY KEY,"
    "  version {int} NOT NULL,"
    "  connector TEXT NOT NULL,"
    "  admin_secret TEXT NOT NULL,"
    "  account TEXT NOT NULL,"
    "  kind TEXT NOT NULL,"
    "  document TEXT NOT NULL," // ORPHAN_SHAPE
    "  UNIQUE (connector, admin_secret, account)"
    ") {options};"
    "CREATE INDEX orphans_account ON orphans (account, id);"
    "ALTER TABLE actions ADD COLUMN orphan_id TEXT;"
    "CREATE INDEX actions_orphan ON actions (orphan_id) WHERE orphan_id IS NOT NULL;"
    "ALTER TABLE grants ADD COLUMN drifted {int} NOT NULL DEFAULT 0;"
    "UPDATE grants SET drifted = 1"
    "  WHERE state = 'active' AND document LIKE '%\"drifted\":true%';"
    "CREATE INDEX grants_drifted ON grants (drifted) WHERE drifted > 0;",
    NULL,
};

// So that a long past costs nothing: neither a new request, whose limits count what is open, nor
// lists of one event or one flow.
static const char *const PAST_SCHEMA[] = {
    "CREATE INDEX grants_open_requester ON grants (requester) WHERE is_over = 0;"
    "CREATE INDEX grants_open_flow ON grants (flow) WHERE is_over = 0;"
    "CREATE INDEX grants_flow ON grants (flow, requested_at, id);"
    "CREATE INDEX audit_event ON audit (event, sequence);"
    "CREATE INDEX audit_flow ON audit (flow, sequence) WHERE flow IS NOT NULL;",
    NULL,
};

static const char *const *const MIGRATIONS[] = {
    FIRST_SCHEMA,
    OVERDUE_SCHEMA,
    ORPHAN_SCHEMA,
    PAST_SCHEMA,
};

static const char *expand(const BackendDriver *driver, const char *script, Buffer *buffer) {
    while (*script != '\0') {
        if (text_starts_with(script, "{int}")) {
            buffer_add(buffer, driver->integer_type);
            script += strlen("{int}");
        } else if (text_starts_with(script, "{options}")) {
            buffer_add(buffer, driver->table_options);
            script += strlen("{options}");
        } else {
            buffer_add_bytes(buffer, script++, 1);
        }
    }
    return buffer_text(buffer);
}

static Status run_script(Operation *operation, const char *script, Error *reterr) {
    Buffer buffer = {0};
    const char *sql = expand(operation->store->driver, script, &buffer);
    Status status = operation->store->driver->run_script(operation->transaction, sql, reterr);
    buffer_done(&buffer);
    return status;
}

static Status read_version(Operation *operation, int64_t *ret_version, Error *reterr) {
    TRY(run_script(operation,
                   "CREATE TABLE IF NOT EXISTS schema_version (version {int} NOT NULL) {options};",
                   reterr));
    Rows rows;
    TRY(operation_run(operation, "SELECT version FROM schema_version", NULL, 0, &rows, reterr));
    *ret_version = rows.count > 0 ? rows.items[0].integer[0] : 0;
    return STATUS_OK;
}

static Status write_version(Operation *operation, int64_t version, Error *reterr) {
    TRY(operation_run(operation, "DELETE FROM schema_version", NULL, 0, NULL, reterr));
    Parameter parameters[] = {parameter_int(version)};
    return operation_run(operation, "INSERT INTO schema_version (version) VALUES ($1)", parameters,
                         COUNT_OF(parameters), NULL, reterr);
}

typedef struct MigrateWork {
    bool done;
} MigrateWork;

// One step up: the version is read in the same transaction, so that two programs which start at
// once do each step once.
static Status migrate(Operation *operation, void *work_, Error *reterr) {
    MigrateWork *work = work_;
    int64_t version = 0;
    TRY(read_version(operation, &version, reterr));
    if (version > (int64_t)COUNT_OF(MIGRATIONS))
        return error_set(reterr, STATUS_UNSUPPORTED, "store_newer",
                         "the store was written by a newer Daypass (schema %lld, this one knows "
                         "%zu); start the newer version",
                         (long long)version, COUNT_OF(MIGRATIONS));
    work->done = version == (int64_t)COUNT_OF(MIGRATIONS);
    if (work->done)
        return STATUS_OK;
    for (const char *const *script = MIGRATIONS[version]; *script != NULL; script++)
        TRY(run_script(operation, *script, reterr));
    FAULT_POINT("schema.half_made");
    return write_version(operation, version + 1, reterr);
}

Status schema_migrate(Store *store, Error *reterr) {
    MigrateWork work = {0};
    while (!work.done)
        TRY(store_write(store, NULL, &ACTOR_SYSTEM, migrate, &work, reterr));
    FAULT_POINT("schema.made");
    return STATUS_OK;
}

// ---- What a new store begins with ---------------------------------------------------------------

static Status fill(Operation *operation, void *work, Error *reterr) {
    const char **ret_deployment = work;
    Parameter deployment[] = {parameter_text(id_new(operation->arena, "dep"))};
    TRY(operation_run(operation,
                      "INSERT INTO meta (name, value) VALUES ('deployment', $1)"
                      " ON CONFLICT (name) DO NOTHING",
                      deployment, COUNT_OF(deployment), NULL, reterr));
    TRY(operation_run(operation,
                      "INSERT INTO meta (name, value) VALUES ('ping', '0')"
                      " ON CONFLICT (name) DO NOTHING",
                      NULL, 0, NULL, reterr));
    for (size_t i = 0; i <= COUNT_OF(STORE_LATENESS_BOUNDS_MS); i++) {
        bool is_last = i == COUNT_OF(STORE_LATENESS_BOUNDS_MS);
        Parameter bound[] = {parameter_int(is_last ? INT64_MAX : STORE_LATENESS_BOUNDS_MS[i])};
        TRY(operation_run(operation,
                          "INSERT INTO lateness (bound_ms, count, sum_ms) VALUES ($1, 0, 0)"
                          " ON CONFLICT (bound_ms) DO NOTHING",
                          bound, COUNT_OF(bound), NULL, reterr));
    }
    Rows rows;
    TRY(operation_run(operation, "SELECT value FROM meta WHERE name = 'deployment'", NULL, 0, &rows,
                      reterr));
    if (rows.count == 0)
        return error_set(reterr, STATUS_INTERNAL, "store_damaged",
                         "the store has lost its own id; restore it from a backup");
    *ret_deployment = mem_strdup(rows.items[0].text[0]);
    return STATUS_OK;
}

Status schema_fill(Store *store, char **ret_deployment, Error *reterr) {
    return store_write(store, NULL, &ACTOR_SYSTEM, fill, ret_deployment, reterr);
}
