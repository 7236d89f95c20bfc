/* agent/control_day.c - the day on which a CA revokes in bulk: which certificates are
 * affected, what reissuing them takes, and the lines of such a batch.
 *
 * Lines are filled in pages by a command that goes on until there is no next, so that
 * the loop is never held up by their number. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "batch.h"

#define PAGE 200

static bool read_cursor(const json_t *req, int64_t *at, int64_t *id)
{
    long long t = 0, n = 0;
    const char *s = base_json_strd(req, "after", "0:0");
    if (sscanf(s, "%18lld:%18lld", &t, &n) != 2) /* NOLINT(cert-err34-c): checked by its count */
        return false;
    *at = t;
    *id = n;
    return true;
}

static enum base_fail_class bad_cursor(struct base_fail *f)
{
    return base_failf(f, BASE_PERMANENT, "list.after", "after: expected what \"next\" gave");
}

/* ---- who is affected ------------------------------------------------------------------------ */

enum base_fail_class agent_cmd_issued(struct agent *ag, const json_t *req, const char *by,
                                      json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    struct ledger_issued *v;
    int64_t at = 0, id = 0, limit = base_json_int(req, "limit", PAGE);
    size_t n = 0;
    json_t *list = json_array();
    (void)by;
    limit = limit < 1 ? 1 : limit > AGENT_BATCH_PAGE ? AGENT_BATCH_PAGE : limit;
    enum base_fail_class r = read_cursor(req, &at, &id) ? BASE_OK : bad_cursor(f);
    if (!r)
        r = ledger_issued_list(ag->ledger, a, base_json_int(req, "since", 0),
                               base_json_int(req, "until", 0), base_json_str(req, "issuer"), at, id,
                               (size_t)limit, &v, &n, f);
    for (size_t i = 0; !r && i < n; i++) {
        json_t *o = json_object();
        base_json_setn(o, "certificate", v[i].id);
        base_json_setn(o, "order", v[i].order_row);
        base_json_set(o, "mailbox", v[i].mailbox);
        base_json_set(o, "account", v[i].account);
        base_json_setn(o, "not_before", v[i].not_before);
        base_json_setb(o, "key_held", v[i].key_id != NULL);
        json_array_append_new(list, o);
    }
    json_object_set_new(answer, "certificates", list);
    if (!r && n == (size_t)limit)
        base_json_set(answer, "next",
                      base_arena_printf(a, "%lld:%lld", (long long)v[n - 1].not_before,
                                        (long long)v[n - 1].id));
    base_arena_free(a);
    return r;
}

/* One account's part of the day. */
static enum base_fail_class forecast(struct agent *ag, const struct policy_account *acc,
                                     const json_t *req, json_t *list, int64_t *seconds,
                                     struct base_fail *f)
{
    int64_t n = 0;
    enum base_fail_class r =
        ledger_issued_count(ag->ledger, base_json_int(req, "since", 0), base_json_int(req, "until", 0),
                            base_json_str(req, "issuer"), acc->id, &n, f);
    if (r || n == 0)
        return r;
    json_t *o = json_object();
    int64_t s = agent_rate_seconds(acc, n);
    base_json_set(o, "account", acc->id);
    base_json_setn(o, "certificates", n);
    base_json_setn(o, "seconds", s);
    json_array_append_new(list, o);
    *seconds = s > *seconds ? s : *seconds; /* accounts go on side by side */
    return BASE_OK;
}

enum base_fail_class agent_cmd_reissue_forecast(struct agent *ag, const json_t *req, const char *by,
                                                json_t *answer, struct base_fail *f)
{
    const struct policy_config *cfg = ag->conf->cfg;
    int64_t all = 0, seconds = 0, deadline = base_json_int(req, "deadline", 0);
    json_t *list = json_array();
    (void)by;
    enum base_fail_class r =
        ledger_issued_count(ag->ledger, base_json_int(req, "since", 0), base_json_int(req, "until", 0),
                            base_json_str(req, "issuer"), NULL, &all, f);
    for (size_t i = 0; !r && i < cfg->naccounts; i++)
        r = forecast(ag, &cfg->accounts[i], req, list, &seconds, f);
    base_json_setn(answer, "certificates", all);
    base_json_setn(answer, "seconds", seconds);
    /* each new certificate comes by a mail of its own */
    base_json_setn(answer, "mails", all);
    json_object_set_new(answer, "accounts", list);
    if (!r && deadline) {
        bool reachable = base_now() + seconds <= deadline;
        char span[BASE_TIME_LEN], at[BASE_TIME_LEN], text[300];
        base_json_setb(answer, "reachable", reachable);
        snprintf(text, sizeof(text),
                 "the deadline %s can't be kept at the allowed rate: %lld certificates take about %s",
                 base_time_rfc3339(deadline, at), (long long)all, base_time_span(seconds, span));
        if (!reachable)
            json_object_set_new(answer, "attention", json_pack("[s]", text));
    }
    return r;
}

