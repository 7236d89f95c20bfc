/* ledger/ledger.h - the database behind one interface.
 *
 * Tenants' intents, orders, certificates, mails, tokens, jobs, consents,
 * notices and an append-only record of events. The agent's loop alone calls
 * this (not thread-safe). Nothing of the engine shows here: SQLite today
 * (WAL, FULL), PostgreSQL one day.
 *
 * Every function returns BASE_OK or: temporary "ledger.busy", "ledger.full"
 * (disk), "ledger.io"; permanent "ledger.absent" (no such row),
 * "ledger.exists" (unique key taken), "ledger.state" (step not allowed),
 * "ledger.newer" (schema of a newer program), "ledger.damaged". Rows read are
 * allocated in the caller's arena; rows given are only read. Times are seconds
 * since the epoch, 0 = none. Changes need a transaction. Lists come in pages:
 * rows with id > AFTER (ascending) or < BEFORE (descending), at most LIMIT. */
#ifndef LEDGER_LEDGER_H
#define LEDGER_LEDGER_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/fail.h"
#include "policy/decide.h"

struct ledger;

/* Opens or creates PATH (0600), migrates it step by step; before a migration of
 * an existing ledger a copy PATH.before-<version> is made. One process only:
 * an exclusive lock PATH.lock is held (temporary "ledger.locked"). */
enum base_fail_class ledger_open(const char *path, struct ledger **out, struct base_fail *f);
void ledger_close(struct ledger *l);
int ledger_schema_version(const struct ledger *l);

/* Transactions don't nest. A commit that fails rolls back. */
enum base_fail_class ledger_begin(struct ledger *l, struct base_fail *f);
enum base_fail_class ledger_commit(struct ledger *l, struct base_fail *f);
void ledger_rollback(struct ledger *l); /* no transaction: nothing happens */
bool ledger_in_transaction(const struct ledger *l);

/* ---- events: append-only --------------------------------------------------- */
struct ledger_event {
    int64_t id, at;
    const char *type;   /* "intent.opened", "mail.decided", "confirm.submitted", ... */
    const char *tenant; /* NULL allowed */
    const char *object; /* "intent:12", "mail:7", "order:3", "domain:example.org", ... */
    const char *actor;  /* "agent" or the administrator's name */
    const char *data;   /* JSON object, NULL = {} ; never a token or a secret */
};
enum base_fail_class ledger_event_add(struct ledger *l, const struct ledger_event *e,
                                      struct base_fail *f);
/* OBJECT NULL = all. Ascending by id. */
enum base_fail_class ledger_event_list(struct ledger *l, struct base_arena *a, const char *object,
                                       int64_t after, size_t limit, struct ledger_event **out,
                                       size_t *n, struct base_fail *f);
/* The newest LIMIT events, descending. TYPE_PREFIX NULL = all. */
enum base_fail_class ledger_event_recent(struct ledger *l, struct base_arena *a,
                                         const char *type_prefix, int64_t since, size_t limit,
                                         struct ledger_event **out, size_t *n, struct base_fail *f);

/* ---- intents ------------------------------------------------------------------ */
struct ledger_intent {
    struct policy_intent p;     /* what the decision sees */
    const char *by, *note;      /* who asked; why it ended */
    int64_t order_row;          /* ledger order it belongs to; 0 */
    int64_t requested_at;       /* last time the CA was asked to write */
    int64_t next_look;          /* when the agent looks at it again; 0 = never */
    int64_t resends;            /* how often we asked again */
    bool adopted;               /* by `expect` or `held`: ordered elsewhere */
    bool prevalidation;         /* domain asked for outside an order */
};
enum base_fail_class ledger_intent_add(struct ledger *l, const struct ledger_intent *i, int64_t *id,
                                       struct base_fail *f);
enum base_fail_class ledger_intent_get(struct ledger *l, struct base_arena *a, int64_t id,
                                       struct ledger_intent *out, struct base_fail *f);
