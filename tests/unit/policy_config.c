/* The configuration: what is shipped loads, every value lands where it belongs,
 * and all errors come out at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/file.h"
#include "policy/config.h"

#define DATA "tests/data/policy/"
#define HEAD "paths { profile_dir = \"%s\" }\n"

static struct base_arena *a;
static char dir[] = "/tmp/policy_config_XXXXXX";
static char profiles[300];

static int setup(void **state)
{
    (void)state;
    a = base_arena_new();
    assert_non_null(mkdtemp(dir));
    char cwd[200];
    assert_non_null(getcwd(cwd, sizeof cwd));
    snprintf(profiles, sizeof profiles, "%s/etc/profiles", cwd);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char cmd[100];
    snprintf(cmd, sizeof cmd, "rm -rf '%s'", dir);
    assert_int_equal(system(cmd), 0);
    base_arena_free(a);
    return 0;
}

static const char *file(const char *name, const char *text)
{
    char *path = base_arena_printf(a, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0 && fclose(f) == 0);
    return path;
}

/* All errors, one a line, with the directories cut from the places. */
static const char *errors_of(const struct policy_config_errors *e)
{
    struct base_buf b;

    base_buf_init(&b, 1 << 20);
    for (size_t i = 0; i < e->n; i++) {
        const char *slash = strrchr(e->v[i].where, '/');
        base_buf_addf(&b, "%s: %s\n", slash != NULL ? slash + 1 : e->v[i].where, e->v[i].text);
    }
    const char *out = base_arena_strdup(a, base_buf_str(&b));
    base_buf_free(&b);
    return out;
}

static struct policy_config *good(const char *text)
{
    struct policy_config *c;
    struct policy_config_errors e;
    struct base_fail f = {0};
    const char *path = file("good.conf", base_arena_printf(a, HEAD "%s", profiles, text));

    if (policy_config_load(path, &c, &e, &f) != BASE_OK) {
        fail_msg("%s", errors_of(&e));
    }
    assert_int_equal(e.n, 0);
    policy_config_errors_free(&e);
    return c;
}

static const char *bad(const char *text)
{
    struct policy_config *c;
    struct policy_config_errors e;
    struct base_fail f = {0};
    const char *path = file("bad.conf", base_arena_printf(a, HEAD "%s", profiles, text));

    assert_int_equal(policy_config_load(path, &c, &e, &f), BASE_PERMANENT);
    assert_null(c);
    assert_string_equal(f.code, "config.errors");
    assert_true(e.n > 0);
    const char *out = errors_of(&e);
    policy_config_errors_free(&e);
    return out;
}

#define TWO                                                                                        \
    "contact = \"pm@example.org\"\ntenant \"one\" {}\ntenant \"two\" { contact = "                  \
    "\"x@two.example\" }\naccount \"main\" {\n  tenant = one\n  profile = digicert\n  api_key = "   \
    "\"k1\"\n}\n"

static void shipped_sample(void **state)
{
    struct policy_config *c;
    struct policy_config_errors e;
    struct base_fail f = {0};
    char text[40000];
    FILE *in = fopen("etc/certmilter.conf", "r");
    size_t n;

    (void)state;
    assert_non_null(in);
    n = fread(text, 1, sizeof text - 1, in);
    fclose(in);
    text[n] = '\0';
    c = good(text); /* as shipped: nothing set, a guard without domains */
    assert_true(c->ndomains == 0 && c->naccounts == 0 && c->ntenants == 1);
    assert_string_equal(c->tenants[0].id, "default");
    assert_int_equal(c->nprofiles, 1); /* the rehearsal's is not in use */
    assert_string_equal(c->spool_dir, "/var/spool/certmilter");
    assert_string_equal(c->milter_socket, "unix:/run/certmilter/milter.sock");
    assert_true(c->resend_after == 1800 && c->certificate_mail == 30 && c->give_up_domain == 3 * 86400 &&
                c->give_up_mailbox == 43200 && c->intent_life_mailbox == 86400);
    policy_config_free(c);
    /* every option that the sample shows is one, with a value that is valid */
    for (char *p = text; p != NULL && *p != '\0'; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL) {
        if (p[0] == '#' && (p[1] == '}' || (p[1] >= 'a' && p[1] <= 'z') ||
                            strncmp(p + 1, "    ", 4) == 0)) {
            p[0] = ' ';
        }
    }
    char *at = strstr(text, "    profile_dir");
    assert_non_null(at);
    at[0] = '#';
    at = strstr(text, "    file = ");
    assert_non_null(at);
    at[0] = '#';
    file("domains", "# none\n");
    const char *path = file("full.conf", text);
    if (policy_config_load(path, &c, &e, &f) != BASE_OK) {
        /* the profiles of an installation are not where a test runs */
        const char *all = errors_of(&e);
        for (const char *l = all; *l != '\0'; l = strchr(l, '\n') + 1) {
            if (strstr(l, "profile") == NULL) {
                fail_msg("%s", all);
            }
        }
    }
    policy_config_free(c);
    policy_config_errors_free(&e);
}

