#include "http/connections.h"

#include "base/memory.h"
#include "base/monitor.h"
#include "base/tally.h"
#include "http/peer.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>

enum { LOOK_EVERY_MS = 1000 };

struct Connection {
    Connections *all;
    int descriptor;
    _Atomic int64_t until_ms; // monotonic; 0: it waits for us
    char address[PEER_TEXT_MAX];
    Connection *previous, *next;
};

struct Connections {
    ConnectionsOptions options;
    Tally *per_address;
    Tally *bytes;
    Monitor monitor; // of what follows; woken at the end
    pthread_t thread;
    bool stopping;
    Connection *first;
};

// Its end is met by the thread that serves it, which then closes it.
static void cut_overdue(Connections *connections) {
    int64_t now_ms = clock_monotonic_ms(connections->options.clock);
    for (Connection *each = connections->first; each != NULL; each = each->next) {
        int64_t until_ms = atomic_load(&each->until_ms);
        if (until_ms != 0 && until_ms <= now_ms)
            shutdown(each->descriptor, SHUT_RDWR);
    }
}

static void *look(void *context) {
    Connections *connections = context;
    monitor_lock(&connections->monitor);
    while (!connections->stopping) {
        cut_overdue(connections);
        int64_t until_ms = clock_monotonic_ms(&SYSTEM_CLOCK) + LOOK_EVERY_MS;
        while (!connections->stopping && monitor_wait_until(&connections->monitor, until_ms))
            ;
    }
    monitor_unlock(&connections->monitor);
    return NULL;
}

static Connections *release(Connections *connections) {
    tally_free(connections->per_address);
    tally_free(connections->bytes);
    monitor_done(&connections->monitor);
    return mem_free(connections);
}

Connections *connections_new(ConnectionsOptions options) {
    Connections *connections = mem_alloc(sizeof(*connections));
    connections->options = options;
    connections->per_address = tally_new();
    connections->bytes = tally_new();
    monitor_init(&connections->monitor);
    if (pthread_create(&connections->thread, NULL, look, connections) != 0)
        return release(connections);
    return connections;
}

Connections *connections_free(Connections *connections) {
    if (connections == NULL)
        return NULL;
    monitor_lock(&connections->monitor);
    assert(connections->first == NULL);
    connections->stopping = true;
    monitor_wake(&connections->monitor);
    monitor_unlock(&connections->monitor);
    pthread_join(connections->thread, NULL);
    return release(connections);
}

bool connections_has_room(Connections *connections, const struct sockaddr *address) {
    char name[PEER_TEXT_MAX];
    peer_group(address, name);
    return tally_of(connections->per_address, name) < connections->options.max_per_address;
}

Connection *connection_open(Connections *connections, int descriptor,
                            const struct sockaddr *address) {
    Connection *connection = mem_alloc(sizeof(*connection));
    connection->all = connections;
    connection->descriptor = descriptor;
    peer_group(address, connection->address);
    connection_step(connection);
    tally_add(connections->per_address, connection->address, 1);
    monitor_lock(&connections->monitor);
    connection->next = connections->first;
    if (connection->next != NULL)
        connection->next->previous = connection;
    connections->first = connection;
    monitor_unlock(&connections->monitor);
    return connection;
}

void connection_close(Connection *connection) {
    Connections *connections = connection->all;
    monitor_lock(&connections->monitor);
    if (connection->previous != NULL)
        connection->previous->next = connection->next;
    else
        connections->first = connection->next;
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
    monitor_unlock(&connections->monitor);
    tally_add(connections->per_address, connection->address, -1);
    mem_free(connection);
}

void connection_step(Connection *connection) {
    const ConnectionsOptions *options = &connection->all->options;
    atomic_store(&connection->until_ms, clock_monotonic_ms(options->clock) + options->step_ms);
}

void connection_wait(Connection *connection) {
    atomic_store(&connection->until_ms, 0);
}

int64_t connection_hold(Connection *connection, int64_t more) {
    return tally_add(connection->all->bytes, connection->address, more);
}
