/* agent/agent.h - what the files of the agent share.
 *
 * The loop (loop.c) is the only thread that touches struct agent and the
 * ledger. Whatever blocks is a task in the pool (pool.h) that holds a
 * reference on the configuration's snapshot and answers by done(). Work that
 * must survive a crash is a job in the ledger; a task never is the only place
 * that knows of something. */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H
#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/fail.h"
#include "base/log.h"
#include "ca/ca.h"
#include "ledger/ledger.h"
#include "net/dns.h"
#include "net/http.h"
#include "policy/config.h"
#include "policy/decide.h"
#include "pool.h"
#include "spool/spool.h"

/* ---- the configuration's snapshot (conf.c) ------------------------------------ */
struct agent_account {
    const struct policy_account *cfg;
    struct ca_account *ca; /* NULL: no usable key or driver, see error */
    char *error;
};
struct agent_conf {
    atomic_int refs;
    struct policy_config *cfg;
    char *profiles;          /* for the inspector, local records applied: text, because a json_t
                                can't be shared by threads */
    struct base_buf bundle;  /* S/MIME roots and intermediates, PEM */
    char *bundle_error;      /* NULL = read */
    struct net_resolver *resolver;
    struct net_scope links;  /* how links are fetched */
    struct agent_account *accounts;
    size_t naccounts;
    struct ca_account **usable; /* accounts[].ca without the NULLs */
    size_t nusable;
    char *inspector;         /* path of certinspect */
};
/* Loads PATH and applies RECORDS (JSON array, may be NULL). The snapshot has one reference. */
enum base_fail_class agent_conf_load(const char *path, const json_t *records,
                                     struct agent_conf **out, struct policy_config_errors *errs,
                                     struct base_fail *f);
struct agent_conf *agent_conf_ref(struct agent_conf *c);
void agent_conf_unref(struct agent_conf *c); /* any thread */
struct ca_account *agent_conf_ca(const struct agent_conf *c, const char *account); /* NULL: none */

/* ---- the agent ------------------------------------------------------------------ */
struct agent_client;   /* control.c */
struct agent_intake;   /* intake.c */
struct agent_run;      /* mailrun.h: a mail between two gates */
struct agent_fields;   /* fields.h */

#define AGENT_JOBS_MAX 1024 /* worked on at once: bounds memory, the others wait in the ledger */

struct agent {
    const char *config_path;
    struct agent_conf *conf;
    struct ledger *ledger;
    struct spool_reader *reader;
    struct spool_writer *writer; /* for ingest */
    struct agent_pool *pool;
    int epoll, wake_fd, signal_fd, control_fd;
    struct agent_client *clients;
    struct agent_intake *intake;
    struct agent_run *runs;
    struct agent_fields *fields; /* custom fields of the accounts' order forms */
    struct agent_client *gone;      /* closed, freed when no event can name them any more */
    int64_t jobs[AGENT_JOBS_MAX];   /* ids of the jobs that are being worked on */
    size_t njobs;
    bool in_step;                   /* between agent_begin() and its end, rolled back or not */
    int64_t started;
    bool stopping, watch_dirty;
    int64_t fenced; /* restored then, and nothing may leave yet (fence.c); 0 = no */
    bool runs_ended; /* mails that waited for another may go on */
    bool mails_changed; /* clients that wait for a mail are told */
    int64_t publish_cursor, next_expire; /* publish_plan.c */
    int64_t next_scan, next_exports, next_wipe, next_poll, next_renewal; /* base_mono_ms() */
    int64_t next_expiry, next_metrics, next_report; /* base_mono_ms() */
    struct agent_report *report;                    /* report.c: while one is made; NULL */
    char *keeper_error;   /* of the last look at its journal; NULL = it answered */
    int64_t keeper_asked; /* 0 = not yet */
    json_t *folding_kept; /* folding.c: sentences; NULL = not asked yet */
    size_t watch_addresses;
    int64_t watch_written, watch_retry; /* retry: not before, after a failure */
    bool ledger_sick;       /* the last commit failed: nothing new is started for a moment */
    int64_t ledger_retry;   /* base_mono_ms() */
};

