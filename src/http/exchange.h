// One request and its answer, between libmicrohttpd's callbacks and the handler.
#pragma once

#include "base/monitor.h"
#include "base/secret.h"
#include "http/connections.h"
#include "http/parking.h"
#include "http/request.h"
#include "http/server.h"

#include <microhttpd.h>
#include <stdatomic.h>

struct HttpServer {
    HttpServerOptions options; // its texts are only valid while the server starts
    char *certificate;
    Secret *key;
    struct MHD_Daemon *daemon;
    Parking *parking;
    Connections *connections;
    int port;
    int listener; // libmicrohttpd's to close
    atomic_bool stopping;
    atomic_size_t exchanges;          // begun and not ended
    atomic_size_t large_bodies_bytes; // held by them, see body_hold
    Monitor monitor;                  // woken when exchanges fell to 0 while stopping
};

// The callbacks, in the order of an exchange; context is the HttpServer.
void *exchange_begin(void *context, const char *target, struct MHD_Connection *connection);
enum MHD_Result exchange_go_on(void *context, struct MHD_Connection *connection, const char *url,
                               const char *method, const char *version, const char *upload,
                               size_t *upload_size, void **exchange);
void exchange_end(void *context, struct MHD_Connection *connection, void **exchange,
                  enum MHD_RequestTerminationCode code);

// For the parking.
void exchange_suspend(Parked *parked);
void exchange_resume(Parked *parked);
