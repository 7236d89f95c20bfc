/* agent/dnsdata.c - what a job "domain.dns" keeps between its steps, and how it is shown.
 *
 * Owns nothing; strings are of the caller's arena. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "dnsrun.h"

static const char *const steps[] = {"ask", "look", "write", "wait", "check", "remove"};
#define NSTEPS (sizeof(steps) / sizeof(steps[0]))

static void read_record(struct base_arena *a, const json_t *o, struct dns_record_row *r)
{
    r->name = base_arena_strdup(a, base_json_str(o, "name"));
    r->type = base_arena_strdup(a, base_json_str(o, "type"));
    r->value = base_arena_strdup(a, base_json_str(o, "value"));
    r->zone = base_arena_strdup(a, base_json_str(o, "zone"));
    r->ttl = base_json_int(o, "ttl", 60);
}

static json_t *record_json(const struct dns_record_row *r)
{
    json_t *o = json_object();
    base_json_set(o, "name", r->name);
    base_json_set(o, "type", r->type);
    base_json_set(o, "value", r->value);
    base_json_set(o, "zone", r->zone);
    base_json_setn(o, "ttl", r->ttl);
    return o;
}

bool agent_dns_read(struct base_arena *a, const char *text, struct dns_data *out)
{
    struct base_fail f = {0};
    json_t *j = text ? base_json_parse(text, strlen(text), 65536, &f) : NULL;
    const char *step = base_json_strd(j, "step", "");
    const json_t *old = base_json_arr(j, "old");
    bool known = false;
    *out = (struct dns_data){0};
    for (size_t i = 0; i < NSTEPS; i++)
        if (strcmp(steps[i], step) == 0) {
            out->step = (enum dns_step)i;
            known = true;
        }
    known = known && policy_method_parse(base_json_str(j, "method"), &out->method);
    out->section = base_arena_strdup(a, base_json_str(j, "section"));
    out->domain_id = base_arena_strdup(a, base_json_str(j, "domain_id"));
    out->token = base_arena_strdup(a, base_json_str(j, "token"));
    out->released = base_arena_strdup(a, base_json_str(j, "released"));
    out->written = base_json_bool(j, "written", false);
    out->tries = base_json_int(j, "tries", 0);
    read_record(a, base_json_obj(j, "record"), &out->rec);
    for (size_t i = 0; i < json_array_size(old) && out->nold < DNS_OLD_MAX; i++)
        read_record(a, json_array_get(old, i), &out->old[out->nold++]);
    json_decref(j);
    return known;
}

char *agent_dns_write(struct base_arena *a, const struct dns_data *d)
{
    json_t *j = json_object(), *old = json_array();
    base_json_set(j, "method", policy_method_name(d->method));
    base_json_set(j, "step", steps[d->step]);
    base_json_set(j, "section", d->section);
    base_json_set(j, "domain_id", d->domain_id);
    base_json_set(j, "token", d->token);
    base_json_set(j, "released", d->released);
    base_json_setb(j, "written", d->written);
    base_json_setn(j, "tries", d->tries);
    if (d->rec.name)
        json_object_set_new(j, "record", record_json(&d->rec));
    for (size_t i = 0; i < d->nold; i++)
        json_array_append_new(old, record_json(&d->old[i]));
    json_object_set_new(j, "old", old);
    char *text = base_json_text(j), *out = base_arena_strdup(a, text);
    free(text);
    json_decref(j);
    return out;
}

const char *agent_dns_data(struct base_arena *a, enum policy_method method)
{
    return agent_dns_write(a, &(struct dns_data){.method = method, .step = DNS_ASK});
}

bool agent_dns_by_hand(const struct policy_config *cfg, const char *domain,
                       enum policy_method method)
{
    const struct policy_dns *s = policy_config_dns(cfg, domain);
    const struct policy_http *h = policy_config_http(cfg, domain);
    return method == POLICY_METHOD_HTTP    ? h && h->webroots.n == 0
           : method != POLICY_METHOD_EMAIL ? s && s->manual
                                           : false;
}

const char *agent_dns_key(struct base_arena *a, int64_t intent)
{
    return base_arena_printf(a, "dns:%lld", (long long)intent);
}

enum policy_method agent_dns_method(struct agent *ag, struct base_arena *a, int64_t intent)
{
    struct base_fail f = {0};
    struct ledger_job job;
    struct dns_data d;
    if (ledger_job_find(ag->ledger, a, agent_dns_key(a, intent), &job, &f) ||
        !agent_dns_read(a, job.data, &d))
        return POLICY_METHOD_EMAIL;
    return d.method;
}

/* ---- for a person -------------------------------------------------------------------- */

