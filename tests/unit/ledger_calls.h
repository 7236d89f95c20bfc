/* tests/unit/ledger_calls.h - calls every function of the ledger once, so that each statement is seen. */
#ifndef LEDGER_CALLS_H
#define LEDGER_CALLS_H
#include "ledger/account.h"
#include "ledger/alias.h"
#include "ledger/batch.h"
#include "ledger/forget.h"
#include "ledger/publication.h"
#include "ledger/internal.h"
#include "ledger/domainlook.h"
#include "ledger/counts.h"
#include "ledger/prune.h"
#include "ledger/trust.h"
#include "ledger_fixture.h"

static inline void fill_counts(struct fixture *x)
{
    struct ledger_group *groups;
    int64_t v, failed;
    size_t n;

    GOOD(x, ledger_groups(x->l, x->a, LEDGER_COUNT_MAILS, &groups, &n, &x->fail));
    GOOD(x, ledger_groups(x->l, x->a, LEDGER_COUNT_ORDERS, &groups, &n, &x->fail));
    GOOD(x, ledger_groups(x->l, x->a, LEDGER_COUNT_INTENTS, &groups, &n, &x->fail));
    GOOD(x, ledger_groups(x->l, x->a, LEDGER_COUNT_JOBS, &groups, &n, &x->fail));
    GOOD(x, ledger_count_jobs(x->l, 9, &v, &failed, &x->fail));
    GOOD(x, ledger_count_jobs_of(x->l, "notice", 9, &v, &x->fail));
    GOOD(x, ledger_count_mails(x->l, "held", 9, &v, &x->fail));
    GOOD(x, ledger_count_ending(x->l, 9, &v, &x->fail));
    GOOD(x, ledger_next_end(x->l, &v, &x->fail));
    GOOD(x, ledger_count_unchecked(x->l, 9, &v, &x->fail));
    GOOD(x, ledger_oldest_mail(x->l, &v, &x->fail));
    GOOD(x, ledger_count_events(x->l, "alarm.", &v, &x->fail));
}

static inline void fill_records(struct fixture *x)
{
    struct ledger_event e = {.at = 1, .type = "a.b", .object = "x:1"}, *events;
    struct ledger_consent c = {.mailbox = "a@b", .what = "custody"}, *consents;
    struct ledger_domain d = {.name = "a", .account = "m", .state = "valid"};
    const char *text;
    int64_t id, v;
    bool yes;
    size_t n;

    GOOD(x, ledger_event_add(x->l, &e, &x->fail));
    GOOD(x, ledger_event_list(x->l, x->a, NULL, 0, 9, &events, &n, &x->fail));
    GOOD(x, ledger_event_list(x->l, x->a, "x:1", 0, 9, &events, &n, &x->fail));
    GOOD(x, ledger_event_recent(x->l, x->a, NULL, 0, 9, &events, &n, &x->fail));
    GOOD(x, ledger_event_recent(x->l, x->a, "a.", 0, 9, &events, &n, &x->fail));
    GOOD(x, ledger_consent_add(x->l, &c, &id, &x->fail));
    GOOD(x, ledger_consent_valid(x->l, "a@b", "custody", &yes, &x->fail));
    GOOD(x, ledger_consent_withdraw(x->l, id, 2, "x", &x->fail));
    BAD(x, ledger_consent_withdraw(x->l, id, 2, "x", &x->fail), BASE_PERMANENT, "ledger.state");
    GOOD(x, ledger_consent_list(x->l, x->a, NULL, 0, 9, &consents, &n, &x->fail));
    GOOD(x, ledger_consent_list(x->l, x->a, "a@b", 0, 9, &consents, &n, &x->fail));
    GOOD(x, ledger_notice_once(x->l, "k", 1, &yes, &x->fail));
    GOOD(x, ledger_meta_set(x->l, "k", 1, &x->fail));
    GOOD(x, ledger_meta_get(x->l, "k", &v, 0, &x->fail));
    GOOD(x, ledger_text_set(x->l, "k", "v", &x->fail));
    GOOD(x, ledger_text_get(x->l, x->a, "k", &text, &x->fail));
    GOOD(x, ledger_text_set(x->l, "k", NULL, &x->fail));
    GOOD(x, ledger_domain_put(x->l, &d, &x->fail));
    GOOD(x, ledger_domain_get(x->l, x->a, "a", "m", &d, &x->fail));
    struct ledger_domain_look look, *looks;
    GOOD(x, ledger_domain_look_get(x->l, x->a, "a", &look, &x->fail));
    GOOD(x, ledger_domain_look_put(x->l, &look, &x->fail));
    GOOD(x, ledger_domain_look_list(x->l, x->a, LEDGER_DOMAIN_DROPPED, "", 9, &looks, &n, &x->fail));
    GOOD(x, ledger_domain_look_list(x->l, x->a, LEDGER_DOMAIN_CONTACTS, "", 9, &looks, &n, &x->fail));
    GOOD(x, ledger_domain_look_list(x->l, x->a, LEDGER_DOMAIN_ATTENTION, "", 9, &looks, &n, &x->fail));
}

