#include "http/client.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/text.h"
#include "http/client_failure.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <pthread.h>
#include <sodium.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
    DEFAULT_CONNECT_TIMEOUT_MS = 10 * SECOND_MS,
    DEFAULT_TIMEOUT_MS = 30 * SECOND_MS,
    DEFAULT_BODY_BYTES_MAX = 16 * 1024 * 1024,
    MAX_RETRY_AFTER_LENGTH = 64,
    MAX_WANTED_LENGTH = 256,
};

static const char BEARER_NAME[] = "Authorization";

struct HttpClient {
    CURL *curl;
    char *base_url; // scheme://host:port, without a slash at its end
    char *host;
    char *port;
    char *ca_file;
    char *user_agent;
    bool to_loopback;
    bool plain;
    int connect_timeout_ms;
    size_t max_body_bytes;
};

// Making a client

typedef struct UrlParts {
    char *scheme, *host, *port, *path, *user, *query, *fragment; // curl's; NULL when absent
} UrlParts;

static void url_parts_done(UrlParts *parts) {
    char *all[] = {parts->scheme, parts->host,  parts->port,    parts->path,
                   parts->user,   parts->query, parts->fragment};
    for (size_t i = 0; i < COUNT_OF(all); i++)
        curl_free(all[i]);
}

static bool url_split(const char *text, UrlParts *into) {
    CURLU *url = curl_url();
    if (url == NULL)
        return false;
    bool good = curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_SCHEME, &into->scheme, 0) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_HOST, &into->host, 0) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_PORT, &into->port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_PATH, &into->path, 0) == CURLUE_OK;
    curl_url_get(url, CURLUPART_USER, &into->user, 0);
    curl_url_get(url, CURLUPART_QUERY, &into->query, 0);
    curl_url_get(url, CURLUPART_FRAGMENT, &into->fragment, 0);
    curl_url_cleanup(url);
    return good;
}

static bool is_loopback(const char *host) {
    struct in_addr address;
    if (inet_pton(AF_INET, host, &address) == 1)
        return ntohl(address.s_addr) >> 24 == 127;
    return text_equal(host, "[::1]") || strcasecmp(host, "localhost") == 0;
}

// The URL itself stays out of the messages: people put passwords into URLs.
static Status url_check(const UrlParts *parts, bool plain, Error *reterr) {
    if (parts->user != NULL)
        return error_set(reterr, STATUS_INVALID, "bad_url",
                         "the server's URL must not hold a user name or password");
    if (strcmp(parts->path, "/") != 0 || parts->query != NULL || parts->fragment != NULL)
        return error_set(reterr, STATUS_INVALID, "bad_url",
                         "the server's URL must end after host and port, as in "
                         "https://daypass.internal:8443");
    if (text_equal(parts->scheme, "https"))
        return STATUS_OK;
    if (!text_equal(parts->scheme, "http"))
        return error_set(reterr, STATUS_INVALID, "bad_url",
                         "the server's URL must start with https://");
    if (!plain && !is_loopback(parts->host))
        return error_set(reterr, STATUS_INVALID, "tls_required",
                         "http is only accepted to this machine itself (127.0.0.1, [::1] or "
                         "localhost); use https to reach %.200s",
                         parts->host);
    return STATUS_OK;
}

static Status url_read(const char *text, bool plain, UrlParts *into, Error *reterr) {
    // Without a scheme, curl would guess one by the host's name.
    if (text == NULL || strstr(text, "://") == NULL || !url_split(text, into))
        return error_set(reterr, STATUS_INVALID, "bad_url",
                         "the server's URL cannot be read; expected one such as "
                         "https://daypass.internal:8443");
    return url_check(into, plain, reterr);
}

static Status client_take_url(HttpClient *client, const char *text, Error *reterr) {
    CLEANUP(url_parts_done) UrlParts parts = {0};
    TRY(url_read(text, client->plain, &parts, reterr));
    client->base_url = mem_printf("%s://%s:%s", parts.scheme, parts.host, parts.port);
    client->host = mem_strdup(parts.host);
    client->port = mem_strdup(parts.port);
    client->to_loopback = is_loopback(parts.host);
    return STATUS_OK;
}

static void curl_prepare(void) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

Status http_client_check_url(const char *base_url, Error *reterr) {
    CLEANUP(url_parts_done) UrlParts parts = {0};
    return url_read(base_url, false, &parts, reterr);
}

