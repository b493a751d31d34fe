#include "world.h"

#include "base/file.h"
#include "base/id.h"
#include "base/log.h"
#include "http/server.h"
#include "wire/seal.h"
#include "wire/signature.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char PASSWORD[] = "a password of tests";

static const char DECLARATION[] =
    "{\"configuration\":{"
    "\"principals\":[{\"name\":\"auditor\",\"role\":\"auditor\"},{\"name\":\"ann\"},"
    "{\"name\":\"ben\"},{\"name\":\"bea\"},{\"name\":\"eve\"}],"
    "\"groups\":[{\"name\":\"backend\",\"members\":[\"ann\",\"admin\",\"auditor\"]},"
    "{\"name\":\"dba\",\"members\":[\"ben\",\"bea\",\"auditor\"]}],"
    "\"integrations\":["
    "{\"name\":\"shop\",\"kind\":\"postgresql\",\"connector\":\"main\",\"host\":\"db.internal\","
    "\"port\":5432,\"database\":\"shop\",\"tls\":\"require\",\"admin_secret\":\"shop-admin\"},"
    "{\"name\":\"bank\",\"kind\":\"postgresql\",\"connector\":\"other\",\"host\":\"bank.internal\","
    "\"port\":5432,\"database\":\"bank\",\"tls\":\"require\",\"admin_secret\":\"bank-admin\"}],"
    "\"flows\":[{\"name\":\"shop-read\",\"integration\":\"shop\","
    "\"requesters\":{\"groups\":[\"backend\"]},"
    "\"grants\":[{\"schema\":\"app\",\"tables\":[\"orders\"],\"privileges\":[\"SELECT\"]}],"
    "\"duration\":{\"default\":\"1h\",\"max\":\"8h\"},"
    "\"approval\":[{\"any_of\":{\"groups\":[\"dba\"]},\"count\":1}],\"reason\":\"required\"},"
    "{\"name\":\"bank-read\",\"integration\":\"bank\","
    "\"requesters\":{\"principals\":[\"ben\"]},"
    "\"grants\":[{\"schema\":\"app\",\"tables\":[\"money\"],\"privileges\":[\"SELECT\"]}],"
    "\"duration\":{\"max\":\"1h\"},\"approval\":[{\"auto\":true}]}]}}";

// ---- Clock and authenticator --------------------------------------------------------------------

static int64_t shifted_now(const Clock *clock) {
    const ShiftedClock *shifted = (const ShiftedClock *)clock;
    return clock_now_ms(&SYSTEM_CLOCK) + atomic_load(&shifted->shift_ms);
}

static int64_t shifted_monotonic(const Clock *clock) {
    return clock_monotonic_ms(&SYSTEM_CLOCK);
}

void world_pass(World *world, int64_t ms) {
    atomic_fetch_add(&world->clock.shift_ms, ms);
}

int64_t world_now_ms(const World *world) {
    return clock_now_ms(&world->clock.clock);
}

static World *world_of(Authenticator *authenticator) {
    return (World *)((char *)authenticator - offsetof(World, authenticator));
}

static Status busy(Error *reterr) {
    return error_set(reterr, STATUS_LIMITED, "sign_in_busy", "busy");
}

static Status sign_in(Authenticator *authenticator, Store *store, const SignInRequest *request,
                      Error *reterr) {
    if (atomic_load(&world_of(authenticator)->authenticator_is_busy))
        return busy(reterr);
    if (strcmp(request->password, PASSWORD) == 0)
        return STATUS_OK;
    return error_set(reterr, STATUS_UNAUTHENTICATED, "bad_credentials", "wrong");
}

static Status protect(Authenticator *authenticator, Arena *arena, const char *password,
                      const char **ret_protected, Error *reterr) {
    if (atomic_load(&world_of(authenticator)->authenticator_is_busy))
        return busy(reterr);
    *ret_protected = "protected";
    return STATUS_OK;
}

// ---- Opening and closing ------------------------------------------------------------------------

static void need(Status status, const Error *error) {
    if (status != STATUS_OK)
        fail_msg("%s: %s (%s)", error->code, error->message, error->detail);
}

static void count_bootstrap(void *context) {
    atomic_fetch_add(&((World *)context)->bootstrapped, 1);
}

static void with_plenty(CallLimits *limits) {
    enum { PLENTY = 60000 };
    int64_t *const each[] = {
        &limits->calls_per_principal, &limits->changes_per_principal, &limits->calls_per_token,
        &limits->calls_per_instance,  &limits->calls_per_address,     &limits->waiting_per_caller,
    };
    for (size_t i = 0; i < COUNT_OF(each); i++) {
        if (*each[i] == 0)
            *each[i] = PLENTY;
    }
}

