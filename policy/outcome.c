/* policy/outcome.c - which row of the design's table a mail meets.
 *
 * Rows stand in the order in which they are asked; the first that fits decides.
 * What no row catches and no check has failed is confirmed; everything else
 * is held. */
#include <string.h>

#include "case.h"

void policy_outcome_signature(struct policy_case *k)
{
    if (k->f->auth.result == POLICY_AUTH_TEMPFAIL) {
        policy_say_later(k, "dns", "The key of the signature can't be looked up now.");
    } else if (k->f->auth.result == POLICY_AUTH_FAIL) {
        policy_say_hold(k, "changed-before-us",
                        "The CA's signature does not hold: the mail was changed before it reached "
                        "us, or is forged.");
    } else {
        policy_say(k, POLICY_OBSERVE, "unsigned",
                   "The mail claims to be the CA's and has no signature of it.");
    }
}

static bool genuine(const struct policy_case *k)
{
    return policy_check_is(k, POLICY_RULE_DKIM, POLICY_CHECK_PASS) &&
           policy_check_is(k, POLICY_RULE_FROM, POLICY_CHECK_PASS);
}

static void collect(struct policy_case *k)
{
    const struct policy_facts *f = k->f;

    if (!policy_kind_from(k->rules, f->from[0]) ||
        !policy_strings_has(&k->rules->signers, f->auth.domain)) {
        policy_say_hold(k, "sender", "This sender or signer does not send issued certificates.");
    } else if (f->kind_conflict) {
        policy_say_hold(k, "conflict", "The mail has a certificate and a validation link.");
    } else {
        policy_say(k, POLICY_COLLECT, "issued", "The CA sends an issued certificate.");
    }
}

void policy_outcome_plain(struct policy_case *k)
{
    if (!genuine(k)) {
        policy_say_hold(k, "signature", "The mail's sender or signature is not as it must be.");
        return;
    }
    switch (k->f->kind) {
    case POLICY_KIND_CERTIFICATE_ISSUED:
        if (k->rules != NULL) {
            collect(k);
            return;
        }
        break;
    case POLICY_KIND_CSR_INVITATION:
    case POLICY_KIND_ORGANIZATION_CONSENT:
    case POLICY_KIND_ORDER_APPROVAL:
        policy_say(k, POLICY_OBSERVE, "for-a-person",
                   "A mail of kind %s is answered by a person, never by a program.",
                   policy_kind_name(k->f->kind));
        return;
    case POLICY_KIND_RENEWAL_NOTICE:
        policy_say(k, POLICY_OBSERVE, "renewal-notice", "The CA reminds of a certificate's end.");
        return;
    case POLICY_KIND_OTHER:
        if (k->rules != NULL && k->f->kind_by != NULL) {
            policy_say(k, POLICY_OBSERVE, "other", "A mail of the CA that asks for nothing here.");
            return;
        }
        break;
    case POLICY_KIND_DOMAIN_VALIDATION:
    case POLICY_KIND_MAILBOX_VALIDATION:
    case POLICY_KINDS:
        break;
    }
    policy_say(k, POLICY_OBSERVE, "template-drift",
               "A genuine mail of a known CA that fits no kind of its profile.");
}

/* ---- nobody of us asked for it --------------------------------------------------- */

/* What the API can say about a mail without a request of ours. True if it decided. */
static bool elsewhere(struct policy_case *k)
{
    const struct policy_api *api = &k->e->before;
    bool foreign = k->mail_ids == POLICY_IDS_FOREIGN;
    bool ids_ours = (int)api->id_owner == POLICY_ID_OTHER_ACCOUNT ||
                    (int)api->id_owner == POLICY_ID_INTENT_ACCOUNT;
    bool nowhere = (int)api->id_owner == POLICY_ID_NOWHERE;

    if (api->state == POLICY_API_REFUSED) {
        k->d->account_alarm = true;
        policy_say_later(k, "api-refused", "The CA's API refuses our key.");
        return true;
    }
    if (api->state == POLICY_API_UNREACHABLE || (foreign && !ids_ours && !nowhere)) {
        policy_say_later(k, "api", "The CA's API can't say now whose order this is.");
        return true;
    }
    if (ids_ours && k->nopen == 1 && k->open->state == POLICY_INTENT_REQUESTING) {
        policy_say_later(k, "requesting", "Our own request has not been answered yet.");
        return true;
    }
    /* an id that is nobody's of us outweighs that something of ours is pending, too */
    if (ids_ours || (api->pending_elsewhere && !nowhere)) {
        policy_say(k, POLICY_OBSERVE, "ours-elsewhere",
                   "Account \"%s\" of ours has it pending: it was ordered elsewhere.",
                   api->owner_account != NULL ? api->owner_account : "?");
        k->d->intent = NULL;
        k->d->notify = true;
        return true;
    }
    return false;
}

