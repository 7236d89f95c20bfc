/* Two spellings of an address: one mailbox or two, and how one becomes the other. */
#include "ledger/alias.h"
#include "ledger/folding.h"
#include "ledger/forget.h"
#include "ledger/internal.h"
#include "ledger/publication.h"
#include "ledger_fixture.h"

static int64_t order(struct fixture *x, const char *box)
{
    static int next;
    struct ledger_order o = {.reference = base_arena_printf(x->a, "r-%d", ++next),
                             .tenant = "acme", .account = "m", .mailbox = box, .state = "stored"};
    GOOD(x, ledger_order_add(x->l, &o, &o.id, &x->fail));
    return o.id;
}

static int64_t certificate(struct fixture *x, const char *one, const char *other)
{
    static int next;
    const char *boxes[] = {one, other};
    int64_t id = 0;
    struct ledger_certificate c = {.thumbprint = base_arena_printf(x->a, "%064d", ++next), .serial = "0A",
                                   .tenant = "acme", .subject = "CN=Anna", .mailboxes = boxes,
                                   .nmailboxes = other ? 2 : 1, .not_before = next, .not_after = 100,
                                   .stored_at = 1, .usage = "both", .state = "current",
                                   .fields = "{}", .chain_pem = "pem"};
    GOOD(x, ledger_certificate_add(x->l, &c, &id, &x->fail));
    return id;
}

static void consent(struct fixture *x, const char *box)
{
    struct ledger_consent c = {.mailbox = box, .what = "custody", .who = "w", .given = 1};
    GOOD(x, ledger_consent_add(x->l, &c, &c.id, &x->fail));
}

static void intent(struct fixture *x, const char *box)
{
    struct ledger_intent i = {.p = {.kind = POLICY_INTENT_MAILBOX, .tenant = "acme", .account = "m",
                                    .domain = "b.test", .mailbox = box}};
    GOOD(x, ledger_intent_add(x->l, &i, &i.p.id, &x->fail));
}

static struct ledger_pair set(struct fixture *x, const char *domain, bool fold)
{
    struct ledger_pair pair;
    GOOD(x, ledger_folding_set(x->l, x->a, domain, fold, &pair, &x->fail));
    return pair;
}

/* What is found under BOX: orders, certificates, intents, valid consent. */
static const char *found(struct fixture *x, const char *box)
{
    struct ledger_order *o;
    struct ledger_certificate *c;
    struct ledger_intent *i;
    size_t no, nc, ni;
    bool agreed;
    GOOD(x, ledger_order_list(x->l, x->a, box, 0, 99, &o, &no, &x->fail));
    GOOD(x, ledger_certificate_of(x->l, x->a, box, 99, &c, &nc, &x->fail));
    GOOD(x, ledger_intent_match(x->l, x->a, NULL, box, 1, &i, &ni, &x->fail));
    GOOD(x, ledger_consent_valid(x->l, box, "custody", &agreed, &x->fail));
    return base_arena_printf(x->a, "%zu orders, %zu certificates, %zu intents, consent %d", no, nc, ni, agreed);
}
#define FOUND(x, box, text) assert_string_equal(found(x, box), text)
#define NOTHING "0 orders, 0 certificates, 0 intents, consent 0"

