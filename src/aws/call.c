#include "aws/call.h"

#include "aws/fault.h"
#include "base/buffer.h"
#include "base/crypto.h"
#include "base/text.h"
#include "http/client.h"
#include "http/percent.h"

#include <assert.h>
#include <poll.h>
#include <sodium.h>
#include <string.h>

enum {
    DEFAULT_TRY_TIMEOUT_MS = 20 * SECOND_MS,
    DEFAULT_DEADLINE_MS = 60 * SECOND_MS,
    DEFAULT_MAX_TRIES = 8,
    FIRST_PAUSE_MS = 300,
    FIRST_THROTTLED_PAUSE_MS = SECOND_MS,
    LONGEST_PAUSE_MS = 20 * SECOND_MS,
    STOP_LOOK_MS = 50,
    LEAST_TRY_MS = 100,           // in less time nothing is begun
    SKEW_MS = 4 * 60 * SECOND_MS, // AWS bears five minutes, or a little more
    SCOPE_SIZE = 128,
    TELLING_BYTES = 16, // of a secret: a message that was cut may hold its beginning alone
    DAY_S = 86400,
};

static const struct {
    const char *version;
    const char *json_target; // before the action's name; NULL: it speaks the query protocol
} PROTOCOLS[] = {
    [AWS_SERVICE_IAM] = {"2010-05-08", NULL}, [AWS_SERVICE_STS] = {"2011-06-15", NULL},
    [AWS_SERVICE_RDS] = {"2014-10-31", NULL}, [AWS_SERVICE_EC2] = {"2016-11-15", NULL},
    [AWS_SERVICE_SSM] = {NULL, "AmazonSSM."},
};

struct AwsClient {
    AwsService service;
    HttpClient *http;
    AwsProvider *provider;
    char scope[SCOPE_SIZE]; // of its signatures
    int try_timeout_ms;
    int max_tries;
    const Clock *clock;
    const atomic_bool *stop;
    void (*pause)(void *context, int64_t pause_ms);
    void *pause_context;
};

// Making a client

static int or_default(int value, int otherwise) {
    return value > 0 ? value : otherwise;
}

static void pause_really(void *context, int64_t pause_ms) {
    const AwsClient *client = context;
    int64_t until_ms = clock_monotonic_ms(&SYSTEM_CLOCK) + pause_ms;
    for (int64_t left_ms = pause_ms; left_ms > 0;
         left_ms = until_ms - clock_monotonic_ms(&SYSTEM_CLOCK)) {
        if (client->stop != NULL && atomic_load(client->stop))
            return;
        (void)poll(NULL, 0, (int)(left_ms < STOP_LOOK_MS ? left_ms : STOP_LOOK_MS));
    }
}

Status aws_client_new(const AwsClientOptions *options, AwsClient **ret_client, Error *reterr) {
    crypto_start();
    ServiceEndpoint endpoint;
    TRY(service_endpoint_find(options->service, options->region, &endpoint, reterr));
    CLEANUP(aws_client_freep) AwsClient *client = mem_alloc(sizeof(*client));
    *client = (AwsClient){
        .service = options->service,
        .provider = options->provider,
        .try_timeout_ms = or_default(options->try_timeout_ms, DEFAULT_TRY_TIMEOUT_MS),
        .max_tries = or_default(options->max_tries, DEFAULT_MAX_TRIES),
        .clock = options->clock != NULL ? options->clock : &SYSTEM_CLOCK,
        .stop = options->stop,
        .pause = options->pause != NULL ? options->pause : pause_really,
        .pause_context = options->pause != NULL ? options->pause_context : client,
    };
    snprintf(client->scope, sizeof(client->scope), "aws:amz:%s:%s", endpoint.signing_region,
             enum_name(&AWS_SERVICE_NAMES, (int)options->service));
    HttpClientOptions http = {
        .base_url = options->endpoint != NULL ? options->endpoint : endpoint.url,
        .ca_file = options->ca_file,
        .user_agent = options->user_agent,
        .connect_timeout_ms = options->connect_timeout_ms,
        .max_body_bytes = XML_MAX_BYTES,
    };
    TRY(http_client_new(&http, &client->http, reterr));
    *ret_client = client;
    client = NULL;
    return STATUS_OK;
}

