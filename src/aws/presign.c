#include "aws/presign.h"

#include "aws/arn.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/text.h"
#include "http/percent.h"

#include <sodium.h>
#include <string.h>

enum {
    STAMP_SIZE = sizeof("YYYYMMDDTHHMMSSZ"),
    DAY_SIZE = sizeof("YYYYMMDD"),
    HASH_BYTES = crypto_auth_hmacsha256_BYTES,
    HASH_HEX_SIZE = HASH_BYTES * 2 + 1,
    HOST_MAX_BYTES = 255,
    USER_MAX_BYTES = 256,
    PORT_MAX = 65535,
};

_Static_assert(HASH_BYTES == crypto_hash_sha256_BYTES, "one size of hashes");

static const char ALGORITHM[] = "AWS4-HMAC-SHA256";
static const char HTTPS_PORT[] = ":443";

typedef struct Signing {
    Arena *arena; // wiped when freed: it sees the session token
    const AwsCredentials *credentials;
    const PresignRequest *request;
    char stamp[STAMP_SIZE];
    char day[DAY_SIZE];
    const char *scope; // day/region/service/aws4_request
} Signing;

static Status signing_take_time(Signing *signing, Error *reterr) {
    time_t at = (time_t)(signing->request->signed_at / SECOND_MS);
    struct tm parts;
    if (signing->request->signed_at < 0 || gmtime_r(&at, &parts) == NULL ||
        strftime(signing->stamp, sizeof(signing->stamp), "%Y%m%dT%H%M%SZ", &parts) == 0)
        return error_set(reterr, STATUS_INVALID, "bad_time",
                         "the time of a signature must lie between 1970 and 9999");
    memcpy(signing->day, signing->stamp, DAY_SIZE - 1);
    signing->day[DAY_SIZE - 1] = '\0';
    return STATUS_OK;
}

// The query

typedef struct EncodedPair {
    const char *name;
    const char *value;
} EncodedPair;

static int compare_pairs(const void *a, const void *b) {
    const EncodedPair *left = a, *right = b;
    int order = strcmp(left->name, right->name);
    return order != 0 ? order : strcmp(left->value, right->value);
}

static const char *pairs_join(Arena *arena, const EncodedPair *pairs, size_t count) {
    Buffer text = {.wipe = true};
    for (size_t i = 0; i < count; i++)
        buffer_addf(&text, "%s%s=%s", i > 0 ? "&" : "", pairs[i].name, pairs[i].value);
    const char *joined = arena_copy(arena, buffer_text(&text), text.length);
    buffer_done(&text);
    return joined;
}

// The request's own, then the signature's, encoded.
static EncodedPair *query_pairs(const Signing *signing, size_t *ret_count) {
    const PresignRequest *request = signing->request;
    const AwsCredentials *credentials = signing->credentials;
    Arena *arena = signing->arena;
    const PresignParameter added[] = {
        {"X-Amz-Algorithm", ALGORITHM},
        {"X-Amz-Credential",
         arena_printf(arena, "%s/%s", credentials->access_key_id, signing->scope)},
        {"X-Amz-Date", signing->stamp},
        {"X-Amz-Expires", arena_printf(arena, "%d", request->expires_s)},
        {"X-Amz-SignedHeaders", "host"},
        {"X-Amz-Security-Token",
         credentials->session_token != NULL ? secret_text(credentials->session_token) : NULL},
    };
    size_t own = request->parameter_count, count = 0;
    EncodedPair *pairs = arena_alloc(arena, (own + COUNT_OF(added)) * sizeof(*pairs));
    for (size_t i = 0; i < own + COUNT_OF(added); i++) {
        const PresignParameter *from = i < own ? &request->parameters[i] : &added[i - own];
        if (from->value == NULL)
            continue;
        pairs[count].name = percent_encode(arena, from->name);
        pairs[count++].value = percent_encode(arena, from->value);
    }
    *ret_count = count;
    return pairs;
}

static const char *canonical_query(Arena *arena, const EncodedPair *pairs, size_t count) {
    EncodedPair *sorted = arena_copy(arena, pairs, count * sizeof(*pairs));
    qsort(sorted, count, sizeof(*sorted), compare_pairs);
    return pairs_join(arena, sorted, count);
}

// The signature

static void hash_text(const char *text, char hex[HASH_HEX_SIZE]) {
    unsigned char hash[HASH_BYTES];
    crypto_hash_sha256(hash, (const unsigned char *)text, strlen(text));
    sodium_bin2hex(hex, HASH_HEX_SIZE, hash, sizeof(hash));
}

static void authenticate(const unsigned char *key, size_t key_length, const char *text,
                         unsigned char out[HASH_BYTES]) {
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, key, key_length);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)text, strlen(text));
    crypto_auth_hmacsha256_final(&state, out);
    sodium_memzero(&state, sizeof(state));
}

