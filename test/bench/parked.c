// Many connectors in one program, each with its own TLS connection, whose polls wait at daypassd.
// Its standard input says "status" for one line of JSON; each poll that brings work is a line
// "woken INSTANCE MICROSECONDS", by the monotonic clock.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <netinet/tcp.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "samples.h"

enum {
    HANDSHAKES_AT_ONCE = 64,
    POLL_WAIT_S = 25, // as a connector's
    RETRY_US = 500000,
    LOOK_MS = 20,
    ANSWER_MAX_BYTES = 65536,
    REQUEST_MAX_BYTES = 2048,
    EVENTS_AT_ONCE = 512,
    REFUSALS_MAX = 16,
};

static const char PATH[] = "/v1/connector/poll";

typedef enum Phase { PHASE_AWAY, PHASE_CONNECTING, PHASE_SENDING, PHASE_PARKED } Phase;

typedef struct Peer {
    char id[64];
    unsigned char secret[crypto_sign_SECRETKEYBYTES];
    Phase phase;
    int socket;
    gnutls_session_t tls;
    int64_t retry_at_us;
    char *request;
    size_t request_length;
    size_t sent;
    char *answer;
    size_t answer_length;
} Peer;

// Answers with a status of 400 and above, by the code of their problem.
typedef struct Refusal {
    char code[40];
    long long count;
} Refusal;

typedef struct Crowd {
    Peer *peers;
    size_t count;
    int events;
    struct sockaddr_in address;
    gnutls_certificate_credentials_t trust;
    size_t connecting;
    size_t parked;
    long long polls; // that were answered
    Refusal refusals[REFUSALS_MAX];
    long long lost; // connections
} Crowd;

// ---- A signed poll (RFC 9421), as src/wire/signature.c makes it --------------------------------

static void base64(char *text, size_t size, const unsigned char *bytes, size_t length) {
    sodium_bin2base64(text, size, bytes, length, sodium_base64_VARIANT_ORIGINAL);
}

static void write_poll(Peer *peer) {
    unsigned char random[16];
    char nonce[33];
    char body[128];
    unsigned char hash[crypto_hash_sha256_BYTES];
    char digest[64];
    char parameters[320];
    char base[768];
    unsigned char signature[crypto_sign_BYTES];
    char signature_text[96];
    randombytes_buf(random, sizeof random);
    sodium_bin2hex(nonce, sizeof nonce, random, sizeof random);
    int length = snprintf(body, sizeof body, "{\"capacity\":4,\"wait_s\":%d,\"nonce\":\"%s\"}",
                          POLL_WAIT_S, nonce);
    crypto_hash_sha256(hash, (const unsigned char *)body, (unsigned long long)length);
    base64(digest, sizeof digest, hash, sizeof hash);
    snprintf(parameters, sizeof parameters,
             "(\"@method\" \"@path\" \"@query\" \"content-digest\")"
             ";created=%lld;nonce=\"%s\";keyid=\"%s\";alg=\"ed25519\"",
             (long long)time(NULL), nonce, peer->id);
    int base_length = snprintf(base, sizeof base,
                               "\"@method\": POST\n\"@path\": %s\n\"@query\": ?\n"
                               "\"content-digest\": sha-256=:%s:\n\"@signature-params\": %s",
                               PATH, digest, parameters);
    crypto_sign_detached(signature, NULL, (const unsigned char *)base,
                         (unsigned long long)base_length, peer->secret);
    base64(signature_text, sizeof signature_text, signature, sizeof signature);
    peer->request_length = (size_t)snprintf(
        peer->request, REQUEST_MAX_BYTES,
        "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Content-Digest: sha-256=:%s:\r\nSignature-Input: sig1=%s\r\nSignature: sig1=:%s:\r\n"
        "Content-Length: %d\r\n\r\n%s",
        PATH, digest, parameters, signature_text, length, body);
    peer->sent = 0;
    peer->answer_length = 0;
}

// ---- A connection
// --------------------------------------------------------------------------------

static void set_phase(Crowd *crowd, Peer *peer, Phase phase) {
    crowd->connecting -= peer->phase == PHASE_CONNECTING;
    crowd->parked -= peer->phase == PHASE_PARKED;
    peer->phase = phase;
    crowd->connecting += phase == PHASE_CONNECTING;
    crowd->parked += phase == PHASE_PARKED;
}

static void leave(Crowd *crowd, Peer *peer) {
    crowd->lost += peer->phase == PHASE_PARKED || peer->phase == PHASE_SENDING;
    gnutls_deinit(peer->tls);
    close(peer->socket);
    peer->tls = NULL;
    peer->retry_at_us = now_us() + RETRY_US / 2 + randombytes_uniform(RETRY_US);
    set_phase(crowd, peer, PHASE_AWAY);
}