/* ---- transactions and events (store.c) -------------------------------------------- */
/* begin; false (logged, ledger_sick set) if it can't be. */
bool agent_begin(struct agent *ag);
/* commit; false (logged, rolled back) if it failed: the caller's job is tried again. */
bool agent_commit(struct agent *ag);
void agent_rollback(struct agent *ag);
/* Records an event within the open transaction and logs it at PRIORITY. DATA may
 * be NULL (decref'd here). */
void agent_event(struct agent *ag, int priority, const char *type, const char *tenant,
                 const char *object, const char *actor, json_t *data);
/* R was BASE_OK? If not: logs, and rolls back the open transaction; what follows in the
 * same step changes nothing any more. A row that is absent or has moved on meanwhile is
 * no failure of the ledger. For chains of ledger calls. */
bool agent_ok(struct agent *ag, enum base_fail_class r, const struct base_fail *f,
              const char *what);
const char *agent_object(struct base_arena *a, const char *kind, int64_t id); /* "mail:7" */
/* A job, within the open transaction. */
bool agent_job_add(struct agent *ag, const char *kind, const char *key, int64_t ref,
                   int64_t run_at, const char *data);

/* ---- jobs (jobs.c) ------------------------------------------------------------------- */
/* Leases and starts what is due. */
void agent_jobs_run(struct agent *ag);
/* The job is over, tried again, or failed for good; own transaction unless a step is
 * open. Nothing happens if that step was rolled back: the lease runs out, and the job
 * is started again. */
void agent_job_done(struct agent *ag, int64_t job);
void agent_job_retry(struct agent *ag, const struct ledger_job *job, const struct base_fail *f,
                     int64_t not_before);
/* What a job is about can't be read: gone ends the job, anything else is tried again. */
void agent_job_unread(struct agent *ag, const struct ledger_job *job, const struct base_fail *f);
/* The run of this job ended, however it ended: it may be leased and started again. */
void agent_job_over(struct agent *ag, int64_t job);
/* Seconds to wait after TRIES failures: 2, 4, 8 ... 900, and a bit of chance. */
int64_t agent_backoff(int64_t tries);
/* Starts one leased job; each kind's file has its own. The job is copied. */
void agent_mail_job(struct agent *ag, const struct ledger_job *job);
void agent_domain_job(struct agent *ag, const struct ledger_job *job);   /* domain.request */
void agent_dns_job(struct agent *ag, const struct ledger_job *job);      /* domain.dns */
void agent_look_job(struct agent *ag, const struct ledger_job *job);     /* account.look */
void agent_order_job(struct agent *ag, const struct ledger_job *job);    /* order */
void agent_collect_job(struct agent *ag, const struct ledger_job *job);  /* collect */
void agent_attach_job(struct agent *ag, const struct ledger_job *job);   /* attach.c */
void agent_notice_job(struct agent *ag, const struct ledger_job *job);   /* notice */
void agent_revocation_job(struct agent *ag, const struct ledger_job *job); /* revocation */

/* A copy of JOB whose strings are in A. */
struct ledger_job agent_job_copy(struct base_arena *a, const struct ledger_job *job);

/* ---- intake (intake.c) ------------------------------------------------------------------ */
void agent_intake_start(struct agent *ag);     /* what a crash left in cur/ */
void agent_intake_scan(struct agent *ag);      /* what is in new/ */
void agent_intake_flush(struct agent *ag);     /* after a batch of done tasks */
bool agent_intake_idle(struct agent *ag);

