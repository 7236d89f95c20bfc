/* cli/record.c - profile record: from a mail and page of the own account to what an
 * administrator approves by name; and a sample of it that can be shared.
 *
 * Shows first, changes nothing. An approval is checked here against the very mail
 * (its signature must hold, the template must fit its link) and kept by the agent. */
#include "record.h"

#include <string.h>

#include "base/json.h"
#include "commands.h"
#include "inspect/client.h"
#include "mask.h"
#include "out_file.h"
#include "policy/recognise.h"
#include "policy/url.h"
#include "policy/watch.h"
#include "token.h"

#define PAGE_MAX (256 * 1024)

static int refuse(struct cli *c, const char *code, const char *text)
{
    struct base_fail f = {0};
    base_failf(&f, BASE_PERMANENT, code, "%s", text);
    return cli_failed(c, &f);
}

/* ---- the mail ------------------------------------------------------------------------- */

static int choose_profile(struct cli *c, const struct cli_args *args, struct cli_record *r)
{
    const char *id = cli_opt(args, "profile");
    id = id ? id : r->facts->profile;
    r->profile = policy_config_profile(c->cfg, id);
    if (!r->profile)
        return refuse(c, "record.profile",
                      id ? base_arena_printf(c->a, "there is no profile \"%s\"", id)
                         : "no profile knows this sender; --profile names one");
    if (!policy_profile_kind(r->profile, r->kind))
        return refuse(c, "record.kind",
                      base_arena_printf(c->a, "profile \"%s\" has no kind \"%s\"", r->profile->id,
                                        policy_kind_name(r->kind)));
    return CLI_DONE;
}

static bool better(const struct policy_link *a, const struct policy_link *b)
{
    struct cli_run ra, rb;
    if (!b)
        return true;
    if ((a->state == POLICY_LINK_FITS) != (b->state == POLICY_LINK_FITS))
        return a->state == POLICY_LINK_FITS;
    cli_longest_run(a->url, &ra);
    cli_longest_run(b->url, &rb);
    return ra.n > rb.n;
}

/* The link that it is about: the one asked for, else the one with the best token. */
static int choose_link(struct cli *c, const struct cli_args *args, struct cli_record *r)
{
    const char *wanted = cli_opt(args, "link");
    int64_t n;
    if (wanted) {
        if (!base_parse_int(wanted, 1, (int64_t)r->facts->nlinks, &n))
            return refuse(c, "record.link",
                          base_arena_printf(c->a, "--link %s: the mail has %zu links", wanted,
                                            r->facts->nlinks));
        r->link = &r->facts->links[n - 1];
    } else
        for (size_t i = 0; i < r->facts->nlinks; i++) {
            const struct policy_link *l = &r->facts->links[i];
            if (l->state != POLICY_LINK_DENIED && strncasecmp(l->url, "https://", 8) == 0 &&
                better(l, r->link))
                r->link = l;
        }
    return CLI_DONE;
}

static void read_shape(struct cli *c, struct cli_record *r)
{
    struct policy_match m;
    const char *why = NULL, *url;
    int port;
    if (!r->link)
        return;
    url = policy_url_normal(c->a, r->link->url, false, r->profile->rehearsal, &why);
    if (!url || !policy_url_host(c->a, url, &r->host, &port)) {
        r->wrong = why ? why : "the link has no host";
        return;
    }
    r->template = cli_template_of(c->a, url, r->facts->mailbox ? r->facts->mailbox : r->mailbox,
                                  r->facts->domain);
    r->wrong = policy_template_check(c->a, r->template, true, r->profile->rehearsal);
    if (!r->wrong && !policy_template_match(c->a, r->template, url, true, &m))
        r->wrong = "the template doesn't fit its own link; write one by hand";
    else if (!r->wrong && !strstr(r->template, "{token:"))
        r->wrong = "nothing in the link looks like a token; write the template by hand";
}

static int read_page(struct cli *c, const char *file, struct cli_record *r,
                     struct policy_page **out)
{
    struct base_buf b;
    struct base_fail f = {0};
    if (!file)
        return CLI_DONE;
    if (!cli_read(c, file, PAGE_MAX, &b))
        return CLI_REFUSED;
    enum base_fail_class bad =
        inspect_page(c->a, r->in.program, r->profile, r->kind, base_buf_bytes(&b),
                     r->link ? r->link->url : "https://localhost/", out, &f);
    base_buf_free(&b);
    if (!bad)
        return CLI_DONE;
    cli_failed(c, &f);
    return CLI_REFUSED;
}

