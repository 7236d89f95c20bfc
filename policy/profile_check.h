/* policy/profile_check.h - what a profile may not say. */
#ifndef POLICY_PROFILE_CHECK_H
#define POLICY_PROFILE_CHECK_H
#include "confread.h"
#include "rules.h"

/* Adds what is wrong with one kind; S is its section. */
void policy_profile_check_kind(const struct policy_profile *p, const struct policy_kind_rules *k,
                               const struct policy_sec *s);
void policy_profile_check_dkim(const struct policy_profile *p, const struct policy_sec *s);
cfg_opt_t *policy_profile_options(void); /* for the test that compares them with the manual */

#endif
