/* ledger/folding.c - keys of mailboxes, and how they change; see the header.
 *
 * Rows hold names with their domain in lower case, so only names with a capital in them change
 * their key. A step works in pages, and within one transaction: it is there whole or not. */
#include "folding.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mailbox.h"
#include "internal.h"

#define PAGE ((size_t)500)

struct name {
    const char *v;
};
static const struct ledger_column name_columns[] = {LEDGER_COL(TEXT, struct name, v)};
static const struct ledger_table names = LEDGER_TABLE("domain", struct name, name_columns);

/* ---- keys ------------------------------------------------------------------------------ */

static int by_name(const void *name, const void *member)
{
    return strcmp(name, *(const char *const *)member);
}

bool ledger_folds(const struct ledger *l, const char *mailbox)
{
    const char *at = mailbox != NULL ? strrchr(mailbox, '@') : NULL;
    char name[256];

    if (at == NULL || l->nexact == 0 || strlen(at + 1) >= sizeof name) {
        return true;
    }
    strcpy(name, at + 1);
    base_ascii_lower(name);
    return bsearch(name, l->exact_domains, l->nexact, sizeof *l->exact_domains, by_name) == NULL;
}

const char *ledger_mailbox_key(const struct ledger *l, struct base_arena *a, const char *mailbox)
{
    return base_mailbox_key(a, mailbox, ledger_folds(l, mailbox));
}

const char *const *ledger_folding_exact(const struct ledger *l, size_t *n)
{
    *n = l->nexact;
    return l->exact_domains;
}

enum base_fail_class ledger_folding_load(struct ledger *l, struct base_fail *f)
{
    struct ledger_list list;
    struct base_arena *a = base_arena_new();
    enum base_fail_class cls =
        ledger_rows(l, a, &names, &list, f, "SELECT name FROM exact_domain ORDER BY name", "");

    if (cls != BASE_OK) {
        base_arena_free(a);
        return cls;
    }
    base_arena_free(l->exact);
    l->exact = a;
    l->exact_domains = base_arena_array(a, list.n + 1, sizeof *l->exact_domains);
    l->nexact = list.n;
    for (size_t i = 0; i < list.n; i++) {
        l->exact_domains[i] = ((const struct name *)list.rows)[i].v;
    }
    l->folding_changed = l->in_transaction;
    return BASE_OK;
}

/* ---- would two become one? ---------------------------------------------------------------- */

static const struct ledger_column pair_columns[] = {
    LEDGER_COL(TEXT, struct ledger_pair, one),
    LEDGER_COL(TEXT, struct ledger_pair, other),
    LEDGER_COL(INT, struct ledger_pair, more),
};
static const struct ledger_table pairs = LEDGER_TABLE("pair", struct ledger_pair, pair_columns);

/* Keys of a domain that is not folded: where one in lower case stands for several. */
static enum base_fail_class find_pairs(struct ledger *l, struct base_arena *a, const char *domain,
                                       struct ledger_pair *out, struct base_fail *f)
{
    struct ledger_list list;
    enum base_fail_class cls = ledger_rows(
        l, a, &pairs, &list, f,
        "SELECT min(k), max(k), count(*) OVER () - 1 FROM ("
        "  SELECT key AS k FROM mailbox UNION SELECT mailbox_key FROM orders UNION"
        "  SELECT mailbox_key FROM intent UNION SELECT mailbox_key FROM consent)"
        " WHERE substr(k, -length(?1) - 1) = '@' || ?1"
        " GROUP BY lower(k) HAVING min(k) <> max(k) ORDER BY 1 LIMIT 1",
        "t", domain);

    *out = cls == BASE_OK && list.n > 0 ? *(struct ledger_pair *)list.rows : (struct ledger_pair){0};
    return cls;
}

/* ---- new keys for what there is -------------------------------------------------------------- */

struct row {
    int64_t id;
    const char *mailbox, *tenant;
};
static const struct ledger_column row_columns[] = {
    LEDGER_COL(INT, struct row, id),
    LEDGER_COL(TEXT, struct row, mailbox),
    LEDGER_COL(TEXT, struct row, tenant),
};
static const struct ledger_table rows = LEDGER_TABLE("mailbox", struct row, row_columns);

