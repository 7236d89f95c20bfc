/* policy/decide.c - the decision: checks first, then the row of the table.
 *
 * Default is deny: CONFIRM is said in one place only, when every check that
 * this gate needs has passed (policy_outcome_validation). Pure; memory from the
 * caller's arena. */
#include "decide.h"

#include <stdarg.h>
#include <string.h>

#include "base/json.h"
#include "case.h"
#include "jsonio.h"

static const char *const rule_names[POLICY_RULES] = {
    "dkim",      "from",     "sender", "signer",  "age",    "kind",     "action",
    "verified",  "link",     "token",  "domain",  "intent", "account",  "recipient",
    "consent",   "binding",  "api",    "pending", "method", "api-name", "page",
    "page-name", "page-ids", "form",   "result",  "mode",
};

const char *policy_rule_name(enum policy_rule r)
{
    return (size_t)r < POLICY_RULES ? rule_names[r] : "";
}

static void put(struct policy_case *k, enum policy_rule rule, enum policy_result r,
                const char *text)
{
    struct policy_decision *d = k->d;

    if (k->seen[rule] || d->nchecks == POLICY_CHECKS) {
        return;
    }
    k->seen[rule] = true;
    k->r[rule] = r;
    d->checks[d->nchecks++] = (struct policy_check){policy_rule_name(rule), r, text};
}

__attribute__((format(printf, 2, 0)))
static char *format(struct base_arena *a, const char *fmt, va_list ap)
{
    char text[700];

    (void)vsnprintf(text, sizeof text, fmt, ap);
    return base_arena_strdup(a, text);
}

void policy_check_put(struct policy_case *k, enum policy_rule rule, enum policy_result r,
                      const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    put(k, rule, r, format(k->a, fmt, ap));
    va_end(ap);
}

void policy_check_ask(struct policy_case *k, enum policy_rule rule, const char *fmt, ...)
{
    const struct policy_approval *ok = &k->e->approval;
    va_list ap;

    va_start(ap, fmt);
    const char *text = format(k->a, fmt, ap);
    va_end(ap);
    if (ok->given) {
        put(k, rule, POLICY_CHECK_PASS,
            base_arena_printf(k->a, "%s; released by %s: %s", text,
                              ok->who != NULL ? ok->who : "a person",
                              ok->reason != NULL ? ok->reason : "no reason given"));
        return;
    }
    put(k, rule, POLICY_CHECK_UNKNOWN, text);
}

bool policy_check_is(const struct policy_case *k, enum policy_rule rule, enum policy_result r)
{
    return k->seen[rule] && k->r[rule] == r;
}

static bool start(struct policy_case *k)
{
    const struct policy_facts *f = k->f;

    if (f == NULL || f->profile == NULL) {
        policy_say(k, POLICY_PASS, "not-a-ca", "No CA profile knows this sender.");
        return false;
    }
    k->profile = policy_config_profile(k->c, f->profile);
    if (k->profile == NULL) {
        policy_say(k, POLICY_PASS, "no-profile", "The profile \"%s\" is not in use.", f->profile);
        return false;
    }
    k->rules = policy_profile_kind(k->profile, f->kind);
    k->d->rules = k->rules;
    k->validation =
        f->kind == POLICY_KIND_DOMAIN_VALIDATION || f->kind == POLICY_KIND_MAILBOX_VALIDATION;
    policy_find_domain(k);
    return true;
}

/* A mail that asks for nothing that is ours is nobody's business here. */
static bool concerns_us(struct policy_case *k)
{
    if (k->d->domain != NULL || (k->f->kind == POLICY_KIND_CERTIFICATE_ISSUED && k->name == NULL)) {
        return true;
    }
    policy_say(k, POLICY_PASS, "not-controlled", "%s is not a controlled domain.",
               k->name != NULL ? k->name : "What this mail is about");
    return false;
}

void policy_decide(struct base_arena *a, enum policy_gate gate, const struct policy_evidence *e,
                   const struct policy_config *c, struct policy_decision *out)
{
    struct policy_case k = {.a = a, .gate = gate, .e = e, .c = c, .f = e->facts, .d = out};

    memset(out, 0, sizeof *out);
    if (!start(&k) || !concerns_us(&k)) {
        return;
    }
    policy_check_signature(&k);
    if (k.f->auth.result != POLICY_AUTH_PASS) {
        policy_outcome_signature(&k);
        return;
    }
    if (!k.validation || k.rules == NULL) {
        policy_outcome_plain(&k);
        return;
    }
    policy_find_intents(&k);
    if (gate == POLICY_GATE_DONE) {
        policy_check_result(&k);
        policy_outcome_done(&k);
        return;
    }
    policy_check_mail(&k);
    policy_check_ours(&k);
    policy_check_api(&k);
    policy_check_page(&k);
    policy_check_binding(&k);
    policy_outcome_validation(&k);
}

/* ---- words -------------------------------------------------------------------- */

const char *policy_verdict_name(enum policy_verdict v)
{
    static const char *const names[] = {"pass", "observe", "confirm", "collect",
                                        "hold", "later",   "alarm"};

    return (size_t)v < sizeof names / sizeof *names ? names[v] : "hold";
}

const char *policy_result_name(enum policy_result r)
{
    static const char *const names[] = {"pass", "fail", "unknown", "later"};

    return (size_t)r < sizeof names / sizeof *names ? names[r] : "unknown";
}

json_t *policy_decision_to_json(const struct policy_decision *d)
{
    json_t *o = policy_new_object(), *list = policy_new_array();

    policy_put_str(o, "verdict", policy_verdict_name(d->verdict));
    policy_put_str(o, "reason", d->reason);
    policy_put_str(o, "text", d->text);
    policy_put_int(o, "intent", d->intent != NULL ? d->intent->id : 0);
    policy_put_str(o, "domain", d->domain != NULL ? d->domain->name : NULL);
    policy_put_bool(o, "ask_api", d->ask_api);
    policy_put_bool(o, "notify", d->notify);
    policy_put_bool(o, "approvable", d->approvable);
    policy_put_bool(o, "resend", d->resend);
    policy_put_bool(o, "submit_wanted", d->submit_wanted);
    policy_put_int(o, "retry_until", d->retry_until);
    policy_put_bool(o, "account_alarm", d->account_alarm);
    policy_put_bool(o, "side_alarm", d->side_alarm);
    for (size_t i = 0; i < d->nchecks; i++) {
        json_t *c = policy_new_object();
        policy_put_str(c, "rule", d->checks[i].rule);
        policy_put_str(c, "result", policy_result_name(d->checks[i].result));
        policy_put_str(c, "detail", d->checks[i].detail);
        policy_append_new(list, c);
    }
    policy_put_new(o, "checks", list);
    return o;
}
