#include "base/file.h"

#include "base/crypto.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PARENT_MODE = 0755, READ_SIZE = 16384 };

static void fd_closep(int *fd) {
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

// Must come right after the call that failed: it speaks of errno.
static Status failed(const char *path, const char *doing, Error *reterr) {
    int reason = errno;
    if (reason == ENOENT || reason == ENOTDIR)
        return error_set(reterr, STATUS_NOT_FOUND, "file_missing", "%s: cannot %s: %s", path, doing,
                         strerror(reason));
    if (reason == EACCES || reason == EPERM || reason == EROFS)
        return error_set(reterr, STATUS_FORBIDDEN, "file_denied", "%s: cannot %s: %s", path, doing,
                         strerror(reason));
    return error_set(reterr, STATUS_UNAVAILABLE, "file_failed", "%s: cannot %s: %s", path, doing,
                     errno_reason(reason));
}

static Status read_all(int fd, const char *path, Buffer *into, Error *reterr) {
    char part[READ_SIZE];
    Status status = STATUS_OK;
    while (status == STATUS_OK) {
        ssize_t count = read(fd, part, sizeof(part));
        if (count == 0)
            break;
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            status = failed(path, "read", reterr);
        else if (buffer_append(into, part, (size_t)count, NULL) != STATUS_OK)
            status = error_set(reterr, STATUS_TOO_LARGE, "file_too_large",
                               "%s: larger than %zu bytes", path, into->ceiling);
    }
    sodium_memzero(part, sizeof(part));
    return status;
}

Status file_read(const char *path, Buffer *into, Error *reterr) {
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return failed(path, "open", reterr);
    size_t before = into->length;
    Status status = read_all(fd, path, into, reterr);
    if (status != STATUS_OK && into->bytes != NULL) {
        if (into->wipe)
            sodium_memzero(into->bytes + before, into->length - before);
        into->length = before;
        into->bytes[before] = '\0';
    }
    return status;
}

static int sync_fd(int fd) {
#ifdef F_FULLFSYNC
    // macOS: fsync alone leaves the bytes in the drive's cache.
    if (fcntl(fd, F_FULLFSYNC) == 0)
        return 0;
#endif
    return fsync(fd);
}

static Status write_all(int fd, const char *path, const char *bytes, size_t length, Error *reterr) {
    while (length > 0) {
        ssize_t count = write(fd, bytes, length);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return failed(path, "write", reterr);
        bytes += count;
        length -= (size_t)count;
    }
    return STATUS_OK;
}

static char *folder_of(const char *path) {
    CLEANUP(mem_freep) char *copy = mem_strdup(path); // dirname writes into it
    return mem_strdup(dirname(copy));
}

static Status sync_folder_of(const char *path, Error *reterr) {
    CLEANUP(mem_freep) char *folder = folder_of(path);
    CLEANUP(fd_closep) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return failed(folder, "open", reterr);
    // Some file systems cannot sync a folder, and say EINVAL; their rename is what it is.
    if (sync_fd(fd) != 0 && errno != EINVAL)
        return failed(folder, "sync", reterr);
    return STATUS_OK;
}

static Status write_beside(const char *beside, mode_t mode, const void *bytes, size_t length,
                           Error *reterr) {
    // Private until it is whole; O_EXCL follows no link that somebody put there.
    CLEANUP(fd_closep)
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return failed(beside, "create", reterr);
    Status status = write_all(fd, beside, bytes, length, reterr);
    if (status == STATUS_OK && fchmod(fd, mode) != 0)
        status = failed(beside, "set the mode of", reterr);
    if (status == STATUS_OK && sync_fd(fd) != 0)
        status = failed(beside, "sync", reterr);
    if (status != STATUS_OK)
        unlink(beside);
    return status;
}

static char *name_beside(const char *path) {
    crypto_start();
    return mem_printf("%s.%08x.new", path, randombytes_random());
}

Status file_write(const char *path, mode_t mode, const void *bytes, size_t length, Error *reterr) {
    CLEANUP(mem_freep) char *beside = name_beside(path);
    TRY(write_beside(beside, mode, bytes, length, reterr));
    if (rename(beside, path) != 0) {
        Status status = failed(path, "replace", reterr);
        unlink(beside);
        return status;
    }
    return sync_folder_of(path, reterr);
}

// Takes the file's old name away, also when it does not get the new one.
static Status give_name(const char *from, const char *to, Error *reterr) {
    Status status = STATUS_OK;
    if (link(from, to) != 0) // unlike rename, never over another
        status = errno == EEXIST ? error_set(reterr, STATUS_CONFLICT, "file_exists",
                                             "%s: there is one already", to)
                                 : failed(to, "create", reterr);
    unlink(from);
    return status == STATUS_OK ? sync_folder_of(to, reterr) : status;
}

Status file_create(const char *path, mode_t mode, const void *bytes, size_t length, Error *reterr) {
    CLEANUP(mem_freep) char *beside = name_beside(path);
    TRY(write_beside(beside, mode, bytes, length, reterr));
    return give_name(beside, path, reterr);
}

Status file_name(const char *from, const char *to, Error *reterr) {
    CLEANUP(fd_closep) int fd = open(from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return failed(from, "open", reterr);
    if (sync_fd(fd) != 0)
        return failed(from, "sync", reterr);
    return give_name(from, to, reterr);
}

static Status unsafe_folder(const char *path, const char *reason, Error *reterr) {
    return error_set(reterr, STATUS_INVALID, "unsafe_folder", "%s: %s", path, reason);
}

// In a folder that everybody may write to, and that is not sticky, everybody renames and replaces
// what is in it, whoever owns that.
static Status check_above(const char *path, Error *reterr) {
    char whole[PATH_MAX];
    if (realpath(path, whole) == NULL)
        return failed(path, "look at", reterr);
    for (char *slash = strrchr(whole, '/'); slash != NULL; slash = strrchr(whole, '/')) {
        slash[slash == whole ? 1 : 0] = '\0';
        struct stat info;
        if (stat(whole, &info) != 0)
            return failed(whole, "look at", reterr);
        if ((info.st_mode & S_IWOTH) != 0 && (info.st_mode & S_ISVTX) == 0)
            return error_set(reterr, STATUS_INVALID, "unsafe_folder",
                             "%s: everybody can replace it, because the folder %s above it is "
                             "open to everybody (mode %04o): chmod o-w %s",
                             path, whole, (unsigned)info.st_mode & 07777u, whole);
        if (slash == whole)
            break;
    }
    return STATUS_OK;
}

static Status check_folder(const char *path, mode_t mode, Error *reterr) {
    struct stat link;
    if (lstat(path, &link) != 0)
        return failed(path, "look at", reterr);
    // A link is fine when who made it could have made the folder: an administrator moved it.
    if (S_ISLNK(link.st_mode) && link.st_uid != geteuid() && link.st_uid != 0)
        return unsafe_folder(path, "it is a link that somebody else made", reterr);
    struct stat info;
    if (stat(path, &info) != 0)
        return failed(path, "look at", reterr);
    if (!S_ISDIR(info.st_mode))
        return unsafe_folder(path, "it is not a folder", reterr);
    if (info.st_uid != geteuid())
        return error_set(reterr, STATUS_INVALID, "unsafe_folder",
                         "%s: it belongs to somebody else (the user with id %lld); run this as "
                         "that user (we are %lld), or chown it",
                         path, (long long)info.st_uid, (long long)geteuid());
    if ((info.st_mode & ~mode & (S_IRWXG | S_IRWXO)) != 0)
        return error_set(reterr, STATUS_INVALID, "unsafe_folder",
                         "%s: it is open to others (mode %04o); expected %04o: chmod %o %s", path,
                         (unsigned)info.st_mode & 07777u, (unsigned)mode, (unsigned)mode, path);
    return check_above(path, reterr);
}

static Status make_parents(const char *path, Error *reterr) {
    CLEANUP(mem_freep) char *part = mem_strdup(path);
    for (char *slash = strchr(part, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        if (slash == part)
            continue; // the root
        *slash = '\0';
        // One that is there is left as it is, wherever it may be forbidden to make one.
        if (!file_exists(part) && mkdir(part, PARENT_MODE) != 0 && errno != EEXIST)
            return failed(part, "create", reterr);
        *slash = '/';
    }
    return STATUS_OK;
}

static Status make_folder(const char *path, mode_t mode, Error *reterr) {
    if (mkdir(path, mode & S_IRWXU) != 0) {
        if (errno == EEXIST)
            return check_folder(path, mode, reterr);
        return failed(path, "create", reterr);
    }
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return failed(path, "open", reterr);
    if (fchmod(fd, mode) != 0) // what the umask took away, and what is for others
        return failed(path, "set the mode of", reterr);
    return check_above(path, reterr);
}

Status folder_ensure(const char *path, mode_t mode, Error *reterr) {
    CLEANUP(mem_freep) char *plain = mem_strdup(path);
    for (size_t length = strlen(plain); length > 1 && plain[length - 1] == '/'; length--)
        plain[length - 1] = '\0';
    if (!file_exists(plain))
        TRY(make_parents(plain, reterr));
    return make_folder(plain, mode, reterr);
}

Status file_check_writers(const char *path, Error *reterr) {
    struct stat info;
    if (stat(path, &info) != 0)
        return failed(path, "open", reterr);
    if (info.st_uid != geteuid() && info.st_uid != 0)
        return error_set(reterr, STATUS_INVALID, "unsafe_file",
                         "%s: it belongs to somebody else (the user with id %lld), who could put "
                         "anything into it; expected root or the user that runs this: chown it",
                         path, (long long)info.st_uid);
    if ((info.st_mode & S_IWOTH) != 0 && S_ISREG(info.st_mode))
        return error_set(reterr, STATUS_INVALID, "unsafe_file",
                         "%s: everybody can write to it (mode %04o): chmod o-w %s", path,
                         (unsigned)info.st_mode & 07777u, path);
    return S_ISREG(info.st_mode) ? check_above(path, reterr) : STATUS_OK;
}

bool file_exists(const char *path) {
    struct stat info;
    return stat(path, &info) == 0;
}
