/* cli/explain_show.c - an explained mail as JSON (the keys are an interface) and as text. */
#include <string.h>

#include "base/json.h"
#include "explain.h"
#include "token.h"

static const char *url_of(struct cli *c, const struct cli_explained *x, const struct policy_link *l)
{
    return x->show_links ? l->url : cli_mask_url(c->a, l->url, l->token);
}

/* ---- JSON ------------------------------------------------------------------------------ */

static void put(json_t *o, const char *key, const char *value)
{
    if (value)
        base_json_set(o, key, value);
    else
        json_object_set_new(o, key, json_null());
}

static json_t *links_json(struct cli *c, const struct cli_explained *x)
{
    json_t *list = json_array();
    for (size_t i = 0; i < x->facts->nlinks; i++) {
        const struct policy_link *l = &x->facts->links[i];
        json_t *o = json_object();
        base_json_set(o, "url", url_of(c, x, l));
        base_json_set(o, "where", l->where);
        base_json_setb(o, "fits", l->state == POLICY_LINK_FITS);
        base_json_setb(o, "denied", l->state == POLICY_LINK_DENIED);
        json_array_append_new(list, o);
    }
    return list;
}

static json_t *auth_json(const struct policy_auth *a)
{
    json_t *o = json_object();
    base_json_set(o, "result", policy_auth_name(a->result));
    base_json_set(o, "domain", a->domain);
    base_json_set(o, "selector", a->selector);
    base_json_set(o, "algorithm", a->algorithm);
    if (a->key_bits)
        base_json_setn(o, "key_bits", a->key_bits);
    base_json_set(o, "reason", a->reason);
    return o;
}

static json_t *ids_json(const struct policy_facts *f)
{
    json_t *list = json_array();
    for (size_t i = 0; i < f->nids; i++) {
        json_t *o = json_object();
        base_json_set(o, "name", f->ids[i].name);
        base_json_set(o, "value", f->ids[i].value);
        base_json_set(o, "where", f->ids[i].where);
        json_array_append_new(list, o);
    }
    return list;
}

static json_t *checks_json(const struct policy_decision *d)
{
    json_t *list = json_array();
    for (size_t i = 0; i < d->nchecks; i++) {
        json_t *o = json_object();
        base_json_set(o, "rule", d->checks[i].rule);
        base_json_set(o, "result", policy_result_name(d->checks[i].result));
        base_json_set(o, "detail", d->checks[i].detail ? d->checks[i].detail : "");
        json_array_append_new(list, o);
    }
    return list;
}

static json_t *problems_json(const struct policy_facts *f)
{
    json_t *list = json_array();
    for (size_t i = 0; i < f->nproblems; i++) {
        json_t *s = json_string(f->problems[i]);
        if (s)
            json_array_append_new(list, s);
    }
    return list;
}

json_t *cli_explained_json(struct cli *c, const struct cli_explained *x)
{
    const struct policy_facts *f = x->facts;
    json_t *o = json_object();
    put(o, "profile", f->profile);
    put(o, "kind", policy_kind_name(f->kind));
    base_json_setb(o, "authenticated", f->auth.result == POLICY_AUTH_PASS);
    put(o, "domain", f->domain);
    put(o, "mailbox", f->mailbox);
    put(o, "order", policy_facts_id(f, "order"));
    json_object_set_new(o, "links", links_json(c, x));
    base_json_setn(o, "certificates", (int64_t)json_array_size(f->certificates));
    put(o, "decision", policy_verdict_name(x->decision->verdict));
    json_object_set_new(o, "checks", checks_json(x->decision));
    /* further keys */
    put(o, "reason", x->decision->reason);
    put(o, "text", x->decision->text);
    json_object_set_new(o, "authentication", auth_json(&f->auth));
    json_object_set_new(o, "ids", ids_json(f));
    put(o, "kind_by", f->kind_by);
    json_object_set_new(o, "problems", problems_json(f));
    put(o, "assumed", x->assumed);
    base_json_setb(o, "unseen", x->unseen);
    return o;
}

/* ---- text ------------------------------------------------------------------------------- */

static const char *auth_line(struct cli *c, const struct policy_auth *a)
{
    const char *by = a->domain
                         ? base_arena_printf(c->a, "; d=%s s=%s %s, %d bits", cli_text(c, a->domain),
                                             cli_text(c, a->selector), cli_text(c, a->algorithm),
                                             a->key_bits)
                         : "";
    return base_arena_printf(c->a, "%s%s%s%s", policy_auth_name(a->result), a->reason ? ": " : "",
                             cli_text(c, a->reason), by);
}