Status http_client_new(const HttpClientOptions *options, HttpClient **ret_client, Error *reterr) {
    static pthread_once_t prepared = PTHREAD_ONCE_INIT; // needed before threads use curl
    pthread_once(&prepared, curl_prepare);
    CLEANUP(http_client_freep) HttpClient *client = mem_alloc(sizeof(*client));
    client->plain = options->plain;
    TRY(client_take_url(client, options->base_url, reterr));
    if (options->ca_file != NULL && access(options->ca_file, R_OK) != 0)
        return error_set(reterr, STATUS_INVALID, "bad_ca_file",
                         "the file of trusted certificates, %.300s, cannot be read",
                         options->ca_file);
    client->ca_file = mem_strdup(options->ca_file);
    client->user_agent = mem_strdup(options->user_agent);
    client->connect_timeout_ms =
        options->connect_timeout_ms > 0 ? options->connect_timeout_ms : DEFAULT_CONNECT_TIMEOUT_MS;
    client->max_body_bytes =
        options->max_body_bytes > 0 ? options->max_body_bytes : DEFAULT_BODY_BYTES_MAX;
    client->curl = curl_easy_init();
    if (client->curl == NULL)
        return error_set(reterr, STATUS_INTERNAL, "internal", "libcurl does not start");
    *ret_client = client;
    client = NULL;
    return STATUS_OK;
}

HttpClient *http_client_free(HttpClient *client) {
    if (client == NULL)
        return NULL;
    curl_easy_cleanup(client->curl);
    mem_free(client->base_url);
    mem_free(client->host);
    mem_free(client->port);
    mem_free(client->ca_file);
    mem_free(client->user_agent);
    return mem_free(client);
}

// Receiving

typedef struct Receiving {
    Buffer body;
    bool too_large;
    char retry_after[MAX_RETRY_AFTER_LENGTH];
    char wanted[MAX_WANTED_LENGTH];
    const char *wanted_name; // NULL: none
    int64_t date_ms;
    const atomic_bool *stop;
} Receiving;

static size_t receive_body(char *bytes, size_t size, size_t count, void *context) {
    Receiving *receiving = context;
    if (buffer_append(&receiving->body, bytes, size * count, NULL) == STATUS_OK)
        return size * count;
    receiving->too_large = true;
    return 0;
}

// Copies the value of the header of that name, without the space around it.
static bool header_value(const char *line, size_t length, const char *name, char *value,
                         size_t value_size) {
    size_t name_length = strlen(name);
    if (length <= name_length || strncasecmp(line, name, name_length) != 0 ||
        line[name_length] != ':')
        return false;
    const char *start = line + name_length + 1;
    const char *end = line + length;
    while (start < end && strchr(" \t", *start) != NULL)
        start++;
    while (end > start && strchr(" \t\r\n", end[-1]) != NULL)
        end--;
    size_t value_length = (size_t)(end - start);
    if (value_length >= value_size || memchr(start, '\0', value_length) != NULL)
        return false;
    memcpy(value, start, value_length);
    value[value_length] = '\0';
    return true;
}

static size_t receive_header(char *line, size_t size, size_t count, void *context) {
    Receiving *receiving = context;
    size_t length = size * count;
    char value[MAX_RETRY_AFTER_LENGTH];
    if (length >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        // An interim answer (100 Continue) or a proxy's went before.
        receiving->retry_after[0] = '\0';
        receiving->wanted[0] = '\0';
        receiving->date_ms = 0;
    } else if (header_value(line, length, "Retry-After", value, sizeof(value))) {
        memcpy(receiving->retry_after, value, sizeof(value));
    } else if (header_value(line, length, "Date", value, sizeof(value))) {
        time_t at = curl_getdate(value, NULL);
        receiving->date_ms = at > 0 ? (int64_t)at * SECOND_MS : 0;
    } else if (receiving->wanted_name != NULL) {
        header_value(line, length, receiving->wanted_name, receiving->wanted,
                     sizeof(receiving->wanted));
    }
    return length;
}

static int check_stop(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                      curl_off_t up) {
    const Receiving *receiving = context;
    return receiving->stop != NULL && atomic_load(receiving->stop) ? 1 : 0;
}

// Sending