/* Mailboxes whose name has a capital are planned anew: their publications may move. */
static const struct {
    const char *select, *update, *also;
} kinds[] = {
    {"SELECT id, name, tenant FROM mailbox WHERE id > ?1 AND name <> lower(name)"
     " AND substr(key, -length(?2) - 1) = '@' || ?2 ORDER BY id LIMIT ?3",
     "UPDATE mailbox SET key = ?2 WHERE id = ?1",
     "INSERT OR IGNORE INTO publication_due (mailbox) VALUES (?1)"},
    {"SELECT id, mailbox, tenant FROM orders WHERE id > ?1 AND mailbox <> lower(mailbox)"
     " AND substr(mailbox_key, -length(?2) - 1) = '@' || ?2 ORDER BY id LIMIT ?3",
     "UPDATE orders SET mailbox_key = ?2 WHERE id = ?1", NULL},
    {"SELECT id, mailbox, tenant FROM intent WHERE id > ?1 AND mailbox <> lower(mailbox)"
     " AND substr(mailbox_key, -length(?2) - 1) = '@' || ?2 ORDER BY id LIMIT ?3",
     "UPDATE intent SET mailbox_key = ?2 WHERE id = ?1", NULL},
    {"SELECT id, mailbox, '' FROM consent WHERE id > ?1 AND mailbox <> lower(mailbox)"
     " AND substr(mailbox_key, -length(?2) - 1) = '@' || ?2 ORDER BY id LIMIT ?3",
     "UPDATE consent SET mailbox_key = ?2 WHERE id = ?1", NULL},
};

static enum base_fail_class rekey(struct ledger *l, const char *domain, size_t kind,
                                  struct base_fail *f)
{
    enum base_fail_class cls = BASE_OK;
    int64_t after = 0;

    for (size_t n = PAGE; cls == BASE_OK && n == PAGE;) {
        struct base_arena *a = base_arena_new();
        struct ledger_list list;
        cls = ledger_rows(l, a, &rows, &list, f, kinds[kind].select, "itn", after, domain, PAGE);
        n = list.n;
        for (size_t i = 0; cls == BASE_OK && i < n; i++) {
            const struct row *r = (const struct row *)list.rows + i;
            after = r->id;
            cls = ledger_change(l, NULL, f, kinds[kind].update, "im", r->id, r->mailbox);
            if (cls == BASE_OK && kinds[kind].also != NULL) {
                cls = ledger_change(l, NULL, f, kinds[kind].also, "i", r->id);
            }
        }
        base_arena_free(a);
    }
    return cls;
}

/* ---- to exact: one mailbox may have been several ----------------------------------------------- */

/* An order's exact form has a mailbox of its own now. */
static enum base_fail_class split_orders(struct ledger *l, const char *domain, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct ledger_list list;
    enum base_fail_class cls = ledger_rows(
        l, a, &rows, &list, f,
        "SELECT max(id), mailbox, tenant FROM orders WHERE substr(mailbox_key, -length(?1) - 1) = '@' || ?1"
        " AND NOT EXISTS (SELECT 1 FROM mailbox AS m WHERE m.key = mailbox_key) GROUP BY mailbox_key",
        "t", domain);

    for (size_t i = 0; cls == BASE_OK && i < list.n; i++) {
        const struct row *r = (const struct row *)list.rows + i;
        cls = ledger_mailbox_row(l, r->mailbox, r->tenant, NULL, f);
    }
    base_arena_free(a);
    return cls;
}

struct link {
    int64_t mailbox, certificate;
    const char *name, *tenant;
    const char **mailboxes; /* that the certificate names */
    size_t nmailboxes;
};
static const struct ledger_column link_columns[] = {
    LEDGER_COL(INT, struct link, mailbox),
    LEDGER_COL(INT, struct link, certificate),
    LEDGER_COL(TEXT, struct link, name),
    LEDGER_COL(TEXT, struct link, tenant),
    LEDGER_COL2(NAMES, struct link, mailboxes, nmailboxes),
};
static const struct ledger_table links = LEDGER_TABLE("certificate", struct link, link_columns);

static enum base_fail_class link_to(struct ledger *l, const struct link *k, const char *name,
                                    struct base_fail *f)
{
    int64_t row = 0;
    enum base_fail_class cls = ledger_mailbox_row(l, name, k->tenant, &row, f);

    return cls != BASE_OK ? cls
                          : ledger_change(l, NULL, f,
                                          "INSERT INTO certificate_mailbox (mailbox, not_before,"
                                          " certificate) SELECT ?1, not_before, id FROM certificate"
                                          " WHERE id = ?2 ON CONFLICT DO NOTHING",
                                          "ii", row, k->certificate);
}

/* To every exact form that the certificate names, and away from one that it doesn't. Names that
 * aren't the mailbox's in any case are other mailboxes', or say that it came by an alias. */
