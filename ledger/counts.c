/* ledger/counts.c - how much there is of what. */
#include "counts.h"

#include "internal.h"

static const struct ledger_column columns[] = {
    LEDGER_COL(TEXT, struct ledger_group, a),
    LEDGER_COL(TEXT, struct ledger_group, b),
    LEDGER_COL(TEXT, struct ledger_group, c),
    LEDGER_COL(INT, struct ledger_group, n),
};
static const struct ledger_table table = LEDGER_TABLE("count", struct ledger_group, columns);

enum base_fail_class ledger_groups(struct ledger *l, struct base_arena *a, enum ledger_counted what,
                                   struct ledger_group **out, size_t *n, struct base_fail *f)
{
    static const char *const queries[] = {
        [LEDGER_COUNT_MAILS] = "SELECT kind, verdict, reason, count(*) FROM mail"
                               " GROUP BY kind, verdict, reason LIMIT 1000",
        [LEDGER_COUNT_ORDERS] = "SELECT account, state, NULL, count(*) FROM orders"
                                " GROUP BY account, state LIMIT 10000",
        [LEDGER_COUNT_INTENTS] = "SELECT state, NULL, NULL, count(*) FROM intent GROUP BY state",
        [LEDGER_COUNT_JOBS] = "SELECT kind, iif(tries > 0, 'failing', 'waiting'), NULL, count(*)"
                              " FROM job GROUP BY kind, tries > 0",
    };
    struct ledger_list list;
    enum base_fail_class cls = ledger_rows(l, a, &table, &list, f, queries[what], "");

    *out = list.rows;
    *n = list.n;
    return cls;
}

enum base_fail_class ledger_count_ending(struct ledger *l, int64_t before, int64_t *n,
                                         struct base_fail *f)
{
    *n = 0;
    return ledger_number(l, n, f,
                         "SELECT count(*) FROM certificate WHERE state = 'current' AND not_after < ?1",
                         "i", before);
}

enum base_fail_class ledger_count_jobs(struct ledger *l, int64_t limit, int64_t *jobs, int64_t *failed,
                                       struct base_fail *f)
{
    *jobs = *failed = 0;
    enum base_fail_class cls =
        ledger_number(l, jobs, f, "SELECT count(*) FROM (SELECT 1 FROM job LIMIT ?1)", "i", limit);

    return cls != BASE_OK ? cls
                          : ledger_number(l, failed, f,
                                          "SELECT count(*) FROM (SELECT 1 FROM job INDEXED BY job_failing"
                                          " WHERE tries > 0 LIMIT ?1)",
                                          "i", limit);
}

enum base_fail_class ledger_count_jobs_of(struct ledger *l, const char *kind, int64_t limit, int64_t *n,
                                          struct base_fail *f)
{
    *n = 0;
    return ledger_number(l, n, f, "SELECT count(*) FROM (SELECT 1 FROM job WHERE kind = ?1 LIMIT ?2)",
                         "ti", kind, limit);
}

enum base_fail_class ledger_count_mails(struct ledger *l, const char *state, int64_t limit, int64_t *n,
                                        struct base_fail *f)
{
    *n = 0;
    return ledger_number(l, n, f, "SELECT count(*) FROM (SELECT 1 FROM mail WHERE state = ?1 LIMIT ?2)",
                         "ti", state, limit);
}

enum base_fail_class ledger_next_end(struct ledger *l, int64_t *at, struct base_fail *f)
{
    *at = 0;
    return ledger_number(l, at, f,
                         "SELECT not_after FROM certificate WHERE state = 'current' AND not_after > 0"
                         " ORDER BY not_after LIMIT 1",
                         "");
}

enum base_fail_class ledger_count_unchecked(struct ledger *l, int64_t before, int64_t *n,
                                            struct base_fail *f)
{
    *n = 0;
    return ledger_number(l, n, f,
                         "SELECT count(*) FROM certificate"
                         " WHERE state = 'current' AND revocation = 'unknown' AND stored_at < ?1",
                         "i", before);
}

enum base_fail_class ledger_oldest_mail(struct ledger *l, int64_t *at, struct base_fail *f)
{
    *at = 0;
    return ledger_number(l, at, f,
                         "SELECT min(received) FROM mail WHERE state IN ('working', 'held')", "");
}

enum base_fail_class ledger_count_events(struct ledger *l, const char *type_prefix, int64_t *n,
                                         struct base_fail *f)
{
    *n = 0;
    /* "/" is the character after "." */
    return ledger_number(l, n, f,
                         "SELECT count(*) FROM event WHERE type >= ?1"
                         " AND type < substr(?1, 1, length(?1) - 1) || '/'",
                         "t", type_prefix);
}
