// Ending an account's sessions, and seeing them ended. Found by the role's number, which also finds
// sessions of a role that is gone.
#pragma once

#include "driver/postgresql/operation.h"

// After the account was locked. Logins that the server had let in by then and does not show as
// sessions yet are waited for, and ended where they take their time: a client may ask for a long
// pause there (post_auth_delay). "sessions_left", worth repeating, where some do not end.
MUST_USE Status pg_account_sessions_end(Operation *operation, int64_t oid, Error *reterr);

// Those that these users have at this moment, and no later ones. "sessions_left" likewise.
MUST_USE Status pg_sessions_of_users_end(Operation *operation, const StringList *users,
                                         Error *reterr);

// Sessions of a role that somebody dropped by hand are nobody's any more; we cannot know whose they
// were, so they are not ended but named in a warning.
MUST_USE Status pg_account_sessions_warn_of_orphans(Operation *operation, Error *reterr);
