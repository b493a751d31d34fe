// The filter of system calls: each case in a process of its own, which enters the sandbox, tries
// one thing, and ends with the errno that it met.
#include "sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { NOT_CONFINED = 250 };

static const SandboxNeeds SERVER = {.listens = true};
static const SandboxNeeds CLIENT = {.connects = true};
static const SandboxNeeds STARTER = {.connects = true, .executes = true};

// 0, or the errno of what was tried.
typedef int Attempt(void);

static int errno_of(long result) {
    return result == -1 ? errno : 0;
}

// The wait status of a process that was confined and tried it.
static int status_of(const SandboxNeeds *needs, Attempt *attempt) {
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        Error error = {0};
        if (sandbox_enter(needs, &error) != STATUS_OK)
            _exit(NOT_CONFINED);
        _exit(attempt());
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static int outcome(const SandboxNeeds *needs, Attempt *attempt) {
    int status = status_of(needs, attempt);
    assert_true(WIFEXITED(status));
    assert_int_not_equal(WEXITSTATUS(status), NOT_CONFINED);
    return WEXITSTATUS(status);
}

// ---- What nobody may --------------------------------------------------------------------------

// With arguments that are no good: a call that gets through fails with another errno than EPERM.
// Root may all of it, so that it is the filter that refuses.
static const struct {
    const char *name;
    long call;
} REFUSED[] = {
    {"process_vm_readv", SYS_process_vm_readv},
    {"process_vm_writev", SYS_process_vm_writev},
    {"bpf", SYS_bpf},
    {"keyctl", SYS_keyctl},
    {"add_key", SYS_add_key},
    {"request_key", SYS_request_key},
    {"userfaultfd", SYS_userfaultfd},
    {"perf_event_open", SYS_perf_event_open},
    {"mount", SYS_mount},
    {"umount2", SYS_umount2},
    {"pivot_root", SYS_pivot_root},
    {"chroot", SYS_chroot},
    {"unshare", SYS_unshare},
    {"setns", SYS_setns},
    {"init_module", SYS_init_module},
    {"finit_module", SYS_finit_module},
    {"delete_module", SYS_delete_module},
    {"kexec_load", SYS_kexec_load},
    {"open_by_handle_at", SYS_open_by_handle_at},
    {"io_uring_setup", SYS_io_uring_setup},
    {"setuid", SYS_setuid},
    {"setresuid", SYS_setresuid},
    {"setgroups", SYS_setgroups},
    {"capset", SYS_capset},
    {"clock_settime", SYS_clock_settime},
    {"clock_adjtime", SYS_clock_adjtime},
    {"sethostname", SYS_sethostname},
    {"personality", SYS_personality},
    {"quotactl", SYS_quotactl},
    {"acct", SYS_acct},
    {"syslog", SYS_syslog},
    {"mknodat", SYS_mknodat},
    {"kcmp", SYS_kcmp},
    {"move_pages", SYS_move_pages},
    {"mbind", SYS_mbind},
    {"execveat", SYS_execveat},
    {"pidfd_getfd", SYS_pidfd_getfd},
    {"swapon", SYS_swapon},
};

static long tried_call;

static int try_call(void) {
    return errno_of(syscall(tried_call, -1L, -1L, -1L, -1L, -1L, -1L));
}

static void refuses_what_neither_daemon_does(void **state) {
    static const SandboxNeeds *const ALL[] = {&SERVER, &CLIENT, &STARTER};
    for (size_t i = 0; i < COUNT_OF(ALL); i++) {
        for (size_t j = 0; j < COUNT_OF(REFUSED); j++) {
            tried_call = REFUSED[j].call;
            int met = outcome(ALL[i], try_call);
            if (met != EPERM)
                fail_msg("%s: errno %d instead of EPERM", REFUSED[j].name, met);
        }
    }
}

static int try_ptrace(void) {
    return errno_of(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int try_user_namespace(void) {
    // Through the older call, whose flags a filter sees.
    long child = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
    if (child == 0)
        _exit(0);
    return errno_of(child);
}

static int try_clone3(void) {
    struct clone_args arguments = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    long child = syscall(SYS_clone3, &arguments, sizeof(arguments));
    if (child == 0)
        _exit(0);
    return errno_of(child);
}

static int try_raw_packets(void) {
    return errno_of(socket(AF_PACKET, SOCK_RAW, 0));
}

static int try_kernel_cryptography(void) {
    return errno_of(socket(AF_ALG, SOCK_SEQPACKET, 0));
}

static int try_terminal_input(void) {
    return errno_of(ioctl(STDIN_FILENO, TIOCSTI, "x"));
}

static int try_limits_of_another(void) {
    struct rlimit limit = {1, 1};
    return errno_of(syscall(SYS_prlimit64, getppid(), RLIMIT_NOFILE, &limit, NULL));
}

static int try_signal_of_another(void) {
    return errno_of(syscall(SYS_tgkill, getppid(), getppid(), 0));
}

static int try_kill(void) {
    return errno_of(kill(getppid(), 0));
}

static int try_being_dumpable(void) {
    return errno_of(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int try_code_that_is_written(void) {
    void *memory =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? errno : 0;
}

static int try_data_made_code(void) {
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? 0 : errno_of(mprotect(memory, 4096, PROT_READ | PROT_EXEC));
}

static int try_execve(void) {
    char *argv[] = {(char *)(uintptr_t) "/bin/true", NULL};
    return errno_of(execve(argv[0], argv, NULL));
}

static int try_fork(void) {
    long child = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (child == 0)
        _exit(0);
    return errno_of(child);
}

static int try_connect(void) {
    struct sockaddr_in nobody = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(1)};
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return errno_of(connect(descriptor, (struct sockaddr *)&nobody, sizeof(nobody)));
}

static int try_listen(void) {
    int descriptor = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return errno_of(listen(descriptor, 1));
}

static void refuses_by_what_is_needed(void **state) {
    static const struct {
        const char *name;
        Attempt *attempt;
        int server, client, starter; // what each meets
    } CASES[] = {
        {"ptrace", try_ptrace, EPERM, EPERM, EPERM},
        {"a user namespace", try_user_namespace, EPERM, EPERM, EPERM},
        // As on an old kernel: the C library then takes the older call.
        {"clone3", try_clone3, ENOSYS, ENOSYS, ENOSYS},
        {"raw packets", try_raw_packets, EPERM, EPERM, EPERM},
        {"sockets of the kernel's cryptography", try_kernel_cryptography, EPERM, EPERM, EPERM},
        {"limits of another process", try_limits_of_another, EPERM, EPERM, EPERM},
        {"terminal input", try_terminal_input, EPERM, EPERM, -1},
        {"a signal to another process", try_signal_of_another, EPERM, EPERM, 0},
        {"kill", try_kill, EPERM, EPERM, 0},
        {"being dumpable again", try_being_dumpable, EPERM, EPERM, 0},
        {"code that can be written", try_code_that_is_written, EPERM, EPERM, 0},
        {"data made code", try_data_made_code, EPERM, EPERM, 0},
        {"execve", try_execve, EPERM, EPERM, 0},
        {"fork", try_fork, EPERM, EPERM, 0},
        {"connect", try_connect, EPERM, ECONNREFUSED, ECONNREFUSED},
        {"listen", try_listen, 0, EPERM, EPERM},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        int met[] = {outcome(&SERVER, CASES[i].attempt), outcome(&CLIENT, CASES[i].attempt),
                     outcome(&STARTER, CASES[i].attempt)};
        const int wanted[] = {CASES[i].server, CASES[i].client, CASES[i].starter};
        for (size_t j = 0; j < COUNT_OF(met); j++) {
            if (wanted[j] != -1 && met[j] != wanted[j])
                fail_msg("%s, case %zu: errno %d instead of %d", CASES[i].name, j, met[j],
                         wanted[j]);
        }
    }
}

#ifdef __x86_64__
static int try_other_architecture(void) {
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L /* getpid of i386 */) : "memory");
    return 0;
}

// Its numbers mean other calls: a way around every filter that forgets it.
static void ends_a_process_that_calls_as_another_architecture(void **state) {
    int status = status_of(&SERVER, try_other_architecture);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSYS);
}
#endif

// ---- What goes on working -----------------------------------------------------------------------

static void *nothing(void *argument) {
    return argument;
}

static int use_threads(void) {
    pthread_t thread;
    int failure = pthread_create(&thread, NULL, nothing, NULL);
    return failure != 0 ? failure : pthread_join(thread, NULL);
}

static int use_files(void) {
    char path[] = "/tmp/daypass-sandbox-XXXXXX";
    int file = mkstemp(path);
    if (file < 0 || write(file, "x", 1) != 1 || fsync(file) != 0 || fchmod(file, 0600) != 0)
        return errno;
    close(file);
    return errno_of(unlink(path));
}

static int use_names(void) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int result = getaddrinfo("localhost", "443", &hints, &found);
    if (result == 0)
        freeaddrinfo(found);
    return result == 0 ? 0 : 1;
}

