/* policy/check_intent.c - which request of ours could explain this mail. */
#include <string.h>

#include "base/bytes.h"
#include "case.h"

static enum policy_intent_kind kind_wanted(const struct policy_case *k)
{
    return k->f->kind == POLICY_KIND_MAILBOX_VALIDATION ? POLICY_INTENT_MAILBOX
                                                        : POLICY_INTENT_DOMAIN;
}

/* Same thing asked for, at this CA (an account that is gone is judged later). A mail that names
 * nothing is measured by its recipient's domain, so that it is held for our request, not alarmed.
 */
static bool about(const struct policy_case *k, const struct policy_intent *i)
{
    const struct policy_account *a = policy_config_account(k->c, i->account);

    if (i->kind != kind_wanted(k) || (a != NULL && strcmp(a->profile, k->profile->id) != 0)) {
        return false;
    }
    if (!k->exact) {
        return false;
    }
    if (i->kind == POLICY_INTENT_MAILBOX) {
        const char *name = k->name != NULL ? k->name : k->e->rcpt;
        return policy_config_same_mailbox(k->c, i->mailbox, name);
    }
    const char *name = k->name != NULL ? k->name : k->d->domain->name;
    return i->domain != NULL && strcmp(i->domain, name) == 0;
}

static enum policy_ids_say ids_against(const struct policy_case *k, const struct policy_intent *i)
{
    return policy_ids_say(k, k->f->ids, k->f->nids, k->f->id_conflict, i);
}

/* A request that is over explains the copies that it asked for, as long as
 * their tokens could live; with an id of its own any number. A number that we
 * can't tell apart is for the API to say: it may be a stranger's order. */
static bool explains(const struct policy_case *k, const struct policy_intent *i)
{
    enum policy_ids_say ids = ids_against(k, i);

    if (ids == POLICY_IDS_OURS) {
        return true;
    }
    if (ids != POLICY_IDS_NONE) {
        return false;
    }
    return i->confirmed_copies < i->copies && k->e->received <= i->expires + k->rules->lifetime;
}

static void sort_one(struct policy_case *k, const struct policy_intent *i)
{
    bool over = i->expires > 0 && i->expires <= k->e->now;

    switch (i->state) {
    case POLICY_INTENT_REQUESTING:
    case POLICY_INTENT_OPEN:
        if (!over) {
            k->nopen++;
            k->open = k->open != NULL ? k->open : i;
            return;
        }
        break;
    case POLICY_INTENT_CONFIRMING:
    case POLICY_INTENT_UNKNOWN:
        /* a stranger's mail has nothing to wait for */
        if (ids_against(k, i) != POLICY_IDS_FOREIGN || k->gate == POLICY_GATE_DONE) {
            k->busy = k->busy != NULL ? k->busy : i;
        }
        return;
    case POLICY_INTENT_CONFIRMED:
    case POLICY_INTENT_EXPIRED:
    case POLICY_INTENT_CANCELLED:
    case POLICY_INTENT_FAILED:
        break;
    }
    if (k->ended == NULL && explains(k, i)) {
        k->ended = i;
    }
}

void policy_find_intents(struct policy_case *k)
{
    for (size_t n = 0; n < k->e->nintents; n++) {
        if (about(k, &k->e->intents[n])) {
            sort_one(k, &k->e->intents[n]);
        }
    }
    k->mail_ids = ids_against(k, k->open);
}
