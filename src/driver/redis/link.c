#include "driver/redis/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "driver/sqlstate.h"

struct Link {
    const Clock *clock;
    int fd;
    gnutls_session_t session; // NULL: no TLS
    gnutls_certificate_credentials_t credentials;
    const char *protocol;
};

static Status fail(FailureClass failure, FailureClass *ret_failure) {
    *ret_failure = failure;
    return failure_status(failure);
}

static bool wait_for(const Link *link, short events, int64_t until_ms) {
    int64_t remaining_ms = until_ms - clock_monotonic_ms(link->clock);
    if (remaining_ms <= 0)
        return false;
    struct pollfd ready = {.fd = link->fd, .events = events};
    int count = poll(&ready, 1, remaining_ms > INT32_MAX ? INT32_MAX : (int)remaining_ms);
    return count != 0; // a signal or an error: whoever waits looks for itself
}

// ---- Connecting ---------------------------------------------------------------------------------

// 0, or the reason as errno has it.
static int connect_to(Link *link, const struct sockaddr *address, socklen_t size,
                      int64_t until_ms) {
    link->fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (link->fd < 0)
        return errno;
    if (connect(link->fd, address, size) == 0)
        return 0;
    int failure = errno;
    if (failure == EINPROGRESS) {
        socklen_t length = sizeof failure;
        failure = ETIMEDOUT;
        // A signal ends poll early, and then the connection is not there yet.
        struct pollfd ready = {.fd = link->fd, .events = POLLOUT};
        while (wait_for(link, POLLOUT, until_ms))
            if (poll(&ready, 1, 0) == 1) {
                if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &failure, &length) != 0)
                    failure = errno;
                break;
            }
    }
    if (failure != 0) {
        close(link->fd);
        link->fd = -1;
    }
    return failure;
}

static Status unreachable(const DriverLogin *login, int failure, FailureClass *ret_failure,
                          Error *reterr) {
    Status status = fail(FAILURE_RETRY, ret_failure);
    if (failure == EMFILE || failure == ENFILE)
        return error_set(reterr, status, "connector_out_of_files",
                         "the connector has as many files open as it may; raise its LimitNOFILE "
                         "(ulimit -n), and see what else holds them");
    return error_set(reterr, status, "target_unreachable",
                     "no connection to Redis at %s: %s; check address, port and route",
                     login->target->host, errno_reason(failure));
}

static Status connect_unix(Link *link, const DriverLogin *login, int64_t until_ms,
                           FailureClass *ret_failure, Error *reterr) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(login->target->host) >= sizeof address.sun_path)
        return unreachable(login, ENAMETOOLONG, ret_failure, reterr);
    memcpy(address.sun_path, login->target->host, strlen(login->target->host) + 1);
    int failure = connect_to(link, (struct sockaddr *)&address, sizeof address, until_ms);
    return failure == 0 ? STATUS_OK : unreachable(login, failure, ret_failure, reterr);
}

static void keep_alive(int fd) {
    const struct {
        int level, name, value;
    } options[] = {{SOL_SOCKET, SO_KEEPALIVE, 1},
                   {IPPROTO_TCP, TCP_KEEPIDLE, 30},
                   {IPPROTO_TCP, TCP_KEEPINTVL, 10},
                   {IPPROTO_TCP, TCP_KEEPCNT, 3},
                   {IPPROTO_TCP, TCP_NODELAY, 1}};
    // Without them all works too; only a silent loss is noticed later.
    for (size_t i = 0; i < COUNT_OF(options); i++)
        (void)setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof(int));
}