static void every_value(void **state)
{
    struct policy_config *c = good(
        TWO "hostname = \"mx.example.org\"\n"
            "defaults { mode = hold validity = 30d }\n"
            "domain \"B\xc3\xbc" "cher.Example.\" { tenant = two }\n"
            "domain \"example.org\" { tenant = one account = main mode = confirm unexpected = count\n"
            "  mailbox_validation = consented custody_sign = external custody_encrypt = forget\n"
            "  key_type = p384 product = secure_email_sponsor profile_type = multipurpose\n"
            "  validity = 700d renew = 30d contacts = { 'Host.Master@Example.NET', 'b@example.net' } }\n"
            "network { resolvers = { '127.0.0.1@5353', '::1' } dnssec_root = 'root.key'\n"
            "  user_agent = 'x/1' }\n"
            "notices { smtp = '[::1]:2525' from = 'cm@example.org' }\n"
            "timing { resend_after = 90s certificate_mail = 2m\n"
            "  intent_life_domain = 1d intent_life_mailbox = 2h\n"
            "  give_up_domain = 3h give_up_mailbox = 4h revocation_check = 2d }\n"
            "watching { metrics = '/run/x.prom' report = daily report_ahead = 60d }\n"
            "retention { events = 100d mails = forever }\n"
            "agent { inspectors = 3 workers = 7 }\n");
    const struct policy_domain *d = policy_config_domain(c, "example.org");

    (void)state;
    assert_non_null(d);
    assert_true(d->mode == POLICY_MODE_CONFIRM && d->unexpected == POLICY_UNEXPECTED_COUNT &&
                d->mailbox_validation == POLICY_MAILBOX_CONSENTED &&
                d->custody_sign == POLICY_CUSTODY_EXTERNAL &&
                d->custody_encrypt == POLICY_CUSTODY_FORGET && d->validity_days == 700 && d->renew_days == 30);
    assert_string_equal(d->key_type, "p384");
    assert_string_equal(d->product, "secure_email_sponsor");
    assert_string_equal(d->profile_type, "multipurpose");
    assert_string_equal(d->contacts.v[0], "Host.Master@example.net");
    assert_int_equal(d->contacts.n, 2);
    assert_non_null(strstr(d->where, "good.conf:13"));
    d = policy_config_domain(c, "xn--bcher-kva.example");
    assert_non_null(d);
    assert_true(d->mode == POLICY_MODE_HOLD && d->validity_days == 30 && d->account == NULL &&
                d->renew_days == 0);
    assert_string_equal(d->key_type, "rsa3072");
    assert_string_equal(policy_config_tenant(c, "one")->contact, "pm@example.org");
    assert_string_equal(policy_config_account(c, "main")->driver, "certcentral");
    assert_string_equal(policy_config_account(c, "main")->base_url,
                        "https://www.digicert.com/services/v2");
    assert_true(c->resend_after == 90 && c->certificate_mail == 120 && c->intent_life_domain == 86400 &&
                c->intent_life_mailbox == 7200 && c->give_up_domain == 10800 &&
                c->give_up_mailbox == 14400 && c->revocation_check == 172800);
    assert_true(c->report == 86400 && c->report_ahead == 60 * 86400);
    assert_string_equal(c->metrics, "/run/x.prom");
    assert_true(c->events_kept == 100 * 86400 && c->mails_kept == 0);
    assert_true(c->inspectors == 3 && c->workers == 7 && c->resolvers.n == 2);
    assert_string_equal(c->notice_from, "cm@example.org");
    assert_string_equal(c->dnssec_root, base_arena_printf(a, "%s/root.key", dir));
    assert_null(policy_config_domain(c, "sub.example.org"));
    assert_null(policy_config_domain(c, "org"));
    assert_null(policy_config_domain(c, NULL));
    assert_non_null(policy_config_mailbox_domain(c, "a@EXAMPLE.org"));
    assert_null(policy_config_mailbox_domain(c, "example.org"));
    policy_config_free(c);
}

