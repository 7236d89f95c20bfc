/* ledger/domainlook.h - what we know of a domain besides what the CA says: its DNS, its calendar. */
#ifndef LEDGER_DOMAINLOOK_H
#define LEDGER_DOMAINLOOK_H
#include "ledger.h"

struct ledger_domain_look {
    const char *name; /* key */
    int64_t looked_at, next_look;
    int64_t mx_ours;   /* when its MX named one of our hosts last; 0 = never seen */
    int64_t mx_missed; /* first of the definite answers since then that named none; 0 = none */
    int64_t dropped;   /* since when it is only observed because of that; 0 = it isn't */
    const char *mx;    /* hosts of the last definite answer, "a, b"; "" = no MX */
    const char **contacts; /* addresses that its DNS names for validation mails */
    size_t ncontacts;
    const char *persist;   /* what was found of its persistent record, a sentence; NULL */
    int64_t persist_until; /* 0 = none found, or without an end */
    int64_t valid_since;   /* seen as validated first, or validated anew by us */
    int64_t tried;         /* last time that a new validation was begun by itself */
    const char *trouble;   /* why that did not go; NULL = nothing is wrong */
};
/* A domain without a row is all zeros with its name; never ledger.absent. */
enum base_fail_class ledger_domain_look_get(struct ledger *l, struct base_arena *a,
                                            const char *name, struct ledger_domain_look *out,
                                            struct base_fail *f);
enum base_fail_class ledger_domain_look_put(struct ledger *l, const struct ledger_domain_look *d,
                                            struct base_fail *f);
enum ledger_domain_which {
    LEDGER_DOMAIN_DROPPED,
    LEDGER_DOMAIN_CONTACTS,
    LEDGER_DOMAIN_ATTENTION, /* with trouble, or a persistent record that ends some day */
};
/* Those of one kind: ascending by name, names > AFTER. */
enum base_fail_class ledger_domain_look_list(struct ledger *l, struct base_arena *a,
                                             enum ledger_domain_which which, const char *after,
                                             size_t limit, struct ledger_domain_look **out,
                                             size_t *n, struct base_fail *f);
#endif