static void start(World *world, WorldOptions options) {
    Error error = {0};
    StoreOptions store = {
        .url = arena_printf(world->arena, "sqlite:%s/daypass.db", world->folder),
        .clock = &world->clock.clock,
        .audit_key = world->audit_key,
    };
    need(store_open(&store, &world->store, &error), &error);
    enum { PLENTY = 6000 };
    int64_t per_principal = options.sign_ins_per_principal,
            per_address = options.sign_ins_per_address;
    with_plenty(&options.limits);
    ApiOptions api = {
        .store = world->store,
        .clock = &world->clock.clock,
        .action_key = world->action_key,
        .audit_key = world->audit_key,
        .lease_s = 60,
        .sign_ins_per_principal = per_principal != 0 ? per_principal : PLENTY,
        .sign_ins_per_address = per_address != 0 ? per_address : PLENTY,
        .limits = options.limits,
        .metrics_access = options.metrics_access,
        .authenticator =
            options.authenticator != NULL ? options.authenticator : &world->authenticator,
        .bootstrapped = count_bootstrap,
        .context = world,
    };
    need(api_new(&api, &world->api, &error), &error);
    StoreWatch watch = {
        .context = world->api, .grant_changed = api_grant_changed, .work_queued = api_work_queued};
    store_watch(world->store, &watch);
    HttpServerOptions http = {
        .host = "127.0.0.1",
        .max_body_bytes = MAX_BODY_BYTES,
        .max_header_bytes = 16384,
        .threads = 4,
        .max_connections = 256,
        .max_connections_per_address = 256,
        .idle_timeout_s = 30,
        .clock = &world->clock.clock,
        .handler = api_handle,
        .refuse = api_refuse,
        .context = world->api,
    };
    need(http_server_start(&http, &world->server, &error), &error);
    api_attach(world->api, world->server);
    snprintf(world->url, sizeof(world->url), "http://127.0.0.1:%d",
             http_server_port(world->server));
    HttpClientOptions client = {
        .base_url = world->url,
        .user_agent = "test",
        .connect_timeout_ms = 10000,
        .max_body_bytes = 16 << 20,
    };
    need(http_client_new(&client, &world->client, &error), &error);
}

static void stop(World *world) {
    if (world->api != NULL)
        api_attach(world->api, NULL);
    if (world->server != NULL)
        world->server = http_server_stop(world->server);
    world->client = http_client_free(world->client);
    world->api = api_free(world->api);
    world->store = store_close(world->store);
}

static void add_connector(World *world, const char *name) {
    Answer answer = world_as(world, "admin", "POST", "/v1/connectors",
                             arena_printf(world->arena, "{\"name\":\"%s\"}", name));
    assert_status(answer, 201);
}

// The first administrator comes the way the first one of an installation does.
static void add_admin(World *world) {
    const char *text = token_new(world->arena, "dpi");
    Token invitation = {
        .id = id_new(world->arena, "tok"),
        .hash = token_hash(world->arena, text),
        .kind = TOKEN_INVITATION,
        .subject = "",
        .created_at = world_now_ms(world),
        .expires_at = world_now_ms(world) + 3600 * SECOND_MS,
    };
    Error error = {0};
    need(store_add_token(world->store, &ACTOR_SYSTEM, &invitation, &error), &error);
    Actor actor = {.name = "admin", .kind = "anonymous"};
    need(store_accept_invitation(world->store, &actor, invitation.hash, "admin", "none", &error),
         &error);
}

World *world_open(WorldOptions options) {
    log_setup((LogOptions){.level = LOG_ERROR});
    World *world = mem_alloc(sizeof(*world));
    snprintf(world->folder, sizeof(world->folder), "/tmp/daypass-api-XXXXXX");
    if (mkdtemp(world->folder) == NULL)
        fail_msg("no temporary folder");
    world->arena = arena_new();
    world->clock.clock = (Clock){.now_ms = shifted_now, .monotonic_ms = shifted_monotonic};
    world->authenticator =
        (Authenticator){.name = "password", .sign_in = sign_in, .protect = protect};
    world->action_key = signing_key_new();
    world->audit_key = signing_key_new();
    start(world, options);
    add_admin(world);
    add_connector(world, "main");
    add_connector(world, "other");
    assert_status(world_as(world, "admin", "POST", "/v1/apply", DECLARATION), 200);
    return world;
}

