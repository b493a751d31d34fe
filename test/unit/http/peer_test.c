#include "http/peer.h"

#include "base/macros.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

static const struct {
    const char *address;
    const char *shown;
    const char *group;
} CASES[] = {
    {"127.0.0.1", "127.0.0.1", "127.0.0.1"},
    {"203.0.113.9", "203.0.113.9", "203.0.113.9"},
    {"::ffff:203.0.113.9", "203.0.113.9", "203.0.113.9"},
    {"::1", "::1", "::/64"},
    {"2001:db8:0:1::5", "2001:db8:0:1::5", "2001:db8:0:1::/64"},
    {"2001:db8:0:1:ffff:ffff:ffff:ffff", "2001:db8:0:1:ffff:ffff:ffff:ffff", "2001:db8:0:1::/64"},
    {"2001:db8:0:2::5", "2001:db8:0:2::5", "2001:db8:0:2::/64"},
};

static struct sockaddr_storage address_of(const char *text) {
    struct sockaddr_storage address = {0};
    struct sockaddr_in ipv4 = {.sin_family = AF_INET};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_scope_id = 3};
    if (inet_pton(AF_INET, text, &ipv4.sin_addr) == 1)
        memcpy(&address, &ipv4, sizeof(ipv4));
    else if (inet_pton(AF_INET6, text, &ipv6.sin6_addr) == 1)
        memcpy(&address, &ipv6, sizeof(ipv6));
    else
        fail_msg("%s", text);
    return address;
}

static void an_address_is_shown_and_grouped(void **state) {
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        const struct sockaddr_storage address = address_of(CASES[i].address);
        char text[PEER_TEXT_MAX];
        peer_address((const struct sockaddr *)&address, text);
        assert_string_equal(text, CASES[i].shown);
        peer_group((const struct sockaddr *)&address, text);
        assert_string_equal(text, CASES[i].group);
    }
}

static void what_is_no_ip_address_is_nothing(void **state) {
    const struct sockaddr_un path = {.sun_family = AF_UNIX};
    char text[PEER_TEXT_MAX] = "x";
    peer_address((const struct sockaddr *)&path, text);
    assert_string_equal(text, "");
    peer_group(NULL, text);
    assert_string_equal(text, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_shown_and_grouped),
        cmocka_unit_test(what_is_no_ip_address_is_nothing),
    };
    return cmocka_run_group_tests_name("peer", tests, NULL, NULL);
}
