/* ledger/publication.c - publications, and the mailboxes to be planned anew. */
#include "publication.h"

#include <string.h>

#include "internal.h"

static const struct ledger_column columns[] = {
    LEDGER_COL(INT, struct ledger_publication, id), /* ?1 */
    LEDGER_COL(INT, struct ledger_publication, mailbox),
    LEDGER_COL(TEXT, struct ledger_publication, publisher),
    LEDGER_COL(INT, struct ledger_publication, certificate),
    LEDGER_COL(BOOL, struct ledger_publication, want), /* ?5 */
    LEDGER_COL(TEXT, struct ledger_publication, state),
    LEDGER_COL(WORD, struct ledger_publication, reason),
    LEDGER_COL(TEXT, struct ledger_publication, place),
    LEDGER_COL(TEXT, struct ledger_publication, note),
    LEDGER_COL(TEXT, struct ledger_publication, error), /* ?10 */
    LEDGER_COL(INT, struct ledger_publication, tries),
    LEDGER_COL(INT, struct ledger_publication, next),
    LEDGER_COL(INT, struct ledger_publication, changed),
    LEDGER_COL(INT, struct ledger_publication, not_after),
    LEDGER_COL(BOOL, struct ledger_publication, clear_key), /* ?15 */
    LEDGER_COL(TEXT, struct ledger_publication, name),
    LEDGER_COL(TEXT, struct ledger_publication, thumbprint),
    LEDGER_COL(TEXT, struct ledger_publication, serial),
};
static const struct ledger_table table =
    LEDGER_TABLE("publication", struct ledger_publication, columns);

static const struct ledger_column box_columns[] = {
    LEDGER_COL(INT, struct ledger_box, id),
    LEDGER_COL(TEXT, struct ledger_box, name),
    LEDGER_COL(TEXT, struct ledger_box, tenant),
};
static const struct ledger_table boxes = LEDGER_TABLE("mailbox", struct ledger_box, box_columns);

#define WHOLE                                                                                      \
    "SELECT p.id, p.mailbox, p.publisher, p.certificate, p.want, p.state, p.reason, p.place,"      \
    " p.note, p.error, p.tries, p.next, p.changed, p.not_after, p.clear_key, m.name,"              \
    " c.thumbprint, c.serial FROM publication AS p"                                                \
    " CROSS JOIN mailbox AS m ON m.id = p.mailbox"                                                 \
    " CROSS JOIN certificate AS c ON c.id = p.certificate "

enum base_fail_class ledger_publication_add(struct ledger *l, const struct ledger_publication *p,
                                            int64_t *id, struct base_fail *f)
{
    return ledger_insert(l, &table, p, id, f,
                         "INSERT INTO publication (mailbox, publisher, certificate, want, state,"
                         " reason, place, note, error, tries, next, changed, not_after, clear_key)"
                         " VALUES (?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)");
}

enum base_fail_class ledger_publication_update(struct ledger *l, const struct ledger_publication *p,
                                               struct base_fail *f)
{
    return ledger_update(l, &table, p, f,
                         "UPDATE publication SET want = ?5, state = ?6, reason = ?7, place = ?8,"
                         " note = ?9, error = ?10, tries = ?11, next = ?12, changed = ?13,"
                         " not_after = ?14, clear_key = ?15 WHERE id = ?1");
}

enum base_fail_class ledger_publication_get(struct ledger *l, struct base_arena *a, int64_t id,
                                            struct ledger_publication *out, struct base_fail *f)
{
    return ledger_row(l, a, &table, out, f, WHOLE "WHERE p.id = ?1", "i", id);
}

static enum base_fail_class give(enum base_fail_class cls, const struct ledger_list *list,
                                 struct ledger_publication **out, size_t *n)
{
    *out = list->rows;
    *n = list->n;
    return cls;
}

enum base_fail_class ledger_publication_of(struct ledger *l, struct base_arena *a, int64_t mailbox,
                                           const char *publisher, struct ledger_publication **out,
                                           size_t *n, struct base_fail *f)
{
    struct ledger_list list;
    enum base_fail_class cls =
        ledger_rows(l, a, &table, &list, f,
                    WHOLE "WHERE p.mailbox = ?1 AND (?2 IS NULL OR p.publisher = ?2)"
                          " ORDER BY p.certificate DESC, p.publisher LIMIT 2000",
                    "it", mailbox, publisher);

    return give(cls, &list, out, n);
}

enum base_fail_class ledger_publication_of_certificate(struct ledger *l, struct base_arena *a,
                                                       int64_t certificate,
                                                       struct ledger_publication **out, size_t *n,
                                                       struct base_fail *f)
{
    struct ledger_list list;
    enum base_fail_class cls = ledger_rows(
        l, a, &table, &list, f, WHOLE "WHERE p.certificate = ?1 ORDER BY p.publisher, p.id LIMIT 2000",
        "i", certificate);

