/* Kind files: whole versions behind one link, history, what is in the way, failures that say what to do. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
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

#include "base/file.h"
#include "deliver/deliver.h"

#define PEM(x) "-----BEGIN CERTIFICATE-----\n" x "\n-----END CERTIFICATE-----\n"
#define T1 "1111111111111111aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define T2 "2222222222222222bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define T3 "3333333333333333cccccccccccccccccccccccccccccccccccccccccccccccc"

static char dir[64];
static struct base_arena *a;
static struct policy_publisher target;
static struct policy_config *cfg;
static struct base_fail fail;
static struct deliver_done out;

static const struct deliver_certificate
    one = {.thumbprint = T1, .chain_pem = PEM("one") PEM("ca"), .usage = "both"},
    two = {.thumbprint = T2, .chain_pem = PEM("two") PEM("ca"), .usage = "both"},
    enc = {.thumbprint = T3, .chain_pem = PEM("enc"), .usage = "encrypt"};

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *w)
{
    (void)st;
    (void)kind;
    (void)w;
    return remove(path);
}

static int each(void **state)
{
    (void)state;
    a = base_arena_new();
    snprintf(dir, sizeof dir, "/tmp/certmilter-files-XXXXXX");
    assert_non_null(mkdtemp(dir));
    assert_int_equal(policy_config_default(&cfg, NULL), BASE_OK);
    target = (struct policy_publisher){.id = "f", .kind = POLICY_PUBLISHER_FILES, .dir = dir,
                                       .dir_mode = 0750, .file_mode = 0640};
    return 0;
}

static int after_each(void **state)
{
    (void)state;
    nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    policy_config_free(cfg);
    base_arena_free(a);
    return 0;
}

static enum base_fail_class run(const struct deliver_certificate *c, bool withdraw, const char *reason,
                                size_t n, const struct deliver_certificate *current)
{
    struct deliver_world w = {.cfg = cfg, .keeper_socket = "/nonexistent/keeper"};
    struct deliver_item it = {.mailbox = "A@example.org", .tenant = "t", .cert = *c,
                              .withdraw = withdraw, .reason = reason, .current = current,
                              .ncurrent = n};
    memset(&fail, 0, sizeof fail);
    return deliver_publish(&w, &target, &it, a, &out, &fail);
}

static const char *path(const char *name)
{
    return base_arena_printf(a, "%s/a@example.org/%s", dir, name);
}

static const char *text(const char *name)
{
    struct base_buf b;
    const char *s = "(absent)";
    if (base_file_read(AT_FDCWD, path(name), 100000, &b, NULL) == BASE_OK)
        s = base_arena_strdup(a, base_buf_str(&b));
    base_buf_free(&b);
    return s;
}

static const char *link_of(void)
{
    char name[300] = "";
    return readlink(path("current"), name, sizeof name - 1) > 0 ? base_arena_strdup(a, name) : NULL;
}

static mode_t mode_of(const char *name)
{
    struct stat st;
    assert_int_equal(lstat(path(name), &st), 0);
    return st.st_mode & 07777;
}

static bool there(const char *name)
{
    struct stat st;
    return lstat(path(name), &st) == 0;
}

static void published_and_again(void **state)
{
    struct stat before, after;
    (void)state;
    assert_int_equal(run(&one, false, "issued", 1, &one), BASE_OK);
    assert_string_equal(out.where, base_arena_printf(a, "%s/a@example.org", dir));
    assert_string_equal(text("current/cert.pem"), PEM("one"));
    assert_string_equal(text("current/chain.pem"), PEM("ca"));
    assert_string_equal(text("current/fullchain.pem"), PEM("one") PEM("ca"));
    assert_int_equal(mode_of(""), 0750);
    assert_int_equal(mode_of(link_of()), 0750);
    assert_int_equal(mode_of("current/cert.pem"), 0640);
    assert_int_equal(stat(path("current/cert.pem"), &before), 0);
    assert_int_equal(run(&one, false, "retry", 1, &one), BASE_OK);
    assert_int_equal(stat(path("current/cert.pem"), &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
}

static void renewed_revoked(void **state)
{
    (void)state;
    run(&one, false, "issued", 1, &one);
    const char *old = link_of();
    assert_int_equal(run(&two, false, "renewed", 1, &two), BASE_OK);
    assert_string_not_equal(link_of(), old);
    assert_string_equal(text("current/cert.pem"), PEM("two"));
    assert_int_equal(run(&one, true, "superseded", 1, &two), BASE_OK);
    assert_true(there(old)); /* history */
    assert_int_equal(run(&one, true, "revoked", 1, &two), BASE_OK);
    assert_false(there(old));
    assert_string_equal(text("current/cert.pem"), PEM("two"));
    assert_int_equal(run(&two, true, "revoked", 0, NULL), BASE_OK);
    assert_false(there("current"));
    /* withdrawing what never was changes nothing, and makes no folder */
    nftw(path(""), remove_one, 8, FTW_DEPTH | FTW_PHYS);
    assert_int_equal(run(&two, true, "revoked", 0, NULL), BASE_OK);
    assert_false(there(""));
}

