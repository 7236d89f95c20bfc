/* ca/certcentral_orders.c - ordering, looking at orders, fetching certificates.
 *
 * An order is one POST and never repeated here. Lists are read in pages of the
 * API's maximum; filters are sent and applied again to what comes back, because
 * an API that ignores one must not mislead us. */
#include <string.h>

#include "base/json.h"
#include "certcentral.h"

#define ZONES (2 * 86400) /* dates without a zone may be off by this */

/* ---- ordering --------------------------------------------------------------------------- */

enum base_fail_class cc_order_preview(struct ca_account *c, const struct ca_order_request *r,
                                      struct base_arena *a, struct ca_preview *out,
                                      struct base_fail *f)
{
    (void)f;
    *out = (struct ca_preview){"POST", base_arena_printf(a, "order/certificate/%s", r->product),
                               cc_order_body(c, r, a)};
    return BASE_OK;
}

enum base_fail_class cc_order(struct ca_account *c, const struct ca_order_request *r,
                              struct base_arena *a, struct ca_order *out, struct base_fail *f)
{
    struct ca_preview p;
    json_t *j = NULL;
    enum base_fail_class cls = cc_order_preview(c, r, a, &p, f);

    cls = cls == BASE_OK ? cc_call(c, p.method, p.path, p.body, a, &j, f) : cls;

    if (cls == BASE_OK && !cc_parse_order(a, j, out)) {
        cls = cc_unexpected(true, "an order without an id", f);
    }
    if (cls == BASE_OK && out->status == CA_UNKNOWN && out->status_text == NULL) {
        out->status = out->chain != NULL ? CA_ISSUED : CA_WAITING_CA;
    }
    json_decref(j);
    return cls;
}

/* ---- looking ------------------------------------------------------------------------------ */

enum base_fail_class cc_order_info(struct ca_account *c, const char *id, struct base_arena *a,
                                   struct ca_order *out, struct base_fail *f)
{
    json_t *j = NULL;
    enum base_fail_class cls =
        cc_get(c, base_arena_printf(a, "order/certificate/%s", id), a, &j, f);

    if (cls == BASE_OK && !cc_parse_order(a, j, out)) {
        cls = cc_unexpected(false, "an order without an id", f);
    }
    json_decref(j);
    return cls;
}

static bool fits(const struct ca_order_filter *flt, const struct ca_order *o)
{
    if (flt->mailbox != NULL && o->mailboxes.n > 0 &&
        !policy_strings_has(&o->mailboxes, flt->mailbox)) {
        return false;
    }
    if (flt->certificate != NULL && o->certificate != NULL &&
        strcmp(flt->certificate, o->certificate) != 0) {
        return false;
    }
    if (flt->status != NULL && o->status_text != NULL &&
        !base_ascii_caseeq(flt->status, o->status_text)) {
        return false;
    }
    return flt->since == 0 || o->created == 0 || o->created >= flt->since - ZONES;
}

static const char *list_path(struct base_arena *a, const struct ca_order_filter *flt, size_t offset)
{
    const char *path = base_arena_printf(
        a, "order/certificate?sort=-date_created&limit=%d&offset=%zu", CC_PAGE, offset);

    if (flt->mailbox != NULL) {
        path = base_arena_printf(a, "%s&filters%%5Bemail%%5D=%s", path,
                                 net_url_escape(a, flt->mailbox));
    }
    if (flt->status != NULL) {
        path = base_arena_printf(a, "%s&filters%%5Bstatus%%5D=%s", path,
                                 net_url_escape(a, flt->status));
    }
    if (flt->certificate != NULL) {
        path = base_arena_printf(a, "%s&filters%%5Bcertificate_id%%5D=%s", path,
                                 net_url_escape(a, flt->certificate));
    }
    return path;
}

/* One page of a list while it is read. */
struct page {
    size_t got;          /* members, taken or not */
    bool more;           /* there are further pages */
    int64_t first, last; /* dates of the first and the last one */
    bool sorted;         /* newest first, every date told */
};

static void note_date(struct page *p, int64_t created)
{
    p->sorted = p->got == 0 ? created != 0 : p->sorted && created != 0 && created <= p->last;
    p->first = p->got == 0 ? created : p->first;
    p->last = created;
    p->got++;
}

static enum base_fail_class list_page(struct ca_account *c, const struct ca_order_filter *flt,
                                      size_t offset, size_t max, struct base_arena *a,
                                      struct ca_orders *out, struct page *p, struct base_fail *f)
{
    json_t *j = NULL, *e;
    size_t i;
    enum base_fail_class cls = cc_get(c, list_path(a, flt, offset), a, &j, f);

