/* tests/unit/spool_wrecks.c - what the reader refuses, where it ends, and what kill -9 leaves. */
#include "spool_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "base/file.h"

static void expect_bad(struct spool_reader *r, const char *name, const char *what)
{
    struct spool_mail *m = NULL;
    struct base_fail f = {0};
    enum base_fail_class c = spool_claim(r, name, &m, &f);
    if (c != BASE_PERMANENT || strcmp(f.code, "spool.bad") != 0)
        fail_msg("%s: class %d, %s %s", what, c, f.code, f.text);
    if (spool_dead(r, name, what, &f) != BASE_OK)
        fail_msg("%s: %s", what, f.text);
    assert_int_equal(entries("cur"), 0);
}

/* What somebody who took over the milter may lay into new/. */
static void hostile_new(void **state)
{
    (void)state;
    struct spool_writer *w = writer();
    struct spool_reader *r = reader();
    struct base_arena *a = base_arena_new();
    char *name, *path;

    const char *link = "0123456789ab-aaaaaaaaaaaaaaaa.00000000";
    assert_int_equal(symlink("/etc/passwd", at("new", link)), 0);
    expect_bad(r, link, "symlink");
    put_text(w, "x\r\n\r\n", NULL); /* a link to what would be a good mail */
    name = first_new(r, a);
    assert_int_equal(rename(at("new", name), at("", "elsewhere")), 0);
    assert_int_equal(symlink(at("", "elsewhere"), at("new", name)), 0);
    expect_bad(r, name, "symlink to a mail");
    assert_int_equal(mkfifo(at("new", link), 0660), 0);
    expect_bad(r, link, "fifo");
    assert_int_equal(mkdir(at("new", link), 0777), 0);
    assert_int_equal(remove(at("dead", link)), 0);
    expect_bad(r, link, "directory");
    close(open(at("new", link), O_CREAT | O_WRONLY, 0640));
    assert_int_equal(remove(at("dead", link)), 0);
    expect_bad(r, link, "empty file");

    put_text(w, "x\r\n\r\n", NULL);
    name = first_new(r, a);
    assert_int_equal(linkat(AT_FDCWD, at("new", name), AT_FDCWD, at("tmp", "other"), 0), 0);
    expect_bad(r, name, "second name");

    put_text(w, "x\r\n\r\n", NULL);
    name = first_new(r, a);
    path = at("new", name);
    assert_int_equal(truncate(path, 100), 0);
    expect_bad(r, name, "cut in the envelope");

    put_text(w, "abcdef\r\n\r\n", NULL);
    name = first_new(r, a);
    path = at("new", name);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(truncate(path, st.st_size - 1), 0);
    expect_bad(r, name, "one byte short");

    put_text(w, "x\r\n\r\n", NULL);
    name = first_new(r, a);
    char *other = base_arena_strdup(a, name);
    other[15] = other[15] == 'a' ? 'b' : 'a';
    assert_int_equal(rename(at("new", name), at("new", other)), 0);
    expect_bad(r, other, "another id");

    put_text(w, "x\r\n\r\n", NULL);
    name = first_new(r, a);
    assert_int_equal(truncate(at("new", name), SPOOL_MAIL_MAX + 1), 0);
    expect_bad(r, name, "too large");

    if (geteuid() == 0) {
        put_text(w, "x\r\n\r\n", NULL);
        name = first_new(r, a);
        assert_int_equal(chown(at("new", name), 12345, 12345), 0);
        expect_bad(r, name, "foreign owner");
    }
    struct spool_mail *m;
    struct base_fail f;
    assert_int_equal(spool_claim(r, "../../etc/passwd", &m, &f), BASE_PERMANENT);
    assert_string_equal(f.code, "spool.gone");
    base_arena_free(a);
    spool_close_reader(r);
    spool_close_writer(w);
}

