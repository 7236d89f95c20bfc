/* Every parser of CertCentral's answers, fed with any JSON. */
#include <stdint.h>

#include "base/json.h"
#include "ca/certcentral.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct base_arena *a = base_arena_new();
    json_t *j = base_json_parse(data, size, 65536, NULL);
    struct base_bytes body = {data, size};
    struct ca_email_validations validations;
    struct policy_strings recipients;
    struct ca_changes changes;
    struct ca_domain domain;
    struct ca_order order;
    struct ca_me me = {0};

    (void)ca_transport_refusal(400, body, false, a, NULL);
    if (j != NULL) {
        (void)cc_parse_order(a, j, &order);
        (void)cc_parse_domain(a, j, 1780272000, &domain);
        cc_parse_me(a, j, &me);
        cc_parse_changes(a, j, &changes);
        cc_parse_validations(a, j, &validations);
        cc_parse_recipients(a, j, &recipients);
        (void)cc_more(j, 1000, 1000);
    }
    json_decref(j);
    base_arena_free(a);
    return 0;
}
