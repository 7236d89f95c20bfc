/* Events, consents, notices, small values, domains. */
#include "ledger/internal.h"
#include "ledger_fixture.h"

static void add_event(struct fixture *x, int64_t at, const char *type, const char *object)
{
    struct ledger_event e = {.at = at,
                             .type = type,
                             .tenant = "acme",
                             .object = object,
                             .actor = "agent",
                             .data = "{\"n\":1}"};

    GOOD(x, ledger_event_add(x->l, &e, &x->fail));
}

static void events_keep_every_member(void **state)
{
    struct fixture *x = *state;
    struct ledger_event e = {.at = 5, .type = "mail.decided"}, *out;
    size_t n;

    BEGIN(x);
    add_event(x, 4, "mail.taken", "mail:7");
    GOOD(x, ledger_event_add(x->l, &e, &x->fail));
    COMMIT(x);
    fixture_reopen(x);
    GOOD(x, ledger_event_list(x->l, x->a, NULL, 0, 10, &out, &n, &x->fail));
    assert_int_equal(n, 2);
    assert_int_equal(out[0].id, 1);
    assert_int_equal(out[0].at, 4);
    SAME(out[0].type, "mail.taken");
    SAME(out[0].tenant, "acme");
    SAME(out[0].object, "mail:7");
    SAME(out[0].actor, "agent");
    SAME(out[0].data, "{\"n\":1}");
    SAME(out[1].tenant, NULL);
    SAME(out[1].object, NULL);
    SAME(out[1].actor, NULL);
    SAME(out[1].data, "{}");
}

static void events_come_by_object_in_pages(void **state)
{
    struct fixture *x = *state;
    struct ledger_event *out;
    size_t n;

    BEGIN(x);
    for (int i = 0; i < 10; i++) {
        add_event(x, i, "a.b", i % 2 == 0 ? "order:1" : "order:2");
    }
    COMMIT(x);
    GOOD(x, ledger_event_list(x->l, x->a, "order:2", 0, 3, &out, &n, &x->fail));
    assert_int_equal(n, 3);
    assert_int_equal(out[0].id, 2);
    assert_int_equal(out[2].id, 6);
    GOOD(x, ledger_event_list(x->l, x->a, "order:2", 6, 3, &out, &n, &x->fail));
    assert_int_equal(n, 2);
    assert_int_equal(out[1].id, 10);
    GOOD(x, ledger_event_list(x->l, x->a, "order:3", 0, 3, &out, &n, &x->fail));
    assert_int_equal(n, 0);
    assert_null(out);
}

static void recent_events_are_newest_first_by_type(void **state)
{
    struct fixture *x = *state;
    struct ledger_event *out;
    size_t n;

    BEGIN(x);
    add_event(x, 10, "mail.taken", "mail:1");
    add_event(x, 11, "mail.decided", "mail:1");
    add_event(x, 12, "mailer.other", "x:1");
    add_event(x, 13, "alarm.sent", "mail:1");
    add_event(x, 14, "mail.taken", "mail:2");
    add_event(x, 14, "mail.decided", "mail:2");
    COMMIT(x);
    GOOD(x, ledger_event_recent(x->l, x->a, "mail.", 0, 10, &out, &n, &x->fail));
    assert_int_equal(n, 4);
    assert_int_equal(out[0].id, 6);
    assert_int_equal(out[1].id, 5);
    assert_int_equal(out[2].id, 2);
    assert_int_equal(out[3].id, 1);
    GOOD(x, ledger_event_recent(x->l, x->a, "mail.", 11, 2, &out, &n, &x->fail));
    assert_int_equal(n, 2);
    assert_int_equal(out[1].id, 5);
    GOOD(x, ledger_event_recent(x->l, x->a, "mail.", 12, 10, &out, &n, &x->fail));
    assert_int_equal(n, 2);
    GOOD(x, ledger_event_recent(x->l, x->a, NULL, 12, 10, &out, &n, &x->fail));
    assert_int_equal(n, 4);
    assert_int_equal(out[0].id, 6);
    assert_int_equal(out[3].id, 3);
    GOOD(x, ledger_event_recent(x->l, x->a, "zebra", 0, 10, &out, &n, &x->fail));
    assert_int_equal(n, 0);
    GOOD(x, ledger_event_recent(x->l, x->a, "", 0, 3, &out, &n, &x->fail));
    assert_int_equal(n, 3);
}

