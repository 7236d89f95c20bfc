/* Certificates and the list of mailboxes. */
#include "ledger/internal.h"
#include "ledger_fixture.h"

/* A certificate with a thumbprint that begins with HEAD. */
static struct ledger_certificate sample(struct fixture *x, const char *head)
{
    static const char *mailboxes[] = {"Anna@example.org"};
    char thumbprint[65];

    snprintf(thumbprint, sizeof thumbprint, "%s%0*d", head, (int)(64 - strlen(head)), 0);
    return (struct ledger_certificate){.thumbprint = base_arena_strdup(x->a, thumbprint),
                                       .serial = "0A1B",
                                       .issuer = "CN=CA",
                                       .subject = "CN=Anna",
                                       .tenant = "acme",
                                       .account = "main",
                                       .mailboxes = mailboxes,
                                       .nmailboxes = 1,
                                       .not_before = 100,
                                       .not_after = 200,
                                       .stored_at = 150,
                                       .usage = "both",
                                       .state = "current",
                                       .source = "api",
                                       .fields = "{\"a\":1}",
                                       .checks = "[]",
                                       .chain_pem = "-----BEGIN",
                                       .der = (const unsigned char *)"\x30\x00\x01",
                                       .der_len = 3};
}

static int64_t add(struct fixture *x, const struct ledger_certificate *c)
{
    int64_t id = 0;

    GOOD(x, ledger_certificate_add(x->l, c, &id, &x->fail));
    return id;
}

static void same_head(const struct ledger_certificate *a, const struct ledger_certificate *b)
{
    assert_int_equal(a->id, b->id);
    SAME(a->thumbprint, b->thumbprint);
    SAME(a->serial, b->serial);
    SAME(a->issuer, b->issuer);
    SAME(a->subject, b->subject);
    SAME(a->tenant, b->tenant);
    SAME(a->account, b->account);
    assert_int_equal(a->nmailboxes, b->nmailboxes);
    for (size_t i = 0; i < a->nmailboxes; i++) {
        SAME(a->mailboxes[i], b->mailboxes[i]);
    }
    assert_int_equal(a->order_row, b->order_row);
    SAME(a->key_id, b->key_id);
    SAME(a->spki, b->spki);
    assert_int_equal(a->not_before, b->not_before);
    assert_int_equal(a->not_after, b->not_after);
    assert_int_equal(a->stored_at, b->stored_at);
    SAME(a->usage, b->usage);
    SAME(a->state, b->state);
    SAME(a->source, b->source);
    SAME(a->revocation, b->revocation);
    assert_int_equal(a->revocation_at, b->revocation_at);
    assert_int_equal(a->revocation_next, b->revocation_next);
}

static void same_body(const struct ledger_certificate *a, const struct ledger_certificate *b)
{
    SAME(a->fields, b->fields);
    SAME(a->checks, b->checks);
    SAME(a->chain_pem, b->chain_pem);
    assert_int_equal(a->der_len, b->der_len);
    assert_memory_equal(a->der, b->der, a->der_len);
}

static void every_member_comes_back(void **state)
{
    struct fixture *x = *state;
    static const char *mailboxes[] = {"anna@example.org", "anna@example.net"};
    struct ledger_certificate c = sample(x, "aa"), out, *list;
    struct ledger_order o = {.reference = "r",
                             .tenant = "acme",
                             .account = "main",
                             .mailbox = "anna@example.org",
                             .state = "issued"};
    size_t n;

    c.mailboxes = mailboxes;
    c.nmailboxes = 2;
    c.key_id = "k1";
    c.spki = "0badcafe";
    c.revocation = "good";
    c.revocation_at = 160;
    c.revocation_next = 170;
    BEGIN(x);
    GOOD(x, ledger_order_add(x->l, &o, &c.order_row, &x->fail));
    c.id = add(x, &c);
    COMMIT(x);
    fixture_reopen(x);
    GOOD(x, ledger_certificate_get(x->l, x->a, c.id, &out, &x->fail));
    same_head(&c, &out);
    same_body(&c, &out);
    GOOD(x, ledger_certificate_of(x->l, x->a, "ANNA@example.net", 5, &list, &n, &x->fail));
    assert_int_equal(n, 1);
    same_head(&c, &list[0]);
    same_body(&c, &list[0]);
    GOOD(x, ledger_certificate_expiring(x->l, x->a, 201, 0, 0, 5, &list, &n, &x->fail));
    assert_int_equal(n, 1);
    same_head(&c, &list[0]);
    SAME(list[0].chain_pem, NULL);
    assert_null(list[0].der);
}

