#include "base/secret.h"

#include "base/crypto.h"
#include "base/memory.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct Secret {
    char *text; // from sodium_malloc, read-only, a NUL after the bytes
    size_t length;
};

// Takes memory from crypto_alloc that has room for a NUL after its `length` bytes.
static Secret *secret_adopt(char *take_text, size_t length) {
    take_text[length] = '\0';
    sodium_mprotect_readonly(take_text);
    Secret *secret = mem_alloc(sizeof(*secret));
    secret->text = take_text;
    secret->length = length;
    return secret;
}

Secret *secret_new(const void *bytes, size_t length) {
    assert(length <= SECRET_MAX_BYTES);
    char *text = crypto_alloc(length + 1);
    if (length > 0)
        memcpy(text, bytes, length);
    return secret_adopt(text, length);
}

Secret *secret_free(Secret *secret) {
    if (secret == NULL)
        return NULL;
    sodium_free(secret->text); // wipes
    return mem_free(secret);
}

Secret *secret_new_password(size_t length) {
    static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    assert(length > 0 && length <= SECRET_MAX_BYTES);
    char *text = crypto_alloc(length + 1);
    for (size_t i = 0; i < length; i++)
        text[i] = ALPHABET[randombytes_uniform(sizeof(ALPHABET) - 1)];
    return secret_adopt(text, length);
}

static bool has_two_of_each(const char *text) {
    size_t upper = 0, lower = 0, digits = 0, others = 0;
    for (; *text != '\0'; text++) {
        bool is_upper = *text >= 'A' && *text <= 'Z', is_lower = *text >= 'a' && *text <= 'z';
        bool is_digit = *text >= '0' && *text <= '9';
        upper += is_upper, lower += is_lower, digits += is_digit;
        others += !is_upper && !is_lower && !is_digit;
    }
    return upper >= 2 && lower >= 2 && digits >= 2 && others >= 2;
}

// One in a few is taken, so that each that fits is as likely as any other.
Secret *secret_new_mixed_password(size_t length) {
    static const char ALPHABET[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789____";
    enum { LETTERS = 52 };
    assert(length >= 12 && length <= SECRET_MAX_BYTES);
    char *text = crypto_alloc(length + 1);
    do {
        text[0] = ALPHABET[randombytes_uniform(LETTERS)];
        for (size_t i = 1; i < length; i++)
            text[i] = ALPHABET[randombytes_uniform(sizeof(ALPHABET) - 1)];
        text[length] = '\0';
    } while (!has_two_of_each(text));
    return secret_adopt(text, length);
}

// Fills `text`, of SECRET_MAX_BYTES + 3, to the end of the file or until it is too long.
static Status read_to_end(int fd, char *text, size_t *ret_length, Error *reterr) {
    size_t length = 0;
    while (length < SECRET_MAX_BYTES + 2) {
        ssize_t count = read(fd, text + length, SECRET_MAX_BYTES + 2 - length);
        if (count == 0)
            break;
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return error_set(reterr, STATUS_UNAVAILABLE, "secret_unreadable",
                             "the secret cannot be read: %s", strerror(errno));
        length += (size_t)count;
    }
    *ret_length = length;
    return STATUS_OK;
}

static Status check_content(const char *text, size_t length, Error *reterr) {
    if (length == 0)
        return error_set(reterr, STATUS_INVALID, "secret_empty", "the secret is empty");
    if (length > SECRET_MAX_BYTES)
        return error_set(reterr, STATUS_TOO_LARGE, "secret_too_large",
                         "the secret is longer than %d bytes", SECRET_MAX_BYTES);
    if (memchr(text, '\0', length) != NULL)
        return error_set(reterr, STATUS_INVALID, "secret_has_nul",
                         "the secret contains a NUL byte; expected text");
    return STATUS_OK;
}

Status secret_read_fd(int fd, Secret **ret_secret, Error *reterr) {
    // Two more than allowed, for the newline that is dropped, and one for the NUL.
    char *text = crypto_alloc(SECRET_MAX_BYTES + 3);
    size_t length = 0;
    Status status = read_to_end(fd, text, &length, reterr);
    if (status == STATUS_OK) {
        if (length > 0 && text[length - 1] == '\n')
            length -= length > 1 && text[length - 2] == '\r' ? 2 : 1;
        status = check_content(text, length, reterr);
    }
    if (status == STATUS_OK)
        *ret_secret = secret_new(text, length);
    sodium_free(text);
    return status;
}

static Status open_failed(const char *path, Error *reterr) {
    if (errno == ENOENT || errno == ENOTDIR)
        return error_set(reterr, STATUS_NOT_FOUND, "secret_file_missing",
                         "%s: there is no such file", path);
    if (errno == EACCES || errno == EPERM)
        return error_set(reterr, STATUS_FORBIDDEN, "secret_file_denied",
                         "%s: permission to read it is missing", path);
    return error_set(reterr, STATUS_UNAVAILABLE, "secret_unreadable", "%s: %s", path,
                     errno_reason(errno));
}

static Status check_private(int fd, const char *path, Error *reterr) {
    struct stat info;
    if (fstat(fd, &info) != 0)
        return open_failed(path, reterr);
    if (!S_ISREG(info.st_mode))
        return error_set(reterr, STATUS_INVALID, "secret_file_kind",
                         "%s: expected a plain file, not a folder, device or pipe", path);
    // Who owns it could have put another's secret there, and can open it to others.
    if (info.st_uid != geteuid() && info.st_uid != 0)
        return error_set(reterr, STATUS_INVALID, "secret_file_owner",
                         "%s: it belongs to somebody else (the user with id %lld); expected root "
                         "or the user that runs this (%lld): chown it",
                         path, (long long)info.st_uid, (long long)geteuid());
    if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return error_set(reterr, STATUS_INVALID, "secret_file_mode",
                         "%s: others than its owner have access (mode %04o); expected 0600: "
                         "chmod 600 %s",
                         path, (unsigned)info.st_mode & 07777u, path);
    return STATUS_OK;
}

Status secret_read_file(const char *path, bool private_only, Secret **ret_secret, Error *reterr) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return open_failed(path, reterr);
    Status status = private_only ? check_private(fd, path, reterr) : STATUS_OK;
    if (status == STATUS_OK) {
        Error error = {0};
        status = secret_read_fd(fd, ret_secret, &error);
        if (status != STATUS_OK) {
            error_prefix(&error, "%s", path);
            if (reterr != NULL)
                *reterr = error;
        }
    }
    close(fd);
    return status;
}

const char *secret_text(const Secret *secret) {
    return secret->text;
}

size_t secret_length(const Secret *secret) {
    return secret->length;
}

bool secret_equal(const Secret *a, const Secret *b) {
    return a->length == b->length && sodium_memcmp(a->text, b->text, a->length) == 0;
}
