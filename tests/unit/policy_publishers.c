/* Sections publisher, and what a domain publishes: every option, every error with its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "policy/config.h"

#define HEAD "contact = \"it@example.org\"\n"

static struct policy_config *cfg;
static struct policy_config_errors errs;
static char table[64];

static void put(int fd, const char *text)
{
    assert_true(base_write_all(fd, text, strlen(text)));
    close(fd);
}

static bool load(const char *text)
{
    char path[] = "/tmp/certmilter-pub-XXXXXX", whole[8192];
    struct base_fail f;
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    policy_config_free(cfg);
    policy_config_errors_free(&errs);
    cfg = NULL;
    snprintf(whole, sizeof whole, "paths { profile_dir = \"%s/etc/profiles\" }\n%s",
             getcwd((char[4096]){0}, 4096), text);
    put(fd, whole);
    bool ok = policy_config_load(path, &cfg, &errs, &f) == BASE_OK;
    unlink(path);
    return ok;
}

/* TEXT behind HEAD is wrong, and one error says WORDS. */
static void wrong(const char *text, const char *words)
{
    char whole[4096];

    snprintf(whole, sizeof whole, HEAD "%s", text);
    if (load(whole)) {
        fail_msg("no error in: %s (expected %s)", text, words);
    }
    for (size_t i = 0; i < errs.n; i++) {
        if (strstr(errs.v[i].text, words) != NULL) {
            return;
        }
    }
    fail_msg("%s\n-> %s (expected %s)", text, errs.v[0].text, words);
}

static void all_kinds(void **state)
{
    (void)state;
    if (!load(HEAD
              "publisher \"f\" { kind = files dir = \"/srv/p\" owner = \"root\" group = \"mail\" "
              "dir_mode = 0755 file_mode = 644 p12 = yes consumer = \"sig\" }\n"
              "publisher \"f2\" { kind = files dir = \"/srv/q\" }\n"
              "publisher \"l\" { kind = ldap uri = \"ldap://h:389\" starttls = yes base = \"dc=x\" "
              "filter = \"(&(a=b)(mail=%s))\" bind_dn = \"cn=a\" secret = \"pw\" "
              "attributes = { \"usersmimecertificate\" } timeout = 5s }\n"
              "publisher \"m\" { kind = mail language = de passphrase = preset history = yes }\n"
              "publisher \"h\" { kind = hook program = \"/bin/true\" }\n"
              "defaults { publish = { \"f\", \"l\" } }\n"
              "domain \"a.example\" { clear_key = \"sig\" }\n"
              "domain \"b.example\" { publish = { \"m\", \"m\" } }\n"
              "domain \"c.example\" { publish = { \"none\" } }\n")) {
        fail_msg("%s: %s", errs.v[0].where, errs.v[0].text);
    }
    assert_int_equal(cfg->npublishers, 5);
    const struct policy_publisher *p = policy_config_publisher(cfg, "f");
    assert_int_equal(p->kind, POLICY_PUBLISHER_FILES);
    assert_int_equal(p->dir_mode, 0755);
    assert_int_equal(p->file_mode, 0644);
    assert_true(p->p12);
    assert_string_equal(p->consumer, "sig");
    p = policy_config_publisher(cfg, "f2");
    assert_int_equal(p->dir_mode, 0750);
    assert_int_equal(p->file_mode, 0640);
    assert_false(p->p12);
    assert_null(p->owner);
    p = policy_config_publisher(cfg, "l");
    assert_true(p->starttls && p->user_smime && !p->user_certificate);
    assert_int_equal(p->timeout, 5);
    p = policy_config_publisher(cfg, "m");
    assert_string_equal(p->language, "de");
    assert_int_equal(p->passphrase, POLICY_PASSPHRASE_PRESET);
    assert_true(p->history);
    assert_int_equal(policy_config_publisher(cfg, "h")->timeout, 60);
    assert_null(policy_config_publisher(cfg, "none"));
    const struct policy_domain *d = policy_config_domain(cfg, "a.example");
    assert_int_equal(d->publish.n, 2);
    assert_string_equal(d->clear_key, "sig");
    d = policy_config_domain(cfg, "b.example");
    assert_int_equal(d->publish.n, 1);
    assert_string_equal(d->publish.v[0], "m");
    assert_int_equal(policy_config_domain(cfg, "c.example")->publish.n, 0);
}

static void tables(void **state)
{
    char text[400];

    (void)state;
    snprintf(table, sizeof table, "/tmp/certmilter-pubt-XXXXXX");
    put(mkstemp(table), "a.example publish=h,g\nb.example\nc.example publish=none\n");
    snprintf(text, sizeof text,
             HEAD "publisher \"h\" { kind = hook program = \"/bin/true\" }\n"
                  "publisher \"g\" { kind = hook program = \"/bin/false\" }\n"
                  "defaults { publish = { \"g\" } }\ndomain_table = { \"%s\" }\n", table);
    if (!load(text)) {
        fail_msg("%s: %s", errs.v[0].where, errs.v[0].text);
    }
    unlink(table);
    assert_int_equal(policy_config_domain(cfg, "a.example")->publish.n, 2);
    assert_string_equal(policy_config_domain(cfg, "a.example")->publish.v[0], "h");
    assert_string_equal(policy_config_domain(cfg, "b.example")->publish.v[0], "g");
    assert_int_equal(policy_config_domain(cfg, "c.example")->publish.n, 0);
}

