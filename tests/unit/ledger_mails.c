/* Mails and tokens. */
#include "ledger/internal.h"
#include "ledger_fixture.h"

static struct ledger_mail sample(const char *identity, const char *rcpt)
{
    return (struct ledger_mail){.identity = identity,
                                .rcpt = rcpt,
                                .sender = "noreply@ca.example",
                                .client = "192.0.2.1",
                                .queue_id = "4ABC",
                                .message_id = "<1@ca.example>",
                                .subject = "Validate",
                                .spool_id = "s1",
                                .source = "milter",
                                .profile = "digicert",
                                .kind = "domain-validation",
                                .domain = "example.org",
                                .mailbox = "a@example.org",
                                .token_hash = "00ff",
                                .received = 100,
                                .taken = 101,
                                .state = "working"};
}

static int64_t add(struct fixture *x, const struct ledger_mail *m)
{
    int64_t id = 0;

    GOOD(x, ledger_mail_add(x->l, m, &id, &x->fail));
    return id;
}

static int64_t add_intent(struct fixture *x)
{
    struct ledger_intent i = {.p = {.kind = POLICY_INTENT_DOMAIN,
                                    .state = POLICY_INTENT_OPEN,
                                    .tenant = "acme",
                                    .account = "main",
                                    .domain = "example.org"}};
    int64_t id = 0;

    GOOD(x, ledger_intent_add(x->l, &i, &id, &x->fail));
    return id;
}

static void same_mail(const struct ledger_mail *a, const struct ledger_mail *b)
{
    assert_int_equal(a->id, b->id);
    SAME(a->identity, b->identity);
    SAME(a->rcpt, b->rcpt);
    SAME(a->sender, b->sender);
    SAME(a->client, b->client);
    SAME(a->queue_id, b->queue_id);
    SAME(a->message_id, b->message_id);
    SAME(a->subject, b->subject);
    SAME(a->spool_id, b->spool_id);
    SAME(a->source, b->source);
    SAME(a->profile, b->profile);
    SAME(a->kind, b->kind);
    SAME(a->domain, b->domain);
    SAME(a->mailbox, b->mailbox);
    SAME(a->account, b->account);
    SAME(a->token_hash, b->token_hash);
    assert_int_equal(a->received, b->received);
    assert_int_equal(a->taken, b->taken);
    assert_int_equal(a->intent, b->intent);
    SAME(a->state, b->state);
    SAME(a->verdict, b->verdict);
    SAME(a->reason, b->reason);
    SAME(a->text, b->text);
    SAME(a->decision, b->decision);
    SAME(a->facts, b->facts);
    SAME(a->approved_by, b->approved_by);
    SAME(a->approved_why, b->approved_why);
}

static void every_member_comes_back(void **state)
{
    struct fixture *x = *state;
    struct ledger_mail m = sample("b1", "a@example.org"), out;

    BEGIN(x);
    m.id = add(x, &m);
    COMMIT(x);
    fixture_reopen(x);
    GOOD(x, ledger_mail_get(x->l, x->a, m.id, &out, &x->fail));
    same_mail(&m, &out);
    BEGIN(x);
    m.account = "main";
    m.intent = add_intent(x);
    m.state = "held";
    m.verdict = "hold";
    m.reason = "unbound";
    m.text = "no id";
    m.decision = "{\"d\":1}";
    m.facts = "{\"f\":1}";
    m.approved_by = "root";
    m.approved_why = "I asked for it";
    GOOD(x, ledger_mail_update(x->l, &m, &x->fail));
    COMMIT(x);
    GOOD(x, ledger_mail_get(x->l, x->a, m.id, &out, &x->fail));
    same_mail(&m, &out);
    m.sender = "other";
    m.received = 5;
    BEGIN(x);
    GOOD(x, ledger_mail_update(x->l, &m, &x->fail));
    COMMIT(x);
    GOOD(x, ledger_mail_get(x->l, x->a, m.id, &out, &x->fail));
    SAME(out.sender, "noreply@ca.example"); /* not among what an update writes */
    assert_int_equal(out.received, 100);
}

