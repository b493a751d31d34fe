#include "scripted.h"

#include "base/buffer.h"
#include "base/memory.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE_MS = 20000, MAX_CALLS = 64 };

struct Scripted {
    int listener;
    int wake[2]; // closed at the writing end: it is over
    char url[64];
    ScriptedAnswer *answers;
    size_t count;
    pthread_t thread;
    pthread_mutex_t mutex;
    char *calls[MAX_CALLS];
    size_t call_count;
};

// What has come is whole when it has as many bytes after the head as the head says.
static bool is_whole(const char *text, size_t length) {
    const char *end = strstr(text, "\r\n\r\n");
    if (end == NULL)
        return false;
    const char *said = strcasestr(text, "\r\nContent-Length:");
    size_t body = said != NULL && said < end ? strtoul(said + 17, NULL, 10) : 0;
    return length >= (size_t)(end + 4 - text) + body;
}

static void receive(int connection, Buffer *into) {
    char bytes[16384];
    while (!is_whole(buffer_text(into), into->length)) {
        struct pollfd ready = {.fd = connection, .events = POLLIN};
        ssize_t count =
            poll(&ready, 1, PATIENCE_MS) > 0 ? recv(connection, bytes, sizeof(bytes), 0) : 0;
        if (count <= 0)
            return;
        buffer_add_bytes(into, bytes, (size_t)count);
    }
}

static void send_all(int connection, const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t count = send(connection, bytes, length, MSG_NOSIGNAL);
        if (count <= 0)
            return;
        bytes += count;
        length -= (size_t)count;
    }
}

static void answer_with(int connection, const ScriptedAnswer *answer) {
    const char *body = answer->body != NULL ? answer->body : "";
    Buffer text = {0};
    buffer_addf(&text, "HTTP/1.1 %d Said\r\nConnection: close\r\nContent-Length: %zu\r\n%s\r\n",
                answer->status != 0 ? answer->status : 200, strlen(body),
                answer->headers != NULL ? answer->headers : "");
    buffer_add_bytes(&text, body, strlen(body) - answer->cut);
    send_all(connection, buffer_text(&text), text.length);
    buffer_done(&text);
}

static void serve(Scripted *scripted, int connection) {
    Buffer call = {0};
    receive(connection, &call);
    pthread_mutex_lock(&scripted->mutex);
    size_t index = scripted->call_count;
    if (index < MAX_CALLS)
        scripted->calls[scripted->call_count++] = mem_strdup(buffer_text(&call));
    pthread_mutex_unlock(&scripted->mutex);
    buffer_done(&call);
    const ScriptedAnswer *answer =
        &scripted->answers[index < scripted->count ? index : scripted->count - 1];
    if (!answer->hang_up)
        answer_with(connection, answer);
    shutdown(connection, SHUT_WR);
    // What is not read would have our answer thrown away.
    char rest[1024];
    struct pollfd ready = {.fd = connection, .events = POLLIN};
    while (!answer->hang_up && poll(&ready, 1, PATIENCE_MS) > 0 &&
           recv(connection, rest, sizeof(rest), 0) > 0)
        ;
    close(connection);
}

static void *run(void *context) {
    Scripted *scripted = context;
    for (;;) {
        struct pollfd wanted[] = {{.fd = scripted->listener, .events = POLLIN},
                                  {.fd = scripted->wake[0], .events = POLLIN}};
        if (poll(wanted, COUNT_OF(wanted), -1) < 0 && errno == EINTR)
            continue;
        if (wanted[1].revents != 0)
            return NULL;
        int connection = accept(scripted->listener, NULL, NULL);
        if (connection >= 0)
            serve(scripted, connection);
    }
}

Scripted *scripted_start(const ScriptedAnswer *answers, size_t count) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    Scripted *scripted = mem_alloc(sizeof(*scripted));
    scripted->answers = mem_alloc(count * sizeof(*answers));
    memcpy(scripted->answers, answers, count * sizeof(*answers));
    scripted->count = count;
    scripted->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(scripted->listener >= 0);
    assert_int_equal(bind(scripted->listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(getsockname(scripted->listener, (struct sockaddr *)&address, &length), 0);
    assert_int_equal(listen(scripted->listener, 64), 0);
    snprintf(scripted->url, sizeof(scripted->url), "http://127.0.0.1:%d", ntohs(address.sin_port));
    assert_int_equal(pipe(scripted->wake), 0);
    pthread_mutex_init(&scripted->mutex, NULL);
    assert_int_equal(pthread_create(&scripted->thread, NULL, run, scripted), 0);
    return scripted;
}

Scripted *scripted_stop(Scripted *scripted) {
    close(scripted->wake[1]);
    pthread_join(scripted->thread, NULL);
    close(scripted->wake[0]);
    close(scripted->listener);
    pthread_mutex_destroy(&scripted->mutex);
    for (size_t i = 0; i < scripted->call_count; i++)
        mem_free(scripted->calls[i]);
    mem_free(scripted->answers);
    return mem_free(scripted);
}

const char *scripted_url(const Scripted *scripted) {
    return scripted->url;
}

size_t scripted_calls(Scripted *scripted) {
    pthread_mutex_lock(&scripted->mutex);
    size_t count = scripted->call_count;
    pthread_mutex_unlock(&scripted->mutex);
    return count;
}

const char *scripted_call(Scripted *scripted, size_t index) {
    assert_true(index < scripted_calls(scripted));
    return scripted->calls[index];
}