static void errors(void **state)
{
    (void)state;
    wrong("publisher \"x\" { dir = \"/x\" }", "expected kind = files, ldap, mail or hook");
    wrong("publisher \"x\" { kind = paper }", "kind: expected one of files, ldap, mail, hook");
    wrong("publisher \"none\" { kind = mail }", "and not \"none\"");
    wrong("publisher \"a b\" { kind = mail }", "expected a name");
    wrong("publisher \"x\" { kind = files }", "expected dir = PATH with kind = files");
    wrong("publisher \"x\" { kind = files dir = \"rel\" }", "dir");
    wrong("publisher \"x\" { kind = files dir = \"/x\" file_mode = 0666 }", "not writable by everybody");
    wrong("publisher \"x\" { kind = files dir = \"/x\" file_mode = 640x }", "expected an octal mode");
    wrong("publisher \"x\" { kind = files dir = \"/x\" dir_mode = 99999999999 }", "expected an octal mode");
    wrong("publisher \"x\" { kind = files dir = \"/x\" consumer = \"../x\" }", "consumer: expected the name");
    wrong("publisher \"x\" { kind = files dir = \"/x\" program = \"/bin/true\" }",
          "program does not go with kind = files");
    wrong("publisher \"x\" { kind = files dir = \"/x\" }\npublisher \"y\" { kind = files dir = \"/x\" }",
          "writes there already");
    wrong("publisher \"x\" { kind = hook }", "expected program = PATH");
    wrong("publisher \"x\" { kind = hook program = \"/bin/true\" attributes = { \"a\" } }",
          "attributes does not go with kind = hook");
    wrong("publisher \"x\" { kind = hook program = \"/bin/true\" timeout = 2h }", "timeout: expected a time");
    wrong("publisher \"x\" { kind = ldap base = \"dc=x\" }", "expected uri");
    wrong("publisher \"x\" { kind = ldap uri = \"ldaps://h\" }", "expected base = DN");
    wrong("publisher \"x\" { kind = ldap base = \"dc=x\" uri = \"http://h\" }", "uri: expected ldaps://HOST");
    wrong("publisher \"x\" { kind = ldap base = \"dc=x\" uri = \"ldaps://h\" starttls = yes }",
          "starttls goes with an ldap:// uri only");
    wrong("publisher \"x\" { kind = ldap base = \"dc=x\" uri = \"ldaps://h\" filter = \"(mail=x)\" }",
          "with %s once");
    wrong("publisher \"x\" { kind = ldap base = \"dc=x\" uri = \"ldaps://h\" filter = "
          "\"(|(a=%s)(b=%s))\" }",
          "with %s once");
    wrong("publisher \"x\" { kind = ldap base = \"dc=x\" uri = \"ldaps://h\" filter = \"(a=%s%n)\" }",
          "with %s once");
    wrong("publisher \"x\" { kind = ldap base = \"dc=x\" uri = \"ldaps://h\" bind_dn = \"cn=a\" }",
          "bind_dn and secret go together");
    wrong("publisher \"x\" { kind = ldap base = \"dc=x\" uri = \"ldaps://h\" bind_dn = \"a\" "
          "secret = \"../p\" }",
          "never the secret itself");
    wrong("publisher \"x\" { kind = ldap base = \"dc=x\" uri = \"ldap://h\" bind_dn = \"a\" secret = \"p\" }",
          "never goes over plain ldap://");
    /* what the delivery would refuse is refused here already */
    wrong("publisher \"x\" { kind = ldap base = \"dc=x\" uri = \"ldap://localhost\" bind_dn = \"a\" "
          "secret = \"p\" }", "never goes over plain ldap://");
    wrong("publisher \"x\" { kind = ldap base = \"dc=x\" uri = \"ldap://127.0.0.1:389\" bind_dn = \"a\" "
          "secret = \"p\" }", "not even to this machine");
    wrong("publisher \"x\" { kind = ldap base = \"dc=x\" uri = \"ldaps://h\" attributes = { \"mail\" } }",
          "attributes: expected userCertificate");
    wrong("publisher \"x\" { kind = mail language = fr }", "language: expected one of en, de");
    wrong("publisher \"x\" { kind = mail passphrase = phone }", "passphrase: expected one of");
    wrong("domain \"a.example\" { publish = { \"x\" } }", "there is no publisher \"x\"");
    wrong("domain \"a.example\" { clear_key = \"sig\" }",
          "expected a publisher of kind files with this consumer");
    /* both at once, each in its line */
    assert_false(load(HEAD "publisher \"x\" { kind = hook }\npublisher \"y\" { kind = files }\n"));
    assert_int_equal(errs.n, 2);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_kinds), cmocka_unit_test(tables),
                                       cmocka_unit_test(errors)};

    return cmocka_run_group_tests(tests, NULL, end);
}
