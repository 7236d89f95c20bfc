/* Each condition alone, and many at random: whatever is broken, nothing is
 * confirmed. Also Mallory: first, between, after, alone, flooding. */
#include "base/bytes.h"
#include "policy_decide_steps.h"

enum { D = POLICY_KIND_DOMAIN_VALIDATION, M = POLICY_KIND_MAILBOX_VALIDATION, BOTH };
enum { ASK = POLICY_GATE_ASK, OPEN = POLICY_GATE_OPEN, SUB = POLICY_GATE_SUBMIT };

static enum policy_verdict verdict(struct world *w, enum policy_gate gate, struct policy_decision *d)
{
    policy_decide(w->a, gate, &w->e, &w->c, d);
    return d->verdict;
}

/* ---- one condition at a time -------------------------------------------------- */

/* What breaks the condition of one rule, from which gate on. */
static const struct {
    const char *rule, *steps;
    int kind, from;
    bool releasable; /* a person may decide it */
} breakers[] = {
    {"dkim", "dkim-none", BOTH, ASK, false},
    {"dkim", "dkim-fail", BOTH, ASK, false},
    {"dkim", "dkim-tempfail", BOTH, ASK, false},
    {"dkim", "dkim-foreign", BOTH, ASK, false},
    {"dkim", "dkim-short", BOTH, ASK, false},
    {"from", "two-from", BOTH, ASK, false},
    {"from", "two-addresses", BOTH, ASK, false},
    {"sender", "sender-other", BOTH, ASK, false},
    {"signer", "signer-other", BOTH, ASK, false},
    {"age", "old-mail", BOTH, ASK, false},
    {"age", "old-signature", BOTH, ASK, false},
    {"age", "received-unknown", BOTH, ASK, false},
    {"kind", "kind-conflict", BOTH, ASK, false},
    {"action", "action-human", BOTH, ASK, false},
    {"verified", "unverified", BOTH, ASK, true},
    {"verified", "unverified record-approved record-differs", BOTH, ASK, true},
    {"link", "no-link", BOTH, ASK, false},
    {"link", "link-denied", BOTH, ASK, false},
    {"token", "token-used", BOTH, ASK, false},
    {"domain", "domain-conflict", BOTH, ASK, false},
    {"domain", "domain-missing", BOTH, ASK, false},
    {"domain", "domain-below", BOTH, ASK, false},
    {"intent", "no-intent", BOTH, ASK, false},
    {"intent", "cancelled", BOTH, ASK, false},
    {"intent", "ran-out", BOTH, ASK, false},
    {"intent", "two-intents", BOTH, ASK, false},
    {"account", "account-gone", BOTH, ASK, false},
    {"account", "account-other-tenant", BOTH, ASK, false},
    {"account", "tenant-other", BOTH, ASK, false},
    {"recipient", "rcpt-other", BOTH, ASK, false},
    {"recipient", "rcpt-none", BOTH, ASK, false},
    {"consent", "consent-none", M, ASK, false},
    {"consent", "mailbox-off", M, ASK, false},
    {"binding", "no-ids no-page-binding", BOTH, ASK, true},
    {"binding", "no-ids page-no-ids", BOTH, SUB, true},
    {"binding", "id-conflict", BOTH, ASK, false},
    {"binding", "id-mixed", BOTH, ASK, false},
    {"binding", "id-foreign", BOTH, ASK, false},
    {"api", "api-unasked", BOTH, OPEN, false},
    {"api", "api-unreachable", BOTH, OPEN, false},
    {"api", "api-refused", BOTH, OPEN, false},
    {"api", "api-not-found", BOTH, OPEN, false},
    {"pending", "api-not-pending", BOTH, OPEN, false},
    {"pending", "api-valid", BOTH, OPEN, false},
    {"method", "api-other-method", BOTH, OPEN, false},
    {"api-name", "api-other-name", BOTH, OPEN, false},
    {"api-name", "api-no-name", BOTH, OPEN, false},
    {"page", "page-none", BOTH, SUB, false},
    {"page", "page-host-error", BOTH, SUB, false},
    {"page", "page-expired", BOTH, SUB, false},
    {"page", "page-done", BOTH, SUB, false},
    {"page", "page-unknown", BOTH, SUB, false},
    {"page", "page-login", BOTH, SUB, false},
    {"page-name", "page-other-name", BOTH, SUB, false},
    {"page-name", "page-no-name", BOTH, SUB, false},
    {"page-ids", "page-foreign", BOTH, SUB, false},
    {"page-ids", "page-two-ids", BOTH, SUB, false},
    {"page-ids", "page-mixed", BOTH, SUB, false},
    {"form", "no-form", BOTH, SUB, false},
    {"form", "two-forms", BOTH, SUB, false},
    {"form", "form-elsewhere", BOTH, SUB, false},
    {"form", "no-narrow", D, SUB, false},
    {"form", "checked-box", D, SUB, false},
    {"mode", "mode-hold", BOTH, ASK, true},
    {"mode", "mode-observe", BOTH, ASK, false},
};
#define NBREAKERS (sizeof breakers / sizeof *breakers)

