// Ending the sessions of an account and seeing them ended.
#pragma once

#include "driver/mysql/account.h"

// "sessions_left" where some are still there after a while; FAILURE_DENIED "sessions_unseen" where
// the admin would not be shown them.
MUST_USE Status my_account_sessions_end(Operation *operation, MyName name, Error *reterr);

// Those that these users have at this moment, from whatever host, and no later ones.
MUST_USE Status my_sessions_of_users_end(Operation *operation, const StringList *users,
                                         Error *reterr);

typedef struct UserSessions {
    StringList ids;
    StringList lines;  // "10.0.0.7 in schema shop, since 12 s"
    StringList logins; // ids of logins under way, whose accounts nobody can say
} UserSessions;
MUST_USE Status my_account_sessions_read(Operation *operation, const char *user,
                                         UserSessions *ret_sessions, Error *reterr);
// Whether the server shows the admin the sessions of others.
bool my_account_sessions_seen(const Operation *operation);
// What a hosted server has instead of the right to KILL: "mysql.rds_kill". NULL: nothing.
MUST_USE Status my_kill_procedure(Operation *operation, const char **ret_name, Error *reterr);