static void stranger(struct policy_case *k)
{
    bool asked = k->e->before.state != POLICY_API_UNASKED;

    if (k->e->has_accounts && asked && elsewhere(k)) {
        return;
    }
    policy_say_unexpected(k);
    k->d->ask_api = k->e->has_accounts && !asked && k->gate == POLICY_GATE_ASK;
    if (k->d->ask_api && k->nopen == 1) {
        k->d->intent = k->open; /* the API may know the number under another name */
    }
}

static bool without_open_intent(struct policy_case *k)
{
    if (k->nopen > 0) {
        return false;
    }
    if (k->busy != NULL) {
        k->d->intent = k->busy;
        policy_say_later(k, "in-progress", "Another mail of this request is being answered.");
    } else if (k->ended != NULL && k->ended->state == POLICY_INTENT_CONFIRMED) {
        k->d->intent = k->ended;
        policy_say(k, POLICY_OBSERVE, "already-done", "This request of ours was confirmed before.");
    } else if (k->ended != NULL) {
        k->d->intent = k->ended;
        policy_say(k, POLICY_OBSERVE, "intent-ended", "This request of ours has ended (%s).",
                   policy_intent_state_name(k->ended->state));
    } else {
        stranger(k);
    }
    return true;
}

/* ---- API, page -------------------------------------------------------------------- */

static bool api_rows(struct policy_case *k)
{
    const struct policy_api *api = &k->e->before;

    if (k->gate == POLICY_GATE_ASK) {
        return false;
    }
    if (api->state == POLICY_API_REFUSED) {
        k->d->account_alarm = true;
        policy_say_later(k, "api-refused", "The CA's API refuses our key.");
    } else if (api->state != POLICY_API_OK) {
        policy_say_later(k, "api", "The CA's API can't be asked now.");
    } else if (!api->found && k->open->state == POLICY_INTENT_REQUESTING) {
        policy_say_later(k, "requesting", "Our own request has not been answered yet.");
    } else if (api->found && api->valid &&
               policy_check_is(k, POLICY_RULE_API_NAME, POLICY_CHECK_PASS)) {
        policy_say(k, POLICY_OBSERVE, "already-done", "The CA holds it as validated already.");
    } else {
        return false;
    }
    return true;
}

static void page_is_not_pending(struct policy_case *k, const struct policy_page *p)
{
    if (p->password_field || p->captcha || p->state == POLICY_PAGE_REFUSED) {
        policy_say_hold(k, "page-refused", "The page refuses programs or wants a log-in.");
    } else if (p->state == POLICY_PAGE_EXPIRED) {
        policy_say_hold(k, "page-expired", "The page says that the link has expired.");
        k->d->resend = true;
    } else if (p->state == POLICY_PAGE_DONE || p->state == POLICY_PAGE_SUCCESS) {
        policy_say_later(k, "page-done", "The page says that it is done; the API does not yet.");
    } else {
        policy_say_hold(k, "page-drift", "The page is none that the profile knows.");
    }
}

static bool page_rows(struct policy_case *k)
{
    const struct policy_evidence *e = k->e;

    if (k->gate != POLICY_GATE_SUBMIT) {
        return false;
    }
    if (e->page_host_error != NULL) {
        policy_say_hold(k, "page-refused", "The link did not lead to a page (%.300s).",
                        e->page_host_error);
    } else if (e->page == NULL) {
        policy_say_later(k, "page", "The page can't be reached now.");
    } else if (policy_check_is(k, POLICY_RULE_PAGE_NAME, POLICY_CHECK_FAIL)) {
        policy_say(k, POLICY_ALARM, "page-other",
                   "The page of this link names something else than we asked for.");
        k->d->notify = true;
    } else if (policy_check_is(k, POLICY_RULE_PAGE_IDS, POLICY_CHECK_FAIL) &&
               k->page_ids == POLICY_IDS_FOREIGN) {
        policy_say(k, POLICY_ALARM, "page-foreign",
                   "The page of this link belongs to an order that is not ours.");
        k->d->notify = true;
    } else if (!policy_check_is(k, POLICY_RULE_PAGE, POLICY_CHECK_PASS)) {
        page_is_not_pending(k, e->page);
    } else {
        return false;
    }
    return true;
}

