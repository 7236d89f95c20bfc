/* agent/dnstask.c - the blocking steps of a validation by DNS. Pool threads only.
 *
 * Each step may be repeated: asking looks first, writing and removing what is
 * so already change nothing, checking asks what the CA holds. */
#include <string.h>

#include "dnsrun.h"

static struct dcv_record record_of(const struct dns_record_row *r)
{
    return (struct dcv_record){
        .rr = {.name = r->name,
               .type = r->type && strcmp(r->type, "CNAME") == 0 ? NET_DNS_CNAME : NET_DNS_TXT,
               .value = r->value,
               .ttl = (int)r->ttl},
        .zone = r->zone,
    };
}

/* The delegated name first: without it a token would only grow old. */
static enum base_fail_class ask(struct dns_run *k)
{
    struct dcv_record place;
    const char *domain = k->intent.p.domain;
    enum ca_dcv_method m =
        k->d.method == POLICY_METHOD_DNS_CNAME ? CA_DCV_CNAME : CA_DCV_TXT;
    enum base_fail_class r =
        dcv_record(k->a, k->section, domain, k->d.method, NULL, NULL, &place, &k->fail);
    if (!r)
        r = dcv_alias_check(k->conf->resolver, &place, k->a, &k->fail);
    if (!r)
        r = ca_dcv_ask(k->ca, domain, m, k->a, &k->asked, &k->fail);
    if (!r && !k->asked.valid)
        r = dcv_record(k->a, k->section, domain, k->d.method, k->asked.token,
                       k->asked.verification, &k->record, &k->fail);
    return r;
}

static enum base_fail_class check(struct dns_run *k)
{
    enum ca_dcv_method m =
        k->d.method == POLICY_METHOD_DNS_CNAME ? CA_DCV_CNAME : CA_DCV_TXT;
    return ca_dcv_check(k->ca, k->d.domain_id, m, k->d.token, k->a, &k->checked, &k->fail);
}

static enum base_fail_class put(struct dns_run *k, const struct dns_record_row *row, bool add)
{
    struct dcv_record rec = record_of(row);
    return dcv_record_put(k->section, k->conf->cfg->credentials_dir, &rec, add, k->a, &k->fail);
}

static enum base_fail_class take_away(struct dns_run *k)
{
    enum base_fail_class r = k->d.rec.name ? put(k, &k->d.rec, false) : BASE_OK;
    for (size_t i = 0; !r && i < k->d.nold; i++)
        r = put(k, &k->d.old[i], false);
    return r;
}

void agent_dns_task(struct agent_task *t)
{
    struct dns_run *k = (struct dns_run *)t;
    struct dcv_record rec = record_of(&k->d.rec);
    switch (k->d.step) {
    case DNS_ASK:
        k->cls = ask(k);
        break;
    case DNS_LOOK:
        k->cls = ca_domain_info(k->ca, k->d.domain_id, k->a, &k->domain, &k->fail);
        break;
    case DNS_WRITE:
        k->cls = put(k, &k->d.rec, true);
        break;
    case DNS_WAIT:
        k->cls = dcv_record_shown(k->conf->resolver, k->section, &rec, k->a, &k->fail);
        break;
    case DNS_CHECK:
        k->cls = check(k);
        break;
    case DNS_REMOVE:
        k->cls = take_away(k);
        break;
    }
}
