/* Table of policy_decide(): every row of the design's section 6 and its neighbours.
 *
 * A line is: mail, gate, steps that change the good base, and what must come out.
 * Flags behind the reason: a approvable, n notify, q ask_api, r resend, k account
 * alarm, s side alarm, w submit wanted, i an intent is named. */
#include "policy_decide_steps.h"

enum { D = POLICY_KIND_DOMAIN_VALIDATION, M = POLICY_KIND_MAILBOX_VALIDATION };
enum { C = POLICY_KIND_CERTIFICATE_ISSUED, I = POLICY_KIND_CSR_INVITATION };
enum { R = POLICY_KIND_RENEWAL_NOTICE, O = POLICY_KIND_ORGANIZATION_CONSENT };
enum { A = POLICY_KIND_ORDER_APPROVAL, X = POLICY_KIND_OTHER };
enum { ASK = POLICY_GATE_ASK, OPEN = POLICY_GATE_OPEN, SUB = POLICY_GATE_SUBMIT };
enum { DONE = POLICY_GATE_DONE };

struct line {
    int kind, gate;
    const char *steps, *verdict, *reason, *flags;
};

static const struct line table[] = {
#include "policy_decide_table.inc"
};

static void flags_of(const struct policy_decision *d, char out[16])
{
    size_t n = 0;
    const struct {
        bool on;
        char c;
    } f[] = {{d->approvable, 'a'}, {d->account_alarm, 'k'}, {d->intent != NULL, 'i'},
             {d->notify, 'n'},     {d->ask_api, 'q'},       {d->resend, 'r'},
             {d->side_alarm, 's'}, {d->submit_wanted, 'w'}};

    for (size_t i = 0; i < sizeof f / sizeof *f; i++) {
        if (f[i].on) {
            out[n++] = f[i].c;
        }
    }
    out[n] = '\0';
}

static bool same_flags(const char *a, const char *b)
{
    return strlen(a) == strlen(b) && strspn(a, b) == strlen(a);
}

static bool run_line(const struct line *l)
{
    struct world *w = w_new((enum policy_kind)l->kind, (enum policy_gate)l->gate);
    struct policy_decision d;
    char flags[16];

    w_take(w, l->steps);
    policy_decide(w->a, (enum policy_gate)l->gate, &w->e, &w->c, &d);
    flags_of(&d, flags);
    bool ok = strcmp(policy_verdict_name(d.verdict), l->verdict) == 0 && d.reason != NULL &&
              strcmp(d.reason, l->reason) == 0 && same_flags(flags, l->flags) && d.text != NULL &&
              (d.verdict == POLICY_LATER) == (d.retry_until > 0);
    if (!ok) {
        print_error("kind %d gate %d [%s]: expected %s %s %s, got %s %s %s (%s)\n", l->kind,
                    l->gate, l->steps, l->verdict, l->reason, l->flags,
                    policy_verdict_name(d.verdict), d.reason, flags, d.text);
    }
    base_arena_free(w->a);
    return ok;
}

static void every_line(void **state)
{
    size_t bad = 0;

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        bad += !run_line(&table[i]);
    }
    print_message("%zu lines of the table\n", sizeof table / sizeof *table);
    assert_int_equal(bad, 0);
    assert_true(sizeof table / sizeof *table >= 300);
}

