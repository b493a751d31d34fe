// Preloaded into a program under test: disks, name service and sleep go wrong when a test says so,
// by files in the folder that DAYPASS_WEATHER names.
//   pwrite, sync   while there, writing (syncing) fails; what is in it says how: EIO, EROFS, ENOSPC
//   dns.NAME       while there, NAME is looked up in vain ("fail") or the lookup waits ("wait")
//   clocks         two native int64_t. First: how many seconds the machine has slept; the wall
//   clock
//                  and CLOCK_BOOTTIME have gone on meanwhile, CLOCK_MONOTONIC has not. Second: by
//                  how many the wall clock was set
// Every name that ends in ".test" is this machine.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *clocks; // NULL: as they are

static const char *folder(void) {
    return getenv("DAYPASS_WEATHER");
}

// False when there is no such file.
static int order_read(const char *name, char *text, size_t size) {
    char path[PATH_MAX];
    if (folder() == NULL)
        return 0;
    snprintf(path, sizeof(path), "%s/%s", folder(), name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    ssize_t length = read(file, text, size - 1);
    text[length > 0 ? length : 0] = '\0';
    close(file);
    return 1;
}

// 0 when all is well.
static int ordered_errno(const char *name) {
    static const struct {
        const char *name;
        int number;
    } KNOWN[] = {{"EIO", EIO}, {"EROFS", EROFS}, {"ENOSPC", ENOSPC}};
    char text[16];
    int before = errno;
    int found = 0;
    if (order_read(name, text, sizeof(text)))
        for (size_t i = 0; i < sizeof(KNOWN) / sizeof(KNOWN[0]); i++)
            if (strcmp(text, KNOWN[i].name) == 0)
                found = KNOWN[i].number;
    errno = before;
    return found;
}

static int fail_with(int number) {
    errno = number;
    return -1;
}

ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t offset) {
    int number = ordered_errno("pwrite");
    return number != 0 ? fail_with(number) : syscall(SYS_pwrite64, file, bytes, length, offset);
}

int fsync(int file) {
    int number = ordered_errno("sync");
    return number != 0 ? fail_with(number) : (int)syscall(SYS_fsync, file);
}

int fdatasync(int file) {
    int number = ordered_errno("sync");
    return number != 0 ? fail_with(number) : (int)syscall(SYS_fdatasync, file);
}

int getaddrinfo(const char *restrict name, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict ret_addresses) {
    static int (*next)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    if (next == NULL)
        *(void **)&next = dlsym(RTLD_NEXT, "getaddrinfo");
    char file[300], order[16];
    snprintf(file, sizeof(file), "dns.%.255s", name != NULL ? name : "");
    while (order_read(file, order, sizeof(order))) {
        if (strcmp(order, "fail") == 0)
            return EAI_AGAIN;
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    size_t length = name != NULL ? strlen(name) : 0;
    int here = length > 5 && strcmp(name + length - 5, ".test") == 0;
    return next(here ? "127.0.0.1" : name, service, hints, ret_addresses);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    long result = syscall(SYS_clock_gettime, clock, time);
    if (clocks != NULL && (clock == CLOCK_REALTIME || clock == CLOCK_BOOTTIME))
        time->tv_sec += clocks[0] + (clock == CLOCK_REALTIME ? clocks[1] : 0);
    return (int)result;
}

time_t time(time_t *ret_now) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (ret_now != NULL)
        *ret_now = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict ret_now, void *restrict zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    *ret_now = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return 0;
}

__attribute__((constructor)) static void map_clocks(void) {
    char path[PATH_MAX];
    if (folder() == NULL)
        return;
    snprintf(path, sizeof(path), "%s/clocks", folder());
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return;
    void *page = mmap(NULL, 2 * sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (page != MAP_FAILED)
        clocks = page;
}
