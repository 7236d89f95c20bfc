/* Names of files, where they go, and what a redirect may lead to. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "dcv/http.h"

static struct base_arena *a;
static char root[64];
static const char *roots[1] = {root};
static const struct policy_strings webroots = {roots, 1};
#define PLACE "/.well-known/pki-validation"

static void names(void **state)
{
    static const char *const good[] = {"fileauth.txt", "0123456789abcdef.txt", "a", "A_b-c.1"};
    static const char *const bad[] = {"", ".", "..", ".htaccess", "../x", "a/b", "a..b", "a b", "a%2fb", "a\\b",
                                      "a\nb", "\xc3\xa4.txt"};
    char longest[102];
    struct base_fail f = {0};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(ca_dcv_file_ok(good[i]));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(ca_dcv_file_ok(bad[i]));
        assert_int_equal(dcv_file_put(&webroots, bad[i], "v", &f), BASE_PERMANENT);
        assert_string_equal(f.code, "dcv.file.name");
    }
    assert_false(ca_dcv_file_ok(NULL));
    memset(longest, 'a', sizeof longest);
    longest[100] = '\0';
    assert_true(ca_dcv_file_ok(longest));
    longest[100] = 'a';
    longest[101] = '\0';
    assert_false(ca_dcv_file_ok(longest));
}

static const char *below(const char *path)
{
    return base_arena_printf(a, "%s%s", root, path);
}

static void files(void **state)
{
    struct base_buf b;
    struct base_fail f = {0};
    struct stat st;

    (void)state;
    for (int i = 0; i < 2; i++) { /* what is there already is no failure */
        assert_int_equal(dcv_file_put(&webroots, "fileauth.txt", "token", &f), BASE_OK);
    }
    assert_int_equal(base_file_read(AT_FDCWD, below(PLACE "/fileauth.txt"), 100, &b, &f), BASE_OK);
    assert_string_equal(base_buf_str(&b), "token");
    base_buf_free(&b);
    assert_int_equal(stat(below(PLACE "/fileauth.txt"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    assert_int_equal(stat(below(PLACE), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
    /* another value is another's file */
    assert_int_equal(dcv_file_remove(&webroots, "fileauth.txt", "toke", &f), BASE_OK);
    assert_int_equal(access(below(PLACE "/fileauth.txt"), F_OK), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(dcv_file_remove(&webroots, "fileauth.txt", "token", &f), BASE_OK);
    }
    assert_int_equal(access(below(PLACE "/fileauth.txt"), F_OK), -1);
}

static void links(void **state)
{
    struct base_fail f = {0};
    const char *victim = below("/victim");

    (void)state;
    assert_int_equal(dcv_file_put(&webroots, "x.txt", "v", &f), BASE_OK);
    assert_int_equal(close(open(victim, O_WRONLY | O_CREAT, 0600)), 0);
    assert_int_equal(symlink(victim, below(PLACE "/link.txt")), 0);
    assert_int_equal(dcv_file_put(&webroots, "link.txt", "v", &f), BASE_PERMANENT);
    assert_string_equal(f.code, "dcv.file.place");
    assert_int_equal(dcv_file_remove(&webroots, "link.txt", "", &f), BASE_OK);
    assert_int_equal(access(below(PLACE "/link.txt"), F_OK), 0); /* the link and what it names are left */
    assert_int_equal(rename(below("/.well-known"), below("/moved")), 0);
    assert_int_equal(symlink(below("/moved"), below("/.well-known")), 0);
    assert_int_equal(dcv_file_put(&webroots, "y.txt", "v", &f), BASE_PERMANENT);
    assert_string_equal(f.code, "dcv.file.place");
    assert_int_equal(access(below("/moved/pki-validation/y.txt"), F_OK), -1);
    assert_int_equal(unlink(below("/.well-known")), 0);
}

static void no_root(void **state)
{
    struct base_fail f = {0};
    const char *none[] = {"/nonexistent/root"};
    struct policy_strings s = {none, 1};

    (void)state;
    assert_int_equal(dcv_file_put(&s, "x.txt", "v", &f), BASE_PERMANENT);
    assert_string_equal(f.code, "dcv.file.root");
    assert_non_null(strstr(f.text, "ReadWritePaths"));
}

static const char *step(int status, const char *redirect, int hops, int *plain)
{
    static struct base_fail f;
    struct net_host host = {0};
    const char *next = NULL;
    bool p = false;
    enum base_fail_class c =
        dcv_http_step(a, (struct dcv_ports){80, 443}, status, redirect, hops, &next, &p, &host, &f);

    *plain = p;
    if (c != BASE_OK) {
        assert_int_equal(c, BASE_TEMPORARY);
        assert_string_equal(f.code, "dcv.http");
        return f.text;
    }
    if (next != NULL) {
        assert_non_null(host.name);
        assert_int_equal(host.port, p ? 80 : 443);
    }
    return next;
}

static void redirects(void **state)
{
    static const int good[] = {301, 302, 307, 308}, bad[] = {300, 303, 304, 305, 306, 400, 404, 500, 100, 0};
    static const char *const targets[] = {"http://example.org:8080/x", "https://example.org:80/x",
                                          "ftp://example.org/x",       "http://192.0.2.1/x",
                                          "https://[2001:db8::1]/x",   "https://user@example.org/x",
                                          "//example.org/x",           "file:///etc/passwd",
                                          "http://example.org:443/x",  ""};
    int plain;

    (void)state;
    assert_null(step(200, NULL, 0, &plain));
    assert_null(step(204, NULL, 5, &plain));
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(step(good[i], "https://example.org/x", 0, &plain), "https://example.org/x");
        assert_false(plain);
        assert_string_equal(step(good[i], "http://www.example.org/x", 4, &plain), "http://www.example.org/x");
        assert_true(plain);
        assert_non_null(strstr(step(good[i], "http://example.org/x", 5, &plain), "more than 5"));
        assert_non_null(strstr(step(good[i], NULL, 0, &plain), "redirect leads"));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_non_null(strstr(step(bad[i], "https://example.org/x", 0, &plain), "expected 200"));
    }
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        assert_non_null(strstr(step(302, targets[i], 0, &plain), "redirect leads"));
    }
}

static int begin(void **state)
{
    (void)state;
    a = base_arena_new();
    strcpy(root, "/tmp/certmilter-web-XXXXXX");
    return mkdtemp(root) == NULL;
}

static int end(void **state)
{
    (void)state;
    int r = system(base_arena_printf(a, "rm -rf %s", root)); // NOLINT(cert-env33-c): our own name
    base_arena_free(a);
    return r;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names, begin, end),   cmocka_unit_test_setup_teardown(files, begin, end),
        cmocka_unit_test_setup_teardown(links, begin, end),   cmocka_unit_test_setup_teardown(no_root, begin, end),
        cmocka_unit_test_setup_teardown(redirects, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
