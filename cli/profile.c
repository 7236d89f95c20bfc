/* cli/profile.c - is a profile well-formed, and what does it make of sample mails. */
#include <string.h>

#include "base/json.h"
#include "commands.h"
#include "inspectmail.h"

static json_t *errors_json(const struct policy_config_errors *errs)
{
    json_t *list = json_array();
    for (size_t i = 0; i < errs->n; i++) {
        json_t *o = json_object();
        base_json_set(o, "where", errs->v[i].where);
        base_json_set(o, "text", errs->v[i].text);
        json_array_append_new(list, o);
    }
    return list;
}

/* Loads FILE; NULL after its errors were said. */
static struct policy_profile *load(struct cli *c, const char *file)
{
    struct policy_config_errors errs;
    struct policy_profile *p = NULL;
    struct base_fail f = {0};
    if (policy_profile_load(c->a, file, &p, &errs, &f)) {
        p = NULL;
        if (c->json) {
            json_t *o = json_object();
            base_json_setb(o, "ok", false);
            base_json_set(o, "class", "permanent");
            base_json_set(o, "code", "profile.errors");
            base_json_set(o, "text", "the profile has errors");
            json_object_set_new(o, "errors", errors_json(&errs));
            cli_json(c, o);
            json_decref(o);
        } else
            for (size_t i = 0; i < errs.n; i++)
                cli_complain(c, "%s", cli_error_line(c, &errs.v[i]));
        if (errs.n == 0 && !c->json)
            cli_failed(c, &f);
    }
    policy_config_errors_free(&errs);
    return p;
}

int cli_cmd_profile_check(struct cli *c, const struct cli_args *args)
{
    struct policy_profile *p = load(c, args->pos[0]);
    struct cli_table t;
    if (!p)
        return CLI_REFUSED;
    if (c->json) {
        json_t *o = json_object();
        base_json_setb(o, "ok", true);
        json_object_set_new(o, "profile", policy_profile_to_json(p));
        cli_json(c, o);
        json_decref(o);
        return CLI_DONE;
    }
    fprintf(c->out, "%s: %s\n", cli_text(c, p->id), cli_text(c, p->title));
    cli_table_init(&t, "KIND", "VERIFIED", "ACTION", "SIGNERS", "LINKS", "PLACES", NULL);
    for (size_t i = 0; i < p->nkinds; i++) {
        const struct policy_kind_rules *k = &p->kinds[i];
        cli_table_row(c, &t, policy_kind_name(k->kind), k->verified ? "yes" : "no",
                      policy_action_name(k->action), base_arena_printf(c->a, "%zu", k->signers.n),
                      base_arena_printf(c->a, "%zu", k->links.n),
                      base_arena_printf(c->a, "%zu", k->places.n));
    }
    cli_table_print(c, &t);
    return CLI_DONE;
}

/* ---- test ----------------------------------------------------------------------------- */

struct trial {
    const char *file, *problem; /* problem: it could not be inspected */
    const struct policy_facts *facts;
    size_t fits, denied;
};

static void count_links(struct trial *t)
{
    for (size_t i = 0; i < t->facts->nlinks; i++) {
        t->fits += t->facts->links[i].state == POLICY_LINK_FITS;
        t->denied += t->facts->links[i].state == POLICY_LINK_DENIED;
    }
}

static json_t *trial_json(const struct trial *t)
{
    json_t *o = json_object();
    base_json_set(o, "file", t->file);
    base_json_set(o, "problem", t->problem);
    if (!t->facts)
        return o;
    base_json_set(o, "profile", t->facts->profile);
    base_json_set(o, "kind", policy_kind_name(t->facts->kind));
    base_json_set(o, "kind_by", t->facts->kind_by);
    base_json_set(o, "authentication", policy_auth_name(t->facts->auth.result));
    base_json_set(o, "domain", t->facts->domain);
    base_json_set(o, "mailbox", t->facts->mailbox);
    base_json_set(o, "order", policy_facts_id(t->facts, "order"));
    base_json_setn(o, "fits", (int64_t)t->fits);
    base_json_setn(o, "denied", (int64_t)t->denied);
    base_json_setn(o, "certificates", (int64_t)json_array_size(t->facts->certificates));
    return o;
}

static void trial_row(struct cli *c, struct cli_table *t, const struct trial *r)
{
    const struct policy_facts *f = r->facts;
    if (!f) {
        cli_table_row(c, t, cli_text(c, r->file), cli_text(c, r->problem), "", "", "", "", "", "");
        return;
    }
    cli_table_row(c, t, cli_text(c, r->file),
                  f->profile ? policy_kind_name(f->kind) : "not of this profile",
                  cli_text(c, f->kind_by), policy_auth_name(f->auth.result),
                  cli_text(c, f->mailbox ? f->mailbox : f->domain),
                  cli_text(c, policy_facts_id(f, "order")),
                  base_arena_printf(c->a, "%zu of %zu", r->fits, f->nlinks),
                  base_arena_printf(c->a, "%zu", json_array_size(f->certificates)));
}

/* False if FILE can't be judged. */
static bool try_mail(struct cli *c, const struct cli_inspector *in, const char *file,
                     struct trial *t)
{
    struct base_fail f = {0};
    struct base_buf raw;
    struct policy_facts *facts = NULL;
    *t = (struct trial){.file = file};
    if (cli_read_mail(c, file, &raw))
        t->problem = "no mail";
    else if (cli_inspect(c, in, base_buf_bytes(&raw), true, &facts, &f))
        t->problem = base_arena_strdup(c->a, f.text);
    t->facts = facts;
    if (facts)
        count_links(t);
    base_buf_free(&raw);
    return facts != NULL;
}

static int run_trials(struct cli *c, const struct cli_args *args, const struct cli_inspector *in)
{
    struct cli_table t;
    json_t *list = json_array();
    bool all = true, json = c->json;
    cli_table_init(&t, "MAIL", "KIND", "BY", "SIGNATURE", "FOR", "ORDER", "LINKS THAT FIT",
                   "CERTIFICATES", NULL);
    c->json = false; /* a single unreadable mail is a line of the report */
    for (size_t i = 1; i < args->npos; i++) {
        struct trial r;
        all = try_mail(c, in, args->pos[i], &r) && all;
        if (json)
            json_array_append_new(list, trial_json(&r));
        else
            trial_row(c, &t, &r);
        if (r.facts)
            json_decref(r.facts->certificates);
    }
    c->json = json;
    if (json) {
        json_t *o = json_object();
        base_json_setb(o, "ok", all);
        json_object_set(o, "mails", list);
        cli_json(c, o);
        json_decref(o);
    } else
        cli_table_print(c, &t);
    json_decref(list);
    return all ? CLI_DONE : CLI_REFUSED;
}

int cli_cmd_profile_test(struct cli *c, const struct cli_args *args)
{
    struct policy_profile *p = load(c, args->pos[0]);
    struct cli_inspector in = {0};
    int r = CLI_REFUSED;
    if (!p)
        return r;
    if (!cli_opt(args, "dns-data") && (r = cli_config(c)) != CLI_DONE)
        return r; /* it names the resolvers */
    r = cli_inspector_open(c, args, &p, 1, &in);
    if (!r)
        r = run_trials(c, args, &in);
    cli_inspector_free(&in);
    return r;
}
