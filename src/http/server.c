#include "http/server.h"

#include "http/exchange.h"
#include "http/server_certificate.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    // Of a connection's memory, beside what its request may use: for the head of the answer.
    ANSWER_HEAD_BYTES = 2048,
    // A client may be slow, but not for ever: each step of an exchange has this many times the idle
    // time in all.
    STEP_TIME_FACTOR = 10,
    // When stopping, answers that are under way have this long to get out.
    STOP_GRACE_S = 3,
};

// GnuTLS: nothing older than TLS 1.2 (RFC 8996).
static const char TLS_PRIORITIES[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";

// Listening

static Status listen_refuse(const HttpServerOptions *options, const char *why, Error *reterr) {
    return error_set(reterr, STATUS_UNAVAILABLE, "cannot_listen", "cannot listen on %s port %d: %s",
                     options->host, options->port, why);
}

// Two may listen on one port where both say so: only while one takes over from the other, so that
// otherwise a port that is taken is found out. Whoever comes in between gets to either of them.
static bool share_port(int listener, bool share) {
    int on = share;
    return setsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0;
}

static Status listen_open(const HttpServerOptions *options, int *ret_socket, int *ret_port,
                          Error *reterr) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    char port[16];
    const HttpServer *beside = options->beside;
    snprintf(port, sizeof(port), "%d", beside != NULL ? beside->port : options->port);
    struct addrinfo *address = NULL;
    if (options->port < 0 || options->port > 65535 ||
        getaddrinfo(options->host, port, &hints, &address) != 0)
        return error_set(reterr, STATUS_INVALID, "bad_listen_address",
                         "'%s' port %d is not an address to listen on; expected an IP address "
                         "such as 127.0.0.1 or ::, and a port from 0 to 65535",
                         options->host, options->port);
    // Non-blocking: several threads are told of one connection, and all but one find none.
    int listener = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;
    struct sockaddr_storage bound = {0};
    socklen_t bound_length = sizeof(bound);
    bool good =
        listener >= 0 && setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        (beside == NULL || (share_port(beside->listener, true) && share_port(listener, true))) &&
        bind(listener, address->ai_addr, address->ai_addrlen) == 0 &&
        listen(listener, SOMAXCONN) == 0 &&
        getsockname(listener, (struct sockaddr *)&bound, &bound_length) == 0;
    int failure = errno;
    if (beside != NULL)
        share_port(beside->listener, false);
    if (good && beside != NULL)
        share_port(listener, false);
    freeaddrinfo(address);
    if (!good) {
        if (listener >= 0)
            close(listener);
        return listen_refuse(options, strerror(failure), reterr);
    }
    *ret_port = ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                                  : ((struct sockaddr_in *)&bound)->sin_port);
    *ret_socket = listener;
    return STATUS_OK;
}

// Starting

// Targets stay as they were sent: they are decoded once, by target_parse.
static size_t keep_escapes(void *context, struct MHD_Connection *connection, char *text) {
    return strlen(text);
}

// What libmicrohttpd says of single connections is of no use to anybody.
static void say_nothing(void *context, const char *format, va_list arguments) {
}

static enum MHD_Result admit(void *context, const struct sockaddr *address, socklen_t length) {
    return connections_has_room(((HttpServer *)context)->connections, address) ? MHD_YES : MHD_NO;
}

static void connection_changed(void *context, struct MHD_Connection *connection,
                               void **socket_context, enum MHD_ConnectionNotificationCode code) {
    HttpServer *server = context;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        connection_close(*socket_context);
        return;
    }
    int descriptor =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    const struct sockaddr *address =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
    *socket_context = connection_open(server->connections, descriptor, address);
}

enum { MAX_OPTIONS = 24 };

typedef struct OptionList {
    struct MHD_OptionItem items[MAX_OPTIONS];
    size_t count;
} OptionList;

static void option_add(OptionList *list, enum MHD_OPTION option, intptr_t value, void *pointer) {
    assert(list->count < MAX_OPTIONS);
    list->items[list->count++] =
        (struct MHD_OptionItem){.option = option, .value = value, .ptr_value = pointer};
}

static void options_add_tls(OptionList *list, HttpServer *server) {
    // libmicrohttpd takes its texts as void * and does not write to them.
    option_add(list, MHD_OPTION_HTTPS_MEM_CERT, 0, server->certificate);
    option_add(list, MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)secret_text(server->key));
    option_add(list, MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES);
}

static OptionList options_for(HttpServer *server, int listener) {
    const HttpServerOptions *options = &server->options;
    OptionList list = {0};
    option_add(&list, MHD_OPTION_LISTEN_SOCKET, listener, NULL);
    option_add(&list, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
               (intptr_t)options->max_header_bytes + ANSWER_HEAD_BYTES, NULL);
    option_add(&list, MHD_OPTION_CONNECTION_LIMIT, options->max_connections, NULL);
    option_add(&list, MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)connection_changed, server);
    option_add(&list, MHD_OPTION_CONNECTION_TIMEOUT, options->idle_timeout_s, NULL);
    option_add(&list, MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL);
    option_add(&list, MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)keep_escapes, NULL);
    option_add(&list, MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)exchange_begin, server);
    option_add(&list, MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)exchange_end, server);
    if (options->threads > 1)
        option_add(&list, MHD_OPTION_THREAD_POOL_SIZE, options->threads, NULL);
    if (server->certificate != NULL)
        options_add_tls(&list, server);
    option_add(&list, MHD_OPTION_END, 0, NULL);
    return list;
}

