/* ledger/folding.h - by which key the ledger knows a mailbox.
 *
 * The ledger itself remembers where local parts are compared exactly (domains that nobody said it
 * of are folded), and makes every key by that: what the rows hold and what is looked for are
 * always of one kind. The configuration asks for a change here, which takes all rows along or
 * is refused; failures and memory as in ledger.h. */
#ifndef LEDGER_FOLDING_H
#define LEDGER_FOLDING_H
#include "ledger.h"

/* The key of MAILBOX (base/mailbox.h), in A. NULL stays NULL. */
const char *ledger_mailbox_key(const struct ledger *l, struct base_arena *a, const char *mailbox);
/* Is the case of MAILBOX's local part without meaning here? */
bool ledger_folds(const struct ledger *l, const char *mailbox);

/* The domains whose local parts are compared exactly, by name; valid until the next change. */
const char *const *ledger_folding_exact(const struct ledger *l, size_t *n);

struct ledger_pair {
    const char *one, *other; /* two mailboxes that folding would make one; NULL = there are none */
    int64_t more;            /* further ones */
};
/* Folds the local parts of DOMAIN (A-label) from now on, or compares them exactly; walks through
 * all mailboxes, so it takes seconds where there are very many. In the caller's transaction.
 *
 * To exact: each order, intent, consent and certificate goes to the mailbox of its own exact
 * form; a certificate that came by an alias stays where it is. To folded: where two mailboxes
 * would become one nothing changes at all, which is permanent "ledger.folding", and *PAIR (in
 * A) says which. What is so already is BASE_OK. */
enum base_fail_class ledger_folding_set(struct ledger *l, struct base_arena *a, const char *domain,
                                        bool fold, struct ledger_pair *pair, struct base_fail *f);

#endif
