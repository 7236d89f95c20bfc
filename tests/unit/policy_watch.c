/* tests/unit/policy_watch.c - the watch file: normalising, building, damage, asking. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "policy/watch.h"

static char dir[] = "/tmp/watch-test-XXXXXX";
static char path[64];

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof path, "%s/watch", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(dir);
}

static void normalise(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out; /* NULL: no address */
    } t[] = {
        {"alice@example.test", "alice@example.test"},
        {"<Alice@Example.TEST>", "alice@example.test"},
        {" < alice@example.test > ", "alice@example.test"},
        {"alice+tag@example.test", "alice@example.test"},
        {"alice+a+b@example.test", "alice@example.test"},
        {"+alice@example.test", "+alice@example.test"},
        {"alice@example.test.", "alice@example.test"},
        {"\"alice\"@example.test", "alice@example.test"},
        {"\"Al\\ice\"@example.test", "alice@example.test"},
        {"\"al ice\"@example.test", "al ice@example.test"},
        {"\"a@b\"@example.test", "a@b@example.test"},
        {"<@relay.test,@b.test:alice@example.test>", "alice@example.test"},
        {"<postmaster>", "postmaster"},
        {"PostMaster", "postmaster"},
        {"postmaster+x", "postmaster"},
        {"admin@b\xc3\xbc" "cher.example", "admin@xn--bcher-kva.example"},
        {"admin@B\xc3\x9c" "CHER.example", "admin@xn--bcher-kva.example"},
        {"admin@xn--BCHER-kva.example", "admin@xn--bcher-kva.example"},
        {"admin@stra\xc3\x9f" "e.example", "admin@xn--strae-oqa.example"},
        {"admin@\xe4\xbe\x8b\xe3\x81\x88\xe3\x80\x82\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88",
         "admin@xn--r8jz45g.xn--zckzah"},
        {"a_b@under_score.example", "a_b@under_score.example"},
        {"<>", NULL},
        {"", NULL},
        {"alice", NULL},
        {"@example.test", NULL},
        {"<@relay.test>", NULL},
        {"alice@", NULL},
        {"alice@.", NULL},
        {"alice@a..b", NULL},
        {"alice@[192.0.2.1]", NULL},
        {"alice@exa mple.test", NULL},
        {"a b@example.test", NULL},
        {"a@b@example.test", NULL},
        {"\"alice@example.test", NULL},
        {"alice@\xff\xfe.test", NULL},
    };
    struct base_arena *a = base_arena_new();
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        const char *got = policy_watch_normalise(a, t[i].in);
        if (!t[i].out) {
            if (got)
                fail_msg("\"%s\" gave \"%s\"", t[i].in, got);
        } else if (!got || strcmp(got, t[i].out) != 0) {
            fail_msg("\"%s\" gave \"%s\", expected \"%s\"", t[i].in, got ? got : "nothing",
                     t[i].out);
        }
    }
    assert_null(policy_watch_normalise(a, NULL));
    char big[2000];
    memset(big, 'x', sizeof big);
    memcpy(big + sizeof big - 14, "@example.test", 14);
    assert_null(policy_watch_normalise(a, big));
    assert_non_null(policy_watch_normalise(a, big + sizeof big - 14 - 64));
    base_arena_free(a);
}

static struct policy_watch *sample(void)
{
    struct policy_watch_build *b = policy_watch_build_new();
    assert_true(policy_watch_build_add_sender_domain(b, "mail.CA.example"));
    assert_true(policy_watch_build_add_from_domain(b, "ca.example"));
    assert_true(policy_watch_build_add_from_domain(b, "ca.example."));
    assert_true(policy_watch_build_add_domain(b, "example.test"));
    assert_true(policy_watch_build_add_domain(b, "b\xc3\xbc" "cher.test"));
    assert_true(policy_watch_build_add_address(b, "Alice@Example.test"));
    assert_false(policy_watch_build_add_address(b, "not an address"));
    assert_false(policy_watch_build_add_domain(b, "[192.0.2.1]"));
    assert_false(policy_watch_build_add_from_domain(b, "a.b.c.d.e.f.g.h.i.j.k"));
    policy_watch_build_max_mail(b, 5 * 1024 * 1024);
    struct base_fail f;
    if (policy_watch_build_write(b, path, 0640, &f) != BASE_OK)
        fail_msg("%s", f.text);
    policy_watch_build_free(b);
    struct policy_watch *w = NULL;
    if (policy_watch_load(path, &w, &f) != BASE_OK)
        fail_msg("%s", f.text);
    return w;
}

