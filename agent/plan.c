/* agent/plan.c - reading an order that was asked for: its words, and what the configuration adds.
 *
 * The form's fields are read here and judged in the files beside this one, each group
 * by itself. What passed is kept in the order's row as the request that leaves later. */
#include <string.h>

#include "base/json.h"
#include "plan.h"

bool agent_plan_one_of(const char *s, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(s, *list) == 0)
            return true;
    return false;
}

static enum base_fail_class check_words(const struct agent_plan *p, struct base_fail *f)
{
    static const char *const keys[] = {"rsa2048", "rsa3072", "rsa4096", "p256", "p384", NULL};
    static const char *const usages[] = {"dual_use", "signing", "key_management", NULL};
    static const char *const types[] = {"strict", "multipurpose", NULL};
    static const char *const hashes[] = {"sha256", "sha384", "sha512", NULL};
    if (!agent_plan_one_of(p->key_type, keys))
        return base_failf(f, BASE_PERMANENT, "order.key-type",
                          "key type \"%s\": expected rsa2048, rsa3072, rsa4096, p256 or p384",
                          p->key_type);
    if (!agent_plan_one_of(p->usage, usages))
        return base_failf(f, BASE_PERMANENT, "order.usage",
                          "usage \"%s\": expected dual_use, signing or key_management", p->usage);
    if (!agent_plan_one_of(p->profile_type, types))
        return base_failf(f, BASE_PERMANENT, "order.profile",
                          "profile type \"%s\": expected strict or multipurpose", p->profile_type);
    if (!agent_plan_one_of(p->signature_hash, hashes))
        return base_failf(f, BASE_PERMANENT, "order.hash",
                          "signature hash \"%s\": expected sha256, sha384 or sha512",
                          p->signature_hash);
    if (p->csr && p->later)
        return base_failf(f, BASE_PERMANENT, "order.csr",
                          "a CSR and \"later\" exclude each other: the CA takes a CSR with the order "
                          "or has the recipient make the key");
    return BASE_OK;
}

/* "additional_usages": ["non_repudiation", "client_auth"] */
static enum base_fail_class read_usages(const json_t *req, struct agent_plan *p, struct base_fail *f)
{
    const json_t *list = base_json_arr(req, "additional_usages");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *s = json_string_value(json_array_get(list, i));
        if (s && strcmp(s, "non_repudiation") == 0)
            p->non_repudiation = true;
        else if (s && strcmp(s, "client_auth") == 0)
            p->client_auth = true;
        else
            return base_failf(f, BASE_PERMANENT, "order.usage",
                              "additional usage \"%s\": expected non_repudiation or client_auth",
                              s ? s : "");
    }
    return BASE_OK;
}

static const char *name_of(const json_t *req, const char *key)
{
    const char *s = base_json_str(req, key);
    return s && s[0] ? s : NULL;
}

static void read_words(const json_t *req, struct agent_plan *p)
{
    p->product = base_json_strd(req, "product", p->domain->product);
    p->profile_type = base_json_strd(req, "profile_type", p->domain->profile_type);
    p->key_type = base_json_strd(req, "key_type", p->domain->key_type);
    p->usage = base_json_strd(req, "usage", "dual_use");
    p->signature_hash = base_json_strd(req, "signature_hash", "sha256");
    p->common_name = name_of(req, "common_name");
    p->first_name = name_of(req, "first_name");
    p->last_name = name_of(req, "last_name");
    p->pseudonym = name_of(req, "pseudonym");
    p->csr = base_json_str(req, "csr");
    p->later = base_json_bool(req, "later", false);
    p->reuse_key = base_json_str(req, "reuse_key");
    p->renewal_of = base_json_str(req, "renewal_of");
    p->renews = base_json_int(req, "renews", 0);
    p->automatic = base_json_bool(req, "automatic", false);
    p->batch = base_json_int(req, "batch", 0);
}

enum base_fail_class agent_plan_make(struct agent *ag, struct base_arena *a, const json_t *req,
                                     struct agent_plan *p, struct base_fail *f)
{
    memset(p, 0, sizeof(*p));
    enum base_fail_class r = agent_plan_recipient(ag, a, req, p, f);
    if (r)
        return r;
    read_words(req, p);
    r = read_usages(req, p, f);
    if (!r)
        r = agent_plan_product(req, p, f);
    if (!r)
        r = check_words(p, f);
    if (!r)
        r = agent_plan_validity(req, p, f);
    return r ? r : agent_plan_extras(ag, a, req, p, f);
}