void world_restart(World *world, WorldOptions options) {
    stop(world);
    start(world, options);
}

static void remove_folder(const char *path) {
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        CLEANUP(mem_freep) char *inside = mem_printf("%s/%s", path, entry->d_name);
        unlink(inside);
    }
    if (folder != NULL)
        closedir(folder);
    rmdir(path);
}

World *world_close(World *world) {
    if (world == NULL)
        return NULL;
    stop(world);
    signing_key_free(world->action_key);
    signing_key_free(world->audit_key);
    remove_folder(world->folder);
    arena_free(world->arena);
    return mem_free(world);
}

// ---- Calls ------------------------------------------------------------------------------------

const char *world_token(World *world, const char *principal, TokenKind kind, const char *scopes) {
    const char *text = token_new(world->arena, "dps");
    Token token = {
        .id = id_new(world->arena, "tok"),
        .hash = token_hash(world->arena, text),
        .kind = (int)kind,
        .subject = principal,
        .label = "test",
        .created_at = world_now_ms(world),
        .expires_at = world_now_ms(world) + 12LL * 3600 * SECOND_MS,
    };
    char *rest =
        arena_strdup(world->arena, scopes != NULL ? scopes : "read,request,decide,configure");
    char *save = NULL;
    for (char *word = strtok_r(rest, ",", &save); word != NULL; word = strtok_r(NULL, ",", &save))
        string_list_add(world->arena, &token.scopes, word);
    Error error = {0};
    need(store_add_token(world->store, &ACTOR_SYSTEM, &token, &error), &error);
    return text;
}

const char *world_session(World *world, const char *principal) {
    return world_token(world, principal, TOKEN_SESSION, NULL);
}

Answer world_call_raw(World *world, const RawCall *raw) {
    CLEANUP(secret_freep)
    Secret *bearer = raw->token != NULL ? secret_new(raw->token, strlen(raw->token)) : NULL;
    HttpCall call = {
        .method = raw->method,
        .target = raw->target,
        .body = raw->body,
        .body_length = raw->length,
        .bearer = bearer,
        .timeout_ms = 60000,
    };
    memcpy(call.headers, raw->headers, sizeof(raw->headers));
    HttpReply reply = {0};
    Error error = {0};
    need(http_client_call(world->client, world->arena, &call, &reply, &error), &error);
    Answer answer = {.status = reply.status, .text = reply.body, .retry_after = reply.retry_after};
    Error ignored = {0};
    if (reply.length > 0 &&
        json_read(world->arena, reply.body, reply.length, &answer.body, &ignored) != STATUS_OK)
        answer.body = NULL;
    return answer;
}

Answer world_call(World *world, const char *token, const char *method, const char *target,
                  const char *body) {
    return world_call_raw(world, &(RawCall){.method = method,
                                            .target = target,
                                            .token = token,
                                            .body = body,
                                            .length = body != NULL ? strlen(body) : 0});
}

Answer world_as(World *world, const char *principal, const char *method, const char *target,
                const char *body) {
    return world_call(world, world_session(world, principal), method, target, body);
}

const char *text_at(const Answer *answer, const char *key) {
    return json_string_value(json_object_get(answer->body, key));
}

int64_t int_at(const Answer *answer, const char *key) {
    return json_integer_value(json_object_get(answer->body, key));
}

bool list_has(const Answer *answer, const char *key, const char *text) {
    json_t *item;
    for (size_t index = 0;
         (item = json_array_get(json_object_get(answer->body, key), index)) != NULL; index++) {
        if (text_equal(json_string_value(item), text))
            return true;
    }
    return false;
}

size_t count_of(const Answer *answer) {
    assert_true(json_is_array(json_object_get(answer->body, "items")));
    return json_array_size(json_object_get(answer->body, "items"));
}

void assert_status_at(Answer answer, int status, const char *file, int line) {
    if (answer.status == status)
        return;
    print_error("%s:%d: expected status %d, got %d: %s\n", file, line, status, answer.status,
                answer.text);
    _fail(file, line);
}

void assert_problem_at(Answer answer, int status, const char *code, const char *file, int line) {
    assert_status_at(answer, status, file, line);
    const char *found = text_at(&answer, "code");
    if (!text_equal(found, code) || int_at(&answer, "status") != status ||
        text_at(&answer, "detail") == NULL || text_at(&answer, "request_id") == NULL) {
        print_error("%s:%d: expected the problem %s: %s\n", file, line, code, answer.text);
        _fail(file, line);
    }
}

