/* tests/unit/spool_hand_over.c - a mail's way through the spool: every state of doc/spool.md. */
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
    assert_int_equal(spool_done_all(r, names, 1, &f), BASE_OK);
    assert_int_equal(spool_done_all(r, names, 1, &f), BASE_OK);
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
    assert_int_equal(counted_bytes(w), 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(round_trip), T(abort_leaves_nothing), T(write_failure), T(one_agent), T(inotify_tells),
        T(oldest_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
