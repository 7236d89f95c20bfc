/* ca/account.c - accounts, and the calls of ca.h handed to their driver.
 *
 * Owns the key. Drivers get only arguments that were
 * checked here: ids have the alphabet of ids. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "driver.h"
#include "policy/recognise.h"

#define KEY_MAX 256

static const struct ca_driver *const drivers[] = {&ca_certcentral, NULL};

static bool key_ok(const char *key, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (key[i] <= ' ' || key[i] > '~') {
            return false;
        }
    }
    return n > 0 && n <= KEY_MAX;
}

static const struct ca_driver *find_driver(const char *name)
{
    for (const struct ca_driver *const *d = drivers; name != NULL && *d != NULL; d++) {
        if (strcmp((*d)->name, name) == 0) {
            return *d;
        }
    }
    return NULL;
}

/* Base URL without a final slash; NULL if it is no plain https URL. */
static const char *clean_base(struct base_arena *a, const char *url, struct net_host *host)
{
    size_t n = url != NULL ? strlen(url) : 0;

    while (n > 0 && url[n - 1] == '/') {
        n--;
    }
    char *base = base_arena_strndup(a, n > 0 ? url : "", n);
    if (strpbrk(base, "?#") != NULL || !policy_url_host(a, base, &host->name, &host->port) ||
        net_url_check(a, base, host, 1, NULL, NULL) != BASE_OK) {
        return NULL;
    }
    return base;
}

enum base_fail_class ca_account_new(const struct ca_options *o, struct ca_account **out,
                                    struct base_fail *f)
{
    const struct ca_driver *driver = find_driver(o->driver);
    struct ca_account *c;

    if (driver == NULL) {
        return base_failf(f, BASE_PERMANENT, "ca.driver",
                          "account %s: no such driver; expected certcentral", o->id);
    }
    if (!key_ok(o->key, o->nkey)) {
        return base_failf(f, BASE_PERMANENT, "ca.key-text",
                          "account %s: expected a key of 1 to %d printable characters", o->id,
                          KEY_MAX);
    }
    c = base_xmalloc(sizeof *c);
    *c = (struct ca_account){.driver = driver, .scope = o->scope, .organization = o->organization,
                             .skip_approval = o->skip_approval};
    atomic_init(&c->learned, "balance");
    c->arena = base_arena_new();
    c->id = base_arena_strdup(c->arena, o->id);
    c->payment = base_arena_strdup(c->arena, o->payment != NULL ? o->payment : "auto");
    c->rate = ca_rate_shared(o->id, o->rate_short, o->rate_long);
    c->key = base_xmalloc(o->nkey + 1);
    memcpy(c->key, o->key, o->nkey);
    c->key[o->nkey] = '\0';
    c->base_url = clean_base(c->arena, o->base_url, &c->host);
    if (c->base_url == NULL) {
        ca_account_free(c);
        return base_failf(
            f, BASE_PERMANENT, "ca.base-url",
            "account %s: expected a base URL like https://www.digicert.com/services/v2", o->id);
    }
    *out = c;
    return BASE_OK;
}

void ca_account_free(struct ca_account *c)
{
    if (c == NULL) {
        return;
    }
    ca_idle_drop(c);
    explicit_bzero(c->key, strlen(c->key));
    free(c->key);
    ca_rate_leave(c->rate);
    base_arena_free(c->arena);
    free(c);
}

const char *ca_account_id(const struct ca_account *c)
{
    return c->id;
}

int64_t ca_wait_ms(struct ca_account *c)
{
    return ca_rate_wait(c->rate, base_mono_ms());
}

int64_t ca_share_wait_ms(struct ca_account *c, int percent)
{
    return ca_rate_share(c->rate, base_mono_ms(), percent);
}

int64_t ca_room(struct ca_account *c)
{
    return ca_rate_room(c->rate, base_mono_ms());
}

/* ---- the calls ---------------------------------------------------------------------- */

static enum base_fail_class unsupported(const struct ca_account *c, struct base_fail *f)
{
    return base_failf(f, BASE_PERMANENT, "ca.unsupported", "driver %s can't do this",
                      c->driver->name);
}

static enum base_fail_class bad_input(struct base_fail *f, const char *what)
{
    return base_failf(f, BASE_PERMANENT, "ca.input", "%s can't be put into a request", what);
}

/* An address or domain name may hold no blank, control character or quote. */
static bool plain(const char *s)
{
    size_t n = strlen(s);

    for (size_t i = 0; i < n; i++) {
        unsigned char ch = (unsigned char)s[i];
        if (ch <= ' ' || ch == 0x7f || strchr("\"<>\\", ch) != NULL) {
            return false;
        }
    }
    return n > 0 && n <= 320;
}

#define CALL(function, ...)                                                                        \
    (c->driver->function != NULL ? c->driver->function(c, __VA_ARGS__) : unsupported(c, f))