static void the_same_certificate_is_one_row(void **state)
{
    struct fixture *x = *state;
    struct ledger_certificate c = sample(x, "aa");
    int64_t id, again = 0;

    BEGIN(x);
    id = add(x, &c);
    BAD(x, ledger_certificate_add(x->l, &c, &again, &x->fail), BASE_PERMANENT, "ledger.exists");
    assert_int_equal(again, id);
    COMMIT(x);
}

static void nothing_but_states_changes(void **state)
{
    struct fixture *x = *state;
    static const char *const wrong[] = {
        "UPDATE certificate SET thumbprint = 'x'",
        "UPDATE certificate SET key_id = NULL",
        "UPDATE certificate SET not_after = 9, state = 'expired'",
        "UPDATE certificate SET order_row = NULL",
        "DELETE FROM certificate",
        "UPDATE certificate_body SET der = NULL",
        "DELETE FROM certificate_body",
        "UPDATE certificate_mailbox SET not_before = 1",
        "DELETE FROM certificate_mailbox",
        "INSERT OR REPLACE INTO certificate_body (id) VALUES (1)",
    };
    struct ledger_certificate c = sample(x, "aa"), out;

    c.key_id = "k1"; /* one without may get it later */
    BEGIN(x);
    c.id = add(x, &c);
    COMMIT(x);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        BEGIN(x);
        BAD(x, ledger_change(x->l, NULL, &x->fail, wrong[i], ""), BASE_PERMANENT, "ledger.state");
        ledger_rollback(x->l);
    }
    BEGIN(x);
    GOOD(x, ledger_certificate_state(x->l, c.id, "superseded", &x->fail));
    GOOD(x, ledger_certificate_revocation(x->l, c.id, "revoked", 5, 6, &x->fail));
    BAD(x, ledger_certificate_state(x->l, 99, "expired", &x->fail), BASE_PERMANENT,
        "ledger.absent");
    BAD(x, ledger_certificate_revocation(x->l, 99, "good", 1, 2, &x->fail), BASE_PERMANENT,
        "ledger.absent");
    BAD(x, ledger_certificate_state(x->l, c.id, "lost", &x->fail), BASE_OURS, "ledger.use");
    BAD(x, ledger_certificate_revocation(x->l, c.id, "maybe", 1, 2, &x->fail), BASE_OURS,
        "ledger.use");
    COMMIT(x);
    GOOD(x, ledger_certificate_get(x->l, x->a, c.id, &out, &x->fail));
    c.state = "superseded";
    c.revocation = "revoked";
    c.revocation_at = 5;
    c.revocation_next = 6;
    same_head(&c, &out);
    same_body(&c, &out);
}

static void find(struct fixture *x, const char *any, int64_t id)
{
    struct ledger_certificate out;

    GOOD(x, ledger_certificate_find(x->l, x->a, any, &out, &x->fail));
    assert_int_equal(out.id, id);
}

static void not_found(struct fixture *x, const char *any)
{
    struct ledger_certificate out;

    BAD(x, ledger_certificate_find(x->l, x->a, any, &out, &x->fail), BASE_PERMANENT,
        "ledger.absent");
}

static void found_by_id_thumbprint_or_serial(void **state)
{
    struct fixture *x = *state;
    struct ledger_certificate a = sample(x, "abcdef01aa"), b = sample(x, "abcdef01ab"),
                              c = sample(x, "1234567890");

    b.serial = "77FF";
    c.serial = "0042";
    BEGIN(x);
    add(x, &a);
    add(x, &b);
    add(x, &c);
    COMMIT(x);
    find(x, "2", 2);
    find(x, a.thumbprint, 1);
    find(x, "abcdef01aa", 1);
    find(x, "ABCDEF01AB", 2);
    find(x, "12345678", 3); /* digits, but no such id */
    find(x, "77ff", 2);
    find(x, "0A1B", 1);
    find(x, "0042", 3);
    not_found(x, "abcdef01");  /* two */
    not_found(x, "abcdef01a"); /* two */
    not_found(x, "abcdef0");   /* too short for a thumbprint, no serial */
    not_found(x, "abcdef02");
    not_found(x, "4");
    not_found(x, "");
    not_found(x, "%");
    c = sample(x, "55");
    c.serial = "77FF"; /* of another issuer */
    BEGIN(x);
    add(x, &c);
    COMMIT(x);
    not_found(x, "77FF");
}

