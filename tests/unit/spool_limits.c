/* tests/unit/spool_limits.c - what keeps forged floods from filling the spool:
 * the cap, its reserved quarter, files per client; and that counting stays right
 * while many threads write, the agent takes, and the directory is listed. */
#include "spool_fixture.h"

#include <pthread.h>

static const char *rcpt[] = {"admin@example.test"};

static struct spool_writer *limited(int64_t cap, int64_t small, int64_t per_client)
{
    struct spool_writer *w = NULL;
    struct spool_writer_options o = {cap, small, per_client};
    assert_int_equal(spool_open_writer(dir, &o, &w, NULL), BASE_OK);
    return w;
}

static char zeros[4 * 1024 * 1024];

static const char *put(struct spool_writer *w, const char *client, bool in_profile, size_t size)
{
    static struct base_fail f;
    struct spool_envelope env = {.client = client,
                                 .sender = "x@ca.example",
                                 .queue_id = "q",
                                 .recipients = rcpt,
                                 .n_recipients = 1,
                                 .sender_in_profile = in_profile};
    struct base_bytes p = {(unsigned char *)zeros, size};
    f.code[0] = 0;
    enum base_fail_class c = spool_put(w, &env, &p, 1, &f);
    assert_true(c == BASE_OK || c == BASE_TEMPORARY);
    return c == BASE_OK ? "ok" : f.code;
}

static void reserve(void **state)
{
    (void)state;
    struct spool_writer *w = limited(400000, 20000, 1000);
    /* three quarters are everybody's */
    for (int i = 0; i < 5; i++)
        assert_string_equal(put(w, "192.0.2.1", false, 50000), "ok");
    assert_string_equal(put(w, "192.0.2.1", false, 60000), "spool.full");
    assert_string_equal(put(w, "192.0.2.1", true, 60000), "spool.full");
    assert_string_equal(put(w, "192.0.2.1", false, 45000), "ok");
    /* the last is for small mail whose sender is in a profile */
    assert_string_equal(put(w, "192.0.2.1", false, 10000), "spool.full");
    assert_string_equal(put(w, "192.0.2.1", true, 30000), "spool.full");
    int small = 0;
    while (strcmp(put(w, "192.0.2.1", true, 10000), "ok") == 0)
        small++;
    assert_in_range(small, 8, 10);
    int64_t bytes = counted_bytes(w), files = counted_files(w);
    assert_true(bytes <= 400000 && bytes > 380000);
    assert_int_equal(files, 6 + small);
    /* nothing of the refused is left over, in memory or on disk */
    spool_writer_rescan(w);
    assert_int_equal(counted_bytes(w), bytes);
    assert_int_equal(counted_files(w), files);
    spool_close_writer(w);
}

/* Growing past a limit is noticed while it grows. */
static void growing(void **state)
{
    (void)state;
    struct spool_writer *w = limited(100000, 10000, 1000);
    struct spool_envelope env = {.client = "192.0.2.1",
                                 .sender = "",
                                 .queue_id = "",
                                 .recipients = rcpt,
                                 .n_recipients = 1};
    struct spool_put *p;
    struct base_fail f;
    assert_int_equal(spool_put_begin(w, &env, &p, &f), BASE_OK);
    assert_int_equal(spool_put_append(p, zeros, 70000, &f), BASE_OK);
    assert_int_equal(spool_put_append(p, zeros, 10000, &f), BASE_TEMPORARY);
    assert_string_equal(f.code, "spool.full");
    assert_string_equal(put(w, "192.0.2.1", false, 20000), "spool.full");
    spool_put_abort(p);
    assert_string_equal(put(w, "192.0.2.1", false, 20000), "ok");
    spool_close_writer(w);

    w = limited(0, 0, 0);
    assert_int_equal(spool_put_begin(w, &env, &p, &f), BASE_OK);
    enum base_fail_class c = BASE_OK;
    for (int i = 0; i < 4 && c == BASE_OK; i++)
        c = spool_put_append(p, zeros, sizeof zeros, &f);
    assert_int_equal(c, BASE_TEMPORARY); /* no larger than what readers accept */
    spool_put_abort(p);
    spool_close_writer(w);
}

