/* ledger/prune.c - a pass in slices: mails, then events type by type, then marks.
 *
 * Events go along the index of type and time, from the oldest on; a place within a type is a
 * time and an id. The newest mail and event stay whatever they are: an id is never given twice. */
#include "prune.h"

#include "internal.h"

/* What an event of a type is about: it goes only when that doesn't need it any more. */
enum about { NOTHING, MAIL, CERTIFICATE };

/* The trigger event_delete (schema_prune.c) lets go these and no other. */
static const struct {
    const char *type;
    enum about about;
} types[] = {
    {"mail.taken", MAIL},
    {"mail.decided", MAIL},
    {"mail.unreadable", MAIL},
    {"alarm.mail", MAIL},
    {"publish.done", CERTIFICATE},
    {"publish.failed", CERTIFICATE},
    {"notice.sent", NOTHING},
    {"notice.failed", NOTHING},
    {"backup.made", NOTHING},
    {"ledger.pruned", NOTHING},
    {"mail.dead", NOTHING},
    {"revalidate.trouble", NOTHING},
};
#define TYPES ((int)(sizeof types / sizeof types[0]))

enum { STEP_MAILS, STEP_EVENTS, STEP_NOTICES = STEP_EVENTS + TYPES, STEP_COUNTS, STEP_OVER };

struct place {
    int64_t at, id;
};
static const struct ledger_column columns[] = {
    LEDGER_COL(INT, struct place, at),
    LEDGER_COL(INT, struct place, id),
};
static const struct ledger_table table = LEDGER_TABLE("place", struct place, columns);

/* The end of the page that LIST is: where the next one begins. *WHOLE: there may be more. */
static struct place end_of(const struct ledger_list *list, size_t limit, bool *whole)
{
    const struct place *v = list->rows;

    *whole = list->n == limit;
    return list->n == 0 ? (struct place){0} : v[list->n - 1];
}

static void next_step(struct ledger_prune *p)
{
    p->step++;
    p->at = p->id = 0;
}

/* The newest row's id of the table that SQL names. */
static enum base_fail_class newest(struct ledger *l, const char *sql, int64_t *id, struct base_fail *f)
{
    *id = 0;
    return ledger_number(l, id, f, sql, "in", INT64_MAX, (size_t)1);
}

/* ---- mails ---------------------------------------------------------------------------------- */

#define THROUGH "state = 'final' AND intent IS NULL AND approved_by IS NULL"
/* ?1 ?2 after this place, ?3 ?4 up to that one; one that brought a certificate stays */
#define MAILS_TO_GO                                                                                \
    "SELECT m.id FROM mail AS m INDEXED BY mail_through WHERE " THROUGH                            \
    " AND (m.received, m.id) > (?1, ?2) AND (m.received, m.id) <= (?3, ?4)"                        \
    " AND m.id < ?5"                                                                               \
    " AND NOT EXISTS (SELECT 1 FROM certificate AS c WHERE c.source > 'mail:'"                     \
    "   AND c.source = 'mail:' || m.id)"                                                           \
    " AND NOT EXISTS (SELECT 1 FROM job AS j WHERE j.key IN ('mail:' || m.id,"                     \
    "   'collect:mail:' || m.id))"

static enum base_fail_class prune_mails(struct ledger *l, struct base_arena *a,
                                        struct ledger_prune *p, size_t limit, size_t *seen,
                                        struct base_fail *f)
{
    struct ledger_list list = {0};
    bool whole = false;
    int gone = 0;
    enum base_fail_class cls =
        ledger_rows(l, a, &table, &list, f,
                    "SELECT received, id FROM mail INDEXED BY mail_through WHERE " THROUGH
                    " AND received < ?1 AND (received, id) > (?2, ?3) ORDER BY received, id LIMIT ?4",
                    "iiin", p->mails_before, p->at, p->id, limit);
    struct place end = end_of(&list, limit, &whole);
    int64_t last = 0;

    *seen = list.n;
    if (cls == BASE_OK) {
        cls = newest(l, "SELECT id FROM mail WHERE id < ?1 ORDER BY id DESC LIMIT ?2", &last, f);
    }
    /* a token is never forgotten, whatever becomes of the mail that brought it */
    if (cls == BASE_OK && list.n > 0) {
        cls = ledger_change(l, NULL, f, "UPDATE token SET mail = NULL WHERE mail IN (" MAILS_TO_GO ")",
                            "iiiii", p->at, p->id, end.at, end.id, last);
    }
    if (cls == BASE_OK && list.n > 0) {
        cls = ledger_change(l, &gone, f, "DELETE FROM mail WHERE id IN (" MAILS_TO_GO ")", "iiiii", p->at,
                            p->id, end.at, end.id, last);
    }
    p->mails += gone;
    p->at = end.at;
    p->id = end.id;
    if (!whole) {
        next_step(p);
    }
    return cls;
}

/* ---- events ---------------------------------------------------------------------------------- */