/* Writes every member but id, kind, tenant, created. A step that
 * policy_intent_step() forbids is "ledger.state". */
enum base_fail_class ledger_intent_update(struct ledger *l, const struct ledger_intent *i,
                                          struct base_fail *f);
/* Intents that a mail about DOMAIN (kind domain) or MAILBOX (kinds mailbox,
 * order; compared case-folded) may meet; newest first, at most 100, those that
 * ended more than 40 days ago left out. Either may be NULL. */
enum base_fail_class ledger_intent_match(struct ledger *l, struct base_arena *a, const char *domain,
                                         const char *mailbox, int64_t now,
                                         struct ledger_intent **out, size_t *n,
                                         struct base_fail *f);
/* States as a bit mask of 1 << enum policy_intent_state; 0 = all. Ascending. */
enum base_fail_class ledger_intent_list(struct ledger *l, struct base_arena *a, unsigned states,
                                        int64_t after, size_t limit, struct ledger_intent **out,
                                        size_t *n, struct base_fail *f);
/* next_look <= NOW and not 0, oldest first. */
enum base_fail_class ledger_intent_due(struct ledger *l, struct base_arena *a, int64_t now,
                                       size_t limit, struct ledger_intent **out, size_t *n,
                                       struct base_fail *f);
enum base_fail_class ledger_intent_of_order(struct ledger *l, struct base_arena *a,
                                            int64_t order_row, struct ledger_intent **out,
                                            size_t *n, struct base_fail *f);

/* ---- domains as the CA holds them --------------------------------------------- */
struct ledger_domain {
    const char *name, *account; /* key */
    const char *ca_id;          /* the CA's domain id; NULL */
    const char *state;          /* "unknown" "pending" "valid" "expired" */
    const char *method;
    int64_t valid_until, looked_at;
};
enum base_fail_class ledger_domain_put(struct ledger *l, const struct ledger_domain *d,
                                       struct base_fail *f);
enum base_fail_class ledger_domain_get(struct ledger *l, struct base_arena *a, const char *name,
                                       const char *account, struct ledger_domain *out,
                                       struct base_fail *f);

/* ---- orders --------------------------------------------------------------------- */
struct ledger_order {
    int64_t id;
    const char *reference; /* our own mark, unique, sent with the order */
    const char *tenant, *account, *mailbox, *product;
    /* "preparing" "requesting" "unclear" (POST sent, no answer) "waiting" "person"
     * "issued" "stored" "failed" "cancelled" */
    const char *state;
    const char *ca_status;      /* the CA's own word, as it said it */
    const char *ca_order, *ca_certificate; /* its ids; NULL */
    const char *key_id, *spki;  /* keeper's key; hex SHA-256 of the SPKI; NULL */
    const char *request;        /* JSON of what was or will be asked */
    const char *reason;         /* of the present state, for a person */
    const char *by;             /* who ordered */
    int64_t created, changed, next_look, tries, issued_at;
    int64_t batch;              /* orders of one run share it; 0 = a single order */
};
enum base_fail_class ledger_order_add(struct ledger *l, const struct ledger_order *o, int64_t *id,
                                      struct base_fail *f);
enum base_fail_class ledger_order_get(struct ledger *l, struct base_arena *a, int64_t id,
                                      struct ledger_order *out, struct base_fail *f);
/* By our row id, our reference or the CA's order id. */
enum base_fail_class ledger_order_find(struct ledger *l, struct base_arena *a, const char *any,
                                       struct ledger_order *out, struct base_fail *f);
/* By the CA's order id within one account, and nothing else. */
enum base_fail_class ledger_order_of_ca(struct ledger *l, struct base_arena *a, const char *account,
                                        const char *ca_order, struct ledger_order *out,
                                        struct base_fail *f);
enum base_fail_class ledger_order_by_spki(struct ledger *l, struct base_arena *a, const char *spki,
                                          struct ledger_order *out, struct base_fail *f);
