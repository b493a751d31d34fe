#include "sandbox/sandbox.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#ifdef HAVE_SECCOMP
#include "sandbox/seccomp_filter.h"
#endif

// Some dozens of secrets at a time, each on a page of its own.
enum { LOCKED_BYTES = 512 * 1024 };

static const char *const SECCOMP_NAMES[] = {
    [SECCOMP_OFF] = "off",
    [SECCOMP_ON] = "on",
};
static const EnumTable SECCOMP_CHOICES = {"choice", SECCOMP_NAMES, COUNT_OF(SECCOMP_NAMES)};

#ifdef HAVE_SECCOMP
#define SECCOMP_DEFAULT "on"
#else
#define SECCOMP_DEFAULT "off"
#endif

static const Field SANDBOX_FIELDS[] = {
    {FIELD(SandboxOptions, seccomp, ENUM), .names = &SECCOMP_CHOICES,
     .default_text = SECCOMP_DEFAULT,
     .help = "Whether system calls that are of no use to it are refused once it runs"},
};
const Shape SANDBOX_OPTIONS_SHAPE =
    SHAPE("SandboxOptions", SandboxOptions, SANDBOX_FIELDS, "What the program gives up");

void sandbox_forbid_dumps(void) {
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

bool sandbox_can_lock_memory(void) {
    void *memory =
        mmap(NULL, LOCKED_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    bool locked = mlock(memory, LOCKED_BYTES) == 0;
    munmap(memory, LOCKED_BYTES);
    return locked;
}

Status sandbox_enter(const SandboxNeeds *needs, Error *reterr) {
#ifdef HAVE_SECCOMP
    return seccomp_filter_load(needs, reterr);
#else
    return error_set(reterr, STATUS_UNSUPPORTED, "no_seccomp",
                     "this build has no filter of system calls: build with libseccomp, or set "
                     "sandbox.seccomp to off");
#endif
}
