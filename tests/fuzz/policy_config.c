/* Fuzz target: the configuration file. It loads or gives errors, each with a
 * place; a snapshot keeps what it promises. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policy/config.h"

static const char *path(void)
{
    static char dir[] = "/tmp/fuzz_policy_config_XXXXXX", out[80];

    if (out[0] == '\0') {
        if (mkdtemp(dir) == NULL) {
            abort();
        }
        (void)snprintf(out, sizeof out, "%s/f", dir);
    }
    return out;
}

static void check(const struct policy_config *c)
{
    for (size_t i = 0; i < c->ndomains; i++) {
        const struct policy_domain *d = &c->domains[i];
        if ((i > 0 && strcmp(d[-1].name, d->name) >= 0) || policy_public_suffix(d->name) ||
            policy_config_domain(c, d->name) != d || policy_config_tenant(c, d->tenant) == NULL ||
            (d->mode == POLICY_MODE_CONFIRM && d->account == NULL)) {
            abort();
        }
        const struct policy_account *a = policy_config_account(c, d->account);
        if ((d->account != NULL) != (a != NULL) || (a != NULL && strcmp(a->tenant, d->tenant) != 0)) {
            abort();
        }
    }
    for (size_t i = 0; i < c->naccounts; i++) {
        if (policy_config_profile(c, c->accounts[i].profile) == NULL ||
            c->accounts[i].driver == NULL || c->accounts[i].api_key == NULL) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct policy_config *c;
    struct policy_config_errors e;
    struct base_fail f;
    FILE *out = fopen(path(), "w");

    if (out == NULL) {
        abort();
    }
    /* files that the text may name (a device, too) are no matter of it */
    if (memmem(p, n, "file", 4) == NULL && memmem(p, n, "table", 5) == NULL) {
        fwrite(p, 1, n, out);
    }
    fclose(out);
    if (policy_config_load(path(), &c, &e, &f) == BASE_OK) {
        if (e.n != 0) {
            abort();
        }
        check(c);
    } else if (c != NULL || e.n == 0) {
        abort();
    }
    for (size_t i = 0; i < e.n; i++) {
        if (strchr(e.v[i].where, ':') == NULL || e.v[i].text[0] == '\0') {
            abort();
        }
    }
    policy_config_free(c);
    policy_config_errors_free(&e);
    return 0;
}
