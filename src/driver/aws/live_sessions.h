// Sessions of Session Manager that are open: a policy that is gone ends none of them.
#pragma once

#include "driver/aws/operation.h"
#include "driver/aws/subject.h"

typedef struct LiveSession {
    const char *id;
    const char *instance;
    const char *since; // as AWS tells it; may be NULL
} LiveSession;
typedef struct LiveSessions {
    LiveSession *items;
    size_t count;
} LiveSessions;

// Whose sessions, and where.
typedef struct SessionSearch {
    const AwsAccountName *owner;
    const char *role_session; // of one session of the role alone; NULL: of all
    const StringList *instances;
} SessionSearch;

MUST_USE Status aws_sessions_find(Operation *operation, const SessionSearch *search,
                                  LiveSessions *ret_sessions, Error *reterr);
// Ends them and sees them ended. FAILURE_RETRY "sessions_left". Counts in the outcome.
MUST_USE Status aws_sessions_end(Operation *operation, const SessionSearch *search, Error *reterr);
// Whether a session's owner, an ARN, is who is searched for.
bool aws_session_owner_is(const SessionSearch *search, const char *owner);
