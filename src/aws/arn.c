#include "aws/arn.h"

#include "base/text.h"

#include <string.h>

enum {
    ACCOUNT_DIGITS = 12,
    PIECES_BEFORE_RESOURCE = 5,
    SESSION_NAME_MIN = 2,
    SESSION_NAME_MAX = 64,
    REGION_MAX_BYTES = 40,
};

static const char DIGITS[] = "0123456789";
static const char LOWER[] = "abcdefghijklmnopqrstuvwxyz";
// What IAM lets names consist of.
static const char NAME_CHARACTERS[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+=,.@_-";

static Status refuse(Error *reterr) {
    return error_set(reterr, STATUS_INVALID, "bad_arn",
                     "this is no ARN; expected one such as arn:aws:iam::123456789012:user/jane");
}

// Ends the piece of `rest` before the next colon and steps over it; NULL: there is no colon.
static const char *next_piece(char **rest) {
    char *piece = *rest;
    char *colon = strchr(piece, ':');
    if (colon == NULL)
        return NULL;
    *colon = '\0';
    *rest = colon + 1;
    return piece;
}

static bool is_arn_text(const char *text) {
    return strlen(text) <= ARN_MAX_BYTES && text_is_printable(text) && strchr(text, ' ') == NULL;
}

Status arn_parse(Arena *arena, const char *text, Arn *ret_arn, Error *reterr) {
    if (text == NULL || !is_arn_text(text))
        return refuse(reterr);
    char *rest = arena_strdup(arena, text);
    const char *pieces[PIECES_BEFORE_RESOURCE];
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        pieces[i] = next_piece(&rest);
        if (pieces[i] == NULL)
            return refuse(reterr);
    }
    bool good = text_equal(pieces[0], "arn") && pieces[1][0] != '\0' && pieces[2][0] != '\0' &&
                rest[0] != '\0';
    if (!good)
        return refuse(reterr);
    *ret_arn = (Arn){.partition = pieces[1],
                     .service = pieces[2],
                     .region = pieces[3],
                     .account = pieces[4],
                     .resource = rest};
    return STATUS_OK;
}

const char *arn_build(Arena *arena, const Arn *arn) {
    return arena_printf(arena, "arn:%s:%s:%s:%s:%s", arn->partition, arn->service, arn->region,
                        arn->account, arn->resource);
}

// Patterns

// Bytes of the character at `text`; what is no UTF-8 counts by the byte.
static size_t character_size(const char *text, const char *end) {
    uint32_t character;
    size_t size = text_decode(text, (size_t)(end - text), &character);
    return size > 0 ? size : 1;
}

// Goes back to the last '*' alone, so the time is at most the product of both lengths.
static bool piece_matches(const char *pattern, const char *pattern_end, const char *text,
                          const char *text_end) {
    const char *star = NULL, *resume = NULL;
    while (text < text_end) {
        if (pattern < pattern_end && *pattern == '*') {
            star = pattern++;
            resume = text;
        } else if (pattern < pattern_end && *pattern == '?') {
            pattern++;
            text += character_size(text, text_end);
        } else if (pattern < pattern_end && *pattern == *text) {
            pattern++;
            text++;
        } else if (star != NULL) {
            pattern = star + 1;
            resume += character_size(resume, text_end);
            text = resume;
        } else {
            return false;
        }
    }
    while (pattern < pattern_end && *pattern == '*')
        pattern++;
    return pattern == pattern_end;
}

bool arn_text_matches(const char *pattern, const char *text) {
    return piece_matches(pattern, pattern + strlen(pattern), text, text + strlen(text));
}

bool arn_matches(const char *pattern, const char *arn) {
    if (strlen(pattern) > ARN_MAX_BYTES || strlen(arn) > ARN_MAX_BYTES ||
        !text_starts_with(arn, "arn:"))
        return false;
    if (text_equal(pattern, "*"))
        return true;
    for (int i = 0; i < PIECES_BEFORE_RESOURCE; i++) {
        const char *pattern_colon = strchr(pattern, ':');
        const char *arn_colon = strchr(arn, ':');
        if (pattern_colon == NULL || arn_colon == NULL ||
            !piece_matches(pattern, pattern_colon, arn, arn_colon))
            return false;
        pattern = pattern_colon + 1;
        arn = arn_colon + 1;
    }
    return arn_text_matches(pattern, arn);
}

