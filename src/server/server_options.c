#include "server/server_options.h"

#include "api/api.h"
#include "base/log.h"
#include "config/options.h"
#include "wire/messages.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>

enum { PATH_MAX_BYTES = 4096, CALLS_MAX = 60000, OPEN_REQUESTS_MAX = 1000000 };

// A FieldCheck: by number, because what a name stands for may change under us.
static Status listen_address_check(const char *text, Error *reterr) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    struct addrinfo *address = NULL;
    if (getaddrinfo(text, NULL, &hints, &address) != 0)
        return error_set(reterr, STATUS_INVALID, "bad_listen_address",
                         "expected an IP address, such as 127.0.0.1, 0.0.0.0 or ::");
    freeaddrinfo(address);
    return STATUS_OK;
}

static const Field LISTEN_FIELDS[] = {
    {FIELD(ListenOptions, address, STRING), .default_text = "127.0.0.1",
     .check = listen_address_check,
     .help = "IP address to listen on; 0.0.0.0 or :: for all of them"},
    {FIELD(ListenOptions, port, INT), .default_text = "8443", .max = 65535,
     .help = "Port to listen on; 0 for any free one"},
};
static const Shape LISTEN_SHAPE =
    SHAPE("ListenOptions", ListenOptions, LISTEN_FIELDS, "Where to listen");

static const Field TLS_FIELDS[] = {
    {FIELD(TlsOptions, certificate_file, STRING), .required = true, .min = 1, .max = PATH_MAX_BYTES,
     .help = "Certificate and its chain, PEM; read again at SIGHUP, like the key"},
    {FIELD(TlsOptions, key_file, STRING), .required = true, .min = 1, .max = PATH_MAX_BYTES,
     .help = "Private key, PEM, readable by its owner alone"},
};
static const Shape TLS_SHAPE = SHAPE("TlsOptions", TlsOptions, TLS_FIELDS,
                                     "TLS; required on any other than a loopback address");

static const Field STORE_FIELDS[] = {
    {FIELD(ServerStoreOptions, url, STRING), .max = PATH_MAX_BYTES,
     .help = "Where the record is kept; absent: sqlite:STATE_FOLDER/daypass.db"},
};
static const Shape STORE_SHAPE =
    SHAPE("StoreOptions", ServerStoreOptions, STORE_FIELDS, "The store");

static const char *const LOG_FORMAT_NAMES[] = {
    [LOG_FORMAT_TEXT] = "text",
    [LOG_FORMAT_JSON] = "json",
};
static const EnumTable LOG_FORMATS = {"log format", LOG_FORMAT_NAMES, COUNT_OF(LOG_FORMAT_NAMES)};

static const Field LOG_FIELDS[] = {
    {FIELD(ServerLogOptions, level, ENUM), .names = &LOG_LEVELS, .default_text = "info",
     .help = "The least that is logged"},
    {FIELD(ServerLogOptions, format, ENUM), .names = &LOG_FORMATS, .default_text = "text",
     .help = "key=value text, or JSON"},
};
static const Shape LOG_SHAPE =
    SHAPE("LogOptions", ServerLogOptions, LOG_FIELDS, "Log on standard error");

static const Field LIMIT_FIELDS[] = {
    {FIELD_NAMED("max_body", LimitOptions, max_body_bytes, INT), .default_text = "4194304",
     .min = 65536, .max = 64 * 1024 * 1024, .help = "Largest body of a request, in bytes"},
    {FIELD(LimitOptions, connections, INT), .default_text = "20000", .min = 16, .max = 1000000,
     .help = "Connections at the same time; a waiting connector is one"},
    {FIELD(LimitOptions, connections_per_address, INT), .default_text = "1000", .min = 4,
     .max = 1000000, .help = "Of these, from one address"},
    {FIELD(LimitOptions, threads, INT), .default_text = "8", .min = 4, .max = 256,
     .help = "Threads that serve requests; waiting takes none"},
    {FIELD_NAMED("idle_timeout", LimitOptions, idle_timeout_s, DURATION), .default_text = "30s",
     .min = 1, .max = 600, .help = "A client that sends or takes nothing this long is cut off"},
    {FIELD(LimitOptions, sign_ins_at_once, INT), .default_text = "2", .min = 1, .max = 64,
     .help = "Passwords worked on at the same time, each of which takes 64 MiB"},
    {FIELD(LimitOptions, sign_ins_per_principal, INT), .default_text = "10", .min = 1, .max = 6000,
     .help = "Failed tries to sign in a minute, as one principal from one address; ten times as "
             "many from all"},
    {FIELD(LimitOptions, sign_ins_per_address, INT), .default_text = "60", .min = 1, .max = 6000,
     .help = "Failed tries to sign in a minute, from one address"},
    {FIELD(LimitOptions, calls_per_principal, INT), .default_text = "6000", .min = 10,
     .max = CALLS_MAX, .help = "Calls a minute of one principal, with all their tokens"},
    {FIELD(LimitOptions, changes_per_principal, INT), .default_text = "1200", .min = 10,
     .max = CALLS_MAX, .help = "Of these, calls that change something"},
    {FIELD(LimitOptions, calls_per_token, INT), .default_text = "3000", .min = 10, .max = CALLS_MAX,
     .help = "Calls a minute with one token"},
    {FIELD(LimitOptions, calls_per_instance, INT), .default_text = "30000", .min = 100,
     .max = CALLS_MAX, .help = "Calls a minute of one instance of a connector"},
    {FIELD(LimitOptions, calls_per_address, INT), .default_text = "600", .min = 10,
     .max = CALLS_MAX, .help = "Calls a minute without a good token, from one address"},
    {FIELD(LimitOptions, waiting_per_caller, INT), .default_text = "64", .min = 1, .max = 10000,
     .help = "Calls of one principal, or of one instance, that wait at the same time"},
    {FIELD(LimitOptions, open_requests_per_principal, INT), .default_text = "200", .min = 1,
     .max = OPEN_REQUESTS_MAX,
     .help = "Requests and grants of one principal that are not over, those being taken back not "
             "counted"},
    {FIELD(LimitOptions, open_requests_per_flow, INT), .default_text = "2000", .min = 1,
     .max = OPEN_REQUESTS_MAX, .help = "The same for one flow"},
    {FIELD(LimitOptions, instances_per_connector, INT), .default_text = "100", .min = 1,
     .max = 10000, .help = "Enrolled instances of one connector"},
};
static const Shape LIMIT_SHAPE =
    SHAPE("LimitOptions", LimitOptions, LIMIT_FIELDS, "Ceilings, so that nobody takes all");

