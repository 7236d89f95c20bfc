/* policy/intents.c - names and steps of an intent. */
#include <string.h>

#include "decide.h"

static const char *const kinds[] = {"domain", "mailbox", "order"};
static const char *const states[] = {"requesting", "open",    "confirming", "confirmed",
                                     "unknown",    "expired", "cancelled",  "failed"};
#define NKINDS (sizeof kinds / sizeof *kinds)
#define NSTATES (sizeof states / sizeof *states)

const char *policy_intent_kind_name(enum policy_intent_kind k)
{
    return (size_t)k < NKINDS ? kinds[k] : "";
}

const char *policy_intent_state_name(enum policy_intent_state s)
{
    return (size_t)s < NSTATES ? states[s] : "";
}

bool policy_intent_kind_parse(const char *s, enum policy_intent_kind *k)
{
    for (size_t i = 0; s != NULL && i < NKINDS; i++) {
        if (strcmp(s, kinds[i]) == 0) {
            *k = (enum policy_intent_kind)i;
            return true;
        }
    }
    return false;
}

bool policy_intent_state_parse(const char *s, enum policy_intent_state *st)
{
    for (size_t i = 0; s != NULL && i < NSTATES; i++) {
        if (strcmp(s, states[i]) == 0) {
            *st = (enum policy_intent_state)i;
            return true;
        }
    }
    return false;
}

/* requesting -> open -> confirming -> confirmed | unknown; any of them can end
 * otherwise. From unknown back to open only when the API has said that the CA
 * still waits: then a new mail with a new token may be answered. What has
 * ended stays ended. */
bool policy_intent_step(enum policy_intent_state from, enum policy_intent_state to)
{
    bool ends = to == POLICY_INTENT_CONFIRMED || to == POLICY_INTENT_EXPIRED ||
                to == POLICY_INTENT_CANCELLED || to == POLICY_INTENT_FAILED;

    switch (from) {
    case POLICY_INTENT_REQUESTING:
        return ends || to == POLICY_INTENT_OPEN;
    case POLICY_INTENT_OPEN:
        return ends || to == POLICY_INTENT_CONFIRMING;
    case POLICY_INTENT_CONFIRMING:
        return ends || to == POLICY_INTENT_UNKNOWN;
    case POLICY_INTENT_UNKNOWN:
        return ends || to == POLICY_INTENT_OPEN;
    case POLICY_INTENT_CONFIRMED:
    case POLICY_INTENT_EXPIRED:
    case POLICY_INTENT_CANCELLED:
    case POLICY_INTENT_FAILED:
        break;
    }
    return false;
}