static void interest(void **state)
{
    (void)state;
    struct policy_watch *w = sample();
    struct policy_watch_info i;
    policy_watch_info(w, &i);
    assert_int_equal(i.sender_domains, 1);
    assert_int_equal(i.from_domains, 1); /* the same twice */
    assert_int_equal(i.domains, 2);
    assert_int_equal(i.addresses, 1);
    assert_true(base_now() - i.written < 60);
    assert_int_equal(policy_watch_max_mail(w), 5 * 1024 * 1024);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);

    assert_true(policy_watch_interest_sender(w, "<bounce+1@mail.ca.example>"));
    assert_true(policy_watch_interest_sender(w, "x@eu.mail.ca.example"));
    assert_false(policy_watch_interest_sender(w, "x@ca.example"));
    assert_false(policy_watch_interest_sender(w, "x@email.ca.example"));
    assert_false(policy_watch_interest_sender(w, "x@mail.ca.example.evil.test"));
    assert_false(policy_watch_interest_sender(w, "<>"));

    static const char *const yes[] = {
        "<admin@example.test>",     "ADMINISTRATOR@example.test",  "webmaster+x@example.test",
        "hostmaster@Example.Test.", "<\"postmaster\"@example.test>", "postmaster@b\xc3\xbc" "cher.test",
        "admin@xn--bcher-kva.test", "<postmaster>",                "alice@example.test",
        "alice+smime@EXAMPLE.test",
    };
    for (size_t k = 0; k < sizeof yes / sizeof *yes; k++)
        if (!policy_watch_interest_rcpt(w, yes[k]))
            fail_msg("%s isn't of interest", yes[k]);
    static const char *const no[] = {
        "bob@example.test", "admins@example.test", "admin@sub.example.test", "admin@other.test",
        "admin",            "<>",                  "adminexample.test",
    };
    for (size_t k = 0; k < sizeof no / sizeof *no; k++)
        if (policy_watch_interest_rcpt(w, no[k]))
            fail_msg("%s is of interest", no[k]);
    policy_watch_free(w);
}

static void from_field(void **state)
{
    (void)state;
    struct policy_watch *w = sample();
    static const struct {
        const char *value;
        bool match;
    } t[] = {
        {" no-reply@ca.example", true},
        {" CA <no-reply@CA.Example>", true},
        {" CA <no-reply@eu.ca.example.>", true},
        {" =?utf-8?q?C=C3=A4?=\n <no-reply@ca.example>", true},
        {" Eve <eve@evil.test>, CA <x@ca.example>", true},
        {" Group: eve@evil.test, x@ca.example;", true},
        {" x @ ca . example", true},
        {" x@(hidden)ca(dot).(more)example(end)", true},
        {" x@\r\n ca.example", true},
        {" x@ca.example. Foo", true},
        {" \"quoted\\\" @evil.test\" <x@ca.example>", true},
        {" \"unfinished <x@ca.example>", true},
        {" (unfinished x@ca.example", true},
        {" (unfinished\\", false},
        {" \"x@ca.example\" <eve@evil.test>", false},
        {" (x@ca.example) eve@evil.test", false},
        {" x@notca.example", false},
        {" x@ca.example.evil.test", false},
        {" x@ca.exampl", false},
        {" ca.example", false},
        {" @", false},
        {"", false},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++)
        if (policy_watch_from(w, t[i].value, strlen(t[i].value)) != t[i].match)
            fail_msg("From:%s: expected %d", t[i].value, t[i].match);
    assert_false(policy_watch_from(w, " x@ca.example", 12)); /* by length, not by NUL */
    policy_watch_free(w);
}