enum base_fail_class ca_me(struct ca_account *c, struct base_arena *a, struct ca_me *out,
                           struct base_fail *f)
{
    *out = (struct ca_me){0};
    return CALL(me, a, out, f);
}

enum base_fail_class ca_fields(struct ca_account *c, struct base_arena *a, struct ca_fields *out,
                               struct base_fail *f)
{
    *out = (struct ca_fields){0};
    return CALL(fields, a, out, f);
}

static bool all_plain(const struct policy_strings *l)
{
    for (size_t i = 0; i < l->n; i++) {
        if (!plain(l->v[i])) {
            return false;
        }
    }
    return true;
}

static enum base_fail_class check_order(const struct ca_order_request *r, struct base_fail *f)
{
    if (!plain(r->mailbox) || ca_check_id(r->product, NULL) != BASE_OK ||
        (r->reference != NULL && ca_check_id(r->reference, NULL) != BASE_OK) ||
        (r->renewal_of != NULL && ca_check_id(r->renewal_of, NULL) != BASE_OK)) {
        return bad_input(f, "product, mailbox, reference or renewed order");
    }
    if (!all_plain(&r->addresses) || !all_plain(&r->emails)) {
        return bad_input(f, "an address");
    }
    return BASE_OK;
}

enum base_fail_class ca_order(struct ca_account *c, const struct ca_order_request *r,
                              struct base_arena *a, struct ca_order *out, struct base_fail *f)
{
    *out = (struct ca_order){0};
    return check_order(r, f) != BASE_OK ? BASE_PERMANENT : CALL(order, r, a, out, f);
}

enum base_fail_class ca_order_preview(struct ca_account *c, const struct ca_order_request *r,
                                      struct base_arena *a, struct ca_preview *out,
                                      struct base_fail *f)
{
    *out = (struct ca_preview){0};
    return check_order(r, f) != BASE_OK ? BASE_PERMANENT : CALL(order_preview, r, a, out, f);
}

static enum base_fail_class check_act(const struct ca_act *r, struct base_fail *f)
{
    if (r->id == NULL || ca_check_id(r->id, f) != BASE_OK) {
        return bad_input(f, "the id");
    }
    if (r->action == CA_REISSUE && r->csr == NULL) {
        return bad_input(f, "a reissue without a CSR");
    }
    for (size_t i = 0; i < r->emails.n; i++) {
        if (!plain(r->emails.v[i])) {
            return bad_input(f, "an additional address");
        }
    }
    return BASE_OK;
}

enum base_fail_class ca_act(struct ca_account *c, const struct ca_act *r, struct base_arena *a,
                            struct ca_acted *out, struct base_fail *f)
{
    *out = (struct ca_acted){0};
    return check_act(r, f) != BASE_OK ? BASE_PERMANENT : CALL(act, r, a, out, f);
}

enum base_fail_class ca_act_preview(struct ca_account *c, const struct ca_act *r,
                                    struct base_arena *a, struct ca_preview *out,
                                    struct base_fail *f)
{
    *out = (struct ca_preview){0};
    return check_act(r, f) != BASE_OK ? BASE_PERMANENT : CALL(act_preview, r, a, out, f);
}

enum base_fail_class ca_request_list(struct ca_account *c, const char *status,
                                     struct base_arena *a, struct ca_requests *out,
                                     struct base_fail *f)
{
    *out = (struct ca_requests){0};
    if (status != NULL && ca_check_id(status, NULL) != BASE_OK) {
        return bad_input(f, "the status");
    }
    return CALL(request_list, status, a, out, f);
}

enum base_fail_class ca_request_info(struct ca_account *c, const char *id, struct base_arena *a,
                                     struct ca_request_entry *out, struct base_fail *f)
{
    *out = (struct ca_request_entry){0};
    return ca_check_id(id, f) != BASE_OK ? BASE_PERMANENT : CALL(request_info, id, a, out, f);
}

enum base_fail_class ca_balance(struct ca_account *c, struct base_arena *a, struct ca_balance *out,
                                struct base_fail *f)
{
    *out = (struct ca_balance){0};
    return CALL(balance, a, out, f);
}

enum base_fail_class ca_order_info(struct ca_account *c, const char *id, struct base_arena *a,
                                   struct ca_order *out, struct base_fail *f)
{
    *out = (struct ca_order){0};
    return ca_check_id(id, f) != BASE_OK ? BASE_PERMANENT : CALL(order_info, id, a, out, f);
}

enum base_fail_class ca_order_list(struct ca_account *c, const struct ca_order_filter *flt,
                                   struct base_arena *a, struct ca_orders *out, struct base_fail *f)
{
    *out = (struct ca_orders){0};
    if (flt->mailbox != NULL && !plain(flt->mailbox)) {
        return bad_input(f, "the mailbox");
    }
    return CALL(order_list, flt, a, out, f);
}