static enum base_fail_class split_link(struct ledger *l, const struct link *k, struct base_fail *f)
{
    bool named = false, other = false;
    enum base_fail_class cls = BASE_OK;

    for (size_t i = 0; cls == BASE_OK && i < k->nmailboxes; i++) {
        if (base_mailbox_same(k->mailboxes[i], k->name, false)) {
            named = true;
        } else if (base_mailbox_same(k->mailboxes[i], k->name, true)) {
            other = true;
            cls = link_to(l, k, k->mailboxes[i], f);
        }
    }
    if (cls == BASE_OK && other && !named) {
        cls = ledger_change(l, NULL, f,
                            "DELETE FROM certificate_mailbox WHERE mailbox = ?1 AND certificate = ?2",
                            "ii", k->mailbox, k->certificate);
    }
    if (cls == BASE_OK && other && !named) {
        cls = ledger_change(l, NULL, f, "INSERT OR IGNORE INTO publication_due (mailbox) VALUES (?1)",
                            "i", k->mailbox);
    }
    return cls;
}

static enum base_fail_class split_links(struct ledger *l, const char *domain, struct base_fail *f)
{
    enum base_fail_class cls = BASE_OK;
    int64_t mailbox = 0, certificate = 0;

    for (size_t n = PAGE; cls == BASE_OK && n == PAGE;) {
        struct base_arena *a = base_arena_new();
        struct ledger_list list;
        cls = ledger_rows(
            l, a, &links, &list, f,
            "SELECT m.id, c.id, m.name, m.tenant, c.mailboxes FROM mailbox AS m"
            " CROSS JOIN certificate_mailbox AS x ON x.mailbox = m.id"
            " CROSS JOIN certificate AS c ON c.id = x.certificate"
            " WHERE substr(m.key, -length(?1) - 1) = '@' || ?1 AND (m.id, c.id) > (?2, ?3)"
            " AND (m.name <> lower(m.name) OR c.mailboxes <> lower(c.mailboxes))"
            " ORDER BY m.id, c.id LIMIT ?4",
            "tiin", domain, mailbox, certificate, PAGE);
        n = list.n;
        for (size_t i = 0; cls == BASE_OK && i < n; i++) {
            const struct link *k = (const struct link *)list.rows + i;
            mailbox = k->mailbox;
            certificate = k->certificate;
            cls = split_link(l, k, f);
        }
        base_arena_free(a);
    }
    return cls;
}

/* Links are never removed but here and by forgetting: "erasing" lets the triggers step aside. */
static enum base_fail_class split(struct ledger *l, const char *domain, struct base_fail *f)
{
    enum base_fail_class cls = split_orders(l, domain, f);

    if (cls == BASE_OK) {
        cls = ledger_change(l, NULL, f, "INSERT INTO erasing (mailbox) VALUES (?1)", "t", domain);
    }
    if (cls == BASE_OK) {
        cls = split_links(l, domain, f);
    }
    return cls == BASE_OK ? ledger_change(l, NULL, f, "DELETE FROM erasing", "") : cls;
}

/* ---- the change --------------------------------------------------------------------------------- */

static enum base_fail_class change(struct ledger *l, const char *domain, bool fold,
                                   struct base_fail *f)
{
    enum base_fail_class cls = ledger_change(
        l, NULL, f,
        fold ? "DELETE FROM exact_domain WHERE name = ?1" : "INSERT INTO exact_domain (name) VALUES (?1)",
        "t", domain);

    if (cls == BASE_OK) {
        cls = ledger_folding_load(l, f);
    }
    for (size_t i = 0; cls == BASE_OK && i < sizeof kinds / sizeof kinds[0]; i++) {
        cls = rekey(l, domain, i, f);
    }
    return cls == BASE_OK && !fold ? split(l, domain, f) : cls;
}

enum base_fail_class ledger_folding_set(struct ledger *l, struct base_arena *a, const char *domain,
                                        bool fold, struct ledger_pair *pair, struct base_fail *f)
{
    const char *any = base_arena_printf(a, "x@%s", domain);
    enum base_fail_class cls = BASE_OK;

    *pair = (struct ledger_pair){0};
    if (ledger_folds(l, any) == fold) {
        return BASE_OK;
    }
    if (fold) {
        cls = find_pairs(l, a, domain, pair, f);
    }
    if (cls == BASE_OK && pair->one != NULL) {
        return base_failf(f, BASE_PERMANENT, "ledger.folding",
                          "%s and %s are two mailboxes in the ledger, with orders, certificates or "
                          "consents of their own", pair->one, pair->other);
    }
    return cls == BASE_OK ? change(l, domain, fold, f) : cls;
}
