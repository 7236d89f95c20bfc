/* Unit tests of base/child.h: talking to a child until it ends. The children
 * are /bin/sh, or this program again with an argument. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/child.h"
#include "base/clock.h"

#define MIB (1 << 20)

static char self[4096];

/* Prints 1 MiB before it reads anything, then counts its input. */
static int role_both(void)
{
    static char block[65536];
    size_t total = 0;

    memset(block, 'o', sizeof block);
    for (int i = 0; i < 16; i++) {
        for (size_t done = 0; done < sizeof block;) {
            done += (size_t)write(1, block + done, sizeof block - done);
        }
        for (size_t done = 0; done < sizeof block;) {
            done += (size_t)write(2, block + done, sizeof block - done);
        }
    }
    for (ssize_t n; (n = read(0, block, sizeof block)) > 0;) {
        total += (size_t)n;
    }
    printf("\nread %zu\n", total);
    return 0;
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

static void time_is_limited(void **state)
{
    const struct base_child_limits lim = {.wall_ms = 200};
    struct base_fail f = {0};
    struct base_child c;
    int status;

    (void)state;
    for (int in_end = 0; in_end < 2; in_end++) {
        int64_t began = base_mono_ms();
        const char *line;
        size_t len;
        start_sh(&c, "trap '' TERM; sleep 30 & sleep 30", &lim);
        if (!in_end) {
            assert_int_equal(base_child_line(&c, MIB, &line, &len, &f), BASE_TEMPORARY);
            assert_string_equal(f.code, "child.timeout");
        }
        assert_int_equal(base_child_end(&c, MIB, &status, &f), BASE_TEMPORARY);
        assert_string_equal(f.code, "child.timeout");
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        assert_in_range(base_mono_ms() - began, 190, 60000);
        base_child_free(&c);
    }
    /* one that floods its stderr doesn't get more time */
    start_sh(&c, "exec cat /dev/zero >&2", &lim);
    assert_int_equal(base_child_end(&c, MIB, &status, &f), BASE_TEMPORARY);
    assert_int_equal(c.errbuf.n, 4096);
    base_child_free(&c);
}

static void in_time_stays_in_time(void **state)
{
    const struct base_child_limits lim = {.wall_ms = 3000};
    const struct timespec late = {3, 300000000};
    struct base_child c;

    (void)state;
    start_sh(&c, "echo done; exit 3", &lim);
    nanosleep(&late, NULL); /* it ended long ago; we are late, not it */
    assert_int_equal(end(&c), 3);
    assert_string_equal(base_buf_str(&c.outbuf), "done\n");
    base_child_free(&c);
}

static void output_is_capped(void **state)
{
    const struct base_child_limits lim = {.wall_ms = 20000};
    struct base_fail f = {0};
    struct base_child c;
    int status;

    (void)state;
    start_sh(&c, "printf 12345", &lim);
    assert_int_equal(base_child_end(&c, 5, &status, &f), BASE_OK);
    base_child_free(&c);
    start_sh(&c, "printf 123456", &lim);
    assert_int_equal(base_child_end(&c, 5, &status, &f), BASE_PERMANENT);
    assert_string_equal(f.code, "child.output");
    base_child_free(&c);
    start_sh(&c, "exec cat /dev/zero", &lim);
    assert_int_equal(base_child_end(&c, 100000, &status, &f), BASE_PERMANENT);
    assert_true(WIFSIGNALED(status));
    assert_true(c.outbuf.n < 200000);
    base_child_free(&c);
}

static void both_write_a_mebibyte(void **state)
{
    const struct base_child_limits lim = {.wall_ms = 30000};
    static char input[MIB];
    struct base_fail f = {0};
    struct base_child c;
    int status;

    (void)state;
    char *argv[] = {self, "both", NULL};
    assert_int_equal(base_child_start(&c, self, argv, &lim, &f), BASE_OK);
    if (base_child_write(&c, input, sizeof input, 2 * MIB, &f) != BASE_OK) {
        fail_msg("%s", f.text);
    }
    assert_int_equal(base_child_end(&c, 2 * MIB, &status, &f), BASE_OK);
    assert_int_equal(status, 0);
    assert_string_equal(base_buf_str(&c.outbuf) + MIB, "\nread 1048576\n");
    assert_int_equal(c.errbuf.n, 4096);
    base_child_free(&c);
}

static void talk_by_lines(void **state)
{
    const struct base_child_limits lim = {.wall_ms = 20000};
    struct base_child c;
    const char *line;
    size_t len;

    (void)state;
    start_sh(&c, "while read l; do echo \"got $l\"; done; echo; printf 'tail'", &lim);
    for (int i = 0; i < 50; i++) {
        char text[20], want[24];
        snprintf(text, sizeof text, "q%d\n", i);
        snprintf(want, sizeof want, "got q%d", i);
        assert_int_equal(base_child_write(&c, text, strlen(text), MIB, NULL), BASE_OK);
        assert_int_equal(base_child_line(&c, MIB, &line, &len, NULL), BASE_OK);
        assert_string_equal(line, want);
        assert_int_equal(len, strlen(want));
    }
    base_child_close_in(&c);
    assert_int_equal(base_child_line(&c, MIB, &line, &len, NULL), BASE_OK);
    assert_string_equal(line, "");
    assert_int_equal(base_child_line(&c, MIB, &line, &len, NULL), BASE_OK);
    assert_string_equal(line, "tail"); /* without its newline */
    assert_int_equal(base_child_line(&c, MIB, &line, &len, NULL), BASE_OK);
    assert_null(line);
    assert_int_equal(end(&c), 0);
    base_child_free(&c);
}

static void one_that_dies(void **state)
{
    const struct base_child_limits lim = {.wall_ms = 20000};
    static char input[MIB];
    struct base_fail f = {0};
    struct base_child c;
    int status;

    (void)state;
    start_sh(&c, "echo last words; echo why >&2; kill -SEGV $$", &lim);
    /* SIGPIPE has its default here: it must not reach us */
    assert_int_equal(base_child_write(&c, input, sizeof input, MIB, &f), BASE_PERMANENT);
    assert_string_equal(f.code, "child.died");
    assert_int_equal(base_child_end(&c, MIB, &status, &f), BASE_OK);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV && !WCOREDUMP(status));
    assert_string_equal(base_buf_str(&c.outbuf), "last words\n");
    assert_string_equal(base_buf_str(&c.errbuf), "why\n");
    assert_int_equal(base_child_end(&c, MIB, &status, &f), BASE_OURS); /* once only */
    base_child_free(&c);
}

