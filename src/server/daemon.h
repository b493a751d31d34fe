// daypassd put together: state folder, keys, store, API, listener; and its life until a signal ends
// it.
#pragma once

#include "server/server_options.h"

typedef struct Daemon Daemon;

// Makes what a first start needs. When it succeeds the API is served. The options are borrowed.
MUST_USE Status daemon_start(const ServerOptions *options, Daemon **ret_daemon, Error *reterr);
// Ends everything in order; what was begun is finished first.
Daemon *daemon_stop(Daemon *daemon);
DEFINE_CLEANUP(Daemon, daemon_stop)

// "https://127.0.0.1:8443"
const char *daemon_url(const Daemon *daemon);
// Reads certificate and key again and listens with them. When they are no good, those from before
// stay.
MUST_USE Status daemon_reload(Daemon *daemon, Error *reterr);

// Starts, tells the service manager, waits for SIGTERM or SIGINT (SIGHUP: reload), stops.
MUST_USE Status daemon_run(const ServerOptions *options, Error *reterr);