static inline int64_t fill_intents(struct fixture *x)
{
    struct ledger_intent i = {.p = {.tenant = "t", .account = "m", .domain = "b"}}, *intents;
    size_t n;

    GOOD(x, ledger_intent_add(x->l, &i, &i.p.id, &x->fail));
    GOOD(x, ledger_intent_update(x->l, &i, &x->fail));
    GOOD(x, ledger_intent_match(x->l, x->a, "b", "a@b", 0, &intents, &n, &x->fail));
    GOOD(x, ledger_intent_list(x->l, x->a, 0, 0, 9, &intents, &n, &x->fail));
    GOOD(x, ledger_intent_list(x->l, x->a, 3, 0, 9, &intents, &n, &x->fail));
    GOOD(x, ledger_intent_due(x->l, x->a, 9, 9, &intents, &n, &x->fail));
    GOOD(x, ledger_intent_of_order(x->l, x->a, 1, &intents, &n, &x->fail));
    return i.p.id;
}

static inline void fill_orders(struct fixture *x)
{
    struct ledger_order o = {.reference = "r",
                             .tenant = "t",
                             .account = "m",
                             .mailbox = "a@b",
                             .state = "waiting",
                             .spki = "s",
                             .ca_order = "c"},
                        *orders;
    int64_t v;
    size_t n;

    GOOD(x, ledger_order_add(x->l, &o, &o.id, &x->fail));
    GOOD(x, ledger_order_update(x->l, &o, &x->fail));
    GOOD(x, ledger_order_find(x->l, x->a, "c", &o, &x->fail));
    GOOD(x, ledger_order_find(x->l, x->a, "1", &o, &x->fail));
    GOOD(x, ledger_order_by_spki(x->l, x->a, "s", &o, &x->fail));
    GOOD(x, ledger_order_due(x->l, x->a, 9, 9, &orders, &n, &x->fail));
    GOOD(x, ledger_order_list(x->l, x->a, NULL, 0, 9, &orders, &n, &x->fail));
    GOOD(x, ledger_order_list(x->l, x->a, "a@b", 0, 9, &orders, &n, &x->fail));
    GOOD(x, ledger_order_count(x->l, "m", 0, &v, &x->fail));
}

static inline void fill_trust(struct fixture *x, int64_t intent)
{
    struct ledger_attestation t = {.order_row = 1,
                                   .source = "person",
                                   .asserted_by = "j",
                                   .text_version = "v",
                                   .text_sha256 = "h"},
                              *attestations;
    struct ledger_agreement g = {
        .account = "m", .what = "smime-terms", .version = "1", .name = "a"},
                            *agreements;
    struct ledger_release r = {.account = "m", .orders = 1, .reason = "w", .who = "a", .until = 9},
                          *releases;
    struct ledger_stated text;
    const char *who;
    int64_t v, *mails;
    size_t n;

    GOOD(x, ledger_stated_put(x->l, "h", "v", "b", &x->fail));
    GOOD(x, ledger_stated_get(x->l, x->a, "h", &text, &x->fail));
    GOOD(x, ledger_attestation_add(x->l, &t, &t.id, &x->fail));
    GOOD(x, ledger_attestation_of(x->l, x->a, 1, &t, &x->fail));
    GOOD(x, ledger_attestation_list(x->l, x->a, 1, &attestations, &n, &x->fail));
    GOOD(x, ledger_agreement_add(x->l, &g, &g.id, &x->fail));
    GOOD(x, ledger_agreement_of(x->l, x->a, "m", "smime-terms", NULL, &g, &x->fail));
    GOOD(x, ledger_agreement_list(x->l, x->a, "m", 0, 0, 9, &agreements, &n, &x->fail));
    GOOD(x, ledger_brake_count(x->l, "m", 0, &v, &x->fail));
    GOOD(x, ledger_brake_batch(x->l, "m", 1, &v, &x->fail));
    GOOD(x, ledger_brake_placed(x->l, x->a, 1, &who, &x->fail));
    GOOD(x, ledger_release_add(x->l, &r, &r.id, &x->fail));
    GOOD(x, ledger_release_list(x->l, x->a, NULL, 0, 9, &releases, &n, &x->fail));
    GOOD(x, ledger_release_list(x->l, x->a, "m", 0, 9, &releases, &n, &x->fail));
    GOOD(x, ledger_release_open(x->l, x->a, "m", 1, 1, 9, &releases, &n, &x->fail));
    GOOD(x, ledger_release_use(x->l, r.id, 1, &x->fail));
    GOOD(x, ledger_release_of(x->l, x->a, 1, &r, &x->fail));
    GOOD(x, ledger_mails_of_intent(x->l, x->a, intent, 9, &mails, &n, &x->fail));
}

