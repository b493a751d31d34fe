// Calls to one AWS service: the query protocol (a form, answered with XML) and the JSON protocol,
// signed by libcurl (SigV4), repeated with jitter on throttling, server errors and lost connections
// for as long as the caller's deadline allows. A client is used by one thread at a time.
#pragma once

#include "aws/partition.h"
#include "aws/provider.h"
#include "aws/xml.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct AwsClient AwsClient;

// Texts are copied; provider, clock and stop are borrowed for as long as the client lives.
typedef struct AwsClientOptions {
    AwsService service;
    const char *region;
    const char *endpoint;  // URL instead of AWS's own; NULL: of the region
    AwsProvider *provider; // NULL: calls are not signed
    const char *ca_file;   // NULL: the system's
    const char *user_agent;
    int connect_timeout_ms;  // 0: 10 s
    int try_timeout_ms;      // for each try; 0: 20 s
    int max_tries;           // 0: 8
    const Clock *clock;      // NULL: the system's
    const atomic_bool *stop; // may be NULL; when it becomes true, calls and pauses end
    // Waits between tries; NULL: really. For tests.
    void (*pause)(void *context, int64_t pause_ms);
    void *pause_context;
} AwsClientOptions;

// "bad_region", "bad_url".
MUST_USE Status aws_client_new(const AwsClientOptions *options, AwsClient **ret_client,
                               Error *reterr);
AwsClient *aws_client_free(AwsClient *client);
DEFINE_CLEANUP(AwsClient, aws_client_free)

typedef struct AwsParameter {
    const char *name;
    const char *value;
} AwsParameter;
typedef struct AwsParameters {
    AwsParameter *items;
    size_t count;
    size_t capacity;
} AwsParameters;
// Copies; a NULL value adds nothing.
void aws_parameters_add(Arena *arena, AwsParameters *parameters, const char *name,
                        const char *value);
// NAME.1, NAME.2, …: name "Filter.member" gives Filter.member.1.
void aws_parameters_add_list(Arena *arena, AwsParameters *parameters, const char *name,
                             const char *const *values, size_t count);

// Which call. The version of the API is the service's one of those that this file knows.
typedef struct AwsQuery {
    const char *action; // "PutUserPolicy"
    AwsParameters parameters;
    int64_t
        deadline_ms; // of the client's monotonic clock: nothing is begun past it; 0: 60 s from now
} AwsQuery;
typedef struct AwsJsonCall {
    const char *action; // "DescribeSessions"
    const json_t *body; // an object
    int64_t deadline_ms;
} AwsJsonCall;

typedef struct AwsAnswer {
    const XmlNode *result;  // of a query: ACTIONResult where there is one, else the root
    const json_t *json;     // of a JSON call: an object, {} for an empty answer
    const char *request_id; // NULL: none came
    int64_t date_ms;        // AWS's clock (header Date); 0: none came
    int tries;
} AwsAnswer;

// What went wrong, in AWS's words. A plain value; of no meaning unless the call failed.
typedef struct AwsFault {
    char code[128]; // "AccessDenied"; SSM's without "Exception" at the end; "": AWS did not answer
    char message[512]; // printable
    int http_status;   // 0: no answer
    bool throttled;
    bool repeatable; // the same call may succeed later
    bool sent;       // it may have been carried out: a try was sent and its answer never came whole
    int64_t date_ms; // AWS's clock; 0: unknown
    int tries;
} AwsFault;

// Answers live in the arena. On failure `retfault` (may be NULL) is filled; Status by AWS's code:
//   STATUS_FORBIDDEN        AccessDenied, UnauthorizedOperation, …
//   STATUS_UNAUTHENTICATED  the credentials are not accepted, or there are none
//   STATUS_NOT_FOUND        NoSuchEntity, …NotFound, …
//   STATUS_CONFLICT         LimitExceeded, EntityAlreadyExists, ConcurrentModification, …
//   STATUS_LIMITED          throttled to the end
//   STATUS_UNAVAILABLE      no answer, 5xx, or what came cannot be read; "stopped"
//   STATUS_INVALID          everything else AWS refuses
// Error's code is "aws_refused", "aws_throttled", "aws_unavailable", "clock_skewed" (this machine's
// clock is minutes off: STATUS_UNAVAILABLE), or that of http/client.h or the provider; its
// message begins with service and action and quotes AWS's, its detail has the request's id.
MUST_USE Status aws_client_query(AwsClient *client, Arena *arena, const AwsQuery *query,
                                 AwsAnswer *ret_answer, AwsFault *retfault, Error *reterr);
MUST_USE Status aws_client_json(AwsClient *client, Arena *arena, const AwsJsonCall *call,
                                AwsAnswer *ret_answer, AwsFault *retfault, Error *reterr);

// Called with each page, whose answer lives until it returns: what is kept is copied. A failure
// ends the paging and is its failure.
typedef Status AwsPage(void *context, const AwsAnswer *answer, Error *reterr);
// All pages, up to AWS_MAX_PAGES, above which it is STATUS_TOO_LARGE: by Marker (IAM, RDS),
// NextToken (STS, SSM) or nextToken (EC2), whichever the answers have. The deadline is for them
// all; without one, each page has 60 s.
enum { AWS_MAX_PAGES = 2000 };
MUST_USE Status aws_client_query_pages(AwsClient *client, const AwsQuery *query, AwsPage *page,
                                       void *context, AwsFault *retfault, Error *reterr);
MUST_USE Status aws_client_json_pages(AwsClient *client, const AwsJsonCall *call, AwsPage *page,
                                      void *context, AwsFault *retfault, Error *reterr);

// A policy document as IAM gives it, percent-encoded (RFC 3986), into JSON text. STATUS_UNAVAILABLE
// for what is no such text.
MUST_USE Status aws_document_decode(Arena *arena, const char *text, const char **ret_document,
                                    Error *reterr);
