#include "server/daemon.h"

#include "api/api.h"
#include "base/fault_point.h"
#include "base/file.h"
#include "base/log.h"
#include "base/secret.h"
#include "server/bootstrap.h"
#include "server/due_worker.h"
#include "server/host_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#ifdef HAVE_LIBSYSTEMD
#include <systemd/sd-daemon.h>
#endif

enum {
    // A connection's memory is a mapping of its own from this size on, which libmicrohttpd gives
    // back to the system with all that was in it; of a smaller one it leaves the tokens in freed
    // memory.
    MAX_HEADER_BYTES = 32 * 1024,
    MAX_PEM_BYTES = 256 * 1024,
    LOOK_AT_HOST_EVERY_S = 5,
    LISTEN_BESIDE_S = 1,
    SPARE_FILES = 256, // beside connections: the store's, the log's, …
};

// PEM text of a listener; both NULL without TLS.
typedef struct TlsText {
    Buffer certificate;
    Secret *key;
} TlsText;

struct Daemon {
    const ServerOptions *options;
    Arena *arena;
    int lock; // held while we run; -1: not ours
    SigningKey *action_key;
    SigningKey *audit_key;
    Store *store;
    PasswordAuthenticator *authenticator;
    Api *api;
    DueWorker *due;
    TlsText tls;
    HttpServer *server;
    HostWatch host;
    int port; // as chosen
    const char *bootstrap_path;
    const char *address_path;
    const char *url;
};

static const char *state_path(const Daemon *daemon, const char *name) {
    return arena_printf(daemon->arena, "%s/%s", daemon->options->state_folder, name);
}

// ---- TLS --------------------------------------------------------------------------------------

static void tls_text_done(TlsText *text) {
    buffer_done(&text->certificate);
    text->key = secret_free(text->key);
}

static Status tls_text_read(const TlsOptions *options, TlsText *ret_text, Error *reterr) {
    TlsText text = {.certificate = {.ceiling = MAX_PEM_BYTES}};
    if (options == NULL) {
        *ret_text = text;
        return STATUS_OK;
    }
    Status status = file_read(options->certificate_file, &text.certificate, reterr);
    if (status == STATUS_OK)
        status = secret_read_file(options->key_file, true, &text.key, reterr);
    if (status != STATUS_OK) {
        error_prefix(reterr, "TLS");
        tls_text_done(&text);
        return status;
    }
    *ret_text = text;
    return STATUS_OK;
}

// What is wrong with the host's clock or the certificate is said and counted.
static void note_certificate(Daemon *daemon, const CertificateTerm *term) {
    host_watch_certificate(&daemon->host, term);
    api_note_certificate(daemon->api, term->ends_at);
}

static Status learn_certificate(Daemon *daemon, Error *reterr) {
    if (daemon->options->tls == NULL)
        return STATUS_OK;
    CertificateTerm term;
    TRY(server_certificate_read(buffer_text(&daemon->tls.certificate), secret_text(daemon->tls.key),
                                &term, reterr));
    note_certificate(daemon, &term);
    return STATUS_OK;
}

static void say_certificate(const Daemon *daemon) {
    static const struct {
        LogLevel level;
        const char *event, *hint;
    } SAYINGS[] = {
        [CERTIFICATE_GOOD] = {LOG_INFO, "certificate.good", NULL},
        [CERTIFICATE_ENDS] = {LOG_WARNING, "certificate.ends",
                              "renew the certificate and reload daypassd (SIGHUP)"},
        [CERTIFICATE_OVER] = {LOG_ERROR, "certificate.over",
                              "no client trusts it any more: renew the certificate and reload "
                              "daypassd (SIGHUP)"},
        [CERTIFICATE_EARLY] = {LOG_ERROR, "certificate.early",
                               "no client trusts it yet; is the clock of this host right?"},
    };
    char begins[TIMESTAMP_SIZE], ends[TIMESTAMP_SIZE];
    CertificateState state = host_watch_state(&daemon->host);
    log_event(SAYINGS[state].level, SAYINGS[state].event, "file",
              daemon->options->tls->certificate_file, "begins",
              timestamp_format(daemon->host.term.begins_at, begins), "ends",
              timestamp_format(daemon->host.term.ends_at, ends), "hint", SAYINGS[state].hint, NULL);
}

static void look_at_host(Daemon *daemon) {
    int64_t step_ms = host_watch_clock_step(&daemon->host);
    if (step_ms != 0) {
        char by[32];
        snprintf(by, sizeof(by), "%+lld s", (long long)(step_ms / SECOND_MS));
        api_note_clock_step(daemon->api);
        log_event(LOG_WARNING, "clock.stepped", "by", by, "hint",
                  "what is due by this clock, access that ends included, is due by the new time; "
                  "no access lasts longer for it, because targets go by their own",
                  NULL);
    }
    if (host_watch_take_news(&daemon->host))
        say_certificate(daemon);
}

