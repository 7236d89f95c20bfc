/* tests/helpers/steptool.c - ends a program, or fills its disk, at its Nth step. For tests/e2e/steps.py.
 *
 *   steptool kill|full N [--under DIR]... [--files] (--pid PID | -- PROGRAM ARGUMENT...)
 *
 * A step is a system call that somebody else can see afterwards: what writes, makes, renames or removes a file,
 * what connects or sends. Not what syncs it, or sets its mode by descriptor: killed before that or before the next
 * step, the same is left. Threads count together; children of the program don't count and live on.
 *   kill: the program ends (SIGKILL) before its Nth step is done.
 *   full: from its Nth step on whatever needs room fails with ENOSPC, until this program gets SIGTERM; the first
 *         such write is done half. Only steps that need room count.
 * --under: only files below one of these folders; --files: no sockets and pipes. Standard error never counts.
 * --pid: a running process and its threads; "ready" is said once each of them is held, SIGTERM lets them go.
 * Says each step, and at the end "killed STEP", "left" (let go) or "ended STATUS". Needs root. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define TASKS 512
#define FOLDERS 8
#define OPTIONS (PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC)

/* What a system call's arguments say: FD = the first is one; AT = the first two are a folder and a name; NAME = the
 * first is a name; ROOM = it needs space. */
enum { FD = 1, AT = 2, NAME = 4, ROOM = 8, OPENS = 16, LENGTH = 32 };
static const struct step {
    long number;
    const char *name;
    int kind;
} steps[] = {
    {SYS_write, "write", FD | ROOM | LENGTH}, {SYS_pwrite64, "pwrite", FD | ROOM | LENGTH},
    {SYS_writev, "writev", FD | ROOM}, {SYS_pwritev, "pwritev", FD | ROOM},
    {SYS_sendto, "sendto", FD}, {SYS_sendmsg, "sendmsg", FD}, {SYS_sendmmsg, "sendmmsg", FD},
    {SYS_connect, "connect", FD}, {SYS_shutdown, "shutdown", FD},
    {SYS_ftruncate, "ftruncate", FD}, {SYS_fallocate, "fallocate", FD | ROOM},
    {SYS_openat, "openat", AT | ROOM | OPENS}, {SYS_mkdirat, "mkdirat", AT | ROOM},
    {SYS_unlinkat, "unlinkat", AT}, {SYS_renameat, "renameat", AT | ROOM}, {SYS_renameat2, "renameat2", AT | ROOM},
    {SYS_linkat, "linkat", AT | ROOM}, {SYS_fchmodat, "fchmodat", AT}, {SYS_fchownat, "fchownat", AT},
#ifdef SYS_open
    {SYS_open, "open", NAME | ROOM | OPENS}, {SYS_mkdir, "mkdir", NAME | ROOM}, {SYS_unlink, "unlink", NAME},
    {SYS_rmdir, "rmdir", NAME}, {SYS_rename, "rename", NAME | ROOM}, {SYS_link, "link", NAME | ROOM},
    {SYS_symlink, "symlink", NAME | ROOM}, {SYS_chmod, "chmod", NAME}, {SYS_chown, "chown", NAME},
#endif
};

static struct task {
    pid_t id;
    bool failing; /* its present call gets ENOSPC at its end */
} tasks[TASKS];
static size_t ntasks;
static pid_t program;
static const char *folders[FOLDERS];
static size_t nfolders;
static bool fills, files_only, leaving, started;
static long at_step, count;
static bool full, halved;

static _Noreturn void stop(const char *what)
{
    fprintf(stderr, "steptool: %s: %s\n", what, strerror(errno));
    exit(2);
}

static struct task *task_of(pid_t id)
{
    for (size_t i = 0; i < ntasks; i++)
        if (tasks[i].id == id)
            return &tasks[i];
    if (ntasks == TASKS)
        stop("too many threads");
    tasks[ntasks] = (struct task){.id = id};
    return &tasks[ntasks++];
}

static bool gone(pid_t id)
{
    for (size_t i = 0; i < ntasks; i++)
        if (tasks[i].id == id)
            tasks[i] = tasks[--ntasks];
    return ntasks == 0;
}

static pid_t process_of(pid_t task)
{
    char path[64], line[256];
    int id = 0;
    snprintf(path, sizeof path, "/proc/%d/status", task);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f) && sscanf(line, "Tgid: %d", &id) != 1)
        ;
    if (f)
        fclose(f);
    return id;
}

/* ---- what a call is about --------------------------------------------------------------- */

