// What PostgreSQL's own tests share. Databases: NULL is the target's own.
#pragma once

#include "driver_contract.h"
#include "driver_world_postgresql.h"

void run_in(Work *work, const char *database, const char *sql); // as superuser
int64_t number_in(Work *work, const char *database, const char *sql);
// As the account, in a session of its own.
void user_run_in(Work *work, const char *database, const char *sql);

// As a DBA does it: each statement as it stands there, in the database it names.
void run_repairs(Work *work);
// Until it is done, a few rounds at most; gives how many. Meanwhile nobody can log in, and nothing
// runs.
int revoke_with_repairs(Work *work);

bool is_limited(const Work *work);
Answer user_answer(Work *work, const char *sql);
AccessItem select_on(Arena *arena, const World *world, const char *table);
// The text with a name in place of a word.
const char *with_word(Work *work, const char *sql, const char *word, const char *name);
