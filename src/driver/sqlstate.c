#include "driver/sqlstate.h"

#include <string.h>

typedef struct SqlstateRow {
    const char *prefix; // five characters, or the two of a class
    FailureClass failure;
} SqlstateRow;

// Codes before the class they belong to: the first that matches decides.
static const SqlstateRow SQLSTATES[] = {
    {"08", FAILURE_RETRY}, // connection exception
    {"0A", FAILURE_UNSUPPORTED},
    {"0L", FAILURE_DENIED},       // invalid grantor
    {"0P", FAILURE_DENIED},       // invalid role specification
    {"23505", FAILURE_RETRY},     // unique violation: somebody made the same thing meanwhile
    {"25006", FAILURE_RETRY},     // read-only: a fail-over is under way
    {"25P03", FAILURE_RETRY},     // idle in transaction for too long
    {"25P04", FAILURE_RETRY},     // transaction took too long
    {"28", FAILURE_DENIED},       // invalid authorization
    {"2BP01", FAILURE_CONFLICT},  // dependent objects still exist
    {"3D000", FAILURE_NOT_FOUND}, // no such database
    {"3F000", FAILURE_NOT_FOUND}, // no such schema
    {"40", FAILURE_RETRY},        // deadlock, serialization, completion unknown
    {"42501", FAILURE_DENIED},
    {"42704", FAILURE_NOT_FOUND}, // no such role, type, …
    {"42710", FAILURE_RETRY},     // duplicate object: made meanwhile, as 23505
    {"42883", FAILURE_NOT_FOUND}, // no such function
    {"42P01", FAILURE_NOT_FOUND}, // no such table
    {"42703", FAILURE_NOT_FOUND}, // no such column
    {"53", FAILURE_RETRY},        // out of connections, memory, disk
    {"55006", FAILURE_RETRY},     // object in use
    {"55P03", FAILURE_RETRY},     // lock not available
    {"57", FAILURE_RETRY},        // cancelled, shutting down, cannot connect now
    {"58", FAILURE_RETRY},        // the server's system failed it
    // PostgreSQL says "tuple concurrently updated" with the code of an internal error.
    {"XX000", FAILURE_RETRY},
};

FailureClass sqlstate_class(const char *sqlstate) {
    if (sqlstate == NULL || sqlstate[0] == '\0')
        return FAILURE_RETRY;
    for (size_t i = 0; i < COUNT_OF(SQLSTATES); i++)
        if (strncmp(sqlstate, SQLSTATES[i].prefix, strlen(SQLSTATES[i].prefix)) == 0)
            return SQLSTATES[i].failure;
    return FAILURE_FATAL;
}

static const struct {
    const char *prefix;
    const char *reason;
} REASONS[] = {
    {"25006", "it takes only reads now (a standby, or set read-only); it is tried again"},
    {"53100", "its disk is full; its administrator has to make room, and it is tried again"},
    {"53200", "it has no room for more locks, or memory, now; it is tried again (its administrator "
              "can raise max_locks_per_transaction)"},
    {"53300", "all its connections are in use; it is tried again (its administrator can end "
              "sessions, raise max_connections, or keep some free: reserved_connections)"},
    {"53", "it lacks a resource; it is tried again"},
    {"54", "a limit of the server is reached; its administrator finds in its log which"},
    {"55P03", "somebody holds a lock on it; it is tried again"},
    {"57014", "it took longer than statement_timeout, or somebody cancelled it; it is tried again"},
    {"57P01", "the server is shutting down, or somebody ended the session; it is tried again"},
    {"57P02", "the server restarts after a crash; it is tried again"},
    {"57P03", "the server is starting up, shutting down, or recovering; it is tried again"},
    {"58030", "the server cannot read or write its files; its administrator has to look at it"},
};

const char *sqlstate_reason(const char *sqlstate) {
    for (size_t i = 0; sqlstate != NULL && i < COUNT_OF(REASONS); i++)
        if (strncmp(sqlstate, REASONS[i].prefix, strlen(REASONS[i].prefix)) == 0)
            return REASONS[i].reason;
    return NULL;
}

typedef struct FailureRow {
    Status status;
    const char *reason;
} FailureRow;

static const FailureRow FAILURES[] = {
    [FAILURE_NONE] = {STATUS_OK, "nothing is wrong"},
    [FAILURE_RETRY] = {STATUS_UNAVAILABLE, "it may succeed when repeated"},
    [FAILURE_DENIED] = {STATUS_FORBIDDEN, "the admin account lacks a right"},
    [FAILURE_CONFLICT] = {STATUS_CONFLICT, "something is in the way"},
    [FAILURE_NOT_FOUND] = {STATUS_NOT_FOUND, "something it needs is not there"},
    [FAILURE_UNSUPPORTED] = {STATUS_UNSUPPORTED, "this server does not offer it"},
    [FAILURE_REFUSED] = {STATUS_FORBIDDEN, "it is not allowed here"},
    [FAILURE_FATAL] = {STATUS_INTERNAL, "repeating it cannot help"},
};

Status failure_status(FailureClass failure) {
    return (size_t)failure < COUNT_OF(FAILURES) ? FAILURES[failure].status : STATUS_INTERNAL;
}

const char *failure_reason(FailureClass failure) {
    return (size_t)failure < COUNT_OF(FAILURES) ? FAILURES[failure].reason : "unknown";
}
