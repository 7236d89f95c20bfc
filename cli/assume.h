/* cli/assume.h - judging a mail without an agent: hypothetical requests, and
 * domains that are taken as controlled where there is no configuration. */
#ifndef CLI_ASSUME_H
#define CLI_ASSUME_H
#include "cli.h"
#include "policy/decide.h"

#define CLI_INTENTS_MAX 100

struct cli_assumed {
    struct policy_intent intent[CLI_INTENTS_MAX];
    size_t n;
    bool consent; /* a mailbox intent was given: its owner is taken to have consented */
};
/* Reads the --intent options. CLI_DONE or CLI_USAGE (said). */
int cli_read_intents(struct cli *c, const struct cli_args *args, struct cli_assumed *as);
/* Without a configuration file: makes the intents' domains, or else that of RCPT,
 * controlled in mode confirm with an account at PROFILE (may be NULL). The sentence
 * that says so. */
const char *cli_assume_domains(struct cli *c, const struct cli_assumed *as, const char *rcpt,
                               const char *profile);
/* Gives the intents what their domains have: tenant, account, and times around AT. */
void cli_complete_intents(struct cli *c, struct cli_assumed *as, int64_t at);

#endif
