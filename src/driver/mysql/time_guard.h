// One bound on the time of a whole exchange. libmariadb bounds each wait for something to come, so
// that a server that sends a byte now and then would hold a thread for ever.
#pragma once

#include <mysql.h>
#include <stdint.h>

// Once, before the first connection.
void my_time_guard_install(void);
// What this thread does next with the connection ends with it after so long, at the first byte that
// comes then. Until my_time_guard_end.
void my_time_guard_begin(const MYSQL *connection, int64_t most_ms);
void my_time_guard_end(void);
