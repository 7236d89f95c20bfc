/* cli/orderform.h - the fields of an order by the names of their options: one mapping for the
 * command line and for CSV columns. */
#ifndef CLI_ORDERFORM_H
#define CLI_ORDERFORM_H
#include "cli.h"

/* Puts field NAME (an option of "order" without dashes: "product", "days", "csr", ...; or
 * "mailbox") with VALUE into the request REQ, as doc/control.md names it. Lists ("mailbox",
 * "addresses", "notify", "additional-usage") are comma-separated and grow with each call;
 * "custom" takes "LABEL=TEXT; LABEL=TEXT" or a JSON object. False: F says what was
 * expected ("form.field": there is no such field; "form.value"; "file.*"). */
bool cli_orderform_set(struct cli *c, json_t *req, const char *name, const char *value,
                       struct base_fail *f);
/* The options that say who vouches for the person, of a reissue or renewal: into REQ. CLI_DONE, or
 * the exit status (said). */
int cli_orderform_attestation(struct cli *c, const struct cli_args *args, json_t *req);
/* The names, ends with NULL. */
extern const char *const cli_orderform_names[];

#endif
