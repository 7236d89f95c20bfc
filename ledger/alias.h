/* ledger/alias.h - what comes to a certificate after it was stored: a further mailbox, its key.
 * Failures and memory as in ledger.h. */
#ifndef LEDGER_ALIAS_H
#define LEDGER_ALIAS_H
#include "ledger.h"

/* Certificate ID belongs to MAILBOX too. */
enum base_fail_class ledger_certificate_share(struct ledger *l, int64_t id, const char *mailbox,
                                              struct base_fail *f);
/* The key of a certificate that was public until now; one that has a key keeps it. */
enum base_fail_class ledger_certificate_key(struct ledger *l, int64_t id, const char *key_id,
                                            struct base_fail *f);

#endif
