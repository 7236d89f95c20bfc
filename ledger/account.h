/* ledger/account.h - what orders cost, and what we ask the CA about organizations. Failures
 * as in ledger.h; all memory from A. */
#ifndef LEDGER_ACCOUNT_H
#define LEDGER_ACCOUNT_H
#include "ledger.h"

struct ledger_price {
    int64_t order_row;
    const char *account, *product;
    int64_t days;
    const char *each, *currency; /* "25.00"; currency NULL if not told */
    int64_t at;
};
/* One for each order; the newest word counts. */
enum base_fail_class ledger_price_put(struct ledger *l, const struct ledger_price *p,
                                      struct base_fail *f);
enum base_fail_class ledger_price_get(struct ledger *l, struct base_arena *a, int64_t order_row,
                                      struct ledger_price *out, struct base_fail *f);
/* Of the newest order of this product for so many days; ledger.absent if there is none. */
enum base_fail_class ledger_price_last(struct ledger *l, struct base_arena *a, const char *account,
                                       const char *product, int64_t days, struct ledger_price *out,
                                       struct base_fail *f);

struct ledger_organization {
    int64_t id;
    const char *account, *tenant, *name;
    const char *form;  /* JSON as ca_organization_add() wants it; "{}" = it is at the CA already */
    const char *state; /* asked adding submitting done failed */
    const char *ca_id; /* NULL = not known yet */
    const char *by, *reason;
    int64_t created, changed;
};
enum base_fail_class ledger_organization_add(struct ledger *l, const struct ledger_organization *o,
                                             int64_t *id, struct base_fail *f);
enum base_fail_class ledger_organization_update(struct ledger *l,
                                                const struct ledger_organization *o,
                                                struct base_fail *f);
enum base_fail_class ledger_organization_get(struct ledger *l, struct base_arena *a, int64_t id,
                                             struct ledger_organization *out, struct base_fail *f);
/* The newest of an account first; CA_ID or NAME NULL = any. */
enum base_fail_class ledger_organization_list(struct ledger *l, struct base_arena *a,
                                              const char *account, const char *ca_id,
                                              const char *name, size_t limit,
                                              struct ledger_organization **out, size_t *n,
                                              struct base_fail *f);
#endif
