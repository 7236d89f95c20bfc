/* agent/plan_extras.c - the rest of the form: addresses to notify, comments, custom fields,
 * container, organization, payment, language. */
#include <string.h>

#include "base/json.h"
#include "plan.h"
#include "policy/recognise.h"

#define EMAILS_MAX 20
#define COMMENTS_MAX 500

static enum base_fail_class read_emails(struct base_arena *a, const json_t *req,
                                        struct agent_plan *p, struct base_fail *f)
{
    const json_t *list = base_json_arr(req, "emails");
    const char **v = base_arena_array(a, EMAILS_MAX, sizeof(char *));
    if (json_array_size(list) > EMAILS_MAX)
        return base_failf(f, BASE_PERMANENT, "order.emails",
                          "%zu addresses to notify: expected at most %d", json_array_size(list),
                          EMAILS_MAX);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *s = json_string_value(json_array_get(list, i));
        v[i] = s ? policy_mailbox_normal(a, s) : NULL;
        if (!v[i])
            return base_failf(f, BASE_PERMANENT, "order.emails",
                              "\"%s\" (to notify) is no mail address: expected name@domain",
                              s ? s : "");
    }
    p->emails = (struct policy_strings){v, json_array_size(list)};
    return BASE_OK;
}

static bool is_line(const char *s, size_t max)
{
    for (const char *p = s; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 127)
            return false;
    return strlen(s) <= max;
}

static bool is_locale(const char *s)
{
    size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-");
    return n >= 2 && n <= 8 && s[n] == 0;
}

static enum base_fail_class read_words(const json_t *req, struct agent_plan *p, struct base_fail *f)
{
    static const char *const payments[] = {"profile", "balance", "card", NULL};
    p->comments = base_json_str(req, "comments");
    p->payment = base_json_str(req, "payment");
    p->locale = base_json_str(req, "locale");
    if (p->comments && !p->comments[0])
        p->comments = NULL;
    if (p->comments && !is_line(p->comments, COMMENTS_MAX))
        return base_failf(f, BASE_PERMANENT, "order.comments",
                          "comments: expected one line of at most %d bytes", COMMENTS_MAX);
    if (p->payment && !agent_plan_one_of(p->payment, payments))
        return base_failf(f, BASE_PERMANENT, "order.payment",
                          "payment \"%s\": expected profile (contract), balance or card", p->payment);
    if (p->locale && !is_locale(p->locale))
        return base_failf(f, BASE_PERMANENT, "order.locale",
                          "language \"%s\": expected a code such as en, de or zh_CN", p->locale);
    return BASE_OK;
}

static enum base_fail_class read_id(const json_t *req, const char *key, int64_t *out,
                                    struct base_fail *f)
{
    *out = base_json_int(req, key, 0);
    if (json_object_get(req, key) && *out < 1)
        return base_failf(f, BASE_PERMANENT, "order.form", "%s: expected the CA's number of it", key);
    return BASE_OK;
}

enum base_fail_class agent_plan_extras(struct agent *ag, struct base_arena *a, const json_t *req,
                                       struct agent_plan *p, struct base_fail *f)
{
    enum base_fail_class r = read_emails(a, req, p, f);
    if (!r)
        r = read_words(req, p, f);
    if (!r)
        r = read_id(req, "container", &p->container, f);
    if (!r)
        r = read_id(req, "organization", &p->organization, f);
    if (!r && p->organization && p->about->kind == AGENT_PRODUCT_MAILBOX)
        r = base_failf(f, BASE_PERMANENT, "order.organization",
                       "%s shows no organization: order secure_email_sponsor or "
                       "secure_email_organization for one",
                       p->product);
    if (!r)
        r = agent_fields_read(ag, a, p->account->id, base_json_obj(req, "custom_fields"),
                              &p->custom_fields, f);
    return r;
}