static void dead_and_wiped(void **state)
{
    (void)state;
    struct spool_writer *w = writer();
    struct spool_reader *r = reader();
    struct base_arena *a = base_arena_new();
    struct spool_mail *m;
    struct base_fail f;
    put_text(w, "x\r\n\r\n", NULL);
    char *name = first_new(r, a);
    assert_int_equal(spool_claim(r, name, &m, &f), BASE_OK);
    spool_mail_free(m);
    assert_int_equal(spool_dead(r, name, "no profile\nfits\x1b", &f), BASE_OK);
    struct base_buf b;
    char *reason = base_arena_printf(a, "%s.reason", name);
    assert_int_equal(base_file_read(AT_FDCWD, at("dead", reason), 5000, &b, &f), BASE_OK);
    assert_non_null(strstr(base_buf_str(&b), "no profile"));
    assert_null(strchr(base_buf_str(&b), '\x1b'));
    base_buf_free(&b);
    assert_int_equal(spool_dead(r, name, "again", &f), BASE_PERMANENT);
    assert_string_equal(f.code, "spool.gone");
    struct spool_counts c;
    spool_count(r, &c);
    assert_int_equal(c.dead_files, 1);
    assert_int_equal(spool_dead_wipe(r, base_now(), SPOOL_DEAD_AGE), 0);
    assert_int_equal(spool_dead_wipe(r, base_now() + SPOOL_DEAD_AGE - 10, SPOOL_DEAD_AGE), 0);
    assert_int_equal(spool_dead_wipe(r, base_now() + SPOOL_DEAD_AGE + 10, SPOOL_DEAD_AGE), 1);
    assert_int_equal(entries("dead"), 0);
    base_arena_free(a);
    spool_close_reader(r);
    spool_close_writer(w);
}

/* What dead writers left in tmp/ goes; what somebody writes, or is new, stays. */
static void sweep_tmp(void **state)
{
    (void)state;
    struct spool_writer *w = writer();
    const char *old = "0123456789ab-aaaaaaaaaaaaaaaa.00000000",
               *held = "0123456789ab-bbbbbbbbbbbbbbbb.00000000",
               *young = "0123456789ab-cccccccccccccccc.00000000";
    struct timespec past[2] = {{.tv_sec = base_now() - 3600}, {.tv_sec = base_now() - 3600}};
    close(open(at("tmp", old), O_CREAT | O_WRONLY, 0640));
    close(open(at("tmp", young), O_CREAT | O_WRONLY, 0640));
    int fd = open(at("tmp", held), O_CREAT | O_WRONLY, 0640);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    utimensat(AT_FDCWD, at("tmp", old), past, 0);
    utimensat(AT_FDCWD, at("tmp", held), past, 0);
    assert_true(spool_writer_rescan(w) >= 2000);
    assert_int_equal(access(at("tmp", old), F_OK), -1);
    assert_int_equal(access(at("tmp", held), F_OK), 0);
    assert_int_equal(access(at("tmp", young), F_OK), 0);
    close(fd);
    spool_writer_rescan(w);
    assert_int_equal(access(at("tmp", held), F_OK), -1);
    spool_close_writer(w);
}

/* Killed at any moment, a writer leaves nothing but whole files in new/. */
static void kill_nine(void **state)
{
    (void)state;
    struct spool_writer *keep = writer(); /* makes the directories */
    for (int round = 0; round < 25; round++) {
        pid_t pid = fork();
        if (pid == 0) {
            struct spool_writer *w = NULL;
            if (spool_open_writer(dir, NULL, &w, NULL) != BASE_OK)
                _exit(1);
            char body[20000];
            memset(body, 'y', sizeof body);
            for (;;) {
                struct spool_envelope env = envelope();
                struct base_bytes p[2] = {{(unsigned char *)body, sizeof body},
                                          {(unsigned char *)body, sizeof body}};
                spool_put(w, &env, p, 2, NULL);
            }
        }
        struct timespec t = {0, 1000000 * (10 + round * 3)};
        nanosleep(&t, NULL);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    struct spool_reader *r = reader();
    struct base_arena *a = base_arena_new();
    const char **names;
    size_t n;
    assert_int_equal(spool_list_new(r, a, 100000, &names, &n, NULL), BASE_OK);
    assert_true(n > 0);
    for (size_t i = 0; i < n; i++) {
        struct spool_mail *m;
        struct base_fail f;
        if (spool_claim(r, names[i], &m, &f) != BASE_OK)
            fail_msg("%s: %s", names[i], f.text);
        assert_int_equal(m->raw.n, 40000);
        spool_mail_free(m);
    }
    assert_int_equal(spool_done_all(r, names, n, NULL), BASE_OK);
    assert_int_equal(entries("cur"), 0);
    base_arena_free(a);
    spool_close_reader(r);
    spool_close_writer(keep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(hostile_new), T(dead_and_wiped), T(sweep_tmp), T(kill_nine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