static Status connect_tcp(Link *link, const DriverLogin *login, int64_t until_ms,
                          FailureClass *ret_failure, Error *reterr) {
    const TargetAddress *target = login->target;
    int64_t port = target->port != 0 ? target->port : target_default_port(TARGET_REDIS);
    char service[16];
    snprintf(service, sizeof service, "%lld", (long long)port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *addresses = NULL;
    if (getaddrinfo(target->host, service, &hints, &addresses) != 0)
        return error_set(reterr, fail(FAILURE_RETRY, ret_failure), "target_unreachable",
                         "cannot resolve %s; is the name right, and does name resolution work on "
                         "the connector's host?",
                         target->host);
    int failure = ECONNREFUSED;
    for (const struct addrinfo *at = addresses; at != NULL && failure != 0; at = at->ai_next)
        failure = connect_to(link, at->ai_addr, at->ai_addrlen, until_ms);
    freeaddrinfo(addresses);
    if (failure != 0)
        return unreachable(login, failure, ret_failure, reterr);
    keep_alive(link->fd);
    return STATUS_OK;
}

// ---- TLS ----------------------------------------------------------------------------------------

static Status tls_failed(const DriverLogin *login, FailureClass failure, const char *why,
                         FailureClass *ret_failure, Error *reterr) {
    return error_set(reterr, fail(failure, ret_failure), "tls_failed",
                     "no TLS connection to %s in mode %s: %s", login->target->host,
                     enum_name(&TLS_MODES, login->target->tls), why);
}

static bool is_address(const char *host) {
    struct in6_addr bytes;
    return inet_pton(AF_INET, host, &bytes) == 1 || inet_pton(AF_INET6, host, &bytes) == 1;
}

static Status load_authorities(Link *link, const DriverLogin *login, FailureClass *ret_failure,
                               Error *reterr) {
    int count = login->ca_file != NULL
                    ? gnutls_certificate_set_x509_trust_file(link->credentials, login->ca_file,
                                                             GNUTLS_X509_FMT_PEM)
                    : gnutls_certificate_set_x509_system_trust(link->credentials);
    if (count > 0)
        return STATUS_OK;
    return tls_failed(login, FAILURE_FATAL,
                      login->ca_file != NULL
                          ? "ca_file holds no certificate that can be read"
                          : "this system has no certificate authorities; name one with ca_file",
                      ret_failure, reterr);
}

static bool prepare_tls(Link *link, const DriverLogin *login) {
    const char *host = login->target->host;
    int tls = login->target->tls;
    if (gnutls_init(&link->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) != 0)
        return false;
    gnutls_transport_set_int(link->session, link->fd);
    if (tls == TLS_VERIFY_FULL || tls == TLS_VERIFY_CA)
        gnutls_session_set_verify_cert(link->session, tls == TLS_VERIFY_FULL ? host : NULL, 0);
    return gnutls_set_default_priority(link->session) == 0 &&
           gnutls_credentials_set(link->session, GNUTLS_CRD_CERTIFICATE, link->credentials) == 0 &&
           (is_address(host) ||
            gnutls_server_name_set(link->session, GNUTLS_NAME_DNS, host, strlen(host)) == 0);
}

static bool is_only_waiting(long result) {
    return result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED;
}

static bool wait_for_tls(const Link *link, int64_t until_ms) {
    return wait_for(link, gnutls_record_get_direction(link->session) == 1 ? POLLOUT : POLLIN,
                    until_ms);
}

static Status start_tls(Link *link, const DriverLogin *login, int64_t until_ms,
                        FailureClass *ret_failure, Error *reterr) {
    if (gnutls_certificate_allocate_credentials(&link->credentials) != 0)
        return tls_failed(login, FAILURE_RETRY, "no memory for it", ret_failure, reterr);
    if (login->target->tls != TLS_REQUIRE)
        TRY(load_authorities(link, login, ret_failure, reterr));
    if (!prepare_tls(link, login))
        return tls_failed(login, FAILURE_FATAL, "it cannot be prepared", ret_failure, reterr);
    int result;
    while ((result = gnutls_handshake(link->session)) != 0) {
        if (is_only_waiting(result) && wait_for_tls(link, until_ms))
            continue;
        if (is_only_waiting(result))
            return tls_failed(login, FAILURE_RETRY,
                              "the server did not answer in time; is this a port with TLS?",
                              ret_failure, reterr);
        if (result == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR ||
            result == GNUTLS_E_CERTIFICATE_ERROR)
            return tls_failed(login, FAILURE_FATAL,
                              "the server's certificate is not accepted; check ca_file and that "
                              "the certificate names this host",
                              ret_failure, reterr);
        if (gnutls_error_is_fatal(result))
            return tls_failed(login, FAILURE_FATAL,
                              "the server does not offer TLS at this port, or no common version "
                              "of it, or wants a certificate of the client, which is not offered",
                              ret_failure, reterr);
    }
    link->protocol = gnutls_protocol_get_name(gnutls_protocol_get_version(link->session));
    return STATUS_OK;
}

// ---- Life ---------------------------------------------------------------------------------------

Status redis_link_open(const DriverLogin *login, int64_t until_ms, Link **ret_link,
                       FailureClass *ret_failure, Error *reterr) {
    CLEANUP(redis_link_closep) Link *link = mem_alloc(sizeof *link);
    link->fd = -1;
    link->clock = login->clock;
    // As everywhere else, a socket of this machine needs no TLS; the server offers none there.
    bool is_unix = login->target->host[0] == '/';
    if (is_unix)
        TRY(connect_unix(link, login, until_ms, ret_failure, reterr));
    else
        TRY(connect_tcp(link, login, until_ms, ret_failure, reterr));
    if (!is_unix && login->target->tls != TLS_DISABLE)
        TRY(start_tls(link, login, until_ms, ret_failure, reterr));
    *ret_link = link;
    link = NULL;
    return STATUS_OK;
}

Link *redis_link_close(Link *link) {
    if (link == NULL)
        return NULL;
    if (link->session != NULL) {
        if (link->protocol != NULL)
            gnutls_bye(link->session, GNUTLS_SHUT_WR);
        gnutls_deinit(link->session);
    }
    if (link->credentials != NULL)
        gnutls_certificate_free_credentials(link->credentials);
    if (link->fd >= 0)
        close(link->fd);
    return mem_free(link);
}

// ---- Bytes --------------------------------------------------------------------------------------

static ssize_t send_some(Link *link, const char *bytes, size_t length, bool *ret_wait) {
    if (link->session != NULL) {
        ssize_t sent = gnutls_record_send(link->session, bytes, length);
        *ret_wait = is_only_waiting(sent);
        return sent;
    }
    ssize_t sent = send(link->fd, bytes, length, MSG_NOSIGNAL);
    *ret_wait = sent < 0 && (errno == EAGAIN || errno == EINTR);
    return sent;
}

bool redis_link_send(Link *link, const char *bytes, size_t length, int64_t until_ms) {
    while (length > 0) {
        bool waits;
        ssize_t sent = send_some(link, bytes, length, &waits);
        if (waits && (link->session != NULL ? wait_for_tls(link, until_ms)
                                            : wait_for(link, POLLOUT, until_ms)))
            continue;
        if (sent <= 0)
            return false;
        bytes += sent;
        length -= (size_t)sent;
    }
    return true;
}

size_t redis_link_receive(Link *link, char *bytes, size_t size, int64_t until_ms) {
    for (;;) {
        bool waits;
        ssize_t received;
        if (link->session != NULL) {
            received = gnutls_record_recv(link->session, bytes, size);
            waits = is_only_waiting(received);
        } else {
            received = recv(link->fd, bytes, size, 0);
            waits = received < 0 && (errno == EAGAIN || errno == EINTR);
        }
        if (!waits)
            return received > 0 ? (size_t)received : 0;
        if (!(link->session != NULL ? wait_for_tls(link, until_ms)
                                    : wait_for(link, POLLIN, until_ms)))
            return 0;
    }
}

const char *redis_link_protocol(const Link *link) {
    return link->protocol;
}
