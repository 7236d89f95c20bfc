/* agent/attest.c - who asserts that the person behind an order is ours.
 *
 * No order without: a named person, an entry of a directory, the attestation of the order before
 * (while it is young enough), or the register that the configuration names for good. What was
 * asserted is kept beside the order, append-only, with the text that it stands under. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "trust.h"

#define DAY 86400
#define BY_MAX 300
#define DN_MAX 1000
#define VALUES_MAX 20
#define VALUE_MAX 500

static enum base_fail_class malformed(struct base_fail *f, const char *what)
{
    return base_failf(f, BASE_PERMANENT, "order.attestation", "attestation: %s", what);
}

static bool is_blank(const char *s)
{
    return !s || !s[strspn(s, " \t\r\n")];
}

/* The values that the directory showed, as text; NULL: F says what is wrong. */
static const char *take_values(struct base_arena *a, json_t *values, struct base_fail *f)
{
    const char *key;
    json_t *v;
    size_t n = json_object_size(values);
    if (n == 0 || n > VALUES_MAX) {
        base_failf(f, BASE_PERMANENT, "order.attestation",
                   "attestation: expected 1 to %d values that the directory's entry shows, such as "
                   "--register-values \"mail=jane@example.org,sn=Doe\"",
                   VALUES_MAX);
        return NULL;
    }
    json_object_foreach(values, key, v)
        if (is_blank(key) || is_blank(json_string_value(v)) || strlen(key) > 100 ||
            strlen(json_string_value(v)) > VALUE_MAX) {
            malformed(f, "each of the register's values is a name and a text of at most 500 bytes");
            return NULL;
        }
    char *text = json_dumps(values, JSON_COMPACT | JSON_SORT_KEYS);
    const char *kept = base_arena_strdup(a, text);
    free(text);
    return kept;
}

static enum base_fail_class take_given(struct base_arena *a, const json_t *given, const char *by,
                                       struct ledger_attestation *t, struct base_fail *f)
{
    const char *who = base_json_str(given, "by"), *dn = base_json_str(given, "dn");
    const char *where = base_json_str(given, "register");
    json_t *values = base_json_obj(given, "values");
    if (is_blank(who) && is_blank(dn))
        return malformed(f, "expected a person (--attested-by \"NAME, FUNCTION\") or an entry of a "
                            "directory (--register-dn DN)");
    if ((who && strlen(who) > BY_MAX) || (dn && strlen(dn) > DN_MAX) ||
        (where && strlen(where) > BY_MAX))
        return malformed(f, "a name of at most 300 bytes, a DN of at most 1000");
    if (is_blank(dn) && values)
        return malformed(f, "values without the entry that they stand in (--register-dn DN)");
    if (!is_blank(dn) && !strchr(dn, '='))
        return malformed(f, "the DN of a directory's entry looks like uid=jane,ou=people,dc=example");
    t->source = is_blank(dn) ? "person" : "directory";
    t->asserted_by = base_arena_strdup(a, is_blank(who) ? by : who);
    if (!is_blank(where)) /* a person who names a register that is no directory */
        t->asserted_by = base_arena_printf(a, "%s (%s)", t->asserted_by, where);
    if (!is_blank(dn)) {
        t->dn = base_arena_strdup(a, dn);
        t->values = take_values(a, values, f);
        if (!t->values)
            return BASE_PERMANENT;
    }
    return BASE_OK;
}

static bool is_young(const struct ledger_attestation *t)
{
    return t->at > base_now() - AGENT_ATTEST_DAYS * (int64_t)DAY;
}

static enum base_fail_class none(const struct policy_domain *domain, bool aged, struct base_fail *f)
{
    return base_failf(f, BASE_PERMANENT, "order.attestation",
                      "%s that the person is ours: give --attested-by \"NAME, FUNCTION\", or "
                      "--register-dn DN with --register-values \"mail=...,sn=...\", or name the "
                      "register for good: attestation = \"...\" for domain %s%s%s%s",
                      aged ? "the attestation of the order before is older than 825 days, and nobody "
                             "says anew"
                           : "nobody says",
                      domain ? domain->name : "", domain ? " (" : "", domain ? domain->where : "",
                      domain ? ")" : "");
}

enum base_fail_class agent_attest(struct agent *ag, struct base_arena *a, const json_t *req,
                                  const struct policy_domain *domain, int64_t before, const char *by,
                                  struct ledger_attestation *out, struct base_fail *f)
{
    const json_t *given = json_object_get(req, "attestation");
    struct ledger_attestation old = {0};
    struct base_fail why = {0};
    bool aged = false;
    *out = (struct ledger_attestation){.at = base_now(), .entered_by = by};
    if (given && !json_is_null(given))
        return take_given(a, given, by, out, f);
    if (before) {
        enum base_fail_class r = ledger_attestation_of(ag->ledger, a, before, &old, &why);
        if (r && strcmp(why.code, "ledger.absent") != 0)
            return base_failf(f, r, why.code, "%s", why.text);
        if (!r && is_young(&old)) {
            *out = old;
            out->earlier = old.earlier ? old.earlier : old.id;
            out->entered_by = by;
            return BASE_OK;
        }
        aged = !r;
    }
    if (!domain || !domain->attestation)
        return none(domain, aged, f);
    out->source = "standing";
    out->asserted_by = domain->attestation;
    return BASE_OK;
}

enum base_fail_class agent_attest_write(struct agent *ag, struct ledger_attestation *t,
                                        int64_t order, struct base_fail *f)
{
    char hash[BASE_SHA256_HEX];
    enum base_fail_class r = BASE_OK;
    t->order_row = order;
    t->recorded = base_now();
    if (!t->earlier) { /* an earlier one stands under the text of its time */
        base_sha256_hex(agent_attest_text, strlen(agent_attest_text), hash);
        t->text_version = agent_attest_version;
        t->text_sha256 = hash;
        r = ledger_stated_put(ag->ledger, hash, agent_attest_version, agent_attest_text, f);
    }
    if (!r)
        r = ledger_attestation_add(ag->ledger, t, &t->id, f);
    if (t->text_sha256 == hash)
        t->text_sha256 = NULL; /* it was on this stack */
    return r;
}

json_t *agent_attest_json(const struct ledger_attestation *t)
{
    json_t *j = json_object();
    struct base_fail f = {0};
    json_t *values = t->values ? base_json_parse(t->values, strlen(t->values), 1 << 16, &f) : NULL;
    base_json_set(j, "source", t->source);
    base_json_set(j, "asserted_by", t->asserted_by);
    base_json_set(j, "dn", t->dn);
    if (values)
        json_object_set_new(j, "values", values);
    base_json_setn(j, "asserted_at", t->at);
    base_json_set(j, "text_version", t->text_version);
    base_json_set(j, "text_sha256", t->text_sha256);
    base_json_set(j, "entered_by", t->entered_by);
    if (t->earlier)
        base_json_setn(j, "earlier_attestation", t->earlier);
    return j;
}

int64_t agent_attest_before(struct agent *ag, int64_t renews)
{
    struct base_arena *a = base_arena_new();
    struct base_fail f = {0};
    struct ledger_certificate c;
    int64_t row = 0;
    if (renews && !ledger_certificate_get(ag->ledger, a, renews, &c, &f))
        row = c.order_row;
    base_arena_free(a);
    return row;
}