static void a_mail_is_taken_once_for_a_recipient(void **state)
{
    struct fixture *x = *state;
    struct ledger_mail m = sample("b1", "a@example.org"), out;
    int64_t first, again = 0;

    BEGIN(x);
    first = add(x, &m);
    BAD(x, ledger_mail_add(x->l, &m, &again, &x->fail), BASE_PERMANENT, "ledger.exists");
    assert_int_equal(again, first);
    m.rcpt = "b@example.org";
    assert_true(add(x, &m) != first);
    m = sample("b2", "a@example.org");
    m.state = "lost";
    BAD(x, ledger_mail_add(x->l, &m, &again, &x->fail), BASE_OURS, "ledger.use");
    m.state = "final";
    m.intent = 12;
    BAD(x, ledger_mail_add(x->l, &m, &again, &x->fail), BASE_PERMANENT, "ledger.absent");
    m.id = 99;
    m.intent = 0;
    BAD(x, ledger_mail_update(x->l, &m, &x->fail), BASE_PERMANENT, "ledger.absent");
    COMMIT(x);
    BAD(x, ledger_mail_get(x->l, x->a, 99, &out, &x->fail), BASE_PERMANENT, "ledger.absent");
}

static void lists_go_down(void **state)
{
    struct fixture *x = *state;
    struct ledger_mail *out;
    size_t n;

    BEGIN(x);
    for (int i = 0; i < 9; i++) {
        char identity[8];
        snprintf(identity, sizeof identity, "b%d", i);
        struct ledger_mail m = sample(identity, "a@example.org");
        m.state = i % 3 == 0 ? "held" : "final";
        add(x, &m);
    }
    COMMIT(x);
    GOOD(x, ledger_mail_list(x->l, x->a, NULL, 0, 4, &out, &n, &x->fail));
    assert_int_equal(n, 4);
    assert_int_equal(out[0].id, 9);
    assert_int_equal(out[3].id, 6);
    GOOD(x, ledger_mail_list(x->l, x->a, NULL, 6, 40, &out, &n, &x->fail));
    assert_int_equal(n, 5);
    assert_int_equal(out[4].id, 1);
    GOOD(x, ledger_mail_list(x->l, x->a, "held", 0, 2, &out, &n, &x->fail));
    assert_int_equal(n, 2);
    assert_int_equal(out[0].id, 7);
    assert_int_equal(out[1].id, 4);
    GOOD(x, ledger_mail_list(x->l, x->a, "held", 4, 2, &out, &n, &x->fail));
    assert_int_equal(n, 1);
    GOOD(x, ledger_mail_list(x->l, x->a, "working", 0, 2, &out, &n, &x->fail));
    assert_int_equal(n, 0);
}

static void counts(void **state)
{
    struct fixture *x = *state;
    struct ledger_mail m = sample("b0", "a@example.org");
    struct ledger_count *out;
    int64_t intent, n;
    size_t rows;

    BEGIN(x);
    intent = add_intent(x);
    m.verdict = "alarm";
    add(x, &m); /* unexplained, at 100 */
    m.identity = "b1";
    m.kind = "mailbox-validation";
    m.received = 200;
    add(x, &m); /* unexplained, at 200 */
    m.identity = "b2";
    m.kind = "renewal-notice";
    add(x, &m); /* another kind */
    m.identity = "b3";
    m.kind = "domain-validation";
    m.domain = "example.net";
    add(x, &m); /* another domain */
    m.identity = "b4";
    m.domain = "example.org";
    m.intent = intent;
    m.verdict = "confirm";
    add(x, &m); /* explained, at 200 */
    COMMIT(x);
    GOOD(x, ledger_mail_unexplained(x->l, "example.org", 0, &n, &x->fail));
    assert_int_equal(n, 2);
    GOOD(x, ledger_mail_unexplained(x->l, "example.org", 101, &n, &x->fail));
    assert_int_equal(n, 1);
    GOOD(x, ledger_mail_count(x->l, intent, 200, &n, &x->fail));
    assert_int_equal(n, 1);
    GOOD(x, ledger_mail_count(x->l, intent, 201, &n, &x->fail));
    assert_int_equal(n, 0);
    GOOD(x, ledger_mail_totals(x->l, x->a, 0, &out, &rows, &x->fail));
    assert_int_equal(rows, 4);
    SAME(out[0].a, "domain-validation");
    SAME(out[0].b, "alarm");
    assert_int_equal(out[0].n, 2);
    SAME(out[1].b, "confirm");
    assert_int_equal(out[1].n, 1);
    SAME(out[3].a, "renewal-notice");
    GOOD(x, ledger_mail_totals(x->l, x->a, 200, &out, &rows, &x->fail));
    assert_int_equal(rows, 4);
    assert_int_equal(out[0].n, 1);
    GOOD(x, ledger_mail_totals(x->l, x->a, 201, &out, &rows, &x->fail));
    assert_int_equal(rows, 0);
}

