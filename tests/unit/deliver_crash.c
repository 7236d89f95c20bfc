/* kill -9 before and after every single system call of a switch: old or new, never half, and the
 * next try mends what was left. */
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "deliver/deliver.h"

#define PEM(x) "-----BEGIN CERTIFICATE-----\n" x "\n-----END CERTIFICATE-----\n"
#define STOPS_MAX 5000

static char dir[64];
static struct policy_config *cfg;
static const struct deliver_certificate
    one = {.thumbprint = "1111111111111111aa", .chain_pem = PEM("one") PEM("ca1"), .usage = "both"},
    two = {.thumbprint = "2222222222222222bb", .chain_pem = PEM("two") PEM("ca2"), .usage = "both"};

static enum base_fail_class run(const struct deliver_certificate *c, bool withdraw,
                                const struct deliver_certificate *current, size_t n)
{
    struct base_arena *a = base_arena_new();
    struct policy_publisher t = {.id = "f", .kind = POLICY_PUBLISHER_FILES, .dir = dir,
                                 .dir_mode = 0750, .file_mode = 0640};
    struct deliver_world w = {.cfg = cfg, .keeper_socket = "/nonexistent"};
    struct deliver_item it = {.mailbox = "a@x", .cert = *c, .withdraw = withdraw,
                              .reason = withdraw ? "revoked" : "renewed", .current = current,
                              .ncurrent = n};
    struct deliver_done out;
    struct base_fail f = {0};
    enum base_fail_class r = deliver_publish(&w, &t, &it, a, &out, &f);
    base_arena_free(a);
    return r;
}

static char *text(const char *name)
{
    char path[200];
    struct base_buf b;
    char *s = NULL;
    snprintf(path, sizeof path, "%s/a@x/current/%s", dir, name);
    if (base_file_read(AT_FDCWD, path, 100000, &b, NULL) == BASE_OK)
        s = strdup(base_buf_str(&b));
    base_buf_free(&b);
    return s;
}

static bool holds(const struct deliver_certificate *c)
{
    char *cert = text("cert.pem"), *chain = text("chain.pem"), *full = text("fullchain.pem");
    bool all = cert && chain && full && strcmp(full, c->chain_pem) == 0 &&
               strncmp(full, cert, strlen(cert)) == 0 && strcmp(full + strlen(cert), chain) == 0;
    free(cert);
    free(chain);
    free(full);
    return all;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *w)
{
    (void)st;
    (void)kind;
    (void)w;
    return remove(path);
}

static size_t left;
static int count_dots(const char *path, const struct stat *st, int kind, struct FTW *w)
{
    (void)st;
    (void)kind;
    left += path[w->base] == '.';
    return 0;
}

/* Runs in a child that is killed at its Nth stop at a system call; true: it came to its end. */
static bool killed_at(int n, const struct deliver_certificate *c, bool withdraw,
                      const struct deliver_certificate *current, size_t ncurrent)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        _exit(run(c, withdraw, current, ncurrent));
    }
    assert_true(waitpid(pid, &status, 0) == pid);
    for (int i = 0; WIFSTOPPED(status); i++) {
        if (i == n) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            return false;
        }
        ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
        assert_true(waitpid(pid, &status, 0) == pid);
    }
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return true;
}

static void each_step(bool withdraw)
{
    int n = 1, seen_old = 0, seen_new = 0;
    for (;; n++) {
        assert_true(n < STOPS_MAX);
        nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
        assert_int_equal(mkdir(dir, 0700), 0);
        assert_int_equal(run(&one, false, &one, 1), BASE_OK);
        bool through = killed_at(n, withdraw ? &one : &two, withdraw, &two, 1);
        assert_true(holds(&one) || holds(&two));
        seen_old += holds(&one);
        seen_new += holds(&two);
        assert_int_equal(run(withdraw ? &one : &two, withdraw, &two, 1), BASE_OK);
        assert_true(holds(&two));
        left = 0;
        nftw(dir, count_dots, 8, FTW_PHYS);
        assert_int_equal(left, 0);
        if (through)
            break;
    }
    assert_true(seen_old > 20 && seen_new > 2);
}

static void publishing(void **state)
{
    (void)state;
    each_step(false);
}

static void replacing_a_revoked_one(void **state)
{
    (void)state;
    each_step(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(publishing),
                                       cmocka_unit_test(replacing_a_revoked_one)};

    snprintf(dir, sizeof dir, "/tmp/certmilter-crash-XXXXXX");
    if (!mkdtemp(dir) || policy_config_default(&cfg, NULL) != BASE_OK)
        return 1;
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    policy_config_free(cfg);
    return r;
}
