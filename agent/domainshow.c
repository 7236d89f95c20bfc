/* agent/domainshow.c - a domain's calendar for a person: until when, what comes next and when.
 * Reads only. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "dnsrun.h"
#include "domainlook.h"
#include "show.h"

#define DAY 86400
#define PAGE 100

static const char *by_mail(struct base_arena *a, const struct ledger_intent *i, int64_t *at)
{
    char when[BASE_TIME_LEN];
    if (i->p.state == POLICY_INTENT_REQUESTING) {
        *at = 0;
        return "the CA is asked to send its mails";
    }
    *at = i->p.expires;
    if (i->next_look && i->next_look < i->p.expires)
        *at = i->next_look;
    return base_arena_printf(a, "its mails are waited for, until %s at the latest; then the CA is asked "
                                "to send again",
                             base_time_rfc3339(i->p.expires, when));
}

static const char *next_of(struct agent *ag, struct base_arena *a, const struct policy_domain *d,
                           const struct ledger_domain_look *st, int64_t until,
                           const struct ledger_intent *i, const json_t *o, int64_t *at)
{
    const char *dcv = base_json_str(base_json_obj(o, "dcv"), "next");
    bool open = i && (i->p.state <= POLICY_INTENT_CONFIRMING || i->p.state == POLICY_INTENT_UNKNOWN);
    if (!d->account)
        return "only guarded: it has no account";
    if (dcv)
        return base_arena_strdup(a, dcv);
    if (open)
        return by_mail(a, i, at);
    if (!until)
        return base_arena_printf(a, "nothing: \"certmilter domain add %s\" asks for its validation",
                                 d->name);
    *at = until;
    if (d->revalidate_days == 0)
        return base_arena_printf(a, "it ends; \"certmilter domain add %s\" validates it anew", d->name);
    *at = until - d->revalidate_days * DAY;
    if (*at <= base_now()) /* tried already: again a day later */
        *at = st->tried + ag->conf->cfg->domain_check;
    return base_arena_printf(a, "validated anew by %s%s", policy_method_name(d->method),
                             agent_dns_by_hand(ag->conf->cfg, d->name, d->method)
                                 ? ", with a person's help"
                                 : "");
}

void agent_calendar_put(struct agent *ag, struct base_arena *a, const struct policy_domain *d,
                        const struct ledger_domain *ca, const struct ledger_intent *i, json_t *o)
{
    struct base_fail f = {0};
    struct ledger_domain_look st;
    int64_t at = 0, until, now = base_now();
    if (ledger_domain_look_get(ag->ledger, a, d->name, &st, &f))
        return;
    until = ca ? agent_domain_until(ag->conf->cfg, ca, &st) : 0;
    base_json_set(o, "effective_mode",
                  policy_mode_name(st.dropped ? POLICY_MODE_OBSERVE : d->mode));
    base_json_setn(o, "dropped", st.dropped);
    base_json_set(o, "mx", st.mx);
    json_object_set_new(o, "contacts", agent_string_list(st.contacts, st.ncontacts));
    base_json_setn(o, "dns_looked_at", st.looked_at);
    base_json_setn(o, "until", until);
    if (until)
        base_json_setn(o, "days_left", until > now ? (until - now) / DAY : 0);
    base_json_set(o, "trouble", st.trouble);
    base_json_set(o, "persist", st.persist);
    base_json_setn(o, "persist_until", st.persist_until);
    json_t *next = json_object();
    const char *text = next_of(ag, a, d, &st, until, i, o, &at);
    if (st.dropped)
        text = base_arena_printf(a, "only observed, its MX names %s; %s",
                                 st.mx && st.mx[0] ? st.mx : "nobody", text);
    base_json_set(next, "text", text);
    base_json_setn(next, "at", at);
    json_object_set_new(o, "next", next);
}

/* ---- status ------------------------------------------------------------------------------ */

static void attend(json_t *list, const char *text)
{
    json_array_append_new(list, json_string(text));
}

/* Rows of former domains stay: only what is configured now counts. */
static size_t list_of(struct agent *ag, struct base_arena *a, enum ledger_domain_which which,
                      struct ledger_domain_look **v)
{
    struct base_fail f = {0};
    size_t n = 0, left = 0;
    if (ledger_domain_look_list(ag->ledger, a, which, "", PAGE, v, &n, &f))
        return 0;
    for (size_t i = 0; i < n; i++)
        if (policy_config_domain(ag->conf->cfg, (*v)[i].name))
            (*v)[left++] = (*v)[i];
    return left;
}

void agent_calendar_attention(struct agent *ag, json_t *list)
{
    struct base_arena *a = base_arena_new();
    struct ledger_domain_look *v;
    char when[BASE_TIME_LEN];
    size_t n = list_of(ag, a, LEDGER_DOMAIN_DROPPED, &v);
    for (size_t i = 0; i < n; i++)
        attend(list, base_arena_printf(a, "%s is only observed: its MX names none of our hosts (%s)",
                                       v[i].name, v[i].mx && v[i].mx[0] ? v[i].mx : "it has none"));
    n = list_of(ag, a, LEDGER_DOMAIN_ATTENTION, &v);
    for (size_t i = 0; i < n; i++) {
        if (v[i].trouble)
            attend(list, base_arena_printf(a, "the validation of %s needs a person: %s", v[i].name,
                                           v[i].trouble));
        if (v[i].persist_until && v[i].persist_until - AGENT_PERSIST_WARN <= base_now())
            attend(list, base_arena_printf(a, "the persistent validation record of %s ends on %s",
                                           v[i].name,
                                           base_time_rfc3339(v[i].persist_until, when)));
    }
    base_arena_free(a);
}
