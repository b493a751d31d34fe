// A TCP proxy before a PostgreSQL server that cuts the connection at a chosen statement, to find
// out what a driver leaves behind when it dies there. One connection after the other.
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct CuttingProxy CuttingProxy;

// `at` counts statements of the client from 1, over all connections; 0 never cuts. `after`: the
// server has answered the statement, but the client does not get to see it. `statements` is set
// when the proxy stops.
CuttingProxy *cutting_proxy_start(int server_port, int at, bool after, int64_t *statements);
int cutting_proxy_port(const CuttingProxy *proxy);
void cutting_proxy_stop(CuttingProxy *proxy);
