/* keeper/exact.h - when two spellings of an address are one mailbox here.
 *
 * A record keeps the exact form, and the index finds all spellings; what counts is decided at
 * each request, so a change loses nothing. Where certkeeperd's own command line (--exact-local)
 * names the domain, addresses are compared exactly whatever a request says. A request may ask for
 * the same ("exact": true) where it doesn't: that can only narrow. So an agent that lies can't
 * get one person's keys for another of a domain that is named here. */
#ifndef KEEPER_EXACT_H
#define KEEPER_EXACT_H
#include <stdbool.h>

#include "ops.h"

#define KEEPER_EXACT_MAX 10000

/* Adds the domain NAME (A-label) to LIST. Permanent "keeper.option". */
enum base_fail_class keeper_exact_add(struct keeper_exact *list, const char *name,
                                      struct base_fail *f);
void keeper_exact_free(struct keeper_exact *list);
/* Is the case of MAILBOX's local part without meaning for this REQUEST (NULL: for none)? */
bool keeper_exact_folds(const struct keeper_ctx *ctx, const json_t *request, const char *mailbox);
/* Are both one mailbox, for this REQUEST? */
bool keeper_exact_same(const struct keeper_ctx *ctx, const json_t *request, const char *x,
                       const char *y);

#endif