static int read_all(struct cli *c, const struct cli_args *args, struct cli_record *r)
{
    struct base_fail f = {0};
    int s = cli_config(c);
    if (!s)
        s = cli_read_mail(c, args->pos[0], &r->raw);
    if (!s)
        s = cli_inspector_open(c, args, c->cfg->profiles, c->cfg->nprofiles, &r->in);
    if (!s && cli_inspect(c, &r->in, base_buf_bytes(&r->raw), true, &r->facts, &f)) {
        cli_failed(c, &f);
        s = CLI_REFUSED;
    }
    if (!s)
        s = choose_profile(c, args, r);
    if (!s)
        s = choose_link(c, args, r);
    if (!s)
        read_shape(c, r);
    if (!s)
        s = read_page(c, cli_opt(args, "page"), r, &r->page);
    if (!s)
        s = read_page(c, cli_opt(args, "answer"), r, &r->answer);
    return s;
}

/* ---- approving -------------------------------------------------------------------------- */

/* Does the template fit a link of the mail that is never denied? */
static bool fits_mail(struct cli *c, const struct cli_record *r, const char *tmpl)
{
    struct policy_match m;
    for (size_t i = 0; i < r->facts->nlinks; i++) {
        const struct policy_link *l = &r->facts->links[i];
        const char *url = policy_url_normal(c->a, l->url, false, r->profile->rehearsal, NULL);
        if (url && l->state != POLICY_LINK_DENIED && policy_template_match(c->a, tmpl, url, true, &m))
            return true;
    }
    return false;
}

static json_t *form_json(struct cli *c, const struct cli_args *args, const struct cli_record *r)
{
    json_t *form = json_object();
    if (r->page && r->page->nforms)
        base_json_set(form, "action", cli_record_action(c, r, &r->page->forms[0]));
    base_json_set(form, "button", cli_opt(args, "button"));
    base_json_set(form, "choice", cli_opt(args, "choice"));
    return form;
}

static void show_approved(struct cli *c, const json_t *answer)
{
    (void)answer;
    fprintf(c->out, "approved; certmilter profile record --list shows it\n");
}

static int approve(struct cli *c, const struct cli_args *args, const struct cli_record *r)
{
    const char *tmpl = cli_opt(args, "template"), *wrong;
    if (!tmpl)
        return cli_misused(c, args, "profile record: --approve needs --template");
    if (r->facts->auth.result != POLICY_AUTH_PASS)
        return refuse(c, "record.signature",
                      "the mail's signature doesn't hold: nothing is learned from it");
    if ((wrong = policy_template_check(c->a, tmpl, true, r->profile->rehearsal)) != NULL)
        return refuse(c, "record.template", base_arena_printf(c->a, "\"%s\": %s", tmpl, wrong));
    if (!fits_mail(c, r, tmpl))
        return refuse(c, "record.template", "the template fits no link of this mail");
    if (r->page && r->page->nforms > 1)
        return refuse(c, "record.form", "the page has more than one form: it can't be answered narrowly");
    json_t *req = cli_request(c, "record.approve"), *form = form_json(c, args, r);
    base_json_set(req, "profile", r->profile->id);
    base_json_set(req, "kind", policy_kind_name(r->kind));
    base_json_set(req, "host", cli_opt(args, "approve"));
    base_json_set(req, "template", tmpl);
    if (json_object_size(form))
        json_object_set(req, "form", form);
    json_decref(form);
    return cli_do(c, req, show_approved);
}

/* ---- a sample to share ------------------------------------------------------------------ */

static size_t mask_links(struct base_buf *raw, const struct policy_facts *f)
{
    size_t n = 0;
    for (size_t i = 0; i < f->nlinks; i++) {
        const char *url = f->links[i].url, *token = f->links[i].token;
        struct cli_run run;
        size_t from = 0;
        if (token)
            n += cli_mask_mail(raw->p, raw->n, token, strlen(token));
        while (cli_next_run(url, &from, &run))
            if (cli_looks_random(url + run.at, run.n))
                n += cli_mask_mail(raw->p, raw->n, url + run.at, run.n);
    }
    return n;
}

/* True if a token of BEFORE is still in a link of AFTER. */
static bool left_over(const struct policy_facts *before, const struct policy_facts *after)
{
    for (size_t i = 0; i < before->nlinks; i++) {
        struct cli_run run;
        if (!cli_longest_run(before->links[i].url, &run))
            continue;
        for (size_t k = 0; k < after->nlinks; k++)
            if (memmem(after->links[k].url, strlen(after->links[k].url),
                       before->links[i].url + run.at, run.n))
                return true;
    }
    return false;
}

