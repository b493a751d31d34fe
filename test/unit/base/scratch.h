// A folder that is empty when a test begins and gone when it ends.
#pragma once

#include "base/memory.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Scratch {
    char *path;
} Scratch;

static inline Scratch scratch_open(void) {
    const char *parent = getenv("TMPDIR");
    char *path = mem_printf("%s/daypass-base-XXXXXX", parent != NULL ? parent : "/tmp");
    if (mkdtemp(path) == NULL) {
        perror(path);
        abort();
    }
    return (Scratch){path};
}

static inline void scratch_remove(const char *path) {
    DIR *folder = opendir(path);
    if (folder != NULL) {
        const struct dirent *entry;
        while ((entry = readdir(folder)) != NULL) {
            if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                continue;
            CLEANUP(mem_freep) char *inside = mem_printf("%s/%s", path, entry->d_name);
            struct stat info;
            if (lstat(inside, &info) == 0 && S_ISDIR(info.st_mode))
                scratch_remove(inside);
            else
                unlink(inside);
        }
        closedir(folder);
    }
    rmdir(path);
}

static inline void scratch_close(Scratch *scratch) {
    scratch_remove(scratch->path);
    scratch->path = mem_free(scratch->path);
}

// Between these two the process may not touch what is private to another: root becomes nobody for
// the while, and for anybody else the file loses its permissions.
static inline void scratch_deny_begin(const char *path) {
    if (geteuid() == 0 ? seteuid(65534) != 0 : chmod(path, 0) != 0)
        abort();
}

static inline void scratch_deny_end(const char *path, mode_t mode) {
    if (getuid() == 0 ? seteuid(0) != 0 : chmod(path, mode) != 0)
        abort();
}

// Names in a folder, without "." and "..".
static inline size_t scratch_count(const char *path) {
    size_t count = 0;
    DIR *folder = opendir(path);
    while (folder != NULL && readdir(folder) != NULL)
        count++;
    if (folder != NULL)
        closedir(folder);
    return count >= 2 ? count - 2 : 0;
}

static inline void scratch_put(const char *path, const void *bytes, size_t length, mode_t mode) {
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, length, file) != length || fclose(file) != 0 ||
        chmod(path, mode) != 0) {
        perror(path);
        abort();
    }
}
