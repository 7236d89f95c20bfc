/* Fuzz target: a template and a string, from one input: flags, the template's
 * length, the template, the string. What a valid template captures must be of
 * its kind, and a URL that fits must be one that nobody can read otherwise. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/recognise.h"
#include "policy/template.h"

static void check_capture(struct base_arena *a, const struct policy_capture *c)
{
    if (strcmp(c->name, "domain") == 0) {
        const char *again = policy_domain_alabel(a, c->value);
        if (again == NULL || strcmp(again, c->value) != 0) {
            abort();
        }
    } else if (strcmp(c->name, "mailbox") == 0) {
        const char *again = policy_mailbox_normal(a, c->value);
        if (again == NULL || strcmp(again, c->value) != 0) {
            abort();
        }
    } else if (strchr(c->value, '/') != NULL && strcmp(c->name, "token") != 0 &&
               strcmp(c->name, "code") != 0) {
        abort();
    }
}

static void check_url(struct base_arena *a, const char *tmpl, const char *s)
{
    const char *want, *got;
    int port;

    if (!policy_url_host(a, tmpl, &want, &port) || !policy_url_host(a, s, &got, &port) ||
        strcmp(want, got) != 0 || strchr(s, '#') != NULL || strncasecmp(s, "https://", 8) != 0) {
        abort();
    }
    for (const char *p = s; *p != '\0'; p++) {
        if (*p <= ' ' || *p >= 0x7f) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct base_arena *a = base_arena_new();
    struct policy_match m;
    const char *why;

    if (n >= 2) {
        bool is_url = (p[0] & 1) != 0, rehearsal = (p[0] & 2) != 0;
        size_t k = p[1] < n - 2 ? p[1] : n - 2;
        const char *tmpl = base_arena_strndup(a, (const char *)p + 2, k);
        const char *s = base_arena_strndup(a, (const char *)p + 2 + k, n - 2 - k);
        struct policy_template *t = policy_template_parse(a, tmpl, is_url, rehearsal, &why);
        if ((t == NULL) != (why != NULL)) {
            abort();
        }
        if (t != NULL && policy_template_run(a, t, s, &m) == POLICY_FIT_YES) {
            for (size_t i = 0; i < m.n; i++) {
                check_capture(a, &m.c[i]);
            }
            if (is_url) {
                check_url(a, tmpl, s);
            }
        }
    }
    base_arena_free(a);
    return 0;
}
