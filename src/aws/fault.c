#include "aws/fault.h"

#include "base/text.h"

#include <string.h>

enum {
    HTTP_FORBIDDEN = 403,
    HTTP_NOT_FOUND = 404,
    HTTP_CONFLICT = 409,
    HTTP_TOO_MANY = 429,
    HTTP_SERVER_ERRORS = 500,
    HTTP_UNAUTHORIZED = 401,
};

typedef enum FaultKind {
    FAULT_OTHER,
    FAULT_THROTTLED,
    FAULT_TRANSIENT,
    FAULT_BUSY, // another change of the same thing goes on: a conflict that passes
    FAULT_EXPIRED,
    FAULT_SKEWED,
    FAULT_UNAUTHENTICATED,
    FAULT_FORBIDDEN,
    FAULT_NOT_FOUND,
    FAULT_CONFLICT,
} FaultKind;

// https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html, the pages of the services'
// own, and what AWS's SDKs repeat. "Exception" at the end is left out before the look-up.
static const struct {
    const char *code;
    FaultKind kind;
} CODES[] = {
    {"Throttling", FAULT_THROTTLED},
    {"Throttled", FAULT_THROTTLED},
    {"RequestThrottled", FAULT_THROTTLED},
    {"RequestLimitExceeded", FAULT_THROTTLED},
    {"TooManyRequests", FAULT_THROTTLED},
    {"BandwidthLimitExceeded", FAULT_THROTTLED},
    {"SlowDown", FAULT_THROTTLED},
    {"PriorRequestNotComplete", FAULT_THROTTLED},
    {"EC2Throttled", FAULT_THROTTLED},
    {"InternalError", FAULT_TRANSIENT},
    {"InternalFailure", FAULT_TRANSIENT},
    {"InternalServerError", FAULT_TRANSIENT},
    {"ServiceFailure", FAULT_TRANSIENT},
    {"ServiceUnavailable", FAULT_TRANSIENT},
    {"Unavailable", FAULT_TRANSIENT},
    {"RequestTimeout", FAULT_TRANSIENT},
    {"IDPCommunicationError", FAULT_TRANSIENT},
    {"ConcurrentModification", FAULT_BUSY},
    {"EntityTemporarilyUnmodifiable", FAULT_BUSY},
    {"ExpiredToken", FAULT_EXPIRED},
    {"InvalidClientTokenId", FAULT_EXPIRED},
    {"UnrecognizedClient", FAULT_EXPIRED},
    {"RequestExpired", FAULT_SKEWED},
    {"RequestTimeTooSkewed", FAULT_SKEWED},
    {"SignatureDoesNotMatch", FAULT_SKEWED},
    {"InvalidSignature", FAULT_SKEWED},
    {"AuthFailure", FAULT_SKEWED}, // EC2 says so of everything about credentials
    {"IncompleteSignature", FAULT_UNAUTHENTICATED},
    {"InvalidAccessKeyId", FAULT_UNAUTHENTICATED},
    {"InvalidToken", FAULT_UNAUTHENTICATED},
    {"InvalidIdentityToken", FAULT_UNAUTHENTICATED},
    {"IDPRejectedClaim", FAULT_UNAUTHENTICATED},
    {"MissingAuthenticationToken", FAULT_UNAUTHENTICATED},
    {"AccessDenied", FAULT_FORBIDDEN},
    {"UnauthorizedOperation", FAULT_FORBIDDEN},
    {"UnauthorizedAccess", FAULT_FORBIDDEN},
    {"NotAuthorized", FAULT_FORBIDDEN},
    {"OptInRequired", FAULT_FORBIDDEN},
    {"NoSuchEntity", FAULT_NOT_FOUND},
    {"LimitExceeded", FAULT_CONFLICT},
    {"EntityAlreadyExists", FAULT_CONFLICT},
    {"DeleteConflict", FAULT_CONFLICT},
};

static const struct {
    const char *end;
    FaultKind kind;
} ENDS[] = {
    {"NotFound", FAULT_NOT_FOUND},          {"NotFoundFault", FAULT_NOT_FOUND},
    {"DoesNotExist", FAULT_NOT_FOUND},      {"AlreadyExists", FAULT_CONFLICT},
    {"AlreadyExistsFault", FAULT_CONFLICT},
};

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && text_equal(text + length - end_length, end);
}

static FaultKind kind_of_status(int http_status) {
    if (http_status == HTTP_TOO_MANY)
        return FAULT_THROTTLED;
    if (http_status >= HTTP_SERVER_ERRORS)
        return FAULT_TRANSIENT;
    if (http_status == HTTP_UNAUTHORIZED)
        return FAULT_UNAUTHENTICATED;
    if (http_status == HTTP_FORBIDDEN)
        return FAULT_FORBIDDEN;
    if (http_status == HTTP_NOT_FOUND)
        return FAULT_NOT_FOUND;
    return http_status == HTTP_CONFLICT ? FAULT_CONFLICT : FAULT_OTHER;
}

