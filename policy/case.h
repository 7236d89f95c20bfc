/* policy/case.h - one decision while it is being made; what decide's files share.
 *
 * check_mail.c, check_ours.c, check_ca.c and check_page.c each write down checks;
 * outcome.c and obstacle.c read them and pick the row of the design's table. Nothing here
 * keeps anything after policy_decide() returns. */
#ifndef POLICY_CASE_H
#define POLICY_CASE_H
#include <stdbool.h>
#include <stddef.h>

#include "decide.h"

enum policy_rule {
    POLICY_RULE_DKIM = 0,
    POLICY_RULE_FROM,
    POLICY_RULE_SENDER,
    POLICY_RULE_SIGNER,
    POLICY_RULE_AGE,
    POLICY_RULE_KIND,
    POLICY_RULE_ACTION,
    POLICY_RULE_VERIFIED,
    POLICY_RULE_LINK,
    POLICY_RULE_TOKEN,
    POLICY_RULE_DOMAIN,
    POLICY_RULE_INTENT,
    POLICY_RULE_ACCOUNT,
    POLICY_RULE_RECIPIENT,
    POLICY_RULE_CONSENT,
    POLICY_RULE_BINDING,
    POLICY_RULE_API,
    POLICY_RULE_PENDING,
    POLICY_RULE_METHOD,
    POLICY_RULE_API_NAME,
    POLICY_RULE_PAGE,
    POLICY_RULE_PAGE_NAME,
    POLICY_RULE_PAGE_IDS,
    POLICY_RULE_FORM,
    POLICY_RULE_RESULT,
    POLICY_RULE_MODE,
    POLICY_RULES
};

/* How the ids of a mail or page stand to what is known of an intent. */
enum policy_ids_say {
    POLICY_IDS_NONE = 0, /* shows no id that binds */
    POLICY_IDS_OURS,     /* shows ids, all of them the intent's */
    POLICY_IDS_UNKNOWN,  /* shows an id; nothing to compare it with yet */
    POLICY_IDS_FOREIGN,  /* shows ids, none of them the intent's */
    POLICY_IDS_MIXED,    /* shows two ids that can't both be right */
};

struct policy_case {
    struct base_arena *a;
    enum policy_gate gate;
    const struct policy_evidence *e;
    const struct policy_config *c;
    const struct policy_facts *f;
    struct policy_decision *d;
    const struct policy_profile *profile;
    const struct policy_kind_rules *rules; /* NULL: the profile has none for this kind */
    bool validation;                       /* a domain or mailbox is to be validated */
    const char *name;                      /* the domain or mailbox; NULL: the mail doesn't say */
    bool exact;                            /* d->domain is the domain itself, not one above it */
    size_t nopen;                          /* intents that could be answered now */
    const struct policy_intent *open;      /* the first of them */
    const struct policy_intent *busy;      /* one that is being answered */
    const struct policy_intent *ended;     /* newest one that is over and explains this mail */
    enum policy_ids_say mail_ids, page_ids;
    bool seen[POLICY_RULES];
    enum policy_result r[POLICY_RULES];
};

const char *policy_rule_name(enum policy_rule r);
/* Writes down one check; a second one of the same rule replaces nothing and is dropped. */
void policy_check_put(struct policy_case *k, enum policy_rule rule, enum policy_result r,
                      const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* What a person may decide: unknown, or pass when it was released. */
void policy_check_ask(struct policy_case *k, enum policy_rule rule, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
bool policy_check_is(const struct policy_case *k, enum policy_rule rule, enum policy_result r);

void policy_find_domain(struct policy_case *k);     /* check_ours.c */
void policy_find_intents(struct policy_case *k);    /* check_intent.c */
void policy_check_signature(struct policy_case *k); /* check_mail.c: any kind */
void policy_check_mail(struct policy_case *k);      /* check_mail.c: validations */
void policy_check_ours(struct policy_case *k);      /* check_ours.c */
void policy_check_binding(struct policy_case *k);   /* check_binding.c */
void policy_check_api(struct policy_case *k);       /* check_ca.c */
void policy_check_result(struct policy_case *k);    /* check_ca.c */
void policy_check_page(struct policy_case *k);      /* check_page.c */

/* The ids of a mail or page against the open intent (check_binding.c). */
enum policy_ids_say policy_ids_say(const struct policy_case *k, const struct policy_id *ids,
                                   size_t n, bool conflict, const struct policy_intent *intent);

void policy_outcome_plain(struct policy_case *k);      /* outcome.c: kinds that aren't answered */
void policy_outcome_signature(struct policy_case *k);  /* ... no valid signature */
void policy_outcome_validation(struct policy_case *k); /* ... gates ASK, OPEN, SUBMIT */
void policy_outcome_done(struct policy_case *k);       /* ... gate DONE */
/* obstacle.c: HOLD for the first check that is needed and not passed; false if there is none. */
bool policy_outcome_obstacle(struct policy_case *k);

/* Setting the verdict (verdict.c). */
void policy_say(struct policy_case *k, enum policy_verdict v, const char *reason, const char *fmt,
                ...) __attribute__((format(printf, 4, 5)));
/* LATER while there is time, else HOLD with the same reason. */
void policy_say_later(struct policy_case *k, const char *reason, const char *text);
/* HOLD; may be released if nothing failed and the rest is a person's to decide. */
void policy_say_hold(struct policy_case *k, const char *reason, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* A genuine mail that none of us asked for. */
void policy_say_unexpected(struct policy_case *k);

#endif
