#include "driver/mysql/tls_guard.h"

#include <limits.h>
#include <string.h>
#include <sys/socket.h>

// Exported by libmariadb, which declares it in none of its headers: what is called with all that
// goes over connections, with a mode of 0 for what was read.
int ma_pvio_register_callback(my_bool registers,
                              void (*callback)(int mode, MYSQL *connection,
                                               const unsigned char *bytes, size_t length));

// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets_protocol_handshake_v10.html
enum {
    HEADER_BYTES = 4,
    VERSION_10 = 10,
    BEFORE_CAPABILITIES = 4 + 8 + 1, // the connection's id, and the first part of the nonce
    MOST_BYTES = 512,
    MODE_READ = 0,
};

static _Thread_local struct {
    const MYSQL *connection; // NULL: none is watched
    unsigned char bytes[MOST_BYTES];
    size_t length;
    bool seen;  // its greeting
    bool ended; // for that
} guarded;

// What the server says that it speaks. False: not all of it has come.
static bool read_capabilities(unsigned *ret_capabilities) {
    if (guarded.length <= HEADER_BYTES)
        return false;
    const unsigned char *version = guarded.bytes + HEADER_BYTES + 1;
    size_t rest = guarded.length - HEADER_BYTES - 1;
    const unsigned char *end = memchr(version, '\0', rest);
    if (end == NULL)
        return false;
    const unsigned char *at = end + 1 + BEFORE_CAPABILITIES;
    if (at + 2 > guarded.bytes + guarded.length)
        return false;
    *ret_capabilities = at[0] | (unsigned)at[1] << 8;
    return true;
}

static void watch(int mode, MYSQL *connection, const unsigned char *bytes, size_t length) {
    if (mode != MODE_READ || connection != guarded.connection || guarded.seen)
        return;
    if (length > SSIZE_MAX) // -1, of a failure
        return;
    if (length > MOST_BYTES - guarded.length)
        length = MOST_BYTES - guarded.length;
    memcpy(guarded.bytes + guarded.length, bytes, length);
    guarded.length += length;
    if (guarded.length > HEADER_BYTES && guarded.bytes[HEADER_BYTES] != VERSION_10) {
        guarded.seen = true; // an error, which ends it as well
        return;
    }
    unsigned capabilities = 0;
    bool known = read_capabilities(&capabilities);
    if (!known && guarded.length < MOST_BYTES)
        return;
    guarded.seen = true;
    guarded.ended = !known || (capabilities & CLIENT_SSL) == 0;
    if (guarded.ended)
        shutdown(mysql_get_socket(connection), SHUT_RDWR);
}

void my_tls_guard_install(void) {
    ma_pvio_register_callback(1, watch);
}

void my_tls_guard_begin(const MYSQL *connection) {
    guarded.length = 0;
    guarded.seen = guarded.ended = false;
    guarded.connection = connection;
}

bool my_tls_guard_end(void) {
    guarded.connection = NULL;
    return guarded.ended;
}
