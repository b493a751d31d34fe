// What the tests of handing over and of obstacles share. Databases: NULL is the target's own.
#pragma once

#include "driver_contract.h"

void run_in(Work *work, const char *database, const char *sql); // as superuser
int64_t number_in(Work *work, const char *database, const char *sql);
// As the account, in a session of its own.
void user_run_in(Work *work, const char *database, const char *sql);

// Of the last operation's evidence; they fail the test where there is none.
void must_have_line(const StringList *list, const char *part);
const Obstacle *obstacle_of(const Work *work, const char *part);

// As a DBA does it: each statement as it stands there, in the database it names.
void run_repairs(Work *work);
// Until it is done, a few rounds at most; gives how many. Meanwhile nobody can log in, and nothing
// runs.
int revoke_with_repairs(Work *work);

bool is_limited(const Work *work);
// Some things take many seconds of waiting: once for each server will do.
bool is_once(const Work *work);
// CREATE in the shop's schema, and what the existing role has.
void plan_maker(Work *work);
// The text with a name in place of a word.
const char *with_word(Work *work, const char *sql, const char *word, const char *name);