/* ---- its lines --------------------------------------------------------------------------------- */

static enum base_fail_class add_line(struct agent *ag, const struct ledger_batch *b, int64_t line,
                                     int64_t certificate, int64_t order, const char *mailbox,
                                     bool held, struct base_fail *f)
{
    char key[BASE_SHA256_HEX], name[80];
    json_t *request = json_object();
    base_json_setn(request, "certificate", certificate);
    base_json_setn(request, "order", order);
    char *text = base_json_text(request);
    snprintf(name, sizeof(name), "%s:%lld", b->kind, (long long)certificate);
    base_sha256_hex(name, strlen(name), key);
    struct ledger_batch_line l = {
        .batch = b->id,
        .line = line,
        .key = key,
        .mailbox = mailbox,
        .state = held ? "waiting" : "refused",
        .changed = base_now(),
        .text = held ? NULL : "its key is not held here: give a CSR (certmilter reissue --csr)",
        .request = text,
    };
    enum base_fail_class r = ledger_batch_line_add(ag->ledger, &l, f);
    free(text);
    json_decref(request);
    return r;
}

/* A page of certificates that end soon, as the lines of a batch of kind renew. */
static enum base_fail_class fill_renewals(struct agent *ag, struct base_arena *a,
                                          const struct ledger_batch *b, int64_t line, int64_t *at,
                                          int64_t *id, size_t *n, struct base_fail *f)
{
    struct ledger_certificate *v;
    enum base_fail_class r =
        ledger_certificate_expiring(ag->ledger, a, b->until, *at, *id, PAGE, &v, n, f);
    for (size_t i = 0; !r && i < *n; i++) {
        *at = v[i].not_after;
        *id = v[i].id;
        r = add_line(ag, b, ++line, v[i].id, v[i].order_row,
                     v[i].nmailboxes ? v[i].mailboxes[0] : NULL, v[i].key_id != NULL, f);
    }
    return r;
}

static enum base_fail_class fill_reissues(struct agent *ag, struct base_arena *a,
                                          const struct ledger_batch *b, int64_t line, int64_t *at,
                                          int64_t *id, size_t *n, struct base_fail *f)
{
    struct ledger_issued *v;
    enum base_fail_class r = ledger_issued_list(ag->ledger, a, b->since, b->until, b->issuer, *at, *id,
                                                PAGE, &v, n, f);
    for (size_t i = 0; !r && i < *n; i++) {
        *at = v[i].not_before;
        *id = v[i].id;
        r = add_line(ag, b, ++line, v[i].id, v[i].order_row, v[i].mailbox, v[i].key_id != NULL, f);
    }
    return r;
}

enum base_fail_class agent_cmd_batch_fill(struct agent *ag, const json_t *req, const char *by,
                                          json_t *answer, struct base_fail *f)
{
    struct base_arena *a = base_arena_new();
    int64_t at = 0, id = 0, line = base_json_int(req, "received", 0);
    struct ledger_batch b;
    size_t n = 0;
    (void)by;
    enum base_fail_class r = read_cursor(req, &at, &id) ? agent_batch_of(ag, a, req, &b, f)
                                                        : bad_cursor(f);
    if (!r && (strcmp(b.state, "open") != 0 || strcmp(b.kind, "order") == 0))
        r = base_failf(f, BASE_PERMANENT, "batch.state", "batch %lld takes no more lines: it is %s",
                       (long long)b.id, b.state);
    if (!r)
        r = strcmp(b.kind, "renew") == 0 ? fill_renewals(ag, a, &b, line, &at, &id, &n, f)
                                         : fill_reissues(ag, a, &b, line, &at, &id, &n, f);
    if (!r) {
        base_json_setn(answer, "received", line + (int64_t)n);
        if (n == PAGE)
            base_json_set(answer, "next",
                          base_arena_printf(a, "%lld:%lld", (long long)at, (long long)id));
    }
    base_arena_free(a);
    return r;
}
