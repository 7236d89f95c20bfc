/* policy/rules.c - names of kinds and actions, and a profile as JSON.
 *
 * Owns nothing: what is read comes from the caller's arena. Reading fails as
 * permanent "profile.json". */
#include "rules.h"

#include <string.h>

#include "base/bytes.h"
#include "jsonio.h"

#define MAX_KINDS 32
#define MAX_PATTERNS 400

static const char *const kinds[POLICY_KINDS] = {
    [POLICY_KIND_OTHER] = "other",
    [POLICY_KIND_DOMAIN_VALIDATION] = "domain-validation",
    [POLICY_KIND_MAILBOX_VALIDATION] = "mailbox-validation",
    [POLICY_KIND_CERTIFICATE_ISSUED] = "certificate-issued",
    [POLICY_KIND_CSR_INVITATION] = "csr-invitation",
    [POLICY_KIND_RENEWAL_NOTICE] = "renewal-notice",
    [POLICY_KIND_ORGANIZATION_CONSENT] = "organization-consent",
    [POLICY_KIND_ORDER_APPROVAL] = "order-approval",
};

const char *policy_kind_name(enum policy_kind k)
{
    return (size_t)k < POLICY_KINDS ? kinds[k] : "other";
}

bool policy_kind_parse(const char *s, enum policy_kind *k)
{
    for (size_t i = 0; s != NULL && i < POLICY_KINDS; i++) {
        if (strcmp(s, kinds[i]) == 0) {
            *k = (enum policy_kind)i;
            return true;
        }
    }
    return false;
}

static const char *const actions[] = {"human", "get", "form", "code", "dns", "reply", "collect"};
#define NACTIONS (sizeof actions / sizeof *actions)

const char *policy_action_name(enum policy_action a)
{
    return (size_t)a < NACTIONS ? actions[a] : "human";
}

bool policy_action_parse(const char *s, enum policy_action *a)
{
    for (size_t i = 0; s != NULL && i < NACTIONS; i++) {
        if (strcmp(s, actions[i]) == 0) {
            *a = (enum policy_action)i;
            return true;
        }
    }
    return false;
}

bool policy_strings_has(const struct policy_strings *l, const char *s)
{
    for (size_t i = 0; s != NULL && i < l->n; i++) {
        if (base_ascii_caseeq(l->v[i], s)) {
            return true;
        }
    }
    return false;
}

const struct policy_kind_rules *policy_profile_kind(const struct policy_profile *p,
                                                    enum policy_kind k)
{
    for (size_t i = 0; p != NULL && i < p->nkinds; i++) {
        if (p->kinds[i].kind == k) {
            return &p->kinds[i];
        }
    }
    return NULL;
}

/* True if NAME is DOMAIN or below it. */
static bool at_or_below(const char *name, const char *domain)
{
    size_t n = strlen(name), d = strlen(domain);

    return n >= d && base_ascii_caseeq(name + n - d, domain) && (n == d || name[n - d - 1] == '.');
}

bool policy_profile_from(const struct policy_profile *p, const char *addr)
{
    const char *at = addr != NULL ? strrchr(addr, '@') : NULL;

    for (size_t i = 0; at != NULL && i < p->from_domains.n; i++) {
        if (at_or_below(at + 1, p->from_domains.v[i])) {
            return true;
        }
    }
    return false;
}

bool policy_kind_from(const struct policy_kind_rules *k, const char *addr)
{
    const char *at = addr != NULL ? strrchr(addr, '@') : NULL;

    return at != NULL && (policy_strings_has(&k->from, addr) || policy_strings_has(&k->from, at));
}

bool policy_profile_signer(const struct policy_profile *p, const char *domain)
{
    for (size_t i = 0; i < p->nkinds; i++) {
        if (policy_strings_has(&p->kinds[i].signers, domain)) {
            return true;
        }
    }
    return false;
}

/* ---- JSON ------------------------------------------------------------------- */

/* The lists of texts of a kind: one table for both directions. */
static const struct {
    const char *key;
    size_t at;
} kind_lists[] = {
    {"from", offsetof(struct policy_kind_rules, from)},
    {"signers", offsetof(struct policy_kind_rules, signers)},
    {"subjects", offsetof(struct policy_kind_rules, subjects)},
    {"links", offsetof(struct policy_kind_rules, links)},
    {"deny", offsetof(struct policy_kind_rules, deny)},
    {"places", offsetof(struct policy_kind_rules, places)},
    {"page_places", offsetof(struct policy_kind_rules, page_places)},
    {"choices", offsetof(struct policy_kind_rules, choices)},
    {"page_pending", offsetof(struct policy_kind_rules, page_pending)},
    {"page_success", offsetof(struct policy_kind_rules, page_success)},
    {"page_done", offsetof(struct policy_kind_rules, page_done)},
    {"page_expired", offsetof(struct policy_kind_rules, page_expired)},
    {"page_refused", offsetof(struct policy_kind_rules, page_refused)},
};
#define NKIND_LISTS (sizeof kind_lists / sizeof *kind_lists)

