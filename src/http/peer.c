#include "http/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { NETWORK_BYTES = 8, MAPPED_BYTES = 12 };

// Text of an IPv4 address, also of one within an IPv6 address; false when it is neither.
static bool is_ipv4(const struct sockaddr *address, char ret_text[PEER_TEXT_MAX]) {
    if (address->sa_family == AF_INET) {
        struct sockaddr_in ipv4;
        memcpy(&ipv4, address, sizeof(ipv4));
        inet_ntop(AF_INET, &ipv4.sin_addr, ret_text, PEER_TEXT_MAX);
        return true;
    }
    if (address->sa_family != AF_INET6)
        return false;
    struct sockaddr_in6 ipv6;
    memcpy(&ipv6, address, sizeof(ipv6));
    if (!IN6_IS_ADDR_V4MAPPED(&ipv6.sin6_addr))
        return false;
    inet_ntop(AF_INET, &ipv6.sin6_addr.s6_addr[MAPPED_BYTES], ret_text, PEER_TEXT_MAX);
    return true;
}

void peer_address(const struct sockaddr *address, char ret_text[PEER_TEXT_MAX]) {
    ret_text[0] = '\0';
    if (address == NULL || is_ipv4(address, ret_text) || address->sa_family != AF_INET6)
        return;
    struct sockaddr_in6 ipv6;
    memcpy(&ipv6, address, sizeof(ipv6));
    inet_ntop(AF_INET6, &ipv6.sin6_addr, ret_text, PEER_TEXT_MAX);
}

void peer_group(const struct sockaddr *address, char ret_text[PEER_TEXT_MAX]) {
    ret_text[0] = '\0';
    if (address == NULL || is_ipv4(address, ret_text) || address->sa_family != AF_INET6)
        return;
    struct sockaddr_in6 ipv6;
    memcpy(&ipv6, address, sizeof(ipv6));
    memset(&ipv6.sin6_addr.s6_addr[NETWORK_BYTES], 0, sizeof(ipv6.sin6_addr) - NETWORK_BYTES);
    char network[INET6_ADDRSTRLEN];
    inet_ntop(AF_INET6, &ipv6.sin6_addr, network, sizeof(network));
    snprintf(ret_text, PEER_TEXT_MAX, "%s/64", network);
}