/* ---- mails (evidence.c, conclude.c, mailrun.c) ------------------------------------------------- */
struct agent_case { /* everything that a decision needs, in one arena */
    struct base_arena *a;
    struct ledger_mail mail;
    struct policy_facts *facts;
    struct policy_evidence ev;
    struct ledger_intent *intents;
    size_t nintents;
    const char *token; /* of the link; NULL */
    char token_hash[BASE_SHA256_HEX]; /* "" = none */
};
/* Reads what the ledger knows about a mail. MAIL's facts are parsed from its JSON
 * unless FACTS are given. */
bool agent_case_build(struct agent *ag, struct base_arena *a, const struct ledger_mail *mail,
                      struct policy_facts *facts, struct agent_case *out);
/* Does the page differ from what an administrator approved for this kind by name? */
bool agent_case_record_differs(struct agent *ag, const struct agent_case *c,
                               const struct policy_kind_rules *rules,
                               const struct policy_page *page, const char *page_url);
void agent_case_free(struct agent_case *c); /* the facts' certificates; not the arena */
/* Writes a decision into the mail and does what follows from it (events, notices,
 * jobs), within the open transaction. Final verdicts only. */
void agent_mail_conclude(struct agent *ag, struct agent_case *c, const struct policy_decision *d);
/* Facts without the token and link, for what is kept for good. */
char *agent_facts_masked(const struct policy_facts *facts);
/* Starts mails that waited until another one of their intent was through. */
void agent_mail_wake(struct agent *ag);
/* Is a run working on this mail now? */
bool agent_mail_busy(const struct agent *ag, int64_t mail);
/* Starts or restarts a mail now (after a person's word, after intents changed). */
bool agent_mail_requeue(struct agent *ag, int64_t mail);
/* Held and later mails of DOMAIN or MAILBOX are looked at again: in the open transaction. */
void agent_mails_reconsider(struct agent *ag, const char *domain, const char *mailbox);

/* ---- domains, intents (domains.c, intents.c) --------------------------------------------------- */
/* Writes the intent and its job. On refusal BASE_PERMANENT with a sentence. */
enum base_fail_class agent_domain_request(struct agent *ag, const char *domain, const char *by,
                                          int64_t order_row, int64_t *intent, struct base_fail *f);
/* The same by METHOD instead of the one that is configured. An open request by another
 * method ends by that, unless its answer is under way. */
enum base_fail_class agent_domain_request_by(struct agent *ag, const char *domain,
                                             enum policy_method method, const char *by,
                                             int64_t order_row, int64_t *intent,
                                             struct base_fail *f);
/* Has the mails sent again (at an unforeseeable moment where that may bind), in the
 * open transaction; I is updated. */
bool agent_domain_resend(struct agent *ag, struct ledger_intent *i);
void agent_intents_due(struct agent *ag);
/* Rules of the validation mails that the intent's account sends; NULL if unknown. */
const struct policy_kind_rules *agent_intent_rules(const struct policy_config *cfg,
                                                   const struct ledger_intent *i);
/* Intent ends well or badly, in the open transaction; STATE is checked. */
bool agent_intent_end(struct agent *ag, struct ledger_intent *i, enum policy_intent_state state,
                      const char *note);

/* ---- orders (orders.c) -------------------------------------------------------------------------------- */
void agent_orders_due(struct agent *ag);
/* The order's certificate is in the ledger: in the open transaction. */
void agent_order_stored(struct agent *ag, int64_t order_row, int64_t certificate);
enum base_fail_class agent_order_place(struct agent *ag, const json_t *req, const char *by,
                                       json_t *answer, struct base_fail *f);

/* CSR NULL: the keeper makes the new key. In the open transaction. */
enum base_fail_class agent_reissue(struct agent *ag, const struct ledger_order *o, const char *csr,
                                   const char *by, const char *reason, json_t *answer,
                                   struct base_fail *f);
/* A reissue that came to nothing: key and certificate of before go on. */
bool agent_reissue_undo(struct agent *ag, struct base_arena *a, struct ledger_order *o,
                        const char *why);
