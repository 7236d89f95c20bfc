/* The manual pages and the commented sample know every option, and the options
 * of a domain are the same in a section and in a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "policy/config_load.h"
#include "policy/profile_check.h"

static char *read_file(const char *path)
{
    struct base_buf b;

    assert_int_equal(base_file_read(-100, path, 1 << 20, &b, NULL), BASE_OK);
    char *out = strdup(base_buf_str(&b));
    base_buf_free(&b);
    return out;
}

static bool word_char(char c)
{
    return (c >= 'a' && c <= 'z') || c == '_';
}

static bool has_word(const char *text, const char *word)
{
    size_t n = strlen(word);

    for (const char *p = text; (p = strstr(p, word)) != NULL; p++) {
        if ((p == text || !word_char(p[-1])) && !word_char(p[n])) {
            return true;
        }
    }
    return false;
}

/* Every option and section of OPTS, also below; those of libconfuse itself start with "_". */
static size_t all_known(const cfg_opt_t *opts, const char *text, const char *where)
{
    size_t n = 0;

    for (const cfg_opt_t *o = opts; o->name != NULL; o++) {
        if (!has_word(text, o->name)) {
            fail_msg("%s says nothing of \"%s\"", where, o->name);
        }
        n++;
        if (o->type == CFGT_SEC) {
            n += all_known(o->subopts, text, where);
        }
    }
    return n;
}

static void manual_and_sample(void **state)
{
    char *manual = read_file("man/certmilter.conf.5"), *sample = read_file("etc/certmilter.conf");
    char *profile = read_file("man/certmilter-profile.5");

    (void)state;
    assert_true(all_known(policy_config_options(), manual, "the manual") > 60);
    assert_true(all_known(policy_config_options(), sample, "the sample") > 60);
    assert_true(all_known(policy_profile_options(), profile, "the manual of profiles") > 25);
    free(manual);
    free(sample);
    free(profile);
}

static void domain_options(void **state)
{
    const cfg_opt_t *domain = NULL;
    size_t n = 0;

    (void)state;
    for (const cfg_opt_t *o = policy_config_options(); o->name != NULL; o++) {
        domain = strcmp(o->name, "domain") == 0 ? o->subopts : domain;
    }
    assert_non_null(domain);
    for (const cfg_opt_t *o = domain; o->name != NULL; o++) {
        bool found = false;
        for (size_t i = 0; policy_domain_keys[i] != NULL; i++) {
            found = found || strcmp(policy_domain_keys[i], o->name) == 0;
        }
        assert_true(found);
        n++;
    }
    for (size_t i = 0; policy_domain_keys[i] != NULL; i++) {
        n--;
    }
    assert_int_equal(n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(manual_and_sample),
                                       cmocka_unit_test(domain_options)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
