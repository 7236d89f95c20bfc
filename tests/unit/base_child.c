/* Unit tests of base/child.h: the cage. The children are /bin/sh, or this program again
 * with the name of a role as its first argument. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"

#define MIB (1 << 20)

static char self[4096];

extern char **environ;

/* --- what this program does as a child ---------------------------------------- */

static long limit_of(__rlimit_resource_t what)
{
    struct rlimit l;

    getrlimit(what, &l);
    return l.rlim_cur == RLIM_INFINITY ? -1 : (long)l.rlim_cur;
}

/* Prints everything about its cage as lines. */
static int role_report(void)
{
    int fds = 0, sig = 0;
    sigset_t blocked;
    struct sigaction sa;
    DIR *d = opendir("/proc/self/fd");

    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        fds += e->d_name[0] != '.' && atoi(e->d_name) != dirfd(d);
    }
    sigprocmask(SIG_BLOCK, NULL, &blocked);
    for (int s = 1; s < NSIG; s++) {
        memset(&sa, 0, sizeof sa);
        bool ours = s >= 32 && s < SIGRTMIN; /* glibc's own */
        sig += !ours && (sigismember(&blocked, s) == 1 ||
                         (sigaction(s, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN));
    }
    int death = 0;
    prctl(PR_GET_PDEATHSIG, &death);
    int envs = 0;
    while (environ[envs] != NULL) {
        envs++;
    }
    printf("fds %d\nenv %d %s\nsignals %d\ndeath %d\ngroup %d\n", fds, envs,
           envs > 0 ? environ[0] : "", sig, death, getpgrp() == getpid());
    printf("as %ld\ncpu %ld\nfsize %ld\ncore %ld\n", limit_of(RLIMIT_AS), limit_of(RLIMIT_CPU),
           limit_of(RLIMIT_FSIZE), limit_of(RLIMIT_CORE));
    return 0;
}

static _Noreturn void role_spin(void)
{
    for (volatile unsigned i = 0;; i++) {
    }
}

