/* policy/check_mail.c - what the mail itself must be: genuine, of a known form,
 * young, and never answered before. */
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "case.h"

static void check_from(struct policy_case *k)
{
    const struct policy_facts *f = k->f;

    if (f->from_fields != 1 || f->nfrom != 1) {
        policy_check_put(k, POLICY_RULE_FROM, POLICY_CHECK_FAIL,
                         "expected one From field with one address, found %d with %zu",
                         f->from_fields, f->nfrom);
        return;
    }
    policy_check_put(k, POLICY_RULE_FROM, POLICY_CHECK_PASS, "one From address, %s", f->from[0]);
}

void policy_check_signature(struct policy_case *k)
{
    const struct policy_auth *auth = &k->f->auth;
    const char *why = auth->reason != NULL ? auth->reason : "no reason given";
    bool rsa = auth->algorithm == NULL || strncmp(auth->algorithm, "rsa", 3) == 0;

    switch (auth->result) {
    case POLICY_AUTH_PASS:
        if (auth->domain == NULL || !policy_profile_signer(k->profile, auth->domain)) {
            policy_check_put(k, POLICY_RULE_DKIM, POLICY_CHECK_FAIL,
                             "signed by %s, which the profile does not pin",
                             auth->domain != NULL ? auth->domain : "nobody");
        } else if (rsa && auth->key_bits < k->profile->min_key_bits) {
            policy_check_put(k, POLICY_RULE_DKIM, POLICY_CHECK_FAIL,
                             "the key has %d bits, expected at least %d", auth->key_bits,
                             k->profile->min_key_bits);
        } else {
            policy_check_put(k, POLICY_RULE_DKIM, POLICY_CHECK_PASS, "signed by %s", auth->domain);
        }
        break;
    case POLICY_AUTH_FAIL:
        policy_check_put(k, POLICY_RULE_DKIM, POLICY_CHECK_FAIL, "the signature does not hold: %s",
                         why);
        break;
    case POLICY_AUTH_TEMPFAIL:
        policy_check_put(k, POLICY_RULE_DKIM, POLICY_CHECK_UNKNOWN,
                         "the signature could not be checked now: %s", why);
        break;
    case POLICY_AUTH_NONE:
        policy_check_put(k, POLICY_RULE_DKIM, POLICY_CHECK_FAIL, "no signature of the CA");
        break;
    }
    check_from(k);
}

/* From and signer of this very kind, not only of the CA. */
static void check_sender(struct policy_case *k)
{
    const struct policy_facts *f = k->f;
    const char *from = f->nfrom > 0 ? f->from[0] : "nobody";
    bool known = f->nfrom > 0 && policy_kind_from(k->rules, f->from[0]);
    const char *signer = f->auth.domain != NULL ? f->auth.domain : "nobody";

    policy_check_put(k, POLICY_RULE_SENDER, known ? POLICY_CHECK_PASS : POLICY_CHECK_FAIL,
                     known ? "%s sends mails of this kind" : "%s does not send mails of this kind",
                     from);
    known = policy_strings_has(&k->rules->signers, signer);
    policy_check_put(k, POLICY_RULE_SIGNER, known ? POLICY_CHECK_PASS : POLICY_CHECK_FAIL,
                     known ? "%s signs mails of this kind" : "%s does not sign mails of this kind",
                     signer);
}

/* A mail older than its token may live is a replay or came too late. */
static void check_age(struct policy_case *k)
{
    const struct policy_auth *auth = &k->f->auth;
    int64_t life = k->rules->lifetime, now = k->e->now;
    int64_t born = auth->signed_at > 0 ? auth->signed_at : k->e->received;
    char span[BASE_TIME_LEN];

    if (auth->expires_at > 0 && k->e->received > auth->expires_at) {
        policy_check_put(k, POLICY_RULE_AGE, POLICY_CHECK_FAIL,
                         "the signature had expired when the mail came");
    } else if (k->e->received <= 0) {
        policy_check_put(k, POLICY_RULE_AGE, POLICY_CHECK_UNKNOWN,
                         "it is not known when the mail came");
    } else if (now - born > life || now - k->e->received > life) {
        policy_check_put(k, POLICY_RULE_AGE, POLICY_CHECK_FAIL,
                         "the mail is older than its token may live (%s)",
                         base_time_span(life, span));
    } else {
        policy_check_put(k, POLICY_RULE_AGE, POLICY_CHECK_PASS, "younger than its token may live");
    }
}

