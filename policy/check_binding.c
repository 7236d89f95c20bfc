/* policy/check_binding.c - what ties a mail to our request, and not to somebody
 * else's for the same domain.
 *
 * Only an id that the CA wrote, a token that the API gave us, or an answered
 * resend bind. A support id that fits binds too, but one that doesn't says
 * nothing, as a CA makes a new one for each request. */
#include <string.h>

#include "case.h"

static bool same(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

/* The intent's own number of that name; NULL if we don't know it. */
static const char *known_id(const struct policy_intent *i, const char *name)
{
    return strcmp(name, "order") == 0         ? i->order
           : strcmp(name, "certificate") == 0 ? i->certificate
           : strcmp(name, "domain_id") == 0   ? i->domain_id
                                              : NULL;
}

static bool strong(const char *name)
{
    return strcmp(name, "order") == 0 || strcmp(name, "certificate") == 0 ||
           strcmp(name, "domain_id") == 0;
}

/* What the API told belongs to the open intent only. */
static bool api_knows(const struct policy_case *k, const struct policy_intent *i)
{
    return i == k->open && k->gate >= POLICY_GATE_OPEN && k->e->before.state == POLICY_API_OK &&
           k->e->before.found;
}

/* By value, whatever it is called: a CA may print a certificate's number as the order's. */
static bool is_of(const struct policy_case *k, const struct policy_intent *i, const char *value)
{
    const struct policy_strings *ids = &k->e->before.ids;

    if (same(value, i->order) || same(value, i->certificate) || same(value, i->domain_id) ||
        same(value, i->support)) {
        return true;
    }
    for (size_t n = 0; api_knows(k, i) && n < ids->n; n++) {
        if (same(value, ids->v[n])) {
            return true;
        }
    }
    return false;
}

enum policy_ids_say policy_ids_say(const struct policy_case *k, const struct policy_id *ids,
                                   size_t n, bool conflict, const struct policy_intent *intent)
{
    size_t ours = 0, foreign = 0, unknown = 0;

    if (conflict) {
        return POLICY_IDS_MIXED;
    }
    for (size_t j = 0; j < n; j++) {
        bool support = strcmp(ids[j].name, "support") == 0;
        if (!strong(ids[j].name) && !support) {
            continue;
        }
        if (intent != NULL && is_of(k, intent, ids[j].value)) {
            ours++;
        } else if (support) {
            continue;
        } else if (intent != NULL &&
                   (api_knows(k, intent) || known_id(intent, ids[j].name) != NULL)) {
            foreign++;
        } else {
            unknown++;
        }
    }
    if (foreign > 0) {
        return ours > 0 ? POLICY_IDS_MIXED : POLICY_IDS_FOREIGN;
    }
    if (unknown > 0) {
        return POLICY_IDS_UNKNOWN;
    }
    return ours > 0 ? POLICY_IDS_OURS : POLICY_IDS_NONE;
}

static bool bound_by_resend(const struct policy_case *k)
{
    return k->rules->bind_by_resend && k->open->answered_resends >= 2 &&
           k->e->unexplained_mails_7d == 0 && k->e->received >= k->open->created;
}

/* The mail shows no id of its own. */
static void without_id(struct policy_case *k)
{
    /* where opening the link confirms there is no page to wait for */
    bool page_may = k->rules->bind_on_page && k->rules->action != POLICY_ACT_GET;

    if (bound_by_resend(k)) {
        policy_check_put(k, POLICY_RULE_BINDING, POLICY_CHECK_PASS,
                         "%d resends in a row at moments of our choosing were answered by exactly "
                         "their mails",
                         k->open->answered_resends);
    } else if (page_may && k->gate < POLICY_GATE_SUBMIT) {
        policy_check_put(k, POLICY_RULE_BINDING, POLICY_CHECK_LATER,
                         "the mail shows no id; the page may show one");
    } else if (page_may && k->page_ids == POLICY_IDS_OURS) {
        policy_check_put(k, POLICY_RULE_BINDING, POLICY_CHECK_PASS,
                         "the page shows an id of our request");
    } else {
        policy_check_ask(k, POLICY_RULE_BINDING,
                         "nothing ties this mail to our request: no id that the CA wrote");
    }
}

void policy_check_binding(struct policy_case *k)
{
    if (k->open == NULL) {
        policy_check_put(k, POLICY_RULE_BINDING, POLICY_CHECK_UNKNOWN,
                         "no request that it could be bound to");
        return;
    }
    switch (k->mail_ids) {
    case POLICY_IDS_MIXED:
        policy_check_put(k, POLICY_RULE_BINDING, POLICY_CHECK_FAIL,
                         "the mail shows two different ids");
        return;
    case POLICY_IDS_FOREIGN:
        policy_check_put(k, POLICY_RULE_BINDING, POLICY_CHECK_FAIL,
                         "the mail's id is none of our request's");
        return;
    case POLICY_IDS_OURS:
        policy_check_put(k, POLICY_RULE_BINDING, POLICY_CHECK_PASS,
                         "the mail shows an id of our request");
        return;
    case POLICY_IDS_UNKNOWN:
    case POLICY_IDS_NONE:
        break;
    }
    if (k->e->token_known) {
        policy_check_put(k, POLICY_RULE_BINDING, POLICY_CHECK_PASS,
                         "the API had given us this token");
    } else if (k->mail_ids == POLICY_IDS_UNKNOWN) {
        policy_check_put(k, POLICY_RULE_BINDING, POLICY_CHECK_LATER,
                         "the API has to say whose the mail's id is");
    } else {
        without_id(k);
    }
}