AwsClient *aws_client_free(AwsClient *client) {
    if (client == NULL)
        return NULL;
    http_client_free(client->http);
    return mem_free(client);
}

// Parameters

void aws_parameters_add(Arena *arena, AwsParameters *parameters, const char *name,
                        const char *value) {
    if (value == NULL)
        return;
    if (parameters->count == parameters->capacity) {
        size_t capacity = parameters->capacity > 0 ? parameters->capacity * 2 : 8;
        AwsParameter *items = arena_alloc(arena, capacity * sizeof(*items));
        if (parameters->count > 0)
            memcpy(items, parameters->items, parameters->count * sizeof(*items));
        parameters->items = items;
        parameters->capacity = capacity;
    }
    parameters->items[parameters->count++] =
        (AwsParameter){arena_strdup(arena, name), arena_strdup(arena, value)};
}

void aws_parameters_add_list(Arena *arena, AwsParameters *parameters, const char *name,
                             const char *const *values, size_t count) {
    for (size_t i = 0; i < count; i++)
        aws_parameters_add(arena, parameters, arena_printf(arena, "%s.%zu", name, i + 1),
                           values[i]);
}

static const char *form_write(Arena *arena, const char *action, const char *version,
                              const AwsParameters *parameters) {
    Buffer form = {.wipe = true};
    buffer_addf(&form, "Action=%s&Version=%s", percent_encode(arena, action), version);
    for (size_t i = 0; i < parameters->count; i++)
        buffer_addf(&form, "&%s=%s", percent_encode(arena, parameters->items[i].name),
                    percent_encode(arena, parameters->items[i].value));
    const char *text = arena_copy(arena, buffer_text(&form), form.length);
    buffer_done(&form);
    return text;
}

// One try

// A call on its way, through all its tries.
typedef struct Calling {
    AwsClient *client;
    Arena *arena;
    const char *service;
    const char *action;
    const char *body;
    const char *headers[2]; // of the protocol; the second may be NULL
    int64_t deadline_ms;
    bool renewed;                // credentials were asked for anew already
    AwsCredentials *credentials; // of this try; NULL: unsigned
    HttpReply reply;
    AwsFault fault;
    Error error; // of this try
    const char *request_id;
    AwsAnswer answer;
} Calling;

static int64_t time_left(const Calling *calling) {
    return calling->deadline_ms - clock_monotonic_ms(calling->client->clock);
}

static bool is_stopped(const AwsClient *client) {
    return client->stop != NULL && atomic_load(client->stop);
}

static Status try_send(Calling *calling, Error *reterr) {
    AwsClient *client = calling->client;
    const AwsCredentials *credentials = calling->credentials;
    HttpSignature signature = {.scope = client->scope};
    int64_t left_ms = time_left(calling);
    HttpCall call = {
        .method = "POST",
        .target = "/",
        .body = calling->body,
        .body_length = strlen(calling->body),
        .headers = {calling->headers[0], calling->headers[1]},
        .wanted = "x-amzn-RequestId",
        .timeout_ms = left_ms < client->try_timeout_ms ? (int)left_ms : client->try_timeout_ms,
        .stop = client->stop,
    };
    if (credentials != NULL) {
        signature.key_id = credentials->access_key_id;
        signature.key = credentials->secret_key;
        call.signature = &signature;
        call.secret_name = credentials->session_token != NULL ? "X-Amz-Security-Token" : NULL;
        call.secret_value = credentials->session_token;
    }
    return http_client_call(client->http, calling->arena, &call, &calling->reply, reterr);
}

