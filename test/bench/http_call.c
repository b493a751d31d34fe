#include "http_call.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "samples.h"

enum { REQUEST_MAX_BYTES = 8192, FIRST_BYTES = 65536 };

void http_connection_open(HttpConnection *connection, const char *host, const char *port) {
    *connection = (HttpConnection){.socket = -1, .host = host, .port = port};
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    if (getaddrinfo(host, port, &hints, &found) != 0 || found == NULL)
        give_up("%s:%s is no address", host, port);
    connection->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->socket < 0 ||
        connect(connection->socket, found->ai_addr, found->ai_addrlen) != 0)
        give_up("no connection to %s:%s", host, port);
    freeaddrinfo(found);
    int on = 1;
    setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connection->capacity = FIRST_BYTES;
    connection->bytes = mem_alloc(connection->capacity);
}

void http_connection_done(HttpConnection *connection) {
    if (connection->socket >= 0)
        close(connection->socket);
    mem_free(connection->bytes);
}

static void send_all(const HttpConnection *connection, const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t sent = send(connection->socket, bytes, length, MSG_NOSIGNAL);
        if (sent <= 0)
            give_up("the connection to %s:%s was lost", connection->host, connection->port);
        bytes += sent;
        length -= (size_t)sent;
    }
}

static void receive_more(HttpConnection *connection) {
    if (connection->length + 1 == connection->capacity) {
        connection->capacity *= 2;
        connection->bytes = mem_realloc(connection->bytes, connection->capacity);
    }
    ssize_t got = recv(connection->socket, connection->bytes + connection->length,
                       connection->capacity - connection->length - 1, 0);
    if (got <= 0)
        give_up("the connection to %s:%s was closed in the middle of an answer", connection->host,
                connection->port);
    connection->length += (size_t)got;
    connection->bytes[connection->length] = '\0';
}

static size_t body_length(const char *head, const char *end) {
    static const char NAME[] = "\r\ncontent-length:";
    for (const char *line = strstr(head, "\r\n"); line != NULL && line < end;
         line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line, NAME, sizeof NAME - 1) == 0)
            return (size_t)strtoull(line + sizeof NAME - 1, NULL, 10);
    return 0;
}

HttpAnswer http_call(HttpConnection *connection, const char *method, const char *path,
                     const char *token, const char *body) {
    char request[REQUEST_MAX_BYTES];
    int length = snprintf(request, sizeof request,
                          "%s %s HTTP/1.1\r\nHost: %s:%s\r\nAuthorization: Bearer %s\r\n", method,
                          path, connection->host, connection->port, token);
    if (body != NULL)
        length += snprintf(request + length, sizeof request - (size_t)length,
                           "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                           strlen(body), body);
    else
        length += snprintf(request + length, sizeof request - (size_t)length, "\r\n");
    if ((size_t)length >= sizeof request)
        give_up("%s %s: the request is too long", method, path);
    send_all(connection, request, (size_t)length);
    connection->length = 0;
    connection->bytes[0] = '\0';
    const char *end;
    while ((end = strstr(connection->bytes, "\r\n\r\n")) == NULL)
        receive_more(connection);
    size_t head = (size_t)(end - connection->bytes) + 4;
    size_t whole = head + body_length(connection->bytes, end);
    while (connection->length < whole)
        receive_more(connection);
    return (HttpAnswer){.status = (int)strtol(connection->bytes + strlen("HTTP/1.1 "), NULL, 10),
                        .body = connection->bytes + head};
}