static void check_action(struct policy_case *k)
{
    enum policy_action act = k->rules->action;

    if (act == POLICY_ACT_CODE && k->f->code == NULL) {
        policy_check_put(k, POLICY_RULE_ACTION, POLICY_CHECK_UNKNOWN,
                         "the code that the page wants was not found in the mail");
    } else if (act == POLICY_ACT_GET || act == POLICY_ACT_FORM || act == POLICY_ACT_CODE) {
        policy_check_put(k, POLICY_RULE_ACTION, POLICY_CHECK_PASS, "answered by its link (%s)",
                         policy_action_name(act));
    } else {
        policy_check_put(k, POLICY_RULE_ACTION, POLICY_CHECK_UNKNOWN,
                         "the profile leaves the answer to a person (%s)", policy_action_name(act));
    }
}

static void check_verified(struct policy_case *k)
{
    const struct policy_evidence *e = k->e;

    if (k->rules->verified) {
        policy_check_put(k, POLICY_RULE_VERIFIED, POLICY_CHECK_PASS,
                         "this kind was seen on a real account");
    } else if (e->record_approved && !e->record_differs) {
        policy_check_put(k, POLICY_RULE_VERIFIED, POLICY_CHECK_PASS,
                         "this kind was recorded and approved here");
    } else if (e->record_approved) {
        policy_check_ask(k, POLICY_RULE_VERIFIED,
                         "page or link differ from what was recorded and approved here");
    } else {
        policy_check_ask(k, POLICY_RULE_VERIFIED,
                         "nobody has seen this kind on a real account (certmilter profile record)");
    }
}

static void check_link(struct policy_case *k)
{
    const struct policy_facts *f = k->f;
    const struct policy_link *link = policy_facts_link(f);
    size_t denied = 0;

    for (size_t i = 0; i < f->nlinks; i++) {
        denied += f->links[i].state == POLICY_LINK_DENIED;
    }
    if (f->kind_conflict) {
        policy_check_put(k, POLICY_RULE_KIND, POLICY_CHECK_FAIL,
                         "the mail contradicts itself: links or codes of two requests");
    } else {
        policy_check_put(k, POLICY_RULE_KIND, POLICY_CHECK_PASS, "a mail of kind %s, by its %s",
                         policy_kind_name(f->kind), f->kind_by != NULL ? f->kind_by : "form");
    }
    if (link != NULL) {
        policy_check_put(k, POLICY_RULE_LINK, POLICY_CHECK_PASS,
                         "one link, of the profile's host and form");
    } else if (k->rules->links.n == 0) {
        policy_check_put(k, POLICY_RULE_LINK, POLICY_CHECK_UNKNOWN,
                         "the profile does not know the links of this kind");
    } else {
        policy_check_put(k, POLICY_RULE_LINK, POLICY_CHECK_UNKNOWN,
                         "no single link of the profile's host and form (%zu links, %zu denied)",
                         f->nlinks, denied);
    }
}

void policy_check_mail(struct policy_case *k)
{
    check_sender(k);
    check_age(k);
    check_link(k);
    check_action(k);
    check_verified(k);
    policy_check_put(k, POLICY_RULE_TOKEN, k->e->token_used ? POLICY_CHECK_FAIL : POLICY_CHECK_PASS,
                     k->e->token_used ? "this token was used before" : "this token was never used");
}
