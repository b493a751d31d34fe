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

enum { HEADER_BYTES = 5, CHUNK_BYTES = 16384, CONNECTIONS_MAX = 64 };

struct CuttingProxy {
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

// Reads a stream of messages: a type, four bytes of length that count themselves, the rest. The
// first one from a client has no type.
typedef struct Reader {
    bool untyped;
    unsigned char header[HEADER_BYTES];
    size_t header_bytes;
    uint32_t body_left;
    int type; // of the message whose body is being read
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

// One connection through the proxy.
typedef struct Link {
    CuttingProxy *proxy;
    int client;
    int server;
    pthread_t thread;
    Reader from_client, from_server;
    Buffer message; // of the client, as far as it came
    bool last;      // to be cut at the end of the answer
    bool skipping;  // the rest of a statement that fails, up to Sync
} Link;

static bool counts_here(CuttingProxy *proxy) {
    return atomic_fetch_add(&proxy->count, 1) + 1 == proxy->plan.at;
}

// A statement with that error, so that the server's own state is that of a failure.
static void add_failing_statement(Buffer *out, const char *sqlstate) {
    CLEANUP(buffer_done) Buffer sql = {0};
    buffer_addf(&sql, "DO $$ BEGIN RAISE EXCEPTION 'made to fail' USING ERRCODE = '%s'; END $$",
                sqlstate);
    uint32_t length = htonl((uint32_t)(sql.length + 1 + sizeof length));
    buffer_add(out, "Q");
    buffer_add_bytes(out, (const char *)&length, sizeof length);
    buffer_add_bytes(out, buffer_text(&sql), sql.length + 1);
}

// Takes a whole message of the client and adds what goes to the server. False: cut here.
static bool take_message(Link *link, int type, Buffer *out) {
    const CuttingPlan *plan = &link->proxy->plan;
    bool begins = type == 'Q' || type == 'P';
    if (link->skipping) {
        link->skipping = type != 'S';
        return true;
    }
    if (!begins || plan->refuses || !counts_here(link->proxy)) {
        buffer_add_bytes(out, link->message.bytes, link->message.length);
        return true;
    }
    if (plan->sqlstate != NULL) {
        add_failing_statement(out, plan->sqlstate);
        link->skipping = type == 'P';
        return true;
    }
    link->last = plan->after;
    buffer_add_bytes(out, link->message.bytes, link->message.length);
    return plan->after;
}

// False: cut here.
static bool from_client(Link *link) {
    unsigned char chunk[CHUNK_BYTES];
    CLEANUP(buffer_done) Buffer out = {0};
    ssize_t length = recv(link->client, chunk, sizeof chunk, 0);
    if (length <= 0)
        return false;
    int type = 0;
    for (ssize_t i = 0; i < length; i++) {
        int began = reader_take(&link->from_client, chunk[i]);
        buffer_add_bytes(&link->message, (const char *)&chunk[i], 1);
        if (began != 0)
            link->from_client.type = began;
        type = link->from_client.type;
        if (type == 0 || link->from_client.body_left > 0)
            continue;
        link->from_client.type = 0;
        if (!take_message(link, type, &out))
            return false;
        buffer_done(&link->message);
    }
    return send_all(link->server, (const unsigned char *)out.bytes, out.length);
}

// After the last statement nothing reaches the client, and ReadyForQuery is the moment to cut.
static bool from_server(Link *link) {
    unsigned char chunk[CHUNK_BYTES];
    ssize_t length = recv(link->server, chunk, sizeof chunk, 0);
    if (length <= 0)
        return false;
    bool ready = false;
    for (ssize_t i = 0; i < length; i++)
        ready |= reader_take(&link->from_server, chunk[i]) == 'Z';
    if (link->last)
        return !ready;
    return send_all(link->client, chunk, (size_t)length);
}

// As a server does that has no room for another connection.
static void refuse(Link *link) {
    unsigned char chunk[CHUNK_BYTES];
    CLEANUP(buffer_done) Buffer fields = {0};
    ssize_t length = recv(link->client, chunk, sizeof chunk, 0);
    assert(length > 0);
    buffer_add_bytes(&fields, "SFATAL\0VFATAL\0C", 15);
    buffer_add_bytes(&fields, link->proxy->plan.sqlstate, strlen(link->proxy->plan.sqlstate) + 1);
    buffer_add_bytes(&fields, "Mrefused\0\0", 10);
    CLEANUP(buffer_done) Buffer out = {0};
    uint32_t size = htonl((uint32_t)(fields.length + sizeof size));
    buffer_add(&out, "E");
    buffer_add_bytes(&out, (const char *)&size, sizeof size);
    buffer_add_bytes(&out, fields.bytes, fields.length);
    send_all(link->client, (const unsigned char *)out.bytes, out.length);
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
        *link = (Link){.proxy = proxy, .client = client, .from_client = {.untyped = true}};
        proxy->links[proxy->link_count++] = link;
        int failed = pthread_create(&link->thread, NULL, link_main, link);
        assert(failed == 0);
    }
    return NULL;
}

CuttingProxy *cutting_proxy_start(int server_port, const CuttingPlan *plan, int64_t *statements) {
    CuttingProxy *proxy = mem_alloc(sizeof *proxy);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    proxy->server_port = server_port;
    proxy->plan = *plan;
    proxy->ret_count = statements;
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