static void apart(void **state)
{
    struct deliver_certificate both[] = {two, enc};
    (void)state;
    both[0].usage = "sign";
    assert_int_equal(run(&enc, false, "issued", 2, both), BASE_OK);
    assert_string_equal(text("current/sign-cert.pem"), PEM("two"));
    assert_string_equal(text("current/encrypt-cert.pem"), PEM("enc"));
    assert_string_equal(text("current/encrypt-chain.pem"), "");
    assert_string_equal(text("current/cert.pem"), "(absent)");
    assert_int_equal(run(&enc, true, "revoked", 1, both), BASE_OK);
    assert_string_equal(text("current/encrypt-cert.pem"), "(absent)");
    assert_string_equal(text("current/sign-cert.pem"), PEM("two"));
}

/* What a crash leaves, and what somebody else put there. */
static void in_the_way(void **state)
{
    (void)state;
    assert_int_equal(run(&one, false, "issued", 1, &one), BASE_OK);
    assert_int_equal(mkdir(path(".new"), 0700), 0);
    assert_int_equal(base_file_write(AT_FDCWD, path(".new/cert.pem"), "half", 4, 0600, NULL), BASE_OK);
    assert_int_equal(symlink("v-gone", path(".current")), 0);
    assert_int_equal(run(&two, false, "renewed", 1, &two), BASE_OK);
    assert_string_equal(text("current/cert.pem"), PEM("two"));
    assert_false(there(".new"));
    assert_false(there(".current"));
    /* links are not followed */
    assert_int_equal(symlink("/etc", path(".new")), 0);
    const struct deliver_certificate three = {.thumbprint = T3, .chain_pem = PEM("three"), .usage = "both"};
    assert_int_equal(run(&three, false, "renewed", 1, &three), BASE_OK);
    assert_string_equal(text("current/cert.pem"), PEM("three"));
    nftw(path(""), remove_one, 8, FTW_DEPTH | FTW_PHYS);
    assert_int_equal(symlink("/tmp", base_arena_printf(a, "%s/a@example.org", dir)), 0);
    assert_int_equal(run(&one, false, "issued", 1, &one), BASE_PERMANENT);
    assert_string_equal(fail.code, "deliver.files");
}

static void refused(void **state)
{
    (void)state;
    target.group = "no-such-group";
    assert_int_equal(run(&one, false, "issued", 1, &one), BASE_PERMANENT);
    assert_string_equal(fail.code, "deliver.owner");
    target.group = NULL;
    target.dir = "/nonexistent/certmilter";
    assert_int_equal(run(&one, false, "issued", 1, &one), BASE_PERMANENT);
    assert_string_equal(fail.code, "deliver.files");
    assert_non_null(strstr(fail.text, "/nonexistent/certmilter"));
    /* no keeper: later, and nothing is switched to a folder without the key */
    struct deliver_certificate keyed = one;
    keyed.key_id = "abcdefghijklmnopqrstuvwxyz";
    target.dir = dir;
    target.p12 = true;
    assert_int_equal(run(&keyed, false, "issued", 1, &keyed), BASE_TEMPORARY);
    assert_false(there("current"));
    /* a PKCS#12 that was made before is taken as it is: no second export */
    assert_int_equal(base_file_write(AT_FDCWD, path("sealed-" T1 ".p12"), "p12", 3, 0600, NULL), BASE_OK);
    assert_int_equal(run(&keyed, false, "retry", 1, &keyed), BASE_OK);
    assert_string_equal(text("current/key.p12"), "p12");
    assert_int_equal(run(&keyed, true, "revoked", 0, NULL), BASE_OK);
    assert_false(there("sealed-" T1 ".p12"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, each, after_each)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(published_and_again), TEST(renewed_revoked), TEST(apart),
                                       TEST(in_the_way), TEST(refused)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