static void minimal_guard(void **state)
{
    struct policy_config *c =
        good("contact = \"postmaster@example.org\"\ndomain \"example.org\" {}\n");

    (void)state;
    assert_string_equal(c->domains[0].tenant, "default");
    assert_string_equal(policy_config_tenant(c, "default")->contact, "postmaster@example.org");
    assert_true(c->domains[0].mode == POLICY_MODE_OBSERVE &&
                c->domains[0].unexpected == POLICY_UNEXPECTED_ALARM);
    policy_config_free(c);
}

static void rehearsal_profile(void **state)
{
    struct policy_config *c = good("account \"r\" { profile = rehearsal api_key = k }\n"
                                   "rehearsal { private_networks = { '127.0.0.0/8', 'fd00::/8' } }\n");

    (void)state;
    assert_true(c->nprofiles == 2 && c->private_networks.n == 2);
    policy_config_free(c);
    c = good("profile \"rehearsal\" {}\n");
    assert_int_equal(c->nprofiles, 2);
    policy_config_free(c);
    assert_non_null(strstr(bad("rehearsal { private_networks = { '127.0.0.0/8' } }\n"),
                           "bad.conf:2: private_networks: only for a rehearsal"));
}

static void tables(void **state)
{
    char *text = base_arena_alloc(a, 1 << 20), *p = text;

    (void)state;
    for (int i = 0; i < 5000; i++) {
        p += sprintf(p, "d%d.example one main %s key_type=p256\n", 5000 - i,
                     i % 2 == 0 ? "observe" : "-");
    }
    file("many", text);
    struct policy_config *c = good(TWO "domain_table = \"many\"\n");
    assert_int_equal(c->ndomains, 5000);
    for (size_t i = 1; i < c->ndomains; i++) {
        assert_true(strcmp(c->domains[i - 1].name, c->domains[i].name) < 0);
    }
    const struct policy_domain *d = policy_config_domain(c, "d4999.example");
    assert_non_null(d);
    assert_non_null(strstr(d->where, "/many:2"));
    assert_string_equal(d->key_type, "p256");
    policy_config_free(c);
}

/* The reference file: one error in nearly every line, all of them in one run. */
static void all_errors_at_once(void **state)
{
    struct policy_config *c;
    struct policy_config_errors e;
    struct base_fail f = {0};
    struct base_buf want;
    static const char *const names[] = {"broken.conf", "broken.table", "broken.profile"};

    (void)state;
    assert_int_equal(symlink(profiles, base_arena_printf(a, "%s/profiles", dir)), 0);
    for (size_t i = 0; i < 3; i++) {
        struct base_buf b;
        assert_int_equal(base_file_read(-100, base_arena_printf(a, DATA "%s", names[i]), 1 << 20, &b,
                                        NULL), BASE_OK);
        file(names[i], base_buf_str(&b));
        base_buf_free(&b);
    }
    assert_int_equal(policy_config_load(base_arena_printf(a, "%s/broken.conf", dir), &c, &e, &f),
                     BASE_PERMANENT);
    assert_null(c);
    char *got = base_arena_strdup(a, errors_of(&e));
    /* the place depends on the machine */
    for (char *p; (p = strstr(got, dir)) != NULL;) {
        memmove(p + 3, p + strlen(dir), strlen(p + strlen(dir)) + 1);
        memcpy(p, "DIR", 3);
    }
    assert_int_equal(base_file_read(-100, DATA "broken.errors", 1 << 20, &want, NULL), BASE_OK);
    if (strcmp(got, base_buf_str(&want)) != 0) {
        fputs(got, stderr);
        fail_msg("these are not the errors of " DATA "broken.errors");
    }
    base_buf_free(&want);
    policy_config_errors_free(&e);
}

