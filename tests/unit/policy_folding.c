/* fold_local_part: where two spellings of an address are one mailbox, and what it needs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "policy/config.h"

static struct policy_config *cfg;
static struct policy_config_errors errs;

static bool load(const char *text)
{
    char path[] = "/tmp/certmilter-fold-XXXXXX", here[4096], whole[8192];
    struct base_fail f;
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    policy_config_free(cfg);
    policy_config_errors_free(&errs);
    cfg = NULL;
    snprintf(whole, sizeof whole, "paths { profile_dir = \"%s/etc/profiles\" }\n%s",
             getcwd(here, sizeof here), text);
    assert_true(base_write_all(fd, whole, strlen(whole)));
    close(fd);
    bool ok = policy_config_load(path, &cfg, &errs, &f) == BASE_OK;
    unlink(path);
    return ok;
}

static void which_domains(void **state)
{
    (void)state;
    assert_true(load("domain \"a.test\" { }\ndomain \"b.test\" { fold_local_part = no }\n"));
    assert_true(policy_config_folds(cfg, "Anna@a.test"));
    assert_false(policy_config_folds(cfg, "Anna@B.Test"));
    assert_true(policy_config_folds(cfg, "Anna@elsewhere.test")); /* not controlled */
    assert_true(load("defaults { fold_local_part = no }\n"
                     "domain \"a.test\" { fold_local_part = yes }\ndomain \"b.test\" { }\n"));
    assert_true(policy_config_folds(cfg, "Anna@a.test"));
    assert_false(policy_config_folds(cfg, "Anna@b.test"));
    assert_false(load("domain \"a.test\" { fold_local_part = maybe }\n"));
    assert_string_equal(errs.v[0].text,
                        "fold_local_part: expected one of no, yes, found \"maybe\"");
}

static void forms(void **state)
{
    struct base_arena *a = base_arena_new();

    (void)state;
    assert_true(load("domain \"a.test\" { }\ndomain \"b.test\" { fold_local_part = no }\n"));
    assert_true(policy_config_same_mailbox(cfg, "Anna@a.test", "anna@A.test"));
    assert_false(policy_config_same_mailbox(cfg, "Anna@b.test", "anna@b.test"));
    assert_true(policy_config_same_mailbox(cfg, "Anna@b.test", "Anna@B.test"));
    assert_string_equal(policy_config_mailbox_key(cfg, a, "Anna@A.test"), "anna@a.test");
    assert_string_equal(policy_config_mailbox_key(cfg, a, "Anna@B.test"), "Anna@b.test");
    assert_string_equal(policy_config_address(cfg, a, "<Anna+x@A.test>"), "anna@a.test");
    assert_string_equal(policy_config_address(cfg, a, "<Anna+x@B.test>"), "Anna@b.test");
    assert_string_equal(policy_config_address(cfg, a, "\"ANNA\"@B.test."), "ANNA@b.test");
    assert_string_equal(policy_config_address(cfg, a, "<PostMaster>"), "postmaster");
    assert_null(policy_config_address(cfg, a, "nobody"));
    base_arena_free(a);
}

/* A directory compares without case: it must be told not to. */
static void directory(void **state)
{
#define LDAP(f)                                                                                    \
    "publisher \"d\" { kind = ldap uri = \"ldaps://h\" base = \"o=x\"" f " }\n"                     \
    "domain \"b.test\" { fold_local_part = no publish = { \"d\" } }\n"
    (void)state;
    assert_false(load(LDAP("")));
    assert_int_equal(errs.n, 1);
    assert_non_null(strstr(errs.v[0].text, "publisher \"d\" would mix up two mailboxes; expected a "
                                           "filter such as (mail:caseExactIA5Match:=%s)"));
    assert_true(load(LDAP(" filter = \"(mail:caseExactIA5Match:=%s)\"")));
    assert_true(load(LDAP(" filter = \"(mail:caseExactMatch:=%s)\"")));
}

static int end(void **state)
{
    (void)state;
    policy_config_free(cfg);
    policy_config_errors_free(&errs);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(which_domains), cmocka_unit_test(forms),
                                       cmocka_unit_test(directory)};
    return cmocka_run_group_tests(tests, NULL, end);
}