/* The request of an order whose reissue is through. */
char *agent_reissue_settled(struct base_arena *a, const char *request);
struct agent_renew_how {
    bool automatic;  /* no person looks at this one */
    bool timer;      /* by the agent itself: counts as one of the order's automatic renewals */
    bool dry_run;
    const char *key; /* of this one: "new" "reuse"; NULL = as the order before says */
    int64_t batch;       /* run of the spending brake; 0 = none */
    json_t *attestation; /* who vouches, as in "order"; NULL = as before */
};
/* A new order in place of certificate C; in the open transaction. */
enum base_fail_class agent_renew(struct agent *ag, const struct ledger_certificate *c,
                                 const struct agent_renew_how *how, const char *by, json_t *answer,
                                 struct base_fail *f);
void agent_renewals_due(struct agent *ag);
/* Does the agent renew C by itself, as its order or its domain says? *BEFORE: seconds before its end. */
bool agent_renewal_wanted(struct agent *ag, const struct ledger_certificate *c, int64_t *before);
/* When the timer renews C; 0 = never. */
int64_t agent_renewal_time(struct agent *ag, const struct ledger_certificate *c);
/* Was it ordered in the CA's portal, not by us? */
bool agent_order_is_portal(const struct ledger_order *o);
/* Of an order, or a reissue, that a restored backup didn't know: its key is not here. */
bool agent_order_after_backup(const struct ledger_order *o);

/* Is it stored already? (Of a reissued order the certificate of before may come once more.) */
struct cert_fields;
bool agent_certificate_known(struct agent *ag, struct base_arena *a, const struct cert_fields *c);
/* Ordered in the portal without a CSR that we saw: what the CA gives for that order is it, if
 * it is for the order's mailbox; fills ORDER then. False: rolled back. */
bool agent_portal_adopt(struct agent *ag, struct base_arena *a, int64_t order,
                        const struct cert_fields *c, struct ledger_order *out);

/* ---- actions on orders (acts.c) ---------------------------------------------------------------- */
struct agent_act {
    enum ca_action action;
    const char *account, *tenant, *id; /* id: the CA's, as ca_act() wants it */
    const char *ca_order;              /* where to look whether it arrived; NULL for requests */
    int64_t order, certificate;        /* rows; 0 = none */
    const char *by, *reason;
    const json_t *emails; /* array; NULL */
};
const char *agent_act_name(enum ca_action action); /* "cancel", "revoke", ... */
void agent_act_fill(struct base_arena *a, const struct agent_act *act, struct ca_act *out);
/* KEY: of its job, by which the command finds what became of it. In the open transaction. */
void agent_act_event(struct agent *ag, const struct agent_act *act, const char *key,
                     const char *type, int priority, const char *text);
/* Writes the action's job, in the open transaction; an action of this kind on this
 * thing that is under way already stays the only one. */
enum base_fail_class agent_act_start(struct agent *ag, const struct agent_act *act, json_t *answer,
                                     struct base_fail *f);
/* The exact request into ANSWER's member "sends". */
enum base_fail_class agent_act_preview(struct agent *ag, const struct agent_act *act,
                                       json_t *answer, struct base_fail *f);
void agent_put_preview(struct ca_preview *p, json_t *answer); /* takes p->body */
void agent_act_job(struct agent *ag, const struct ledger_job *job);  /* act */
void agent_sync_job(struct agent *ag, const struct ledger_job *job); /* account.sync */

/* ---- notices (notices.c) ----------------------------------------------------------------------- */
/* Queues a mail to TO once per KEY, in the open transaction. SUBJECT and BODY UTF-8. */
void agent_notice(struct agent *ag, const char *key, const char *to, const char *subject,
                  const char *body);
/* The tenant's contact, or NULL. */
const char *agent_contact(const struct agent *ag, const char *tenant);
/* The CA refuses the key of ACCOUNT: told once a day, in the open transaction. */
void agent_notice_key(struct agent *ag, struct base_arena *a, const char *account,
                      const char *tenant);