// What never left us cannot have been carried out.
static bool may_have_arrived(const Error *error) {
    static const char *const BEFORE_SENDING[] = {
        "cannot_resolve", "cannot_connect",  "tls_not_trusted",  "tls_failed",
        "bad_ca_file",    "malformed_token", "malformed_header",
    };
    for (size_t i = 0; i < COUNT_OF(BEFORE_SENDING); i++)
        if (text_equal(error->code, BEFORE_SENDING[i]))
            return false;
    return true;
}

static void note_no_answer(Calling *calling) {
    const Error *error = &calling->error;
    calling->fault.repeatable = error->status == STATUS_UNAVAILABLE &&
                                !text_equal(error->code, "stopped") &&
                                !text_equal(error->code, "tls_not_trusted");
    calling->fault.sent = calling->fault.sent || may_have_arrived(error);
}

// No answer may bring what was signed with into a message.
static void keep_secrets_out(Calling *calling) {
    const AwsCredentials *credentials = calling->credentials;
    if (credentials == NULL)
        return;
    const Secret *secrets[] = {credentials->secret_key, credentials->session_token};
    for (size_t i = 0; i < COUNT_OF(secrets); i++) {
        if (secrets[i] == NULL)
            continue;
        char telling[TELLING_BYTES + 1];
        snprintf(telling, sizeof(telling), "%s", secret_text(secrets[i]));
        if (strstr(calling->fault.message, telling) != NULL)
            snprintf(calling->fault.message, sizeof(calling->fault.message), "(not shown)");
        sodium_memzero(telling, sizeof(telling));
    }
}

// Libcurl signs with the time of this machine, which AWS does not say in all its words for it.
static void explain_skew(Calling *calling) {
    const AwsFault *fault = &calling->fault;
    int64_t ahead_ms = clock_now_ms(calling->client->clock) - fault->date_ms;
    if (!fault_is_skewed(fault) || fault->date_ms == 0 ||
        (ahead_ms < SKEW_MS && ahead_ms > -SKEW_MS))
        return;
    error_set(&calling->error, STATUS_UNAVAILABLE, "clock_skewed",
              "%s: this machine's clock is %lld s %s AWS's, which then takes no signature of it: "
              "set it (NTP)",
              fault->code, (long long)(ahead_ms > 0 ? ahead_ms : -ahead_ms) / SECOND_MS,
              ahead_ms > 0 ? "ahead of" : "behind");
}

static Status note_refusal(Calling *calling) {
    AwsFault *fault = &calling->fault;
    fault_classify(fault);
    keep_secrets_out(calling);
    // A server that failed may have done it before.
    fault->sent = fault->sent || fault->http_status >= 500;
    Status status = fault_status(fault);
    const char *code = status == STATUS_LIMITED       ? "aws_throttled"
                       : status == STATUS_UNAVAILABLE ? "aws_unavailable"
                                                      : "aws_refused";
    char answered[32];
    snprintf(answered, sizeof(answered), "HTTP %d", fault->http_status);
    error_set(&calling->error, status, code, "%s%s%s",
              fault->code[0] != '\0' ? fault->code : answered,
              fault->message[0] != '\0' ? ": " : "", fault->message);
    explain_skew(calling);
    if (calling->request_id != NULL)
        error_set_detail(&calling->error, "request %.100s", calling->request_id);
    return calling->error.status;
}

static Status note_garbage(Calling *calling) {
    char why[sizeof(calling->error.message)];
    snprintf(why, sizeof(why), "%s", calling->error.message);
    calling->fault.repeatable = true;
    calling->fault.sent = true;
    return error_set(&calling->error, STATUS_UNAVAILABLE, "aws_unavailable",
                     "the answer (HTTP %d) cannot be read: %.500s", calling->reply.status, why);
}

static bool is_success(const HttpReply *reply) {
    return reply->status >= 200 && reply->status < 300;
}

