#include "driver/postgresql/mark.h"

#include <string.h>

// What a found account may say at most (domain/target_report.c); longer is none of ours.
enum { MARK_VERSION = 1, MARK_TEXT_MAX = 64 };

static const char ACCOUNT_PREFIX[] = "daypass {";
static const char SHARED_ROLE_PREFIX[] = "daypass-role {";

static const Field ACCOUNT_MARK_FIELDS[] = {
    {FIELD(AccountMark, v, INT), .required = true, .min = MARK_VERSION, .max = MARK_VERSION,
     .help = "Version of this form"},
    {FIELD(AccountMark, deployment, STRING), .required = true, .max = MARK_TEXT_MAX,
     .help = "Daypass installation that made the account"},
    {FIELD(AccountMark, grant, STRING), .required = true, .max = MARK_TEXT_MAX,
     .help = "Grant the account belongs to"},
    {FIELD(AccountMark, connector, STRING), .required = true, .max = MARK_TEXT_MAX,
     .help = "Connector that made it"},
    {FIELD(AccountMark, custodian, STRING), .max = MARK_TEXT_MAX,
     .help = "Role that receives what the account owns"},
    {FIELD(AccountMark, database, STRING), .required = true, .max = MARK_TEXT_MAX,
     .help = "Database the account was made for"},
    {FIELD(AccountMark, expires, TIME), .required = true,
     .help = "End of the access by the target's clock"},
};
const Shape PG_ACCOUNT_MARK_SHAPE = SHAPE("AccountMark", AccountMark, ACCOUNT_MARK_FIELDS,
                                          "What Daypass writes on an account it made");

static const Field SHARED_ROLE_MARK_FIELDS[] = {
    {FIELD(SharedRoleMark, v, INT), .required = true, .min = MARK_VERSION, .max = MARK_VERSION,
     .help = "Version of this form"},
    {FIELD(SharedRoleMark, deployment, STRING), .required = true, .max = MARK_TEXT_MAX,
     .help = "Daypass installation that made the role"},
    {FIELD(SharedRoleMark, database, STRING), .required = true, .max = MARK_TEXT_MAX,
     .help = "Database the privileges are in"},
    {FIELD(SharedRoleMark, privileges, STRING), .required = true, .max = MARK_TEXT_MAX,
     .help = "Hash of the privileges"},
    {FIELD(SharedRoleMark, made, TIME), .required = true,
     .help = "When it was made by the target's clock"},
};
const Shape PG_SHARED_ROLE_MARK_SHAPE =
    SHAPE("SharedRoleMark", SharedRoleMark, SHARED_ROLE_MARK_FIELDS,
          "What Daypass writes on a role that gives temporary accounts their privileges");

// `prefix` ends with the brace that begins the JSON.
static bool mark_parse(Arena *arena, const char *comment, const char *prefix, const Shape *shape,
                       void *into) {
    if (comment == NULL || !text_starts_with(comment, prefix))
        return false;
    const char *json = comment + strlen(prefix) - 1;
    return shape_parse(arena, shape, json, strlen(json), into, NULL) == STATUS_OK;
}

AccountMark pg_account_mark_of(const Plan *plan, int64_t expires_at) {
    return (AccountMark){
        .v = MARK_VERSION,
        .deployment = plan->deployment,
        .grant = plan->grant_id,
        .connector = plan->connector,
        .custodian = plan->custodian,
        .database = plan->target->database,
        .expires = expires_at,
    };
}

const char *pg_account_mark_format(Arena *arena, const AccountMark *mark) {
    return arena_printf(arena, "daypass %s", shape_format(arena, &PG_ACCOUNT_MARK_SHAPE, mark));
}

bool pg_account_mark_parse(Arena *arena, const char *comment, AccountMark *ret_mark) {
    AccountMark mark;
    if (!mark_parse(arena, comment, ACCOUNT_PREFIX, &PG_ACCOUNT_MARK_SHAPE, &mark))
        return false;
    *ret_mark = mark;
    return true;
}

bool pg_account_mark_is(const AccountMark *mark, const Plan *plan) {
    return text_equal(mark->deployment, plan->deployment) &&
           text_equal(mark->grant, plan->grant_id);
}

const char *pg_shared_role_mark_format(Arena *arena, const SharedRoleMark *mark) {
    SharedRoleMark written = *mark;
    written.v = MARK_VERSION;
    return arena_printf(arena, "daypass-role %s",
                        shape_format(arena, &PG_SHARED_ROLE_MARK_SHAPE, &written));
}

bool pg_shared_role_mark_parse(Arena *arena, const char *comment, SharedRoleMark *ret_mark) {
    SharedRoleMark mark;
    if (!mark_parse(arena, comment, SHARED_ROLE_PREFIX, &PG_SHARED_ROLE_MARK_SHAPE, &mark))
        return false;
    *ret_mark = mark;
    return true;
}
