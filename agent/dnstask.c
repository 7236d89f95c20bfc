/* agent/dnstask.c - the blocking steps of a validation by DNS or HTTP. Pool threads only.
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

static bool by_http(const struct dns_run *k)
{
    return k->d.method == POLICY_METHOD_HTTP;
}

static enum ca_dcv_method method_of(const struct dns_run *k)
{
    if (by_http(k))
        return k->http->dynamic ? CA_DCV_HTTP_DYNAMIC : CA_DCV_HTTP;
    return k->d.method == POLICY_METHOD_DNS_CNAME ? CA_DCV_CNAME : CA_DCV_TXT;
}

static enum base_fail_class ask_http(struct dns_run *k)
{
    enum base_fail_class r = ca_dcv_ask(k->ca, k->intent.p.domain, method_of(k), k->intent.p.renews,
                                        k->a, &k->asked, &k->fail);
    if (!r && !k->asked.valid)
        k->record = (struct dcv_record){.rr = {.name = k->asked.file, .value = k->asked.token}};
    return r;
}

/* The delegated name first: without it a token would only grow old. */
static enum base_fail_class ask(struct dns_run *k)
{
    struct dcv_record place;
    const char *domain = k->intent.p.domain;
    if (by_http(k))
        return ask_http(k);
    enum base_fail_class r =
        dcv_record(k->a, k->section, domain, k->d.method, NULL, NULL, &place, &k->fail);
    if (!r)
        r = dcv_alias_check(k->conf->resolver, &place, k->a, &k->fail);
    if (!r)
        r = ca_dcv_ask(k->ca, domain, method_of(k), k->intent.p.renews, k->a, &k->asked,
                       &k->fail);
    if (!r && !k->asked.valid)
        r = dcv_record(k->a, k->section, domain, k->d.method, k->asked.token,
                       k->asked.verification, &k->record, &k->fail);
    return r;
}

static enum base_fail_class check(struct dns_run *k)
{
    return ca_dcv_check(k->ca, k->d.domain_id, method_of(k), k->d.token, k->intent.p.renews, k->a,
                        &k->checked, &k->fail);
}

static enum base_fail_class put(struct dns_run *k, const struct dns_record_row *row, bool add)
{
    struct dcv_record rec = record_of(row);
    if (by_http(k))
        return add ? dcv_file_put(&k->http->webroots, row->name, row->value, &k->fail)
                   : dcv_file_remove(&k->http->webroots, row->name, row->value, &k->fail);
    return dcv_record_put(k->section, k->conf->cfg->credentials_dir, &rec, add, k->a, &k->fail);
}

static enum base_fail_class take_away(struct dns_run *k)
{
    enum base_fail_class r = k->d.rec.name ? put(k, &k->d.rec, false) : BASE_OK;
    for (size_t i = 0; !r && i < k->d.nold; i++)
        r = put(k, &k->d.old[i], false);
    return r;
}

static enum base_fail_class shown(struct dns_run *k)
{
    struct dcv_record rec = record_of(&k->d.rec);
    struct dcv_ports ports = {k->conf->cfg->http_port, k->conf->cfg->https_port};
    if (by_http(k))
        return dcv_http_shown(&k->conf->links, ports, k->intent.p.domain, k->d.rec.name,
                              k->d.rec.value, k->a, &k->fail);
    return dcv_record_shown(k->conf->resolver, k->section, &rec, k->a, &k->fail);
}

void agent_dns_task(struct agent_task *t)
{
    struct dns_run *k = (struct dns_run *)t;
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
        k->cls = shown(k);
        break;
    case DNS_CHECK:
        k->cls = check(k);
        break;
    case DNS_REMOVE:
        k->cls = take_away(k);
        break;
    }
}