static FaultKind kind_of(const AwsFault *fault) {
    for (size_t i = 0; i < COUNT_OF(CODES); i++)
        if (text_equal(fault->code, CODES[i].code))
            return CODES[i].kind;
    for (size_t i = 0; i < COUNT_OF(ENDS); i++)
        if (ends_with(fault->code, ENDS[i].end))
            return ENDS[i].kind;
    return kind_of_status(fault->http_status);
}

void fault_classify(AwsFault *fault) {
    FaultKind kind = kind_of(fault);
    fault->throttled = kind == FAULT_THROTTLED;
    fault->repeatable = fault->throttled || kind == FAULT_TRANSIENT || kind == FAULT_BUSY;
}

Status fault_status(const AwsFault *fault) {
    static const Status STATUSES[] = {
        [FAULT_OTHER] = STATUS_INVALID,
        [FAULT_THROTTLED] = STATUS_LIMITED,
        [FAULT_TRANSIENT] = STATUS_UNAVAILABLE,
        [FAULT_BUSY] = STATUS_CONFLICT,
        [FAULT_EXPIRED] = STATUS_UNAUTHENTICATED,
        [FAULT_SKEWED] = STATUS_UNAUTHENTICATED,
        [FAULT_UNAUTHENTICATED] = STATUS_UNAUTHENTICATED,
        [FAULT_FORBIDDEN] = STATUS_FORBIDDEN,
        [FAULT_NOT_FOUND] = STATUS_NOT_FOUND,
        [FAULT_CONFLICT] = STATUS_CONFLICT,
    };
    return STATUSES[kind_of(fault)];
}

bool fault_is_expired(const AwsFault *fault) {
    FaultKind kind = kind_of(fault);
    return kind == FAULT_EXPIRED || text_equal(fault->code, "AuthFailure") ||
           text_equal(fault->code, "RequestExpired");
}

bool fault_is_skewed(const AwsFault *fault) {
    return kind_of(fault) == FAULT_SKEWED;
}

// Reading

// A signature that does not match is answered with the string that should have been signed, which
// has the session token in it: what follows the first line stays out.
static void take_text(Arena *arena, const char *text, char *into, size_t size) {
    if (text == NULL)
        return;
    size_t length = strcspn(text, "\r\n");
    const char *line = text_printable(arena, arena_copy(arena, text, length));
    size_t cut = text_cut(line, strlen(line), size - 1);
    memcpy(into, line, cut);
    into[cut] = '\0';
}

static void take_message(Arena *arena, const char *text, AwsFault *fault) {
    take_text(arena, text, fault->message, sizeof(fault->message));
    char *quoted = strstr(fault->message, "The Canonical String");
    if (quoted != NULL)
        *quoted = '\0';
}

// "com.amazon.coral.service#ThrottlingException:http://…" is "Throttling".
static void take_code(Arena *arena, const char *text, AwsFault *fault) {
    static const char SUFFIX[] = "Exception";
    if (text == NULL)
        return;
    const char *hash = strchr(text, '#');
    const char *start = hash != NULL ? hash + 1 : text;
    char *code = arena_copy(arena, start, strcspn(start, ": "));
    if (ends_with(code, SUFFIX) && strlen(code) > strlen(SUFFIX))
        code[strlen(code) - strlen(SUFFIX)] = '\0';
    take_text(arena, code, fault->code, sizeof(fault->code));
}

void fault_read_xml(Arena *arena, const XmlNode *root, AwsFault *fault, const char **ret_id) {
    const XmlNode *error = xml_find(root, "Error");
    if (error == NULL)
        error = xml_find(root, "Errors/Error"); // EC2
    take_code(arena, xml_text(error, "Code"), fault);
    take_message(arena, xml_text(error, "Message"), fault);
    const char *id = xml_text(root, "RequestId");
    *ret_id = id != NULL ? id : xml_text(root, "RequestID");
}

static const char *text_of(const json_t *object, const char *name) {
    const json_t *value = json_object_get(object, name);
    return json_is_string(value) ? json_string_value(value) : NULL;
}

void fault_read_json(Arena *arena, const json_t *answer, AwsFault *fault) {
    take_code(arena, text_of(answer, "__type"), fault);
    const char *message = text_of(answer, "message");
    take_message(arena, message != NULL ? message : text_of(answer, "Message"), fault);
}
