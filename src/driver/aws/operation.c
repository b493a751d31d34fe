#include "driver/aws/operation.h"

#include <poll.h>
#include <stdarg.h>

#include "driver/aws/failure.h"

enum { FIRST_WAIT_MS = 100, LONGEST_WAIT_MS = 2000 };

static Status failed(Operation *operation, Status status, const AwsFault *fault, AwsFault *retfault,
                     Error *error, Error *reterr) {
    AwsFailure failure = aws_failure_of(status, fault);
    aws_session_note_date(operation->session, fault->date_ms);
    operation->evidence.failure = failure.class;
    if (retfault != NULL)
        *retfault = *fault;
    if (operation->session->checks)
        failure.hint = NULL;
    Error told = *error;
    error_set(&told, status, fault->http_status != 0 ? failure.code : error->code, "%s%s%s",
              error->message, failure.hint != NULL ? "; " : "",
              failure.hint != NULL ? failure.hint : "");
    error_set_detail(&told, "%s", error->detail);
    if (reterr != NULL)
        *reterr = told;
    return status;
}

static Status client_of(Operation *operation, AwsService service, AwsClient **ret_client,
                        Error *reterr) {
    Status status = aws_session_client(operation->session, service, ret_client, reterr);
    if (status != STATUS_OK)
        operation->evidence.failure = FAILURE_FATAL;
    return status;
}

Status aws_operation_query(Operation *operation, const AwsRequest *request, AwsAnswer *ret_answer,
                           AwsFault *retfault, Error *reterr) {
    AwsClient *client;
    AwsFault fault = {0};
    Error error = {0};
    TRY(client_of(operation, request->service, &client, reterr));
    const AwsQuery query = {
        .action = request->action,
        .parameters = request->parameters,
        .deadline_ms = request->deadline_ms,
    };
    Status status = aws_client_query(client, operation->arena, &query, ret_answer, &fault, &error);
    if (status != STATUS_OK)
        return failed(operation, status, &fault, retfault, &error, reterr);
    aws_session_note_date(operation->session, ret_answer->date_ms);
    return STATUS_OK;
}

Status aws_operation_json(Operation *operation, const AwsJsonCall *call, AwsAnswer *ret_answer,
                          AwsFault *retfault, Error *reterr) {
    AwsClient *client;
    AwsFault fault = {0};
    Error error = {0};
    TRY(client_of(operation, AWS_SERVICE_SSM, &client, reterr));
    Status status = aws_client_json(client, operation->arena, call, ret_answer, &fault, &error);
    if (status != STATUS_OK)
        return failed(operation, status, &fault, retfault, &error, reterr);
    aws_session_note_date(operation->session, ret_answer->date_ms);
    return STATUS_OK;
}

// ---- Pages --------------------------------------------------------------------------------------

typedef struct Paging {
    Operation *operation;
    AwsPage *page;
    void *context;
} Paging;

static Status take_page(void *context, const AwsAnswer *answer, Error *reterr) {
    Paging *paging = context;
    aws_session_note_date(paging->operation->session, answer->date_ms);
    return paging->page(paging->context, answer, reterr);
}

Status aws_operation_pages(Operation *operation, const AwsRequest *request, AwsPage *page,
                           void *context, Error *reterr) {
    AwsClient *client;
    AwsFault fault = {0};
    Error error = {0};
    TRY(client_of(operation, request->service, &client, reterr));
    const AwsQuery query = {
        .action = request->action,
        .parameters = request->parameters,
        .deadline_ms = request->deadline_ms,
    };
    Paging paging = {operation, page, context};
    Status status = aws_client_query_pages(client, &query, take_page, &paging, &fault, &error);
    return status == STATUS_OK ? STATUS_OK
                               : failed(operation, status, &fault, NULL, &error, reterr);
}

Status aws_operation_json_pages(Operation *operation, const AwsJsonCall *call, AwsPage *page,
                                void *context, Error *reterr) {
    AwsClient *client;
    AwsFault fault = {0};
    Error error = {0};
    TRY(client_of(operation, AWS_SERVICE_SSM, &client, reterr));
    Paging paging = {operation, page, context};
    Status status = aws_client_json_pages(client, call, take_page, &paging, &fault, &error);
    return status == STATUS_OK ? STATUS_OK
                               : failed(operation, status, &fault, NULL, &error, reterr);
}

// ---- Evidence and time --------------------------------------------------------------------------

void aws_operation_record(Operation *operation, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const char *line = arena_vprintf(operation->arena, format, arguments);
    va_end(arguments);
    evidence_statement(&operation->evidence, evidence_one_line(operation->arena, line),
                       operation->session->address.region, 0);
}

Status aws_operation_check_deadline(Operation *operation, int64_t deadline_ms, Error *reterr) {
    if (clock_monotonic_ms(operation->session->clock) >= deadline_ms)
        return evidence_deadline_passed(&operation->evidence, reterr);
    return STATUS_OK;
}

// Nobody tells when a change has reached all of IAM: it is asked again.
bool aws_operation_wait(Operation *operation, int *attempt, int64_t until_ms) {
    int64_t wait_ms = FIRST_WAIT_MS;
    for (int i = 0; i < *attempt && wait_ms < LONGEST_WAIT_MS; i++)
        wait_ms *= 2;
    if (wait_ms > LONGEST_WAIT_MS)
        wait_ms = LONGEST_WAIT_MS;
    *attempt += 1;
    if (clock_monotonic_ms(operation->session->clock) + wait_ms >= until_ms)
        return false;
    (void)poll(NULL, 0, (int)wait_ms);
    return true;
}