/* ---- what is kept ------------------------------------------------------------------------ */

static void put_strings(json_t *j, const char *key, const struct policy_strings *l)
{
    json_t *list = json_array();
    for (size_t i = 0; i < l->n; i++)
        json_array_append_new(list, json_string(l->v[i]));
    json_object_set_new(j, key, list);
}

static void put_usages(json_t *j, const struct agent_plan *p)
{
    json_t *list = json_array();
    if (p->non_repudiation)
        json_array_append_new(list, json_string("non_repudiation"));
    if (p->client_auth)
        json_array_append_new(list, json_string("client_auth"));
    if (json_array_size(list) > 0)
        json_object_set(j, "additional_usages", list);
    json_decref(list);
}

static void put_renewal(json_t *j, const struct agent_plan *p)
{
    if (p->auto_renew >= 0) {
        base_json_setn(j, "auto_renew", p->auto_renew);
        base_json_set(j, "renew_by", p->renew_by);
    }
    base_json_set(j, "key", p->key);
    base_json_set(j, "reuse_key", p->reuse_key);
    base_json_set(j, "renewal_of", p->renewal_of);
    if (p->renews)
        base_json_setn(j, "renews", p->renews);
}

static void put_extras(json_t *j, const struct agent_plan *p)
{
    if (p->emails.n > 0)
        put_strings(j, "emails", &p->emails);
    base_json_set(j, "comments", p->comments);
    base_json_set(j, "payment", p->payment);
    base_json_set(j, "locale", p->locale);
    if (p->custom_fields.n > 0) {
        json_t *o = json_object();
        for (size_t i = 0; i < p->custom_fields.n; i++)
            base_json_set(o, p->custom_fields.v[i].id, p->custom_fields.v[i].value);
        json_object_set_new(j, "custom_fields", o);
    }
    if (p->container)
        base_json_setn(j, "container", p->container);
    if (p->organization)
        base_json_setn(j, "organization", p->organization);
}

json_t *agent_plan_request(const struct agent_plan *p)
{
    json_t *j = json_object();
    if (p->addresses.n > 1)
        put_strings(j, "addresses", &p->addresses);
    base_json_set(j, "product", p->product);
    base_json_set(j, "profile_type", p->profile_type);
    base_json_set(j, "key_type", p->key_type);
    base_json_set(j, "signature_hash", p->signature_hash);
    base_json_set(j, "usage", p->usage);
    put_usages(j, p);
    base_json_setn(j, "validity_days", p->days);
    if (p->years)
        base_json_setn(j, "validity_years", p->years);
    base_json_set(j, "validity_until", p->until);
    if (p->days_given)
        base_json_setb(j, "days_given", true);
    base_json_set(j, "common_name", p->common_name);
    base_json_set(j, "first_name", p->first_name);
    base_json_set(j, "last_name", p->last_name);
    base_json_set(j, "pseudonym", p->pseudonym);
    base_json_set(j, "custody", p->custody);
    base_json_set(j, "csr", p->csr);
    if (p->later)
        base_json_setb(j, "later", true);
    put_renewal(j, p);
    put_extras(j, p);
    return j;
}

void agent_plan_attention(struct base_arena *a, const struct agent_plan *p, json_t *answer)
{
    json_t *list = json_array();
    if (p->about->ended)
        json_array_append_new(
            list, json_string(base_arena_printf(a, "%s (%s) ended on 2025-07-10: the CA may refuse it; "
                                                   "secure_email_sponsor or secure_email_mailbox comes "
                                                   "in its place",
                                                p->product, p->about->people)));
    if (p->later)
        json_array_append_new(
            list, json_string(base_arena_printf(
                      a, "without a CSR: when all is validated the CA invites %s to make the key in a "
                         "browser; a CSR can't be added after the order, and the key never comes here",
                      p->mailbox)));
    if (json_array_size(list) > 0)
        json_object_set(answer, "attention", list);
    json_decref(list);
}