static void link_text(const char *path, char out[PATH_MAX])
{
    ssize_t n = readlink(path, out, PATH_MAX - 1);
    out[n > 0 ? n : 0] = '\0';
}

static void fd_path(int fd, char out[PATH_MAX])
{
    char path[64];
    snprintf(path, sizeof path, fd == AT_FDCWD ? "/proc/%d/cwd" : "/proc/%d/fd/%d", program, fd);
    link_text(path, out);
}

/* The name at ADDRESS of the program; relative to FD. */
static void name_path(pid_t task, int fd, uint64_t address, char out[PATH_MAX])
{
    char name[PATH_MAX] = "", base[PATH_MAX] = "";
    size_t n = 0;
    for (; n + sizeof(long) < sizeof name && !memchr(name, '\0', n); n += sizeof(long)) {
        errno = 0;
        long word = ptrace(PTRACE_PEEKDATA, task, (void *)(uintptr_t)(address + n), NULL);
        if (errno)
            break;
        memcpy(name + n, &word, sizeof word);
    }
    name[n < sizeof name ? n : sizeof name - 1] = '\0';
    if (name[0] != '/')
        fd_path(fd, base);
    int len = snprintf(out, PATH_MAX, "%s%s%s", base, name[0] == '/' ? "" : "/", name);
    if (len >= PATH_MAX)
        out[0] = '\0';
}

static bool below(const char *path)
{
    for (size_t i = 0; i < nfolders; i++) {
        size_t n = strlen(folders[i]);
        if (strncmp(path, folders[i], n) == 0 && (path[n] == '/' || path[n] == '\0'))
            return true;
    }
    return nfolders == 0;
}

static bool counts(pid_t task, const struct step *s, const uint64_t *arg, char path[PATH_MAX])
{
    uint64_t flags = s->kind & AT ? arg[2] : arg[1];
    struct stat st;
    path[0] = '\0';
    if ((s->kind & OPENS) && !(flags & (O_CREAT | O_TRUNC)))
        return false;
    if (fills && !(s->kind & ROOM))
        return false;
    if (s->kind & FD) {
        if ((int)arg[0] == STDERR_FILENO)
            return false;
        fd_path((int)arg[0], path);
        if (path[0] != '/')
            return !files_only && nfolders == 0 && strncmp(path, "anon_inode:", 11) != 0;
        if (strncmp(path, "/memfd:", 7) == 0 || strncmp(path, "/dev/", 5) == 0)
            return false;
    } else {
        name_path(task, s->kind & AT ? (int)arg[0] : AT_FDCWD, arg[s->kind & AT ? 1 : 0], path);
        if (fills && (s->kind & OPENS) && lstat(path, &st) == 0)
            return false; /* what is there needs no place */
    }
    return below(path);
}

/* ---- what is done to it ------------------------------------------------------------------ */

#ifdef __x86_64__
static void change(pid_t task, bool entry, uint64_t length)
{
    struct user_regs_struct r;
    if (ptrace(PTRACE_GETREGS, task, NULL, &r) != 0)
        return;
    if (length)
        r.rdx = length;
    else if (entry)
        r.orig_rax = (unsigned long long)-1;
    else
        r.rax = (unsigned long long)-ENOSPC;
    ptrace(PTRACE_SETREGS, task, NULL, &r);
}
#else
static void change(pid_t task, bool entry, uint64_t length)
{
    (void)task;
    (void)entry;
    (void)length;
    errno = ENOSYS;
    stop("filling a disk is written for x86-64 alone");
}
#endif

static _Noreturn void end(const char *how)
{
    printf("%s\n", how);
    exit(0);
}

static void reached(pid_t task, struct task *t, const struct step *s, const uint64_t *arg, const char *path)
{
    if (++count >= at_step && !fills) {
        int status;
        kill(program, SIGKILL);
        while (waitpid(-1, &status, __WALL) > 0 || errno == EINTR)
            ;
        printf("step %ld %s %s\n", count, s->name, path);
        end("killed");
    }
    full = full || count >= at_step;
    printf("step %ld %s %s%s\n", count, s->name, path, full ? " ENOSPC" : "");
    if (!full)
        return;
    if ((s->kind & LENGTH) && !halved && arg[2] > 1) {
        change(task, true, arg[2] / 2);
    } else {
        change(task, true, 0);
        t->failing = true;
    }
    halved = true;
}

