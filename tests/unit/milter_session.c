/* tests/unit/milter_session.c - the way of a message without libmilter: answers,
 * rebuilt bytes, what is freed, and the watch file changing under open messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "milter/mail.h"
#include "milter/session.h"
#include "milter/snapshot.h"

static char dir[32];
static struct spool_writer *writer;

static int rm(const char *p, const struct stat *st, int type, struct FTW *b)
{
    (void)st, (void)type, (void)b;
    return remove(p);
}

static struct policy_watch *watch(const char *domain)
{
    char path[64];
    struct policy_watch *w = NULL;
    struct policy_watch_build *b = policy_watch_build_new();
    policy_watch_build_add_sender_domain(b, "bounces.ca.test");
    policy_watch_build_add_from_domain(b, "ca.test");
    policy_watch_build_add_domain(b, domain);
    policy_watch_build_max_mail(b, 100000);
    snprintf(path, sizeof path, "%s/watch", dir);
    assert_int_equal(policy_watch_build_write(b, path, 0600, NULL), BASE_OK);
    policy_watch_build_free(b);
    assert_int_equal(policy_watch_load(path, &w, NULL), BASE_OK);
    return w;
}

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/milter-test-XXXXXX");
    if (!mkdtemp(dir) || spool_open_writer(dir, NULL, &writer, NULL) != BASE_OK)
        return -1;
    milter_session_spool(writer);
    milter_snapshot_set(watch("example.test"));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    spool_close_writer(writer);
    return nftw(dir, rm, 8, FTW_DEPTH | FTW_PHYS);
}

static int files(const char *sub)
{
    char path[64];
    snprintf(path, sizeof path, "%s/%s", dir, sub);
    int n = -2;
    DIR *d = opendir(path);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

/* The only copy in new/, as text after the envelope line; removed. *LAST is its
 * last recipient. */
static char *copy(struct base_arena *a, const char **last)
{
    struct spool_reader *r;
    struct spool_mail *m;
    const char **names;
    size_t n;
    assert_int_equal(spool_open_reader(dir, &r, NULL), BASE_OK);
    assert_int_equal(spool_list_new(r, a, 10, &names, &n, NULL), BASE_OK);
    assert_int_equal(n, 1);
    assert_int_equal(spool_claim(r, names[0], &m, NULL), BASE_OK);
    char *text = base_arena_strndup(a, (const char *)m->raw.p, m->raw.n);
    *last = base_arena_strdup(a, m->env.recipients[m->env.n_recipients - 1]);
    spool_mail_free(m);
    assert_int_equal(spool_done_all(r, names, 1, NULL), BASE_OK);
    spool_close_reader(r);
    return text;
}

static struct milter_session *open_session(void)
{
    struct milter_session *s = milter_session_new();
    struct sockaddr_in in = {.sin_family = AF_INET};
    inet_pton(AF_INET, "192.0.2.1", &in.sin_addr);
    milter_session_client(s, (struct sockaddr *)&in);
    s->leadspc = true;
    return s;
}

static void whole(void **state)
{
    (void)state;
    struct base_arena *a = base_arena_new();
    struct milter_session *s = open_session();
    struct milter_outcome o;
    milter_session_mail(s, "<x@y.test>");
    milter_session_rcpt(s, "<admin@example.test>");
    assert_int_equal(milter_session_data(s), MILTER_CONTINUE);
    milter_session_header(s, "From", " x@ca.test");
    milter_session_header(s, "x-certMILTER", " 1");
    milter_session_header(s, "X-Certmilter-Not", " 1");
    assert_int_equal(milter_session_eoh(s, "Q1"), MILTER_CONTINUE);
    milter_session_body(s, "a\r\n", 3);
    milter_session_body(s, "b", 1);
    assert_int_equal(files("new"), 0);
    milter_session_eom(s, &o);
    assert_int_equal(o.answer, MILTER_ACCEPT);
    assert_int_equal(strlen(o.id), SPOOL_ID_LEN - 1);
    assert_int_equal(o.stale, 1);
    assert_null(s->mail);
    const char *last;
    assert_string_equal(copy(a, &last), "From: x@ca.test\r\nx-certMILTER: 1\r\nX-Certmilter-Not: 1\r\n\r\n"
                                 "a\r\nb");
    milter_session_eom(s, &o); /* once more, without a message */
    assert_int_equal(o.answer, MILTER_ACCEPT);
    assert_string_equal(o.id, "");
    assert_int_equal(milter_sessions(), 1);
    milter_session_free(s);
    assert_int_equal(milter_sessions(), 0);
    base_arena_free(a);
}

