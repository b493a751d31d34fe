// A TCP proxy before a PostgreSQL server that cuts the connection at a chosen statement, or lets it
// fail, to find out what a driver leaves behind when it dies there. One connection after the other,
// and those that are opened meanwhile beside it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct CuttingProxy CuttingProxy;

typedef struct CuttingPlan {
    int at;               // counts statements of the client from 1, over all connections; 0: never
    bool after;           // the server has answered it, but the client does not get to see it
    const char *sqlstate; // not NULL: the server answers this statement with that error instead
    bool refuses;         // `at` counts connections, and the server answers that one with the error
} CuttingPlan;

// `statements`, or connections, that went by: set when the proxy stops.
CuttingProxy *cutting_proxy_start(int server_port, const CuttingPlan *plan, int64_t *statements);
int cutting_proxy_port(const CuttingProxy *proxy);
void cutting_proxy_stop(CuttingProxy *proxy);
