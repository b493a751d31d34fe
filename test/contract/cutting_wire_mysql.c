// https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html, which MariaDB speaks too
// (https://mariadb.com/kb/en/clientserver-protocol/). Without TLS.
#include "cutting_wire.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "driver_world.h"

enum {
    HEADER_BYTES = 4,
    HEAD_BYTES = 32, // of a packet: what its meaning is read from
    PAYLOAD_MAX = 0xffffff,
    EOF_MAX = 9, // a longer packet that begins like an EOF is a row

    COM_QUERY = 0x03,
    COM_STMT_PREPARE = 0x16,
    COM_STMT_EXECUTE = 0x17,

    IS_OK = 0x00,
    IS_FILE_WANTED = 0xfb,
    IS_EOF = 0xfe,
    IS_ERROR = 0xff,

    CLIENT_DEPRECATE_EOF = 1 << 24,
    MORE_RESULTS = 1 << 3, // of the server's status
};

// One packet after the other: three bytes of length, a number, the payload.
typedef struct Reader {
    unsigned char header[HEADER_BYTES];
    size_t header_bytes;
    unsigned char head[HEAD_BYTES];
    uint32_t length, taken; // of the payload
} Reader;

typedef enum Phase {
    PHASE_LOGIN, // up to the server's OK
    PHASE_ANSWER,
    PHASE_COLUMNS,
    PHASE_COLUMNS_END,
    PHASE_ROWS,
} Phase;

typedef struct Connection {
    Reader client, server;
    Phase phase; // of what the server says
    bool response_read;
    bool short_ends; // results end with an OK, not with an EOF, and columns with nothing
    uint64_t columns_left;
} Connection;

static uint32_t little_endian(const unsigned char *bytes, size_t count) {
    uint32_t value = 0;
    for (size_t i = 0; i < count; i++)
        value |= (uint32_t)bytes[i] << 8 * i;
    return value;
}

// True where this byte completes a packet.
static bool reader_take(Reader *reader, unsigned char byte) {
    if (reader->header_bytes < HEADER_BYTES) {
        reader->header[reader->header_bytes++] = byte;
        if (reader->header_bytes < HEADER_BYTES)
            return false;
        reader->length = little_endian(reader->header, 3);
        reader->taken = 0;
        memset(reader->head, 0, sizeof reader->head);
    } else {
        if (reader->taken < HEAD_BYTES)
            reader->head[reader->taken] = byte;
        reader->taken++;
    }
    if (reader->taken < reader->length)
        return false;
    reader->header_bytes = 0;
    return true;
}

static WireMessage take_client(void *state, unsigned char byte) {
    Connection *connection = state;
    Reader *reader = &connection->client;
    if (!reader_take(reader, byte))
        return WIRE_MORE;
    if (!connection->response_read) {
        uint32_t capabilities = little_endian(reader->head, 4);
        connection->short_ends = (capabilities & CLIENT_DEPRECATE_EOF) != 0;
        connection->response_read = true;
    }
    // What belongs to a login, or goes on, has another number.
    if (connection->phase == PHASE_LOGIN || reader->header[3] != 0)
        return WIRE_OTHER;
    connection->phase = PHASE_ANSWER;
    int command = reader->head[0];
    bool statement =
        command == COM_QUERY || command == COM_STMT_PREPARE || command == COM_STMT_EXECUTE;
    return statement ? WIRE_STATEMENT : WIRE_OTHER;
}

// A number of the protocol's, whose first byte says how many bytes it has.
static uint64_t read_number(const unsigned char *bytes, size_t *at) {
    unsigned char first = bytes[(*at)++];
    size_t size = first == 0xfc ? 2 : first == 0xfd ? 3 : first == 0xfe ? 8 : 0;
    uint64_t value = size == 0 ? first : 0;
    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)bytes[(*at)++] << 8 * i;
    return value;
}

