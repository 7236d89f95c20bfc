/* policy/verdict.c - saying the verdict, with what goes along with it. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "case.h"

__attribute__((format(printf, 4, 0)))
static void say(struct policy_case *k, enum policy_verdict v, const char *reason, const char *fmt,
                va_list ap)
{
    char text[700];

    (void)vsnprintf(text, sizeof text, fmt, ap);
    k->d->verdict = v;
    k->d->reason = reason;
    k->d->text = base_arena_strdup(k->a, text);
}

void policy_say(struct policy_case *k, enum policy_verdict v, const char *reason, const char *fmt,
                ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(k, v, reason, fmt, ap);
    va_end(ap);
}

/* Half of the token's life, and what the configuration says; after the answer
 * was sent the token's life is over anyway. */
static int64_t patience(const struct policy_case *k)
{
    bool mailbox = k->f->kind == POLICY_KIND_MAILBOX_VALIDATION;
    int64_t most = mailbox ? k->c->give_up_mailbox : k->c->give_up_domain;
    int64_t since = k->e->received;

    if (k->rules != NULL && k->rules->lifetime > 0 && k->rules->lifetime / 2 < most) {
        most = k->rules->lifetime / 2;
    }
    if (k->gate == POLICY_GATE_DONE) {
        since = k->e->tries_since > 0 ? k->e->tries_since : k->e->now;
    }
    return since + most;
}

void policy_say_later(struct policy_case *k, const char *reason, const char *text)
{
    int64_t until = patience(k);

    if (k->e->now >= until) {
        policy_say_hold(k, reason, "%s It was tried for as long as it may be.", text);
        return;
    }
    policy_say(k, POLICY_LATER, reason, "%s It is tried again.", text);
    k->d->retry_until = until;
}

/* What a person may decide: these may be unknown, everything else has to pass. */
static bool persons_business(enum policy_rule r)
{
    return r == POLICY_RULE_VERIFIED || r == POLICY_RULE_BINDING || r == POLICY_RULE_MODE;
}

static bool may_release(const struct policy_case *k)
{
    bool open_question = false;

    for (size_t r = 0; r < POLICY_RULES; r++) {
        if (!k->seen[r] || k->r[r] == POLICY_CHECK_PASS || k->r[r] == POLICY_CHECK_LATER) {
            continue;
        }
        if (k->r[r] == POLICY_CHECK_FAIL || !persons_business((enum policy_rule)r)) {
            return false;
        }
        open_question = true;
    }
    return open_question && k->open != NULL && k->nopen == 1;
}

void policy_say_hold(struct policy_case *k, const char *reason, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(k, POLICY_HOLD, reason, fmt, ap);
    va_end(ap);
    k->d->approvable = may_release(k);
}

void policy_say_unexpected(struct policy_case *k)
{
    const struct policy_domain *d = k->d->domain;
    const char *what = k->name != NULL ? k->name : d->name;

    k->d->intent = NULL;
    policy_say(k, d->unexpected == POLICY_UNEXPECTED_ALARM ? POLICY_ALARM : POLICY_OBSERVE,
               "unexpected",
               "A genuine mail of %s asks to validate %s, and none of us asked for it.",
               k->profile->title != NULL ? k->profile->title : k->profile->id, what);
    k->d->notify = d->unexpected != POLICY_UNEXPECTED_COUNT;
}
