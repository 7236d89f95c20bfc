/* cli/record.h - what a recorded mail and page show, for profile record. */
#ifndef CLI_RECORD_H
#define CLI_RECORD_H
#include "cli.h"
#include "inspectmail.h"

struct cli_record {
    struct cli_inspector in;
    struct base_buf raw;
    struct policy_facts *facts;
    const struct policy_profile *profile;
    enum policy_kind kind;
    const char *mailbox; /* the recipient */
    const struct policy_link *link; /* the one it is about; NULL = the mail has none */
    const char *host, *template;    /* of that link */
    const char *wrong;              /* why the template can't be used; NULL = it can */
    struct policy_page *page, *answer;
};
void cli_record_text(struct cli *c, const struct cli_record *r);
json_t *cli_record_json(struct cli *c, const struct cli_record *r);
/* Path of a form's action on the host of the link, up to its first token; NULL: another host. */
const char *cli_record_action(struct cli *c, const struct cli_record *r,
                              const struct policy_form *form);

#endif