static void watch(Crowd *crowd, Peer *peer, int operation, bool writes) {
    struct epoll_event event = {.events = EPOLLIN | (writes ? (uint32_t)EPOLLOUT : 0),
                                .data.ptr = peer};
    if (epoll_ctl(crowd->events, operation, peer->socket, &event) != 0)
        give_up("epoll: %s", strerror(errno));
}

static void arrive(Crowd *crowd, Peer *peer) {
    peer->socket = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (peer->socket < 0)
        give_up("no socket: %s; expected ulimit -n above the number of connectors",
                strerror(errno));
    int on = 1;
    setsockopt(peer->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const struct sockaddr *address = (const struct sockaddr *)&crowd->address;
    bool failed = connect(peer->socket, address, sizeof crowd->address) != 0;
    gnutls_init(&peer->tls, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);
    gnutls_set_default_priority(peer->tls);
    gnutls_server_name_set(peer->tls, GNUTLS_NAME_DNS, "localhost", strlen("localhost"));
    gnutls_session_set_verify_cert(peer->tls, "localhost", 0);
    gnutls_credentials_set(peer->tls, GNUTLS_CRD_CERTIFICATE, crowd->trust);
    gnutls_transport_set_int(peer->tls, peer->socket);
    set_phase(crowd, peer, PHASE_CONNECTING);
    if (failed && errno != EINPROGRESS)
        leave(crowd, peer);
    else
        watch(crowd, peer, EPOLL_CTL_ADD, true);
}

// True: the step is done. False: it waits, or the connection is lost.
static bool finish_handshake(Crowd *crowd, Peer *peer) {
    int status = gnutls_handshake(peer->tls);
    if (status == GNUTLS_E_SUCCESS)
        return true;
    if (gnutls_error_is_fatal(status))
        leave(crowd, peer);
    else
        watch(crowd, peer, EPOLL_CTL_MOD, gnutls_record_get_direction(peer->tls) == 1);
    return false;
}

static void send_poll(Crowd *crowd, Peer *peer) {
    while (peer->sent < peer->request_length) {
        ssize_t sent = gnutls_record_send(peer->tls, peer->request + peer->sent,
                                          peer->request_length - peer->sent);
        if (sent == GNUTLS_E_AGAIN || sent == GNUTLS_E_INTERRUPTED) {
            watch(crowd, peer, EPOLL_CTL_MOD, true);
            return;
        }
        if (sent < 0) {
            leave(crowd, peer);
            return;
        }
        peer->sent += (size_t)sent;
    }
    watch(crowd, peer, EPOLL_CTL_MOD, false);
    set_phase(crowd, peer, PHASE_PARKED);
}

static void begin_poll(Crowd *crowd, Peer *peer) {
    write_poll(peer);
    set_phase(crowd, peer, PHASE_SENDING);
    send_poll(crowd, peer);
}

static bool is_whole(const Peer *peer) {
    const char *end = strstr(peer->answer, "\r\n\r\n");
    if (end == NULL)
        return false;
    const char *line = strcasestr(peer->answer, "\r\ncontent-length:");
    size_t body = line == NULL || line > end
                      ? 0
                      : (size_t)strtoull(line + strlen("\r\ncontent-length:"), NULL, 10);
    return peer->answer_length >= (size_t)(end - peer->answer) + 4 + body;
}

static void count_refusal(Crowd *crowd, const char *answer) {
    static const char NAME[] = "\"code\":\"";
    const char *code = strstr(answer, NAME);
    code = code == NULL ? "none" : code + sizeof NAME - 1;
    size_t length = strcspn(code, "\"");
    for (size_t i = 0; i < REFUSALS_MAX; i++) {
        Refusal *refusal = &crowd->refusals[i];
        if (refusal->count == 0)
            snprintf(refusal->code, sizeof refusal->code, "%.*s", (int)length, code);
        if (strlen(refusal->code) == length && strncmp(refusal->code, code, length) == 0) {
            refusal->count++;
            return;
        }
    }
    give_up("more than %d kinds of refusals", REFUSALS_MAX);
}

static void take_answer(Crowd *crowd, Peer *peer) {
    int status = (int)strtol(peer->answer + strlen("HTTP/1.1 "), NULL, 10);
    crowd->polls++;
    if (status >= 400) {
        count_refusal(crowd, peer->answer);
        leave(crowd, peer);
        return;
    }
    if (strstr(peer->answer, "\"payload\"") != NULL)
        printf("woken %s %lld\n", peer->id, (long long)now_us());
    begin_poll(crowd, peer);
}

static void receive(Crowd *crowd, Peer *peer) {
    for (;;) {
        ssize_t got = gnutls_record_recv(peer->tls, peer->answer + peer->answer_length,
                                         ANSWER_MAX_BYTES - peer->answer_length - 1);
        if (got == GNUTLS_E_AGAIN || got == GNUTLS_E_INTERRUPTED)
            return;
        if (got <= 0 && (got == 0 || gnutls_error_is_fatal((int)got))) {
            leave(crowd, peer);
            return;
        }
        if (got < 0)
            continue; // a new session ticket, or the like
        peer->answer_length += (size_t)got;
        peer->answer[peer->answer_length] = '\0';
        if (is_whole(peer)) {
            take_answer(crowd, peer);
            return;
        }
    }
}

static void meet(Crowd *crowd, Peer *peer) {
    if (peer->phase == PHASE_CONNECTING && finish_handshake(crowd, peer))
        begin_poll(crowd, peer);
    else if (peer->phase == PHASE_SENDING)
        send_poll(crowd, peer);
    else if (peer->phase == PHASE_PARKED)
        receive(crowd, peer);
}

// ---- All of them
// ---------------------------------------------------------------------------------

static void read_peers(Crowd *crowd, const char *path) {
    FILE *file = fopen(path, "re");
    if (file == NULL)
        give_up("%s: no connectors can be read", path);
    char id[64];
    char seed_text[64];
    while (fscanf(file, "%63s %63s", id, seed_text) == 2) {
        crowd->peers = mem_realloc(crowd->peers, (crowd->count + 1) * sizeof *crowd->peers);
        Peer *peer = &crowd->peers[crowd->count++];
        *peer = (Peer){.socket = -1};
        memcpy(peer->id, id, sizeof id);
        unsigned char seed[crypto_sign_SEEDBYTES];
        unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
        size_t length = 0;
        if (sodium_base642bin(seed, sizeof seed, seed_text, strlen(seed_text), NULL, &length, NULL,
                              sodium_base64_VARIANT_ORIGINAL) != 0 ||
            length != sizeof seed)
            give_up("%s: the key of %s is no 32 bytes in base64", path, id);
        crypto_sign_seed_keypair(public_key, peer->secret, seed);
        peer->request = mem_alloc(REQUEST_MAX_BYTES);
        peer->answer = mem_alloc(ANSWER_MAX_BYTES);
    }
    fclose(file);
}

static void let_arrive(Crowd *crowd) {
    int64_t now = now_us();
    for (size_t i = 0; i < crowd->count && crowd->connecting < HANDSHAKES_AT_ONCE; i++)
        if (crowd->peers[i].phase == PHASE_AWAY && crowd->peers[i].retry_at_us <= now)
            arrive(crowd, &crowd->peers[i]);
}

// False: whoever started this has gone.
static bool answer_input(const Crowd *crowd) {
    char line[64];
    ssize_t got = read(STDIN_FILENO, line, sizeof line);
    if (got <= 0)
        return false;
    printf("{\"count\": %zu, \"parked\": %zu, \"polls\": %lld, \"lost\": %lld, \"refusals\": {",
           crowd->count, crowd->parked, crowd->polls, crowd->lost);
    for (size_t i = 0; i < REFUSALS_MAX && crowd->refusals[i].count > 0; i++)
        printf("%s\"%s\": %lld", i == 0 ? "" : ", ", crowd->refusals[i].code,
               crowd->refusals[i].count);
    printf("}}\n");
    return true;
}

static void run(Crowd *crowd) {
    static struct epoll_event found[EVENTS_AT_ONCE];
    struct epoll_event input = {.events = EPOLLIN, .data.ptr = NULL};
    crowd->events = epoll_create1(EPOLL_CLOEXEC);
    epoll_ctl(crowd->events, EPOLL_CTL_ADD, STDIN_FILENO, &input);
    for (;;) {
        if (crowd->connecting < HANDSHAKES_AT_ONCE)
            let_arrive(crowd);
        int count = epoll_wait(crowd->events, found, EVENTS_AT_ONCE, LOOK_MS);
        for (int i = 0; i < count; i++) {
            if (found[i].data.ptr != NULL)
                meet(crowd, found[i].data.ptr);
            else if (!answer_input(crowd))
                return;
        }
        fflush(stdout);
    }
}

int main(int argc, char **argv) {
    if (argc != 4)
        give_up("usage: parked PORT CA-FILE CONNECTORS, a file of lines \"INSTANCE SEED\"");
    if (sodium_init() < 0)
        give_up("libsodium did not start");
    static Crowd crowd;
    crowd.address = (struct sockaddr_in){.sin_family = AF_INET,
                                         .sin_port = htons((uint16_t)strtol(argv[1], NULL, 10)),
                                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    gnutls_certificate_allocate_credentials(&crowd.trust);
    if (gnutls_certificate_set_x509_trust_file(crowd.trust, argv[2], GNUTLS_X509_FMT_PEM) < 1)
        give_up("%s: no certificate can be read", argv[2]);
    read_peers(&crowd, argv[3]);
    run(&crowd);
    return 0;
}