// Each step's key is the last one's result.
static void sign_text(const Signing *signing, const char *text, char hex[HASH_HEX_SIZE]) {
    const char *first =
        arena_printf(signing->arena, "AWS4%s", secret_text(signing->credentials->secret_key));
    const char *steps[] = {signing->day, signing->request->region, signing->request->service,
                           "aws4_request", text};
    unsigned char hash[HASH_BYTES], key[HASH_BYTES];
    authenticate((const unsigned char *)first, strlen(first), steps[0], hash);
    for (size_t i = 1; i < COUNT_OF(steps); i++) {
        memcpy(key, hash, sizeof(key));
        authenticate(key, sizeof(key), steps[i], hash);
    }
    sodium_bin2hex(hex, HASH_HEX_SIZE, hash, sizeof(hash));
    sodium_memzero(key, sizeof(key));
    sodium_memzero(hash, sizeof(hash));
}

// As it goes into the Host header: https has its port without saying so.
static const char *canonical_host(Arena *arena, const char *host) {
    size_t length = strlen(host), port_length = strlen(HTTPS_PORT);
    if (length > port_length && text_equal(host + length - port_length, HTTPS_PORT))
        length -= port_length;
    return arena_copy(arena, host, length);
}

static void query_sign(const Signing *signing, const char *query, char hex[HASH_HEX_SIZE]) {
    const PresignRequest *request = signing->request;
    char nothing_hash[HASH_HEX_SIZE], request_hash[HASH_HEX_SIZE];
    hash_text("", nothing_hash);
    hash_text(arena_printf(signing->arena, "GET\n%s\n%s\nhost:%s\n\nhost\n%s", request->path, query,
                           canonical_host(signing->arena, request->host), nothing_hash),
              request_hash);
    sign_text(signing,
              arena_printf(signing->arena, "%s\n%s\n%s\n%s", ALGORITHM, signing->stamp,
                           signing->scope, request_hash),
              hex);
}

Status presign_query(const AwsCredentials *credentials, const PresignRequest *request,
                     Secret **ret_url, Error *reterr) {
    crypto_start();
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Signing signing = {.arena = arena, .credentials = credentials, .request = request};
    TRY(signing_take_time(&signing, reterr));
    signing.scope = arena_printf(arena, "%s/%s/%s/aws4_request", signing.day, request->region,
                                 request->service);
    size_t count = 0;
    const EncodedPair *pairs = query_pairs(&signing, &count);
    char signature[HASH_HEX_SIZE];
    query_sign(&signing, canonical_query(arena, pairs, count), signature);
    const char *url = arena_printf(arena, "%s%s?%s&X-Amz-Signature=%s", request->host,
                                   request->path, pairs_join(arena, pairs, count), signature);
    size_t length = strlen(url);
    if (length > SECRET_MAX_BYTES)
        return error_set(reterr, STATUS_TOO_LARGE, "too_large",
                         "what the signature makes is longer than %d bytes", SECRET_MAX_BYTES);
    *ret_url = secret_new(url, length);
    return STATUS_OK;
}

// RDS

static bool is_host(const char *host) {
    size_t length = host != NULL ? strlen(host) : 0;
    return length > 0 && length <= HOST_MAX_BYTES &&
           strspn(host, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_") ==
               length;
}

static Status rds_check(const RdsTokenRequest *request, Error *reterr) {
    if (!is_host(request->host) || request->port < 1 || request->port > PORT_MAX)
        return error_set(reterr, STATUS_INVALID, "bad_rds_endpoint",
                         "the endpoint of an RDS database is a host name and a port, as in "
                         "orders.abcdefghijkl.eu-central-1.rds.amazonaws.com and 5432");
    if (request->user == NULL || request->user[0] == '\0' || strlen(request->user) > USER_MAX_BYTES)
        return error_set(reterr, STATUS_INVALID, "bad_rds_user",
                         "the name of a database user has 1 to %d bytes", USER_MAX_BYTES);
    if (!arn_is_region(request->region))
        return error_set(reterr, STATUS_INVALID, "bad_region",
                         "this is no AWS region; expected one such as eu-central-1");
    return STATUS_OK;
}

Status rds_token_new(const AwsCredentials *credentials, const RdsTokenRequest *request,
                     Secret **ret_token, int64_t *ret_ends_at, Error *reterr) {
    TRY(rds_check(request, reterr));
    char host[HOST_MAX_BYTES + sizeof(":65535")];
    snprintf(host, sizeof(host), "%s:%d", request->host, request->port);
    const PresignParameter parameters[] = {{"Action", "connect"}, {"DBUser", request->user}};
    PresignRequest signed_request = {
        .host = host,
        .path = "/",
        .parameters = parameters,
        .parameter_count = COUNT_OF(parameters),
        .service = "rds-db",
        .region = request->region,
        .signed_at = request->signed_at,
        .expires_s = RDS_TOKEN_LIFE_S,
    };
    TRY(presign_query(credentials, &signed_request, ret_token, reterr));
    if (ret_ends_at != NULL) {
        // By the stamp in it, which has whole seconds.
        int64_t ends_at = request->signed_at / SECOND_MS * SECOND_MS + RDS_TOKEN_LIFE_S * SECOND_MS;
        bool sooner = credentials->expires_at > 0 && credentials->expires_at < ends_at;
        *ret_ends_at = sooner ? credentials->expires_at : ends_at;
    }
    return STATUS_OK;
}