#define EVENTS_TO_GO                                                                               \
    "DELETE FROM event WHERE type = ?1 AND (at, id) > (?2, ?3) AND (at, id) <= (?4, ?5)"           \
    " AND id < ?6"

static enum base_fail_class drop_events(struct ledger *l, const struct ledger_prune *p,
                                        struct place end, int *gone, struct base_fail *f)
{
    static const char *const sql[] = {
        [NOTHING] = EVENTS_TO_GO,
        /* "mail:7": where the mail stays, its story does */
        [MAIL] = EVENTS_TO_GO " AND NOT EXISTS (SELECT 1 FROM mail AS m"
                              "   WHERE m.id = CAST(substr(event.object, 6) AS INTEGER))",
        [CERTIFICATE] = EVENTS_TO_GO
        " AND NOT EXISTS (SELECT 1 FROM certificate AS c WHERE c.state = 'current'"
        "   AND c.id = CAST(substr(event.object, 13) AS INTEGER))",
    };
    int i = p->step - STEP_EVENTS;
    int64_t last = 0;
    enum base_fail_class cls =
        newest(l, "SELECT id FROM event WHERE id < ?1 ORDER BY id DESC LIMIT ?2", &last, f);

    return cls != BASE_OK ? cls
                          : ledger_change(l, gone, f, sql[types[i].about], "tiiiii", types[i].type, p->at,
                                          p->id, end.at, end.id, last);
}

static enum base_fail_class prune_events(struct ledger *l, struct base_arena *a,
                                         struct ledger_prune *p, size_t limit, size_t *seen,
                                         struct base_fail *f)
{
    const char *type = types[p->step - STEP_EVENTS].type;
    struct ledger_list list = {0};
    bool whole = false;
    int gone = 0;
    enum base_fail_class cls =
        ledger_rows(l, a, &table, &list, f,
                    "SELECT at, id FROM event INDEXED BY event_type WHERE type = ?1 AND at < ?2"
                    " AND (at, id) > (?3, ?4) ORDER BY at, id LIMIT ?5",
                    "tiiin", type, p->events_before, p->at, p->id, limit);
    struct place end = end_of(&list, limit, &whole);

    *seen = list.n;
    if (cls == BASE_OK && list.n > 0) {
        cls = drop_events(l, p, end, &gone, f);
    }
    p->events += gone;
    p->alarms += type[0] == 'a' ? gone : 0;
    p->at = end.at;
    p->id = end.id;
    if (!whole) {
        next_step(p);
    }
    return cls;
}

/* ---- marks -------------------------------------------------------------------------------------- */

static enum base_fail_class prune_marks(struct ledger *l, struct ledger_prune *p, size_t limit,
                                        size_t *seen, struct base_fail *f)
{
    static const char notices[] = "DELETE FROM notice WHERE key IN (SELECT key FROM notice"
                                  " INDEXED BY notice_at WHERE at < ?1 ORDER BY at LIMIT ?2)";
    /* "alarms:NAME:DAY", how many that day */
    static const char counts[] =
        "DELETE FROM meta WHERE key IN (SELECT key FROM meta WHERE key > 'alarms:' AND key < 'alarms;'"
        " AND substr(key, -10) < date(?1, 'unixepoch') LIMIT ?2)";
    int gone = 0;
    enum base_fail_class cls = ledger_change(l, &gone, f, p->step == STEP_NOTICES ? notices : counts,
                                             "in", p->events_before, limit);

    *seen = (size_t)gone;
    p->marks += gone;
    if (*seen < limit) {
        next_step(p);
    }
    return cls;
}

/* ---- a slice -------------------------------------------------------------------------------------- */

static enum base_fail_class one_page(struct ledger *l, struct base_arena *a, struct ledger_prune *p,
                                     size_t limit, size_t *seen, struct base_fail *f)
{
    bool mails = p->step == STEP_MAILS;
    int64_t before = mails ? p->mails_before : p->events_before;

    *seen = 0;
    if (before <= 0) {
        next_step(p);
        return BASE_OK;
    }
    enum base_fail_class cls = ledger_change(
        l, NULL, f, "INSERT OR REPLACE INTO pruning (only, before) VALUES (1, ?1)", "i", before);
    if (cls != BASE_OK) {
        return cls;
    }
    return mails                      ? prune_mails(l, a, p, limit, seen, f)
           : p->step < STEP_NOTICES ? prune_events(l, a, p, limit, seen, f)
                                    : prune_marks(l, p, limit, seen, f);
}

enum base_fail_class ledger_prune(struct ledger *l, struct ledger_prune *p, size_t limit,
                                  struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    enum base_fail_class cls = BASE_OK;

    for (size_t seen = 0; cls == BASE_OK && limit > 0 && p->step < STEP_OVER; limit -= seen) {
        cls = one_page(l, a, p, limit, &seen, f);
    }
    if (cls == BASE_OK) {
        cls = ledger_change(l, NULL, f, "DELETE FROM pruning WHERE only = 1", "");
    }
    p->over = p->step == STEP_OVER;
    base_arena_free(a);
    return cls;
}
