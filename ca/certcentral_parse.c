/* ca/certcentral_parse.c - CertCentral's JSON to plain structs.
 *
 * Answers differ between products, states and years, and the documentation is
 * not complete, so every member may be missing. Owns nothing; all texts are
 * copied into the caller's arena, so the JSON may go. Never fails. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "certcentral.h"

#define STRINGS_MAX 1000
#define CHAIN_MAX ((size_t)256 * 1024)

const char *cc_id(struct base_arena *a, const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);

    if (json_is_integer(v) && json_integer_value(v) > 0) {
        return base_arena_printf(a, "%lld", (long long)json_integer_value(v));
    }
    if (json_is_string(v) && ca_check_id(json_string_value(v), NULL) == BASE_OK) {
        return base_arena_strdup(a, json_string_value(v));
    }
    return NULL;
}

const char *cc_text(struct base_arena *a, const json_t *o, const char *key)
{
    const char *s = base_json_str(o, key);

    return s != NULL && s[0] != '\0' ? base_arena_strdup(a, s) : NULL;
}

int64_t cc_time(const json_t *o, const char *key)
{
    const char *s = base_json_str(o, key);
    int64_t t = 0;

    return s != NULL && base_time_parse(s, &t) ? t : 0;
}

void cc_strings(struct base_arena *a, const json_t *array, struct policy_strings *out)
{
    size_t n = json_array_size(array);

    *out = (struct policy_strings){0};
    n = n < STRINGS_MAX ? n : STRINGS_MAX;
    out->v = base_arena_array(a, n + 1, sizeof *out->v);
    for (size_t i = 0; i < n; i++) {
        const char *s = json_string_value(json_array_get(array, i));
        if (s != NULL) {
            out->v[out->n++] = base_arena_strdup(a, s);
        }
    }
}

bool cc_more(const json_t *j, size_t got, size_t end)
{
    int64_t total = base_json_int(base_json_obj(j, "page"), "total", -1);

    return got > 0 && (total >= 0 ? (int64_t)end < total : got >= CC_PAGE);
}

enum ca_status cc_status(const char *text)
{
    static const struct {
        const char *text;
        enum ca_status status;
    } known[] = {
        {"pending", CA_WAITING_CA},
        {"processing", CA_WAITING_CA},
        {"reissue_pending", CA_WAITING_CA},
        {"needs_csr", CA_WAITING_US},
        {"needs_approval", CA_WAITING_PERSON},
        {"waiting_pickup", CA_WAITING_PERSON},
        {"issued", CA_ISSUED},
        {"approved", CA_ISSUED},
        {"expired", CA_ISSUED}, /* a certificate was issued and ran out */
        {"rejected", CA_FAILED},
        {"denied", CA_FAILED},
        {"revoked", CA_FAILED},
        {"canceled", CA_FAILED},
        {"cancelled", CA_FAILED},
    };

    for (size_t i = 0; text != NULL && i < sizeof known / sizeof *known; i++) {
        if (base_ascii_caseeq(text, known[i].text)) {
            return known[i].status;
        }
    }
    return CA_UNKNOWN;
}

void cc_parse_me(struct base_arena *a, const json_t *j, struct ca_me *out)
{
    const json_t *account = base_json_obj(j, "account");
    const json_t *role = json_array_get(base_json_arr(j, "access_roles"), 0);

    out->user = cc_id(a, j, "id");
    out->account = cc_id(a, j, "account_id");
    if (out->account == NULL) {
        out->account = cc_id(a, account, "id");
    }
    out->account_name = cc_text(a, account, "name");
    if (out->account_name == NULL) {
        out->account_name = cc_text(a, base_json_obj(j, "container"), "name");
    }
    out->role = cc_text(a, role, "name");
}

/* The PEMs of certificate_chain one after another, as the CA orders them. */
static const char *parse_chain(struct base_arena *a, const json_t *array)
{
    struct base_buf all;
    size_t i;
    json_t *e;

    base_buf_init(&all, CHAIN_MAX);
    json_array_foreach(array, i, e)
    {
        const char *pem = base_json_str(e, "pem");
        if (pem != NULL) {
            base_buf_addf(&all, "%s\n", pem);
        }
    }
    const char *out = all.n > 0 ? base_arena_strndup(a, base_buf_str(&all), all.n) : NULL;
    base_buf_free(&all);
    return out;
}