bool agent_key_refused(const struct base_fail *f);
/* The first mail of its request and day? In the open transaction. */
bool agent_alarm_fresh(struct agent *ag, const struct agent_case *c,
                       const struct policy_decision *d);
/* A mail waits for a person: told once a day for a name. */
void agent_notice_held(struct agent *ag, const struct agent_case *c,
                       const struct policy_decision *d);
void agent_notice_mail_alarm(struct agent *ag, const struct agent_case *c,
                             const struct policy_decision *d);
/* Owners are told of exports: reads the keeper's journal (exports.c). */
void agent_exports_poll(struct agent *ag);

/* ---- watch file (watch.c) ---------------------------------------------------------------------- */
void agent_watch_write(struct agent *ag);

/* ---- control socket (control.c, control_*.c) --------------------------------------------------- */
bool agent_control_open(struct agent *ag);
void agent_control_close(struct agent *ag);
/* Clients that wait for mails are answered if theirs is through, or their time is. */
void agent_control_waiters(struct agent *ag);
/* Frees closed clients: after a round of events. */
void agent_control_reap(struct agent *ag);
/* A command: fills ANSWER, or returns a failure. BY is never NULL. */
typedef enum base_fail_class agent_command(struct agent *ag, const json_t *req, const char *by,
                                           json_t *answer, struct base_fail *f);
agent_command agent_cmd_status, agent_cmd_reload, agent_cmd_doctor, agent_cmd_events;
agent_command agent_cmd_domain_list, agent_cmd_domain_add, agent_cmd_expect;
agent_command agent_cmd_domain_release;
agent_command agent_cmd_list, agent_cmd_show, agent_cmd_pem;
agent_command agent_cmd_consent_add, agent_cmd_consent_list, agent_cmd_consent_withdraw;
agent_command agent_cmd_held_list, agent_cmd_held_show, agent_cmd_held_approve, agent_cmd_held_deny;
agent_command agent_cmd_ingest, agent_cmd_record_list, agent_cmd_record_approve;
agent_command agent_cmd_record_withdraw, agent_cmd_exported;
bool agent_order_ended(const struct ledger_order *o); /* for us: stored, failed, cancelled */
/* Its answer was lost for good: whether the CA has O is for a person to find out. */
bool agent_order_unsure(const struct ledger_order *o);
/* cancel.c: O ends here and the CA isn't asked, by command REQ of BY; also for a dry run. */
enum base_fail_class agent_cancel_here(struct agent *ag, struct base_arena *a, struct ledger_order *o,
                                       const json_t *req, const char *by, json_t *answer,
                                       struct base_fail *f);
agent_command agent_cmd_cancel, agent_cmd_revoke, agent_cmd_reissue, agent_cmd_renew;
agent_command agent_cmd_emails, agent_cmd_request_decide;
bool agent_cmd_request_list_start(struct agent *ag, int64_t client, const json_t *req,
                                  struct base_fail *f);
/* Commands that ask the network answer later, by the client's number. */
void agent_control_answer(struct agent *ag, int64_t client, json_t *answer);
bool agent_cmd_domain_check_start(struct agent *ag, int64_t client, const json_t *req,
                                  struct base_fail *f);
bool agent_cmd_import_start(struct agent *ag, int64_t client, const json_t *req, const char *by,
                            struct base_fail *f);
bool agent_cmd_doctor_start(struct agent *ag, int64_t client, struct base_fail *f);

/* ---- the loop (loop.c) -------------------------------------------------------------------------------- */
int agent_loop(struct agent *ag);
/* A descriptor in the loop: CB(ag, arg, events) with events as of epoll. */
struct agent_watcher {
    void (*cb)(struct agent *ag, void *arg, unsigned events);
    void *arg;
};
bool agent_watch_fd(struct agent *ag, int fd, unsigned events, struct agent_watcher *w);
void agent_unwatch_fd(struct agent *ag, int fd);

#endif
