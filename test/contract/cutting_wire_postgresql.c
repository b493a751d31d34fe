// https://www.postgresql.org/docs/current/protocol-message-formats.html
#include "cutting_wire.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

#include "driver_world.h"

enum { HEADER_BYTES = 5, UNTYPED = 1 };

// Reads a stream of messages: a type, four bytes of length that count themselves, the rest.
typedef struct Reader {
    unsigned char header[HEADER_BYTES];
    size_t header_bytes;
    uint32_t body_left;
} Reader;

typedef struct Connection {
    Reader client, server;
    bool began;    // the first message of a client, which has no type, has begun
    int type;      // of the client's message that is being read, or was read last
    bool skipping; // the rest of a statement that fails, up to Sync
} Connection;

// The type of the message whose header this byte completes; else 0.
static int reader_take(Reader *reader, unsigned char byte) {
    if (reader->body_left > 0) {
        reader->body_left--;
        return 0;
    }
    reader->header[reader->header_bytes++] = byte;
    if (reader->header_bytes < HEADER_BYTES)
        return 0;
    const unsigned char *length = reader->header + 1;
    reader->body_left = ((uint32_t)length[0] << 24 | (uint32_t)length[1] << 16 |
                         (uint32_t)length[2] << 8 | (uint32_t)length[3]) -
                        4;
    reader->header_bytes = 0;
    return reader->header[0];
}

static WireMessage take_client(void *state, unsigned char byte) {
    Connection *connection = state;
    Reader *reader = &connection->client;
    if (!connection->began)
        reader->header[reader->header_bytes++] = UNTYPED;
    connection->began = true;
    int type = reader_take(reader, byte);
    if (type != 0)
        connection->type = type;
    if (reader->header_bytes > 0 || reader->body_left > 0)
        return WIRE_MORE;
    bool begins = !connection->skipping && (connection->type == 'Q' || connection->type == 'P');
    return begins ? WIRE_STATEMENT : WIRE_OTHER;
}

// ReadyForQuery.
static bool take_server(void *state, unsigned char byte) {
    Connection *connection = state;
    return reader_take(&connection->server, byte) == 'Z';
}

static bool passes(void *state) {
    Connection *connection = state;
    if (!connection->skipping)
        return true;
    connection->skipping = connection->type != 'S';
    return false;
}

static void add_message(Buffer *out, const char *type, const Buffer *body) {
    uint32_t length = htonl((uint32_t)(body->length + sizeof length));
    buffer_add(out, type);
    buffer_add_bytes(out, (const char *)&length, sizeof length);
    buffer_add_bytes(out, body->bytes, body->length);
}

// A statement with that error, so that the server's own state is that of a failure.
static void fail(void *state, const char *error, Buffer *to_server, Buffer *to_client) {
    Connection *connection = state;
    (void)to_client;
    CLEANUP(buffer_done) Buffer sql = {0};
    buffer_addf(&sql,
                "DO $$ BEGIN RAISE EXCEPTION '" CUT_ERROR_TEXT "' USING ERRCODE = '%s'; END $$",
                error);
    buffer_add_bytes(&sql, "", 1);
    add_message(to_server, "Q", &sql);
    connection->skipping = connection->type == 'P';
}

static void refuse(const char *error, Buffer *to_client) {
    CLEANUP(buffer_done) Buffer fields = {0};
    buffer_add_bytes(&fields, "SFATAL\0VFATAL\0C", 15);
    buffer_add_bytes(&fields, error, strlen(error) + 1);
    buffer_add(&fields, "M" CUT_ERROR_TEXT);
    buffer_add_bytes(&fields, "\0\0", 2);
    add_message(to_client, "E", &fields);
}

const CuttingWire POSTGRESQL_WIRE = {
    .state_bytes = sizeof(Connection),
    .take_client = take_client,
    .take_server = take_server,
    .fail = fail,
    .passes = passes,
    .refuse = refuse,
    .client_begins = true,
};