// Header lines as curl wants them, borrowed: curl_slist_append would leave copies of the bearer
// token on the heap.
typedef struct HeaderLines {
    struct curl_slist nodes[COUNT_OF(((HttpCall *)NULL)->headers) + 4];
    size_t count;
    char *bearer; // locked, wiped when done
    char *secret; // the same
} HeaderLines;

static void header_lines_done(HeaderLines *lines) {
    sodium_free(lines->bearer);
    sodium_free(lines->secret);
}

static void header_lines_add(HeaderLines *lines, const char *line) {
    // curl reads it only.
    lines->nodes[lines->count].data = (char *)(uintptr_t)line;
    if (lines->count > 0)
        lines->nodes[lines->count - 1].next = &lines->nodes[lines->count];
    lines->count++;
}

// A line break in a header or the target would be a second header, or a second request.
static bool is_one_line(const char *text) {
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7F)
            return false;
    return true;
}

static bool is_target(const char *text) {
    bool good = text[0] == '/';
    for (; good && *text != '\0'; text++)
        good = *text > ' ' && *text < 0x7F && *text != '#';
    return good;
}

// Gives the line in locked memory.
static Status header_lines_add_secret(HeaderLines *lines, const char *name, const char *before,
                                      const Secret *value, char **ret_line, Error *reterr) {
    const char *text = secret_text(value);
    bool is_bearer = *before != '\0'; // which has no blank in it; other schemes may
    if (text[0] == '\0' || (is_bearer && strchr(text, ' ') != NULL) || !is_one_line(text))
        return error_set(reterr, STATUS_INVALID, "malformed_token",
                         "the token holds a character that no token has; was it copied whole?");
    size_t size = strlen(name) + strlen(": ") + strlen(before) + secret_length(value) + 1;
    char *line = sodium_malloc(size);
    if (line == NULL)
        return error_set(reterr, STATUS_INTERNAL, "internal", "no locked memory for the token");
    snprintf(line, size, "%s: %s%s", name, before, text);
    header_lines_add(lines, line);
    *ret_line = line;
    return STATUS_OK;
}

static Status header_lines_fill(HeaderLines *lines, const HttpCall *call, Error *reterr) {
    bool has_type = false;
    for (size_t i = 0; i < COUNT_OF(call->headers) && call->headers[i] != NULL; i++) {
        if (!is_one_line(call->headers[i]) || strchr(call->headers[i], ':') == NULL)
            return error_set(reterr, STATUS_INVALID, "malformed_header",
                             "a header of the request holds a control character or no colon");
        has_type = has_type || strncasecmp(call->headers[i], "Content-Type:", 13) == 0;
        header_lines_add(lines, call->headers[i]);
    }
    // curl adds its own unless told: a form's type, and a wait for 100 Continue before bodies that
    // are not worth it.
    if (!has_type)
        header_lines_add(lines,
                         call->body != NULL ? "Content-Type: application/json" : "Content-Type:");
    // libcurl 7.88 signs this line as a header that it then does not send.
    if (call->signature == NULL)
        header_lines_add(lines, "Expect:");
    if (call->bearer != NULL)
        TRY(header_lines_add_secret(lines, BEARER_NAME, "Bearer ", call->bearer, &lines->bearer,
                                    reterr));
    if (call->secret_name != NULL)
        TRY(header_lines_add_secret(lines, call->secret_name, "", call->secret_value,
                                    &lines->secret, reterr));
    return STATUS_OK;
}

static void set_method(CURL *curl, const HttpCall *call) {
    bool is_get = text_equal(call->method, "GET"), is_head = text_equal(call->method, "HEAD");
    if (call->body != NULL || (!is_get && !is_head && !text_equal(call->method, "DELETE"))) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                         (curl_off_t)(call->body != NULL ? call->body_length : 0));
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->body != NULL ? call->body : "");
    }
    if (is_head)
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    else
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call->method);
}