// ---- Grants and connectors ----------------------------------------------------------------------

const char *world_public_key(World *world) {
    SealKey *key = seal_key_new();
    const char *text = seal_key_public_text(world->arena, key);
    seal_key_free(key);
    return text;
}

const char *world_request(World *world) {
    const char *body = arena_printf(world->arena,
                                    "{\"flow\":\"shop-read\",\"duration\":\"2h\","
                                    "\"reason\":\"a test\",\"public_key\":\"%s\"}",
                                    world_public_key(world));
    Answer answer = world_as(world, "ann", "POST", "/v1/grants", body);
    assert_status(answer, 201);
    return text_at(&answer, "id");
}

const char *world_active_grant(World *world) {
    const char *id = world_request(world);
    const char *target = arena_printf(world->arena, "/v1/grants/%s/approve", id);
    assert_status(world_as(world, "ben", "POST", target, NULL), 200);
    Instance instance = world_enroll(world, "main");
    for (Action action; world_poll(world, &instance, &action);) {
        assert_status(world_report(world, &instance, &action), 204);
        if (action.kind == ACTION_GRANT)
            return id;
    }
    fail_msg("the grant action was never handed out");
    return NULL;
}

static void free_key(void *key) {
    signing_key_free(key);
}

Instance world_enroll(World *world, const char *connector) {
    Answer joined = world_as(world, "admin", "POST", "/v1/connectors",
                             arena_printf(world->arena, "{\"name\":\"%s\"}", connector));
    assert_status(joined, 201);
    SigningKey *key = signing_key_new();
    arena_on_free(world->arena, free_key, key);
    const char *body =
        arena_printf(world->arena, "{\"public_key\":\"%s\",\"version\":\"1\",\"host\":\"test\"}",
                     signing_key_public_text(world->arena, key));
    Answer answer =
        world_call(world, text_at(&joined, "join_token"), "POST", "/v1/connector/enroll", body);
    assert_status(answer, 201);
    return (Instance){
        .id = text_at(&answer, "instance"),
        .connector = text_at(&answer, "connector"),
        .key = key,
        .action_key = text_at(&answer, "action_key"),
    };
}

Answer world_signed_with(World *world, const Instance *instance, const char *method,
                         const char *target, const char *body) {
    size_t length = body != NULL ? strlen(body) : 0;
    SignedRequest request = {
        .method = method, .target = target, .body = body, .body_length = length};
    SignedHeaders headers;
    request_sign(world->arena, instance->key, instance->id, &request,
                 world_now_ms(world) / SECOND_MS, &headers);
    return world_call_raw(world,
                          &(RawCall){.method = method,
                                     .target = target,
                                     .body = body,
                                     .length = length,
                                     .headers = {headers.content_digest, headers.signature_input,
                                                 headers.signature}});
}

Answer world_signed(World *world, const Instance *instance, const char *target, const char *body) {
    return world_signed_with(world, instance, "POST", target, body);
}

bool world_poll(World *world, const Instance *instance, Action *ret_action) {
    Answer answer =
        world_signed(world, instance, "/v1/connector/poll", "{\"capacity\":1,\"wait_s\":0}");
    assert_status(answer, 200);
    PollReply reply = {0};
    Error error = {0};
    need(shape_read(world->arena, &POLL_REPLY_SHAPE, answer.body, &reply, &error), &error);
    if (reply.actions.count == 0)
        return false;
    need(action_verify(world->arena, instance->action_key, &reply.actions.items[0], ret_action,
                       &error),
         &error);
    return true;
}

Answer world_report(World *world, const Instance *instance, const Action *action) {
    ActionReport report = {
        .action_id = action->id,
        .attempt = action->attempt,
        .done = true,
    };
    if (action->kind == ACTION_GRANT || action->kind == ACTION_RESET)
        report.sealed = "c2VhbGVk";
    if (action->kind == ACTION_GRANT || action->kind == ACTION_EXTEND)
        report.expires_in_ms = action->expires_at - action->issued_at;
    return world_signed(world, instance, "/v1/connector/report",
                        shape_format(world->arena, &ACTION_REPORT_SHAPE, &report));
}

bool world_has_event(World *world, const char *event, const char *grant) {
    AuditFilter filter = {.event = event, .grant = grant, .limit = 1};
    AuditEvents events = {0};
    Error error = {0};
    need(store_list_audit(world->store, world->arena, &filter, &events, &error), &error);
    return events.count > 0;
}
