#include "driver/aws/policy_name.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

enum { PIECES = 5, NAME_MAX_BYTES = 64, EXPIRY_DIGITS_MAX = 11 };

static const char PREFIX[] = "daypass.";
static const char PIECE_CHARACTERS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "0123456789_-";
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
static const char NAME_CHARACTERS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789+=,.@_-";

static bool is_piece(const char *text) {
    return text != NULL && text[0] != '\0' && text[strspn(text, PIECE_CHARACTERS)] == '\0';
}

const char *aws_policy_name_format(Arena *arena, const AccountMark *mark) {
    if (!is_piece(mark->grant) || !is_piece(mark->deployment) || !is_piece(mark->connector) ||
        mark->expires < SECOND_MS)
        return NULL;
    const char *name = arena_printf(arena, "%s%s.%s.%s.%lld", PREFIX, mark->grant, mark->deployment,
                                    mark->connector, (long long)(mark->expires / SECOND_MS));
    return strlen(name) <= AWS_POLICY_NAME_MAX_BYTES ? name : NULL;
}

bool aws_policy_name_claims(const char *name) {
    return text_starts_with(name, PREFIX);
}

static bool read_expiry(const char *text, int64_t *ret_expires_at) {
    size_t length = strlen(text);
    if (length == 0 || length > EXPIRY_DIGITS_MAX || text[strspn(text, "0123456789")] != '\0' ||
        text[0] == '0')
        return false;
    *ret_expires_at = strtoll(text, NULL, 10) * SECOND_MS;
    return true;
}

bool aws_policy_name_parse(Arena *arena, const char *name, const char *region,
                           AccountMark *ret_mark) {
    if (!aws_policy_name_claims(name) || strlen(name) > AWS_POLICY_NAME_MAX_BYTES)
        return false;
    char *pieces[PIECES];
    char *rest = arena_strdup(arena, name);
    for (size_t i = 0; i < PIECES; i++) {
        pieces[i] = strsep(&rest, ".");
        if (!is_piece(pieces[i]))
            return false;
    }
    int64_t expires_at;
    if (rest != NULL || !read_expiry(pieces[PIECES - 1], &expires_at))
        return false;
    *ret_mark = (AccountMark){
        .v = 1,
        .grant = pieces[1],
        .deployment = pieces[2],
        .connector = pieces[3],
        .database = arena_strdup(arena, region),
        .expires = expires_at,
    };
    return true;
}

bool aws_account_name_parse(Arena *arena, const char *account, AwsAccountName *ret_name) {
    if (account == NULL)
        return false;
    char *rest = arena_strdup(arena, account);
    const char *kind = strsep(&rest, "/");
    const char *name = strsep(&rest, "/");
    const char *grant = rest;
    bool is_role = text_equal(kind, "role");
    if ((!is_role && !text_equal(kind, "user")) || name == NULL || name[0] == '\0' ||
        strlen(name) > NAME_MAX_BYTES || name[strspn(name, NAME_CHARACTERS)] != '\0' ||
        grant == NULL || grant[0] == '\0' || grant[strspn(grant, NAME_CHARACTERS)] != '\0')
        return false;
    *ret_name = (AwsAccountName){.is_role = is_role, .name = name, .grant = grant};
    return true;
}
