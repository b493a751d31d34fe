// Who calls, and whether they may: bearer tokens of people, signatures of connectors, join tokens.
#pragma once

#include "api/call.h"

// The decision alone. Pure; `token` and `principal` are those of somebody who is signed in.
MUST_USE Status permission_check(const Route *route, const Principal *principal, const Token *token,
                                 Error *reterr);

// Finds out who calls, fills call->caller, and refuses whoever may not call this route.
MUST_USE Status call_authorise(Call *call, Error *reterr);

// The token of an Authorization header (RFC 6750), or NULL when there is none.
MUST_USE Status bearer_read(Arena *arena, const char *header, const char **ret_token,
                            Error *reterr);

// Whether this peer may see metrics as far as its address goes; METRICS_TOKEN also wants a token.
MUST_USE Status metrics_check(MetricsAccess access, const char *peer, Error *reterr);

bool address_is_loopback(const char *address);