/* Whatever order commands come in, nothing is taken that shouldn't be. */
static void out_of_order(void **state)
{
    (void)state;
    struct milter_session *s = open_session();
    struct milter_outcome o;
    milter_session_rcpt(s, "<admin@example.test>");
    milter_session_header(s, "From", " x@ca.test");
    milter_session_body(s, "x", 1);
    milter_session_eom(s, &o);
    assert_int_equal(o.answer, MILTER_ACCEPT);
    assert_int_equal(milter_session_data(s), MILTER_ACCEPT);
    assert_int_equal(milter_session_eoh(s, NULL), MILTER_ACCEPT);

    milter_session_mail(s, "<x@bounces.ca.test>"); /* no recipient at all */
    assert_int_equal(milter_session_data(s), MILTER_CONTINUE);
    milter_session_header(s, "From", " x@ca.test");
    assert_int_equal(milter_session_eoh(s, "Q"), MILTER_ACCEPT);

    milter_session_mail(s, "<x@bounces.ca.test>"); /* no CA in From */
    milter_session_rcpt(s, "<admin@example.test>");
    assert_int_equal(milter_session_data(s), MILTER_CONTINUE);
    milter_session_header(s, "From", " x@other.test");
    milter_session_header(s, "Sender", " x@ca.test");
    assert_int_equal(milter_session_eoh(s, "Q"), MILTER_ACCEPT);
    assert_null(s->mail);

    milter_session_mail(s, "<x@bounces.ca.test>");
    milter_session_rcpt(s, "<admin@example.test>");
    milter_session_mail(s, "<x@y.test>"); /* MAIL again without an abort */
    assert_int_equal(milter_session_data(s), MILTER_ACCEPT);

    milter_session_mail(s, "<x@bounces.ca.test>");
    milter_session_rcpt(s, "<admin@example.test>");
    milter_session_header(s, "From", " x@ca.test");
    assert_int_equal(milter_session_eoh(s, NULL), MILTER_CONTINUE);
    assert_int_equal(files("tmp"), 1);
    milter_session_reset(s);
    assert_int_equal(files("tmp"), 0);

    milter_session_mail(s, "<x@bounces.ca.test>");
    milter_session_rcpt(s, "<admin@example.test>");
    milter_session_header(s, "From", " x@ca.test");
    assert_int_equal(milter_session_eoh(s, NULL), MILTER_CONTINUE);
    assert_int_equal(milter_session_eoh(s, NULL), MILTER_CONTINUE); /* twice: one file */
    milter_session_header(s, "From", " late@ca.test");
    assert_int_equal(files("tmp"), 1);
    milter_session_free(s); /* closed in the middle */
    assert_int_equal(files("tmp"), 0);
    assert_int_equal(files("new"), 0);
}

static void field_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value;
        bool leadspc;
        const char *out;
    } t[] = {
        {"A", " b", true, "A: b\r\n"},
        {"A", "b", true, "A:b\r\n"},
        {"A", "\tb", true, "A:\tb\r\n"},
        {"A", "b", false, "A: b\r\n"},
        {"A", "", true, "A:\r\n"},
        {"A", " b\n c", true, "A: b\r\n c\r\n"},
        {"A", " b\r\n c", true, "A: b\r\n c\r\n"},
        {"A", " b\rc\n\td", true, "A: b\rc\r\n\td\r\n"},
        {"A", "\n b", true, "A:\r\n b\r\n"},
        {"A ", " b", true, "A : b\r\n"},
        {"", "", true, ":\r\n"},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct base_buf b;
        base_buf_init(&b, 0);
        assert_true(milter_mail_field(&b, t[i].name, t[i].value, t[i].leadspc));
        assert_string_equal(base_buf_str(&b), t[i].out);
        base_buf_free(&b);
        base_buf_init(&b, strlen(t[i].out) - 1);
        assert_false(milter_mail_field(&b, t[i].name, t[i].value, t[i].leadspc));
        base_buf_free(&b);
    }
}