    return give(cls, &list, out, n);
}

enum base_fail_class ledger_publication_list(struct ledger *l, struct base_arena *a,
                                             const char *publisher, const char *state,
                                             int64_t after, size_t limit,
                                             struct ledger_publication **out, size_t *n,
                                             struct base_fail *f)
{
    struct ledger_list list;
    /* of their own, so that each goes along an index of what it asks for */
    enum base_fail_class cls =
        state != NULL ? ledger_rows(l, a, &table, &list, f,
                                    WHOLE "WHERE p.state = ?3 AND p.id > ?1"
                                          " AND (?2 IS NULL OR p.publisher = ?2) ORDER BY p.id LIMIT ?4",
                                    "ittn", after, publisher, state, limit)
        : publisher != NULL
            ? ledger_rows(l, a, &table, &list, f,
                          WHOLE "WHERE p.publisher = ?2 AND p.id > ?1 ORDER BY p.id LIMIT ?3", "itn",
                          after, publisher, limit)
            : ledger_rows(l, a, &table, &list, f, WHOLE "WHERE p.id > ?1 ORDER BY p.id LIMIT ?2", "in",
                          after, limit);

    return give(cls, &list, out, n);
}

enum base_fail_class ledger_publication_count(struct ledger *l, const char *state, int64_t limit,
                                              int64_t *n, struct base_fail *f)
{
    *n = 0;
    return ledger_number(l, n, f,
                         "SELECT count(*) FROM (SELECT 1 FROM publication WHERE state = ?1 LIMIT ?2)",
                         "ti", state, limit);
}

enum base_fail_class ledger_publication_clear_keys(struct ledger *l, int64_t *n,
                                                   struct base_fail *f)
{
    *n = 0;
    return ledger_number(l, n, f, "SELECT count(*) FROM publication WHERE clear_key = 1", "");
}

/* ---- mailboxes ------------------------------------------------------------------------ */

static enum base_fail_class give_boxes(enum base_fail_class cls, const struct ledger_list *list,
                                       struct ledger_box **out, size_t *n)
{
    *out = list->rows;
    *n = list->n;
    return cls;
}

enum base_fail_class ledger_publication_due(struct ledger *l, struct base_arena *a, size_t limit,
                                            struct ledger_box **out, size_t *n, struct base_fail *f)
{
    struct ledger_list list;
    enum base_fail_class cls =
        ledger_rows(l, a, &boxes, &list, f,
                    "SELECT m.id, m.name, m.tenant FROM publication_due AS d"
                    " JOIN mailbox AS m ON m.id = d.mailbox ORDER BY d.mailbox LIMIT ?1",
                    "n", limit);

    return give_boxes(cls, &list, out, n);
}

enum base_fail_class ledger_publication_planned(struct ledger *l, int64_t mailbox,
                                                struct base_fail *f)
{
    return ledger_change(l, NULL, f, "DELETE FROM publication_due WHERE mailbox = ?1", "i", mailbox);
}

enum base_fail_class ledger_publication_expire(struct ledger *l, int64_t now, size_t limit,
                                               struct base_fail *f)
{
    return ledger_change(l, NULL, f,
                         "INSERT OR IGNORE INTO publication_due (mailbox) SELECT mailbox FROM"
                         " publication WHERE want = 1 AND not_after <= ?1 ORDER BY not_after"
                         " LIMIT ?2",
                         "in", now, limit);
}

enum base_fail_class ledger_box_list(struct ledger *l, struct base_arena *a, int64_t after,
                                     size_t limit, struct ledger_box **out, size_t *n,
                                     struct base_fail *f)
{
    struct ledger_list list;
    enum base_fail_class cls =
        ledger_rows(l, a, &boxes, &list, f,
                    "SELECT id, name, tenant FROM mailbox WHERE id > ?1 ORDER BY id LIMIT ?2", "in",
                    after, limit);

    return give_boxes(cls, &list, out, n);
}

enum base_fail_class ledger_box_get(struct ledger *l, struct base_arena *a, int64_t id,
                                    struct ledger_box *out, struct base_fail *f)
{
    return ledger_row(l, a, &boxes, out, f, "SELECT id, name, tenant FROM mailbox WHERE id = ?1",
                      "i", id);
}

enum base_fail_class ledger_box_named(struct ledger *l, struct base_arena *a, const char *name,
                                      struct ledger_box *out, struct base_fail *f)
{
    return ledger_row(l, a, &boxes, out, f,
                      "SELECT id, name, tenant FROM mailbox WHERE key = ?1", "m", name);
}