static void token_is(struct fixture *x, const char *hash, enum ledger_token_state wanted,
                     int64_t wanted_mail)
{
    enum ledger_token_state now;
    int64_t mail = -1;

    GOOD(x, ledger_token_get(x->l, hash, &now, &mail, &x->fail));
    assert_int_equal(now, wanted);
    assert_int_equal(mail, wanted_mail);
}

static void a_token_is_used_once(void **state)
{
    struct fixture *x = *state;
    struct ledger_mail m = sample("b0", "a@example.org");

    BEGIN(x);
    add(x, &m);
    token_is(x, "h1", LEDGER_TOKEN_NONE, 0);
    BAD(x, ledger_token_use(x->l, "h1", &x->fail), BASE_PERMANENT, "ledger.absent");
    GOOD(x, ledger_token_seen(x->l, "h1", 1, 0, &x->fail));
    token_is(x, "h1", LEDGER_TOKEN_SEEN, 1);
    GOOD(x, ledger_token_use(x->l, "h1", &x->fail));
    COMMIT(x);
    fixture_reopen(x);
    token_is(x, "h1", LEDGER_TOKEN_USED, 1);
    BEGIN(x);
    BAD(x, ledger_token_use(x->l, "h1", &x->fail), BASE_PERMANENT, "ledger.state");
    GOOD(x, ledger_token_seen(x->l, "h1", 1, 0, &x->fail)); /* seen again: stays used */
    token_is(x, "h1", LEDGER_TOKEN_USED, 1);
    BAD(x, ledger_change(x->l, NULL, &x->fail, "UPDATE token SET state = 'seen'", ""),
        BASE_PERMANENT, "ledger.state");
    BAD(x, ledger_change(x->l, NULL, &x->fail, "DELETE FROM token", ""), BASE_PERMANENT,
        "ledger.state");
    COMMIT(x);
}

static void the_rest_of_an_intents_tokens_are_closed(void **state)
{
    struct fixture *x = *state;
    struct ledger_mail m = sample("b0", "a@example.org");
    int64_t one, two;

    BEGIN(x);
    add(x, &m);
    one = add_intent(x);
    two = add_intent(x);
    GOOD(x, ledger_token_seen(x->l, "used", 1, one, &x->fail));
    GOOD(x, ledger_token_seen(x->l, "rest", 1, one, &x->fail));
    GOOD(x, ledger_token_seen(x->l, "late", 1, 0, &x->fail));
    GOOD(x, ledger_token_seen(x->l, "late", 1, one, &x->fail)); /* now its intent is known */
    GOOD(x, ledger_token_seen(x->l, "late", 1, two, &x->fail)); /* and stays */
    GOOD(x, ledger_token_seen(x->l, "other", 1, two, &x->fail));
    GOOD(x, ledger_token_use(x->l, "used", &x->fail));
    GOOD(x, ledger_token_close(x->l, one, &x->fail));
    COMMIT(x);
    token_is(x, "used", LEDGER_TOKEN_USED, 1);
    token_is(x, "rest", LEDGER_TOKEN_CLOSED, 1);
    token_is(x, "late", LEDGER_TOKEN_CLOSED, 1);
    token_is(x, "other", LEDGER_TOKEN_SEEN, 1);
    BEGIN(x);
    BAD(x, ledger_token_use(x->l, "rest", &x->fail), BASE_PERMANENT, "ledger.state");
    ledger_rollback(x->l);
}

static void a_known_token_binds_its_intent_only(void **state)
{
    struct fixture *x = *state;
    int64_t one, two;
    bool known;

    BEGIN(x);
    one = add_intent(x);
    two = add_intent(x);
    GOOD(x, ledger_token_known(x->l, "h", one, &x->fail));
    GOOD(x, ledger_token_known(x->l, "h", one, &x->fail));
    BAD(x, ledger_token_known(x->l, "h", 99, &x->fail), BASE_PERMANENT, "ledger.absent");
    COMMIT(x);
    GOOD(x, ledger_token_is_known(x->l, "h", one, &known, &x->fail));
    assert_true(known);
    GOOD(x, ledger_token_is_known(x->l, "h", two, &known, &x->fail));
    assert_false(known);
    GOOD(x, ledger_token_is_known(x->l, "g", one, &known, &x->fail));
    assert_false(known);
    token_is(x, "h", LEDGER_TOKEN_NONE, 0); /* known isn't seen */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_member_comes_back),
        TEST(a_mail_is_taken_once_for_a_recipient),
        TEST(lists_go_down),
        TEST(counts),
        TEST(a_token_is_used_once),
        TEST(the_rest_of_an_intents_tokens_are_closed),
        TEST(a_known_token_binds_its_intent_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
