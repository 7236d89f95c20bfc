/* policy/check_ca.c - what the CA's API says before, and whether it worked. */
#include <string.h>

#include "case.h"
#include "recognise.h"

static void all_later(struct policy_case *k, enum policy_result r, const char *why)
{
    policy_check_put(k, POLICY_RULE_API, r, "%s", why);
    policy_check_put(k, POLICY_RULE_PENDING, r, "%s", why);
    policy_check_put(k, POLICY_RULE_METHOD, r, "%s", why);
    policy_check_put(k, POLICY_RULE_API_NAME, r, "%s", why);
}

/* The API's name for it must be the one that we asked for, byte for byte as A-labels. */
static bool same_name(const struct policy_case *k, const struct policy_intent *i, const char *name)
{
    const char *a = policy_domain_alabel(k->a, name), *b = policy_domain_alabel(k->a, i->domain);

    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static void check_found(struct policy_case *k)
{
    const struct policy_api *api = &k->e->before;

    policy_check_put(k, POLICY_RULE_API, POLICY_CHECK_PASS, "the API knows it in our account");
    policy_check_put(k, POLICY_RULE_PENDING,
                     api->pending && !api->valid ? POLICY_CHECK_PASS : POLICY_CHECK_FAIL,
                     api->valid     ? "the CA holds it as validated already"
                     : api->pending ? "the CA waits for it"
                                    : "the CA does not wait for it");
    policy_check_put(k, POLICY_RULE_METHOD, api->by_email ? POLICY_CHECK_PASS : POLICY_CHECK_FAIL,
                     api->by_email ? "by mail" : "by another method than mail");
    policy_check_put(k, POLICY_RULE_API_NAME,
                     same_name(k, k->open, api->domain) ? POLICY_CHECK_PASS
                     : api->domain == NULL              ? POLICY_CHECK_UNKNOWN
                                                        : POLICY_CHECK_FAIL,
                     "the API names %s", api->domain != NULL ? api->domain : "no domain");
}

void policy_check_api(struct policy_case *k)
{
    const struct policy_api *api = &k->e->before;

    if (k->gate == POLICY_GATE_ASK) {
        all_later(k, POLICY_CHECK_LATER, "the API is asked at the next step");
    } else if (api->state == POLICY_API_UNASKED) {
        all_later(k, POLICY_CHECK_UNKNOWN, "the API could not be asked");
    } else if (api->state == POLICY_API_UNREACHABLE) {
        all_later(k, POLICY_CHECK_UNKNOWN, "the API can't be reached now");
    } else if (api->state == POLICY_API_REFUSED) {
        all_later(k, POLICY_CHECK_UNKNOWN, "the API refuses our key");
    } else if (k->open == NULL) {
        all_later(k, POLICY_CHECK_UNKNOWN, "no request, so nothing to look for");
    } else if (!api->found) {
        all_later(k,
                  k->open->state == POLICY_INTENT_REQUESTING ? POLICY_CHECK_UNKNOWN
                                                             : POLICY_CHECK_FAIL,
                  "the API does not know it in our account");
    } else {
        check_found(k);
    }
}

void policy_check_result(struct policy_case *k)
{
    const struct policy_api *api = &k->e->after;
    const struct policy_intent *i = k->busy != NULL ? k->busy : k->open;

    k->d->intent = i;
    if (i == NULL) {
        policy_check_put(k, POLICY_RULE_RESULT, POLICY_CHECK_UNKNOWN,
                         "no request of ours is being answered");
    } else if (api->state != POLICY_API_OK) {
        policy_check_put(k, POLICY_RULE_RESULT, POLICY_CHECK_LATER,
                         api->state == POLICY_API_REFUSED ? "the API refuses our key"
                                                          : "the API could not be asked yet");
    } else if (!api->found || !api->valid) {
        policy_check_put(k, POLICY_RULE_RESULT, POLICY_CHECK_LATER,
                         "the API does not show it as validated yet");
    } else if (!same_name(k, i, api->domain)) {
        policy_check_put(k, POLICY_RULE_RESULT, POLICY_CHECK_FAIL,
                         "the API shows %s as validated, not what we asked for",
                         api->domain != NULL ? api->domain : "something");
    } else {
        policy_check_put(k, POLICY_RULE_RESULT, POLICY_CHECK_PASS, "the API shows it as validated");
    }
}
