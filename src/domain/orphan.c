#include "domain/orphan.h"

#include <string.h>

enum { ID_MAX = 64, NAME_MAX = 128, MESSAGE_MAX = 4096 };

// Where neither a mark nor an integration names one. The connector logs in where its own file says.
static const char NO_DATABASE[] = "-";

static const char *const KIND_NAMES[] = {
    [ORPHAN_UNKNOWN] = "unknown",   [ORPHAN_MISMATCHED] = "mismatched",
    [ORPHAN_UNSERVED] = "unserved", [ORPHAN_FOREIGN] = "foreign",
    [ORPHAN_LEFTOVER] = "leftover",
};
const EnumTable ORPHAN_KINDS = {"kind of orphan", KIND_NAMES, COUNT_OF(KIND_NAMES)};

static const char *const STATE_NAMES[] = {
    [ORPHAN_FOUND] = "found",
    [ORPHAN_REMOVING] = "removing",
};
const EnumTable ORPHAN_STATES = {"state of an orphan", STATE_NAMES, COUNT_OF(STATE_NAMES)};

static const Field ORPHAN_FIELDS[] = {
    {FIELD(Orphan, id, STRING), .required = true, .max = ID_MAX, .help = "Id of the orphan"},
    {FIELD(Orphan, version, INT), .max = -1, .help = "Grows with each change"},
    {FIELD(Orphan, kind, ENUM), .required = true, .names = &ORPHAN_KINDS, .help = "Whose it is"},
    {FIELD(Orphan, state, ENUM), .names = &ORPHAN_STATES, .default_text = "found",
     .help = "Whether it is being removed"},
    {FIELD(Orphan, connector, STRING), .required = true, .max = NAME_MAX,
     .help = "Connector that found it"},
    {FIELD(Orphan, admin_secret, STRING), .required = true, .max = NAME_MAX,
     .help = "Secret with which it was found"},
    {FIELD(Orphan, target_kind, ENUM), .names = &TARGET_KINDS, .default_text = "postgresql",
     .help = "Kind of the target"},
    {FIELD(Orphan, host, STRING), .required = true, .max = 255, .help = "Host of the target"},
    {FIELD(Orphan, port, INT), .min = 0, .max = 65535, .help = "Port of the target"},
    {FIELD(Orphan, account, STRING), .required = true, .help = "Name of the account"},
    {FIELD(Orphan, deployment, STRING), .max = ID_MAX, .help = "Installation of its mark"},
    {FIELD(Orphan, grant_id, STRING), .max = ID_MAX, .help = "Grant of its mark"},
    {FIELD(Orphan, made_by, STRING), .max = NAME_MAX, .help = "Connector of its mark"},
    {FIELD(Orphan, grant_connector, STRING), .max = NAME_MAX,
     .help = "Connector of that grant, where it is another"},
    {FIELD(Orphan, custodian, STRING), .help = "Custodian of its mark"},
    {FIELD(Orphan, database, STRING), .help = "Database of its mark"},
    {FIELD(Orphan, leftover, STRING), .max = NAME_MAX, .help = "What makes it look temporary"},
    {FIELD(Orphan, expires_at, TIME), .help = "When it expires"},
    {FIELD(Orphan, can_login, BOOL), .help = "Whether it may open sessions"},
    {FIELD(Orphan, sessions, INT), .max = -1, .help = "Sessions it has open"},
    {FIELD(Orphan, found_at, TIME), .help = "When it was first found"},
    {FIELD(Orphan, noted_at, TIME), .help = "When the audit trail last said so"},
    {FIELD(Orphan, requested_by, STRING), .help = "Who wants it removed"},
    {FIELD(Orphan, failures, INT), .max = -1, .help = "Attempts at removing it that failed"},
    {FIELD(Orphan, trouble, STRING), .max = MESSAGE_MAX, .help = "Why it is not removed yet"},
    {FIELD(Orphan, obstacles, JSON), .help = "What is in the way"},
    {FIELD(Orphan, inspected_at, TIME), .help = "When it was last inspected"},
    {FIELD(Orphan, inspection, JSON), .help = "What was found then"},
};
const Shape ORPHAN_SHAPE =
    SHAPE("Orphan", Orphan, ORPHAN_FIELDS, "An account on a target that no grant explains");

