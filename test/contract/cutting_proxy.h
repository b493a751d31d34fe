// A TCP proxy before a server that cuts the connection at a chosen statement, or lets it fail, to
// find out what a driver leaves behind when it dies there. One connection after the other, and
// those that are opened meanwhile beside it.
#pragma once

#include "cutting_wire.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct CuttingProxy CuttingProxy;

typedef struct CuttingPlan {
    int at;            // counts statements of the client from 1, over all connections; 0: never
    bool after;        // the server has answered it, but the client does not get to see it
    const char *error; // not NULL: this statement fails with that error instead
    bool refuses;      // `at` counts connections, and that one is answered with the error
} CuttingPlan;

// Before the server at this port of 127.0.0.1. `ret_count`: the statements, or connections, that
// went by, set when the proxy stops.
CuttingProxy *cutting_proxy_start(const CuttingWire *wire, int server_port, const CuttingPlan *plan,
                                  int64_t *ret_count);
int cutting_proxy_port(const CuttingProxy *proxy);
void cutting_proxy_stop(CuttingProxy *proxy);
