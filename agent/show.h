/* agent/show.h - rows as JSON, shared by the control commands. New references. */
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
/* All local records (see record.approve) of the profiles in CFG. */
json_t *agent_records(struct ledger *l, const struct policy_config *cfg);

#endif