static const Field METRICS_FIELDS[] = {
    {FIELD(MetricsOptions, access, ENUM), .names = &METRICS_ACCESSES, .default_text = "loopback",
     .help = "Who may read /metrics: this host, tokens of auditors and administrators, anybody"},
};
static const Shape METRICS_SHAPE =
    SHAPE("MetricsOptions", MetricsOptions, METRICS_FIELDS, "Metrics");

static const Field ACTION_FIELDS[] = {
    // Connectors stop some seconds before its end: of a short one nothing would be left.
    {FIELD_NAMED("lease", ActionOptions, lease_s, DURATION), .default_text = "60s", .min = 15,
     .max = 3600, .help = "How long a connector has for an action before it is handed out again"},
    {FIELD(ActionOptions, per_integration, INT), .default_text = "16", .min = 1,
     .max = ACTIONS_PER_INTEGRATION_MAX,
     .help = "Actions of one integration that one connector instance has at the same time"},
};
static const Shape ACTION_OPTIONS_SHAPE =
    SHAPE("ActionOptions", ActionOptions, ACTION_FIELDS, "Work for connectors");

static const Field SERVER_OPTIONS_FIELDS[] = {
    {FIELD(ServerOptions, listen, OBJECT), .shape = &LISTEN_SHAPE, .help = "Where to listen"},
    {FIELD(ServerOptions, tls, OBJECT), .shape = &TLS_SHAPE,
     .help = "TLS; required on any other than a loopback address"},
    {FIELD(ServerOptions, state_folder, STRING), .default_text = "/var/lib/daypass", .min = 1,
     .max = PATH_MAX_BYTES,
     .help = "Folder of keys and store, mode 0700; made when it is not there"},
    {FIELD(ServerOptions, store, OBJECT), .shape = &STORE_SHAPE, .help = "The store"},
    {FIELD(ServerOptions, log, OBJECT), .shape = &LOG_SHAPE, .help = "Log on standard error"},
    {FIELD(ServerOptions, limits, OBJECT), .shape = &LIMIT_SHAPE,
     .help = "Ceilings, so that nobody takes all"},
    {FIELD(ServerOptions, metrics, OBJECT), .shape = &METRICS_SHAPE, .help = "Metrics"},
    {FIELD(ServerOptions, actions, OBJECT), .shape = &ACTION_OPTIONS_SHAPE,
     .help = "Work for connectors"},
    {FIELD(ServerOptions, sandbox, OBJECT), .shape = &SANDBOX_OPTIONS_SHAPE,
     .help = "What the program gives up"},
};
const Shape SERVER_OPTIONS_SHAPE =
    SHAPE("ServerOptions", ServerOptions, SERVER_OPTIONS_FIELDS, "Configuration of daypassd");

static bool is_loopback(const char *address) {
    struct in_addr ipv4;
    struct in6_addr ipv6;
    if (inet_pton(AF_INET, address, &ipv4) == 1)
        return (ntohl(ipv4.s_addr) >> 24) == 127;
    return inet_pton(AF_INET6, address, &ipv6) == 1 && IN6_IS_ADDR_LOOPBACK(&ipv6);
}

Status server_options_load(Arena *arena, const char *path, ServerOptions *ret_options,
                           Error *reterr) {
    ServerOptions options = {0};
    TRY(options_load(arena, &SERVER_OPTIONS_SHAPE, path, &options, reterr));
    if (options.tls == NULL && !is_loopback(options.listen->address)) {
        Error error = {.pointer = ""};
        error_set(&error, STATUS_INVALID, "tls_required",
                  "TLS is needed to listen on %s: set tls.certificate_file and tls.key_file, or "
                  "listen.address to 127.0.0.1 with a proxy in front that ends TLS",
                  options.listen->address);
        snprintf(error.pointer, sizeof(error.pointer), "/listen/address");
        options_locate(arena, path, &error);
        *reterr = error;
        return error.status;
    }
    *ret_options = options;
    return STATUS_OK;
}

const char *server_options_store_url(Arena *arena, const ServerOptions *options) {
    if (options->store != NULL && options->store->url != NULL)
        return options->store->url;
    return arena_printf(arena, "sqlite:%s/daypass.db", options->state_folder);
}