static void odd_envelopes(void **state)
{
    (void)state;
    struct base_arena *a = base_arena_new();
    assert_string_equal(milter_mail_address(a, "<a@b>"), "a@b");
    assert_string_equal(milter_mail_address(a, "a@b"), "a@b");
    assert_string_equal(milter_mail_address(a, "<>"), "");
    assert_string_equal(milter_mail_address(a, "<"), "<");
    char big[1000];
    memset(big, 'a', sizeof big);
    big[999] = 0;
    assert_string_equal(milter_mail_address(a, big), "");

    struct milter_session *s = open_session();
    struct milter_outcome o;
    milter_session_mail(s, big);
    for (int i = 0; i < SPOOL_RECIPIENTS_MAX + 50; i++) {
        char r[40];
        snprintf(r, sizeof r, "<u%d@nowhere.test>", i);
        milter_session_rcpt(s, r);
    }
    milter_session_rcpt(s, big);
    milter_session_rcpt(s, "<admin@example.test>"); /* the last counts too */
    assert_int_equal(milter_session_data(s), MILTER_CONTINUE);
    milter_session_header(s, "From", " x@ca.test");
    assert_int_equal(milter_session_eoh(s, "Q"), MILTER_CONTINUE);
    milter_session_eom(s, &o);
    assert_int_equal(o.answer, MILTER_ACCEPT);
    const char *last;
    assert_string_equal(copy(a, &last), "From: x@ca.test\r\n\r\n");
    assert_string_equal(last, "admin@example.test");
    milter_session_free(s);
    base_arena_free(a);
}

static void sizes(void **state)
{
    (void)state;
    struct milter_session *s = open_session();
    struct milter_outcome o;
    static char block[60000];
    memset(block, 'x', sizeof block);
    for (int blocks = 1; blocks <= 3; blocks++) {
        milter_session_mail(s, "<x@y.test>");
        milter_session_rcpt(s, "<admin@example.test>");
        milter_session_header(s, "From", " x@ca.test");
        assert_int_equal(milter_session_eoh(s, "Q"), MILTER_CONTINUE);
        for (int i = 0; i < blocks; i++)
            milter_session_body(s, block, sizeof block);
        assert_int_equal(files("tmp"), blocks == 1);
        milter_session_eom(s, &o);
        assert_int_equal(o.answer, MILTER_ACCEPT);
        assert_int_equal(o.id[0] != 0, blocks == 1);
    }
    assert_int_equal(files("new"), 1);
    milter_session_free(s);
}

/* A message keeps the watch with which it began. */
static void watch_changes(void **state)
{
    (void)state;
    struct milter_session *s = open_session();
    milter_session_mail(s, "<x@y.test>");
    milter_snapshot_set(watch("new.test"));
    milter_session_rcpt(s, "<admin@example.test>");
    assert_int_equal(milter_session_data(s), MILTER_CONTINUE);
    milter_session_mail(s, "<x@y.test>");
    milter_session_rcpt(s, "<admin@example.test>");
    assert_int_equal(milter_session_data(s), MILTER_ACCEPT);
    milter_session_mail(s, "<x@y.test>");
    milter_session_rcpt(s, "<admin@new.test>");
    assert_int_equal(milter_session_data(s), MILTER_CONTINUE);
    milter_session_free(s);
}

static void *many_sessions(void *arg)
{
    (void)arg;
    for (int i = 0; i < 300; i++) {
        struct milter_session *s = open_session();
        milter_session_mail(s, "<x@y.test>");
        milter_session_rcpt(s, "<admin@example.test>");
        milter_session_data(s);
        milter_session_header(s, "From", " x@other.test");
        milter_session_eoh(s, "Q");
        milter_session_free(s);
    }
    return NULL;
}

static void watch_changes_under_threads(void **state)
{
    (void)state;
    pthread_t t[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, many_sessions, NULL), 0);
    for (int i = 0; i < 30; i++)
        milter_snapshot_set(watch(i % 2 ? "example.test" : "other.test"));
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    assert_int_equal(milter_sessions(), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(whole), T(out_of_order),  T(field_bytes), T(odd_envelopes),
        T(sizes), T(watch_changes), T(watch_changes_under_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
