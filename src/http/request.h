// The request behind HttpRequest: shared by the files of the server, not by its users.
#pragma once

#include "base/buffer.h"
#include "http/connections.h"
#include "http/parking.h"
#include "http/server.h"
#include "http/target.h"

#include <microhttpd.h>

struct HttpRequest {
    const HttpServer *server;
    struct MHD_Connection *connection;
    Arena *arena;
    const char *id;
    const char *method;    // "" until read, or when it is not one
    const char *target;    // as sent; unprintable bytes as '?' when it is refused
    const char *target_at; // where libmicrohttpd keeps it
    Target parts;          // path "" until read
    const char *peer;
    const char *peer_group;
    Connection *steps; // its connection, where its steps are timed
    bool tls;
    int64_t started_ms;
    Buffer body;
    size_t body_held;          // its part of the server's large_bodies_bytes
    uint64_t announced_length; // of the body, by its header
    uint64_t dropped_length;   // of a body that is not wanted
    bool expects_continue;
    bool framing_broken; // where the request ends is not certain
    bool headers_read;
    bool was_parked;
    Error *refusal; // NULL, or why no handler sees it
    void *state;
    Parked parked;
};

// At the request line; the rest is read by request_read.
HttpRequest *request_new(const HttpServer *server, const Clock *clock, size_t max_body_bytes,
                         struct MHD_Connection *connection, const char *target);
HttpRequest *request_free(HttpRequest *request);

// At the end of the headers. Fills the request, or its refusal.
void request_read(HttpRequest *request, const char *method, const char *version);

// The first refusal stands.
void request_refuse(HttpRequest *request, const Error *error);
