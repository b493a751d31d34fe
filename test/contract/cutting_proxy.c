#include "cutting_proxy.h"

#include <arpa/inet.h>
#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"

enum { CHUNK_BYTES = 16384, CONNECTIONS_MAX = 64 };

struct CuttingProxy {
    const CuttingWire *wire;
    CuttingPlan plan;
    int listener;
    int stop_pipe[2];
    int port;
    int server_port;
    int64_t *ret_count;
    _Atomic int64_t count;
    pthread_t thread;
    struct Link *links[CONNECTIONS_MAX];
    size_t link_count;
};

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

// One connection through the proxy.
typedef struct Link {
    CuttingProxy *proxy;
    int client;
    int server;
    pthread_t thread;
    void *state;    // the protocol's
    Buffer message; // of the client, as far as it came
    bool last;      // to be cut at the end of the answer
} Link;

static bool counts_here(CuttingProxy *proxy) {
    return atomic_fetch_add(&proxy->count, 1) + 1 == proxy->plan.at;
}

static bool send_buffer(int fd, const Buffer *bytes) {
    return send_all(fd, (const unsigned char *)bytes->bytes, bytes->length);
}

// Takes a whole message of the client and adds what goes to the server, and what is answered.
// False: cut here.
static bool take_message(Link *link, bool begins, Buffer *to_server, Buffer *to_client) {
    const CuttingWire *wire = link->proxy->wire;
    const CuttingPlan *plan = &link->proxy->plan;
    if (wire->passes != NULL && !wire->passes(link->state))
        return true;
    bool here = begins && !plan->refuses && counts_here(link->proxy);
    if (here && plan->error != NULL) {
        wire->fail(link->state, plan->error, to_server, to_client);
        return true;
    }
    link->last |= here && plan->after;
    if (!here || plan->after)
        buffer_add_bytes(to_server, link->message.bytes, link->message.length);
    return !here || plan->after;
}

// False: cut here.
static bool from_client(Link *link) {
    unsigned char chunk[CHUNK_BYTES];
    CLEANUP(buffer_done) Buffer to_server = {0};
    CLEANUP(buffer_done) Buffer to_client = {0};
    ssize_t length = recv(link->client, chunk, sizeof chunk, 0);
    if (length <= 0)
        return false;
    for (ssize_t i = 0; i < length; i++) {
        WireMessage message = link->proxy->wire->take_client(link->state, chunk[i]);
        buffer_add_bytes(&link->message, (const char *)&chunk[i], 1);
        if (message == WIRE_MORE)
            continue;
        if (!take_message(link, message == WIRE_STATEMENT, &to_server, &to_client))
            return false;
        buffer_done(&link->message);
    }
    return send_buffer(link->server, &to_server) && send_buffer(link->client, &to_client);
}

// After the last statement nothing reaches the client, and the end of the answer is the moment to
// cut.
static bool from_server(Link *link) {
    unsigned char chunk[CHUNK_BYTES];
    ssize_t length = recv(link->server, chunk, sizeof chunk, 0);
    if (length <= 0)
        return false;
    bool answered = false;
    for (ssize_t i = 0; i < length; i++)
        answered |= link->proxy->wire->take_server(link->state, chunk[i]);
    if (link->last)
        return !answered;
    return send_all(link->client, chunk, (size_t)length);
}

// As a server does that has no room for another connection.
static void refuse(Link *link) {
    const CuttingWire *wire = link->proxy->wire;
    unsigned char chunk[CHUNK_BYTES];
    if (wire->client_begins) {
        ssize_t length = recv(link->client, chunk, sizeof chunk, 0);
        assert(length > 0);
    }
    CLEANUP(buffer_done) Buffer out = {0};
    wire->refuse(link->proxy->plan.error, &out);
    send_buffer(link->client, &out);
}

static void pass_on(Link *link) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)link->proxy->server_port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    link->server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int failed = connect(link->server, (struct sockaddr *)&address, sizeof address);
    assert(failed == 0);
    struct pollfd ready[] = {{.fd = link->client, .events = POLLIN},
                             {.fd = link->server, .events = POLLIN},
                             {.fd = link->proxy->stop_pipe[0], .events = POLLIN}};
    for (bool open = true; open;) {
        if (poll(ready, COUNT_OF(ready), -1) < 0 || ready[2].revents != 0)
            break;
        if (ready[0].revents != 0)
            open = from_client(link);
        if (open && ready[1].revents != 0)
            open = from_server(link);
    }
    close(link->server);
}

static void *link_main(void *argument) {
    Link *link = argument;
    if (link->proxy->plan.refuses && counts_here(link->proxy))
        refuse(link);
    else
        pass_on(link);
    close(link->client);
    mem_free(link->state);
    buffer_done(&link->message);
    return NULL;
}

static void *proxy_main(void *argument) {
    CuttingProxy *proxy = argument;
    struct pollfd ready[] = {{.fd = proxy->listener, .events = POLLIN},
                             {.fd = proxy->stop_pipe[0], .events = POLLIN}};
    while (poll(ready, COUNT_OF(ready), -1) > 0 && ready[1].revents == 0) {
        int client = accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC);
        if (client < 0)
            continue;
        assert(proxy->link_count < CONNECTIONS_MAX);
        Link *link = mem_alloc(sizeof *link);
        *link =
            (Link){.proxy = proxy, .client = client, .state = mem_alloc(proxy->wire->state_bytes)};
        proxy->links[proxy->link_count++] = link;
        int failed = pthread_create(&link->thread, NULL, link_main, link);
        assert(failed == 0);
    }
    return NULL;
}

CuttingProxy *cutting_proxy_start(const CuttingWire *wire, int server_port, const CuttingPlan *plan,
                                  int64_t *ret_count) {
    CuttingProxy *proxy = mem_alloc(sizeof *proxy);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    proxy->wire = wire;
    proxy->server_port = server_port;
    proxy->plan = *plan;
    proxy->ret_count = ret_count;
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
    for (size_t i = 0; i < proxy->link_count; i++) {
        pthread_join(proxy->links[i]->thread, NULL);
        mem_free(proxy->links[i]);
    }
    if (proxy->ret_count != NULL)
        *proxy->ret_count = proxy->count;
    close(proxy->listener);
    close(proxy->stop_pipe[0]);
    close(proxy->stop_pipe[1]);
    mem_free(proxy);
}
