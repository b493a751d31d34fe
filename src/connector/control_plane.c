#include "connector/control_plane.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "base/log.h"
#include "http/client.h"
#include "http/problem.h"
#include "wire/signature.h"

enum {
    CONNECT_TIMEOUT_MS = 10000,
    CALL_TIMEOUT_MS = 30000,
    MAX_REPLY_BYTES = 32 * 1024 * 1024,
    STEP_WARNED_MS = 60 * SECOND_MS,
};
// How far from our own clock we sign for the control plane's. Whoever has it for a while could
// otherwise collect signatures for times to come.
static const int64_t AHEAD_MOST_MS = 24LL * 3600 * SECOND_MS;

struct ControlPlane {
    ControlPlaneOptions options;
    HttpClient *client;
    int64_t ahead_ms; // its clock minus ours, once it has refused a signature by it; 0 until then
};

static Status client_open(const ConnectorOptions *options, HttpClient **ret_client, Error *reterr) {
    HttpClientOptions client = {
        .base_url = options->control_plane,
        .ca_file = options->ca_file,
        .user_agent = "daypass-connector/" DAYPASS_VERSION,
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
        .max_body_bytes = MAX_REPLY_BYTES,
    };
    return http_client_new(&client, ret_client, reterr);
}

Status control_plane_open(const ControlPlaneOptions *options, ControlPlane **ret_plane,
                          Error *reterr) {
    HttpClient *client = NULL;
    TRY(client_open(options->options, &client, reterr));
    ControlPlane *plane = mem_alloc(sizeof(*plane));
    *plane = (ControlPlane){.options = *options, .client = client};
    *ret_plane = plane;
    return STATUS_OK;
}

ControlPlane *control_plane_close(ControlPlane *plane) {
    if (!plane)
        return NULL;
    http_client_free(plane->client);
    return mem_free(plane);
}

// Any answer but 2xx becomes the Error it carries.
static Status reply_check(Arena *arena, const HttpReply *reply, Error *reterr) {
    if (reply->status >= 200 && reply->status < 300)
        return STATUS_OK;
    return problem_parse(arena, reply->status, reply->body, reply->length, reterr);
}

static Status call_once(ControlPlane *plane, Arena *arena, const SignedRequest *request,
                        int timeout_ms, HttpReply *ret_reply, Error *reterr) {
    int64_t now_ms = clock_now_ms(plane->options.clock) + plane->ahead_ms;
    SignedHeaders headers;
    request_sign(arena, plane->options.key, plane->options.identity->instance, request,
                 now_ms / SECOND_MS, &headers);
    HttpCall call = {
        .method = request->method,
        .target = request->target,
        .body = request->body,
        .body_length = request->body_length,
        .headers = {"Content-Type: application/json", headers.content_digest,
                    headers.signature_input, headers.signature},
        .timeout_ms = timeout_ms,
        .stop = plane->options.stop,
    };
    TRY(http_client_call(plane->client, arena, &call, ret_reply, reterr));
    return reply_check(arena, ret_reply, reterr);
}

static void step_log(int64_t ahead_ms, int64_t step_ms, bool followed) {
    char ahead[32];
    snprintf(ahead, sizeof(ahead), "%lld s", (long long)(ahead_ms / SECOND_MS));
    if (followed)
        log_event(llabs(step_ms) > STEP_WARNED_MS ? LOG_WARNING : LOG_INFO, "clock.differs",
                  "control_plane_ahead", ahead, "next",
                  "signs requests by the control plane's clock; set the clocks right", NULL);
    else
        log_event(LOG_ERROR, "clock.refused", "control_plane_ahead", ahead, "next",
                  "set the clocks right: requests are not signed for a time more than a day from "
                  "the connector's own",
                  NULL);
}

// Whether a signature is fresh is for the control plane's clock to say. Where the clocks differ by
// more than it accepts, its answers tell the time to sign with; nothing else goes by that.
static bool clock_follow(ControlPlane *plane, const HttpReply *reply, const Error *error) {
    if (!text_equal(error->code, "stale_signature") || reply->date_ms == 0)
        return false;
    int64_t ahead_ms = reply->date_ms - clock_now_ms(plane->options.clock);
    bool follows = llabs(ahead_ms) <= AHEAD_MOST_MS;
    step_log(ahead_ms, ahead_ms - plane->ahead_ms, follows);
    if (follows)
        plane->ahead_ms = ahead_ms;
    return follows;
}

