#include "driver/aws/session.h"

#include <string.h>

#include "aws/arn.h"
#include "base/text.h"
#include "driver/aws/failure.h"
#include "driver/aws/provider_cache.h"

enum {
    DEFAULT_CONNECT_MS = 10 * SECOND_MS,
    DEFAULT_STATEMENT_MS = 20 * SECOND_MS,
    SESSION_NAME_MAX_BYTES = 64,
};

static const char USER_AGENT[] = "daypass-connector";

const char *aws_session_name(Arena *arena, const char *purpose) {
    const char *whole = arena_printf(arena, "daypass-%s", purpose != NULL ? purpose : "connector");
    char *name = arena_printf(arena, "%.*s", SESSION_NAME_MAX_BYTES, whole);
    for (char *at = name; *at != '\0'; at++)
        if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+=,.@_-", *at) ==
            NULL)
            *at = '_';
    return name;
}

// ---- Its own copies -----------------------------------------------------------------------------

static StringList list_copy(Arena *arena, const StringList *list) {
    StringList copy = {0};
    for (size_t i = 0; i < list->count; i++)
        string_list_add(arena, &copy, list->items[i]);
    return copy;
}

static const ResourceCeiling *ceiling_copy(Arena *arena, const ResourceCeiling *ceiling) {
    ResourceCeiling *copy = arena_alloc(arena, sizeof *copy);
    if (ceiling != NULL)
        *copy = (ResourceCeiling){
            .actions = list_copy(arena, &ceiling->actions),
            .resources = list_copy(arena, &ceiling->resources),
            .identities = list_copy(arena, &ceiling->identities),
            .identity_tags = list_copy(arena, &ceiling->identity_tags),
            .boundary = arena_strdup(arena, ceiling->boundary),
        };
    return copy;
}

static void copy_address(DriverSession *session, const AwsAddress *address) {
    Arena *arena = session->arena;
    session->address = (AwsAddress){
        .account = arena_strdup(arena, address->account),
        .region = arena_strdup(arena, address->region),
        .role = arena_strdup(arena, address->role),
        .external_id = arena_strdup(arena, address->external_id),
        .endpoints = &session->endpoints,
    };
    if (address->endpoints != NULL)
        session->endpoints = (AwsEndpoints){
            .iam = arena_strdup(arena, address->endpoints->iam),
            .sts = arena_strdup(arena, address->endpoints->sts),
            .rds = arena_strdup(arena, address->endpoints->rds),
            .ec2 = arena_strdup(arena, address->endpoints->ec2),
            .ssm = arena_strdup(arena, address->endpoints->ssm),
        };
}

static void copy_login(DriverSession *session, const DriverLogin *login) {
    Arena *arena = session->arena = arena_new();
    copy_address(session, login->target->aws);
    session->target = (TargetAddress){
        .kind = TARGET_AWS,
        .host = session->address.account,
        .port = login->target->port,
        .database = session->address.region,
        .tls = login->target->tls,
        .aws = &session->address,
    };
    session->ceiling = ceiling_copy(arena, login->ceiling);
    session->login = (DriverLogin){
        .target = &session->target,
        .ca_file = arena_strdup(arena, login->ca_file),
        .connect_timeout_ms =
            login->connect_timeout_ms > 0 ? login->connect_timeout_ms : DEFAULT_CONNECT_MS,
        .statement_timeout_ms =
            login->statement_timeout_ms > 0 ? login->statement_timeout_ms : DEFAULT_STATEMENT_MS,
        .clock = login->clock,
        .purpose = arena_strdup(arena, login->purpose),
        .profile = arena_strdup(arena, login->profile),
        .programs = login->programs,
        .withheld = login->withheld,
        .ceiling = session->ceiling,
    };
    session->clock = login->clock;
    session->partition = aws_partition_of_region(session->address.region)->name;
    session->session_name = aws_session_name(arena, login->purpose);
}

// ---- AWS's clock --------------------------------------------------------------------------------

void aws_session_note_date(DriverSession *session, int64_t date_ms) {
    if (date_ms <= 0)
        return;
    // The header is cut to seconds and was written before it came: what it says is never too late,
    // and the greatest of all is the nearest.
    int64_t ahead_ms = date_ms - clock_monotonic_ms(session->clock);
    if (!session->dated || ahead_ms > session->ahead_ms)
        session->ahead_ms = ahead_ms;
    session->dated = true;
}

int64_t aws_session_now(const DriverSession *session) {
    return session->dated ? clock_monotonic_ms(session->clock) + session->ahead_ms
                          : clock_now_ms(session->clock);
}

// ---- Clients ------------------------------------------------------------------------------------

static const char *endpoint_of(const AwsEndpoints *endpoints, AwsService service) {
    switch (service) {
    case AWS_SERVICE_IAM:
        return endpoints->iam;
    case AWS_SERVICE_STS:
        return endpoints->sts;
    case AWS_SERVICE_RDS:
        return endpoints->rds;
    case AWS_SERVICE_EC2:
        return endpoints->ec2;
    case AWS_SERVICE_SSM:
        return endpoints->ssm;
    case AWS_SERVICE_COUNT_:
        break;
    }
    return NULL;
}