enum base_fail_class ledger_order_update(struct ledger *l, const struct ledger_order *o,
                                         struct base_fail *f);
enum base_fail_class ledger_order_due(struct ledger *l, struct base_arena *a, int64_t now,
                                      size_t limit, struct ledger_order **out, size_t *n,
                                      struct base_fail *f);
/* MAILBOX NULL = all; ascending. */
enum base_fail_class ledger_order_list(struct ledger *l, struct base_arena *a, const char *mailbox,
                                       int64_t after, size_t limit, struct ledger_order **out,
                                       size_t *n, struct base_fail *f);
/* Orders of ACCOUNT created at or after SINCE (the brake). */
enum base_fail_class ledger_order_count(struct ledger *l, const char *account, int64_t since,
                                        int64_t *n, struct base_fail *f);

/* ---- certificates: append-only, states change ------------------------------------- */
struct ledger_certificate {
    int64_t id;
    const char *thumbprint; /* hex SHA-256 of the DER: unique */
    const char *serial, *issuer, *subject;
    const char *tenant, *account;
    const char **mailboxes; /* all of its SAN that are controlled, lower-cased domain */
    size_t nmailboxes;
    int64_t order_row;      /* 0 = none of ours */
    const char *key_id, *spki; /* key_id NULL: no key here */
    int64_t not_before, not_after, stored_at;
    const char *usage;      /* "sign", "encrypt", "both" */
    const char *state;      /* "current" "superseded" "expired" "revoked" "refused" */
    const char *source;     /* "mail:7" or "api" */
    const char *fields;     /* JSON: cert_fields without the DER */
    const char *checks;     /* JSON: verdict of P1..P16 */
    const char *chain_pem;  /* leaf first, without root */
    const unsigned char *der;
    size_t der_len;
    const char *revocation; /* "good" "revoked" "unknown"; NULL = never asked */
    int64_t revocation_at, revocation_next;
};
/* Existing thumbprint: "ledger.exists" with *id of the row that is there. */
enum base_fail_class ledger_certificate_add(struct ledger *l, const struct ledger_certificate *c,
                                            int64_t *id, struct base_fail *f);
enum base_fail_class ledger_certificate_get(struct ledger *l, struct base_arena *a, int64_t id,
                                            struct ledger_certificate *out, struct base_fail *f);
/* By row id, thumbprint (or an unambiguous prefix of >= 8) or serial. */
enum base_fail_class ledger_certificate_find(struct ledger *l, struct base_arena *a,
                                             const char *any, struct ledger_certificate *out,
                                             struct base_fail *f);
enum base_fail_class ledger_certificate_state(struct ledger *l, int64_t id, const char *state,
                                              struct base_fail *f);
enum base_fail_class ledger_certificate_revocation(struct ledger *l, int64_t id, const char *status,
                                                   int64_t at, int64_t next, struct base_fail *f);
/* Of one mailbox, newest first. */
enum base_fail_class ledger_certificate_of(struct ledger *l, struct base_arena *a,
                                           const char *mailbox, size_t limit,
                                           struct ledger_certificate **out, size_t *n,
                                           struct base_fail *f);
/* Current ones that end before T: ordered by not_after then id, page by id of
 * the last row and its not_after (0, 0 = start). DER and chain are not read. */
enum base_fail_class ledger_certificate_expiring(struct ledger *l, struct base_arena *a,
                                                 int64_t before, int64_t after_time,
                                                 int64_t after_id, size_t limit,
                                                 struct ledger_certificate **out, size_t *n,
                                                 struct base_fail *f);

/* Mailboxes that have certificates or orders: ascending, names > AFTER. */
struct ledger_mailbox {
    const char *mailbox, *tenant;
    int64_t certificates, current, not_after; /* of the newest current one */
    int64_t open_orders;
};
enum base_fail_class ledger_mailbox_list(struct ledger *l, struct base_arena *a, const char *after,
                                         size_t limit, struct ledger_mailbox **out, size_t *n,
                                         struct base_fail *f);

