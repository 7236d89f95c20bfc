/* agent/dnsrun.h - a validation by DNS or by a file (HTTP) between two of its steps: job
 * "domain.dns". Both are the same steps; a file is kept as a record of type FILE.
 *
 * What must survive a crash stands in the job's data: the method, the step, the
 * CA's token and the record made of it. The token is nowhere else in clear, and
 * the job ends when the record is taken away. The loop owns a run; while its
 * task is in the pool, the pool's thread alone touches it. */
#ifndef AGENT_DNSRUN_H
#define AGENT_DNSRUN_H
#include "agent.h"
#include "dcv/dns.h"
#include "dcv/http.h"

enum dns_step {
    DNS_ASK,    /* the CA for a token, after the look at a delegated name */
    DNS_LOOK,   /* writing is not allowed here (now): is it valid without us? */
    DNS_WRITE,  /* the record */
    DNS_WAIT,   /* until all name servers show it */
    DNS_CHECK,  /* the CA is asked to look */
    DNS_REMOVE, /* the record; the intent has ended */
};

struct dns_record_row { /* a record as the data keeps it */
    const char *name, *type, *value, *zone; /* FILE: its name; no zone */
    int64_t ttl;
};
#define DNS_OLD_MAX 4
struct dns_data {
    enum policy_method method;
    enum dns_step step;
    const char *section;  /* of the configuration, by which it is written */
    const char *domain_id, *token;
    struct dns_record_row rec;
    struct dns_record_row old[DNS_OLD_MAX]; /* of tokens that the CA replaced */
    size_t nold;
    bool written;         /* it may be in the zone */
    const char *released; /* who, where the domain's mode is hold; NULL */
    int64_t tries;        /* of this step */
};

struct dns_run {
    struct agent_task task;
    struct base_arena *a;
    struct agent_conf *conf;
    struct ledger_job job;
    struct ledger_intent intent;
    struct dns_data d;
    const struct policy_dns *section; /* of the configuration now, by DNS; NULL: gone */
    const struct policy_http *http;   /* ... by HTTP */
    struct ca_account *ca;
    /* what the pool finds */
    struct ca_dcv asked;
    struct ca_dcv_check checked;
    struct ca_domain domain;
    struct dcv_record record; /* after DNS_ASK */
    enum base_fail_class cls;
    struct base_fail fail;
};

/* dnsdata.c: data <-> JSON; strings are of the arena. */
bool agent_dns_read(struct base_arena *a, const char *text, struct dns_data *out);
char *agent_dns_write(struct base_arena *a, const struct dns_data *d);
/* Does a person put it there? Of the section that D's method has for DOMAIN now. */
bool agent_dns_by_hand(const struct policy_config *cfg, const char *domain,
                       enum policy_method method);
const char *agent_dns_data(struct base_arena *a, enum policy_method method); /* of a new job */
const char *agent_dns_key(struct base_arena *a, int64_t intent);
/* How the intent is shown to the CA: its job tells; without one by mail. */
enum policy_method agent_dns_method(struct agent *ag, struct base_arena *a, int64_t intent);
/* What happens next, as a sentence; D of DOMAIN. */
const char *agent_dns_next(struct base_arena *a, const struct policy_config *cfg,
                           const char *domain, const struct dns_data *d, const char *error);
/* Members "dcv" {method, step, next, record} of a domain's JSON. */
void agent_dns_put(struct agent *ag, struct base_arena *a, const struct policy_domain *d,
                   int64_t intent, json_t *o);

/* dnstask.c: the blocking part of d.step, called by the pool. */
void agent_dns_task(struct agent_task *t);

#endif