// Of an OK, or of an EOF.
static bool more_follows(const Connection *connection) {
    const Reader *reader = &connection->server;
    size_t at = 1;
    if (reader->head[0] == IS_EOF && !connection->short_ends) {
        at += 2; // warnings
    } else {
        read_number(reader->head, &at); // rows
        read_number(reader->head, &at); // the last id
    }
    return (little_endian(reader->head + at, 2) & MORE_RESULTS) != 0;
}

static bool ends(Connection *connection) {
    connection->phase = PHASE_ANSWER;
    return connection->server.head[0] == IS_ERROR || !more_follows(connection);
}

static bool take_first(Connection *connection) {
    int first = connection->server.head[0];
    if (first == IS_OK || first == IS_ERROR)
        return ends(connection);
    if (first == IS_FILE_WANTED)
        return false;
    size_t at = 0;
    connection->columns_left = read_number(connection->server.head, &at);
    connection->phase = PHASE_COLUMNS;
    return false;
}

static bool take_row(Connection *connection) {
    const Reader *reader = &connection->server;
    uint32_t most = connection->short_ends ? PAYLOAD_MAX : EOF_MAX;
    bool last = reader->head[0] == IS_ERROR || (reader->head[0] == IS_EOF && reader->length < most);
    return last && ends(connection);
}

static bool take_server(void *state, unsigned char byte) {
    Connection *connection = state;
    if (!reader_take(&connection->server, byte))
        return false;
    switch (connection->phase) {
    case PHASE_LOGIN:
        if (connection->server.head[0] == IS_OK)
            connection->phase = PHASE_ANSWER;
        return false;
    case PHASE_ANSWER:
        return take_first(connection);
    case PHASE_COLUMNS:
        if (--connection->columns_left == 0)
            connection->phase = connection->short_ends ? PHASE_ROWS : PHASE_COLUMNS_END;
        return false;
    case PHASE_COLUMNS_END:
        connection->phase = PHASE_ROWS;
        return false;
    case PHASE_ROWS:
        return take_row(connection);
    }
    return false;
}

static void add_packet(Buffer *out, const Buffer *payload) {
    const char header[HEADER_BYTES] = {(char)(payload->length & 0xff),
                                       (char)(payload->length >> 8 & 0xff),
                                       (char)(payload->length >> 16 & 0xff), 0};
    buffer_add_bytes(out, header, sizeof header);
    buffer_add_bytes(out, payload->bytes, payload->length);
}

static const char *state_of(const char *error) {
    static const struct {
        const char *error, *state;
    } STATES[] = {{"1040", "08004"}, {"1213", "40001"}, {"1227", "42000"}, {"1317", "70100"}};
    for (size_t i = 0; i < COUNT_OF(STATES); i++)
        if (strcmp(STATES[i].error, error) == 0)
            return STATES[i].state;
    return "HY000";
}

// A statement with that error, so that the server's own state is that of a failure.
static void fail(void *state, const char *error, Buffer *to_server, Buffer *to_client) {
    (void)state;
    (void)to_client;
    CLEANUP(buffer_done) Buffer payload = {0};
    buffer_addf(&payload,
                "%cSIGNAL SQLSTATE '%s' SET MYSQL_ERRNO = %s, MESSAGE_TEXT = '" CUT_ERROR_TEXT "'",
                COM_QUERY, state_of(error), error);
    add_packet(to_server, &payload);
}

static void refuse(const char *error, Buffer *to_client) {
    long number = strtol(error, NULL, 10);
    const char head[] = {(char)IS_ERROR, (char)(number & 0xff), (char)(number >> 8)};
    CLEANUP(buffer_done) Buffer payload = {0};
    buffer_add_bytes(&payload, head, sizeof head);
    buffer_addf(&payload, "#%s" CUT_ERROR_TEXT, state_of(error));
    add_packet(to_client, &payload);
}

const CuttingWire MYSQL_WIRE = {
    .state_bytes = sizeof(Connection),
    .take_client = take_client,
    .take_server = take_server,
    .fail = fail,
    .refuse = refuse,
};