static void per_client(void **state)
{
    (void)state;
    struct spool_writer *w = limited(0, 0, 3);
    for (int i = 0; i < 3; i++)
        assert_string_equal(put(w, "192.0.2.1", true, 10), "ok");
    assert_string_equal(put(w, "192.0.2.1", true, 10), "spool.client");
    assert_string_equal(put(w, "::ffff:192.0.2.1", true, 10), "spool.client");
    assert_string_equal(put(w, "192.0.2.2", true, 10), "ok");
    for (int i = 0; i < 3; i++)
        assert_string_equal(put(w, "2001:db8::1", true, 10), "ok");
    assert_string_equal(put(w, "2001:db8::ffff:1", true, 10), "spool.client");
    assert_string_equal(put(w, "2001:db8:0:1::1", true, 10), "ok");
    assert_string_equal(put(w, "local", true, 10), "ok");
    spool_close_writer(w);

    /* a new writer counts what is there; the agent's taking makes room again */
    w = limited(0, 0, 3);
    assert_string_equal(put(w, "192.0.2.1", true, 10), "spool.client");
    struct spool_reader *r;
    assert_int_equal(spool_open_reader(dir, &r, NULL), BASE_OK);
    struct base_arena *a = base_arena_new();
    const char **names;
    size_t n;
    assert_int_equal(spool_list_new(r, a, 100, &names, &n, NULL), BASE_OK);
    for (size_t i = 0; i < n; i++) {
        struct spool_mail *m;
        assert_int_equal(spool_claim(r, names[i], &m, NULL), BASE_OK);
        spool_mail_free(m);
    }
    assert_string_equal(put(w, "192.0.2.1", true, 10), "spool.client");
    spool_writer_rescan(w);
    assert_string_equal(put(w, "192.0.2.1", true, 10), "ok");
    base_arena_free(a);
    spool_close_reader(r);
    spool_close_writer(w);
}

struct load {
    struct spool_writer *w;
    int client;
    int written;
};

static void *write_many(void *arg)
{
    struct load *l = arg;
    char client[32];
    snprintf(client, sizeof client, "192.0.2.%d", l->client);
    for (int i = 0; i < 60; i++) {
        struct spool_envelope env = {.client = client,
                                     .sender = "",
                                     .queue_id = "",
                                     .recipients = rcpt,
                                     .n_recipients = 1};
        struct spool_put *p;
        if (spool_put_begin(l->w, &env, &p, NULL) != BASE_OK)
            continue;
        if (spool_put_append(p, zeros, 100, NULL) != BASE_OK || i % 3 == 0) {
            spool_put_abort(p);
            continue;
        }
        if (spool_put_commit(p, NULL) == BASE_OK)
            l->written++;
    }
    return NULL;
}

static void *rescan_many(void *arg)
{
    for (int i = 0; i < 200; i++)
        spool_writer_rescan(arg);
    return NULL;
}

static void threads(void **state)
{
    (void)state;
    struct spool_writer *w = limited(0, 0, 0);
    pthread_t t[5], scan;
    struct load l[5];
    for (int i = 0; i < 5; i++) {
        l[i] = (struct load){w, i / 2, 0};
        assert_int_equal(pthread_create(&t[i], NULL, write_many, &l[i]), 0);
    }
    assert_int_equal(pthread_create(&scan, NULL, rescan_many, w), 0);
    int written = 0;
    for (int i = 0; i < 5; i++) {
        pthread_join(t[i], NULL);
        written += l[i].written;
    }
    pthread_join(scan, NULL);
    assert_int_equal(written, 5 * 40);
    spool_writer_rescan(w);
    assert_int_equal(counted_files(w), written);
    assert_int_equal(w->open_bytes, 0);
    assert_int_equal(w->add_files, 0);
    assert_int_equal(spool_tally_of(&w->tally, spool_client_tag("192.0.2.0")), 80);
    assert_int_equal(spool_tally_of(&w->tally, spool_client_tag("192.0.2.2")), 40);
    spool_close_writer(w);
}

static void tally(void **state)
{
    (void)state;
    struct spool_tally t = {0}, seen = {0};
    assert_int_equal(spool_tally_of(&t, 7), 0);
    for (uint32_t i = 0; i < 1000; i++)
        spool_tally_at(&t, i)->add_new = 1;
    spool_tally_at(&t, 5)->open = 2;
    spool_tally_begin(&t);
    spool_tally_at(&t, 6)->add_new++;
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(spool_tally_of(&t, i), i == 5 ? 3 : i == 6 ? 2 : 1);
    spool_tally_at(&seen, 9)->base = 4;
    spool_tally_end(&t, &seen);
    assert_int_equal(t.n, 3);
    assert_int_equal(spool_tally_of(&t, 5), 2);
    assert_int_equal(spool_tally_of(&t, 6), 1);
    assert_int_equal(spool_tally_of(&t, 9), 4);
    assert_int_equal(spool_tally_of(&t, 10), 0);
    spool_tally_free(&t);
    spool_tally_free(&seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(reserve), T(growing), T(per_client), T(threads), T(tally)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