    /* Only a list says that there is no order; "no" may lead to ordering again. */
    if (cls == BASE_OK && base_json_arr(j, "orders") == NULL &&
        base_json_int(base_json_obj(j, "page"), "total", -1) != 0) {
        cls = cc_unexpected(false, "a list of orders that is none", f);
    }
    json_array_foreach(base_json_arr(j, "orders"), i, e)
    {
        struct ca_order o;
        bool whole = cc_parse_order(a, e, &o);
        note_date(p, o.created);
        if (cls != BASE_OK || !whole || !fits(flt, &o)) {
            continue;
        }
        if (out->n < max) {
            out->v[out->n++] = o;
        } else {
            out->more = true;
        }
    }
    p->more = cc_more(j, p->got, offset + p->got);
    json_decref(j);
    return cls;
}

/* Do all later pages hold only what is older than the filter wants? Only a list
 * that proves to be sorted may tell: a missed order would be ordered twice. */
static bool past(const struct ca_order_filter *flt, const struct page *p)
{
    return flt->since != 0 && p->sorted && p->first > p->last && p->last < flt->since - ZONES;
}

enum base_fail_class cc_order_list(struct ca_account *c, const struct ca_order_filter *flt,
                                   struct base_arena *a, struct ca_orders *out, struct base_fail *f)
{
    size_t max = flt->max == 0 ? 1000 : flt->max < CC_LIST_MAX ? flt->max : CC_LIST_MAX;
    enum base_fail_class cls = BASE_OK;
    size_t offset = 0;
    struct page p;

    out->v = base_arena_array(a, max, sizeof *out->v);
    do {
        p = (struct page){0};
        cls = list_page(c, flt, offset, max, a, out, &p, f);
        offset += p.got;
        p.more = p.more && !past(flt, &p);
        out->more = out->more || (p.more && offset >= CC_LIST_MAX);
    } while (cls == BASE_OK && p.more && !out->more);
    return cls;
}

enum base_fail_class cc_status_changes(struct ca_account *c, int64_t seconds, struct base_arena *a,
                                       struct ca_changes *out, struct base_fail *f)
{
    const int64_t week = 7 * 86400;
    int64_t minutes = ((seconds < week ? seconds : week) + 59) / 60;
    json_t *j = NULL;
    enum base_fail_class cls =
        cc_get(c,
               base_arena_printf(a, "order/certificate/status-changes?minutes=%lld",
                                 (long long)(minutes > 0 ? minutes : 1)),
               a, &j, f);

    if (cls == BASE_OK) {
        cc_parse_changes(a, j, out);
    }
    json_decref(j);
    return cls;
}

enum base_fail_class cc_email_validations(struct ca_account *c, const char *order,
                                          struct base_arena *a, struct ca_email_validations *out,
                                          struct base_fail *f)
{
    json_t *j = NULL;
    enum base_fail_class cls =
        cc_get(c, base_arena_printf(a, "order/certificate/%s/email-validation", order), a, &j, f);

    if (cls == BASE_OK && base_json_arr(j, "emails") == NULL) {
        cls = cc_unexpected(false, "no list of addresses", f);
    }
    if (cls == BASE_OK) {
        cc_parse_validations(a, j, out);
    }
    json_decref(j);
    return cls;
}

/* ---- fetching ------------------------------------------------------------------------------ */

enum base_fail_class cc_download(struct ca_account *c, const char *certificate, const char *order,
                                 struct base_arena *a, struct base_bytes *pem, struct base_fail *f)
{
    const char *path =
        certificate != NULL
            ? base_arena_printf(a, "certificate/%s/download/format/pem_noroot", certificate)
            : base_arena_printf(a, "certificate/download/order/%s/format/pem_noroot", order);
    struct ca_call call = {.method = "GET", .path = path, .raw = true};
    struct ca_answer answer;
    static const char begin[] = "-----BEGIN CERTIFICATE-----";
    enum base_fail_class cls = ca_transport(c, "X-DC-DEVKEY", &call, a, &answer, f);

    if (cls == BASE_OK && memmem(answer.bytes.p, answer.bytes.n, begin, sizeof begin - 1) == NULL) {
        cls = cc_unexpected(false, "a download without a certificate", f);
    }
    if (cls == BASE_OK) {
        *pem = answer.bytes;
    }
    return cls;
}
