/* ledger/alias.c - certificates that came by an alias, and keys that came later. */
#include "alias.h"

#include "internal.h"

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

enum base_fail_class ledger_certificate_key(struct ledger *l, int64_t id, const char *key_id,
                                            struct base_fail *f)
{
    return ledger_change(l, NULL, f,
                         "UPDATE certificate SET key_id = ?2 WHERE id = ?1 AND key_id IS NULL", "it", id,
                         key_id);
}