static void at_call(pid_t task)
{
    struct __ptrace_syscall_info i;
    struct task *t = task_of(task);
    char path[PATH_MAX];
    if (ptrace(PTRACE_GET_SYSCALL_INFO, task, sizeof i, &i) <= 0 || !started)
        return;
    if (i.op == PTRACE_SYSCALL_INFO_EXIT && t->failing) {
        change(task, false, 0);
        t->failing = false;
    }
    if (i.op != PTRACE_SYSCALL_INFO_ENTRY || leaving)
        return;
    for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
        uint64_t arg[6];
        memcpy(arg, i.entry.args, sizeof arg);
        if (steps[k].number == (long)i.entry.nr && counts(task, &steps[k], arg, path))
            reached(task, t, &steps[k], arg, path);
    }
}

/* ---- the loop ----------------------------------------------------------------------------- */

static void stopped(pid_t task, int status)
{
    int sig = WSTOPSIG(status), event = status >> 16;
    struct task *t = task_of(task);
    if (process_of(task) != program) { /* a child in a way of its own */
        ptrace(PTRACE_DETACH, task, NULL, NULL);
        gone(task);
        return;
    }
    if (event == PTRACE_EVENT_EXEC)
        started = true;
    if (sig == (SIGTRAP | 0x80))
        at_call(task);
    bool pass = sig != (SIGTRAP | 0x80) && event == 0 && sig != SIGSTOP;
    if (leaving && !t->failing) {
        ptrace(PTRACE_DETACH, task, NULL, (void *)(long)(pass ? sig : 0));
        if (gone(task))
            end("left");
        return;
    }
    ptrace(PTRACE_SYSCALL, task, NULL, (void *)(long)(pass ? sig : 0));
}

static void leave(void)
{
    leaving = true;
    full = false;
    for (size_t i = 0; i < ntasks; i++)
        ptrace(PTRACE_INTERRUPT, tasks[i].id, NULL, NULL);
}

static int follow(const sigset_t *set)
{
    for (;;) {
        int status;
        pid_t id = waitpid(-1, &status, __WALL | WNOHANG);
        if (id == 0) {
            if (sigwaitinfo(set, NULL) == SIGTERM)
                leave();
            continue;
        }
        if (id < 0)
            stop("nobody is left");
        if (WIFSTOPPED(status)) {
            stopped(id, status);
            continue;
        }
        if (id == program) {
            printf("ended %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
            return 0;
        }
        gone(id);
    }
}

static void seize_all(void)
{
    char path[64];
    const struct dirent *e;
    bool more = true;
    snprintf(path, sizeof path, "/proc/%d/task", program);
    while (more) { /* threads that begin meanwhile */
        DIR *d = opendir(path);
        more = false;
        while (d && (e = readdir(d))) {
            pid_t id = (pid_t)atoi(e->d_name);
            if (id <= 0 || ptrace(PTRACE_SEIZE, id, NULL, (void *)OPTIONS) != 0)
                continue;
            more = true;
            task_of(id);
            ptrace(PTRACE_INTERRUPT, id, NULL, NULL);
        }
        if (d)
            closedir(d);
    }
    if (ntasks == 0)
        stop("the process can't be held");
    for (size_t i = 0; i < ntasks; i++) {
        int status;
        if (waitpid(tasks[i].id, &status, __WALL) > 0 && WIFSTOPPED(status))
            stopped(tasks[i].id, status);
    }
    started = true;
}

static void spawn(char **argv)
{
    int status;
    program = fork();
    if (program == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        raise(SIGSTOP);
        execv(argv[0], argv);
        _exit(127);
    }
    if (waitpid(program, &status, WUNTRACED) != program ||
        ptrace(PTRACE_SEIZE, program, NULL, (void *)(OPTIONS | PTRACE_O_EXITKILL)) != 0)
        stop("the program can't be held");
    task_of(program);
    kill(program, SIGCONT);
}

int main(int argc, char **argv)
{
    sigset_t set;
    int i = 3;
    if (argc < 5)
        stop("usage");
    setvbuf(stdout, NULL, _IOLBF, 0);
    fills = strcmp(argv[1], "full") == 0;
    at_step = atol(argv[2]);
    for (; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--files") == 0)
            files_only = true;
        else if (strcmp(argv[i], "--under") == 0 && i + 1 < argc && nfolders < FOLDERS)
            folders[nfolders++] = argv[++i];
        else if (strcmp(argv[i], "--pid") == 0 && i + 1 < argc)
            program = (pid_t)atoi(argv[++i]);
        else
            stop(argv[i]);
    }
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    if (program) {
        seize_all();
        puts("ready");
    } else if (i + 1 < argc)
        spawn(argv + i + 1);
    else
        stop("no program");
    return follow(&set);
}
