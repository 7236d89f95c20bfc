/* inspect/sandbox.c - the cage of certinspect, in the order in which it closes.
 *
 * Owns nothing. Fails closed: the filter is a must; Landlock is a second wall
 * that older kernels lack. CERTMILTER_SANITIZE allows what the sanitizers'
 * run time needs on top, and no limit on address space. */
#include "sandbox.h"

#include <errno.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"

#define ADDRESS_SPACE (512UL * 1024 * 1024)
#define CPU_SECONDS 5

static enum base_fail_class set_limits(struct base_fail *f)
{
    static const struct {
        __rlimit_resource_t what;
        rlim_t soft, hard;
    } limits[] = {
#ifndef CERTMILTER_SANITIZE
        {RLIMIT_AS, ADDRESS_SPACE, ADDRESS_SPACE},
#endif
        {RLIMIT_CPU, CPU_SECONDS, CPU_SECONDS + 1},
        {RLIMIT_FSIZE, 0, 0},
        {RLIMIT_CORE, 0, 0},
        {RLIMIT_NPROC, 0, 0},
        {RLIMIT_NOFILE, 0, 0},
    };

    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        struct rlimit l = {limits[i].soft, limits[i].hard};
        struct rlimit now;

        /* never above what the parent allows */
        if (getrlimit(limits[i].what, &now) == 0 && now.rlim_max < l.rlim_max) {
            l.rlim_max = now.rlim_max;
            l.rlim_cur = l.rlim_cur < l.rlim_max ? l.rlim_cur : l.rlim_max;
        }
        if (setrlimit(limits[i].what, &l) != 0) {
            return base_failf(f, BASE_OURS, "sandbox.limits", "resource limit %d: %s",
                              (int)limits[i].what, strerror(errno));
        }
    }
    return BASE_OK;
}

/* Handles every kind of file access and allows none. Absent Landlock is fine. */
void inspect_sandbox_deny_files(void)
{
    struct landlock_ruleset_attr attr = {
        .handled_access_fs = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                             LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
                             LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                             LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |
                             LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
                             LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
                             LANDLOCK_ACCESS_FS_MAKE_SYM,
    };
    long fd = syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);

    if (fd >= 0) {
        (void)syscall(SYS_landlock_restrict_self, fd, 0);
        close((int)fd);
    }
}

/* Memory, time, randomness, the end; nothing that reaches outside. */
static int allow_plain(scmp_filter_ctx ctx)
{
    static const int calls[] = {
        SCMP_SYS(munmap),
        SCMP_SYS(mremap),
        SCMP_SYS(brk),
        SCMP_SYS(madvise),
        SCMP_SYS(futex),
        SCMP_SYS(exit_group),
        SCMP_SYS(exit),
        SCMP_SYS(rt_sigreturn),
        SCMP_SYS(restart_syscall),
        SCMP_SYS(clock_gettime),
        SCMP_SYS(gettimeofday),
        SCMP_SYS(time),
        SCMP_SYS(getrandom),
        SCMP_SYS(rt_sigprocmask),
#ifdef CERTMILTER_SANITIZE
        SCMP_SYS(sigaltstack),
        SCMP_SYS(rt_sigaction),
        SCMP_SYS(getpid),
        SCMP_SYS(gettid),
        SCMP_SYS(prctl),
        SCMP_SYS(readlink),
        SCMP_SYS(mprotect),
        SCMP_SYS(mmap),
        SCMP_SYS(write),
        SCMP_SYS(getrlimit),
        SCMP_SYS(prlimit64),
        SCMP_SYS(sched_yield),
        SCMP_SYS(tgkill),
        SCMP_SYS(close),
        SCMP_SYS(newfstatat),
        SCMP_SYS(pipe),
        SCMP_SYS(pipe2),
        SCMP_SYS(ioctl),
        SCMP_SYS(fcntl),
        SCMP_SYS(process_vm_readv),
#endif
    };
    int r = 0;

    for (size_t i = 0; r == 0 && i < sizeof(calls) / sizeof(calls[0]); i++) {
        r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0);
    }
    return r;
}

/* Calls that are allowed for one use only. */
static int allow_narrow(scmp_filter_ctx ctx)
{
    int r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(read), 1,
                             SCMP_A0(SCMP_CMP_EQ, STDIN_FILENO, 0));
#ifndef CERTMILTER_SANITIZE
    if (r == 0) {
        r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
                             SCMP_A0(SCMP_CMP_EQ, STDOUT_FILENO, 0));
    }
    if (r == 0) {
        r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
                             SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO, 0));
    }
    if (r == 0) { /* memory that can be run is never made */
        r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                             SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    }
    if (r == 0) {
        r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                             SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    }
#endif
    return r;
}

/* Libraries that try to open a file live on without it. */
static int refuse_open(scmp_filter_ctx ctx)
{
    static const int calls[] = {SCMP_SYS(open), SCMP_SYS(openat)};
    int r = 0;

    for (size_t i = 0; r == 0 && i < sizeof(calls) / sizeof(calls[0]); i++) {
        r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EACCES), calls[i], 0);
    }
    return r;
}

static enum base_fail_class set_filter(struct base_fail *f)
{
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int r = ctx != NULL ? 0 : -ENOMEM;

    if (r == 0) {
        r = allow_plain(ctx);
    }
    if (r == 0) {
        r = allow_narrow(ctx);
    }
    if (r == 0) {
        r = refuse_open(ctx);
    }
    if (r == 0) {
        r = seccomp_load(ctx);
    }
    /* freed behind the filter: releasing memory is allowed there */
    if (ctx != NULL) {
        seccomp_release(ctx);
    }
    if (r != 0) {
        return base_failf(f, BASE_OURS, "sandbox.filter", "system-call filter: %s", strerror(-r));
    }
    return BASE_OK;
}

enum base_fail_class inspect_sandbox_enter(struct base_fail *f)
{
    base_no_core();
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return base_failf(f, BASE_OURS, "sandbox.filter", "no new privileges: %s", strerror(errno));
    }
    inspect_sandbox_deny_files();
    enum base_fail_class r = set_limits(f);

    return r != BASE_OK ? r : set_filter(f);
}