static int write_sample(struct cli *c, const struct cli_args *args, struct cli_record *r)
{
    const char *file = cli_opt(args, "masked-out");
    struct policy_facts *after = NULL;
    struct base_fail f = {0};
    bool reserved, left;
    size_t n = mask_links(&r->raw, r->facts);
    if (cli_inspect(c, &r->in, base_buf_bytes(&r->raw), true, &after, &f)) {
        cli_failed(c, &f);
        return CLI_REFUSED;
    }
    left = left_over(r->facts, after);
    json_decref(after->certificates);
    if (left)
        return refuse(c, "record.masked",
                      "a token stands in this mail in a form that can't be masked: nothing was written");
    int s = cli_file_reserve(c, file, cli_has(args, "force"), &reserved);
    if (s)
        return s;
    s = cli_file_fill(c, file, r->raw.p, r->raw.n);
    cli_file_release(file, reserved && s);
    if (!s && !c->json)
        fprintf(c->out,
                "%s: %zu places masked. Its signature no longer holds; addresses, names and\n"
                "numbers are still in it: look at it before you share it.\n\n",
                cli_text(c, file), n);
    return s;
}

/* ---- the command ---------------------------------------------------------------------------- */

static void page_records(struct cli *c, const json_t *answer)
{
    const json_t *list = base_json_arr(answer, "records");
    struct cli_table t;
    cli_table_init(&t, "PROFILE", "KIND", "HOST", "TEMPLATE", "FORM", "BY", "AT", NULL);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i), *form = base_json_obj(o, "form");
        const char *b = cli_cell(c, form ? form : o, "button");
        const char *h = cli_cell(c, form ? form : o, "choice");
        cli_table_row(c, &t, cli_cell(c, o, "profile"), cli_cell(c, o, "kind"), cli_cell(c, o, "host"),
                      cli_cell(c, o, "template"),
                      base_arena_printf(c->a, "%s %s %s", cli_cell(c, form, "action"), b, h),
                      cli_cell(c, o, "by"), cli_cell(c, o, "at"));
    }
    cli_table_print(c, &t);
    if (json_array_size(list) == 0)
        fprintf(c->out, "nothing has been approved here\n");
}

static int withdraw(struct cli *c, const struct cli_args *args)
{
    if (args->npos != 2)
        return cli_misused(c, args, "profile record --withdraw: PROFILE and KIND are needed");
    json_t *req = cli_request(c, "record.withdraw");
    base_json_set(req, "profile", args->pos[0]);
    base_json_set(req, "kind", args->pos[1]);
    return cli_do(c, req, NULL);
}

static int record(struct cli *c, const struct cli_args *args, struct cli_record *r)
{
    int s = read_all(c, args, r);
    if (s)
        return s;
    if (cli_opt(args, "approve"))
        return approve(c, args, r);
    if (cli_opt(args, "masked-out") && (s = write_sample(c, args, r)) != CLI_DONE)
        return s;
    if (c->json) {
        json_t *o = cli_record_json(c, r);
        cli_json(c, o);
        json_decref(o);
    } else
        cli_record_text(c, r);
    return CLI_DONE;
}

int cli_cmd_profile_record(struct cli *c, const struct cli_args *args)
{
    struct cli_record r = {0};
    const char *kind = cli_opt(args, "kind"), *rcpt = cli_opt(args, "rcpt");
    if (cli_has(args, "list"))
        return cli_do(c, cli_request(c, "record.list"), page_records);
    if (cli_has(args, "withdraw"))
        return withdraw(c, args);
    if (args->npos != 1)
        return cli_misused(c, args, "profile record: one mail is needed");
    if (!kind || !policy_kind_parse(kind, &r.kind))
        return cli_misused(c, args, "profile record: --kind: expected domain-validation, "
                                    "mailbox-validation or another kind of the profile");
    if (!rcpt || !(r.mailbox = policy_watch_normalise(c->a, rcpt)))
        return cli_misused(c, args, "profile record: --rcpt: expected the mail's recipient");
    base_buf_init(&r.raw, 0);
    int s = record(c, args, &r);
    if (r.facts)
        json_decref(r.facts->certificates);
    cli_inspector_free(&r.in);
    base_buf_wipe(&r.raw);
    return s;
}
