// The connections of a server: how many each address has and what their bodies hold, and how long
// each may be at what it does. libmicrohttpd cuts off a client that is silent for the idle time;
// one that sends or takes a byte now and then is cut off here.
#pragma once

#include "base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

typedef struct Connections Connections;
typedef struct Connection Connection;

typedef struct ConnectionsOptions {
    const Clock *clock;
    int64_t max_per_address; // as of peer_group
    // A step is a request's head with the silence before it, its body, or its answer.
    int64_t step_ms;
} ConnectionsOptions;

// NULL when no thread can be had.
Connections *connections_new(ConnectionsOptions options);
// All must be closed.
Connections *connections_free(Connections *connections);

// Whether the address may have another one. Of those that come in the same instant a few more may
// be let in: as many as the server has threads.
bool connections_has_room(Connections *connections, const struct sockaddr *address);
// The first step begins.
Connection *connection_open(Connections *connections, int descriptor,
                            const struct sockaddr *address);
// Before its descriptor is closed.
void connection_close(Connection *connection);

// What the client has to do now may take one step's time.
void connection_step(Connection *connection);
// It is we that it waits for.
void connection_wait(Connection *connection);

// Counts bytes that are held for the connection's address, and gives how many that makes.
int64_t connection_hold(Connection *connection, int64_t more);