static void parse_certificate(struct base_arena *a, const json_t *j, struct ca_order *out)
{
    out->certificate = cc_id(a, j, "id");
    out->common_name = cc_text(a, j, "common_name");
    out->serial = cc_text(a, j, "serial_number");
    out->thumbprint = cc_text(a, j, "thumbprint");
    out->csr = cc_text(a, j, "csr");
    out->valid_from = cc_time(j, "valid_from");
    out->valid_till = cc_time(j, "valid_till");
    cc_strings(a, base_json_arr(j, "emails"), &out->mailboxes);
}

bool cc_parse_request(struct base_arena *a, const json_t *j, struct ca_request_entry *out)
{
    const json_t *order = base_json_obj(j, "order"), *who = base_json_obj(j, "requester");
    const json_t *emails = base_json_arr(base_json_obj(order, "certificate"), "emails");
    const char *first = base_json_str(who, "first_name"), *last = base_json_str(who, "last_name");
    const char *box = json_string_value(json_array_get(emails, 0));

    *out = (struct ca_request_entry){.id = cc_id(a, j, "id"),
                                     .type = cc_text(a, j, "type"),
                                     .status = cc_text(a, j, "status"),
                                     .order = cc_id(a, order, "id"),
                                     .mailbox = base_arena_strdup(a, box),
                                     .comments = cc_text(a, j, "comments"),
                                     .date = cc_text(a, j, "date")};
    if (first != NULL || last != NULL) {
        out->requester = base_arena_printf(a, "%s%s%s", first != NULL ? first : "",
                                           first != NULL && last != NULL ? " " : "",
                                           last != NULL ? last : "");
    }
    return out->id != NULL;
}

/* Our marker stands in the comments of the order or of its first request. */
static void parse_request(struct base_arena *a, const json_t *j, struct ca_order *out)
{
    const json_t *all = base_json_arr(j, "requests"), *request = json_array_get(all, 0);
    size_t n = json_array_size(all), i;
    json_t *e;

    n = n < STRINGS_MAX ? n : STRINGS_MAX;
    out->requests = base_arena_array(a, n + 1, sizeof *out->requests);
    json_array_foreach(all, i, e)
    {
        if (out->nrequests < n && cc_parse_request(a, e, &out->requests[out->nrequests])) {
            out->nrequests++;
        }
    }
    out->request = cc_id(a, request, "id");
    const char *comments = cc_text(a, j, "comments");
    if (comments == NULL) {
        comments = cc_text(a, request, "comments");
    }
    if (comments != NULL) {
        out->reference = base_arena_strndup(a, comments, strcspn(comments, " \t\r\n"));
    }
}

bool cc_parse_order(struct base_arena *a, const json_t *j, struct ca_order *out)
{
    const json_t *product = base_json_obj(j, "product");

    *out = (struct ca_order){0};
    out->id = cc_id(a, j, "id");
    if (out->id == NULL) {
        out->id = cc_id(a, j, "order_id");
    }
    parse_certificate(a, base_json_obj(j, "certificate"), out);
    if (out->certificate == NULL) {
        out->certificate = cc_id(a, j, "certificate_id");
    }
    parse_request(a, j, out);
    out->status_text = cc_text(a, j, "status");
    out->status = cc_status(out->status_text);
    out->product = cc_text(a, product, "name_id");
    if (out->product == NULL) {
        out->product = cc_text(a, j, "product_name_id");
    }
    out->dcv_method = cc_text(a, j, "dcv_method");
    out->created = cc_time(j, "date_created");
    out->price = cc_amount(a, json_object_get(j, "price"));
    out->currency = cc_text(a, j, "currency");
    out->chain = parse_chain(a, base_json_arr(j, "certificate_chain"));
    return out->id != NULL;
}

void cc_parse_changes(struct base_arena *a, const json_t *j, struct ca_changes *out)
{
    const json_t *array = base_json_arr(j, "orders");
    size_t n = json_array_size(array), i;
    json_t *e;

    n = n < CC_LIST_MAX ? n : CC_LIST_MAX;
    out->v = base_arena_array(a, n + 1, sizeof *out->v);
    out->n = 0;
    json_array_foreach(array, i, e)
    {
        struct ca_change ch = {.order = cc_id(a, e, "order_id"),
                               .certificate = cc_id(a, e, "certificate_id"),
                               .status_text = cc_text(a, e, "status")};
        ch.status = cc_status(ch.status_text);
        if (ch.order != NULL && out->n < n) {
            out->v[out->n++] = ch;
        }
    }
}