/* Mailbox validation has its own ways out. */
static bool mailbox_rows(struct policy_case *k)
{
    if (k->f->kind != POLICY_KIND_MAILBOX_VALIDATION) {
        return false;
    }
    if (k->e->domain_validated) {
        policy_say(k, POLICY_OBSERVE, "domain-validated",
                   "The domain is validated: no mail of a mailbox needs an answer.");
        return true;
    }
    if (policy_check_is(k, POLICY_RULE_CONSENT, POLICY_CHECK_FAIL)) {
        policy_say(k, POLICY_OBSERVE, "mailbox-validation-off",
                   "Mails of single mailboxes are left to their owners.");
        return true;
    }
    return false;
}

static void confirm_or_tell(struct policy_case *k)
{
    if (policy_check_is(k, POLICY_RULE_MODE, POLICY_CHECK_PASS)) {
        policy_say(k, POLICY_CONFIRM, "bound", "It is ours, and everything fits.");
        k->d->ask_api = k->gate == POLICY_GATE_ASK;
        k->d->submit_wanted = k->gate == POLICY_GATE_SUBMIT && k->rules->action != POLICY_ACT_GET;
    } else if (policy_check_is(k, POLICY_RULE_MODE, POLICY_CHECK_UNKNOWN)) {
        policy_say_hold(k, "mode-hold", "It is ours and could be confirmed; a person releases it.");
    } else {
        policy_say(k, POLICY_OBSERVE, "would-confirm",
                   "It is ours and would be confirmed in mode confirm.");
    }
}

void policy_outcome_validation(struct policy_case *k)
{
    if (!genuine(k)) {
        policy_say_hold(k, "signature", "The mail's sender or signature is not as it must be.");
        return;
    }
    if (policy_check_is(k, POLICY_RULE_TOKEN, POLICY_CHECK_FAIL)) {
        policy_say(k, POLICY_OBSERVE, "already-done", "This token was used before.");
        return;
    }
    if (without_open_intent(k)) {
        return;
    }
    k->d->intent = k->open;
    if (k->nopen == 1 && k->mail_ids == POLICY_IDS_FOREIGN) {
        stranger(k);
        return;
    }
    if (mailbox_rows(k) || (k->nopen == 1 && api_rows(k)) || page_rows(k) || policy_outcome_obstacle(k)) {
        return;
    }
    confirm_or_tell(k);
}

/* ---- did it work ---------------------------------------------------------------------- */

void policy_outcome_done(struct policy_case *k)
{
    const struct policy_evidence *e = k->e;

    k->d->account_alarm = e->after.state == POLICY_API_REFUSED;
    k->d->side_alarm = e->after.state == POLICY_API_OK && e->after.nunexplained > 0;
    if (k->d->intent == NULL && k->ended != NULL && k->ended->state == POLICY_INTENT_CONFIRMED) {
        k->d->intent = k->ended;
        policy_say(k, POLICY_OBSERVE, "already-done", "This request of ours was confirmed before.");
    } else if (k->d->intent == NULL) {
        policy_say_hold(k, "intent", "No request of ours is being answered.");
    } else if (policy_check_is(k, POLICY_RULE_RESULT, POLICY_CHECK_PASS)) {
        policy_say(k, POLICY_CONFIRM, "confirmed", "The API shows it as validated.");
    } else if (policy_check_is(k, POLICY_RULE_RESULT, POLICY_CHECK_FAIL)) {
        policy_say_hold(k, "unproven", "The API shows something else than we asked for.");
    } else if (e->after.state == POLICY_API_OK && e->answer != NULL &&
               e->answer->state == POLICY_PAGE_EXPIRED) {
        policy_say_hold(k, "page-expired", "The CA's answer says that the link has expired.");
        k->d->resend = true;
    } else if (e->after.state == POLICY_API_OK && e->page_host_error != NULL) {
        policy_say_hold(k, "page-refused", "The answer was not taken (%.300s).",
                        e->page_host_error);
    } else {
        policy_say_later(k, "unproven", "The API does not show it as validated yet.");
    }
}