/* ---- mails ---------------------------------------------------------------------------- */
struct ledger_mail {
    int64_t id;
    const char *identity;  /* b= of the verified signature, else "sha256:<raw>" */
    const char *rcpt;      /* envelope recipient, normalised; (identity, rcpt) is unique */
    const char *sender, *client, *queue_id, *message_id, *subject, *spool_id, *source;
    const char *profile, *kind, *domain, *mailbox, *account;
    const char *token_hash;  /* hex SHA-256 of the token; NULL */
    int64_t received, taken; /* by the milter, by us */
    int64_t intent;          /* 0 = none */
    /* "working" (a job has it) "held" "final" */
    const char *state;
    const char *verdict, *reason, *text; /* of the newest decision */
    const char *decision;    /* JSON with its checks */
    const char *facts;       /* JSON; the full link is in here until final */
    const char *approved_by, *approved_why; /* NULL = not approved */
};
/* "ledger.exists" with *id of the mail that is there. */
enum base_fail_class ledger_mail_add(struct ledger *l, const struct ledger_mail *m, int64_t *id,
                                     struct base_fail *f);
enum base_fail_class ledger_mail_get(struct ledger *l, struct base_arena *a, int64_t id,
                                     struct ledger_mail *out, struct base_fail *f);
/* Writes account, intent, state, verdict, reason, text, decision, facts, approved_*. */
enum base_fail_class ledger_mail_update(struct ledger *l, const struct ledger_mail *m,
                                        struct base_fail *f);
/* STATE NULL = all. Descending, ids < BEFORE (0 = from the newest). */
enum base_fail_class ledger_mail_list(struct ledger *l, struct base_arena *a, const char *state,
                                      int64_t before, size_t limit, struct ledger_mail **out,
                                      size_t *n, struct base_fail *f);
/* Mails of a validation kind for DOMAIN since T that belong to no intent. */
enum base_fail_class ledger_mail_unexplained(struct ledger *l, const char *domain, int64_t since,
                                             int64_t *n, struct base_fail *f);
/* Mails of INTENT received at or after T. */
enum base_fail_class ledger_mail_count(struct ledger *l, int64_t intent, int64_t since, int64_t *n,
                                       struct base_fail *f);
/* Mails by (kind, verdict), for status and metrics. */
struct ledger_count {
    const char *a, *b;
    int64_t n;
};
enum base_fail_class ledger_mail_totals(struct ledger *l, struct base_arena *a, int64_t since,
                                        struct ledger_count **out, size_t *n, struct base_fail *f);

/* ---- tokens: a link's secret, kept only as hash ----------------------------------------- */
enum ledger_token_state { LEDGER_TOKEN_NONE = 0, LEDGER_TOKEN_SEEN, LEDGER_TOKEN_USED, LEDGER_TOKEN_CLOSED };
/* First sight; an existing token keeps its state. */
enum base_fail_class ledger_token_seen(struct ledger *l, const char *hash, int64_t mail,
                                       int64_t intent, struct base_fail *f);
enum base_fail_class ledger_token_get(struct ledger *l, const char *hash,
                                      enum ledger_token_state *state, int64_t *mail,
                                      struct base_fail *f);
/* seen -> used. Used or closed already: "ledger.state". */
enum base_fail_class ledger_token_use(struct ledger *l, const char *hash, struct base_fail *f);
/* All seen tokens of an intent -> closed. */
enum base_fail_class ledger_token_close(struct ledger *l, int64_t intent, struct base_fail *f);
/* A token that the API itself gave us for an intent: it binds. */
enum base_fail_class ledger_token_known(struct ledger *l, const char *hash, int64_t intent,
                                        struct base_fail *f);
enum base_fail_class ledger_token_is_known(struct ledger *l, const char *hash, int64_t intent,
                                           bool *known, struct base_fail *f);