static inline void fill_certificates(struct fixture *x)
{
    static const char *names[] = {"a@b"};
    struct ledger_certificate c = {.thumbprint = "aabbccddee",
                                   .serial = "0AF1",
                                   .tenant = "t",
                                   .mailboxes = names,
                                   .nmailboxes = 1,
                                   .state = "current"},
                              *list;
    struct ledger_mailbox *mailboxes;
    size_t n;

    GOOD(x, ledger_certificate_add(x->l, &c, &c.id, &x->fail));
    GOOD(x, ledger_certificate_state(x->l, c.id, "current", &x->fail));
    GOOD(x, ledger_certificate_revocation(x->l, c.id, "good", 1, 2, &x->fail));
    GOOD(x, ledger_certificate_find(x->l, x->a, "1", &c, &x->fail));
    GOOD(x, ledger_certificate_find(x->l, x->a, "aabbccdd", &c, &x->fail));
    GOOD(x, ledger_certificate_find(x->l, x->a, "0AF1", &c, &x->fail));
    GOOD(x, ledger_certificate_of(x->l, x->a, "a@b", 9, &list, &n, &x->fail));
    GOOD(x, ledger_certificate_expiring(x->l, x->a, 9, 0, 0, 9, &list, &n, &x->fail));
    GOOD(x, ledger_mailbox_list(x->l, x->a, "", 9, &mailboxes, &n, &x->fail));
}

static inline void fill_mails(struct fixture *x, int64_t intent)
{
    struct ledger_mail m = {.identity = "i", .rcpt = "r", .state = "held"}, *mails;
    struct ledger_count *counts;
    enum ledger_token_state now;
    int64_t v;
    bool yes;
    size_t n;

    GOOD(x, ledger_mail_add(x->l, &m, &m.id, &x->fail));
    GOOD(x, ledger_mail_update(x->l, &m, &x->fail));
    GOOD(x, ledger_mail_get(x->l, x->a, m.id, &m, &x->fail));
    GOOD(x, ledger_mail_list(x->l, x->a, NULL, 0, 9, &mails, &n, &x->fail));
    GOOD(x, ledger_mail_list(x->l, x->a, "held", 0, 9, &mails, &n, &x->fail));
    GOOD(x, ledger_mail_unexplained(x->l, "b", 0, &v, &x->fail));
    GOOD(x, ledger_mail_count(x->l, intent, 0, &v, &x->fail));
    GOOD(x, ledger_mail_totals(x->l, x->a, 0, &counts, &n, &x->fail));
    GOOD(x, ledger_token_seen(x->l, "h", m.id, intent, &x->fail));
    GOOD(x, ledger_token_get(x->l, "h", &now, &v, &x->fail));
    GOOD(x, ledger_token_use(x->l, "h", &x->fail));
    GOOD(x, ledger_token_close(x->l, intent, &x->fail));
    GOOD(x, ledger_token_known(x->l, "h", intent, &x->fail));
    GOOD(x, ledger_token_is_known(x->l, "h", intent, &yes, &x->fail));
}

