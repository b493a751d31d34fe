// For test/integration/sigv4_test.py: reads one order a line from its standard input, as JSON,
// signs with the key and the time in it, and prints what came of it, a line each.
//   {"make": "token", "key_id", "key", "session", "at_s", "region", "host", "port", "user"}
//   {"make": "query", …, "service", "host", "path", "parameters": [["name", "value"]], "expires_s"}
//   {"make": "call",  …, "service", "endpoint", "action", "parameters" or "body"}: to a server that
//                     looks at the headers; signed for the time it is; prints "ok"
//   {"make": "endpoint", "service", "region"}
#include "aws/call.h"
#include "aws/presign.h"

#include "base/text.h"

#include <string.h>

enum { PATIENCE_MS = 20000, MAX_PARAMETERS = 32 };

typedef struct Order {
    Arena *arena;
    const json_t *value;
    AwsCredentials *credentials;
    int64_t at_ms;
} Order;

static const char *text(const Order *order, const char *name) {
    return json_string_value(json_object_get(order->value, name));
}

static int64_t number(const Order *order, const char *name) {
    return json_integer_value(json_object_get(order->value, name));
}

static const char *part(const json_t *pair, size_t index) {
    return json_string_value(json_array_get(pair, index));
}

static Status make_token(const Order *order, const char **ret_line, Error *reterr) {
    RdsTokenRequest request = {
        .host = text(order, "host"),
        .port = (int)number(order, "port"),
        .user = text(order, "user"),
        .region = text(order, "region"),
        .signed_at = order->at_ms,
    };
    CLEANUP(secret_freep) Secret *token = NULL;
    TRY(rds_token_new(order->credentials, &request, &token, NULL, reterr));
    *ret_line = arena_strdup(order->arena, secret_text(token));
    return STATUS_OK;
}

static Status make_query(const Order *order, const char **ret_line, Error *reterr) {
    PresignParameter parameters[MAX_PARAMETERS];
    const json_t *given = json_object_get(order->value, "parameters");
    PresignRequest request = {
        .host = text(order, "host"),
        .path = text(order, "path"),
        .parameters = parameters,
        .service = text(order, "service"),
        .region = text(order, "region"),
        .signed_at = order->at_ms,
        .expires_s = (int)number(order, "expires_s"),
    };
    for (; request.parameter_count < json_array_size(given); request.parameter_count++) {
        const json_t *pair = json_array_get(given, request.parameter_count);
        parameters[request.parameter_count] = (PresignParameter){part(pair, 0), part(pair, 1)};
    }
    CLEANUP(secret_freep) Secret *url = NULL;
    TRY(presign_query(order->credentials, &request, &url, reterr));
    *ret_line = arena_strdup(order->arena, secret_text(url));
    return STATUS_OK;
}

static Status send(const Order *order, AwsClient *client, AwsFault *fault, Error *reterr) {
    const json_t *body = json_object_get(order->value, "body");
    int64_t deadline_ms = clock_monotonic_ms(&SYSTEM_CLOCK) + PATIENCE_MS;
    AwsAnswer answer;
    if (body != NULL)
        return aws_client_json(client, order->arena,
                               &(AwsJsonCall){.action = text(order, "action"),
                                              .body = body,
                                              .deadline_ms = deadline_ms},
                               &answer, fault, reterr);
    AwsQuery query = {.action = text(order, "action"), .deadline_ms = deadline_ms};
    const json_t *given = json_object_get(order->value, "parameters");
    for (size_t i = 0; i < json_array_size(given); i++)
        aws_parameters_add(order->arena, &query.parameters, part(json_array_get(given, i), 0),
                           part(json_array_get(given, i), 1));
    return aws_client_query(client, order->arena, &query, &answer, fault, reterr);
}

static Status find_service(const Order *order, AwsService *ret_service, Error *reterr) {
    int service = 0;
    if (!enum_find(&AWS_SERVICE_NAMES, text(order, "service"), &service))
        return error_set(reterr, STATUS_INVALID, "bad_service", "unknown service");
    *ret_service = (AwsService)service;
    return STATUS_OK;
}

static Status make_call(const Order *order, const char **ret_line, Error *reterr) {
    AwsClientOptions options = {
        .region = text(order, "region"),
        .endpoint = text(order, "endpoint"),
        .max_tries = 1,
    };
    TRY(find_service(order, &options.service, reterr));
    CLEANUP(aws_provider_freep)
    AwsProvider *provider = aws_provider_new_fixed(aws_credentials_copy(order->credentials));
    options.provider = provider;
    CLEANUP(aws_client_freep) AwsClient *client = NULL;
    TRY(aws_client_new(&options, &client, reterr));
    AwsFault fault = {0};
    TRY(send(order, client, &fault, reterr));
    *ret_line = "ok";
    return STATUS_OK;
}

static Status make_endpoint(const Order *order, const char **ret_line, Error *reterr) {
    AwsService service;
    ServiceEndpoint endpoint;
    TRY(find_service(order, &service, reterr));
    TRY(service_endpoint_find(service, text(order, "region"), &endpoint, reterr));
    *ret_line = arena_printf(order->arena, "%s %s %s", endpoint.url, endpoint.signing_region,
                             aws_partition_of_region(text(order, "region"))->name);
    return STATUS_OK;
}

static const struct {
    const char *name;
    Status (*make)(const Order *order, const char **ret_line, Error *reterr);
} KINDS[] = {
    {"token", make_token}, {"query", make_query}, {"call", make_call}, {"endpoint", make_endpoint}};

static Status carry_out(Order *order, const char **ret_line, Error *reterr) {
    if (text(order, "key_id") != NULL)
        TRY(aws_credentials_new("order", text(order, "key_id"), text(order, "key"),
                                text(order, "session"), 0, &order->credentials, reterr));
    for (size_t i = 0; i < COUNT_OF(KINDS); i++)
        if (text_equal(text(order, "make"), KINDS[i].name))
            return KINDS[i].make(order, ret_line, reterr);
    return error_set(reterr, STATUS_INVALID, "bad_order", "unknown order");
}

int main(void) {
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    while ((length = getline(&line, &size, stdin)) > 0) {
        CLEANUP(arena_freep) Arena *arena = arena_new();
        Error error = {0};
        Order order = {.arena = arena};
        json_t *value = NULL;
        const char *made = NULL;
        Status status = json_read(arena, line, (size_t)length, &value, &error);
        order.value = value;
        order.at_ms = number(&order, "at_s") * SECOND_MS;
        if (status == STATUS_OK)
            status = carry_out(&order, &made, &error);
        if (status == STATUS_OK)
            printf("%s\n", made);
        else
            printf("error %s: %s\n", error.code, error.message);
        fflush(stdout);
        aws_credentials_free(order.credentials);
    }
    free(line);
    return 0;
}