static const char *what_next_file(struct base_arena *a, const struct policy_config *cfg,
                                  const char *domain, const struct dns_data *d)
{
    const struct policy_domain *p = policy_config_domain(cfg, domain);
    const char *url = d->rec.name ? dcv_http_url(a, domain, d->rec.name) : "";
    const char *value = d->rec.value ? d->rec.value : "";
    switch (d->step) {
    case DNS_ASK:
        return "the CA is asked for a value to put into a file";
    case DNS_LOOK:
        return p && p->mode == POLICY_MODE_HOLD
                   ? base_arena_printf(a, "held: certmilter domain release %s has this written: %s "
                                          "with the text %s", domain, url, value)
                   : base_arena_printf(a, "only observed, so this is not written: %s with the text %s",
                                       url, value);
    case DNS_WRITE:
        return "the file is written";
    case DNS_WAIT:
        return agent_dns_by_hand(cfg, domain, d->method)
                   ? base_arena_printf(a, "put a file there, with this text and nothing else: %s  %s",
                                       url, value)
                   : base_arena_printf(a, "%s must show the file", url);
    case DNS_CHECK:
        return "the CA is asked to look";
    case DNS_REMOVE:
        return "the file is taken away";
    }
    return "";
}

static const char *what_next(struct base_arena *a, const struct policy_config *cfg,
                             const char *domain, const struct dns_data *d)
{
    if (d->method == POLICY_METHOD_HTTP)
        return what_next_file(a, cfg, domain, d);
    const struct policy_dns *s = policy_config_dns(cfg, domain);
    const struct policy_domain *p = policy_config_domain(cfg, domain);
    const char *rec = base_arena_printf(a, "%s. %lld IN %s %s", d->rec.name ? d->rec.name : "",
                                        (long long)d->rec.ttl, d->rec.type ? d->rec.type : "",
                                        d->rec.value ? d->rec.value : "");
    switch (d->step) {
    case DNS_ASK:
        return "the CA is asked for a value to put into the DNS";
    case DNS_LOOK:
        return p && p->mode == POLICY_MODE_HOLD
                   ? base_arena_printf(a, "held: certmilter domain release %s has this written: %s",
                                       domain, rec)
                   : base_arena_printf(a, "mode observe, so this is not written: %s", rec);
    case DNS_WRITE:
        return "the record is written";
    case DNS_WAIT:
        return s && s->manual ? base_arena_printf(a, "put this record into the zone: %s", rec)
                              : "all name servers must show the record";
    case DNS_CHECK:
        return "the CA is asked to look";
    case DNS_REMOVE:
        return "the record is taken away";
    }
    return "";
}

const char *agent_dns_next(struct base_arena *a, const struct policy_config *cfg,
                           const char *domain, const struct dns_data *d, const char *error)
{
    const char *next = what_next(a, cfg, domain, d);
    return error && error[0] ? base_arena_printf(a, "%s (last: %s)", next, error) : next;
}

void agent_dns_put(struct agent *ag, struct base_arena *a, const struct policy_domain *d,
                   int64_t intent, json_t *o)
{
    struct base_fail f = {0};
    struct ledger_job job;
    struct dns_data data;
    if (ledger_job_find(ag->ledger, a, agent_dns_key(a, intent), &job, &f) ||
        !agent_dns_read(a, job.data, &data))
        return;
    json_t *dcv = json_object();
    base_json_set(dcv, "method", policy_method_name(data.method));
    base_json_set(dcv, "step", steps[data.step]);
    base_json_set(dcv, "next", agent_dns_next(a, ag->conf->cfg, d->name, &data, job.error));
    if (data.rec.name)
        json_object_set_new(dcv, "record", record_json(&data.rec));
    json_object_set_new(o, "dcv", dcv);
}
