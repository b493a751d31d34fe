// https://redis.io/docs/latest/develop/reference/protocol-spec/, version 2 of it.
#include "cutting_wire.h"

#include <stdlib.h>
#include <string.h>

#include "driver_world.h"

enum { LINE_MAX_BYTES = 128 };

// Reads values: a line, and after some lines that many bytes or that many values.
typedef struct Reader {
    char line[LINE_MAX_BYTES]; // as far as it is needed
    size_t line_length;
    long long bytes_left;  // of a string, with the end of its line
    long long values_left; // until the outermost value is complete
} Reader;

typedef struct Connection {
    Reader client, server;
} Connection;

// A line that says how much follows: it counts itself as one value.
static void take_line(Reader *reader) {
    reader->line[reader->line_length] = '\0';
    long long number = strtoll(reader->line + 1, NULL, 10);
    reader->values_left--;
    if (reader->line[0] == '*' && number > 0)
        reader->values_left += number;
    if (reader->line[0] == '$' && number >= 0)
        reader->bytes_left = number + 2;
    reader->line_length = 0;
}

// Whether this byte completes a value.
static bool reader_take(Reader *reader, unsigned char byte) {
    if (reader->bytes_left > 0) {
        reader->bytes_left--;
        return reader->bytes_left == 0 && reader->values_left == 0;
    }
    if (reader->line_length == 0 && reader->values_left == 0)
        reader->values_left = 1;
    if (byte != '\n') {
        // An error's text may be long; only its beginning is looked at.
        if (reader->line_length < LINE_MAX_BYTES - 1)
            reader->line[reader->line_length++] = (char)byte;
        return false;
    }
    take_line(reader);
    return reader->bytes_left == 0 && reader->values_left == 0;
}

static WireMessage take_client(void *state, unsigned char byte) {
    Connection *connection = state;
    return reader_take(&connection->client, byte) ? WIRE_STATEMENT : WIRE_MORE;
}

static bool take_server(void *state, unsigned char byte) {
    Connection *connection = state;
    return reader_take(&connection->server, byte);
}

static void refuse(const char *error, Buffer *to_client) {
    buffer_addf(to_client, "-%s " CUT_ERROR_TEXT "\r\n", error);
}

static void fail(void *state, const char *error, Buffer *to_server, Buffer *to_client) {
    (void)state;
    (void)to_server;
    refuse(error, to_client);
}

const CuttingWire REDIS_WIRE = {
    .state_bytes = sizeof(Connection),
    .take_client = take_client,
    .take_server = take_server,
    .fail = fail,
    .refuse = refuse,
};