static void one_condition(size_t b, enum policy_kind kind, enum policy_gate gate)
{
    struct policy_decision d;
    struct world *w = w_new(kind, gate);

    w_take(w, breakers[b].steps);
    if (verdict(w, gate, &d) == POLICY_CONFIRM) {
        fail_msg("[%s] confirmed at gate %d", breakers[b].steps, gate);
    }
    if (w_check(&d, breakers[b].rule) == POLICY_CHECK_PASS) {
        fail_msg("[%s] check %s passed at gate %d", breakers[b].steps, breakers[b].rule, gate);
    }
    assert_true(d.approvable == (breakers[b].releasable && d.verdict == POLICY_HOLD));
    /* with a person's word only what is a person's business goes on */
    w_take(w, "approved");
    if ((verdict(w, gate, &d) == POLICY_CONFIRM) != breakers[b].releasable) {
        fail_msg("[%s approved] is %s at gate %d", breakers[b].steps,
                 policy_verdict_name(d.verdict), gate);
    }
    base_arena_free(w->a);
}

static void each_condition_alone(void **state)
{
    size_t n = 0;

    (void)state;
    for (size_t b = 0; b < NBREAKERS; b++) {
        for (int kind = D; kind <= M; kind++) {
            for (int gate = breakers[b].from; gate <= SUB; gate++) {
                if (breakers[b].kind == BOTH || breakers[b].kind == kind) {
                    one_condition(b, (enum policy_kind)kind, (enum policy_gate)gate);
                    n++;
                }
            }
        }
    }
    print_message("%zu conditions broken\n", n);
    assert_true(n > 250);
}

/* ---- at random ----------------------------------------------------------------- */

static bool must_pass(const char *rule, enum policy_gate gate, enum policy_kind kind)
{
    static const char *const later[] = {"api",  "pending",   "method",   "api-name",
                                        "page", "page-name", "page-ids", "form"};

    if (strcmp(rule, "consent") == 0) {
        return kind == POLICY_KIND_MAILBOX_VALIDATION;
    }
    for (size_t i = 0; i < 8; i++) {
        if (strcmp(rule, later[i]) == 0) {
            return gate >= (i < 4 ? POLICY_GATE_OPEN : POLICY_GATE_SUBMIT);
        }
    }
    return true;
}

static void assert_earned(const struct policy_decision *d, enum policy_gate gate,
                          enum policy_kind kind, const char *steps)
{
    static const char *const all[] = {
        "dkim",   "from",    "sender",    "signer", "age",     "kind",    "action",
        "verified", "link",  "token",     "domain", "intent",  "account", "recipient",
        "consent", "api",    "pending",   "method", "api-name", "page",   "page-name",
        "page-ids", "form",  "mode"};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (must_pass(all[i], gate, kind) && w_check(d, all[i]) != POLICY_CHECK_PASS) {
            fail_msg("[%s] confirmed at gate %d although %s is %s", steps, gate, all[i],
                     policy_result_name(w_check(d, all[i])));
        }
    }
    enum policy_result binding = w_check(d, "binding");
    assert_true(binding == POLICY_CHECK_PASS ||
                (binding == POLICY_CHECK_LATER && gate < POLICY_GATE_SUBMIT));
}