/* Every single changed, missing or added byte is seen. */
static void damage(void **state)
{
    (void)state;
    policy_watch_free(sample());
    struct base_buf b;
    struct base_fail f;
    assert_int_equal(base_file_read(-100 /* AT_FDCWD */, path, 1 << 20, &b, &f), BASE_OK);
    struct policy_watch *w = NULL;
    for (size_t i = 0; i < b.n; i++) {
        b.p[i] ^= 1;
        assert_int_equal(policy_watch_parse(b.p, b.n, &w, &f), BASE_PERMANENT);
        b.p[i] ^= 1;
        assert_int_equal(policy_watch_parse(b.p, i, &w, &f), BASE_PERMANENT);
        assert_string_equal(f.code, "watch.damaged");
    }
    assert_null(w);
    /* a file with a right checksum but lists out of order or too long */
    unsigned char *copy = malloc(b.n);
    memcpy(copy, b.p, b.n);
    unsigned char key[8];
    size_t domains = 64 + 8 + 8;
    memcpy(key, copy + domains, 8);
    memcpy(copy + domains, copy + domains + 8, 8);
    memcpy(copy + domains + 8, key, 8);
    base_sha256(copy, b.n - 32, copy + b.n - 32);
    assert_int_equal(policy_watch_parse(copy, b.n, &w, &f), BASE_PERMANENT);
    memcpy(copy, b.p, b.n);
    memset(copy + 32, 0xff, 8);
    base_sha256(copy, b.n - 32, copy + b.n - 32);
    assert_int_equal(policy_watch_parse(copy, b.n, &w, &f), BASE_PERMANENT);
    memcpy(copy, b.p, b.n);
    copy[8] = 9;
    assert_int_equal(policy_watch_parse(copy, b.n, &w, &f), BASE_PERMANENT);
    assert_string_equal(f.code, "watch.version");
    free(copy);
    assert_int_equal(policy_watch_parse(b.p, b.n, &w, &f), BASE_OK);
    policy_watch_free(w);
    base_buf_free(&b);

    assert_int_equal(policy_watch_load("/nonexistent/watch", &w, &f), BASE_PERMANENT);
    assert_string_equal(f.code, "watch.absent");
    assert_int_equal(policy_watch_load(dir, &w, &f), BASE_PERMANENT);
    assert_string_equal(f.code, "watch.damaged");
}

static void empty(void **state)
{
    (void)state;
    struct policy_watch_build *b = policy_watch_build_new();
    struct base_fail f;
    assert_int_equal(policy_watch_build_write(b, path, 0640, &f), BASE_OK);
    policy_watch_build_free(b);
    struct policy_watch *w = NULL;
    assert_int_equal(policy_watch_load(path, &w, &f), BASE_OK);
    assert_false(policy_watch_interest_rcpt(w, "postmaster"));
    assert_false(policy_watch_interest_sender(w, "a@ca.example"));
    assert_false(policy_watch_from(w, "a@ca.example", 12));
    assert_int_equal(policy_watch_max_mail(w), POLICY_WATCH_MAX_MAIL);
    policy_watch_free(w);
}

static void million(void **state)
{
    (void)state;
    struct policy_watch_build *b = policy_watch_build_new();
    char addr[64];
    for (int i = 0; i < 1000000; i++) {
        snprintf(addr, sizeof addr, "user%d@example.test", i);
        assert_true(policy_watch_build_add_address(b, addr));
    }
    struct base_fail f;
    int64_t t0 = base_mono_ms();
    assert_int_equal(policy_watch_build_write(b, path, 0640, &f), BASE_OK);
    policy_watch_build_free(b);
    struct policy_watch *w = NULL;
    assert_int_equal(policy_watch_load(path, &w, &f), BASE_OK);
    int64_t t1 = base_mono_ms();
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size < 8100000);
    for (int i = 0; i < 1000; i++) {
        snprintf(addr, sizeof addr, "user%d@example.test", i * 1000);
        assert_true(policy_watch_interest_rcpt(w, addr));
        snprintf(addr, sizeof addr, "user%d@example.test", 1000000 + i);
        assert_false(policy_watch_interest_rcpt(w, addr));
    }
    print_message("1,000,000 addresses: write and load %lld ms, %lld bytes\n",
                  (long long)(t1 - t0), (long long)st.st_size);
    policy_watch_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normalise), cmocka_unit_test(interest), cmocka_unit_test(from_field),
        cmocka_unit_test(damage),    cmocka_unit_test(empty),    cmocka_unit_test(million),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