/* The triggers, not the interface, keep what must stay: ask the engine itself. */
static void refused(struct fixture *x, const char *sql)
{
    BEGIN(x);
    BAD(x, ledger_change(x->l, NULL, &x->fail, sql, ""), BASE_PERMANENT, "ledger.state");
    ledger_rollback(x->l);
}

static void records_cant_be_changed_or_removed(void **state)
{
    struct fixture *x = *state;
    struct ledger_consent c = {.mailbox = "a@example.org", .what = "custody", .given = 1};
    struct ledger_event *out;
    size_t n;

    BEGIN(x);
    add_event(x, 4, "mail.taken", "mail:7");
    GOOD(x, ledger_consent_add(x->l, &c, NULL, &x->fail));
    COMMIT(x);
    refused(x, "UPDATE event SET data = 'x'");
    refused(x, "DELETE FROM event");
    refused(x, "INSERT OR REPLACE INTO event (id, at, type, data) VALUES (1, 9, 'z', '{}')");
    refused(x, "UPDATE consent SET text = 'other'");
    refused(x, "UPDATE consent SET given = 2, withdrawn = 3");
    refused(x, "DELETE FROM consent");
    GOOD(x, ledger_event_list(x->l, x->a, NULL, 0, 10, &out, &n, &x->fail));
    assert_int_equal(n, 1);
    SAME(out[0].data, "{\"n\":1}");
}

static void consents_count_until_withdrawn(void **state)
{
    struct fixture *x = *state;
    struct ledger_consent c = {.mailbox = "Anna@example.org",
                               .what = "mailbox-validation",
                               .who = "Anna",
                               .how = "signed form",
                               .text = "v1",
                               .entered_by = "root",
                               .given = 100};
    struct ledger_consent *out;
    int64_t id, second;
    bool valid;
    size_t n;

    BEGIN(x);
    GOOD(x, ledger_consent_add(x->l, &c, &id, &x->fail));
    COMMIT(x);
    GOOD(x, ledger_consent_valid(x->l, "aNNa@example.org", c.what, &valid, &x->fail));
    assert_true(valid);
    GOOD(x, ledger_consent_valid(x->l, c.mailbox, "custody", &valid, &x->fail));
    assert_false(valid);
    GOOD(x, ledger_consent_valid(x->l, "bert@example.org", c.what, &valid, &x->fail));
    assert_false(valid);
    BEGIN(x);
    GOOD(x, ledger_consent_add(x->l, &c, &second, &x->fail));
    GOOD(x, ledger_consent_withdraw(x->l, id, 200, "boss", &x->fail));
    BAD(x, ledger_consent_withdraw(x->l, id, 300, "boss", &x->fail), BASE_PERMANENT,
        "ledger.state");
    BAD(x, ledger_consent_withdraw(x->l, 99, 300, "boss", &x->fail), BASE_PERMANENT,
        "ledger.absent");
    COMMIT(x);
    GOOD(x, ledger_consent_valid(x->l, c.mailbox, c.what, &valid, &x->fail));
    assert_true(valid); /* the second one */
    BEGIN(x);
    GOOD(x, ledger_consent_withdraw(x->l, second, 210, "boss", &x->fail));
    COMMIT(x);
    fixture_reopen(x);
    GOOD(x, ledger_consent_valid(x->l, c.mailbox, c.what, &valid, &x->fail));
    assert_false(valid);
    GOOD(x, ledger_consent_list(x->l, x->a, "anna@EXAMPLE.org", 0, 10, &out, &n, &x->fail));
    assert_int_equal(n, 2);
    assert_int_equal(out[0].id, id);
    SAME(out[0].mailbox, c.mailbox);
    SAME(out[0].what, c.what);
    SAME(out[0].who, c.who);
    SAME(out[0].how, c.how);
    SAME(out[0].text, c.text);
    SAME(out[0].entered_by, c.entered_by);
    assert_int_equal(out[0].given, 100);
    assert_int_equal(out[0].withdrawn, 200);
    SAME(out[0].withdrawn_by, "boss");
    GOOD(x, ledger_consent_list(x->l, x->a, NULL, id, 10, &out, &n, &x->fail));
    assert_int_equal(n, 1);
    assert_int_equal(out[0].id, second);
}

