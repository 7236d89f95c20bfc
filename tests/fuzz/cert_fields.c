/* One certificate: parsed, checked, to JSON and back. What was parsed must come
 * back from JSON unchanged. */
#include <stdlib.h>
#include <string.h>

#include "cert/check.h"
#include "cert/fields.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct base_arena *a = base_arena_new();
    struct cert_fields c, back;
    struct cert_verdict v;
    static const char *const boxes[] = {"alice@example.test"};
    struct cert_expect e = {.mailboxes = boxes, .n_mailboxes = 1, .now = 1763800000};

    if (cert_fields_parse(a, data, size, &c, NULL) == BASE_OK) {
        e.spki_sha256 = c.spki_sha256;
        cert_check(&c, &e, &v);
        json_t *o = cert_fields_to_json(&c);
        if (cert_fields_from_json(a, o, &back, NULL) != BASE_OK)
            abort();
        json_t *again = cert_fields_to_json(&back);
        if (!json_equal(o, again))
            abort();
        json_decref(o);
        json_decref(again);
    }
    base_arena_free(a);
    return 0;
}