const char *orphan_describe(Arena *arena, const Orphan *orphan) {
    const char *grant = orphan->grant_id != NULL ? orphan->grant_id : "no grant";
    switch ((OrphanKind)orphan->kind) { // GCOVR_EXCL_BR_LINE: its shape knows no other kind
    case ORPHAN_UNKNOWN:
        return arena_printf(arena,
                            "made for %s, which this store does not have; it is removed by "
                            "itself",
                            grant);
    case ORPHAN_MISMATCHED:
        if (orphan->grant_connector != NULL)
            return arena_printf(arena,
                                "its mark names %s, a grant of connector %s and not of %s: the "
                                "mark was copied or altered",
                                grant, orphan->grant_connector, orphan->connector);
        return arena_printf(arena,
                            "its mark names %s, whose account is another: the mark was "
                            "copied or altered",
                            grant);
    case ORPHAN_UNSERVED:
        return arena_printf(arena, "made for %s by connector %s, which does not serve this target",
                            grant, orphan->made_by);
    case ORPHAN_FOREIGN:
        return arena_printf(arena, "made for %s by another installation, %s", grant,
                            orphan->deployment);
    case ORPHAN_LEFTOVER:
    case ORPHAN_KIND_COUNT_:
        break;
    }
    return arena_printf(arena, "not made by Daypass as far as can be seen: %s",
                        orphan->leftover != NULL ? orphan->leftover : "no mark");
}

bool orphan_is_settled(const Orphan *orphan) {
    return orphan->kind == ORPHAN_UNKNOWN;
}

// How the administrator of a server removes an account.
static const char *const BY_HAND[TARGET_KIND_COUNT_] = {
    [TARGET_POSTGRESQL] =
        "ALTER ROLE … NOLOGIN, end its sessions, give what it owns to another role "
        "with REASSIGN OWNED in each database, then DROP ROLE",
    [TARGET_MYSQL] =
        "ALTER USER … ACCOUNT LOCK, KILL its sessions, look for what it is the definer "
        "of, then DROP USER",
    [TARGET_MARIADB] =
        "ALTER USER … ACCOUNT LOCK, KILL its sessions, look for what it is the definer "
        "of, then DROP USER",
    [TARGET_SQLSERVER] =
        "ALTER LOGIN … DISABLE, KILL its sessions, DROP USER in each database, then "
        "DROP LOGIN",
    [TARGET_ORACLE] =
        "ALTER USER … ACCOUNT LOCK, ALTER SYSTEM KILL SESSION for each of its sessions, "
        "look at what it owns, then DROP USER",
    [TARGET_AWS] = "iam delete-user-policy or delete-role-policy",
    [TARGET_REDIS] = "ACL SETUSER … off, CLIENT KILL USER …, ACL DELUSER …, and ACL SAVE",
};

Status orphan_check_removable(const Orphan *orphan, Error *reterr) {
    if (orphan->kind != ORPHAN_LEFTOVER)
        return STATUS_OK;
    return error_set(reterr, STATUS_FORBIDDEN, "not_daypass",
                     "%s has no mark of Daypass, so it is not Daypass's to remove. Let the tool "
                     "that made it end it, or, as the server's administrator: %s",
                     orphan->account, BY_HAND[orphan->target_kind]);
}

bool orphan_is(const Orphan *orphan, const Orphan *other) {
    return orphan->kind == other->kind && text_equal(orphan->account, other->account) &&
           text_equal(orphan->deployment, other->deployment) &&
           text_equal(orphan->grant_id, other->grant_id) &&
           text_equal(orphan->made_by, other->made_by);
}

Plan orphan_plan(Arena *arena, const Orphan *orphan, const char *integration,
                 const TargetAddress *target) {
    TargetAddress *address = arena_alloc(arena, sizeof(*address));
    *address = (TargetAddress){
        .kind = orphan->target_kind,
        .host = orphan->host,
        .port = orphan->port,
        .database = orphan->database != NULL ? orphan->database
                    : target != NULL         ? target->database
                                             : NO_DATABASE,
        .tls = target != NULL ? target->tls : TLS_VERIFY_FULL,
        .aws = target != NULL ? target->aws : NULL,
    };
    return (Plan){
        .grant_id = orphan->grant_id,
        .deployment = orphan->deployment,
        .connector = orphan->connector,
        .integration = integration != NULL ? integration : orphan->admin_secret,
        .target = address,
        .admin_secret = orphan->admin_secret,
        .account = orphan->account,
        .custodian = orphan->custodian,
    };
}