static void set_connection(const HttpClient *client, const HttpCall *call, int timeout_ms) {
    CURL *curl = client->curl;
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L); // the target may be signed as it is
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (client->ca_file != NULL) {
        curl_easy_setopt(curl, CURLOPT_CAINFO, client->ca_file);
        curl_easy_setopt(curl, CURLOPT_CAPATH, NULL); // that file and nothing else
    }
    // A connection lives long, and a new one is rare: whether its address or authority has changed
    // is looked at then, and not remembered for a minute, or for a day.
    curl_easy_setopt(curl, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
#if LIBCURL_VERSION_NUM >= 0x075700
    curl_easy_setopt(curl, CURLOPT_CA_CACHE_TIMEOUT, 0L);
#endif
    if (client->to_loopback || client->plain)
        curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    if (client->user_agent != NULL)
        curl_easy_setopt(curl, CURLOPT_USERAGENT, client->user_agent);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)client->connect_timeout_ms);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
}

static void set_signature(CURL *curl, const HttpSignature *signature) {
    curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, signature->scope);
    curl_easy_setopt(curl, CURLOPT_USERNAME, signature->key_id);
    curl_easy_setopt(curl, CURLOPT_PASSWORD, secret_text(signature->key));
}

static void set_receiving(CURL *curl, Receiving *receiving, char *reason) {
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, receiving);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, receive_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, receiving);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, check_stop);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, receiving);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
}

static void reply_fill(HttpReply *reply, CURL *curl, Arena *arena, const Receiving *receiving) {
    long status = 0;
    curl_off_t total_us = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(curl, CURLINFO_TOTAL_TIME_T, &total_us);
    *reply = (HttpReply){
        .status = (int)status,
        .body = arena_copy(arena, buffer_text(&receiving->body), receiving->body.length),
        .length = receiving->body.length,
        .retry_after =
            receiving->retry_after[0] != '\0' ? arena_strdup(arena, receiving->retry_after) : NULL,
        .wanted = receiving->wanted[0] != '\0' ? arena_strdup(arena, receiving->wanted) : NULL,
        .date_ms = receiving->date_ms,
        .round_trip_ms = (int64_t)(total_us / 1000),
    };
}

static Status call_perform(HttpClient *client, Arena *arena, const HttpCall *call,
                           const HeaderLines *lines, Receiving *receiving, HttpReply *ret_reply,
                           Error *reterr) {
    CURL *curl = client->curl;
    char reason[CURL_ERROR_SIZE] = "";
    int timeout_ms = call->timeout_ms > 0 ? call->timeout_ms : DEFAULT_TIMEOUT_MS;
    curl_easy_reset(curl); // keeps connections
    set_connection(client, call, timeout_ms);
    set_receiving(curl, receiving, reason);
    set_method(curl, call);
    if (call->signature != NULL)
        set_signature(curl, call->signature);
    curl_easy_setopt(curl, CURLOPT_URL,
                     arena_printf(arena, "%s%s", client->base_url, call->target));
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, lines->nodes);
    CURLcode code = curl_easy_perform(curl);
    Status status = STATUS_OK;
    if (receiving->too_large) {
        status = error_set(reterr, STATUS_TOO_LARGE, "answer_too_large",
                           "the answer of %s:%s is larger than the %zu bytes accepted",
                           client->host, client->port, client->max_body_bytes);
    } else if (code != CURLE_OK) {
        ClientFailure failure = {
            .curl = curl,
            .code = code,
            .reason = reason[0] != '\0' ? reason : curl_easy_strerror(code),
            .has_ca_file = client->ca_file != NULL,
            .host = client->host,
            .port = client->port,
            .connect_timeout_ms = client->connect_timeout_ms,
            .timeout_ms = timeout_ms,
        };
        status = client_failure_explain(&failure, reterr);
    } else {
        reply_fill(ret_reply, curl, arena, receiving);
    }
    curl_easy_reset(curl); // nothing of this call stays referenced
    return status;
}

Status http_client_call(HttpClient *client, Arena *arena, const HttpCall *call,
                        HttpReply *ret_reply, Error *reterr) {
    if (!is_target(call->target))
        return error_set(reterr, STATUS_INVALID, "malformed_target",
                         "the request target must start with '/', with everything unusual in it "
                         "percent-encoded");
    CLEANUP(header_lines_done) HeaderLines lines = {0};
    TRY(header_lines_fill(&lines, call, reterr));
    Receiving receiving = {
        .body = {.ceiling = client->max_body_bytes, .wipe = true},
        .wanted_name = call->wanted,
        .stop = call->stop,
    };
    Status status = call_perform(client, arena, call, &lines, &receiving, ret_reply, reterr);
    buffer_done(&receiving.body);
    return status;
}
