// Keeps libmariadb to TLS: without being told to check the server's name as well, it logs in
// without TLS where the server, or somebody in between, says that there is none.
#pragma once

#include <mysql.h>
#include <stdbool.h>

// Once, before the first connection.
void my_tls_guard_install(void);
// The connection that this thread makes next has TLS or ends before anything is sent. Between
// these two there is one mysql_real_connect.
void my_tls_guard_begin(const MYSQL *connection);
// Whether it was ended for that.
bool my_tls_guard_end(void);