static void random_worlds(void **state)
{
    size_t confirmed = 0;
    unsigned seed = 20261122;

    (void)state;
    for (int n = 0; n < 60000; n++) {
        enum policy_kind kind = rand_r(&seed) % 2 == 0 ? (enum policy_kind)D : (enum policy_kind)M;
        enum policy_gate gate = (enum policy_gate)(rand_r(&seed) % 3);
        struct world *w = w_new(kind, gate);
        struct policy_decision d;
        char steps[512] = "";
        for (int i = rand_r(&seed) % 7; i > 0; i--) {
            strcat(strcat(steps, i > 1 ? " " : ""), w_steps[(size_t)rand_r(&seed) % W_NSTEPS]);
            strcat(steps, " ");
        }
        w_take(w, steps);
        if (verdict(w, gate, &d) == POLICY_CONFIRM) {
            assert_earned(&d, gate, kind, steps);
            confirmed++;
        }
        assert_true(d.reason != NULL && d.text != NULL);
        assert_true(!d.approvable || d.verdict == POLICY_HOLD);
        assert_true(!d.submit_wanted || (d.verdict == POLICY_CONFIRM && gate == POLICY_GATE_SUBMIT));
        base_arena_free(w->a);
    }
    print_message("%zu of 60000 confirmed\n", confirmed);
    assert_true(confirmed > 1000);
}

/* ---- Mallory ----------------------------------------------------------------------- */

/* Mallory orders at the same CA for our domain: her mails are genuine, to our
 * addresses, of the right form. What differs is what the CA writes about the order. */
static const char *const hers[] = {
    "id-foreign owner-nowhere page-foreign",              /* her order's number in mail and page */
    "no-ids page-foreign",                                /* only on the page */
    "no-ids page-no-ids",                                 /* nowhere */
    "no-ids no-page-binding page-no-ids",
    "id-injected owner-nowhere page-mixed",               /* our number typed as her name */
    "id-conflict owner-nowhere page-two-ids",
    "support-only page-foreign",
};

/* BEFORE: what of ours is there when her mail comes. Nothing of hers ever gets
 * past the gate where the button would be pressed. */
static void mallory_meets(const char *before, bool alarm_at_once)
{
    for (size_t h = 0; h < sizeof hers / sizeof *hers; h++) {
        for (int kind = D; kind <= M; kind++) {
            bool through = true;
            for (int gate = ASK; gate <= SUB && through; gate++) {
                struct world *w = w_new((enum policy_kind)kind, (enum policy_gate)gate);
                struct policy_decision d;
                w_take(w, before);
                w_take(w, hers[h]);
                through = verdict(w, (enum policy_gate)gate, &d) == POLICY_CONFIRM;
                assert_true(!alarm_at_once || d.verdict == POLICY_ALARM);
                base_arena_free(w->a);
            }
            assert_false(through);
        }
    }
}

static void mallory_first(void **state)
{
    (void)state;
    mallory_meets("no-intent owner-nowhere", true);
    mallory_meets("no-intent no-accounts", true);
}

static void mallory_between(void **state)
{
    (void)state;
    mallory_meets("", false);
    mallory_meets("requesting", false);
    mallory_meets("one-resend", false);
    mallory_meets("unexplained resends", false); /* her copies are the unexplained ones */
    mallory_meets("confirming", false);
}

static void mallory_after(void **state)
{
    (void)state;
    mallory_meets("confirmed all-copies-seen owner-nowhere", true);
    mallory_meets("expired all-copies-seen owner-nowhere", true);
    mallory_meets("confirmed", false);
}

static void mallory_alone(void **state)
{
    (void)state;
    mallory_meets("no-intent owner-nowhere mode-observe", true);
    mallory_meets("no-intent owner-nowhere mode-hold approved", true);
}

/* A thousand of hers: each is told, none is answered, ours goes through. */
static void mallory_floods(void **state)
{
    struct policy_decision d;

    (void)state;
    for (int n = 0; n < 1000; n++) {
        struct world *w = w_new((enum policy_kind)D, POLICY_GATE_ASK);
        w->links[0].token = base_arena_printf(w->a, "%032d", n);
        w->ids[0].value = base_arena_printf(w->a, "%d", 5000 + n);
        w->e.unexplained_mails_7d = n;
        assert_int_equal(verdict(w, POLICY_GATE_ASK, &d), POLICY_ALARM);
        base_arena_free(w->a);
    }
    struct world *w = w_new((enum policy_kind)D, POLICY_GATE_SUBMIT);
    w->e.unexplained_mails_7d = 1000;
    assert_int_equal(verdict(w, POLICY_GATE_SUBMIT, &d), POLICY_CONFIRM);
    base_arena_free(w->a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_condition_alone), cmocka_unit_test(random_worlds),
        cmocka_unit_test(mallory_first),        cmocka_unit_test(mallory_between),
        cmocka_unit_test(mallory_after),        cmocka_unit_test(mallory_alone),
        cmocka_unit_test(mallory_floods),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
