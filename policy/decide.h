/* policy/decide.h - the decision. Pure: no I/O, no clock, no memory of its own.
 *
 * Evidence grows from gate to gate and the same function answers at each:
 *   ASK     mail facts and intents              may we ask the API?
 *   OPEN    + API before                        may we open the link?
 *   SUBMIT  + page                              may we press the button?
 *   DONE    + API after                         did it work?
 * Design section 6 is the specification; tests/unit/policy_decide.c its table. */
#ifndef POLICY_DECIDE_H
#define POLICY_DECIDE_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "config.h"
#include "facts.h"

enum policy_intent_kind {
    POLICY_INTENT_DOMAIN = 0, /* we asked to have a domain validated */
    POLICY_INTENT_MAILBOX,    /* we asked to have a mailbox validated (for an order) */
    POLICY_INTENT_ORDER,      /* we ordered a certificate for a mailbox */
};
enum policy_intent_state {
    POLICY_INTENT_REQUESTING = 0, /* written, the request has not been answered yet */
    POLICY_INTENT_OPEN,
    POLICY_INTENT_CONFIRMING, /* token marked used, POST may have left */
    POLICY_INTENT_CONFIRMED,
    POLICY_INTENT_UNKNOWN, /* POST left, answer lost: ask the API, never POST again */
    POLICY_INTENT_EXPIRED,
    POLICY_INTENT_CANCELLED,
    POLICY_INTENT_FAILED,
};
const char *policy_intent_kind_name(enum policy_intent_kind k);   /* "domain" "mailbox" "order" */
const char *policy_intent_state_name(enum policy_intent_state s); /* "requesting" ... */
bool policy_intent_kind_parse(const char *s, enum policy_intent_kind *k);
bool policy_intent_state_parse(const char *s, enum policy_intent_state *st);
/* May an intent go from one state to another? */
bool policy_intent_step(enum policy_intent_state from, enum policy_intent_state to);

struct policy_intent {
    int64_t id;
    enum policy_intent_kind kind;
    enum policy_intent_state state;
    const char *tenant, *account;
    const char *domain;  /* A-label; of the mailbox for the other kinds */
    const char *mailbox; /* NULL for domains */
    const char *order, *certificate, *domain_id, *support; /* ids the CA gave us; NULL = not known */
    struct policy_strings recipients; /* envelope recipients the CA was asked to write to */
    int64_t created, expires;
    int64_t renews; /* domain: what was valid when we asked, until then; 0 = nothing was */
    int copies;    /* mails that our requests so far explain (recipients x requests) */
    int confirmed_copies; /* mails seen since */
    int answered_resends; /* in a row: resends at random moments answered by exactly their mails */
};

/* A person's word on one held mail. */
struct policy_approval {
    bool given;
    const char *who, *reason;
};

enum policy_api_state { POLICY_API_UNASKED = 0, POLICY_API_OK, POLICY_API_UNREACHABLE, POLICY_API_REFUSED };
struct policy_api {
    enum policy_api_state state;
    bool found;          /* the object exists in the intent's account */
    bool pending;        /* ... and waits for validation */
    bool by_email;       /* ... by this method */
    bool valid;          /* ... and is validated */
    const char *domain;  /* the name that the API shows for it */
    struct policy_strings ids; /* every order, certificate, domain and support id it shows for it */
    /* the mail's id in any account of ours */
    enum {
        POLICY_ID_NOT_ASKED = 0,
        POLICY_ID_NOWHERE,
        POLICY_ID_INTENT_ACCOUNT,
        POLICY_ID_OTHER_ACCOUNT,
        POLICY_ID_UNKNOWN
    } id_owner;
    const char *owner_account; /* of POLICY_ID_OTHER_ACCOUNT, or which account has the domain pending */
    bool pending_elsewhere;    /* without an intent: some account of ours has it pending */
    size_t nunexplained;       /* became valid since the look before, without an intent of ours */
    const char *unexplained;   /* first of them, for the alarm */
};

