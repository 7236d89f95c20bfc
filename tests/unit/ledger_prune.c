/* What the ledger lets go after a time, and what it never does. */
#include "ledger/internal.h"
#include "ledger/prune.h"
#include "ledger_fixture.h"

#define OLD 1000
#define NEW 5000
#define BEFORE 2000

static int64_t one(struct fixture *x, const char *sql)
{
    int64_t v = 0;

    GOOD(x, ledger_pragma(x->l, sql, &v, &x->fail));
    return v;
}

static void event(struct fixture *x, int64_t at, const char *type, const char *object)
{
    struct ledger_event e = {.at = at, .type = type, .object = object};

    GOOD(x, ledger_event_add(x->l, &e, &x->fail));
}

static int64_t mail(struct fixture *x, const char *identity, const char *state, int64_t received,
                    int64_t intent, const char *approved)
{
    struct ledger_mail m = {.identity = identity,
                            .rcpt = "postmaster@example.org",
                            .kind = "domain-validation",
                            .domain = "example.org",
                            .received = received,
                            .taken = received,
                            .intent = intent,
                            .state = state,
                            .approved_by = approved,
                            .approved_why = approved};
    int64_t id = 0;

    GOOD(x, ledger_mail_add(x->l, &m, &id, &x->fail));
    return id;
}

static int64_t intent(struct fixture *x)
{
    struct ledger_intent i = {.p = {.kind = POLICY_INTENT_DOMAIN,
                                    .state = POLICY_INTENT_OPEN,
                                    .tenant = "acme",
                                    .domain = "example.org"}};
    int64_t id = 0;

    GOOD(x, ledger_intent_add(x->l, &i, &id, &x->fail));
    return id;
}

static int64_t certificate(struct fixture *x, const char *thumbprint, const char *state,
                           const char *source)
{
    const char *boxes[] = {"a@example.org"};
    struct ledger_certificate c = {.thumbprint = thumbprint,
                                   .serial = thumbprint,
                                   .tenant = "acme",
                                   .mailboxes = boxes,
                                   .nmailboxes = 1,
                                   .usage = "both",
                                   .state = state,
                                   .source = source};
    int64_t id = 0;

    GOOD(x, ledger_certificate_add(x->l, &c, &id, &x->fail));
    return id;
}

/* A whole pass in slices of LIMIT; the number of slices. */
static int pass(struct fixture *x, struct ledger_prune *p, size_t limit)
{
    int n = 0;

    while (!p->over) {
        BEGIN(x);
        GOOD(x, ledger_prune(x->l, p, limit, &x->fail));
        COMMIT(x);
        assert_true(++n < 1000);
    }
    assert_int_equal(one(x, "SELECT count(*) FROM pruning"), 0);
    return n;
}

static void mails_that_nobody_needs_go(void **state)
{
    struct fixture *x = *state;
    struct ledger_prune p = {.events_before = BEFORE, .mails_before = BEFORE};
    enum ledger_token_state token;
    int64_t of;
    char source[40];

    BEGIN(x);
    int64_t gone = mail(x, "gone", "final", OLD, 0, NULL);
    int64_t kept[] = {
        mail(x, "held", "held", OLD, 0, NULL),       mail(x, "working", "working", OLD, 0, NULL),
        mail(x, "ours", "final", OLD, intent(x), NULL), mail(x, "decided", "final", OLD, 0, "Jane"),
        mail(x, "brought", "final", OLD, 0, NULL),   mail(x, "collecting", "final", OLD, 0, NULL),
        mail(x, "young", "final", NEW, 0, NULL),
    };
    snprintf(source, sizeof source, "mail:%lld", (long long)kept[4]);
    certificate(x, "aa", "expired", source);
    char key[40];
    snprintf(key, sizeof key, "collect:mail:%lld", (long long)kept[5]);
    struct ledger_job job = {.kind = "collect", .key = key, .ref = kept[5]};
    GOOD(x, ledger_job_add(x->l, &job, &of, &x->fail));
    GOOD(x, ledger_token_seen(x->l, "ff", gone, 0, &x->fail));
    GOOD(x, ledger_token_use(x->l, "ff", &x->fail));
    char object[40];
    snprintf(object, sizeof object, "mail:%lld", (long long)gone);
    event(x, OLD, "mail.taken", object);
    event(x, OLD, "alarm.mail", object);
    event(x, OLD, "held.denied", object);
    snprintf(object, sizeof object, "mail:%lld", (long long)kept[2]);
    event(x, OLD, "mail.taken", object);
    event(x, OLD, "mail.decided", object);
    event(x, NEW, "notice.sent", "notice");
    COMMIT(x);
    pass(x, &p, 3);
    assert_int_equal(p.mails, 1);
    assert_int_equal(p.events, 2);
    assert_int_equal(p.alarms, 1);
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        struct ledger_mail m;
        GOOD(x, ledger_mail_get(x->l, x->a, kept[i], &m, &x->fail));
    }
    struct ledger_mail m;
    BAD(x, ledger_mail_get(x->l, x->a, gone, &m, &x->fail), BASE_PERMANENT, "ledger.absent");
    /* its token stays used */
    GOOD(x, ledger_token_get(x->l, "ff", &token, &of, &x->fail));
    assert_true(token == LEDGER_TOKEN_USED && of == 0);
    assert_int_equal(one(x, "SELECT count(*) FROM event WHERE type = 'held.denied'"), 1);
}

