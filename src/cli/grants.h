// Grants as the commands see them: fetched, waited for, told about.
#pragma once

#include "cli/cli.h"
#include "cli/remote.h"
#include "wire/api_messages.h"

// "grt_…" for what a person typed: the prefix may be left out.
const char *grant_full_id(Arena *arena, const char *text);
// "/v1/grants/ID" and the suffix ("/approve", or NULL).
const char *grant_path(Arena *arena, const char *id, const char *suffix);
MUST_USE Status grant_fetch(Cli *cli, const char *id, GrantView *ret_grant, json_t **ret_value,
                            Error *reterr);

// "1h more needs 1 of group dba" of an extension that waits for a decision, or for the connector;
// otherwise NULL.
const char *grant_extension(Arena *arena, const GrantView *grant);

bool grant_view_is_over(const GrantView *grant);
// Removes the key of a grant that is over and was ours: nothing is left that it opens.
void grant_forget_key(Cli *cli, const GrantView *grant);

typedef enum GrantGoal { GOAL_DECIDED, GOAL_ACTIVE, GOAL_OVER } GrantGoal;
// Holds until the goal, telling each state as it changes; whatever ends the grant ends the waiting.
// timeout_s 0: none; "wait_timed_out" otherwise.
MUST_USE Status grant_wait(Cli *cli, GrantGoal goal, int64_t timeout_s, GrantView *grant,
                           json_t **value, Error *reterr);
// Holds until the grant's version differs, or the server answers that it still does not.
MUST_USE Status grant_await_change(Cli *cli, GrantView *grant, Error *reterr);
// STATUS_OK when the goal was reached, otherwise what became of it instead: rejected is
// STATUS_FORBIDDEN, lapsed and ended STATUS_EXPIRED, cancelled STATUS_CONFLICT, failed
// STATUS_UNAVAILABLE.
MUST_USE Status grant_goal_status(const GrantView *grant, GrantGoal goal, Error *reterr);

// One line: what it is now, and what comes next.
const char *grant_situation(Cli *cli, const GrantView *grant);
// "daypass connect grt_… to use it", or NULL when there is nothing to do.
const char *grant_next_step(Cli *cli, const GrantView *grant);
// The answer of a command that changed a grant: situation and next step, or JSON.
void grant_tell(Cli *cli, const GrantView *grant, json_t *value);