static void history_of_a_mailbox_newest_first(void **state)
{
    struct fixture *x = *state;
    static const char *const heads[] = {"01", "02", "03", "04"};
    static const int64_t begins[] = {10, 40, 20, 40};
    static const char *both[] = {"anna@example.org", "ANNA@example.org"};
    struct ledger_certificate *out;
    size_t n;

    BEGIN(x);
    for (int i = 0; i < 4; i++) {
        struct ledger_certificate c = sample(x, heads[i]);
        c.not_before = begins[i];
        c.mailboxes = both; /* two spellings of one mailbox */
        c.nmailboxes = 2;
        add(x, &c);
    }
    COMMIT(x);
    GOOD(x, ledger_certificate_of(x->l, x->a, "anna@example.org", 10, &out, &n, &x->fail));
    assert_int_equal(n, 4);
    assert_int_equal(out[0].id, 4);
    assert_int_equal(out[1].id, 2);
    assert_int_equal(out[2].id, 3);
    assert_int_equal(out[3].id, 1);
    GOOD(x, ledger_certificate_of(x->l, x->a, "anna@example.org", 1, &out, &n, &x->fail));
    assert_int_equal(n, 1);
    GOOD(x, ledger_certificate_of(x->l, x->a, "nobody@example.org", 10, &out, &n, &x->fail));
    assert_int_equal(n, 0);
}

static void expiring_in_pages_without_loss(void **state)
{
    struct fixture *x = *state;
    struct ledger_certificate *out;
    int64_t t = 0, id = 0, last_t = 0, last_id = 0;
    size_t n, seen = 0;

    BEGIN(x);
    for (int i = 0; i < 50; i++) {
        char head[8];
        snprintf(head, sizeof head, "%02d", i);
        struct ledger_certificate c = sample(x, head);
        c.not_after = 1000 + i % 7; /* many end together */
        c.state = i % 10 == 9 ? "revoked" : "current";
        add(x, &c);
    }
    COMMIT(x);
    do {
        GOOD(x, ledger_certificate_expiring(x->l, x->a, 1006, t, id, 4, &out, &n, &x->fail));
        for (size_t i = 0; i < n; i++) {
            assert_true(out[i].not_after > last_t ||
                        (out[i].not_after == last_t && out[i].id > last_id));
            last_t = out[i].not_after;
            last_id = out[i].id;
            assert_true(last_t < 1006);
            SAME(out[i].state, "current");
        }
        seen += n;
        t = last_t;
        id = last_id;
    } while (n == 4);
    size_t expected = 0;
    for (int i = 0; i < 50; i++) {
        expected += i % 10 != 9 && i % 7 < 6;
    }
    assert_int_equal(seen, expected);
}

static void mailboxes_with_their_counts(void **state)
{
    struct fixture *x = *state;
    static const char *anna[] = {"anna@example.org"}, *both[] = {"ANNA@example.org", "zoe@x.org"};
    struct ledger_certificate c = sample(x, "01");
    struct ledger_order o = {.reference = "r1",
                             .tenant = "acme",
                             .account = "main",
                             .mailbox = "Bert@example.org",
                             .state = "waiting"};
    struct ledger_mailbox *out;
    int64_t id;
    size_t n;

    BEGIN(x);
    c.mailboxes = anna;
    c.state = "superseded";
    c.not_after = 999;
    add(x, &c);
    c = sample(x, "02");
    c.mailboxes = both;
    c.nmailboxes = 2;
    c.tenant = "other";
    c.not_before = 300;
    c.not_after = 400;
    add(x, &c);
    c = sample(x, "03"); /* also current, but older */
    c.mailboxes = anna;
    c.tenant = "other";
    c.not_before = 200;
    c.not_after = 500;
    add(x, &c);
    GOOD(x, ledger_order_add(x->l, &o, &id, &x->fail));
    o.reference = "r2";
    o.state = "stored";
    GOOD(x, ledger_order_add(x->l, &o, &id, &x->fail));
    COMMIT(x);
    GOOD(x, ledger_mailbox_list(x->l, x->a, "", 10, &out, &n, &x->fail));
    assert_int_equal(n, 3);
    SAME(out[0].mailbox, "anna@example.org");
    SAME(out[0].tenant, "other");
    assert_int_equal(out[0].certificates, 3);
    assert_int_equal(out[0].current, 2);
    assert_int_equal(out[0].not_after, 400);
    assert_int_equal(out[0].open_orders, 0);
    SAME(out[1].mailbox, "Bert@example.org");
    SAME(out[1].tenant, "acme");
    assert_int_equal(out[1].certificates, 0);
    assert_int_equal(out[1].not_after, 0);
    assert_int_equal(out[1].open_orders, 1);
    SAME(out[2].mailbox, "zoe@x.org");
    assert_int_equal(out[2].current, 1);
    GOOD(x, ledger_mailbox_list(x->l, x->a, "ANNA@example.org", 1, &out, &n, &x->fail));
    assert_int_equal(n, 1);
    SAME(out[0].mailbox, "Bert@example.org");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_member_comes_back),           TEST(the_same_certificate_is_one_row),
        TEST(nothing_but_states_changes),        TEST(found_by_id_thumbprint_or_serial),
        TEST(history_of_a_mailbox_newest_first), TEST(expiring_in_pages_without_loss),
        TEST(mailboxes_with_their_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