static void events_of_orders_stay(void **state)
{
    static const char *const proof[] = {
        "order.placed",  "order.sent",     "order.state",       "intent.requested", "confirm.sending",
        "intent.ended",  "consent.given",  "agreement.accepted", "key.exported",    "certificate.stored",
        "held.approved", "brake.released", "forget.done",       "backup.proved",   "alarm.revoked",
    };
    struct fixture *x = *state;
    struct ledger_prune p = {.events_before = BEFORE};

    BEGIN(x);
    int64_t current = certificate(x, "aa", "current", "api");
    int64_t ended = certificate(x, "bb", "expired", "api");
    char c[40], e[40];
    snprintf(c, sizeof c, "certificate:%lld", (long long)current);
    snprintf(e, sizeof e, "certificate:%lld", (long long)ended);
    for (size_t i = 0; i < sizeof proof / sizeof proof[0]; i++) {
        event(x, OLD, proof[i], "order:1");
    }
    for (int i = 0; i < 50; i++) {
        event(x, OLD + i % 3, "notice.sent", "notice"); /* many of one second */
        event(x, OLD, "publish.done", c);
        event(x, OLD, "publish.done", e);
    }
    event(x, NEW, "notice.sent", "notice");
    event(x, NEW, "publish.done", e);
    mail(x, "old", "final", OLD, 0, NULL);
    mail(x, "newest", "final", NEW, 0, NULL);
    COMMIT(x);
    assert_true(pass(x, &p, 7) > 20); /* slices: nobody waits for all of it */
    assert_int_equal(p.events, 100);
    assert_int_equal(p.mails, 0); /* kept for ever */
    assert_int_equal(one(x, "SELECT count(*) FROM event WHERE object = 'order:1'"),
                     sizeof proof / sizeof proof[0]);
    assert_int_equal(one(x, "SELECT count(*) FROM event WHERE type = 'publish.done'"), 51);
    assert_int_equal(one(x, "SELECT count(*) FROM event WHERE type = 'notice.sent'"), 1);
}

static void an_id_is_never_given_twice(void **state)
{
    struct fixture *x = *state;
    struct ledger_prune p = {.events_before = BEFORE, .mails_before = BEFORE};

    BEGIN(x);
    int64_t last = mail(x, "last", "final", OLD, 0, NULL);
    event(x, OLD, "notice.sent", "notice");
    event(x, OLD, "notice.sent", "notice");
    COMMIT(x);
    pass(x, &p, 100);
    assert_true(p.mails == 0 && p.events == 1);
    BEGIN(x);
    assert_true(mail(x, "next", "final", NEW, 0, NULL) > last);
    COMMIT(x);
}

static void marks_go(void **state)
{
    struct fixture *x = *state;
    struct ledger_prune p = {.events_before = 86400 * 10};
    bool fresh;
    int64_t n;

    BEGIN(x);
    for (int i = 0; i < 20; i++) {
        GOOD(x, ledger_notice_once(x->l, base_arena_printf(x->a, "old:%d", i), OLD, &fresh, &x->fail));
    }
    GOOD(x, ledger_notice_once(x->l, "young", 86400 * 20, &fresh, &x->fail));
    GOOD(x, ledger_meta_set(x->l, "alarms:example.org:1970-01-02", 3, &x->fail));
    GOOD(x, ledger_meta_set(x->l, "alarms:example.org:1970-01-12", 3, &x->fail));
    GOOD(x, ledger_meta_set(x->l, "keeper.journal", 3, &x->fail));
    COMMIT(x);
    pass(x, &p, 6);
    assert_int_equal(p.marks, 21);
    BEGIN(x);
    GOOD(x, ledger_notice_once(x->l, "young", NEW, &fresh, &x->fail));
    COMMIT(x);
    assert_false(fresh);
    GOOD(x, ledger_meta_get(x->l, "keeper.journal", &n, 0, &x->fail));
    assert_int_equal(n, 3);
    GOOD(x, ledger_meta_get(x->l, "alarms:example.org:1970-01-12", &n, 0, &x->fail));
    assert_int_equal(n, 3);
}

static void refused(struct fixture *x, const char *sql)
{
    BEGIN(x);
    assert_int_not_equal(ledger_script(x->l, &x->fail, sql), BASE_OK);
    ledger_rollback(x->l);
}

/* The triggers hold whoever asks, and whatever he thinks may go. */
static void nothing_else_can_be_removed(void **state)
{
    struct fixture *x = *state;

    BEGIN(x);
    event(x, OLD, "order.placed", "order:1");
    event(x, OLD, "notice.sent", "notice");
    mail(x, "held", "held", OLD, 0, NULL);
    int64_t through = mail(x, "through", "final", OLD, 0, NULL);
    COMMIT(x);
    assert_true(through > 0);
    refused(x, "DELETE FROM event WHERE type = 'notice.sent'"); /* not within a slice */
    refused(x, "DELETE FROM mail WHERE identity = 'through'");
    refused(x, "INSERT INTO pruning VALUES (1, 2000); DELETE FROM event WHERE type = 'order.placed'");
    refused(x, "INSERT INTO pruning VALUES (1, 2000); DELETE FROM mail WHERE identity = 'held'");
    refused(x, "INSERT INTO pruning VALUES (1, 1000); DELETE FROM event WHERE type = 'notice.sent'");
    BEGIN(x);
    GOOD(x, ledger_script(x->l, &x->fail, "INSERT INTO pruning VALUES (1, 2000);"
                                          "DELETE FROM event WHERE type = 'notice.sent';"
                                          "DELETE FROM mail WHERE identity = 'through'"));
    ledger_rollback(x->l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(mails_that_nobody_needs_go), TEST(events_of_orders_stay), TEST(an_id_is_never_given_twice),
        TEST(marks_go),                   TEST(nothing_else_can_be_removed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
