/* ledger/alias.h - addresses that are aliases of mailboxes, as Postfix's tables said last.
 * Failures and memory as in ledger.h. */
#ifndef LEDGER_ALIAS_H
#define LEDGER_ALIAS_H
#include "ledger.h"

enum base_fail_class ledger_alias_put(struct ledger *l, const char *alias, const char *mailbox,
                                      struct base_fail *f);
/* Certificate ID belongs to MAILBOX too. */
enum base_fail_class ledger_certificate_share(struct ledger *l, int64_t id, const char *mailbox,
                                              struct base_fail *f);

#endif
