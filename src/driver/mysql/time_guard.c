#include "driver/mysql/time_guard.h"

#include <stddef.h>
#include <sys/socket.h>

#include "base/clock.h"

// Exported by libmariadb, which declares it in none of its headers: see tls_guard.c.
int ma_pvio_register_callback(my_bool registers,
                              void (*callback)(int mode, MYSQL *connection,
                                               const unsigned char *bytes, size_t length));

static _Thread_local struct {
    const MYSQL *connection; // NULL: none is watched
    int64_t until_ms;        // of the real clock: bytes come by no other
} guarded;

static void watch(int mode, MYSQL *connection, const unsigned char *bytes, size_t length) {
    (void)mode;
    (void)bytes;
    (void)length;
    if (connection == guarded.connection && clock_monotonic_ms(&SYSTEM_CLOCK) > guarded.until_ms)
        shutdown(mysql_get_socket(connection), SHUT_RDWR);
}

void my_time_guard_install(void) {
    ma_pvio_register_callback(1, watch);
}

void my_time_guard_begin(const MYSQL *connection, int64_t most_ms) {
    guarded.connection = connection;
    guarded.until_ms = clock_monotonic_ms(&SYSTEM_CLOCK) + most_ms;
}

void my_time_guard_end(void) {
    guarded.connection = NULL;
}
