/* policy/obstacle.c - which check stands in the way of a confirmation, and what is said of it.
 *
 * A failed one before an unknown one; "later" only until its gate. What is found is held for a person. */
#include <string.h>

#include "case.h"

/* The word for a check that isn't passed. */
static const char *reason_of(const struct policy_case *k, enum policy_rule r)
{
    switch (r) {
    case POLICY_RULE_KIND:
        return "conflict";
    case POLICY_RULE_AGE:
        return "too-old";
    case POLICY_RULE_VERIFIED:
        return "unverified";
    case POLICY_RULE_LINK:
        return k->rules->links.n == 0 ? "no-link" : "template-drift";
    case POLICY_RULE_INTENT:
        return "ambiguous";
    case POLICY_RULE_CONSENT:
        return "no-consent";
    case POLICY_RULE_BINDING:
        return k->mail_ids == POLICY_IDS_MIXED ? "two-ids" : "unbound";
    case POLICY_RULE_PENDING:
        return "not-pending";
    case POLICY_RULE_PAGE_IDS:
        return "page-ids";
    case POLICY_RULE_FORM:
        return "no-narrow-form";
    case POLICY_RULE_MODE:
        return "mode-hold";
    default:
        return policy_rule_name(r);
    }
}

/* Gate at which a check may still be "later"; from there on it must pass. */
static bool may_wait(const struct policy_case *k, enum policy_rule r)
{
    switch (r) {
    case POLICY_RULE_API:
    case POLICY_RULE_PENDING:
    case POLICY_RULE_METHOD:
    case POLICY_RULE_API_NAME:
        return k->gate < POLICY_GATE_OPEN;
    case POLICY_RULE_PAGE:
    case POLICY_RULE_PAGE_NAME:
    case POLICY_RULE_PAGE_IDS:
    case POLICY_RULE_FORM:
        return k->gate < POLICY_GATE_SUBMIT;
    case POLICY_RULE_BINDING:
        return k->gate < POLICY_GATE_OPEN ||
               (k->gate == POLICY_GATE_OPEN && k->mail_ids == POLICY_IDS_NONE);
    default:
        return false;
    }
}

static bool needed(const struct policy_case *k, enum policy_rule r)
{
    return r != POLICY_RULE_RESULT && r != POLICY_RULE_MODE &&
           (r != POLICY_RULE_CONSENT || k->f->kind == POLICY_KIND_MAILBOX_VALIDATION);
}

/* The first check that stands in the way; POLICY_RULES if none does. */
static enum policy_rule obstacle(const struct policy_case *k, enum policy_result as)
{
    for (size_t i = 0; i < POLICY_RULES; i++) {
        enum policy_rule r = (enum policy_rule)i;
        enum policy_result have = k->seen[r] ? k->r[r] : POLICY_CHECK_UNKNOWN;
        if (have == POLICY_CHECK_LATER && !may_wait(k, r)) {
            have = POLICY_CHECK_UNKNOWN;
        }
        if (needed(k, r) && have == as) {
            return r;
        }
    }
    return POLICY_RULES;
}

static const char *detail_of(const struct policy_case *k, enum policy_rule r)
{
    for (size_t i = 0; i < k->d->nchecks; i++) {
        if (strcmp(k->d->checks[i].rule, policy_rule_name(r)) == 0) {
            return k->d->checks[i].detail;
        }
    }
    return "it could not be checked";
}

bool policy_outcome_obstacle(struct policy_case *k)
{
    enum policy_rule r = obstacle(k, POLICY_CHECK_FAIL);

    if (r == POLICY_RULES) {
        r = obstacle(k, POLICY_CHECK_UNKNOWN);
    }
    if (r == POLICY_RULES) {
        return false;
    }
    policy_say_hold(k, reason_of(k, r), "Held: %s.", detail_of(k, r));
    k->d->resend = r == POLICY_RULE_AGE || (r == POLICY_RULE_BINDING && k->rules->bind_by_resend &&
                                            k->mail_ids == POLICY_IDS_NONE);
    return true;
}