// Forms

bool arn_is_account(const char *text) {
    return text != NULL && strlen(text) == ACCOUNT_DIGITS && strspn(text, DIGITS) == ACCOUNT_DIGITS;
}

// Words of letters and digits between hyphens, beginning with letters, ending with a number.
bool arn_is_region(const char *text) {
    if (text == NULL || strlen(text) > REGION_MAX_BYTES)
        return false;
    size_t words = 0;
    for (const char *word = text;; word++) {
        size_t letters = strspn(word, LOWER);
        size_t digits = strspn(word + letters, DIGITS);
        const char *end = word + letters + digits;
        words++;
        if (*end == '\0')
            return words >= 3 && letters == 0 && digits > 0;
        if (*end != '-' || letters == 0)
            return false;
        word = end;
    }
}

static bool is_name(const char *text, size_t min_length, size_t max_length) {
    size_t length = strlen(text);
    return length >= min_length && length <= max_length && strspn(text, NAME_CHARACTERS) == length;
}

bool arn_is_session_name(const char *text) {
    return text != NULL && is_name(text, SESSION_NAME_MIN, SESSION_NAME_MAX);
}

// People

enum { IAM_NAME_MAX = 64, IAM_PATH_MAX = 512 };

static Status refuse_principal(Error *reterr) {
    return error_set(reterr, STATUS_INVALID, "bad_arn",
                     "this names no IAM identity; expected an ARN such as "
                     "arn:aws:iam::123456789012:user/jane, arn:aws:iam::123456789012:role/dev or "
                     "arn:aws:sts::123456789012:assumed-role/dev/jane");
}

// "user/teams/dev/jane" after its first word: the path is "/teams/dev/", the name "jane".
static Status principal_take_path(Arena *arena, const char *rest, ArnPrincipal *into,
                                  Error *reterr) {
    const char *slash = strrchr(rest, '/');
    const char *name = slash != NULL ? slash + 1 : rest;
    size_t path_length = (size_t)(name - rest);
    if (!is_name(name, 1, IAM_NAME_MAX) || path_length > IAM_PATH_MAX || rest[0] == '/' ||
        strpbrk(rest, "*?") != NULL)
        return refuse_principal(reterr);
    into->name = name;
    into->path = arena_printf(arena, "/%.*s", (int)path_length, rest);
    return STATUS_OK;
}

static Status principal_take_session(Arena *arena, const char *rest, ArnPrincipal *into,
                                     Error *reterr) {
    const char *slash = strchr(rest, '/');
    if (slash == NULL)
        return refuse_principal(reterr);
    into->name = arena_copy(arena, rest, (size_t)(slash - rest));
    into->session = slash + 1;
    if (!is_name(into->name, 1, IAM_NAME_MAX) || !arn_is_session_name(into->session))
        return refuse_principal(reterr);
    return STATUS_OK;
}

Status arn_principal_parse(Arena *arena, const char *text, ArnPrincipal *ret_principal,
                           Error *reterr) {
    static const struct {
        ArnPrincipalKind kind;
        const char *service, *word;
        Status (*take)(Arena *arena, const char *rest, ArnPrincipal *into, Error *reterr);
    } FORMS[] = {
        {ARN_PRINCIPAL_USER, "iam", "user/", principal_take_path},
        {ARN_PRINCIPAL_ROLE, "iam", "role/", principal_take_path},
        {ARN_PRINCIPAL_ROLE_SESSION, "sts", "assumed-role/", principal_take_session},
    };
    Arn arn;
    if (arn_parse(arena, text, &arn, NULL) != STATUS_OK || arn.region[0] != '\0' ||
        !arn_is_account(arn.account))
        return refuse_principal(reterr);
    for (size_t i = 0; i < COUNT_OF(FORMS); i++) {
        if (!text_equal(arn.service, FORMS[i].service) ||
            !text_starts_with(arn.resource, FORMS[i].word))
            continue;
        ArnPrincipal principal = {
            .kind = FORMS[i].kind, .partition = arn.partition, .account = arn.account};
        TRY(FORMS[i].take(arena, arn.resource + strlen(FORMS[i].word), &principal, reterr));
        *ret_principal = principal;
        return STATUS_OK;
    }
    return refuse_principal(reterr);
}