static unsigned flags_for(const HttpServer *server) {
    unsigned flags = MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    flags |= MHD_is_feature_supported(MHD_FEATURE_EPOLL) ? MHD_USE_EPOLL_INTERNAL_THREAD
                                                         : MHD_USE_AUTO_INTERNAL_THREAD;
    return server->certificate != NULL ? flags | MHD_USE_TLS : flags;
}

static Status daemon_start(HttpServer *server, Error *reterr) {
    int listener = -1;
    TRY(listen_open(&server->options, &listener, &server->port, reterr));
    server->listener = listener;
    OptionList list = options_for(server, listener);
    server->daemon = MHD_start_daemon(flags_for(server), 0, admit, server, exchange_go_on, server,
                                      MHD_OPTION_EXTERNAL_LOGGER, say_nothing, NULL,
                                      MHD_OPTION_ARRAY, list.items, MHD_OPTION_END);
    if (server->daemon != NULL)
        return STATUS_OK;
    close(listener);
    return error_set(reterr, STATUS_UNAVAILABLE, "cannot_start_thread",
                     "the server's threads do not start; raise the limits of tasks and of open "
                     "files (systemd: TasksMax=, LimitNOFILE=; ulimit -u, ulimit -n)");
}

static Status tls_take(HttpServer *server, Error *reterr) {
    const HttpServerOptions *options = &server->options;
    assert((options->tls_certificate_pem == NULL) == (options->tls_key_pem == NULL));
    if (options->tls_certificate_pem == NULL)
        return STATUS_OK;
    if (MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES)
        return error_set(reterr, STATUS_UNSUPPORTED, "no_tls",
                         "this libmicrohttpd is built without TLS; install one with it");
    size_t key_length = strlen(options->tls_key_pem);
    if (key_length > SECRET_MAX_BYTES)
        return error_set(reterr, STATUS_INVALID, "bad_tls_certificate",
                         "the TLS key is longer than the %d bytes accepted", SECRET_MAX_BYTES);
    CertificateTerm term;
    TRY(server_certificate_read(options->tls_certificate_pem, options->tls_key_pem, &term, reterr));
    server->certificate = mem_strdup(options->tls_certificate_pem);
    server->key = secret_new(options->tls_key_pem, key_length);
    return STATUS_OK;
}

static HttpServer *server_free(HttpServer *server) {
    parking_free(server->parking);
    connections_free(server->connections);
    monitor_done(&server->monitor);
    mem_free(server->certificate);
    secret_free(server->key);
    return mem_free(server);
}

Status http_server_start(const HttpServerOptions *options, HttpServer **ret_server, Error *reterr) {
    assert(options->handler != NULL && options->clock != NULL && options->max_body_bytes > 0);
    assert(options->max_header_bytes >= 1024 && options->idle_timeout_s > 0);
    HttpServer *server = mem_alloc(sizeof(*server));
    server->options = *options;
    monitor_init(&server->monitor);
    server->parking = parking_new((ParkingOptions){
        .clock = options->clock, .suspend = exchange_suspend, .resume = exchange_resume});
    server->connections = connections_new((ConnectionsOptions){
        .clock = options->clock,
        .max_per_address = options->max_connections_per_address,
        .step_ms = (int64_t)options->idle_timeout_s * SECOND_MS * STEP_TIME_FACTOR,
    });
    Status status = server->parking != NULL && server->connections != NULL
                        ? tls_take(server, reterr)
                        : error_set(reterr, STATUS_UNAVAILABLE, "cannot_start_thread",
                                    "the server's timer threads do not start");
    if (status == STATUS_OK)
        status = daemon_start(server, reterr);
    if (status != STATUS_OK) {
        if (server->parking != NULL)
            parking_close(server->parking);
        server_free(server);
        return status;
    }
    *ret_server = server;
    return STATUS_OK;
}

int http_server_port(const HttpServer *server) {
    return server->port;
}

// Stopping

static void wait_until_idle(HttpServer *server) {
    int64_t until_ms = clock_monotonic_ms(&SYSTEM_CLOCK) + STOP_GRACE_S * SECOND_MS;
    monitor_lock(&server->monitor);
    while (atomic_load(&server->exchanges) > 0 && monitor_wait_until(&server->monitor, until_ms))
        ;
    monitor_unlock(&server->monitor);
}

// The listener stays open until MHD_stop_daemon and newcomers are answered 503: taking it from the
// threads (MHD_quiesce_daemon) races with a thread that leaves it by itself at its limit of
// connections, and libmicrohttpd 0.9.75 aborts the process then.
HttpServer *http_server_stop(HttpServer *server) {
    if (server == NULL)
        return NULL;
    atomic_store(&server->stopping, true);
    // Nothing may be suspended when the daemon stops, and nothing is from here on.
    parking_close(server->parking);
    wait_until_idle(server);
    MHD_stop_daemon(server->daemon);
    return server_free(server);
}

// Waiting

uint64_t http_server_sequence(const HttpServer *server) {
    return parking_sequence(server->parking);
}

void http_server_wake(HttpServer *server, const char *key) {
    parking_wake(server->parking, key);
}

size_t http_server_parked(const HttpServer *server) {
    return parking_count(server->parking);
}
