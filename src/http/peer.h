// Who is at the other end, as text: the address, and what counts as one address where something is
// limited by it.
#pragma once

#include <sys/socket.h>

enum { PEER_TEXT_MAX = 64 };

// "127.0.0.1", "2001:db8::1"; "" when it is no IP address. An IPv4 client of a listener on "::" is
// the same client.
void peer_address(const struct sockaddr *address, char ret_text[PEER_TEXT_MAX]);
// An IPv4 address itself; of IPv6 the network, "2001:db8:0:1::/64": whoever has one address of it
// has all of them (RFC 4291, 2.5.1; RFC 6177).
void peer_group(const struct sockaddr *address, char ret_text[PEER_TEXT_MAX]);