static json_t *kind_to_json(const struct policy_kind_rules *k)
{
    json_t *o = policy_new_object();

    policy_put_str(o, "kind", policy_kind_name(k->kind));
    policy_put_bool(o, "verified", k->verified);
    for (size_t i = 0; i < NKIND_LISTS; i++) {
        const void *list = (const char *)k + kind_lists[i].at;
        policy_put_strings(o, kind_lists[i].key, list);
    }
    policy_put_str(o, "action", policy_action_name(k->action));
    policy_put_str(o, "button", k->button);
    policy_put_bool(o, "bind_by_resend", k->bind_by_resend);
    policy_put_bool(o, "bind_on_page", k->bind_on_page);
    policy_put_int(o, "lifetime", k->lifetime);
    policy_put_int(o, "settle", k->settle);
    return o;
}

static void kind_from_json(struct policy_reader *r, const json_t *o, struct policy_kind_rules *k)
{
    const char *kind = policy_read_str(r, o, "kind");
    const char *action = policy_read_str(r, o, "action");

    if (!policy_kind_parse(kind, &k->kind)) {
        policy_read_bad(r, "kind", "the name of a kind");
    }
    if (!policy_action_parse(action, &k->action)) {
        policy_read_bad(r, "action", "the name of an action");
    }
    k->verified = policy_read_bool(r, o, "verified");
    for (size_t i = 0; i < NKIND_LISTS; i++) {
        struct policy_strings l = policy_read_strings(r, o, kind_lists[i].key, MAX_PATTERNS);
        memcpy((char *)k + kind_lists[i].at, &l, sizeof l);
    }
    k->button = policy_read_str(r, o, "button");
    k->bind_by_resend = policy_read_bool(r, o, "bind_by_resend");
    k->bind_on_page = policy_read_bool(r, o, "bind_on_page");
    k->lifetime = policy_read_int(r, o, "lifetime", 0, INT32_MAX);
    k->settle = policy_read_int(r, o, "settle", 0, INT32_MAX);
}

json_t *policy_profile_to_json(const struct policy_profile *p)
{
    json_t *o = policy_new_object(), *list = policy_new_array();

    policy_put_str(o, "id", p->id);
    policy_put_str(o, "title", p->title);
    policy_put_str(o, "driver", p->driver);
    policy_put_bool(o, "rehearsal", p->rehearsal);
    policy_put_strings(o, "senders", &p->senders);
    policy_put_strings(o, "from_domains", &p->from_domains);
    policy_put_strings(o, "dkim", &p->dkim);
    policy_put_strings(o, "caa", &p->caa);
    policy_put_int(o, "min_key_bits", p->min_key_bits);
    for (size_t i = 0; i < p->nkinds; i++) {
        policy_append_new(list, kind_to_json(&p->kinds[i]));
    }
    policy_put_new(o, "kinds", list);
    return o;
}

enum base_fail_class policy_profile_from_json(struct base_arena *a, const json_t *j,
                                              struct policy_profile **out, struct base_fail *f)
{
    struct policy_reader r = {.a = a, .code = "profile.json", .f = f};
    struct policy_profile *p = base_arena_alloc(a, sizeof *p);

    *out = NULL;
    policy_read_object(&r, j, "profile");
    p->id = policy_read_str(&r, j, "id");
    p->title = policy_read_str(&r, j, "title");
    p->driver = policy_read_str(&r, j, "driver");
    p->rehearsal = policy_read_bool(&r, j, "rehearsal");
    p->senders = policy_read_strings(&r, j, "senders", MAX_PATTERNS);
    p->from_domains = policy_read_strings(&r, j, "from_domains", MAX_PATTERNS);
    p->dkim = policy_read_strings(&r, j, "dkim", MAX_PATTERNS);
    p->caa = policy_read_strings(&r, j, "caa", MAX_PATTERNS);
    p->min_key_bits = (int)policy_read_int(&r, j, "min_key_bits", 0, 16384);
    if (p->min_key_bits == 0) {
        p->min_key_bits = POLICY_MIN_KEY_BITS;
    }
    const json_t *list = policy_read_objects(&r, j, "kinds", MAX_KINDS, &p->nkinds);
    p->kinds = base_arena_array(a, p->nkinds, sizeof *p->kinds);
    for (size_t i = 0; i < p->nkinds; i++) {
        kind_from_json(&r, json_array_get(list, i), &p->kinds[i]);
    }
    if (p->id == NULL) {
        policy_read_bad(&r, "id", "the profile's name");
    }
    if (policy_read_end(&r) == BASE_OK) {
        *out = p;
    }
    return policy_read_end(&r);
}
