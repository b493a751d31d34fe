#include "driver/account_mark.h"

#include <string.h>

// What a found account may say at most (domain/target_report.c); longer is none of ours.
enum { MARK_VERSION = 1, MARK_TEXT_MAX = 64 };

static const char PREFIX[] = "daypass ";

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
const Shape ACCOUNT_MARK_SHAPE = SHAPE("AccountMark", AccountMark, ACCOUNT_MARK_FIELDS,
                                       "What Daypass writes on an account it made");

AccountMark account_mark_of(const Plan *plan, int64_t expires_at) {
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

const char *account_mark_format(Arena *arena, const AccountMark *mark) {
    return arena_printf(arena, "%s%s", PREFIX, shape_format(arena, &ACCOUNT_MARK_SHAPE, mark));
}

bool account_mark_parse(Arena *arena, const char *text, AccountMark *ret_mark) {
    if (text == NULL || !text_starts_with(text, PREFIX))
        return false;
    const char *json = text + strlen(PREFIX);
    AccountMark mark;
    if (shape_parse(arena, &ACCOUNT_MARK_SHAPE, json, strlen(json), &mark, NULL) != STATUS_OK)
        return false;
    *ret_mark = mark;
    return true;
}

bool account_mark_is(const AccountMark *mark, const Plan *plan) {
    return text_equal(mark->deployment, plan->deployment) &&
           text_equal(mark->grant, plan->grant_id);
}