/* Texts are sentences, checks have words, and the JSON says the same. */
static void words(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct world *w = w_new((enum policy_kind)table[i].kind, (enum policy_gate)table[i].gate);
        struct policy_decision d;
        w_take(w, table[i].steps);
        policy_decide(w->a, (enum policy_gate)table[i].gate, &w->e, &w->c, &d);
        assert_true(strlen(d.text) > 20 && d.text[strlen(d.text) - 1] == '.');
        json_t *j = policy_decision_to_json(&d);
        assert_string_equal(json_string_value(json_object_get(j, "verdict")),
                            policy_verdict_name(d.verdict));
        assert_int_equal(json_array_size(json_object_get(j, "checks")), d.nchecks);
        bool told = strncmp(d.text, "Held: ", 6) != 0;
        for (size_t n = 0; n < d.nchecks; n++) {
            told = told || (d.checks[n].result != POLICY_CHECK_PASS &&
                            strstr(d.text, d.checks[n].detail) != NULL);
            assert_true(d.checks[n].rule[0] != '\0' && strlen(d.checks[n].detail) > 5);
        }
        assert_true(told); /* "Held:" names the check that stands in the way */
        json_decref(j);
        base_arena_free(w->a);
    }
}

/* What explain and held show: not only the verdict, but which check says what. */
static void results(void **state)
{
    static const struct {
        int kind, gate;
        const char *steps, *rule;
        enum policy_result r;
    } t[] = {
        {D, ASK, "", "binding", POLICY_CHECK_PASS},
        {D, ASK, "no-ids", "binding", POLICY_CHECK_LATER},
        {D, OPEN, "no-ids", "binding", POLICY_CHECK_LATER},
        {D, SUB, "no-ids", "binding", POLICY_CHECK_PASS},
        {D, ASK, "ids-not-known-yet", "binding", POLICY_CHECK_LATER},
        {D, OPEN, "ids-not-known-yet", "binding", POLICY_CHECK_PASS},
        {D, ASK, "no-intent", "binding", POLICY_CHECK_UNKNOWN},
        {D, ASK, "no-intent", "account", POLICY_CHECK_UNKNOWN},
        {D, ASK, "no-intent", "recipient", POLICY_CHECK_UNKNOWN},
        {D, ASK, "no-intent", "intent", POLICY_CHECK_FAIL},
        {D, ASK, "", "api", POLICY_CHECK_LATER},
        {D, ASK, "", "page", POLICY_CHECK_LATER},
        {D, OPEN, "", "page", POLICY_CHECK_LATER},
        {D, OPEN, "", "api", POLICY_CHECK_PASS},
        {D, OPEN, "api-not-found", "api", POLICY_CHECK_FAIL},
        {D, OPEN, "api-not-found requesting", "api", POLICY_CHECK_UNKNOWN},
        {D, OPEN, "api-no-name", "api-name", POLICY_CHECK_UNKNOWN},
        {D, OPEN, "api-other-name", "api-name", POLICY_CHECK_FAIL},
        {D, ASK, "dkim-tempfail", "dkim", POLICY_CHECK_UNKNOWN},
        {D, ASK, "dkim-fail", "dkim", POLICY_CHECK_FAIL},
        {D, ASK, "unverified", "verified", POLICY_CHECK_UNKNOWN},
        {D, ASK, "unverified approved", "verified", POLICY_CHECK_PASS},
        {D, ASK, "mode-hold", "mode", POLICY_CHECK_UNKNOWN},
        {D, ASK, "mode-observe approved", "mode", POLICY_CHECK_FAIL},
        {D, SUB, "page-host-error", "form", POLICY_CHECK_FAIL},
        {D, DONE, "after-pending", "result", POLICY_CHECK_LATER},
        {D, DONE, "after-other-name", "result", POLICY_CHECK_FAIL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct world *w = w_new((enum policy_kind)t[i].kind, (enum policy_gate)t[i].gate);
        struct policy_decision d;
        w_take(w, t[i].steps);
        policy_decide(w->a, (enum policy_gate)t[i].gate, &w->e, &w->c, &d);
        if (w_check(&d, t[i].rule) != t[i].r) {
            fail_msg("[%s] gate %d: %s is %s", t[i].steps, t[i].gate, t[i].rule,
                     policy_result_name(w_check(&d, t[i].rule)));
        }
        base_arena_free(w->a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_line), cmocka_unit_test(words),
                                       cmocka_unit_test(results)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
