/* agent/fields.h - the custom fields that an account's order form asks for.
 *
 * Read from the CA with each look at the account (accounts.c) and kept in memory: an
 * order may then name them by label, and one that is required is missed before anything
 * leaves. Until the first look after a start the catalog in the ledger stands in
 * (catalog.h); without one they are not known. */
#ifndef AGENT_FIELDS_H
#define AGENT_FIELDS_H
#include "agent.h"

/* What the CA told of ACCOUNT; copied. */
void agent_fields_keep(struct agent *ag, const char *account, const struct ca_fields *fields);
/* The same from member "fields" of an account's catalog; NULL: it tells nothing of them. */
void agent_fields_told(struct agent *ag, const char *account, const json_t *list);
struct agent_field_values {
    struct {
        const char *id, *value;
    } *v;
    size_t n;
};
/* GIVEN: {id or label: text}, NULL = none. Permanent "order.custom-field" (no such field, a
 * required one is missing); temporary of that code while labels aren't known. */
enum base_fail_class agent_fields_read(struct agent *ag, struct base_arena *a, const char *account,
                                       const json_t *given, struct agent_field_values *out,
                                       struct base_fail *f);

#endif