static int64_t number(struct fixture *x, const char *sql)
{
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_prepare_v2(x->l->db, sql, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return n;
}

static void both(struct fixture *x)
{
    order(x, "Anna@b.test");
    order(x, "anna@b.test");
    certificate(x, "Anna@b.test", NULL);
    certificate(x, "anna@b.test", NULL);
    certificate(x, "anna@b.test", NULL);
    intent(x, "anna@b.test");
    consent(x, "Anna@b.test");
}

static void one_mailbox_by_default(void **state)
{
    struct fixture *x = *state;
    struct ledger_mailbox *m;
    struct ledger_order *o;
    size_t n;

    BEGIN(x);
    both(x);
    COMMIT(x);
    FOUND(x, "ANNA@B.test", "2 orders, 3 certificates, 1 intents, consent 1");
    GOOD(x, ledger_mailbox_list(x->l, x->a, "", 9, &m, &n, &x->fail));
    assert_int_equal(n, 1);
    assert_string_equal(m[0].mailbox, "Anna@b.test"); /* the exact form that came first */
    GOOD(x, ledger_order_list(x->l, x->a, "anna@b.test", 0, 9, &o, &n, &x->fail));
    assert_string_equal(o[0].mailbox, "Anna@b.test"); /* and of each order */
    assert_string_equal(o[1].mailbox, "anna@b.test");
    assert_string_equal(ledger_mailbox_key(x->l, x->a, "Anna@B.test"), "anna@b.test");
}

static void two_where_it_is_exact(void **state)
{
    struct fixture *x = *state;
    struct ledger_mailbox *m;
    struct ledger_forget r = {.mailbox = "Anna@b.test", .tenant = "t", .reason = "w", .asked_by = "a",
                              .state = "asked"};
    struct ledger_box one, other;
    size_t n;

    BEGIN(x);
    set(x, "b.test", false);
    both(x);
    order(x, "Berta@a.test");
    GOOD(x, ledger_forget_add(x->l, &r, &r.id, &x->fail));
    COMMIT(x);
    for (int again = 0; again < 2; again++) { /* and after it was opened anew */
        FOUND(x, "Anna@B.test", "1 orders, 1 certificates, 0 intents, consent 1");
        FOUND(x, "anna@b.test", "1 orders, 2 certificates, 1 intents, consent 0");
        FOUND(x, "ANNA@b.test", NOTHING);
        FOUND(x, "berta@a.test", "1 orders, 0 certificates, 0 intents, consent 0"); /* another domain */
        GOOD(x, ledger_box_named(x->l, x->a, "Anna@b.test", &one, &x->fail));
        GOOD(x, ledger_box_named(x->l, x->a, "anna@b.test", &other, &x->fail));
        assert_int_not_equal(one.id, other.id);
        GOOD(x, ledger_mailbox_list(x->l, x->a, "", 9, &m, &n, &x->fail));
        assert_int_equal(n, 3);
        assert_string_equal(m[0].mailbox, "Anna@b.test");
        GOOD(x, ledger_mailbox_list(x->l, x->a, "Anna@b.test", 9, &m, &n, &x->fail)); /* the next page */
        assert_int_equal(n, 2);
        GOOD(x, ledger_forget_of(x->l, x->a, "Anna@b.test", &r, &x->fail));
        BAD(x, ledger_forget_of(x->l, x->a, "anna@b.test", &r, &x->fail), BASE_PERMANENT, "ledger.absent");
        ledger_close(x->l);
        GOOD(x, ledger_open(x->path, &x->l, &x->fail));
    }
    assert_string_equal(ledger_folding_exact(x->l, &n)[0], "b.test");
    assert_int_equal(n, 1);
}

/* yes -> no: each thing goes to its own exact form, and nothing is lost. */
static void split(void **state)
{
    struct fixture *x = *state;
    struct ledger_certificate *c;
    struct ledger_box *v;
    size_t n;

    BEGIN(x);
    both(x);
    int64_t shared = certificate(x, "ANNA@b.test", "anna@b.test");
    int64_t alias = certificate(x, "info@b.test", NULL);
    GOOD(x, ledger_certificate_share(x->l, alias, "anna@b.test", &x->fail));
    GOOD(x, ledger_publication_due(x->l, x->a, 99, &v, &n, &x->fail));
    for (size_t i = 0; i < n; i++)
        GOOD(x, ledger_publication_planned(x->l, v[i].id, &x->fail));
    int64_t links = number(x, "SELECT count(DISTINCT certificate) FROM certificate_mailbox");
    set(x, "b.test", false);
    COMMIT(x);
    FOUND(x, "Anna@b.test", "1 orders, 2 certificates, 0 intents, consent 1"); /* and the alias's */
    FOUND(x, "anna@b.test", "1 orders, 3 certificates, 1 intents, consent 0");
    FOUND(x, "ANNA@b.test", "0 orders, 1 certificates, 0 intents, consent 0");
    FOUND(x, "info@b.test", "0 orders, 1 certificates, 0 intents, consent 0");
    GOOD(x, ledger_certificate_of(x->l, x->a, "ANNA@b.test", 9, &c, &n, &x->fail));
    assert_int_equal(c[0].id, shared);
    assert_int_equal(number(x, "SELECT count(DISTINCT certificate) FROM certificate_mailbox"), links);
    GOOD(x, ledger_publication_due(x->l, x->a, 99, &v, &n, &x->fail));
    assert_int_equal(n, 3); /* Anna's, anna's, ANNA's */
    /* the exception to "never removed" is over */
    assert_int_not_equal(sqlite3_exec(x->l->db, "DELETE FROM certificate_mailbox", NULL, NULL, NULL), SQLITE_OK);
    /* and back again where nothing of two is in the way: here it is */
    struct ledger_pair pair;
    BEGIN(x);
    BAD(x, ledger_folding_set(x->l, x->a, "b.test", true, &pair, &x->fail), BASE_PERMANENT, "ledger.folding");
    ledger_rollback(x->l);
    assert_string_equal(pair.one, "ANNA@b.test");
    assert_string_equal(pair.other, "anna@b.test");
    assert_int_equal(pair.more, 0); /* all three are one pair of spellings */
}

/* no -> yes */
static void merge(void **state)
{
    struct fixture *x = *state;
    struct ledger_pair pair;
    struct ledger_mailbox *m;
    size_t n;

    BEGIN(x);
    set(x, "b.test", false);
    order(x, "Anna@b.test");
    certificate(x, "Anna@b.test", NULL);
    intent(x, "Anna@b.test");
    consent(x, "Carla@b.test");
    consent(x, "carla@b.test"); /* without any order */
    order(x, "Dora@b.test");
    order(x, "dora@b.test");
    BAD(x, ledger_folding_set(x->l, x->a, "b.test", true, &pair, &x->fail), BASE_PERMANENT, "ledger.folding");
    assert_string_equal(pair.one, "Carla@b.test");
    assert_string_equal(pair.other, "carla@b.test");
    assert_int_equal(pair.more, 1);
    FOUND(x, "anna@b.test", NOTHING); /* nothing changed */
    ledger_rollback(x->l);
    BEGIN(x);
    set(x, "b.test", false);
    order(x, "Anna@b.test");
    certificate(x, "Anna@b.test", NULL);
    intent(x, "Anna@b.test");
    consent(x, "Anna@b.test");
    set(x, "b.test", true);
    COMMIT(x);
    FOUND(x, "anna@b.test", "1 orders, 1 certificates, 1 intents, consent 1");
    FOUND(x, "ANNA@b.test", "1 orders, 1 certificates, 1 intents, consent 1");
    GOOD(x, ledger_mailbox_list(x->l, x->a, "", 9, &m, &n, &x->fail));
    assert_int_equal(n, 1);
    assert_string_equal(m[0].mailbox, "Anna@b.test");
    (void)ledger_folding_exact(x->l, &n);
    assert_int_equal(n, 0);
}

static void rolled_back(void **state)
{
    struct fixture *x = *state;

    BEGIN(x);
    order(x, "Anna@b.test");
    COMMIT(x);
    BEGIN(x);
    set(x, "b.test", false);
    assert_false(ledger_folds(x->l, "a@b.test"));
    FOUND(x, "anna@b.test", NOTHING);
    ledger_rollback(x->l);
    assert_true(ledger_folds(x->l, "a@b.test"));
    FOUND(x, "anna@b.test", "1 orders, 0 certificates, 0 intents, consent 0");
}

/* Many pages of rows, none left out. */
static void many(void **state)
{
    struct fixture *x = *state;

    BEGIN(x);
    for (int i = 0; i < 1203; i++) {
        order(x, base_arena_printf(x->a, "U%d@b.test", i));
        certificate(x, base_arena_printf(x->a, "U%d@b.test", i),
                    i % 2 ? base_arena_printf(x->a, "u%d@b.test", i) : NULL);
    }
    set(x, "b.test", false);
    COMMIT(x);
    assert_int_equal(number(x, "SELECT count(*) FROM orders WHERE mailbox_key GLOB 'U*'"), 1203);
    assert_int_equal(number(x, "SELECT count(*) FROM mailbox WHERE key GLOB 'U*'"), 1203);
    assert_int_equal(number(x, "SELECT count(*) FROM mailbox AS m JOIN certificate_mailbox AS x"
                               " ON x.mailbox = m.id WHERE key GLOB 'u*'"), 601);
}

/* Forgetting one leaves the other as it is. */
static void erased(void **state)
{
    struct fixture *x = *state;
    struct ledger_certificate c;
    struct ledger_event e = {.at = 1, .type = "a.b", .data = "{\"mailbox\":\"Anna@b.test\"}"},
                        other = {.at = 1, .type = "a.b", .data = "{\"mailbox\":\"anna@b.test\"}"};
    int64_t n;

    BEGIN(x);
    set(x, "b.test", false);
    both(x);
    int64_t shared = certificate(x, "Anna@b.test", "anna@b.test");
    GOOD(x, ledger_event_add(x->l, &e, &x->fail));
    GOOD(x, ledger_event_add(x->l, &other, &x->fail));
    GOOD(x, ledger_forget_erase(x->l, "Anna@b.test", "forgotten-1", &n, &x->fail));
    COMMIT(x);
    assert_int_equal(n, 2);
    FOUND(x, "Anna@b.test", NOTHING);
    FOUND(x, "anna@b.test", "1 orders, 3 certificates, 1 intents, consent 0");
    FOUND(x, "forgotten-1", "1 orders, 1 certificates, 0 intents, consent 1"); /* without its content */
    GOOD(x, ledger_certificate_get(x->l, x->a, shared, &c, &x->fail));
    assert_string_equal(c.mailboxes[0], "forgotten-1");
    assert_string_equal(c.mailboxes[1], "anna@b.test");
    assert_int_equal(number(x, "SELECT count(*) FROM event WHERE instr(data, 'Anna@')"), 0);
    assert_int_equal(number(x, "SELECT count(*) FROM event WHERE instr(data, 'anna@')"), 1);
    BEGIN(x); /* folded, both spellings go */
    order(x, "Anna@c.test");
    certificate(x, "anna@c.test", "ANNA@c.test");
    e.data = "{\"mailbox\":\"Anna@c.test\", \"other\":\"anna@c.test\"}";
    GOOD(x, ledger_event_add(x->l, &e, &x->fail));
    GOOD(x, ledger_forget_erase(x->l, "Anna@c.test", "forgotten-2", &n, &x->fail));
    COMMIT(x);
    FOUND(x, "ANNA@c.test", NOTHING);
    assert_int_equal(number(x, "SELECT count(*) FROM event WHERE instr(lower(data), '@c.test')"), 0);
    assert_int_equal(number(x, "SELECT count(*) FROM certificate WHERE instr(lower(mailboxes), '@c.test')"), 0);
}

/* A tombstone is found again after either change. */
static void tombstones(void **state)
{
    struct fixture *x = *state;
    struct ledger_forget r = {.mailbox = "Anna@b.test", .tenant = "t", .reason = "w", .asked_by = "a",
                              .state = "asked"}, got;

    BEGIN(x);
    GOOD(x, ledger_forget_add(x->l, &r, &r.id, &x->fail));
    GOOD(x, ledger_forget_of(x->l, x->a, "anna@b.test", &got, &x->fail));
    set(x, "b.test", false);
    GOOD(x, ledger_forget_of(x->l, x->a, "Anna@b.test", &got, &x->fail));
    BAD(x, ledger_forget_of(x->l, x->a, "anna@b.test", &got, &x->fail), BASE_PERMANENT, "ledger.absent");
    got = r;
    got.mailbox = NULL;
    got.state = "erased";
    GOOD(x, ledger_forget_update(x->l, &got, &x->fail));
    GOOD(x, ledger_forget_of(x->l, x->a, "anna@b.test", &got, &x->fail)); /* it was hers, too */
    r.mailbox = "Dora@b.test"; /* of an exact time */
    GOOD(x, ledger_forget_add(x->l, &r, &r.id, &x->fail));
    BAD(x, ledger_forget_of(x->l, x->a, "dora@b.test", &got, &x->fail), BASE_PERMANENT, "ledger.absent");
    set(x, "b.test", true);
    GOOD(x, ledger_forget_of(x->l, x->a, "Dora@b.test", &got, &x->fail));
    COMMIT(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(one_mailbox_by_default), TEST(two_where_it_is_exact),
                                       TEST(split), TEST(merge), TEST(rolled_back), TEST(many),
                                       TEST(erased), TEST(tombstones)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
