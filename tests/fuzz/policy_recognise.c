/* Fuzz target: a mail's subject, texts and links under the rehearsal profile. Parts of
 * the input are separated by a byte 1: subject, text, HTML text, links. Facts
 * must survive their JSON, and no link fits that isn't of the profile's host. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "policy/config.h"
#include "policy/recognise.h"

#define PARTS 12
#define HOST "https://validation.rehearsal-ca.test"

static struct policy_profile *profile(void)
{
    static struct policy_profile *p;
    static struct base_arena *a;
    struct policy_config_errors e;

    if (p == NULL) {
        a = base_arena_new();
        if (policy_profile_load(a, "etc/profiles/rehearsal.conf", &p, &e, NULL) != BASE_OK) {
            abort();
        }
        policy_config_errors_free(&e);
    }
    return p;
}

static void check(struct base_arena *a, const struct policy_facts *f)
{
    struct policy_facts *g;

    for (size_t i = 0; i < f->nlinks; i++) {
        if (f->links[i].state == POLICY_LINK_FITS &&
            (strncasecmp(f->links[i].url, HOST, strlen(HOST)) != 0 || f->links[i].token == NULL ||
             strlen(f->links[i].token) != 32)) {
            abort();
        }
    }
    json_t *j = policy_facts_to_json(f);
    if (policy_facts_from_json(a, j, &g, NULL) != BASE_OK) {
        abort();
    }
    json_t *k = policy_facts_to_json(g);
    if (!json_equal(j, k)) {
        abort();
    }
    json_decref(j);
    json_decref(k);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct base_arena *a = base_arena_new();
    const char *part[PARTS] = {"", "", ""};
    char *text = base_arena_strndup(a, (const char *)p, n), *save = NULL;
    struct policy_material m = {0};
    struct policy_facts f = {0};
    size_t parts = 0;

    for (char *s = strtok_r(text, "\x01", &save); s != NULL && parts < PARTS;
         s = strtok_r(NULL, "\x01", &save)) {
        part[parts++] = s;
    }
    m.text = part[1];
    m.html_text = part[2];
    m.links = base_arena_array(a, PARTS, sizeof *m.links);
    for (size_t i = 3; i < parts; i++) {
        m.links[m.nlinks].url = part[i];
        m.links[m.nlinks++].where = "text";
    }
    m.ncertificates = n % 2;
    f.subject = part[0];
    f.from = base_arena_array(a, 1, sizeof *f.from);
    f.from[0] = n % 3 == 0 ? "certificates@rehearsal-ca.test" : "no-reply@rehearsal-ca.test";
    f.nfrom = 1;
    policy_recognise(a, profile(), &m, &f);
    /* invalid UTF-8 becomes "?" in JSON: only texts of the inspector, which are valid, come back */
    if (strspn(base_arena_strndup(a, (const char *)p, n),
               "\x01\n\t !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`"
               "abcdefghijklmnopqrstuvwxyz{|}~") == n) {
        check(a, &f);
    }
    struct policy_page page = {.text = part[1]};
    policy_recognise_page(a, &profile()->kinds[0], &page);
    base_arena_free(a);
    return 0;
}