/* ---- jobs ---------------------------------------------------------------------------------- */
struct ledger_job {
    int64_t id;
    const char *kind; /* "mail" "domain.request" "order" "collect" "revocation" "notice" ... */
    const char *key;  /* unique among living jobs, "mail:7": adding it twice is one job */
    int64_t ref;      /* row the job is about */
    const char *data; /* JSON: what the job needs between its steps */
    int64_t run_at, lease_until, tries, created, first_failed;
    const char *error; /* of the last try */
};
/* A living job of that key stays; its run_at moves to the earlier of both. */
enum base_fail_class ledger_job_add(struct ledger *l, const struct ledger_job *j, int64_t *id,
                                    struct base_fail *f);
/* Leases up to LIMIT due jobs until NOW + LEASE. Own transaction. */
enum base_fail_class ledger_job_lease(struct ledger *l, struct base_arena *a, int64_t now,
                                      int64_t lease, size_t limit, struct ledger_job **out,
                                      size_t *n, struct base_fail *f);
/* Keeps DATA and goes on leased. */
enum base_fail_class ledger_job_save(struct ledger *l, int64_t id, const char *data,
                                     struct base_fail *f);
/* Back to waiting: at RUN_AT, error kept (NULL clears), tries+1 if COUNT. */
enum base_fail_class ledger_job_later(struct ledger *l, int64_t id, int64_t run_at,
                                      const char *error, bool count, struct base_fail *f);
enum base_fail_class ledger_job_done(struct ledger *l, int64_t id, struct base_fail *f);
/* At start: all leases are void (the process that held them is dead). */
enum base_fail_class ledger_job_release_all(struct ledger *l, struct base_fail *f);
/* The living job of this key. */
enum base_fail_class ledger_job_find(struct ledger *l, struct base_arena *a, const char *key,
                                     struct ledger_job *out, struct base_fail *f);
/* Time of the next due job; 0 = none. */
enum base_fail_class ledger_job_next(struct ledger *l, int64_t *at, struct base_fail *f);

/* ---- consents --------------------------------------------------------------------------------- */
struct ledger_consent {
    int64_t id;
    const char *mailbox, *what; /* what: "mailbox-validation" or "custody" */
    const char *who, *how, *text, *entered_by;
    int64_t given, withdrawn;
    const char *withdrawn_by;
};
enum base_fail_class ledger_consent_add(struct ledger *l, const struct ledger_consent *c,
                                        int64_t *id, struct base_fail *f);
enum base_fail_class ledger_consent_withdraw(struct ledger *l, int64_t id, int64_t at,
                                             const char *by, struct base_fail *f);
enum base_fail_class ledger_consent_valid(struct ledger *l, const char *mailbox, const char *what,
                                          bool *valid, struct base_fail *f);
enum base_fail_class ledger_consent_list(struct ledger *l, struct base_arena *a,
                                         const char *mailbox, int64_t after, size_t limit,
                                         struct ledger_consent **out, size_t *n,
                                         struct base_fail *f);

/* ---- notices: one per key ------------------------------------------------------------------------ */
/* True in *fresh if KEY ("alarm:example.org:4711:2026-11-22") was never used. */
enum base_fail_class ledger_notice_once(struct ledger *l, const char *key, int64_t now, bool *fresh,
                                        struct base_fail *f);

/* ---- small values: cursors and the like ------------------------------------------------------------ */
enum base_fail_class ledger_meta_get(struct ledger *l, const char *key, int64_t *v, int64_t dflt,
                                     struct base_fail *f);
enum base_fail_class ledger_meta_set(struct ledger *l, const char *key, int64_t v,
                                     struct base_fail *f);
enum base_fail_class ledger_text_get(struct ledger *l, struct base_arena *a, const char *key,
                                     const char **v, struct base_fail *f);
enum base_fail_class ledger_text_set(struct ledger *l, const char *key, const char *v,
                                     struct base_fail *f);
#endif