static void a_notice_is_fresh_once(void **state)
{
    struct fixture *x = *state;
    bool fresh;

    BEGIN(x);
    GOOD(x, ledger_notice_once(x->l, "alarm:example.org:1", 5, &fresh, &x->fail));
    assert_true(fresh);
    GOOD(x, ledger_notice_once(x->l, "alarm:example.org:1", 6, &fresh, &x->fail));
    assert_false(fresh);
    GOOD(x, ledger_notice_once(x->l, "alarm:example.org:2", 6, &fresh, &x->fail));
    assert_true(fresh);
    COMMIT(x);
    BEGIN(x);
    GOOD(x, ledger_notice_once(x->l, "rolled back", 7, &fresh, &x->fail));
    assert_true(fresh);
    ledger_rollback(x->l);
    fixture_reopen(x);
    BEGIN(x);
    GOOD(x, ledger_notice_once(x->l, "alarm:example.org:2", 8, &fresh, &x->fail));
    assert_false(fresh);
    GOOD(x, ledger_notice_once(x->l, "rolled back", 8, &fresh, &x->fail));
    assert_true(fresh);
    COMMIT(x);
}

static void small_values(void **state)
{
    struct fixture *x = *state;
    const char *text;
    int64_t v;

    GOOD(x, ledger_meta_get(x->l, "cursor", &v, -3, &x->fail));
    assert_int_equal(v, -3);
    GOOD(x, ledger_text_get(x->l, x->a, "cursor", &text, &x->fail));
    assert_null(text);
    BEGIN(x);
    GOOD(x, ledger_meta_set(x->l, "cursor", INT64_MAX, &x->fail));
    GOOD(x, ledger_meta_set(x->l, "cursor", INT64_MIN, &x->fail));
    GOOD(x, ledger_text_set(x->l, "cursor", "a", &x->fail));
    GOOD(x, ledger_text_set(x->l, "cursor", "page 2", &x->fail));
    COMMIT(x);
    fixture_reopen(x);
    GOOD(x, ledger_meta_get(x->l, "cursor", &v, 0, &x->fail));
    assert_true(v == INT64_MIN);
    GOOD(x, ledger_text_get(x->l, x->a, "cursor", &text, &x->fail));
    SAME(text, "page 2");
    BEGIN(x);
    GOOD(x, ledger_text_set(x->l, "cursor", NULL, &x->fail));
    COMMIT(x);
    GOOD(x, ledger_text_get(x->l, x->a, "cursor", &text, &x->fail));
    assert_null(text);
}

static void put_domain(struct fixture *x, const char *name, const char *account,
                       const char *domain_state)
{
    struct ledger_domain d = {.name = name,
                              .account = account,
                              .ca_id = "4711",
                              .state = domain_state,
                              .method = "email",
                              .valid_until = 77,
                              .looked_at = 66};

    GOOD(x, ledger_domain_put(x->l, &d, &x->fail));
}

static void domains_are_one_row_each(void **state)
{
    struct fixture *x = *state;
    struct ledger_domain d;

    BEGIN(x);
    put_domain(x, "example.org", "main", "pending");
    put_domain(x, "example.org", "main", "valid");
    COMMIT(x);
    GOOD(x, ledger_domain_get(x->l, x->a, "example.org", "main", &d, &x->fail));
    SAME(d.name, "example.org");
    SAME(d.account, "main");
    SAME(d.ca_id, "4711");
    SAME(d.state, "valid");
    SAME(d.method, "email");
    assert_int_equal(d.valid_until, 77);
    assert_int_equal(d.looked_at, 66);
    BAD(x, ledger_domain_get(x->l, x->a, "example.org", "other", &d, &x->fail), BASE_PERMANENT,
        "ledger.absent");
    d.state = "nonsense";
    BEGIN(x);
    BAD(x, ledger_domain_put(x->l, &d, &x->fail), BASE_OURS, "ledger.use");
    ledger_rollback(x->l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(events_keep_every_member),
        TEST(events_come_by_object_in_pages),
        TEST(recent_events_are_newest_first_by_type),
        TEST(records_cant_be_changed_or_removed),
        TEST(consents_count_until_withdrawn),
        TEST(a_notice_is_fresh_once),
        TEST(small_values),
        TEST(domains_are_one_row_each),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
