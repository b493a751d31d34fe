// The cheapest HTTP/1.1 client there can be: one connection that stays open, one call at a time, to
// a plain loopback address. What it costs is taken from what is measured.
#pragma once

#include <stddef.h>

typedef struct HttpConnection {
    int socket;
    const char *host;
    const char *port;
    char *bytes; // the last answer, head and body
    size_t length;
    size_t capacity;
} HttpConnection;

typedef struct HttpAnswer {
    int status;
    const char *body; // until the next call
} HttpAnswer;

void http_connection_open(HttpConnection *connection, const char *host, const char *port);
void http_connection_done(HttpConnection *connection);
// Without an answer the program ends.
HttpAnswer http_call(HttpConnection *connection, const char *method, const char *path,
                     const char *token, const char *body);