static inline void fill_batches(struct fixture *x)
{
    struct ledger_batch b = {.key = "k", .kind = "order", .state = "open"}, *batches;
    struct ledger_batch_line l = {.line = 1, .key = "k", .state = "waiting", .request = "{}"}, *lines;
    struct ledger_batch_counts counts;
    struct ledger_batch_result *results;
    struct ledger_issued *issued;
    int64_t v;
    size_t n;

    GOOD(x, ledger_batch_add(x->l, &b, &b.id, &x->fail));
    GOOD(x, ledger_batch_update(x->l, &b, &x->fail));
    GOOD(x, ledger_batch_get(x->l, x->a, b.id, &b, &x->fail));
    GOOD(x, ledger_batch_find(x->l, x->a, "k", &b, &x->fail));
    GOOD(x, ledger_batch_list(x->l, x->a, 0, 9, &batches, &n, &x->fail));
    GOOD(x, ledger_batch_active(x->l, x->a, &batches, &n, &x->fail));
    GOOD(x, ledger_batch_count(x->l, b.id, &counts, &x->fail));
    l.batch = b.id;
    GOOD(x, ledger_batch_line_add(x->l, &l, &x->fail));
    GOOD(x, ledger_batch_line_next(x->l, x->a, b.id, 9, &lines, &n, &x->fail));
    GOOD(x, ledger_batch_line_update(x->l, lines, &x->fail));
    GOOD(x, ledger_batch_line_fail(x->l, 1, 2, "x", &x->fail));
    GOOD(x, ledger_batch_line_retry(x->l, b.id, 2, &v, &x->fail));
    GOOD(x, ledger_batch_line_last(x->l, b.id, &v, &x->fail));
    GOOD(x, ledger_batch_line_twin(x->l, "k", 1, &v, &x->fail));
    GOOD(x, ledger_batch_results(x->l, x->a, b.id, 0, 9, &results, &n, &x->fail));
    GOOD(x, ledger_order_early(x->l, "m", &v, &x->fail));
    GOOD(x, ledger_order_open(x->l, "m", &v, &x->fail));
    GOOD(x, ledger_issued_list(x->l, x->a, 0, 9, NULL, 0, 0, 9, &issued, &n, &x->fail));
    GOOD(x, ledger_issued_count(x->l, 0, 9, NULL, NULL, &v, &x->fail));
}

static inline void fill_jobs(struct fixture *x)
{
    struct ledger_job j = {.kind = "k", .key = "k"}, *jobs;
    int64_t v;
    size_t n;

    GOOD(x, ledger_job_add(x->l, &j, &j.id, &x->fail));
    GOOD(x, ledger_job_save(x->l, j.id, "{}", &x->fail));
    GOOD(x, ledger_job_release_all(x->l, &x->fail));
    GOOD(x, ledger_job_next(x->l, &v, &x->fail));
    COMMIT(x);
    GOOD(x, ledger_job_lease(x->l, x->a, 9, 9, 9, &jobs, &n, &x->fail));
    assert_int_equal(n, 1);
    BEGIN(x);
    GOOD(x, ledger_job_later(x->l, j.id, 2, NULL, false, &x->fail));
    GOOD(x, ledger_job_done(x->l, j.id, &x->fail));
}

static inline void fill_publications(struct fixture *x)
{
    struct ledger_publication p = {
        .mailbox = 1, .publisher = "p", .certificate = 1, .state = "wanted", .reason = "issued"},
                              *list;
    struct ledger_box box, *boxes;
    int64_t v;
    size_t n;

    GOOD(x, ledger_publication_add(x->l, &p, &p.id, &x->fail));
    GOOD(x, ledger_publication_update(x->l, &p, &x->fail));
    GOOD(x, ledger_publication_get(x->l, x->a, p.id, &p, &x->fail));
    GOOD(x, ledger_publication_of(x->l, x->a, 1, "p", &list, &n, &x->fail));
    GOOD(x, ledger_publication_of_certificate(x->l, x->a, 1, &list, &n, &x->fail));
    GOOD(x, ledger_publication_list(x->l, x->a, NULL, NULL, 0, 9, &list, &n, &x->fail));
    assert_int_equal(n, 1);
    GOOD(x, ledger_publication_list(x->l, x->a, "p", NULL, 0, 9, &list, &n, &x->fail));
    assert_int_equal(n, 1);
    GOOD(x, ledger_publication_list(x->l, x->a, "p", "wanted", 0, 9, &list, &n, &x->fail));
    assert_int_equal(n, 1);
    GOOD(x, ledger_publication_list(x->l, x->a, "q", "wanted", 0, 9, &list, &n, &x->fail));
    assert_int_equal(n, 0);
    GOOD(x, ledger_publication_count(x->l, "wanted", 9, &v, &x->fail));
    GOOD(x, ledger_publication_clear_keys(x->l, &v, &x->fail));
    GOOD(x, ledger_publication_due(x->l, x->a, 9, &boxes, &n, &x->fail));
    GOOD(x, ledger_publication_planned(x->l, 1, &x->fail));
    GOOD(x, ledger_publication_expire(x->l, 9, 9, &x->fail));
    GOOD(x, ledger_box_list(x->l, x->a, 0, 9, &boxes, &n, &x->fail));
    GOOD(x, ledger_box_get(x->l, x->a, 1, &box, &x->fail));
    GOOD(x, ledger_box_named(x->l, x->a, "a@b", &box, &x->fail));
}

