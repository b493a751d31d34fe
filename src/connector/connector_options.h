// The connector's configuration file: where the control plane is, where each admin secret is kept,
// which target each may be used for, and the ceiling that no signed action gets above.
#pragma once

#include "base/shape.h"
#include "domain/plan.h"
#include "domain/principal.h"
#include "driver/driver.h"
#include "sandbox/sandbox.h"

// Limits that hold against correctly signed actions too. An absent list allows everything of its
// kind; what is listed is all that is allowed.
typedef struct Ceiling {
    StringList databases;
    StringList schemas;
    StringList privileges;       // SELECT, …
    StringList commands;         // Redis: "@read", "get", …
    StringList keys;             // Redis: patterns, of channels too
    StringList roles;            // existing roles that may be given
    StringList custodians;       // roles that may receive what accounts own
    StringList account_prefixes; // what names of accounts may begin with
    // Other installations of Daypass whose accounts may be removed; unlike the others, absent:
    // none.
    StringList adopt_deployments;
    StringList end_sessions_of; // users; likewise
    ResourceCeiling aws;
    int64_t max_duration_s;
} Ceiling;

// One admin secret: exactly one source, and the one target it is sent to.
typedef struct SecretSource {
    const char *name; // as integrations say it in admin_secret
    const char *user;
    const char *file;
    const char *env;
    StringList command;     // argv of a program that prints it
    const char *credential; // of systemd: a file in $CREDENTIALS_DIRECTORY
    const char *profile;    // AWS, which has no other source: of the shared configuration
    bool programs;          // AWS: the profile may run programs for its credentials
    const TargetAddress *target;
    const char *ca_file;
    const Ceiling *ceiling;
    StringList leftovers; // names, with *, of accounts that look temporary
} SecretSource;
typedef struct SecretSources {
    SecretSource *items;
    size_t count;
} SecretSources;

typedef struct ConnectorLog {
    int level;
    int format;
} ConnectorLog;

typedef struct ConnectorOptions {
    const char *control_plane;
    const char *ca_file;
    const char *state_folder;
    int64_t workers;
    int64_t workers_per_target;
    int64_t sweep_every_s;
    int64_t connect_timeout_s;
    int64_t statement_timeout_s;
    const ConnectorLog *log;
    const SandboxOptions *sandbox;
    const Ceiling *ceiling; // of every secret that has none of its own
    SecretSources secrets;
    StringList secret_variables; // of the environment; no program gets to see them
} ConnectorOptions;
extern const Shape CONNECTOR_OPTIONS_SHAPE;

// Those of the secret, or what other tools call their temporary accounts.
const StringList *connector_options_leftovers(const SecretSource *secret);

enum { CEILING_DEFAULT_DURATION_S = 24 * 3600 };

// Reads the file, applies what the shape cannot say (the control plane's URL, one source per
// secret, distinct names), and sets up the log. Errors name file and key.
MUST_USE Status connector_options_load(Arena *arena, const char *path,
                                       ConnectorOptions *ret_options, Error *reterr);

// NULL: no secret of that name.
const SecretSource *connector_options_secret(const ConnectorOptions *options, const char *name);