void cc_parse_validations(struct base_arena *a, const json_t *j, struct ca_email_validations *out)
{
    const json_t *array = base_json_arr(j, "emails");
    size_t n = json_array_size(array), i;
    json_t *e;

    n = n < STRINGS_MAX ? n : STRINGS_MAX;
    out->v = base_arena_array(a, n + 1, sizeof *out->v);
    out->n = 0;
    json_array_foreach(array, i, e)
    {
        const char *mailbox = cc_text(a, e, "email");
        const char *status = base_json_strd(e, "status", "");
        if (mailbox != NULL && out->n < n) {
            out->v[out->n++] = (struct ca_email_validation){
                mailbox, base_ascii_caseeq(status, "validated"), cc_time(e, "date_emailed")};
        }
    }
}

/* ---- domains --------------------------------------------------------------------------- */

/* When control of the domain runs out; 0 = not told. */
static int64_t parse_expiry(const json_t *j)
{
    int64_t t = cc_time(j, "dcv_expiration_datetime");

    return t != 0 ? t : cc_time(base_json_obj(j, "dcv_expiration"), "ov");
}

struct validations {
    bool told, pending, active;
    int64_t until;
};

static struct validations parse_domain_validations(const json_t *j, int64_t now)
{
    struct validations v = {.told = base_json_arr(j, "validations") != NULL};
    size_t i;
    json_t *e;

    json_array_foreach(base_json_arr(j, "validations"), i, e)
    {
        const char *dcv = base_json_strd(e, "dcv_status", "complete");
        int64_t until = cc_time(e, "validated_until");
        bool active = base_ascii_caseeq(base_json_strd(e, "status", ""), "active") &&
                      base_ascii_caseeq(dcv, "complete") && (until == 0 || until > now);
        v.active = v.active || active;
        v.pending = v.pending || !active;
        v.until = active && until > v.until ? until : v.until;
    }
    return v;
}

/* Addresses that invitations went to, as domain info tells them. */
static void parse_invitations(struct base_arena *a, const json_t *j, struct policy_strings *out)
{
    const json_t *array = base_json_arr(base_json_obj(j, "dcv"), "dcv_invitations");
    size_t n = json_array_size(array), i;
    json_t *e;

    n = n < STRINGS_MAX ? n : STRINGS_MAX;
    out->v = base_arena_array(a, n + 1, sizeof *out->v);
    json_array_foreach(array, i, e)
    {
        const char *address = cc_text(a, e, "email");
        if (address != NULL && out->n < n && !policy_strings_has(out, address)) {
            out->v[out->n++] = address;
        }
    }
}

bool cc_parse_domain(struct base_arena *a, const json_t *j, int64_t now, struct ca_domain *out)
{
    struct validations v = parse_domain_validations(j, now);
    int64_t expiry = parse_expiry(j);
    char *name;

    *out = (struct ca_domain){0};
    out->id = cc_id(a, j, "id");
    name = base_arena_strdup(a, base_json_str(j, "name"));
    if (name != NULL) {
        base_ascii_lower(name);
    }
    out->name = name;
    out->dcv_method = cc_text(a, j, "dcv_method");
    out->active = base_json_bool(j, "is_active", true);
    out->valid_till = expiry != 0 ? expiry : v.until;
    /* An expiry of the control is the truth where it is told: a validation may stay
     * "active" for the organization although control of the domain ran out. */
    out->valid = out->active && (expiry != 0 ? expiry > now : v.active);
    out->pending = out->active && !out->valid && (v.told ? v.pending : true);
    out->token = cc_text(a, base_json_obj(j, "dcv_token"), "token");
    out->verification = cc_text(a, base_json_obj(j, "dcv_token"), "verification_value");
    out->token_url = cc_text(a, base_json_obj(j, "dcv_token"), "http_token_url");
    out->token_done = base_ascii_caseeq(
        base_json_strd(base_json_obj(j, "dcv_token"), "status", ""), "active");
    parse_invitations(a, j, &out->recipients);
    return out->id != NULL && out->name != NULL;
}

void cc_parse_recipients(struct base_arena *a, const json_t *j, struct policy_strings *out)
{
    static const char *const keys[] = {"base_emails", "dns_txt_emails", "whois_emails",
                                       "manual_emails"};
    struct policy_strings some[4];
    size_t n = 0;

    *out = (struct policy_strings){0};
    for (size_t i = 0; i < 4; i++) {
        cc_strings(a, base_json_arr(j, keys[i]), &some[i]);
        n += some[i].n;
    }
    out->v = base_arena_array(a, n + 1, sizeof *out->v);
    for (size_t i = 0; i < 4; i++) {
        for (size_t k = 0; k < some[i].n; k++) {
            if (!policy_strings_has(out, some[i].v[k])) {
                out->v[out->n++] = some[i].v[k];
            }
        }
    }
}
