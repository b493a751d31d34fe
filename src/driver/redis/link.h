// The bytes between the connector and a Redis server: TCP, TLS over it, or a Unix socket. Every
// call ends at a time given to it. Knows nothing of what the bytes mean.
#pragma once

#include "driver/driver.h"

typedef struct Link Link;

// `until_ms`: of the login's monotonic clock, here and below. The login is borrowed for as long as
// the link lives. "target_unreachable", "tls_failed", "connector_out_of_files".
MUST_USE Status redis_link_open(const DriverLogin *login, int64_t until_ms, Link **ret_link,
                                FailureClass *ret_failure, Error *reterr);
Link *redis_link_close(Link *link);
DEFINE_CLEANUP(Link, redis_link_close)

// False: the link is lost, or the time is over.
bool redis_link_send(Link *link, const char *bytes, size_t length, int64_t until_ms);
// Some bytes, at least one; 0 likewise.
size_t redis_link_receive(Link *link, char *bytes, size_t size, int64_t until_ms);

// "TLS1.3"; NULL without TLS.
const char *redis_link_protocol(const Link *link);
