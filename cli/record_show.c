/* cli/record_show.c - a recorded mail and page, as a person needs them to approve by name. */
#include <string.h>

#include "base/json.h"
#include "net/http.h"
#include "policy/recognise.h"
#include "record.h"
#include "token.h"

const char *cli_record_action(struct cli *c, const struct cli_record *r,
                              const struct policy_form *form)
{
    const char *url = NULL, *host = NULL;
    struct cli_run run;
    size_t from = 0;
    int port;
    if (!r->link)
        return NULL;
    if (!form->action || !form->action[0])
        url = r->link->url;
    else if (net_url_resolve(c->a, r->link->url, form->action, &url, NULL))
        return NULL;
    if (!policy_url_host(c->a, url, &host, &port) || !r->host || strcmp(host, r->host) != 0)
        return NULL;
    const char *path = strchr(url + strlen("https://"), '/');
    if (!path)
        return "/";
    size_t n = strcspn(path, "?");
    while (cli_next_run(path, &from, &run))
        if (run.at < n && cli_looks_random(path + run.at, run.n))
            n = run.at;
    return base_arena_strndup(c->a, path, n);
}

static bool is_choice(const struct policy_field *f)
{
    return f->type && (strcmp(f->type, "radio") == 0 || strcmp(f->type, "select") == 0 ||
                       strcmp(f->type, "checkbox") == 0);
}

/* ---- text ------------------------------------------------------------------------------ */

static void field_lines(struct cli *c, struct cli_table *t, const struct policy_field *f)
{
    if (!is_choice(f)) {
        cli_pair(c, t, "  field",
                 base_arena_printf(c->a, "%s (%s)", cli_text(c, f->name), cli_text(c, f->type)));
        return;
    }
    if (f->noptions == 0)
        cli_pair(c, t, "  choice",
                 base_arena_printf(c->a, "%s=%s (%s)%s", cli_text(c, f->name), cli_text(c, f->value),
                                   cli_text(c, f->type), f->checked ? ", preset" : ""));
    for (size_t i = 0; i < f->noptions; i++)
        cli_pair(c, t, "  choice",
                 base_arena_printf(c->a, "%s=%s  \"%s\"%s", cli_text(c, f->name),
                                   cli_text(c, f->options[i].value), cli_text(c, f->options[i].label),
                                   f->options[i].selected ? ", preset" : ""));
}

static void page_lines(struct cli *c, struct cli_table *t, const struct cli_record *r,
                       const struct policy_page *p, const char *name)
{
    if (!p)
        return;
    cli_pair(c, t, name,
             base_arena_printf(c->a, "\"%s\", by the profile's texts: %s%s%s", cli_text(c, p->title),
                               policy_page_state_name(p->state),
                               p->password_field ? "; asks for a password" : "",
                               p->captcha ? "; has a captcha" : ""));
    for (size_t i = 0; i < p->nforms; i++) {
        const char *action = cli_record_action(c, r, &p->forms[i]);
        cli_pair(c, t, "  form",
                 base_arena_printf(c->a, "%s %s", cli_text(c, p->forms[i].method),
                                   action ? cli_text(c, action) : "to another host: never sent"));
        for (size_t k = 0; k < p->forms[i].nfields; k++)
            field_lines(c, t, &p->forms[i].fields[k]);
        for (size_t k = 0; k < p->forms[i].nbuttons; k++)
            cli_pair(c, t, "  button",
                     base_arena_printf(c->a, "%s=%s  \"%s\"", cli_text(c, p->forms[i].buttons[k].name),
                                       cli_text(c, p->forms[i].buttons[k].value),
                                       cli_text(c, p->forms[i].buttons[k].label)));
    }
    if (p->text)
        cli_pair(c, t, "  text", cli_text(c, p->text));
}

static void link_lines(struct cli *c, struct cli_table *t, const struct cli_record *r)
{
    for (size_t i = 0; i < r->facts->nlinks; i++) {
        const struct policy_link *l = &r->facts->links[i];
        cli_pair(c, t, base_arena_printf(c->a, "link %zu%s", i + 1, l == r->link ? " *" : ""),
                 base_arena_printf(c->a, "%s%s", cli_text(c, cli_mask_url(c->a, l->url, l->token)),
                                   l->state == POLICY_LINK_FITS     ? "  (fits the profile)"
                                   : l->state == POLICY_LINK_DENIED ? "  (never opened)"
                                                                    : ""));
    }
}

void cli_record_text(struct cli *c, const struct cli_record *r)
{
    struct cli_table t = {0};
    cli_pair(c, &t, "profile", cli_text(c, r->profile->id));
    cli_pair(c, &t, "kind", policy_kind_name(r->kind));
    cli_pair(c, &t, "signature",
             base_arena_printf(c->a, "%s%s%s%s%s", policy_auth_name(r->facts->auth.result),
                               r->facts->auth.domain ? ", d=" : "",
                               cli_text(c, r->facts->auth.domain),
                               r->facts->auth.reason ? ": " : "",
                               cli_text(c, r->facts->auth.reason)));
    for (size_t i = 0; i < r->facts->nfrom; i++)
        cli_pair(c, &t, "sender", cli_text(c, r->facts->from[i]));
    cli_pair(c, &t, "subject", cli_text(c, r->facts->subject));
    link_lines(c, &t, r);
    cli_pair(c, &t, "host", cli_text(c, r->host));
    cli_pair(c, &t, "template", cli_text(c, r->template));
    cli_pair(c, &t, "  but", cli_text(c, r->wrong));
    page_lines(c, &t, r, r->page, "page");
    page_lines(c, &t, r, r->answer, "answer");
    cli_table_print(c, &t);
    if (r->template && !r->wrong)
        fprintf(c->out,
                "\nIf all of this is as it should be, the same command with\n"
                "  --approve %s --template '%s'\napproves it for this site, in your name.\n",
                cli_text(c, r->host), cli_text(c, r->template));
}

/* ---- JSON -------------------------------------------------------------------------------- */

json_t *cli_record_json(struct cli *c, const struct cli_record *r)
{
    json_t *o = json_object(), *links = json_array();
    base_json_setb(o, "ok", true);
    base_json_set(o, "profile", r->profile->id);
    base_json_set(o, "kind", policy_kind_name(r->kind));
    base_json_set(o, "authentication", policy_auth_name(r->facts->auth.result));
    base_json_set(o, "reason", r->facts->auth.reason);
    base_json_set(o, "subject", r->facts->subject);
    for (size_t i = 0; i < r->facts->nlinks; i++) {
        const struct policy_link *l = &r->facts->links[i];
        json_t *one = json_object();
        base_json_set(one, "url", cli_mask_url(c->a, l->url, l->token));
        base_json_setb(one, "fits", l->state == POLICY_LINK_FITS);
        base_json_setb(one, "denied", l->state == POLICY_LINK_DENIED);
        base_json_setb(one, "chosen", l == r->link);
        json_array_append_new(links, one);
    }
    json_object_set_new(o, "links", links);
    base_json_set(o, "host", r->host);
    base_json_set(o, "template", r->template);
    base_json_set(o, "wrong", r->wrong);
    if (r->page) {
        json_t *p = policy_page_to_json(r->page);
        if (r->page->nforms)
            base_json_set(o, "action", cli_record_action(c, r, &r->page->forms[0]));
        json_object_set_new(o, "page", p);
    }
    if (r->answer)
        json_object_set_new(o, "answer", policy_page_to_json(r->answer));
    return o;
}
