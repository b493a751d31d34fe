#include "driver/check_list.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver/login.h"

enum { REPORT_MAX = 500 };

CheckList check_list_new(Arena *arena) {
    return (CheckList){
        .arena = arena,
        .report = {.items = arena_alloc(arena, REPORT_MAX * sizeof(CheckItem))},
    };
}

void check_list_add(CheckList *list, int result, const char *name, const char *repair,
                    const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const char *found = arena_vprintf(list->arena, format, arguments);
    va_end(arguments);
    CheckReport *report = &list->report;
    if (report->count == REPORT_MAX)
        return;
    report->items[report->count++] = (CheckItem){.name = arena_strdup(list->arena, name),
                                                 .result = result,
                                                 .found = found,
                                                 .repair = arena_strdup(list->arena, repair)};
}

static int connect_one(const struct addrinfo *address, int timeout_ms) {
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    int failure = 0;
    if (connect(fd, address->ai_addr, address->ai_addrlen) != 0) {
        failure = errno;
        struct pollfd ready = {.fd = fd, .events = POLLOUT};
        socklen_t size = sizeof failure;
        if (failure == EINPROGRESS) {
            if (poll(&ready, 1, timeout_ms) != 1)
                failure = ETIMEDOUT;
            else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &size) != 0)
                failure = errno;
        }
    }
    close(fd);
    return failure;
}

static const char *failure_text(Arena *arena, int failure) {
    char text[128];
    return arena_strdup(arena, strerror_r(failure, text, sizeof text));
}

bool check_list_add_route(CheckList *list, const DriverLogin *login) {
    const TargetAddress *target = login->target;
    int64_t port = target->port != 0 ? target->port : target_default_port((TargetKind)target->kind);
    if (target->host[0] == '/') {
        check_list_add(list, CHECK_OK, "route", NULL, "Unix socket in %s", target->host);
        return true;
    }
    char service[16];
    snprintf(service, sizeof service, "%lld", (long long)port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *addresses = NULL;
    int failure = getaddrinfo(target->host, service, &hints, &addresses);
    if (failure != 0) {
        check_list_add(
            list, CHECK_FAILED, "name resolution",
            "correct the integration's host, or the name service of the connector's machine",
            "%s is not known: %s", target->host, gai_strerror(failure));
        return false;
    }
    char text[NI_MAXHOST] = "?";
    getnameinfo(addresses->ai_addr, addresses->ai_addrlen, text, sizeof text, NULL, 0,
                NI_NUMERICHOST);
    check_list_add(list, CHECK_OK, "name resolution", NULL, "%s is %s", target->host, text);
    int timeout_ms = login_connect_ms(login);
    int last = ECONNREFUSED;
    for (const struct addrinfo *at = addresses; at != NULL && last != 0; at = at->ai_next)
        last = connect_one(at, timeout_ms);
    freeaddrinfo(addresses);
    if (last != 0) {
        check_list_add(list, CHECK_FAILED, "route",
                       "let the connector's machine reach that port: firewall, security group, "
                       "the addresses the server listens on",
                       "no connection to port %s: %s", service, failure_text(list->arena, last));
        return false;
    }
    check_list_add(list, CHECK_OK, "route", NULL, "port %s answers", service);
    return true;
}