static void single_errors(void **state)
{
    static const struct {
        const char *text, *says;
    } t[] = {
        {"domain \"a.example\" {\n", "bad.conf:2: this brace is never closed"},
        {"contact = \"a@b.example\n", "this string never ends"},
        {"/* for ever\n", "bad.conf:2: this comment never ends"},
        {"domain \"a.example\" {}\ndomain|mode = hold\n", "bad.conf:3: \"domain|mode\" is no name"},
        {"}\n", "bad.conf:2: unexpected closing brace"},
        {"contact\n", "bad.conf:"},
        {"contact = { \"a@b.example\" }\n", "bad.conf:2: unexpected token"},
        {"domain {}\n", "bad.conf:2: missing title"},
        {"include(\"/etc/passwd\")\n", "bad.conf:2: unknown option \"include\""},
        {"contact = \"a@b.example\"\n\n# x\n/* y\n*/\nfoo = 1\n", "bad.conf:7: unknown option \"foo\""},
        {TWO "domain \"x.example\" { tenant = two account = main }\n",
         "can't use account \"main\" of tenant \"one\""},
        {TWO "domain \"x.example\" { account = main }\n", "expected a tenant"},
        {"domain \"x.example\" { mode = confirm }\n", "mode confirm needs an account"},
        {"domain \"x.example\" { renew = 12h }\n", "renew: expected whole days"},
        {"domain \"x.example\" { validity = 60d renew = 31d }\n", "more than half of validity"},
        {"domain \"x.example\" {}\ndomain \"X.example\" {}\n",
         "bad.conf:3: domain \"x.example\" stands already at"},
        {"account \"a\" { profile = digicert }\n", "expected api_key"},
        {"account \"a\" { profile = digicert api_key = '../key' }\n", "never the key itself"},
        {"account \"a\" { profile = rehearsal api_key = k base_url = 'https://u@h/' }\n", "base_url"},
        {"profile \"digicert\" { file = 'nofile' }\n", "nofile"},
        {"profile \"nosuch\" {}\n", "there is no profile \"nosuch\""},
        {"paths { profile_dir = '/nonexistent/x' }\n", "a second time"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        const char *got = bad(t[i].text);
        if (strstr(got, t[i].says) == NULL) {
            fail_msg("%s\n-> %s(expected %s)", t[i].text, got, t[i].says);
        }
    }
}

static void absent_and_binary(void **state)
{
    struct policy_config *c;
    struct policy_config_errors e;
    struct base_fail f = {0};
    FILE *out = fopen(base_arena_printf(a, "%s/bin.conf", dir), "w");

    (void)state;
    assert_int_equal(policy_config_load("/nonexistent/certmilter.conf", &c, &e, &f), BASE_PERMANENT);
    assert_int_equal(e.n, 1);
    policy_config_errors_free(&e);
    fwrite("contact = \"a@b.example\"\n\0x", 1, 26, out);
    fclose(out);
    assert_int_equal(policy_config_load(base_arena_printf(a, "%s/bin.conf", dir), &c, &e, &f),
                     BASE_PERMANENT);
    assert_non_null(strstr(errors_of(&e), "NUL"));
    policy_config_errors_free(&e);
}

static void endless_errors_are_cut(void **state)
{
    char *text = base_arena_alloc(a, 100000), *p = text;

    (void)state;
    for (int i = 0; i < 2000; i++) {
        p += sprintf(p, "o%d.example nobody\n", i);
    }
    file("junk", text);
    const char *got = bad("domain_table = junk\n");
    size_t n = 0;
    for (const char *l = got; (l = strchr(l, '\n')) != NULL; l++) {
        n++;
    }
    assert_int_equal(n, 201);
    assert_non_null(strstr(got, "more errors"));
}

static void suffixes(void **state)
{
    (void)state;
    assert_true(policy_public_suffix("co.uk"));
    assert_true(policy_public_suffix("com"));
    assert_true(policy_public_suffix("test"));
    assert_false(policy_public_suffix("example.test"));
    assert_false(policy_public_suffix("example.co.uk"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shipped_sample), cmocka_unit_test(every_value),
        cmocka_unit_test(minimal_guard), cmocka_unit_test(rehearsal_profile),
        cmocka_unit_test(tables), cmocka_unit_test(all_errors_at_once),
        cmocka_unit_test(single_errors), cmocka_unit_test(absent_and_binary),
        cmocka_unit_test(endless_errors_are_cut), cmocka_unit_test(suffixes),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