static void leftovers_are_killed(void **state)
{
    const struct base_child_limits lim = {.wall_ms = 20000};
    struct base_child c;

    (void)state;
    /* the sleeper holds stdout open; end() must wait for the program only */
    start_sh(&c, "sleep 1000 & echo $!", &lim);
    int64_t began = base_mono_ms();
    assert_int_equal(end(&c), 0);
    assert_in_range(base_mono_ms() - began, 0, 15000);
    pid_t sleeper = atoi(base_buf_str(&c.outbuf));
    assert_true(sleeper > 1);
    for (int i = 0; i < 6000; i++) {
        char path[40], stat[200] = "";
        snprintf(path, sizeof path, "/proc/%d/stat", sleeper);
        int fd = open(path, O_RDONLY);
        ssize_t n = fd < 0 ? 0 : read(fd, stat, sizeof stat - 1);
        close(fd);
        if (n <= 0 || strstr(stat, ") Z ") != NULL) {
            base_child_free(&c);
            return; /* gone, or a zombie that only waits for init */
        }
        usleep(10000);
    }
    fail_msg("it lives on");
}

/* Forks a child that says nothing; *CTX gets its number. */
static enum base_fail_class fork_silent(void *ctx, const int theirs[3], int *pidfd,
                                        struct base_fail *f)
{
    pid_t pid = fork();

    (void)f;
    if (pid == 0) {
        dup2(theirs[1], STDOUT_FILENO);
        pause();
        _exit(0);
    }
    *(pid_t *)ctx = pid;
    *pidfd = pidfd_open(pid, 0);
    return BASE_OK;
}

static enum base_fail_class refuse(void *ctx, const int theirs[3], int *pidfd, struct base_fail *f)
{
    (void)ctx;
    (void)theirs;
    (void)pidfd;
    return base_failf(f, BASE_TEMPORARY, "child.none", "none");
}

/* An adopted child dies at its deadline, and stays its parent's to reap. */
static void adopted_is_killed_when_late(void **state)
{
    const struct base_child_limits lim = {.wall_ms = 200};
    struct base_fail f = {0};
    struct base_child c;
    const char *line;
    size_t len;
    pid_t pid = 0;
    int status = 0;

    (void)state;
    assert_int_equal(base_child_adopt(&c, fork_silent, &pid, &lim, &f), BASE_OK);
    assert_int_equal(base_child_line(&c, 100, &line, &len, &f), BASE_TEMPORARY);
    assert_string_equal(f.code, "child.timeout");
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_true(base_child_ended(&c));
    assert_int_equal(c.pidfd, -1);
    base_child_free(&c);
    assert_int_equal(base_child_adopt(&c, refuse, NULL, &lim, &f), BASE_TEMPORARY);
    assert_string_equal(f.code, "child.none");
    base_child_free(&c);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_is_limited),      cmocka_unit_test(in_time_stays_in_time),
        cmocka_unit_test(output_is_capped),     cmocka_unit_test(both_write_a_mebibyte),
        cmocka_unit_test(talk_by_lines),        cmocka_unit_test(one_that_dies),
        cmocka_unit_test(adopted_is_killed_when_late),
        cmocka_unit_test(leftovers_are_killed),
    };

    (void)argv;
    if (argc > 1) {
        return role_both();
    }
    if (readlink("/proc/self/exe", self, sizeof self - 1) <= 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