// As FreeTDS does, which cannot bear a refusal: it looks at no result.
static int use_interfaces(void) {
    struct ifreq found[8];
    struct ifconf list = {.ifc_len = sizeof(found), .ifc_req = found};
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (ioctl(descriptor, SIOCGIFCONF, &list) != 0)
        return errno;
    struct ifreq first = {.ifr_name = "lo"};
    if (ioctl(descriptor, SIOCGIFFLAGS, &first) != 0)
        return errno;
    return errno_of(ioctl(descriptor, SIOCGIFHWADDR, &first));
}

static int use_clocks(void) {
    struct timespec pause = {.tv_nsec = 1};
    return errno_of(clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL) == 0 ? 0 : -1);
}

static int use_a_signal_to_itself(void) {
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGUSR1, &ignore, NULL);
    return errno_of(raise(SIGUSR1));
}

static void leaves_what_is_needed(void **state) {
    static Attempt *const USES[] = {use_threads, use_files, use_clocks, use_a_signal_to_itself};
    for (size_t i = 0; i < COUNT_OF(USES); i++) {
        assert_int_equal(outcome(&SERVER, USES[i]), 0);
        assert_int_equal(outcome(&CLIENT, USES[i]), 0);
    }
    assert_int_equal(outcome(&CLIENT, use_names), 0);
    assert_int_equal(outcome(&CLIENT, use_interfaces), 0);
    assert_int_equal(outcome(&SERVER, use_interfaces), EPERM);
}

