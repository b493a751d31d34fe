// A secret: bytes in locked memory, wiped when freed, compared in constant time.
// There is no function that formats one.
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { SECRET_MAX_BYTES = 8192 };

typedef struct Secret Secret;

// Copies the bytes, at most SECRET_MAX_BYTES. The caller still has to wipe its own.
Secret *secret_new(const void *bytes, size_t length);
Secret *secret_free(Secret *secret);
DEFINE_CLEANUP(Secret, secret_free)

// A password of `length` characters from [A-Za-z0-9] (62 choices each, no modulo bias).
Secret *secret_new_password(size_t length);
// The same for servers that count kinds of characters: begins with a letter and has two or more of
// each of A-Z, a-z, 0-9 and _. `length` is at least 12.
Secret *secret_new_mixed_password(size_t length);

// Reads a file of at most SECRET_MAX_BYTES and drops one trailing newline. Refuses (STATUS_INVALID,
// "secret_file_mode") a file that others than its owner (and root) may read when `private_only`:
// any permission for group or others. Refuses nothing at all ("secret_empty") and NUL bytes
// ("secret_has_nul"): this is for text; a raw key is not one.
MUST_USE Status secret_read_file(const char *path, bool private_only, Secret **ret_secret,
                                 Error *reterr);
// The same from an open descriptor, up to its end.
MUST_USE Status secret_read_fd(int fd, Secret **ret_secret, Error *reterr);

// Borrowed and NUL-terminated: for the one call that needs it.
const char *secret_text(const Secret *secret);
size_t secret_length(const Secret *secret);
bool secret_equal(const Secret *a, const Secret *b);
