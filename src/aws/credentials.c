#include "aws/credentials.h"

#include "aws/arn.h"
#include "base/clock.h"
#include "base/text.h"

#include <string.h>

enum { KEY_ID_MAX_BYTES = 128, SECRET_KEY_MAX_BYTES = 512, JSON_MAX_BYTES = 65536 };

// What goes into a header's line, and is percent-encoded or signed as it is: visible ASCII.
static bool is_visible(const char *text, size_t max_length) {
    size_t length = 0;
    for (; text != NULL && text[length] > ' ' && text[length] < 0x7F; length++)
        ;
    return length > 0 && length <= max_length && text[length] == '\0';
}

static Status refuse(const char *source, const char *what, Error *reterr) {
    return error_set(reterr, STATUS_INVALID, "bad_credentials",
                     "%s: the %s is missing, too long, or holds a character that none has", source,
                     what);
}

Status aws_credentials_new(const char *source, const char *access_key_id, const char *secret_key,
                           const char *session_token, int64_t expires_at,
                           AwsCredentials **ret_credentials, Error *reterr) {
    // A slash ends the key's id in what is signed.
    if (!is_visible(access_key_id, KEY_ID_MAX_BYTES) || strchr(access_key_id, '/') != NULL)
        return refuse(source, "access key id", reterr);
    if (!is_visible(secret_key, SECRET_KEY_MAX_BYTES))
        return refuse(source, "secret access key", reterr);
    if (session_token != NULL && !is_visible(session_token, SECRET_MAX_BYTES))
        return refuse(source, "session token", reterr);
    AwsCredentials *credentials = mem_alloc(sizeof(*credentials));
    credentials->source = mem_strdup(source);
    credentials->access_key_id = mem_strdup(access_key_id);
    credentials->secret_key = secret_new(secret_key, strlen(secret_key));
    if (session_token != NULL)
        credentials->session_token = secret_new(session_token, strlen(session_token));
    credentials->expires_at = expires_at;
    *ret_credentials = credentials;
    return STATUS_OK;
}

void aws_credentials_note_account(AwsCredentials *credentials, const char *account) {
    if (credentials->account == NULL && arn_is_account(account))
        credentials->account = mem_strdup(account);
}

static Secret *secret_copy(const Secret *secret) {
    return secret != NULL ? secret_new(secret_text(secret), secret_length(secret)) : NULL;
}

AwsCredentials *aws_credentials_copy(const AwsCredentials *credentials) {
    AwsCredentials *copy = mem_alloc(sizeof(*copy));
    *copy = (AwsCredentials){
        .access_key_id = mem_strdup(credentials->access_key_id),
        .secret_key = secret_copy(credentials->secret_key),
        .session_token = secret_copy(credentials->session_token),
        .expires_at = credentials->expires_at,
        .account = mem_strdup(credentials->account),
        .source = mem_strdup(credentials->source),
    };
    return copy;
}

AwsCredentials *aws_credentials_free(AwsCredentials *credentials) {
    if (credentials == NULL)
        return NULL;
    mem_free(credentials->access_key_id);
    secret_free(credentials->secret_key);
    secret_free(credentials->session_token);
    mem_free(credentials->account);
    mem_free(credentials->source);
    return mem_free(credentials);
}

// JSON

// Not a shape: those refuse names they do not know, and these documents are AWS's to add to.
static const char *text_of(const json_t *object, const char *name) {
    const json_t *value = json_object_get(object, name);
    return json_is_string(value) ? json_string_value(value) : NULL;
}

static Status refuse_document(const char *source, const char *why, Error *reterr) {
    return error_set(reterr, STATUS_INVALID, "bad_credentials", "%s: %s", source, why);
}

static Status expiration_read(const char *source, const json_t *object, int64_t *ret_at,
                              Error *reterr) {
    const json_t *value = json_object_get(object, "Expiration");
    if (value == NULL || json_is_null(value))
        return STATUS_OK;
    if (!json_is_string(value) ||
        timestamp_parse(json_string_value(value), ret_at, NULL) != STATUS_OK)
        return refuse_document(source, "Expiration is no time such as 2026-05-04T10:00:00Z",
                               reterr);
    return STATUS_OK;
}

Status aws_credentials_parse(const char *source, const char *bytes, size_t length,
                             AwsCredentials **ret_credentials, Error *reterr) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    json_t *object = NULL;
    if (length > JSON_MAX_BYTES || json_read(arena, bytes, length, &object, NULL) != STATUS_OK ||
        !json_is_object(object))
        return refuse_document(source, "the answer is no JSON object of credentials", reterr);
    int64_t expires_at = 0;
    TRY(expiration_read(source, object, &expires_at, reterr));
    const char *token = text_of(object, "SessionToken");
    if (token == NULL)
        token = text_of(object, "Token");
    CLEANUP(aws_credentials_freep) AwsCredentials *credentials = NULL;
    TRY(aws_credentials_new(source, text_of(object, "AccessKeyId"),
                            text_of(object, "SecretAccessKey"), token, expires_at, &credentials,
                            reterr));
    const char *account = text_of(object, "AccountId");
    if (account != NULL && strlen(account) <= 12 && text_is_printable(account))
        credentials->account = mem_strdup(account);
    *ret_credentials = credentials;
    credentials = NULL;
    return STATUS_OK;
}
