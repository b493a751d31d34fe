// What the tests of the driver contract share: plans, orders, what users may do, and repeating what
// may be repeated.
#pragma once

#include "driver_world.h"

typedef struct Work {
    World *world;
    Arena *arena;
    DriverSession *session;
    Plan *plan;
    Secret *password;
    DriverResult result; // of the last operation
    Error error;
} Work;

// A session, and a plan for reading customers with an account name of its own.
Work *work_new(World *world);
// Another account, in the same session: for loops.
void work_renew(Work *work);
void work_free(Work *work);
const char *work_password(const Work *work);
const Driver *driver_of(const Work *work);
// Whether the engine has all of these traits.
bool engine_has(const Engine *engine, int traits);

void plan_grants(Work *work, const AccessItem *items, size_t count);
void plan_access(Work *work, Access access, const char *table);
AccessItem may_read(const Work *work, const char *table);
// Reading customers, making things of its own, and what the existing role has.
void plan_maker(Work *work);

// The operations, for the next hour; what they gave is in work->result and work->error.
typedef Status WorkStep(Work *work);
Status do_grant(Work *work);
Status do_grant_for(Work *work, int64_t remaining_ms, int64_t deadline_ms);
Status do_revoke(Work *work);
Status do_end_sessions(Work *work, const StringList *users);
Status do_extend(Work *work, int64_t remaining_ms);
Status do_reset(Work *work); // to a new password
Status do_restrain(Work *work);
Status do_list(Work *work, const AccountQuery *query, FoundAccounts *ret_accounts);
Status do_discover(Work *work, Discovery *ret_found);
AccountInspection inspect(Work *work);
void must(Work *work, Status status); // fails the test with the operation's own words
// Until it no longer says that the target is unavailable.
void repeat(Work *work, WorkStep *operation);

// As the plan's account, or another, in a session for this alone.
Answer attempt(World *world, const char *account, const char *password, Deed deed,
               const char *name);
Answer user_tries(Work *work, Deed deed, const char *name);
Answer user_reads(Work *work, const char *table);
// One table, and the other not, in one session.
Answer user_reads_but(Work *work, const char *table, const char *other);
UserSession *user_opens(Work *work);
bool can_log_in(Work *work);

const char *text_of(Work *work, const char *format, ...) PRINTF_LIKE(2, 3);
// Whether list_accounts has the plan's account.
bool account_listed(Work *work, FoundAccount *ret_account);
bool list_has_part(const StringList *list, const char *part);
// Of the last operation's evidence; they fail the test where there is none.
void must_have_line(const StringList *list, const char *part);
const Obstacle *obstacle_of(const Work *work, const char *part);
bool evidence_has(const Work *work, const char *text); // in its statements

// Runs one operation in a session of its own through a cutter. False: the cut was not reached.
bool run_cut_off(Work *work, Cut cut, WorkStep *operation, Status *ret_status);