static inline void fill_account(struct fixture *x)
{
    struct ledger_price price = {.order_row = 1, .account = "m", .product = "p", .days = 9, .each = "1"};
    struct ledger_organization o = {
        .account = "m", .tenant = "t", .name = "n", .form = "{}", .state = "asked", .by = "j"},
                               *list;
    struct ledger_order order;
    struct ledger_job job;
    struct ledger_intent intent;
    struct ledger_certificate c;
    size_t n;

    GOOD(x, ledger_price_put(x->l, &price, &x->fail));
    GOOD(x, ledger_price_get(x->l, x->a, 1, &price, &x->fail));
    GOOD(x, ledger_price_last(x->l, x->a, "m", "p", 9, &price, &x->fail));
    GOOD(x, ledger_organization_add(x->l, &o, &o.id, &x->fail));
    GOOD(x, ledger_organization_update(x->l, &o, &x->fail));
    GOOD(x, ledger_organization_get(x->l, x->a, o.id, &o, &x->fail));
    GOOD(x, ledger_organization_list(x->l, x->a, "m", NULL, NULL, 9, &list, &n, &x->fail));
    GOOD(x, ledger_order_get(x->l, x->a, 1, &order, &x->fail));
    GOOD(x, ledger_order_of_ca(x->l, x->a, "m", "c", &order, &x->fail));
    GOOD(x, ledger_intent_get(x->l, x->a, 1, &intent, &x->fail));
    GOOD(x, ledger_certificate_get(x->l, x->a, 1, &c, &x->fail));
    BAD(x, ledger_job_find(x->l, x->a, "k", &job, &x->fail), BASE_PERMANENT, "ledger.absent");
}

static inline void fill_custody(struct fixture *x)
{
    struct ledger_forget r = {
        .hash = "h", .mailbox = "a@b", .tenant = "t", .reason = "r", .asked_by = "j", .state = "asked"};

    GOOD(x, ledger_certificate_share(x->l, 1, "c@d", &x->fail));
    GOOD(x, ledger_forget_add(x->l, &r, &r.id, &x->fail));
    GOOD(x, ledger_forget_get(x->l, x->a, r.id, &r, &x->fail));
    GOOD(x, ledger_forget_update(x->l, &r, &x->fail));
    GOOD(x, ledger_forget_of(x->l, x->a, "a@b", &r, &x->fail));
}

/* One row for each kind of statement: they run only where there is something old. */
static inline void fill_prune(struct fixture *x)
{
    static const char *const types[] = {"mail.taken", "publish.done", "notice.sent"};
    struct ledger_prune p = {.events_before = 9, .mails_before = 9};
    struct ledger_mail m = {.identity = "old", .rcpt = "a@b", .received = 1, .state = "final"};

    GOOD(x, ledger_mail_add(x->l, &m, &m.id, &x->fail));
    for (size_t i = 0; i < 3; i++) {
        struct ledger_event e = {.at = 1, .type = types[i], .object = "certificate:9"};
        GOOD(x, ledger_event_add(x->l, &e, &x->fail));
    }
    GOOD(x, ledger_prune(x->l, &p, 1000, &x->fail));
    assert_true(p.over && p.events >= 2);
}

static inline void fill_all(struct fixture *x)
{
    fill_records(x);
    int64_t intent = fill_intents(x);
    fill_orders(x);
    fill_trust(x, intent);
    fill_certificates(x);
    fill_mails(x, intent);
    fill_batches(x);
    fill_jobs(x);
    fill_counts(x);
    fill_publications(x);
    fill_account(x);
    fill_custody(x);
    fill_prune(x);
}

#endif