enum policy_gate { POLICY_GATE_ASK = 0, POLICY_GATE_OPEN, POLICY_GATE_SUBMIT, POLICY_GATE_DONE };

struct policy_evidence {
    int64_t now;
    int64_t received;      /* when the mail came to us */
    int64_t tries_since;   /* first try of the step that now is unreachable; 0 = none */
    const struct policy_facts *facts;
    const char *rcpt;      /* envelope recipient, normalised (policy_watch_normalise) */
    const struct policy_intent *intents; /* all of that domain or mailbox, any state, newest first */
    size_t nintents;
    bool token_known;      /* the API gave us this token for the intent */
    bool token_used;       /* was used by us before */
    int64_t unexplained_mails_7d; /* mails for the domain that no request of ours explains */
    bool consent;          /* recorded and not withdrawn, for mailbox validation */
    bool mx_elsewhere;     /* the domain's MX names none of our hosts any more: no more than observe */
    bool domain_validated; /* the CA holds the domain as validated in our account */
    bool record_approved;  /* an unverified kind was approved locally by name (profile record) */
    bool record_differs;   /* ... and page or link differ from what was approved */
    struct policy_approval approval;
    bool has_accounts;     /* false = guard mode */
    struct policy_api before;
    const struct policy_page *page; /* NULL = not opened */
    const char *page_host_error;    /* redirect left the exact hosts, status 403 ...; NULL = fine */
    bool page_unreachable;
    const struct policy_page *answer; /* page after the POST or the one GET; NULL = lost or not yet */
    struct policy_api after;
};

enum policy_verdict {
    POLICY_PASS = 0, /* none of our business */
    POLICY_OBSERVE,  /* told in status, nothing done */
    POLICY_CONFIRM,  /* this gate is open; at DONE: it worked */
    POLICY_COLLECT,  /* take the certificate */
    POLICY_HOLD,     /* a person decides */
    POLICY_LATER,    /* evidence unreachable: come back */
    POLICY_ALARM,    /* somebody else's doing: tell */
};
const char *policy_verdict_name(enum policy_verdict v);

enum policy_result { POLICY_CHECK_PASS = 0, POLICY_CHECK_FAIL, POLICY_CHECK_UNKNOWN, POLICY_CHECK_LATER };
const char *policy_result_name(enum policy_result r);

struct policy_check {
    const char *rule;   /* stable word: "dkim", "intent", "binding", "domain", ... */
    enum policy_result result;
    const char *detail; /* a sentence for a person */
};
#define POLICY_CHECKS 32
struct policy_decision {
    enum policy_verdict verdict;
    const char *reason; /* stable word: "unexpected", "unbound", "already-done", "ours-elsewhere", ... */
    const char *text;   /* a sentence for a person */
    const struct policy_intent *intent; /* the one that fits; NULL */
    const struct policy_domain *domain; /* controlled domain concerned; NULL */
    struct policy_check checks[POLICY_CHECKS];
    size_t nchecks;
    bool ask_api;      /* the verdict needs POLICY_API evidence before it is final */
    bool notify;       /* with ALARM or OBSERVE: a mail to the tenant is wanted */
    bool approvable;   /* with HOLD: a person may release it */
    bool resend;       /* a resend could bind or renew it */
    bool submit_wanted; /* at SUBMIT with CONFIRM: press the button (false: the one GET did it) */
    int64_t retry_until; /* with LATER: then hold */
    const struct policy_kind_rules *rules; /* of the profile, for the next step; NULL */
    bool account_alarm; /* API refused our key: one alarm for the account */
    bool side_alarm;    /* CONFIRM at DONE, but something else became valid too */
};

/* Never fails; texts are from A, pointers into the evidence and configuration
 * stay borrowed. In mode observe/hold of the domain the verdict CONFIRM becomes
 * OBSERVE/HOLD at gate ASK ("would confirm"). */
void policy_decide(struct base_arena *a, enum policy_gate gate, const struct policy_evidence *e,
                   const struct policy_config *c, struct policy_decision *out);
json_t *policy_decision_to_json(const struct policy_decision *d);

#endif
