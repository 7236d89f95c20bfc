/* Fuzz target: a profile file. What is accepted keeps the rules that make a
 * profile safe, and survives the way to the inspector and back. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policy/config.h"
#include "policy/recognise.h"

static const char *path(void)
{
    static char dir[] = "/tmp/fuzz_policy_profile_XXXXXX", out[80];

    if (out[0] == '\0') {
        if (mkdtemp(dir) == NULL) {
            abort();
        }
        (void)snprintf(out, sizeof out, "%s/f", dir);
    }
    return out;
}

static void check(struct base_arena *a, const struct policy_profile *p)
{
    for (size_t i = 0; i < p->nkinds; i++) {
        const struct policy_kind_rules *k = &p->kinds[i];
        bool answered = k->action != POLICY_ACT_HUMAN && k->action != POLICY_ACT_COLLECT;
        if (k->from.n == 0 || k->signers.n == 0 || k->lifetime <= 0 || k->settle <= 0 ||
            (answered && k->kind != POLICY_KIND_DOMAIN_VALIDATION &&
             k->kind != POLICY_KIND_MAILBOX_VALIDATION)) {
            abort();
        }
        for (size_t j = 0; j < k->links.n; j++) {
            if (policy_template_check(a, k->links.v[j], true, p->rehearsal) != NULL ||
                strstr(k->links.v[j], "{any}") != NULL) {
                abort();
            }
        }
        for (size_t j = 0; answered && j < k->from.n; j++) {
            if (k->from.v[j][0] == '@') {
                abort();
            }
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct base_arena *a = base_arena_new();
    struct policy_profile *r, *q;
    struct policy_config_errors e;
    FILE *out = fopen(path(), "w");

    if (out == NULL) {
        abort();
    }
    fwrite(p, 1, n, out);
    fclose(out);
    if (policy_profile_load(a, path(), &r, &e, NULL) == BASE_OK) {
        check(a, r);
        json_t *j = policy_profile_to_json(r);
        if (policy_profile_from_json(a, j, &q, NULL) != BASE_OK || q->nkinds != r->nkinds) {
            abort();
        }
        json_decref(j);
    } else if (e.n == 0 || r != NULL) {
        abort();
    }
    policy_config_errors_free(&e);
    base_arena_free(a);
    return 0;
}
