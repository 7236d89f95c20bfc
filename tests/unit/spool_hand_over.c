/* tests/unit/spool_hand_over.c - a mail's way through the spool: every state of
 * doc/spool.md, what the reader refuses, and what kill -9 leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "spool/internal.h"

static char dir[32];

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/spool-test-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int rm(const char *p, const struct stat *st, int type, struct FTW *b)
{
    (void)st, (void)type, (void)b;
    return remove(p);
}

static int teardown(void **state)
{
    (void)state;
    return nftw(dir, rm, 8, FTW_DEPTH | FTW_PHYS);
}

static const char *rcpts[] = {"admin@example.test", "\"odd one\"@example.test", "l\xe4tin@x.test"};

static struct spool_envelope envelope(void)
{
    return (struct spool_envelope){.time = 1795354987,
                                   .client = "192.0.2.1",
                                   .queue_id = "4BxYz",
                                   .sender = "bounce@ca.example",
                                   .recipients = rcpts,
                                   .n_recipients = 3,
                                   .sender_in_profile = true};
}

static struct spool_writer *writer(void)
{
    struct spool_writer *w = NULL;
    struct base_fail f;
    if (spool_open_writer(dir, NULL, &w, &f) != BASE_OK)
        fail_msg("%s", f.text);
    return w;
}

static struct spool_reader *reader(void)
{
    struct spool_reader *r = NULL;
    struct base_fail f;
    if (spool_open_reader(dir, &r, &f) != BASE_OK)
        fail_msg("%s", f.text);
    return r;
}

static void put_text(struct spool_writer *w, const char *text, char id[SPOOL_ID_LEN])
{
    struct spool_envelope env = envelope();
    struct base_bytes piece = {(const unsigned char *)text, strlen(text)};
    struct base_fail f;
    if (spool_put(w, &env, &piece, 1, &f) != BASE_OK)
        fail_msg("%s", f.text);
    if (id)
        memcpy(id, env.id, SPOOL_ID_LEN);
}

static char *at(const char *sub, const char *name)
{
    static char path[4][256];
    static unsigned i;
    char *p = path[i++ % 4];
    snprintf(p, 256, "%s/%s/%s", dir, sub, name);
    return p;
}

static int entries(const char *sub)
{
    int n = -2;
    DIR *d = opendir(at(sub, ""));
    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static char *first_new(struct spool_reader *r, struct base_arena *a)
{
    const char **names;
    size_t n;
    assert_int_equal(spool_list_new(r, a, 10, &names, &n, NULL), BASE_OK);
    assert_true(n >= 1);
    return base_arena_strdup(a, names[0]);
}

static void round_trip(void **state)
{
    (void)state;
    struct spool_writer *w = writer();
    struct spool_reader *r = reader();
    struct base_arena *a = base_arena_new();
    unsigned char body[3000];
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (unsigned char)(i * 7); /* NUL, bare CR and LF, 8-bit */
    struct spool_envelope env = envelope();
    struct base_bytes pieces[] = {
        {(const unsigned char *)"Subject: x\r\n\r\n", 14}, {body, 0}, {body, sizeof body}};
    struct base_fail f;
    assert_int_equal(spool_put(w, &env, pieces, 3, &f), BASE_OK);
    assert_int_equal(entries("tmp"), 0);
    assert_int_equal(entries("new"), 1);

    char *name = first_new(r, a);
    struct stat st;
    assert_int_equal(stat(at("new", name), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(stat(at("new", ""), &st), 0);
    assert_int_equal(st.st_mode & 07777, 02770);
    assert_int_equal(stat(at("dead", ""), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);

    struct spool_mail *m = NULL;
    if (spool_claim(r, name, &m, &f) != BASE_OK)
        fail_msg("%s", f.text);
    assert_int_equal(entries("new"), 0);
    assert_int_equal(entries("cur"), 1);
    assert_string_equal(m->env.id, env.id);
    assert_int_equal(m->env.time, 1795354987);
    assert_string_equal(m->env.client, "192.0.2.1");
    assert_string_equal(m->env.queue_id, "4BxYz");
    assert_string_equal(m->env.sender, "bounce@ca.example");
    assert_true(m->env.sender_in_profile);
    assert_int_equal(m->env.n_recipients, 3);
    assert_string_equal(m->env.recipients[1], "\"odd one\"@example.test");
    assert_string_equal(m->env.recipients[2], "l?tin@x.test");
    assert_int_equal(m->env.size, 14 + sizeof body);
    assert_int_equal(m->raw.n, 14 + sizeof body);
    assert_memory_equal(m->raw.p, "Subject: x\r\n\r\n", 14);
    assert_memory_equal(m->raw.p + 14, body, sizeof body);
    spool_mail_free(m);

    /* somebody else's claim; what a crash leaves in cur/ can be loaded again */
    assert_int_equal(spool_claim(r, name, &m, &f), BASE_PERMANENT);
    assert_string_equal(f.code, "spool.gone");
    const char **names;
    size_t n;
    assert_int_equal(spool_list_cur(r, a, 10, &names, &n, &f), BASE_OK);
    assert_int_equal(n, 1);
    assert_int_equal(spool_load(r, names[0], &m, &f), BASE_OK);
    spool_mail_free(m);
    assert_int_equal(spool_done(r, name, &f), BASE_OK);
    assert_int_equal(spool_done(r, name, &f), BASE_OK);
    assert_int_equal(entries("cur"), 0);
    base_arena_free(a);
    spool_close_reader(r);
    spool_close_writer(w);
}

static void abort_leaves_nothing(void **state)
{
    (void)state;
    struct spool_writer *w = writer();
    struct spool_envelope env = envelope();
    struct spool_put *p;
    assert_int_equal(spool_put_begin(w, &env, &p, NULL), BASE_OK);
    assert_int_equal(spool_put_append(p, "abc", 3, NULL), BASE_OK);
    assert_int_equal(entries("tmp"), 1);
    spool_put_abort(p);
    spool_put_abort(NULL);
    assert_int_equal(entries("tmp"), 0);
    assert_int_equal(entries("new"), 0);
    struct spool_usage u;
    spool_writer_usage(w, &u);
    assert_int_equal(u.bytes, 0);
    spool_close_writer(w);
}

/* A disk that takes no more: temporary, nothing left, and the next mail works. */
static void write_failure(void **state)
{
    (void)state;
    struct spool_writer *w = writer();
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit old, low = {2000, RLIM_INFINITY};
    getrlimit(RLIMIT_FSIZE, &old);
    low.rlim_max = old.rlim_max;
    setrlimit(RLIMIT_FSIZE, &low);
    struct spool_envelope env = envelope();
    char body[5000];
    memset(body, 'x', sizeof body);
    struct base_bytes piece = {(unsigned char *)body, sizeof body};
    struct base_fail f;
    enum base_fail_class c = spool_put(w, &env, &piece, 1, &f);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(c, BASE_TEMPORARY);
    assert_string_equal(f.code, "spool.write");
    assert_int_equal(entries("tmp"), 0);
    assert_int_equal(entries("new"), 0);
    put_text(w, "x\r\n\r\n", NULL);
    spool_close_writer(w);
}

static void one_agent(void **state)
{
    (void)state;
    struct spool_reader *r = reader(), *second = NULL;
    struct base_fail f;
    assert_int_equal(spool_open_reader(dir, &second, &f), BASE_TEMPORARY);
    assert_string_equal(f.code, "spool.locked");
    spool_close_reader(r);
    r = reader();
    spool_close_reader(r);
}

static void inotify_tells(void **state)
{
    (void)state;
    struct spool_writer *w = writer();
    struct spool_reader *r = reader();
    struct pollfd p = {.fd = spool_reader_fd(r), .events = POLLIN};
    assert_true(p.fd >= 0);
    assert_int_equal(poll(&p, 1, 0), 0);
    put_text(w, "x\r\n\r\n", NULL);
    assert_int_equal(poll(&p, 1, 1000), 1);
    spool_reader_drain(r);
    assert_int_equal(poll(&p, 1, 0), 0);
    spool_close_reader(r);
    spool_close_writer(w);
}

static void oldest_first(void **state)
{
    (void)state;
    struct spool_writer *w = writer();
    struct spool_reader *r = reader();
    struct base_arena *a = base_arena_new();
    char ids[20][SPOOL_ID_LEN];
    struct timespec ms = {0, 2000000};
    for (int i = 0; i < 20; i++) {
        put_text(w, "x\r\n\r\n", ids[i]);
        nanosleep(&ms, NULL);
    }
    close(open(at("new", "stranger"), O_CREAT | O_WRONLY, 0600));
    const char **names;
    size_t n;
    assert_int_equal(spool_list_new(r, a, 7, &names, &n, NULL), BASE_OK);
    assert_int_equal(n, 7);
    for (int i = 0; i < 7; i++)
        assert_memory_equal(names[i], ids[i], SPOOL_ID_LEN - 1);
    struct spool_counts c;
    spool_count(r, &c);
    assert_int_equal(c.new_files, 20);
    assert_int_equal(c.strange, 1);
    assert_true(c.oldest_new > 0 && c.oldest_new <= base_now());
    base_arena_free(a);
    spool_close_reader(r);
    spool_close_writer(w);
}

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
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(round_trip),  T(abort_leaves_nothing), T(write_failure),  T(one_agent), T(inotify_tells),
        T(oldest_first), T(hostile_new),         T(dead_and_wiped), T(sweep_tmp), T(kill_nine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
