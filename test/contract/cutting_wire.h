// What a cutting proxy must know of a protocol: where a statement ends on its way to the server,
// where the answer to it ends on the way back, and how a statement or a login is made to fail.
#pragma once

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum WireMessage {
    WIRE_MORE,      // the message is not complete
    WIRE_STATEMENT, // complete, and it begins a statement
    WIRE_OTHER,     // complete, and something else; also the rest of a statement of several
} WireMessage;

// One for each protocol. `state` is of one connection, zeroed at its start.
typedef struct CuttingWire {
    size_t state_bytes;
    // Takes one byte of the client.
    WireMessage (*take_client)(void *state, unsigned char byte);
    // Takes one byte of the server. True where the answer to a statement is complete, or where no
    // more than what every answer ends with is to come.
    bool (*take_server)(void *state, unsigned char byte);
    // The statement that was just completed shall fail with this error: what the server is sent in
    // its place, or what the client is answered, with CUT_ERROR_TEXT as its message.
    void (*fail)(void *state, const char *error, Buffer *to_server, Buffer *to_client);
    // Asked of each message of the client before it is sent on: false for what belongs to a
    // statement that was made to fail. NULL: a statement is one message.
    bool (*passes)(void *state);
    // What a server answers that has no room for the connection, and whether it waits for the
    // client to speak first.
    void (*refuse)(const char *error, Buffer *to_client);
    bool client_begins;
} CuttingWire;

extern const CuttingWire MYSQL_WIRE;
extern const CuttingWire POSTGRESQL_WIRE;
extern const CuttingWire REDIS_WIRE;
