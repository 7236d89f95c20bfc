/* cli/explain.h - an explained mail, to be shown. */
#ifndef CLI_EXPLAIN_H
#define CLI_EXPLAIN_H
#include "cli.h"
#include "policy/decide.h"

struct cli_explained {
    const struct policy_facts *facts;
    const struct policy_decision *decision;
    const char *assumed; /* sentence; NULL = there is a configuration */
    bool show_links;     /* whole, tokens too */
    bool unseen;         /* what is shown of the body was read for this explanation only */
};
json_t *cli_explained_json(struct cli *c, const struct cli_explained *x);
void cli_explained_text(struct cli *c, const struct cli_explained *x);

#endif
