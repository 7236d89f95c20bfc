/* agent/show.h - what the control commands share: rows as JSON (new references), finding what a
 * command names. */
#ifndef AGENT_SHOW_H
#define AGENT_SHOW_H
#include "agent.h"

json_t *agent_event_json(const struct ledger_event *e);
json_t *agent_intent_json(const struct ledger_intent *i);
json_t *agent_order_json(const struct ledger_order *o);
json_t *agent_certificate_json(const struct ledger_certificate *c, bool whole);
json_t *agent_domain_json(struct agent *ag, struct base_arena *a, const struct policy_domain *d);
json_t *agent_mail_json(const struct ledger_mail *m); /* without link and facts */
json_t *agent_string_list(const char *const *v, size_t n);
json_t *agent_parsed(const char *text); /* NULL if it is no JSON */
/* The checks of a mail's newest decision as member "checks". */
void agent_put_checks(json_t *answer, const struct ledger_mail *m);
/* Appends the events of OBJECT to the member "events". */
void agent_put_events(struct agent *ag, struct base_arena *a, json_t *answer, const char *object);
/* Members "timeline" and "next": what happened to an order, and what comes. */
void agent_put_timeline(struct agent *ag, struct base_arena *a, const struct ledger_order *o,
                        json_t *answer);
/* What a person needs beside mail M: members "domain", "shown", "intents", "unexplained". */
void agent_put_held_case(struct agent *ag, struct base_arena *a, const struct ledger_mail *m,
                         json_t *answer);
size_t agent_page_limit(const json_t *req); /* 1..500, 100 if absent */
/* "KIND:N" -> N; 0 if WHAT isn't of that kind. */
int64_t agent_row_number(const char *what, const char *kind);
/* The current certificate of MAILBOX (as typed) that ends first. Codes: order.mailbox, life.current
 * (permanent), the ledger's. */
enum base_fail_class agent_current_certificate(struct agent *ag, struct base_arena *a,
                                               const char *mailbox, struct ledger_certificate *out,
                                               struct base_fail *f);
/* All local records (see record.approve) of the profiles in CFG. */
json_t *agent_records(struct ledger *l, const struct policy_config *cfg);

#endif