// ---- Listening --------------------------------------------------------------------------------

// `beside`: the one that listens now, or NULL.
static Status listen_with(Daemon *daemon, const TlsText *tls, const HttpServer *beside,
                          Error *reterr) {
    const ServerOptions *options = daemon->options;
    const LimitOptions *limits = options->limits;
    const HttpServerOptions http = {
        .host = options->listen->address,
        .port = daemon->port,
        .beside = beside,
        .tls_certificate_pem = tls->key != NULL ? buffer_text(&tls->certificate) : NULL,
        .tls_key_pem = tls->key != NULL ? secret_text(tls->key) : NULL,
        .max_body_bytes = (size_t)limits->max_body_bytes,
        .max_header_bytes = MAX_HEADER_BYTES,
        .threads = (int)limits->threads,
        .max_connections = (int)limits->connections,
        .max_connections_per_address = (int)limits->connections_per_address,
        .idle_timeout_s = (int)limits->idle_timeout_s,
        .clock = &SYSTEM_CLOCK,
        .handler = api_handle,
        .refuse = api_refuse,
        .context = daemon->api,
    };
    TRY(http_server_start(&http, &daemon->server, reterr));
    daemon->port = http_server_port(daemon->server);
    api_attach(daemon->api, daemon->server);
    return STATUS_OK;
}

static void stop_listening(Daemon *daemon) {
    if (daemon->due != NULL)
        due_worker_stop(daemon->due);
    if (daemon->api != NULL)
        api_attach(daemon->api, NULL);
    if (daemon->server != NULL)
        daemon->server = http_server_stop(daemon->server);
}

static Status start_listening(Daemon *daemon, Error *reterr) {
    TRY(listen_with(daemon, &daemon->tls, NULL, reterr));
    return due_worker_start(daemon->due, reterr);
}

// The new listener takes newcomers before the old one is stopped, which tells those who wait there
// to come back.
static Status listen_anew(Daemon *daemon, const TlsText *tls, Error *reterr) {
    HttpServer *before = daemon->server;
    api_attach(daemon->api, NULL);
    Status status = listen_with(daemon, tls, before, reterr);
    if (status != STATUS_OK) {
        api_attach(daemon->api, before);
        return status;
    }
    // Whoever had connected already, and not asked yet, is answered by the old one in this time.
    nanosleep(&(struct timespec){.tv_sec = LISTEN_BESIDE_S}, NULL);
    http_server_stop(before);
    return STATUS_OK;
}

static Status write_address(Daemon *daemon, Error *reterr) {
    const char *host = daemon->options->listen->address;
    bool is_ipv6 = strchr(host, ':') != NULL;
    daemon->url = arena_printf(daemon->arena, "%s://%s%s%s:%d",
                               daemon->options->tls != NULL ? "https" : "http", is_ipv6 ? "[" : "",
                               host, is_ipv6 ? "]" : "", daemon->port);
    const char *line = arena_printf(daemon->arena, "%s\n", daemon->url);
    return file_write(daemon->address_path, 0600, line, strlen(line), reterr);
}

static void warn_of_files(int64_t allowed, int64_t connections) {
    char allowed_text[24], connections_text[24], hint[160];
    snprintf(allowed_text, sizeof(allowed_text), "%lld", (long long)allowed);
    snprintf(connections_text, sizeof(connections_text), "%lld", (long long)connections);
    snprintf(hint, sizeof(hint), "set LimitNOFILE to %lld, or limits.connections to %lld at most",
             (long long)connections + SPARE_FILES,
             (long long)(allowed > SPARE_FILES ? allowed - SPARE_FILES : 1));
    log_event(LOG_WARNING, "limits.files", "allowed", allowed_text, "connections", connections_text,
              "hint", hint, NULL);
}

// As many files as connections may be open, as far as we are allowed.
static void raise_file_limit(int64_t connections) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    rlim_t wanted = (rlim_t)connections + SPARE_FILES;
    if (limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
    bool raised = setrlimit(RLIMIT_NOFILE, &limit) == 0;
    if (!raised || limit.rlim_cur < wanted)
        warn_of_files((int64_t)limit.rlim_max, connections);
}

// ---- Putting together -------------------------------------------------------------------------

static void grant_changed(void *context, const char *grant_id) {
    api_grant_changed(((Daemon *)context)->api, grant_id);
}

static void work_queued(void *context, const char *connector) {
    api_work_queued(((Daemon *)context)->api, connector);
}

static void due_changed(void *context) {
    due_worker_wake(((Daemon *)context)->due);
}

static void bootstrapped(void *context) {
    bootstrap_finish(((Daemon *)context)->bootstrap_path);
}

