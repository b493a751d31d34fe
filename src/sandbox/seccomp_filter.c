#include "sandbox/seccomp_filter.h"

#include "sandbox/system_calls.h"

#include <errno.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

// linux/prctl.h has it from 5.17 on.
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif

typedef scmp_filter_ctx Filter;

static void filter_release(Filter *filter) {
    seccomp_release(*filter);
}

// libseccomp gives 0, or an errno made negative. What a processor does not have cannot be called.
static int allow(Filter filter, const char *name, const struct scmp_arg_cmp *conditions,
                 unsigned count) {
    int call = seccomp_syscall_resolve_name(name);
    if (call == __NR_SCMP_ERROR || call < 0)
        return 0;
    int result = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, count, conditions);
    return result == -EEXIST ? 0 : result;
}

static int allow_list(Filter filter, const CallList *calls) {
    int result = 0;
    for (size_t i = 0; result == 0 && i < calls->count; i++)
        result = allow(filter, calls->names[i], NULL, 0);
    return result;
}

// The call with exactly one of these values as its argument `index`.
static int allow_values(Filter filter, const char *name, unsigned index,
                        const unsigned long *values, size_t count) {
    int result = 0;
    for (size_t i = 0; result == 0 && i < count; i++) {
        struct scmp_arg_cmp equal = SCMP_CMP(index, SCMP_CMP_EQ, values[i]);
        result = allow(filter, name, &equal, 1);
    }
    return result;
}

// Memory is written or executed, never both: neither at once, nor one after the other.
static int allow_memory(Filter filter) {
    struct scmp_arg_cmp data = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    // Libraries that are loaded late: name services, providers of cryptography.
    struct scmp_arg_cmp code = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC | PROT_WRITE, PROT_EXEC);
    int result = 0;
    for (int i = 0; result == 0 && i < 2; i++) {
        const char *name = i == 0 ? "mmap" : "mmap2";
        result = allow(filter, name, &data, 1);
        if (result == 0)
            result = allow(filter, name, &code, 1);
    }
    return result == 0 ? allow(filter, "mprotect", &data, 1) : result;
}

// A new thread, or with `executes` a new process, but never in namespaces of its own.
static int allow_threads(Filter filter, bool processes) {
    const unsigned long namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                                     CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
    const unsigned long thread = processes ? 0 : CLONE_THREAD;
#ifdef __s390__
    struct scmp_arg_cmp flags = SCMP_A1(SCMP_CMP_MASKED_EQ, namespaces | thread, thread);
#else
    struct scmp_arg_cmp flags = SCMP_A0(SCMP_CMP_MASKED_EQ, namespaces | thread, thread);
#endif
    int result = allow(filter, "clone", &flags, 1);
    // Its flags are in memory, where a filter cannot look: see quiet_load.
    return result == 0 ? allow(filter, "clone3", NULL, 0) : result;
}

static int allow_sockets(Filter filter) {
    // Netlink: getaddrinfo asks which kinds of address this host has.
    static const unsigned long FAMILIES[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
    return allow_values(filter, "socket", 0, FAMILIES, COUNT_OF(FAMILIES));
}

// FreeTDS asks for them when it logs in, and does not look whether it was answered: refused, it
// reads names of interfaces out of memory that nobody has written.
static int allow_interfaces(Filter filter) {
    static const unsigned long QUESTIONS[] = {SIOCGIFCONF, SIOCGIFFLAGS, SIOCGIFHWADDR};
    return allow_values(filter, "ioctl", 1, QUESTIONS, COUNT_OF(QUESTIONS));
}

static int allow_to_itself(Filter filter) {
    static const unsigned long QUESTIONS[] = {PR_SET_NAME,         PR_GET_NAME,     PR_GET_DUMPABLE,
                                              PR_SET_NO_NEW_PRIVS, PR_CAPBSET_READ, PR_SET_VMA};
    static const unsigned long CONTROLS[] = {TCGETS,  FIONREAD,    FIONBIO,
                                             FIOCLEX, SIOCGIFNAME, SIOCGIFINDEX};
    struct scmp_arg_cmp self[] = {SCMP_A0(SCMP_CMP_EQ, 0)};
    const unsigned long process = (unsigned long)getpid();
    int result = allow(filter, "prlimit64", self, COUNT_OF(self));
    if (result == 0)
        result = allow_values(filter, "tgkill", 0, &process, 1);
    if (result == 0)
        result = allow_values(filter, "prctl", 0, QUESTIONS, COUNT_OF(QUESTIONS));
    return result == 0 ? allow_values(filter, "ioctl", 1, CONTROLS, COUNT_OF(CONTROLS)) : result;
}

static int allow_needed(Filter filter, const SandboxNeeds *needs) {
    const struct {
        bool wanted;
        const CallList *calls;
    } LISTS[] = {
        {true, &CALLS_ALWAYS},
        {needs->listens, &CALLS_LISTENING},
        {needs->connects, &CALLS_CONNECTING},
        {needs->executes, &CALLS_EXECUTING},
        {needs->for_sanitizers, &CALLS_SANITIZERS},
    };
    int result = 0;
    for (size_t i = 0; result == 0 && i < COUNT_OF(LISTS); i++)
        if (LISTS[i].wanted)
            result = allow_list(filter, LISTS[i].calls);
    // libseccomp takes a call without conditions as allowed whatever else is said of it.
    if (result == 0)
        result = allow_memory(filter);
    if (result == 0)
        result = allow_threads(filter, needs->executes || needs->for_sanitizers);
    if (result == 0)
        result = allow_sockets(filter);
    if (result == 0 && needs->connects)
        result = allow_interfaces(filter);
    return result == 0 ? allow_to_itself(filter) : result;
}

static int load(Filter filter, bool logged) {
    int result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    if (result == 0)
        result = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (result == 0 && logged)
        result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
    // A tree instead of a list: every call passes through it.
    if (result == 0 && logged)
        result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    return result == 0 ? seccomp_load(filter) : result;
}

// What the C library tries first and does without, each time it starts a thread. A filter of its
// own, because this one's answers are not worth a line in the kernel's log.
static int quiet_load(void) {
    CLEANUP(filter_release) Filter filter = seccomp_init(SCMP_ACT_ALLOW);
    if (filter == NULL)
        return -ENOMEM;
    int call = seccomp_syscall_resolve_name("clone3");
    int result = 0;
    if (call >= 0)
        result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), call, 0);
    return result == 0 ? load(filter, false) : result;
}

static int allowed_load(const SandboxNeeds *needs) {
    CLEANUP(filter_release) Filter filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (filter == NULL)
        return -ENOMEM;
    int result = allow_needed(filter, needs);
    return result == 0 ? load(filter, true) : result;
}

Status seccomp_filter_load(const SandboxNeeds *needs, Error *reterr) {
    int result = quiet_load();
    if (result == 0)
        result = allowed_load(needs);
    if (result == 0)
        return STATUS_OK;
    return error_set(reterr, STATUS_UNSUPPORTED, "no_seccomp",
                     "the kernel does not take the filter of system calls (%s); use a kernel with "
                     "seccomp, or set sandbox.seccomp to off",
                     strerror(-result));
}