Status aws_session_client(DriverSession *session, AwsService service, AwsClient **ret_client,
                          Error *reterr) {
    if (session->clients[service] == NULL) {
        const AwsClientOptions options = {
            .service = service,
            .region = session->address.region,
            .endpoint = endpoint_of(&session->endpoints, service),
            .provider = session->provider,
            .ca_file = session->login.ca_file,
            .user_agent = USER_AGENT,
            .connect_timeout_ms = session->login.connect_timeout_ms,
            .try_timeout_ms = session->login.statement_timeout_ms,
            .clock = session->clock,
        };
        TRY(aws_client_new(&options, &session->clients[service], reterr));
    }
    *ret_client = session->clients[service];
    return STATUS_OK;
}

static void choose_provider(DriverSession *session) {
    AwsProvider *base = aws_provider_shared(&(AwsProviderOptions){
        .profile = session->login.profile,
        .region = session->address.region,
        .sts_endpoint = session->endpoints.sts,
        .ca_file = session->login.ca_file,
        .programs = session->login.programs,
        .withheld = session->login.withheld,
    });
    session->provider = base;
    if (session->address.role == NULL)
        return;
    const AwsAssumption assumption = {
        .role_arn = session->address.role,
        .external_id = session->address.external_id,
        .session_name = session->session_name,
        .source_identity = session->session_name,
    };
    const AwsProviderOptions options = {
        .region = session->address.region,
        .sts_endpoint = session->endpoints.sts,
        .ca_file = session->login.ca_file,
        .user_agent = USER_AGENT,
        .clock = session->clock,
    };
    // What an assumption is made of lives in the session's arena, and the provider with it.
    session->assumed =
        aws_provider_new_assumed(base, arena_copy(session->arena, &assumption, sizeof assumption),
                                 arena_copy(session->arena, &options, sizeof options));
    session->provider = session->assumed;
}

// ---- Opening ------------------------------------------------------------------------------------

// What a connector leaves alone for some seconds: nothing there answers.
static bool is_unreachable(const Error *error) {
    static const char *const CODES[] = {"cannot_resolve", "cannot_connect", "timed_out"};
    for (size_t i = 0; i < COUNT_OF(CODES); i++)
        if (text_equal(error->code, CODES[i]))
            return true;
    return false;
}

static Status refuse(Status status, const AwsFault *fault, Error *error, FailureClass *ret_failure,
                     Error *reterr) {
    AwsFailure failure = aws_failure_of(status, fault);
    *ret_failure = failure.class;
    bool aws_answered = fault->http_status != 0;
    const char *code = is_unreachable(error)             ? "target_unreachable"
                       : failure.class == FAILURE_DENIED ? "login_denied"
                       : aws_answered                    ? failure.code
                                                         : error->code;
    Error told = *error;
    error_set(&told, status, code, "%s%s%s", error->message,
              failure.hint != NULL && aws_answered ? "; " : "",
              failure.hint != NULL && aws_answered ? failure.hint : "");
    error_set_detail(&told, "%s", error->detail);
    if (reterr != NULL)
        *reterr = told;
    return status;
}

static Status learn_account(DriverSession *session, FailureClass *ret_failure, Error *reterr) {
    AwsClient *client;
    AwsAnswer answer;
    AwsFault fault = {0};
    Error error = {0};
    *ret_failure = FAILURE_FATAL;
    TRY(aws_session_client(session, AWS_SERVICE_STS, &client, reterr));
    const AwsQuery query = {
        .action = "GetCallerIdentity",
        .deadline_ms = clock_monotonic_ms(session->clock) + session->login.connect_timeout_ms +
                       session->login.statement_timeout_ms,
    };
    Status status = aws_client_query(client, session->arena, &query, &answer, &fault, &error);
    if (status != STATUS_OK)
        return refuse(status, &fault, &error, ret_failure, reterr);
    aws_session_note_date(session, answer.date_ms);
    const char *account = xml_text(answer.result, "Account");
    const char *arn = xml_text(answer.result, "Arn");
    if (account == NULL || arn == NULL)
        return error_set(reterr, STATUS_UNAVAILABLE, "target_failed",
                         "sts GetCallerIdentity was answered without an account");
    if (!text_equal(account, session->address.account))
        return error_set(reterr, STATUS_INVALID, "wrong_account",
                         "the connector's credentials are of AWS account %.20s, the integration is "
                         "of account %s; name a role of that account (role), or a profile with its "
                         "credentials",
                         account, session->address.account);
    session->own_arn = arn;
    return STATUS_OK;
}

Status aws_session_open(const DriverLogin *login, DriverSession **ret_session,
                        FailureClass *ret_failure, Error *reterr) {
    *ret_failure = FAILURE_FATAL;
    if (login->target->aws == NULL)
        return error_set(reterr, STATUS_INVALID, "bad_value",
                         "the target names no AWS account and region");
    CLEANUP(aws_session_closep) DriverSession *session = mem_alloc(sizeof *session);
    copy_login(session, login);
    choose_provider(session);
    TRY(learn_account(session, ret_failure, reterr));
    *ret_session = session;
    session = NULL;
    *ret_failure = FAILURE_NONE;
    return STATUS_OK;
}

DriverSession *aws_session_close(DriverSession *session) {
    if (session == NULL)
        return NULL;
    for (size_t i = 0; i < AWS_SERVICE_COUNT_; i++)
        aws_client_free(session->clients[i]);
    aws_provider_free(session->assumed);
    arena_free(session->arena);
    return mem_free(session);
}
