/* Named steps that change one thing in the world of policy_decide()'s tests. */
#ifndef POLICY_DECIDE_STEPS_H
#define POLICY_DECIDE_STEPS_H
#include "policy_decide_world.h"

/* The CA has a second signer, but not for this kind. */
static inline void w_add_signer(struct world *w)
{
    struct policy_kind_rules *other = &w->rules[w->r == &w->rules[3] ? 4 : 3];

    SET(w, other->signers, "ca.test", "second.test");
    w->f.auth.domain = "second.test";
}

static inline void w_name(struct world *w, const char *domain)
{
    if (w->f.mailbox != NULL) {
        w->f.mailbox = base_arena_printf(w->a, "alice@%s", domain);
    } else {
        w->f.domain = domain;
    }
}

static inline void w_select(struct world *w)
{
    w->options[0] = (struct policy_option){"all", "all", true};
    w->options[1] = (struct policy_option){"this", "this", false};
    w->fields[1] = (struct policy_field){
        .name = "scope", .type = "select", .options = w->options, .noptions = 2};
    w->forms[0].nfields = 2;
}

static const char *const w_steps[] = {
#define STEP(name, ...) name,
#include "policy_decide_steps.inc"
#undef STEP
};
#define W_NSTEPS (sizeof w_steps / sizeof *w_steps)

static inline bool w_step(struct world *w, const char *s)
{
#define STEP(name, ...)                                                                            \
    if (strcmp(s, name) == 0) {                                                                    \
        __VA_ARGS__;                                                                               \
        return true;                                                                               \
    }
#include "policy_decide_steps.inc"
#undef STEP
    return false;
}

/* Takes the steps that TEXT names, one after another; an unknown one fails the test. */
static inline void w_take(struct world *w, const char *text)
{
    char copy[512], *save = NULL;

    assert_true(strlen(text) < sizeof copy);
    strcpy(copy, text);
    for (char *s = strtok_r(copy, " ", &save); s != NULL; s = strtok_r(NULL, " ", &save)) {
        if (!w_step(w, s)) {
            fail_msg("no step \"%s\"", s);
        }
    }
}

static inline enum policy_result w_check(const struct policy_decision *d, const char *rule)
{
    for (size_t i = 0; i < d->nchecks; i++) {
        if (strcmp(d->checks[i].rule, rule) == 0) {
            return d->checks[i].result;
        }
    }
    return POLICY_CHECK_UNKNOWN;
}

#endif
