/* Fuzz target: JSON of facts, pages and profiles. The first byte chooses; what
 * is accepted must give JSON that is accepted again and says the same. */
#include <stdint.h>
#include <stdlib.h>

#include "base/json.h"
#include "policy/facts.h"

static json_t *again(struct base_arena *a, int which, const json_t *j)
{
    struct policy_facts *f;
    struct policy_page *p;
    struct policy_profile *r;
    json_t *out = NULL;

    if (which == 0 && policy_facts_from_json(a, j, &f, NULL) == BASE_OK) {
        out = policy_facts_to_json(f);
        (void)policy_facts_link(f);
        (void)policy_facts_id(f, "order");
        json_decref(f->certificates);
    } else if (which == 1 && policy_page_from_json(a, j, &p, NULL) == BASE_OK) {
        out = policy_page_to_json(p);
    } else if (which == 2 && policy_profile_from_json(a, j, &r, NULL) == BASE_OK) {
        out = policy_profile_to_json(r);
    }
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct base_arena *a = base_arena_new();
    json_t *j = n > 0 ? base_json_parse(p + 1, n - 1, 1 << 20, NULL) : NULL;

    if (j != NULL) {
        json_t *first = again(a, p[0] % 3, j);
        if (first != NULL) {
            json_t *second = again(a, p[0] % 3, first);
            if (second == NULL || !json_equal(first, second)) {
                abort();
            }
            json_decref(second);
        }
        json_decref(first);
        json_decref(j);
    }
    base_arena_free(a);
    return 0;
}