static Status read_xml(Calling *calling) {
    const XmlNode *root = NULL;
    Status status = xml_read(calling->arena, calling->reply.body, calling->reply.length, &root,
                             &calling->error);
    if (is_success(&calling->reply)) {
        if (status != STATUS_OK)
            return note_garbage(calling);
        const XmlNode *result =
            xml_find(root, arena_printf(calling->arena, "%sResult", calling->action));
        calling->answer.result = result != NULL ? result : root;
        const char *id = xml_text(root, "ResponseMetadata/RequestId");
        if (id == NULL)
            id = xml_text(root, "requestId"); // EC2
        calling->request_id = id != NULL ? id : calling->request_id;
        return STATUS_OK;
    }
    const char *id = NULL; // what is no XML is a balancer's or proxy's: the status says enough
    if (status == STATUS_OK)
        fault_read_xml(calling->arena, root, &calling->fault, &id);
    calling->request_id = id != NULL ? text_printable(calling->arena, id) : calling->request_id;
    return note_refusal(calling);
}

static Status read_json(Calling *calling) {
    json_t *value = NULL;
    bool empty = calling->reply.length == 0;
    Status status = empty ? STATUS_OK
                          : json_read(calling->arena, calling->reply.body, calling->reply.length,
                                      &value, &calling->error);
    if (status == STATUS_OK && empty)
        value = json_keep(calling->arena, json_object());
    if (is_success(&calling->reply)) {
        if (status == STATUS_OK && !json_is_object(value))
            status = error_set(&calling->error, STATUS_INVALID, "bad_value", "it is no object");
        if (status != STATUS_OK)
            return note_garbage(calling);
        calling->answer.json = value;
        return STATUS_OK;
    }
    if (status == STATUS_OK)
        fault_read_json(calling->arena, value, &calling->fault);
    return note_refusal(calling);
}

static Status try_once(Calling *calling) {
    AwsClient *client = calling->client;
    calling->error = (Error){0};
    calling->fault = (AwsFault){.sent = calling->fault.sent, .tries = calling->fault.tries + 1};
    calling->request_id = NULL;
    calling->credentials = aws_credentials_free(calling->credentials);
    if (client->provider != NULL)
        TRY(aws_provider_get(client->provider, calling->deadline_ms, &calling->credentials,
                             &calling->error));
    if (time_left(calling) < LEAST_TRY_MS)
        return error_set(&calling->error, STATUS_UNAVAILABLE, "timed_out",
                         "there was no time left for the call");
    Status status = try_send(calling, &calling->error);
    if (status != STATUS_OK) {
        note_no_answer(calling);
        return status;
    }
    calling->fault.http_status = calling->reply.status;
    calling->fault.date_ms = calling->reply.date_ms;
    if (calling->reply.wanted != NULL)
        calling->request_id = text_printable(calling->arena, calling->reply.wanted);
    return PROTOCOLS[client->service].json_target != NULL ? read_json(calling) : read_xml(calling);
}

// Repeating

// AWS says seconds (RFC 9110, 10.2.3, has dates too, which are taken for none). More than a day is
// a day: no deadline is as far.
static int64_t retry_after_ms(const HttpReply *reply) {
    if (reply->retry_after == NULL)
        return 0;
    char *end = NULL;
    long seconds = strtol(reply->retry_after, &end, 10);
    if (end == reply->retry_after || *end != '\0' || seconds <= 0)
        return 0;
    return (int64_t)(seconds < DAY_S ? seconds : DAY_S) * SECOND_MS;
}

// Full jitter: anything up to a bound that doubles.
// https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
static int64_t pause_before_next(const Calling *calling) {
    int64_t bound_ms = calling->fault.throttled ? FIRST_THROTTLED_PAUSE_MS : FIRST_PAUSE_MS;
    for (int i = 1; i < calling->fault.tries && bound_ms < LONGEST_PAUSE_MS; i++)
        bound_ms *= 2;
    if (bound_ms > LONGEST_PAUSE_MS)
        bound_ms = LONGEST_PAUSE_MS;
    int64_t pause_ms = (int64_t)randombytes_uniform((uint32_t)bound_ms + 1);
    int64_t wanted_ms = calling->fault.http_status != 0 ? retry_after_ms(&calling->reply) : 0;
    return pause_ms > wanted_ms ? pause_ms : wanted_ms;
}

