/* ledger/meta.c - notices that went out, and small values by name. */
#include "internal.h"

struct text {
    const char *value;
};

static const struct ledger_column columns[] = {LEDGER_COL(TEXT, struct text, value)};
static const struct ledger_table table = LEDGER_TABLE("value", struct text, columns);

enum base_fail_class ledger_notice_once(struct ledger *l, const char *key, int64_t now, bool *fresh,
                                        struct base_fail *f)
{
    int changed = 0;
    enum base_fail_class cls = ledger_change(
        l, &changed, f, "INSERT INTO notice (key, at) VALUES (?1, ?2) ON CONFLICT DO NOTHING", "ti",
        key, now);

    *fresh = changed == 1;
    return cls;
}

enum base_fail_class ledger_meta_get(struct ledger *l, const char *key, int64_t *v, int64_t dflt,
                                     struct base_fail *f)
{
    *v = dflt;
    return ledger_number(l, v, f, "SELECT value FROM meta WHERE key = ?1", "t", key);
}

enum base_fail_class ledger_meta_set(struct ledger *l, const char *key, int64_t v,
                                     struct base_fail *f)
{
    return ledger_change(l, NULL, f,
                         "INSERT INTO meta (key, value) VALUES (?1, ?2)"
                         " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                         "ti", key, v);
}

enum base_fail_class ledger_text_get(struct ledger *l, struct base_arena *a, const char *key,
                                     const char **v, struct base_fail *f)
{
    struct ledger_list list;
    enum base_fail_class cls =
        ledger_rows(l, a, &table, &list, f, "SELECT value FROM meta_text WHERE key = ?1", "t", key);

    *v = list.n == 0 ? NULL : ((const struct text *)list.rows)->value;
    return cls;
}

enum base_fail_class ledger_text_set(struct ledger *l, const char *key, const char *v,
                                     struct base_fail *f)
{
    return v == NULL ? ledger_change(l, NULL, f, "DELETE FROM meta_text WHERE key = ?1", "t", key)
                     : ledger_change(l, NULL, f,
                                     "INSERT INTO meta_text (key, value) VALUES (?1, ?2)"
                                     " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                                     "tt", key, v);
}
