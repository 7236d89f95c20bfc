/* ca/certcentral_fields.c - the account's custom fields: GET /account/metadata. */
#include <string.h>

#include "base/json.h"
#include "certcentral.h"

void cc_parse_fields(struct base_arena *a, const json_t *j, struct ca_fields *out)
{
    const json_t *list = base_json_arr(j, "metadata");
    size_t n = json_array_size(list), i;
    json_t *e;

    n = n < CC_LIST_MAX ? n : CC_LIST_MAX;
    *out = (struct ca_fields){base_arena_array(a, n + 1, sizeof *out->v), 0};
    json_array_foreach(list, i, e)
    {
        struct ca_field d = {.id = cc_id(a, e, "id"),
                             .label = cc_text(a, e, "label"),
                             .required = base_json_bool(e, "is_required", false),
                             .active = base_json_bool(e, "is_active", true)};
        if (out->n < n && d.id != NULL) {
            out->v[out->n++] = d;
        }
    }
}

enum base_fail_class cc_fields(struct ca_account *c, struct base_arena *a, struct ca_fields *out,
                               struct base_fail *f)
{
    json_t *j = NULL;
    enum base_fail_class cls = cc_get(c, "account/metadata", a, &j, f);

    cc_parse_fields(a, j, out);
    json_decref(j);
    return cls;
}