// New credentials, once, make the next try worth it at once.
static bool mend(Calling *calling) {
    AwsClient *client = calling->client;
    if (!calling->renewed && calling->credentials != NULL && fault_is_expired(&calling->fault)) {
        calling->renewed = true;
        return aws_provider_refuse(client->provider, calling->credentials);
    }
    return false;
}

// Whether there is to be another try, having waited for it.
static bool wait_for_next(Calling *calling) {
    AwsClient *client = calling->client;
    if (calling->fault.tries >= client->max_tries || is_stopped(client))
        return false;
    if (calling->fault.http_status != 0 && mend(calling))
        return time_left(calling) >= LEAST_TRY_MS;
    if (!calling->fault.repeatable)
        return false;
    int64_t pause_ms = pause_before_next(calling);
    if (pause_ms + LEAST_TRY_MS > time_left(calling))
        return false;
    client->pause(client->pause_context, pause_ms);
    return !is_stopped(client) && time_left(calling) >= LEAST_TRY_MS;
}

static Status calling_fail(const Calling *calling, AwsFault *retfault, Error *reterr) {
    if (retfault != NULL)
        *retfault = calling->fault;
    Error error = calling->error;
    error_prefix(&error, "%s %s", calling->service, calling->action);
    if (reterr != NULL)
        *reterr = error;
    return error.status;
}

static Status calling_run(Calling *calling, AwsAnswer *ret_answer, AwsFault *retfault,
                          Error *reterr) {
    AwsClient *client = calling->client;
    calling->service = enum_name(&AWS_SERVICE_NAMES, (int)client->service);
    if (calling->deadline_ms == 0)
        calling->deadline_ms = clock_monotonic_ms(client->clock) + DEFAULT_DEADLINE_MS;
    Status status;
    do
        status = try_once(calling);
    while (status != STATUS_OK && wait_for_next(calling));
    calling->credentials = aws_credentials_free(calling->credentials);
    if (status != STATUS_OK)
        return calling_fail(calling, retfault, reterr);
    calling->answer.request_id = calling->request_id;
    calling->answer.date_ms = calling->reply.date_ms;
    calling->answer.tries = calling->fault.tries;
    *ret_answer = calling->answer;
    return STATUS_OK;
}

Status aws_client_query(AwsClient *client, Arena *arena, const AwsQuery *query,
                        AwsAnswer *ret_answer, AwsFault *retfault, Error *reterr) {
    assert(PROTOCOLS[client->service].version != NULL);
    Calling calling = {
        .client = client,
        .arena = arena,
        .action = query->action,
        .body = form_write(arena, query->action, PROTOCOLS[client->service].version,
                           &query->parameters),
        .headers = {"Content-Type: application/x-www-form-urlencoded; charset=utf-8"},
        .deadline_ms = query->deadline_ms,
    };
    return calling_run(&calling, ret_answer, retfault, reterr);
}

Status aws_client_json(AwsClient *client, Arena *arena, const AwsJsonCall *call,
                       AwsAnswer *ret_answer, AwsFault *retfault, Error *reterr) {
    assert(PROTOCOLS[client->service].json_target != NULL);
    Calling calling = {
        .client = client,
        .arena = arena,
        .action = call->action,
        .body = call->body != NULL ? json_text(arena, call->body) : "{}",
        .headers = {"Content-Type: application/x-amz-json-1.1",
                    arena_printf(arena, "X-Amz-Target: %s%s",
                                 PROTOCOLS[client->service].json_target, call->action)},
        .deadline_ms = call->deadline_ms,
    };
    return calling_run(&calling, ret_answer, retfault, reterr);
}