// A body makes it a POST; without, it is a GET.
static Status call_signed(ControlPlane *plane, Arena *arena, const char *target, const char *body,
                          int timeout_ms, HttpReply *ret_reply, Error *reterr) {
    SignedRequest request = {
        .method = body ? "POST" : "GET",
        .target = target,
        .body = body,
        .body_length = body ? strlen(body) : 0,
    };
    Error error = {0};
    Status status = call_once(plane, arena, &request, timeout_ms, ret_reply, &error);
    if (status == STATUS_UNAUTHENTICATED && clock_follow(plane, ret_reply, &error))
        status = call_once(plane, arena, &request, timeout_ms, ret_reply, &error);
    if (status != STATUS_OK)
        *reterr = error;
    return status;
}

Status control_plane_poll(ControlPlane *plane, Arena *arena, const PollRequest *request,
                          PollReply *ret_reply, Error *reterr) {
    HttpReply reply;
    const char *body = shape_format(arena, &POLL_REQUEST_SHAPE, request);
    int timeout_ms = CALL_TIMEOUT_MS + (int)request->wait_s * SECOND_MS;
    TRY(call_signed(plane, arena, "/v1/connector/poll", body, timeout_ms, &reply, reterr));
    return shape_parse(arena, &POLL_REPLY_SHAPE, reply.body, reply.length, ret_reply, reterr);
}

Status control_plane_send(ControlPlane *plane, Arena *arena, const char *target, const char *body,
                          Error *reterr) {
    HttpReply reply;
    return call_signed(plane, arena, target, body, CALL_TIMEOUT_MS, &reply, reterr);
}

typedef struct PlansReply {
    Plans items;
} PlansReply;
static const Field PLANS_REPLY_FIELDS[] = {
    {FIELD(PlansReply, items, OBJECTS), .required = true, .shape = &PLAN_SHAPE, .help = "Plans"},
};
static const Shape PLANS_REPLY_SHAPE =
    SHAPE("PlansReply", PlansReply, PLANS_REPLY_FIELDS, "What may be asked of a connector");

Status control_plane_plans(ControlPlane *plane, Arena *arena, Plans *ret_plans, Error *reterr) {
    HttpReply reply;
    TRY(call_signed(plane, arena, "/v1/connector/plans", NULL, CALL_TIMEOUT_MS, &reply, reterr));
    PlansReply plans;
    TRY(shape_parse(arena, &PLANS_REPLY_SHAPE, reply.body, reply.length, &plans, reterr));
    *ret_plans = plans.items;
    return STATUS_OK;
}

Status control_plane_enroll(Arena *arena, const ConnectorOptions *options, const Secret *join_token,
                            const SigningKey *key, EnrollReply *ret_reply, Error *reterr) {
    CLEANUP(http_client_freep) HttpClient *client = NULL;
    TRY(client_open(options, &client, reterr));
    char host[256] = "";
    gethostname(host, sizeof(host) - 1);
    EnrollRequest request = {
        .public_key = signing_key_public_text(arena, key),
        .version = DAYPASS_VERSION,
        .host = host,
    };
    const char *body = shape_format(arena, &ENROLL_REQUEST_SHAPE, &request);
    HttpCall call = {
        .method = "POST",
        .target = "/v1/connector/enroll",
        .body = body,
        .body_length = strlen(body),
        .bearer = join_token,
        .headers = {"Content-Type: application/json"},
        .timeout_ms = CALL_TIMEOUT_MS,
    };
    HttpReply reply;
    TRY(http_client_call(client, arena, &call, &reply, reterr));
    TRY(reply_check(arena, &reply, reterr));
    return shape_parse(arena, &ENROLL_REPLY_SHAPE, reply.body, reply.length, ret_reply, reterr);
}

int64_t backoff_ms(int failures) {
    enum { FIRST_MS = 500, LAST_MS = 30000 };
    int64_t ceiling_ms = FIRST_MS;
    for (int i = 1; i < failures && ceiling_ms < LAST_MS; i++)
        ceiling_ms *= 2;
    if (ceiling_ms > LAST_MS)
        ceiling_ms = LAST_MS;
    return 1 + (int64_t)randombytes_uniform((uint32_t)ceiling_ms);
}

bool control_plane_may_retry(Status status) {
    return status == STATUS_UNAVAILABLE || status == STATUS_LIMITED || status == STATUS_INTERNAL ||
           status == STATUS_UNAUTHENTICATED;
}