/* Tells whether 300 MiB of memory can be had. */
static int role_memory(void)
{
    void *p = mmap(NULL, 300 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    puts(p == MAP_FAILED ? "refused" : "given");
    return 0;
}

static int role(const char *name)
{
    if (strcmp(name, "spin") == 0) {
        role_spin();
    }
    int r = strcmp(name, "report") == 0 ? role_report() : role_memory();
    fflush(stdout);
    _exit(r);
}

/* --- helpers -------------------------------------------------------------------- */

static void start(struct base_child *c, const char *role_name, const struct base_child_limits *lim)
{
    char *argv[] = {self, (char *)role_name, NULL};
    struct base_fail f = {0};

    if (base_child_start(c, self, argv, lim, &f) != BASE_OK) {
        fail_msg("%s", f.text);
    }
}

static void start_sh(struct base_child *c, const char *script, const struct base_child_limits *lim)
{
    char *argv[] = {"sh", "-c", (char *)script, NULL};
    struct base_fail f = {0};

    if (base_child_start(c, "/bin/sh", argv, lim, &f) != BASE_OK) {
        fail_msg("%s", f.text);
    }
}

/* Ends C and gives its exit status. */
static int end(struct base_child *c)
{
    struct base_fail f = {0};
    int status;

    if (base_child_end(c, MIB, &status, &f) != BASE_OK) {
        fail_msg("%s", f.text);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int open_fds(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");

    while (readdir(d) != NULL) {
        n++;
    }
    closedir(d);
    return n;
}

/* --- tests ------------------------------------------------------------------------ */

static void cage(void **state)
{
    const struct base_child_limits lim = {
        .address_space = INT64_C(1) << 30, .cpu_seconds = 5, .wall_ms = 10000};
    struct base_child c;
    char want[300];
    int fd = open("/dev/null", O_RDONLY); /* not close-on-exec: must not get through */
    sigset_t usr1;

    (void)state;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &usr1, NULL);
    signal(SIGPIPE, SIG_IGN);
    start(&c, "report", &lim);
    assert_int_equal(end(&c), 0);
    signal(SIGPIPE, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
    close(fd);
#ifdef CERTMILTER_SANITIZE
    long as = -1;
#else
    long as = 1L << 30;
#endif
#ifdef __SANITIZE_THREAD__
    long files = -1;
#else
    long files = 0;
#endif
    snprintf(want, sizeof want,
             "fds 3\nenv 0 \nsignals 0\ndeath %d\ngroup 1\nas %ld\ncpu 5\nfsize %ld\ncore 0\n",
             SIGKILL, as, files);
    assert_string_equal(base_buf_str(&c.outbuf), want);
    base_child_free(&c);
}

static void cage_of_a_hook(void **state)
{
    char *env[] = {"NAME=value", NULL};
    const struct base_child_limits lim = {.keep_files = true, .envp = env};
    struct base_child c;

    (void)state;
    start(&c, "report", &lim);
    assert_int_equal(end(&c), 0);
    assert_non_null(strstr(base_buf_str(&c.outbuf), "env 1 NAME=value\n"));
    assert_null(strstr(base_buf_str(&c.outbuf), "fsize 0\n"));
    base_child_free(&c);
}

static void memory_is_limited(void **state)
{
    const struct base_child_limits lim = {.address_space = 200 * MIB, .wall_ms = 10000};
    struct base_child c;

    (void)state;
#ifdef CERTMILTER_SANITIZE
    const char *want = "given\n";
#else
    const char *want = "refused\n";
#endif
    start(&c, "memory", &lim);
    assert_int_equal(end(&c), 0);
    assert_string_equal(base_buf_str(&c.outbuf), want);
    base_child_free(&c);
}

static void cpu_is_limited(void **state)
{
    const struct base_child_limits lim = {.cpu_seconds = 1, .wall_ms = 30000};
    struct base_child c;

    (void)state;
    start(&c, "spin", &lim);
    assert_int_equal(end(&c), -SIGXCPU);
    base_child_free(&c);
}

static void no_such_program(void **state)
{
    char *argv[] = {"x", NULL};
    const struct base_child_limits lim = {0};
    struct base_fail f = {0};
    struct base_child c;
    int before = open_fds();

    (void)state;
    assert_int_equal(base_child_start(&c, "/nonexistent/x", argv, &lim, &f), BASE_OURS);
    assert_string_equal(f.code, "child.exec");
    assert_non_null(strstr(f.text, strerror(ENOENT)));
    base_child_free(&c);
    assert_int_equal(base_child_start(&c, "/etc/passwd", argv, &lim, &f), BASE_OURS);
    base_child_free(&c);
    assert_int_equal(open_fds(), before);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nothing left to reap */
    assert_int_equal(errno, ECHILD);
}

static void freed_while_it_runs(void **state)
{
    const struct base_child_limits lim = {0};
    struct base_child c;
    int before = open_fds();

    (void)state;
    start_sh(&c, "sleep 1000", &lim);
    pid_t pid = c.pid;
    base_child_free(&c);
    base_child_free(&c);
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(open_fds(), before);
}

static void *many_children(void *arg)
{
    const struct base_child_limits lim = {.wall_ms = 60000};
    struct base_child c;
    int status;

    for (int i = 0; i < 30; i++) {
        char *argv[] = {"cat", NULL};
        char text[64];
        snprintf(text, sizeof text, "%p %d", arg, i);
        if (base_child_start(&c, "/bin/cat", argv, &lim, NULL) != BASE_OK ||
            base_child_write(&c, text, strlen(text), 100, NULL) != BASE_OK ||
            base_child_end(&c, 100, &status, NULL) != BASE_OK || status != 0 ||
            strcmp(base_buf_str(&c.outbuf), text) != 0) {
            return "failed";
        }
        base_child_free(&c);
    }
    return NULL;
}

static void from_many_threads(void **state)
{
    pthread_t t[6];
    int id[6];

    (void)state;
    for (int i = 0; i < 6; i++) {
        pthread_create(&t[i], NULL, many_children, &id[i]);
    }
    for (int i = 0; i < 6; i++) {
        void *failed;
        pthread_join(t[i], &failed);
        assert_null(failed);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cage),
        cmocka_unit_test(cage_of_a_hook),
        cmocka_unit_test(memory_is_limited),
        cmocka_unit_test(cpu_is_limited),
        cmocka_unit_test(no_such_program),
        cmocka_unit_test(freed_while_it_runs),
        cmocka_unit_test(from_many_threads),
    };

    if (argc > 1) {
        return role(argv[1]);
    }
    if (readlink("/proc/self/exe", self, sizeof self - 1) <= 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
