/* cli/explain.c - what would be done with a mail, and why. Needs no daemon.
 *
 * The mail is parsed whatever its signature, so that it can be explained; the
 * decision is taken on what the agent would have seen, which is nothing of the body
 * of an unauthenticated mail. Evidence is built as agent/evidence.c builds it, minus
 * what only the ledger knows. */
#include "explain.h"

#include <string.h>

#include "assume.h"
#include "commands.h"
#include "inspectmail.h"
#include "policy/watch.h"

struct work {
    struct cli_inspector in;
    struct cli_assumed as;
    struct base_buf raw;
    struct policy_facts *shown; /* parsed by force */
    struct policy_facts *seen;  /* as the agent sees it; may be the same */
    struct policy_decision decision;
    const char *rcpt, *assumed;
};

static int inspect_both(struct cli *c, struct work *w)
{
    struct base_fail f = {0};
    struct base_bytes raw = base_buf_bytes(&w->raw);
    enum base_fail_class r = cli_inspect(c, &w->in, raw, true, &w->shown, &f);
    if (!r && w->shown->auth.result != POLICY_AUTH_PASS)
        r = cli_inspect(c, &w->in, raw, false, &w->seen, &f);
    else
        w->seen = w->shown;
    if (!r)
        return CLI_DONE;
    cli_failed(c, &f);
    return CLI_REFUSED;
}

static void decide(struct cli *c, struct work *w)
{
    struct policy_evidence ev = {
        .now = w->in.at,
        .received = w->in.at,
        .facts = w->seen,
        .rcpt = w->rcpt,
        .intents = w->as.intent,
        .nintents = w->as.n,
        .consent = w->as.consent,
        .has_accounts = c->cfg->naccounts > 0,
    };
    cli_complete_intents(c, &w->as, w->in.at);
    policy_decide(c->a, POLICY_GATE_ASK, &ev, c->cfg, &w->decision);
}

/* A field name and a colon can stand at the start of any file; some field that a
 * mail has must be among them (RFC 5322 section 3.6). */
static int check_header(struct cli *c, const char *file, const struct policy_facts *f)
{
    struct base_fail fail = {0};
    if (f->from_fields || f->subject || f->message_id || f->to || f->date)
        return CLI_DONE;
    base_failf(&fail, BASE_PERMANENT, "mail.none", "%s is no mail: it has no header", file);
    return cli_failed(c, &fail);
}

/* Everything up to the decision. CLI_DONE, or the status (said). */
static int work_on(struct cli *c, const struct cli_args *args, struct work *w)
{
    const char *rcpt = cli_opt(args, "rcpt");
    if (!rcpt)
        return cli_misused(c, args, "explain: --rcpt is missing: to whom was the mail sent?");
    w->rcpt = policy_watch_normalise(c->a, rcpt);
    if (!w->rcpt)
        return cli_misused(c, args, "--rcpt: \"%s\" is no mail address", rcpt);
    int r = cli_read_intents(c, args, &w->as);
    if (!r)
        r = cli_read_mail(c, args->pos[0], &w->raw);
    if (!r)
        r = cli_config(c);
    if (!r)
        r = cli_inspector_open(c, args, c->cfg->profiles, c->cfg->nprofiles, &w->in);
    if (!r)
        r = inspect_both(c, w);
    if (!r)
        r = check_header(c, args->pos[0], w->shown);
    if (r)
        return r;
    if (c->cfg_assumed) {
        w->assumed = cli_assume_domains(c, &w->as, w->rcpt, w->shown->profile);
        cli_complain(c, "%s", w->assumed);
    }
    decide(c, w);
    return CLI_DONE;
}

int cli_cmd_explain(struct cli *c, const struct cli_args *args)
{
    struct work w = {0};
    base_buf_init(&w.raw, 0);
    int r = work_on(c, args, &w);
    if (!r) {
        struct cli_explained x = {.facts = w.shown,
                                  .decision = &w.decision,
                                  .assumed = w.assumed,
                                  .show_links = cli_has(args, "show-links"),
                                  .unseen = w.seen != w.shown && w.shown->parsed};
        if (c->json) {
            json_t *o = cli_explained_json(c, &x);
            cli_json(c, o);
            json_decref(o);
        } else
            cli_explained_text(c, &x);
    }
    if (w.seen && w.seen != w.shown)
        json_decref(w.seen->certificates);
    if (w.shown)
        json_decref(w.shown->certificates);
    cli_inspector_free(&w.in);
    base_buf_free(&w.raw);
    return r;
}