// What a program started from within says of itself.
static int use_a_program(void) {
    extern char **environ;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return errno;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    char *argv[] = {(char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c",
                    (char *)(uintptr_t) "grep -c '^Seccomp:.*2$' /proc/self/status | cat", NULL};
    pid_t child;
    int failure = posix_spawnp(&child, "sh", &actions, NULL, argv, environ);
    if (failure != 0)
        return failure;
    close(ends[1]);
    char said[16] = {0};
    ssize_t length = read(ends[0], said, sizeof(said) - 1);
    int status = 0;
    waitpid(child, &status, 0);
    return length == 2 && said[0] == '1' && status == 0 ? 0 : 1;
}

static void lets_a_named_program_run_and_confines_it_too(void **state) {
    assert_int_equal(outcome(&STARTER, use_a_program), 0);
    assert_int_equal(outcome(&CLIENT, use_a_program), EPERM);
}

// ---- Threads that are there already -------------------------------------------------------------

static pthread_barrier_t confined;

static void *wait_and_try(void *argument) {
    int *met = argument;
    pthread_barrier_wait(&confined);
    *met = try_ptrace();
    return NULL;
}

static int confine_with_threads(void) {
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    int met[THREADS] = {0};
    pthread_barrier_init(&confined, NULL, THREADS + 1);
    for (size_t i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, wait_and_try, &met[i]) != 0)
            return 1;
    Error error = {0};
    if (sandbox_enter(&SERVER, &error) != STATUS_OK)
        return 2;
    pthread_barrier_wait(&confined);
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        if (met[i] != EPERM)
            return 3;
    }
    return 0;
}

static void holds_threads_that_were_started_before(void **state) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(confine_with_threads());
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

// ---- Dumps --------------------------------------------------------------------------------------

static void forbids_dumps(void **state) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        sandbox_forbid_dumps();
        struct rlimit limit = {1, 1};
        bool none = getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_max == 0;
        _exit(none && prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_neither_daemon_does),
        cmocka_unit_test(refuses_by_what_is_needed),
#ifdef __x86_64__
        cmocka_unit_test(ends_a_process_that_calls_as_another_architecture),
#endif
        cmocka_unit_test(leaves_what_is_needed),
        cmocka_unit_test(lets_a_named_program_run_and_confines_it_too),
        cmocka_unit_test(holds_threads_that_were_started_before),
        cmocka_unit_test(forbids_dumps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