static void ids_lines(struct cli *c, struct cli_table *t, const struct policy_facts *f)
{
    for (size_t i = 0; i < f->nids; i++)
        cli_pair(c, t, cli_text(c, f->ids[i].name),
                 base_arena_printf(c->a, "%s  (%s)", cli_text(c, f->ids[i].value),
                                   cli_text(c, f->ids[i].where)));
    if (f->id_conflict)
        cli_pair(c, t, "ids", "two different values for one id");
}

/* The same link stands in text and HTML as a rule. */
static bool seen_before(const struct policy_facts *f, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(f->links[i].url, f->links[n].url) == 0)
            return true;
    return false;
}

static void link_lines(struct cli *c, struct cli_table *t, const struct cli_explained *x)
{
    size_t others = 0;
    const struct policy_facts *f = x->facts;
    for (size_t i = 0; i < f->nlinks; i++) {
        const struct policy_link *l = &f->links[i];
        if (seen_before(f, i))
            continue;
        if (l->state == POLICY_LINK_OTHER && !x->show_links) {
            others++;
            continue;
        }
        cli_pair(c, t,
                 l->state == POLICY_LINK_FITS     ? "link"
                 : l->state == POLICY_LINK_DENIED ? "link, never opened"
                                                  : "other link",
                 base_arena_printf(c->a, "%s  (%s)", cli_text(c, url_of(c, x, l)),
                                   cli_text(c, l->where)));
    }
    if (others || f->nlinks == 0)
        cli_pair(c, t, "other links", base_arena_printf(c->a, "%zu", others));
}

/* "confirm" at this gate is only the leave to go on. */
static const char *decision_line(struct cli *c, const struct policy_decision *d)
{
    size_t open = 0;
    for (size_t i = 0; i < d->nchecks; i++)
        open += d->checks[i].result == POLICY_CHECK_LATER;
    return base_arena_printf(c->a, "%s: %s%s", policy_verdict_name(d->verdict), cli_text(c, d->text),
                             d->verdict == POLICY_CONFIRM && open
                                 ? base_arena_printf(c->a,
                                                     " So far: %zu checks wait for the CA's API and "
                                                     "its page, and each can still stop it.",
                                                     open)
                                 : "");
}

void cli_explained_text(struct cli *c, const struct cli_explained *x)
{
    struct cli_table t = {0};
    const struct policy_facts *f = x->facts;
    const struct policy_decision *d = x->decision;
    cli_pair(c, &t, "profile", f->profile ? cli_text(c, f->profile) : "none: no CA that is known");
    cli_pair(c, &t, "kind",
             base_arena_printf(c->a, "%s%s%s%s", policy_kind_name(f->kind), f->kind_by ? ", by its " : "",
                               cli_text(c, f->kind_by), f->kind_conflict ? " (contradictory)" : ""));
    cli_pair(c, &t, "authentication", auth_line(c, &f->auth));
    cli_pair(c, &t, "subject", cli_text(c, f->subject));
    cli_pair(c, &t, "domain",
             f->domain ? base_arena_printf(c->a, "%s%s", cli_text(c, f->domain),
                                           f->domain_conflict ? " (and another one)" : "")
                       : NULL);
    cli_pair(c, &t, "mailbox",
             f->mailbox ? base_arena_printf(c->a, "%s%s", cli_text(c, f->mailbox),
                                            f->mailbox_conflict ? " (and another one)" : "")
                        : NULL);
    ids_lines(c, &t, f);
    link_lines(c, &t, x);
    cli_pair(c, &t, "certificates",
             base_arena_printf(c->a, "%zu", json_array_size(f->certificates)));
    for (size_t i = 0; i < f->nproblems; i++)
        cli_pair(c, &t, "left out", cli_text(c, f->problems[i]));
    if (x->unseen)
        cli_pair(c, &t, "note", "its body was read for this explanation only");
    cli_pair(c, &t, "decision", decision_line(c, d));
    cli_table_print(c, &t);
    if (d->nchecks) {
        json_t *list = checks_json(d);
        fputc('\n', c->out);
        cli_checks(c, list);
        json_decref(list);
    }
}
