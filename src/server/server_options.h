// The configuration file of daypassd.
#pragma once

#include "base/shape.h"
#include "sandbox/sandbox.h"

typedef struct ListenOptions {
    const char *address;
    int64_t port;
} ListenOptions;

typedef struct TlsOptions {
    const char *certificate_file;
    const char *key_file;
} TlsOptions;

typedef struct ServerStoreOptions {
    const char *url; // NULL: SQLite in the state folder
} ServerStoreOptions;

typedef enum LogFormat { LOG_FORMAT_TEXT, LOG_FORMAT_JSON } LogFormat;

typedef struct ServerLogOptions {
    int level;  // LogLevel
    int format; // LogFormat
} ServerLogOptions;

typedef struct LimitOptions {
    int64_t max_body_bytes;
    int64_t connections;
    int64_t connections_per_address;
    int64_t threads;
    int64_t idle_timeout_s;
    int64_t sign_ins_at_once;
    int64_t sign_ins_per_principal; // a minute
    int64_t sign_ins_per_address;   // a minute
    int64_t calls_per_principal;    // a minute, like the next four
    int64_t changes_per_principal;
    int64_t calls_per_token;
    int64_t calls_per_instance;
    int64_t calls_per_address;
    int64_t waiting_per_caller;
    int64_t open_requests_per_principal;
    int64_t open_requests_per_flow;
    int64_t instances_per_connector;
} LimitOptions;

typedef struct MetricsOptions {
    int access; // MetricsAccess of the API
} MetricsOptions;

typedef struct ActionOptions {
    int64_t lease_s;
    int64_t per_integration;
} ActionOptions;

typedef struct ServerOptions {
    const ListenOptions *listen;
    const TlsOptions *tls; // NULL: none
    const char *state_folder;
    const ServerStoreOptions *store; // NULL: the default
    const ServerLogOptions *log;
    const LimitOptions *limits;
    const MetricsOptions *metrics;
    const ActionOptions *actions;
    const SandboxOptions *sandbox;
} ServerOptions;
extern const Shape SERVER_OPTIONS_SHAPE;

// Reads the file (NULL: the defaults) and checks what the shape cannot: that nothing but a loopback
// address is listened on without TLS ("tls_required").
MUST_USE Status server_options_load(Arena *arena, const char *path, ServerOptions *ret_options,
                                    Error *reterr);
const char *server_options_store_url(Arena *arena, const ServerOptions *options);
