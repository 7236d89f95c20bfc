/* agent/plan_product.c - what each product asks for, as a table.
 *
 * Facts: DigiCert's reference of the products (order a client certificate, order Secure
 * Email, profiles and usages). The CA judges again; here it is said before anything leaves. */
#include <string.h>

#include "base/json.h"
#include "plan.h"

static const struct agent_product products[] = {
    {"secure_email_mailbox", "Secure Email for Individual", AGENT_PRODUCT_MAILBOX, false, NULL, 824, 2},
    {"secure_email_sponsor", "Secure Email for Business", AGENT_PRODUCT_SPONSOR, false, NULL, 824, 2},
    {"secure_email_organization", "Secure Email for Organization", AGENT_PRODUCT_ORGANIZATION, false,
     NULL, 824, 2},
    {"client_premium", "Premium", AGENT_PRODUCT_SPONSOR, true, "dual_use", 825, 2},
    {"client_email_security_plus", "Email Security Plus", AGENT_PRODUCT_SPONSOR, true, "dual_use", 825,
     2},
    {"client_digital_signature_plus", "Digital Signature Plus", AGENT_PRODUCT_SPONSOR, true, "signing",
     825, 2},
    {"class1_smime", "Class 1 S/MIME", AGENT_PRODUCT_MAILBOX, true, "dual_use", 825, 2},
};

const struct agent_product *agent_product(const char *name)
{
    for (size_t i = 0; i < sizeof(products) / sizeof(*products); i++)
        if (strcmp(products[i].name, name) == 0)
            return &products[i];
    return NULL;
}

/* The names that a certificate of no person can't show. */
static enum base_fail_class check_no_person(const struct agent_plan *p, struct base_fail *f)
{
    if (p->first_name || p->last_name || p->pseudonym)
        return base_failf(f, BASE_PERMANENT, "order.names",
                          "%s names no person: order secure_email_sponsor, or leave the names out",
                          p->product);
    return BASE_OK;
}

static enum base_fail_class check_person(const struct agent_plan *p, struct base_fail *f)
{
    bool full = p->first_name && p->last_name;
    if (!full && (p->first_name || p->last_name))
        return base_failf(f, BASE_PERMANENT, "order.names",
                          "%s needs the person's first and last name, not one of them", p->product);
    if (!full && !p->pseudonym)
        return base_failf(f, BASE_PERMANENT, "order.names",
                          "%s needs the person's first and last name, or a pseudonym", p->product);
    if (p->common_name && strcmp(p->common_name, "name") == 0 && !full)
        return base_failf(f, BASE_PERMANENT, "order.names",
                          "the common name shall be the person's: first and last name are missing");
    if (p->common_name && strcmp(p->common_name, "pseudonym") == 0 && !p->pseudonym)
        return base_failf(f, BASE_PERMANENT, "order.names",
                          "the common name shall be the pseudonym: it is missing");
    return BASE_OK;
}

/* Which common names each kind of product takes; the first is its own choice. */
static const char *const *allowed_names(const struct agent_product *t)
{
    static const char *const mailbox[] = {"email", NULL};
    static const char *const sponsor[] = {"name", "pseudonym", "email", NULL};
    static const char *const older[] = {"name", "pseudonym", NULL};
    static const char *const organization[] = {"email", "organization", NULL};
    return t->kind == AGENT_PRODUCT_MAILBOX        ? mailbox
           : t->kind == AGENT_PRODUCT_ORGANIZATION ? organization
           : t->ended                              ? older
                                                   : sponsor;
}

static enum base_fail_class choose_name(struct agent_plan *p, struct base_fail *f)
{
    static const char *const all[] = {"email", "name", "pseudonym", "organization", NULL};
    const char *const *allowed = allowed_names(p->about);
    if (p->common_name && !agent_plan_one_of(p->common_name, all))
        return base_failf(f, BASE_PERMANENT, "order.common-name",
                          "common name \"%s\": expected email, name, pseudonym or organization",
                          p->common_name);
    if (p->common_name && !agent_plan_one_of(p->common_name, allowed))
        return base_failf(f, BASE_PERMANENT, "order.common-name",
                          "%s can't have the common name \"%s\": it takes %s%s%s", p->product,
                          p->common_name, allowed[0], allowed[1] ? " or " : "",
                          allowed[1] ? allowed[1] : "");
    enum base_fail_class r = p->about->kind == AGENT_PRODUCT_SPONSOR ? check_person(p, f)
                                                                     : check_no_person(p, f);
    if (!r && !p->common_name)
        p->common_name = p->about->kind == AGENT_PRODUCT_SPONSOR && !p->first_name ? "pseudonym"
                                                                                   : allowed[0];
    return r;
}

static enum base_fail_class check_usage(const json_t *req, struct agent_plan *p, struct base_fail *f)
{
    const char *asked = base_json_str(req, "usage"), *profile = base_json_str(req, "profile_type");
    bool more = p->non_repudiation || p->client_auth;
    if (p->about->ended) {
        if ((asked && strcmp(asked, p->about->usage) != 0) || more)
            return base_failf(f, BASE_PERMANENT, "order.usage",
                              "%s is for %s and what the CA adds: its usage can't be chosen", p->product,
                              p->about->usage);
        if (profile && strcmp(profile, "multipurpose") != 0)
            return base_failf(f, BASE_PERMANENT, "order.profile",
                              "%s has the multipurpose profile and no other", p->product);
        p->usage = p->about->usage;
        p->profile_type = "multipurpose";
        return BASE_OK;
    }
    if (p->client_auth && strcmp(p->profile_type, "strict") == 0)
        return base_failf(f, BASE_PERMANENT, "order.usage",
                          "client_auth needs the profile type multipurpose: a strict certificate is "
                          "for mail alone (S/MIME Baseline Requirements 7.1.2.3)");
    if (p->non_repudiation && strcmp(p->usage, "key_management") == 0)
        return base_failf(f, BASE_PERMANENT, "order.usage",
                          "non_repudiation belongs to signing: usage key_management can't have it");
    return BASE_OK;
}

enum base_fail_class agent_plan_product(const json_t *req, struct agent_plan *p,
                                        struct base_fail *f)
{
    p->about = agent_product(p->product);
    if (!p->about)
        return base_failf(f, BASE_PERMANENT, "order.product",
                          "product \"%s\": expected secure_email_mailbox, secure_email_sponsor or "
                          "secure_email_organization (or client_premium, client_email_security_plus, "
                          "client_digital_signature_plus, class1_smime, which ended on 2025-07-10)",
                          p->product);
    enum base_fail_class r = check_usage(req, p, f);
    return r ? r : choose_name(p, f);
}
