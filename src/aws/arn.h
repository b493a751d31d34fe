// Amazon Resource Names: arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE, taken apart, put together
// and compared with patterns; and the forms of what stands in them.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
#pragma once

#include "base/error.h"
#include "base/memory.h"

#include <stdbool.h>
#include <stddef.h>

enum { ARN_MAX_BYTES = 2048 };

typedef struct Arn {
    const char *partition; // "aws"
    const char *service;   // "rds-db"
    const char *region;    // "" where the service has none: IAM
    const char *account;   // "" where nobody owns it; "aws": AWS does
    const char *resource;  // all that follows, colons and slashes included
} Arn;

// "bad_arn". A service and a resource are never empty; nothing unprintable and no blank is in it.
// Pieces live in the arena.
MUST_USE Status arn_parse(Arena *arena, const char *text, Arn *ret_arn, Error *reterr);
const char *arn_build(Arena *arena, const Arn *arn);

// Whether the pattern, in which '*' stands for any text and '?' for one character, covers the ARN.
// Piece by piece, as IAM does: before the resource neither stands for a colon. "*" alone is every
// ARN; letters' case counts. In `arn` itself the two characters mean themselves.
bool arn_matches(const char *pattern, const char *arn);
// The same wildcards over any text, without pieces.
bool arn_text_matches(const char *pattern, const char *text);

// Who an ARN of IAM or STS speaks of.
typedef enum ArnPrincipalKind {
    ARN_PRINCIPAL_USER,         // arn:aws:iam::ACCOUNT:user/PATH/NAME
    ARN_PRINCIPAL_ROLE,         // arn:aws:iam::ACCOUNT:role/PATH/NAME
    ARN_PRINCIPAL_ROLE_SESSION, // arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION
} ArnPrincipalKind;

typedef struct ArnPrincipal {
    ArnPrincipalKind kind;
    const char *partition;
    const char *account;
    const char *path;    // "/" or "/teams/dev/"; of a role session NULL: its ARN does not say
    const char *name;    // of the user or role, without path
    const char *session; // of a role session; else NULL
} ArnPrincipal;

// "bad_arn": it is none of the three forms.
MUST_USE Status arn_principal_parse(Arena *arena, const char *text, ArnPrincipal *ret_principal,
                                    Error *reterr);

bool arn_is_account(const char *text); // 12 digits
bool arn_is_region(const char *text);  // the form "eu-central-1"; whether it exists is not known
bool arn_is_session_name(const char *text); // 2 to 64 of A-Z a-z 0-9 + = , . @ _ -
