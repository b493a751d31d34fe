// Calls of the HTTP API, as the person who is signed in. Answers are read by their shapes; what a
// newer server adds to them is passed over.
#pragma once

#include "base/json.h"
#include "base/shape.h"
#include "cli/cli.h"
#include "cli/session.h"

typedef struct RemoteCall {
    const char *method;      // NULL: GET
    const char *target;      // path and query
    const Shape *body_shape; // NULL: no body
    const void *body;
    const char *idempotency_key; // NULL: none; with one, a call that got no answer is repeated
    int wait_s;                  // how long the server may hold the call open
} RemoteCall;

// For the calls that follow, this session instead of the one that is kept.
MUST_USE Status remote_open(Cli *cli, const Session *session, Error *reterr);
// For signing in: no session yet, and no token sent.
MUST_USE Status remote_open_anonymous(Cli *cli, const char *url, const char *ca_file,
                                      Error *reterr);
// The session of this command; loads it when that was not done yet.
MUST_USE Status remote_session(Cli *cli, const Session **ret_session, Error *reterr);
Remote *remote_free(Remote *remote);

// The answer as it is; *ret_value (may be NULL) is NULL for an empty one. A failure is the
// server's.
MUST_USE Status remote_call(Cli *cli, const RemoteCall *call, json_t **ret_value, Error *reterr);
// The answer in a struct; *ret_value (may be NULL) gets the JSON too.
MUST_USE Status remote_read(Cli *cli, const RemoteCall *call, const Shape *shape, void *into,
                            json_t **ret_value, Error *reterr);

typedef struct RemoteList {
    json_t *items; // an array
    bool more;     // there are some beyond the limit
} RemoteList;
// Every page of a list up to `limit` items (0: all). The target has no cursor.
MUST_USE Status remote_list(Cli *cli, const char *target, size_t limit, RemoteList *ret_list,
                            Error *reterr);
// Calls visit for each item of each page, for lists that do not fit memory.
typedef Status RemoteVisit(Cli *cli, json_t *item, void *context, Error *reterr);
MUST_USE Status remote_each(Cli *cli, const char *target, RemoteVisit *visit, void *context,
                            Error *reterr);

// Reads a value with a shape, passing over what the shape does not know.
MUST_USE Status remote_parse(Arena *arena, const Shape *shape, const json_t *value, void *into,
                             Error *reterr);

// Builds "/v1/grants?state=active": parameters whose value is NULL are left out.
typedef struct Parameter {
    const char *name; // NULL ends the list
    const char *value;
} Parameter;
const char *remote_target(Arena *arena, const char *path, const Parameter *parameters);
// "/v1/grants/" and one encoded segment, and "/approve" (may be NULL).
const char *remote_path(Arena *arena, const char *prefix, const char *segment, const char *suffix);