// What was seen of signatures and sign-ins is known to one process alone, so one it has to be.
static Status lock_state(Daemon *daemon, Error *reterr) {
    const char *path = state_path(daemon, "lock");
    daemon->lock = open(path, O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (daemon->lock >= 0 && flock(daemon->lock, LOCK_EX | LOCK_NB) == 0)
        return STATUS_OK;
    if (daemon->lock >= 0 && errno == EWOULDBLOCK)
        return error_set(reterr, STATUS_CONFLICT, "already_running",
                         "another daypassd works with %s; stop it first, or give this one a "
                         "state_folder of its own",
                         daemon->options->state_folder);
    return error_set(reterr, STATUS_UNAVAILABLE, "file_failed", "%s: %s", path, strerror(errno));
}

static Status open_state(Daemon *daemon, Error *reterr) {
    const LimitOptions *limits = daemon->options->limits;
    TRY(folder_ensure(daemon->options->state_folder, 0700, reterr));
    TRY(lock_state(daemon, reterr));
    unlink(daemon->address_path); // of a run before: it names no port any more
    TRY(signing_key_ensure(state_path(daemon, "action.key"), &daemon->action_key, reterr));
    FAULT_POINT("keys.half_made");
    TRY(signing_key_ensure(state_path(daemon, "audit.key"), &daemon->audit_key, reterr));
    const StoreOptions store = {
        .url = server_options_store_url(daemon->arena, daemon->options),
        .clock = &SYSTEM_CLOCK,
        .audit_key = daemon->audit_key,
        .limits = {.open_requests_per_principal = limits->open_requests_per_principal,
                   .open_requests_per_flow = limits->open_requests_per_flow,
                   .instances_per_connector = limits->instances_per_connector,
                   .actions_per_integration = daemon->options->actions->per_integration},
    };
    return store_open(&store, &daemon->store, reterr);
}

static Status open_api(Daemon *daemon, Error *reterr) {
    const LimitOptions *limits = daemon->options->limits;
    daemon->authenticator = password_authenticator_new((int)limits->sign_ins_at_once);
    const ApiOptions api = {
        .store = daemon->store,
        .clock = &SYSTEM_CLOCK,
        .action_key = daemon->action_key,
        .audit_key = daemon->audit_key,
        .lease_s = daemon->options->actions->lease_s,
        .sign_ins_per_principal = limits->sign_ins_per_principal,
        .sign_ins_per_address = limits->sign_ins_per_address,
        .limits = {.calls_per_principal = limits->calls_per_principal,
                   .changes_per_principal = limits->changes_per_principal,
                   .calls_per_token = limits->calls_per_token,
                   .calls_per_instance = limits->calls_per_instance,
                   .calls_per_address = limits->calls_per_address,
                   .waiting_per_caller = limits->waiting_per_caller},
        .metrics_access = (MetricsAccess)daemon->options->metrics->access,
        .authenticator = password_authenticator_base(daemon->authenticator),
        .bootstrapped = bootstrapped,
        .context = daemon,
    };
    TRY(api_new(&api, &daemon->api, reterr));
    daemon->due = due_worker_new(daemon->store, &SYSTEM_CLOCK);
    const StoreWatch watch = {
        .context = daemon,
        .grant_changed = grant_changed,
        .work_queued = work_queued,
        .due_changed = due_changed,
    };
    store_watch(daemon->store, &watch);
    return bootstrap_prepare(daemon->store, &SYSTEM_CLOCK, daemon->bootstrap_path, reterr);
}

static Status start(Daemon *daemon, Error *reterr) {
    TRY(tls_text_read(daemon->options->tls, &daemon->tls, reterr));
    TRY(open_state(daemon, reterr));
    TRY(open_api(daemon, reterr));
    raise_file_limit(daemon->options->limits->connections);
    TRY(start_listening(daemon, reterr));
    TRY(learn_certificate(daemon, reterr));
    return write_address(daemon, reterr);
}

Status daemon_start(const ServerOptions *options, Daemon **ret_daemon, Error *reterr) {
    CLEANUP(daemon_stopp) Daemon *daemon = mem_alloc(sizeof(*daemon));
    daemon->options = options;
    daemon->arena = arena_new();
    daemon->lock = -1;
    host_watch_init(&daemon->host, &SYSTEM_CLOCK);
    daemon->port = (int)options->listen->port;
    daemon->bootstrap_path = state_path(daemon, "bootstrap-token");
    daemon->address_path = state_path(daemon, "address");
    TRY(start(daemon, reterr));
    log_event(LOG_INFO, "server.listening", "url", daemon->url, "version", DAYPASS_VERSION,
              "deployment", store_deployment(daemon->store), NULL);
    *ret_daemon = daemon;
    daemon = NULL;
    return STATUS_OK;
}

Daemon *daemon_stop(Daemon *daemon) {
    if (daemon == NULL)
        return NULL;
    stop_listening(daemon);
    // The watch goes on until the store is closed: what it wakes comes after.
    store_close(daemon->store);
    due_worker_free(daemon->due);
    api_free(daemon->api);
    password_authenticator_free(daemon->authenticator);
    signing_key_free(daemon->action_key);
    signing_key_free(daemon->audit_key);
    tls_text_done(&daemon->tls);
    if (daemon->url != NULL)
        unlink(daemon->address_path);
    if (daemon->lock >= 0)
        close(daemon->lock);
    arena_free(daemon->arena);
    return mem_free(daemon);
}

const char *daemon_url(const Daemon *daemon) {
    return daemon->url;
}

// One that is over helps nobody; the one before may still be good.
static Status check_term(const CertificateTerm *term, Error *reterr) {
    if (clock_now_ms(&SYSTEM_CLOCK) < term->ends_at)
        return STATUS_OK;
    char ended[TIMESTAMP_SIZE];
    return error_set(reterr, STATUS_EXPIRED, "certificate_expired",
                     "the TLS certificate ended at %s; put a new one in its place",
                     timestamp_format(term->ends_at, ended));
}

static Status read_fresh(const Daemon *daemon, TlsText *ret_text, CertificateTerm *ret_term,
                         Error *reterr) {
    TRY(tls_text_read(daemon->options->tls, ret_text, reterr));
    TRY(server_certificate_read(buffer_text(&ret_text->certificate), secret_text(ret_text->key),
                                ret_term, reterr));
    return check_term(ret_term, reterr);
}

Status daemon_reload(Daemon *daemon, Error *reterr) {
    if (daemon->options->tls == NULL)
        return STATUS_OK;
    TlsText fresh = {0};
    CertificateTerm term;
    Status status = read_fresh(daemon, &fresh, &term, reterr);
    if (status == STATUS_OK)
        status = listen_anew(daemon, &fresh, reterr);
    if (status != STATUS_OK) {
        tls_text_done(&fresh);
        return status;
    }
    tls_text_done(&daemon->tls);
    daemon->tls = fresh;
    note_certificate(daemon, &term);
    return STATUS_OK;
}

// ---- Its life ---------------------------------------------------------------------------------

// When everything is set up: what comes later, listening anew included, is among what it needs.
static Status confine(const SandboxOptions *options, Error *reterr) {
    if (geteuid() == 0)
        log_event(LOG_WARNING, "process.root", "hint",
                  "run it as a user of its own: root is not needed, and a fault would cost more",
                  NULL);
    if (!sandbox_can_lock_memory())
        log_event(LOG_WARNING, "memory.not_locked", "hint",
                  "secrets may reach swap; raise LimitMEMLOCK (ulimit -l)", NULL);
    if (options->seccomp == SECCOMP_OFF) {
        log_event(LOG_WARNING, "sandbox.off", "hint", "sandbox.seccomp is off", NULL);
        return STATUS_OK;
    }
    TRY(sandbox_enter(&(SandboxNeeds){.listens = true, .for_sanitizers = SANITIZED}, reterr));
    log_event(LOG_INFO, "sandbox.entered", "connects", "no", "executes", "no", NULL);
    return STATUS_OK;
}

static void tell_manager(const char *state) {
#ifdef HAVE_LIBSYSTEMD
    sd_notify(0, state);
#else
    (void)state;
#endif
}

// Only this thread takes them; the others inherit the mask.
static sigset_t block_signals(void) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
    return signals;
}

static void reload(Daemon *daemon) {
    Error error = {0};
    tell_manager("RELOADING=1");
    if (daemon_reload(daemon, &error) == STATUS_OK)
        log_event(LOG_INFO, "server.reloaded", NULL);
    else
        log_event(LOG_ERROR, "server.not_reloaded", "code", error.code, "message", error.message,
                  "detail", error.detail, NULL);
    tell_manager("READY=1");
}

Status daemon_run(const ServerOptions *options, Error *reterr) {
    sigset_t signals = block_signals();
    CLEANUP(daemon_stopp) Daemon *daemon = NULL;
    TRY(daemon_start(options, &daemon, reterr));
    TRY(confine(options->sandbox, reterr));
    tell_manager("READY=1");
    const struct timespec pause = {.tv_sec = LOOK_AT_HOST_EVERY_S};
    int signal_number = 0;
    while (signal_number != SIGTERM && signal_number != SIGINT) {
        look_at_host(daemon);
        signal_number = sigtimedwait(&signals, NULL, &pause);
        if (signal_number == SIGHUP)
            reload(daemon);
    }
    tell_manager("STOPPING=1");
    log_event(LOG_INFO, "server.stopping", NULL);
    return STATUS_OK;
}
