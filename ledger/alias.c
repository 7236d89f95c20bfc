/* ledger/alias.c - aliases, and the certificates that came by them. */
#include "alias.h"

#include "internal.h"

enum base_fail_class ledger_alias_put(struct ledger *l, const char *alias, const char *mailbox,
                                      struct base_fail *f)
{
    return ledger_change(l, NULL, f,
                         "INSERT INTO alias (address, mailbox) VALUES (lower(?1), ?2)"
                         " ON CONFLICT (address) DO UPDATE SET mailbox = excluded.mailbox",
                         "tt", alias, mailbox);
}

enum base_fail_class ledger_certificate_share(struct ledger *l, int64_t id, const char *mailbox,
                                              struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct ledger_certificate c;
    int64_t row = 0;
    enum base_fail_class cls = ledger_certificate_get(l, a, id, &c, f);

    if (cls == BASE_OK) {
        cls = ledger_mailbox_row(l, mailbox, c.tenant, &row, f);
    }
    if (cls == BASE_OK) {
        cls = ledger_change(l, NULL, f,
                            "INSERT INTO certificate_mailbox (mailbox, not_before, certificate)"
                            " VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                            "iii", row, c.not_before, id);
    }
    base_arena_free(a);
    return cls;
}
