#include "cutting_proxy.h"

#include <arpa/inet.h>
#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"

enum { HEADER_BYTES = 5, CHUNK_BYTES = 16384 };

struct CuttingProxy {
    int listener;
    int stop_pipe[2];
    int port;
    int server_port;
    int at;
    bool after;
    int64_t *statements;
    int64_t count;
    pthread_t thread;
};

// Reads a stream of messages: a type, four bytes of length that count themselves, the rest. The
// first one from a client has no type.
typedef struct Reader {
    bool untyped;
    unsigned char header[HEADER_BYTES];
    size_t header_bytes;
    uint32_t body_left;
} Reader;

static bool send_all(int fd, const unsigned char *bytes, size_t length) {
    while (length > 0) {
        ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes += sent;
        length -= (size_t)sent;
    }
    return true;
}

// The type of the message that begins with this byte, once its header is complete; else 0. Type
// '\1' stands for the untyped first message.
static int reader_take(Reader *reader, unsigned char byte) {
    if (reader->body_left > 0) {
        reader->body_left--;
        return 0;
    }
    if (reader->untyped && reader->header_bytes == 0)
        reader->header[reader->header_bytes++] = 1;
    reader->header[reader->header_bytes++] = byte;
    if (reader->header_bytes < HEADER_BYTES)
        return 0;
    const unsigned char *length = reader->header + 1;
    reader->body_left = ((uint32_t)length[0] << 24 | (uint32_t)length[1] << 16 |
                         (uint32_t)length[2] << 8 | (uint32_t)length[3]) -
                        4;
    reader->header_bytes = 0;
    reader->untyped = false;
    return reader->header[0];
}

// Passes on what the client sent. False: cut here.
static bool from_client(CuttingProxy *proxy, Reader *reader, int client, int server,
                        bool *ret_last) {
    unsigned char chunk[CHUNK_BYTES];
    ssize_t length = recv(client, chunk, sizeof chunk, 0);
    if (length <= 0)
        return false;
    for (ssize_t i = 0; i < length; i++) {
        int type = reader_take(reader, chunk[i]);
        if (type != 'Q' && type != 'P')
            continue;
        proxy->count++;
        if (proxy->count == proxy->at && !proxy->after)
            return false;
        if (proxy->count == proxy->at)
            *ret_last = true;
    }
    return send_all(server, chunk, (size_t)length);
}

// After the last statement nothing reaches the client, and ReadyForQuery is the moment to cut.
static bool from_server(Reader *reader, int server, int client, bool last) {
    unsigned char chunk[CHUNK_BYTES];
    ssize_t length = recv(server, chunk, sizeof chunk, 0);
    if (length <= 0)
        return false;
    bool ready = false;
    for (ssize_t i = 0; i < length; i++)
        ready |= reader_take(reader, chunk[i]) == 'Z';
    if (last)
        return !ready;
    return send_all(client, chunk, (size_t)length);
}

static void serve(CuttingProxy *proxy, int client) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)proxy->server_port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert(connect(server, (struct sockaddr *)&address, sizeof address) == 0);
    Reader client_reader = {.untyped = true};
    Reader server_reader = {0};
    bool last = false;
    struct pollfd ready[] = {{.fd = client, .events = POLLIN},
                             {.fd = server, .events = POLLIN},
                             {.fd = proxy->stop_pipe[0], .events = POLLIN}};
    for (bool open = true; open;) {
        if (poll(ready, COUNT_OF(ready), -1) < 0)
            break;
        if (ready[2].revents != 0)
            break;
        if (ready[0].revents != 0)
            open = from_client(proxy, &client_reader, client, server, &last);
        if (open && ready[1].revents != 0)
            open = from_server(&server_reader, server, client, last);
    }
    close(server);
}

static void *proxy_main(void *argument) {
    CuttingProxy *proxy = argument;
    struct pollfd ready[] = {{.fd = proxy->listener, .events = POLLIN},
                             {.fd = proxy->stop_pipe[0], .events = POLLIN}};
    while (poll(ready, COUNT_OF(ready), -1) > 0 && ready[1].revents == 0) {
        int client = accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC);
        if (client < 0)
            continue;
        serve(proxy, client);
        close(client);
    }
    return NULL;
}

CuttingProxy *cutting_proxy_start(int server_port, int at, bool after, int64_t *statements) {
    CuttingProxy *proxy = mem_alloc(sizeof *proxy);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    proxy->server_port = server_port;
    proxy->at = at;
    proxy->after = after;
    proxy->statements = statements;
    proxy->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int failed = bind(proxy->listener, (struct sockaddr *)&address, size);
    failed |= listen(proxy->listener, 8);
    failed |= getsockname(proxy->listener, (struct sockaddr *)&address, &size);
    failed |= pipe(proxy->stop_pipe);
    failed |= pthread_create(&proxy->thread, NULL, proxy_main, proxy);
    assert(failed == 0);
    proxy->port = ntohs(address.sin_port);
    return proxy;
}

int cutting_proxy_port(const CuttingProxy *proxy) {
    return proxy->port;
}

void cutting_proxy_stop(CuttingProxy *proxy) {
    ssize_t written = write(proxy->stop_pipe[1], "", 1);
    assert(written == 1);
    (void)written;
    pthread_join(proxy->thread, NULL);
    if (proxy->statements != NULL)
        *proxy->statements = proxy->count;
    close(proxy->listener);
    close(proxy->stop_pipe[0]);
    close(proxy->stop_pipe[1]);
    mem_free(proxy);
}