enum base_fail_class ca_status_changes(struct ca_account *c, int64_t seconds, struct base_arena *a,
                                       struct ca_changes *out, struct base_fail *f)
{
    *out = (struct ca_changes){0};
    return CALL(status_changes, seconds, a, out, f);
}

enum base_fail_class ca_download(struct ca_account *c, const char *certificate, const char *order,
                                 struct base_arena *a, struct base_bytes *pem, struct base_fail *f)
{
    const char *id = certificate != NULL ? certificate : order;

    *pem = (struct base_bytes){0};
    if (id == NULL) {
        return bad_input(f, "no certificate and no order");
    }
    return ca_check_id(id, f) != BASE_OK ? BASE_PERMANENT
                                         : CALL(download, certificate, order, a, pem, f);
}

enum base_fail_class ca_email_validations(struct ca_account *c, const char *order,
                                          struct base_arena *a, struct ca_email_validations *out,
                                          struct base_fail *f)
{
    *out = (struct ca_email_validations){0};
    return ca_check_id(order, f) != BASE_OK ? BASE_PERMANENT
                                            : CALL(email_validations, order, a, out, f);
}

enum base_fail_class ca_domain_list(struct ca_account *c, const char *name, struct base_arena *a,
                                    struct ca_domains *out, struct base_fail *f)
{
    *out = (struct ca_domains){0};
    return name != NULL && !plain(name) ? bad_input(f, "the domain")
                                        : CALL(domain_list, name, a, out, f);
}

enum base_fail_class ca_domain_info(struct ca_account *c, const char *id, struct base_arena *a,
                                    struct ca_domain *out, struct base_fail *f)
{
    *out = (struct ca_domain){0};
    return ca_check_id(id, f) != BASE_OK ? BASE_PERMANENT : CALL(domain_info, id, a, out, f);
}

enum base_fail_class ca_domain_add(struct ca_account *c, const char *name,
                                   const struct policy_strings *recipients, struct base_arena *a,
                                   struct ca_domain *out, struct base_fail *f)
{
    *out = (struct ca_domain){0};
    return !plain(name) ? bad_input(f, "the domain")
                        : CALL(domain_add, name, recipients, a, out, f);
}

enum base_fail_class ca_domain_submit(struct ca_account *c, const char *id, struct base_fail *f)
{
    return ca_check_id(id, f) != BASE_OK ? BASE_PERMANENT : CALL(domain_submit, id, f);
}

enum base_fail_class ca_domain_resend(struct ca_account *c, const char *id, const char *name,
                                      const struct policy_strings *recipients, struct base_fail *f)
{
    if (name != NULL && !plain(name)) {
        return bad_input(f, "the domain");
    }
    return ca_check_id(id, f) != BASE_OK ? BASE_PERMANENT
                                         : CALL(domain_resend, id, name, recipients, f);
}

enum base_fail_class ca_domain_recipients(struct ca_account *c, const char *id,
                                          struct base_arena *a, struct policy_strings *out,
                                          struct base_fail *f)
{
    *out = (struct policy_strings){0};
    return ca_check_id(id, f) != BASE_OK ? BASE_PERMANENT : CALL(domain_recipients, id, a, out, f);
}

bool ca_domain_holds(const struct ca_domain *d, int64_t renews)
{
    return d->valid && (renews == 0 ? !d->pending : d->valid_till > renews);
}

bool ca_dcv_file_ok(const char *name)
{
    size_t n = name != NULL ? strlen(name) : 0;

    return n >= 1 && n <= 100 && name[0] != '.' && strstr(name, "..") == NULL &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == n;
}

enum base_fail_class ca_dcv_ask(struct ca_account *c, const char *name, enum ca_dcv_method method,
                                int64_t renews, struct base_arena *a, struct ca_dcv *out,
                                struct base_fail *f)
{
    *out = (struct ca_dcv){0};
    return !plain(name) ? bad_input(f, "the domain") : CALL(dcv_ask, name, method, renews, a, out, f);
}

enum base_fail_class ca_dcv_check(struct ca_account *c, const char *domain,
                                  enum ca_dcv_method method, const char *token, int64_t renews,
                                  struct base_arena *a, struct ca_dcv_check *out,
                                  struct base_fail *f)
{
    *out = (struct ca_dcv_check){0};
    return ca_check_id(domain, f) != BASE_OK ? BASE_PERMANENT
                                             : CALL(dcv_check, domain, method, token, renews, a, out, f);
}

enum base_fail_class ca_id_owner(struct ca_account *c, const char *name, const char *value,
                                 struct base_arena *a, enum ca_owner *out, struct base_fail *f)
{
    *out = CA_OWNER_UNKNOWN;
    if (ca_check_id(value, NULL) != BASE_OK) {
        return BASE_OK; /* no id that this CA gives: tells nothing */
    }
    return CALL(id_owner, name, value, a, out, f);
}
